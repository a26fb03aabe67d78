import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { Sjd2Error } from '../errors';
import type { RuntimeInfo } from './addon';
import { unpacked } from './asar';
import { loadAddon } from './loader';
import { isOlder } from './version';

/** Names another ONNX Runtime: its library, or an onnxruntime-node folder. */
const VARIABLE = 'SJD2_ONNXRUNTIME';

/** A library, and where it came from in words: `@sjd2/linux-x64`, `onnxruntime-node 1.30.0`. */
interface Found {
  path: string;
  source: string;
}

let opened: (RuntimeInfo & { source: string }) | undefined;

/**
 * Opens ONNX Runtime. The first of these:
 *
 * 1. what SJD2_ONNXRUNTIME names;
 * 2. one that this process has loaded already, so that it does not hold two;
 * 3. the onnxruntime-node that is installed beside sjd2, if it has the CUDA provider;
 * 4. the one that came with the addon;
 * 5. the onnxruntime-node beside sjd2 (a development build has no other).
 *
 * An older one than `minimumRuntime` draws other pictures: as 1 it is an error, as 2, 3 and 5 it is
 * passed over. Nothing is looked up from the working directory or the main script: what lies there
 * need not be the application's.
 *
 * @throws {Sjd2Error} ERR_RUNTIME
 */
export function openRuntime(): RuntimeInfo & { source: string } {
  if (opened) return opened;
  const { addon, runtime } = loadAddon();
  const newEnough = (version: string) => !isOlder(version, addon.minimumRuntime);
  const found =
    named(process.env[VARIABLE]) ??
    alreadyLoaded(addon.loadedRuntimes(), newEnough) ??
    besideUs(newEnough, true) ??
    runtime ??
    besideUs(newEnough, false);
  if (!found) {
    throw new Sjd2Error(
      'ERR_RUNTIME',
      `Could not find ONNX Runtime for ${process.platform}-${process.arch}: install onnxruntime-node ${addon.minimumRuntime} or newer beside sjd2, or name one with ${VARIABLE}`,
    );
  }
  opened = { ...addon.openRuntime(found.path), source: found.source };
  return opened;
}

function named(place: string | undefined): Found | undefined {
  if (!place) return undefined;
  const absolute = path.resolve(place);
  const isFolder = statSync(absolute, { throwIfNoEntry: false })?.isDirectory();
  const library = isFolder ? (libraryOf(absolute) ?? libraryIn(absolute)) : absolute;
  if (library && existsSync(library)) return { path: library, source: VARIABLE };
  throw new Sjd2Error(
    'ERR_RUNTIME',
    `Expected ${VARIABLE} to name ONNX Runtime's library or an onnxruntime-node folder but received ${JSON.stringify(place)}, where there is none for ${process.platform}-${process.arch}`,
  );
}

function alreadyLoaded(
  loaded: Array<{ path: string; version: string }>,
  newEnough: (version: string) => boolean,
): Found | undefined {
  const found = loaded.find(({ version }) => newEnough(version));
  return found && { path: found.path, source: 'loaded by the application' };
}

/** The onnxruntime-node that this module would get from `require`. */
function besideUs(newEnough: (version: string) => boolean, withCuda: boolean): Found | undefined {
  let manifest: string;
  try {
    manifest = require.resolve('onnxruntime-node/package.json');
  } catch {
    return undefined;
  }
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  const library = libraryOf(path.dirname(manifest));
  if (!library || !newEnough(version)) return undefined;
  if (withCuda && !existsSync(path.join(path.dirname(library), CUDA_PROVIDER))) return undefined;
  return { path: unpacked(library), source: `onnxruntime-node ${version}` };
}

const CUDA_PROVIDER =
  process.platform === 'win32'
    ? 'onnxruntime_providers_cuda.dll'
    : 'libonnxruntime_providers_cuda.so';

const LIBRARY_NAMES: Partial<Record<NodeJS.Platform, RegExp>> = {
  linux: /^libonnxruntime\.so(\.[\d.]+)?$/,
  darwin: /^libonnxruntime(\.[\d.]+)?\.dylib$/,
  win32: /^onnxruntime\.dll$/,
};

/** The library of an onnxruntime-node folder: bin/napi-v<N>/<platform>/<arch>. */
function libraryOf(home: string): string | undefined {
  const bin = path.join(home, 'bin');
  if (!existsSync(bin)) return undefined;
  for (const napi of readdirSync(bin)) {
    const library = libraryIn(path.join(bin, napi, process.platform, process.arch));
    if (library) return library;
  }
  return undefined;
}

function libraryIn(folder: string): string | undefined {
  const pattern = LIBRARY_NAMES[process.platform];
  if (!pattern || !existsSync(folder)) return undefined;
  // The shortest name is the one that the JavaScript binding links against.
  const names = readdirSync(folder).filter((name) => pattern.test(name));
  const [name] = names.sort((a, b) => a.length - b.length);
  return name && path.join(folder, name);
}
