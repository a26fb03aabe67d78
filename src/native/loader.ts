import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Sjd2Error } from '../errors';
import type { Addon, RuntimeInfo } from './addon';

/** The package's own folder: two levels up from src/native and from dist/native alike. */
export const PACKAGE_ROOT = path.resolve(__dirname, '..', '..');

let loaded: { addon: Addon; path: string } | undefined;

/**
 * Loads the native addon: the prebuilt package of this platform, else a development build.
 * @throws {Sjd2Error} ERR_ADDON with everything that was tried.
 */
export function loadAddon(): { addon: Addon; path: string } {
  if (loaded) return loaded;
  const tried: string[] = [];
  for (const attempt of [prebuilt, developmentBuild]) {
    try {
      loaded = attempt();
      return loaded;
    } catch (error) {
      tried.push(`  ${(error as Error).message.split('\n')[0]}`);
    }
  }
  throw new Sjd2Error(
    'ERR_ADDON',
    `Could not load the native addon of sjd2 for ${process.platform}-${process.arch}.\n` +
      `${tried.join('\n')}\n` +
      'Install with optional dependencies enabled, or build from source: npm run build:native ' +
      '(needs CMake and a C++20 compiler).',
  );
}

// Static strings, so that a bundler sees what may be required.
function prebuilt(): { addon: Addon; path: string } {
  switch (`${process.platform}-${process.arch}`) {
    case 'linux-x64':
      return { addon: require('@sjd2/linux-x64'), path: require.resolve('@sjd2/linux-x64') };
    case 'linux-arm64':
      return { addon: require('@sjd2/linux-arm64'), path: require.resolve('@sjd2/linux-arm64') };
    case 'darwin-arm64':
      return { addon: require('@sjd2/darwin-arm64'), path: require.resolve('@sjd2/darwin-arm64') };
    case 'win32-x64':
      return { addon: require('@sjd2/win32-x64'), path: require.resolve('@sjd2/win32-x64') };
    default:
      throw new Error(`No prebuilt addon exists for ${process.platform}-${process.arch}`);
  }
}

function developmentBuild(): { addon: Addon; path: string } {
  const bindings = require('bindings');
  const options = { bindings: 'sjd2', module_root: PACKAGE_ROOT };
  const addon: Addon = bindings(options);
  return { addon, path: bindings({ ...options, path: true }) };
}

/**
 * Opens ONNX Runtime: the library inside the application's onnxruntime-node, so that one process
 * never holds two of them (the first one loaded wins and the other fails by symbol version).
 * @throws {Sjd2Error} ERR_RUNTIME
 */
export function openRuntime(): RuntimeInfo & { packageVersion: string } {
  const { addon } = loadAddon();
  const home = findOnnxRuntimeNode();
  const { version } = JSON.parse(readFileSync(path.join(home, 'package.json'), 'utf8'));
  return { ...addon.openRuntime(findLibrary(home)), packageVersion: version };
}

function findOnnxRuntimeNode(): string {
  const application = require.main?.filename ? [path.dirname(require.main.filename)] : [];
  for (const from of [...application, process.cwd(), __dirname]) {
    try {
      return path.dirname(require.resolve('onnxruntime-node/package.json', { paths: [from] }));
    } catch {
      // Look in the next place.
    }
  }
  throw new Sjd2Error(
    'ERR_RUNTIME',
    'Could not find the package onnxruntime-node: install it beside sjd2 (npm install onnxruntime-node)',
  );
}

const LIBRARY_NAMES: Partial<Record<NodeJS.Platform, RegExp>> = {
  linux: /^libonnxruntime\.so\.1$/,
  darwin: /^libonnxruntime\.1(\.[\d.]+)?\.dylib$/,
  win32: /^onnxruntime\.dll$/,
};

function findLibrary(home: string): string {
  const pattern = LIBRARY_NAMES[process.platform];
  const bin = path.join(home, 'bin');
  const folders = existsSync(bin)
    ? readdirSync(bin).map((napi) => path.join(bin, napi, process.platform, process.arch))
    : [];
  for (const folder of folders) {
    if (!pattern || !existsSync(folder)) continue;
    const names = readdirSync(folder).filter((name) => pattern.test(name));
    // The shortest name is the one that the JavaScript binding links against.
    const name = names.sort((a, b) => a.length - b.length)[0];
    if (name) return path.join(folder, name);
  }
  throw new Sjd2Error(
    'ERR_RUNTIME',
    `${home} has no ONNX Runtime for ${process.platform}-${process.arch}`,
  );
}
