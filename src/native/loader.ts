import { existsSync } from 'node:fs';
import path from 'node:path';
import { Sjd2Error } from '../errors';
import type { Addon } from './addon';
import { explain, isOurs, surroundings } from './addon-failure';
import { unpacked } from './asar';

/** The package's own folder: two levels up from src/native and from dist/native alike. */
export const PACKAGE_ROOT = unpacked(path.resolve(__dirname, '..', '..'));

/** The platform's package, whose index.js scripts/package.mjs writes. */
interface PlatformPackage {
  version: string;
  /** Loads the addon. */
  load(): Addon;
  /** Path of the addon. */
  addon: string;
  /** Path of ONNX Runtime's shared library. */
  runtime: string;
}

export interface LoadedAddon {
  addon: Addon;
  path: string;
  /** The ONNX Runtime that came with it, and with what in words. */
  runtime: { path: string; source: string } | undefined;
}

/** ONNX Runtime's library beside an addon that scripts/build-addon.mjs has built. */
const RUNTIME_FILES: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'libonnxruntime.so.1',
  darwin: 'libonnxruntime.1.dylib',
  win32: 'onnxruntime_sjd2.dll',
};

let loaded: LoadedAddon | undefined;

/**
 * Loads the native addon: that of this platform's package, or what the repository has built.
 * @throws {Sjd2Error} ERR_ADDON with the cause and the way out, in one line.
 */
export function loadAddon(): LoadedAddon {
  if (loaded) return loaded;
  try {
    // Bundled code may find the platform's package all the same, but no model and nothing else of ours.
    if (!isOurs(PACKAGE_ROOT)) throw new Error('there is no package.json of sjd2');
    loaded = built() ?? fromPlatformPackage();
  } catch (error) {
    throw new Sjd2Error('ERR_ADDON', explain(error as Error, surroundings(PACKAGE_ROOT)), {
      cause: error,
    });
  }
  return loaded;
}

/** What scripts/build-addon.mjs has built, in a clone or in the tarball of a plain `npm pack`. */
function built(): LoadedAddon | undefined {
  const folder = path.join(PACKAGE_ROOT, 'build', 'Release');
  const addon = path.join(folder, 'sjd2.node');
  if (!existsSync(addon)) return undefined;
  const runtime = path.join(folder, RUNTIME_FILES[process.platform] ?? '');
  return {
    addon: require(addon),
    path: addon,
    runtime: existsSync(runtime) ? { path: runtime, source: 'built with the addon' } : undefined,
  };
}

function fromPlatformPackage(): LoadedAddon {
  const prebuilt = platformPackage();
  const { version } = require('../../package.json') as { version: string };
  if (prebuilt.version !== version) {
    // Their interface changes from version to version without a check of its own.
    throw new Error(`it is version ${prebuilt.version} and sjd2 is version ${version}`);
  }
  const source = `@sjd2/${process.platform}-${process.arch}`;
  return {
    addon: prebuilt.load(),
    path: prebuilt.addon,
    runtime: { path: unpacked(prebuilt.runtime), source },
  };
}

// Static strings, so that bundlers and tracers see what may be required.
function platformPackage(): PlatformPackage {
  switch (`${process.platform}-${process.arch}`) {
    case 'linux-x64':
      return require('@sjd2/linux-x64');
    case 'linux-arm64':
      return require('@sjd2/linux-arm64');
    case 'darwin-arm64':
      return require('@sjd2/darwin-arm64');
    case 'win32-x64':
      return require('@sjd2/win32-x64');
    case 'win32-arm64':
      return require('@sjd2/win32-arm64');
    default:
      throw new Error('there is no package for this platform');
  }
}
