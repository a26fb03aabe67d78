import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isOlder } from './version';

/** The oldest C library that the Linux packages run on; what ONNX Runtime itself needs. */
const OLDEST_GLIBC = '2.28';

/** What there is a package for: ONNX Runtime's own list of platforms for Node.js. */
export const PLATFORMS = [
  'linux-x64',
  'linux-arm64',
  'darwin-arm64',
  'win32-x64',
  'win32-arm64',
] as const;

/** What tells the causes of a failed load apart. */
export interface Surroundings {
  /** process.platform and process.arch: `linux-x64` */
  platform: string;
  /** The running glibc; `musl` on a Linux without one; undefined elsewhere. */
  libc: string | undefined;
  /** The folder that sjd2 takes for its own. */
  root: string;
  /** Whether that folder is sjd2's, and not where a bundler put its code. */
  whole: boolean;
  /** Platforms whose packages are installed beside sjd2. */
  installed: string[];
}

export function surroundings(root: string): Surroundings {
  return {
    platform: `${process.platform}-${process.arch}`,
    libc: process.platform === 'linux' ? runningLibc() : undefined,
    root,
    whole: isOurs(root),
    installed: PLATFORMS.filter((platform) => isInstalled(root, platform)),
  };
}

/** Why the addon did not load and what to do about it, in one line. */
export function explain(error: Error & { code?: string }, here: Surroundings): string {
  const failed = `Could not load the native addon of sjd2 on ${here.platform}`;
  const detail = error.message.split('\n')[0];
  if (error.code === 'ERR_DLOPEN_DISABLED') {
    return `${failed}: Node.js was started with --no-addons. Start it without`;
  }
  if (!(PLATFORMS as readonly string[]).includes(here.platform)) {
    const intel = here.platform === 'darwin-x64' ? ' any more' : '';
    return `${failed}: ONNX Runtime has no build for it${intel}. Supported: ${PLATFORMS.join(', ')}`;
  }
  if (here.libc === 'musl') {
    return `${failed} with musl (Alpine): ONNX Runtime has no build for it. Use a system with glibc, e.g. the image node:22-slim`;
  }
  if (here.libc && isOlder(here.libc, OLDEST_GLIBC)) {
    return `${failed}: it has glibc ${here.libc}, and ${OLDEST_GLIBC} or newer is needed (Debian 10, Ubuntu 20.04, RHEL 8). Use a newer system`;
  }
  if (!here.whole) {
    return `${failed}: a bundler has moved its code to ${here.root}, away from its files. Name sjd2 as external (esbuild --external:sjd2, webpack externals, rollup external) and install it where the bundle runs`;
  }
  if (/\.asar[/\\]/.test(here.root)) {
    return `${failed}: it lies inside an asar archive, where native code cannot be read. Name "**/node_modules/{sjd2,@sjd2}/**" in asarUnpack`;
  }
  const name = `@sjd2/${here.platform}`;
  if (error.code === 'MODULE_NOT_FOUND' && here.installed.length > 0) {
    return `${failed}: node_modules was installed for ${here.installed.join(', ')}. Delete it and install again on this platform`;
  }
  if (error.code === 'MODULE_NOT_FOUND' && error.message.includes(name)) {
    return `${failed}: the package ${name} is not installed. Install with optional dependencies (npm install --include=optional; no --omit=optional, no --no-optional), without a lock file that was written elsewhere`;
  }
  return `${failed}: ${detail}. Delete node_modules and install again; if it stays, report it with the output of sjd2 info`;
}

function runningLibc(): string | undefined {
  // Not every runtime that calls itself Node.js has a report.
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report?.header ? (report.header.glibcVersionRuntime ?? 'musl') : undefined;
}

/** Whether a folder is that of sjd2, and not one where a bundler put its code. */
export function isOurs(root: string): boolean {
  try {
    return JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).name === 'sjd2';
  } catch {
    return false;
  }
}

/** Beside sjd2 (npm, pnpm) or inside it. */
function isInstalled(root: string, platform: string): boolean {
  return [path.join(root, '..', '@sjd2'), path.join(root, 'node_modules', '@sjd2')].some(
    (scope) => existsSync(scope) && readdirSync(scope).includes(platform),
  );
}
