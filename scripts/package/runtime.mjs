/**
 * ONNX Runtime's library, out of the pinned onnxruntime-node, under a name of our own.
 *
 * The name matters: a loader that has `libonnxruntime.so.1` in the process already gives it to
 * whoever asks for that name next. Were ours called so, an application's onnxruntime-node of another
 * version that is loaded after sjd2 would be handed ours, and fail by symbol version. On Linux the
 * name is the SONAME inside the file, on macOS the install name, on Windows the file's name.
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PLATFORMS } from './platforms.mjs';

const SONAME = { theirs: 'libonnxruntime.so.1', ours: 'libonnxruntime.sjd2' };
const SOURCES = {
  linux: 'libonnxruntime.so.1',
  darwin: 'libonnxruntime.1.dylib',
  win32: 'onnxruntime.dll',
};

const home = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));

/** The version that is pinned: what the packages carry. */
export const runtimeVersion = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')).version;

/** Writes the library of `platform` into `folder`, and returns its name there. */
export function placeRuntime(platform, folder) {
  const { os, cpu, runtime, companions = [] } = PLATFORMS[platform];
  const bin = join(home, 'bin');
  const source = readdirSync(bin)
    .map((napi) => join(bin, napi, os, cpu, SOURCES[os]))
    .find((file) => existsSync(file));
  if (!source) throw new Error(`onnxruntime-node ${runtimeVersion} has nothing for ${platform}`);
  const bytes = readFileSync(source);
  mkdirSync(folder, { recursive: true });
  // Removed first: a process that has it mapped keeps the old file.
  rmSync(join(folder, runtime), { force: true });
  writeFileSync(join(folder, runtime), os === 'linux' ? renamed(bytes) : bytes);
  if (os === 'darwin') renameOnMac(join(folder, runtime));
  for (const name of companions) copyFileSync(join(dirname(source), name), join(folder, name));
  return runtime;
}

/** Whose tools are on macOS only; a changed file must be signed anew, or the system kills its user. */
function renameOnMac(file) {
  for (const [program, ...args] of [
    ['install_name_tool', '-id', '@rpath/libonnxruntime.sjd2.dylib', file],
    ['codesign', '--force', '--sign', '-', file],
  ]) {
    const { status, error } = spawnSync(program, args, { stdio: 'inherit' });
    if (status !== 0) throw error ?? new Error(`${program} failed with ${status}`);
  }
}

/** An ELF file with our SONAME in the place of theirs, which is as long. */
export function renamed(bytes) {
  const { theirs, ours } = SONAME;
  const old = Buffer.from(`\0${theirs}\0`, 'latin1');
  const at = bytes.indexOf(old);
  if (at < 0 || bytes.indexOf(old, at + 1) >= 0) {
    throw new Error(`Expected the name ${theirs} once in ONNX Runtime's library`);
  }
  const result = Buffer.from(bytes);
  result.write(ours, at + 1, 'latin1');
  return result;
}
