/** Each cause of a failed load has a line of its own, with the way out. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PLATFORMS as packaged } from '../scripts/package/platforms.mjs';
import { explain, PLATFORMS, type Surroundings } from '../src/native/addon-failure';
import { unpacked } from '../src/native/asar';
import { PACKAGE_ROOT } from '../src/native/loader';
import { installCode, installPlatform, type Scratch, scratch } from './installation';

test('the platforms that users are told are those that are packaged', () => {
  expect([...PLATFORMS]).toEqual(Object.keys(packaged));
});

describe('what cannot be had here', () => {
  const here: Surroundings = {
    platform: 'linux-x64',
    libc: '2.36',
    root: '/app/node_modules/sjd2',
    whole: true,
    installed: [],
  };
  const missing = Object.assign(new Error("Cannot find module '@sjd2/linux-x64'\nRequire stack:"), {
    code: 'MODULE_NOT_FOUND',
  });
  const broken = new Error('invalid ELF header\nand more');

  test.each<[string, Partial<Surroundings>, Error, RegExp]>([
    [
      'an Intel Mac',
      { platform: 'darwin-x64', libc: undefined },
      missing,
      /no build for it any more.*Supported: linux-x64, /,
    ],
    [
      'FreeBSD',
      { platform: 'freebsd-x64', libc: undefined },
      missing,
      /no build for it\. Supported/,
    ],
    ['Alpine', { libc: 'musl' }, missing, /musl \(Alpine\).*node:22-slim/],
    ['an old glibc', { libc: '2.17' }, broken, /it has glibc 2\.17, and 2\.28 or newer is needed/],
    [
      'a bundle',
      { whole: false, root: '/app/out' },
      missing,
      /a bundler has moved its code to \/app\/out.*external/,
    ],
    ['an asar archive', { root: '/app.asar/node_modules/sjd2' }, broken, /asarUnpack/],
    [
      'node_modules of another system',
      { installed: ['win32-x64'] },
      missing,
      /was installed for win32-x64.*again on this platform/,
    ],
    ['--omit=optional', {}, missing, /@sjd2\/linux-x64 is not installed.*--include=optional/],
    ['a damaged file', {}, broken, /: invalid ELF header\. Delete node_modules and install again/],
  ])('%s', (_, facts, error, line) => {
    const message = explain(error, { ...here, ...facts });
    expect(message).toMatch(line);
    expect(message).not.toMatch('\n');
    // What an installed package does not have.
    expect(message).not.toMatch(/npm run|CMake/);
  });
});

describe('an installation', () => {
  let place: Scratch;
  let nodeModules: string;
  beforeEach(() => {
    place = scratch();
    nodeModules = path.join(place.folder, 'node_modules');
  });
  afterEach(() => place.remove());

  /** The message of loadAddon in a process of its own. */
  function failure(sjd2: string, ...flags: string[]): string {
    const loader = JSON.stringify(path.join(sjd2, 'dist', 'native', 'loader.js'));
    const script = `try { require(${loader}).loadAddon(); console.log('loaded'); }
      catch ({ code, message }) { console.log(code + ' ' + message); }`;
    const { stdout } = spawnSync(process.execPath, [...flags, '-e', script], { encoding: 'utf8' });
    return stdout.trim();
  }

  test('without the package of this platform', () => {
    const sjd2 = installCode(nodeModules);
    expect(failure(sjd2)).toMatch(/^ERR_ADDON .*is not installed.*--include=optional/);
    mkdirSync(path.join(nodeModules, '@sjd2', 'win32-arm64'), { recursive: true });
    expect(failure(sjd2)).toMatch(/^ERR_ADDON .*was installed for win32-arm64/);
  });

  test('on musl, where installers leave that package out, says so in one line', () => {
    const sjd2 = installCode(nodeModules);
    const musl = path.join(place.folder, 'musl.cjs');
    const report = '{ header: { nodejsVersion: process.version }, sharedObjects: [] }';
    writeFileSync(musl, `process.report.getReport = () => (${report});`);
    expect(failure(sjd2, '--require', musl)).toMatch(
      /^ERR_ADDON Could not load [^\n]* with musl \(Alpine\): [^\n]*node:22-slim$/,
    );
    writeFileSync(musl, 'delete process.report; process.report = undefined;');
    expect(failure(sjd2, '--require', musl)).toMatch(/^ERR_ADDON .*is not installed/);
  });

  test('that is whole loads, and says so when addons are forbidden', () => {
    const sjd2 = installCode(nodeModules);
    installPlatform(nodeModules);
    expect(failure(sjd2)).toBe('loaded');
    expect(failure(sjd2, '--no-addons')).toMatch(/^ERR_ADDON .*started with --no-addons/);
    expect(failure(PACKAGE_ROOT, '--no-addons')).toMatch(/^ERR_ADDON .*started with --no-addons/);
  });

  test('of two versions is refused', () => {
    const sjd2 = installCode(nodeModules);
    installPlatform(nodeModules, '0.0.1');
    expect(failure(sjd2)).toMatch(
      /^ERR_ADDON .*version 0\.0\.1 and sjd2 is version.*install again/,
    );
  });

  test('inside app.asar names asarUnpack, and takes what lies unpacked beside it', () => {
    const packed = path.join(place.folder, 'app.asar', 'node_modules');
    expect(failure(installCode(packed))).toMatch(/^ERR_ADDON .*asarUnpack/);
    const inside = installPlatform(packed);
    expect(unpacked(inside)).toBe(inside);
    const outside = installPlatform(path.join(place.folder, 'app.asar.unpacked', 'node_modules'));
    expect(unpacked(inside)).toBe(outside);
    expect(unpacked(outside)).toBe(outside);
  });
});
