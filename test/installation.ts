/** Folders that look as installers leave them, of hard links to what is built here. */
import {
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stagePlatform } from '../scripts/package/platform-package.mjs';
import { PACKAGE_ROOT } from '../src/native/loader';

export const HOST = `${process.platform}-${process.arch}`;
const built = path.join(PACKAGE_ROOT, 'build', 'Release');
const manifest = require('../package.json');

export interface Scratch {
  folder: string;
  remove(): void;
}

export function scratch(): Scratch {
  // Real: the paths that a process reports are, and the temporary folder may be a link.
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'sjd2-installed-')));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** sjd2 in `nodeModules`, the compiled TypeScript alone; without its platform's package. */
export function installCode(nodeModules: string): string {
  const folder = path.join(nodeModules, 'sjd2');
  mkdirSync(folder, { recursive: true });
  cpSync(path.join(PACKAGE_ROOT, 'dist'), path.join(folder, 'dist'), { recursive: true });
  cpSync(path.join(PACKAGE_ROOT, 'package.json'), path.join(folder, 'package.json'));
  return folder;
}

/** @sjd2/<platform> beside it; `version` other than sjd2's for an installation that does not fit. */
export function installPlatform(nodeModules: string, version = manifest.version): string {
  const folder = path.join(nodeModules, '@sjd2', HOST);
  const addon = path.join(built, 'sjd2.node');
  const runtime = stagePlatform(folder, HOST, { ...manifest, version }, { addon });
  linkOrCopy(ownRuntime(), path.join(folder, runtime));
  return folder;
}

/** The library of the onnxruntime-node that this repository pins. */
export function ownRuntime(): string {
  return path.join(onnxRuntimeNode().bin, 'libonnxruntime.so.1');
}

/** onnxruntime-node in `nodeModules`, which says that it is of that version. */
export function installOnnxRuntimeNode(nodeModules: string, version?: string): string {
  const source = onnxRuntimeNode();
  const folder = path.join(nodeModules, 'onnxruntime-node');
  const bin = path.join(folder, path.relative(source.home, source.bin));
  mkdirSync(bin, { recursive: true });
  for (const name of readdirSync(source.bin)) {
    linkOrCopy(path.join(source.bin, name), path.join(bin, name));
  }
  writeFileSync(
    path.join(folder, 'package.json'),
    JSON.stringify({ name: 'onnxruntime-node', version: version ?? source.version }),
  );
  return bin;
}

function onnxRuntimeNode(): { home: string; bin: string; version: string } {
  const manifest = require.resolve('onnxruntime-node/package.json');
  const home = path.dirname(manifest);
  const [napi = ''] = readdirSync(path.join(home, 'bin'));
  const bin = path.join(home, 'bin', napi, process.platform, process.arch);
  return { home, bin, version: require(manifest).version };
}

function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    cpSync(from, to); // another file system
  }
}
