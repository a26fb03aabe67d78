/** The parts of packaging that are pure. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasCudaKernels, neededGlibc } from '../scripts/package/binary.mjs';
import { FOLDERS, faultsOfSet } from '../scripts/package/complete-set.mjs';
import { PLATFORMS } from '../scripts/package/platforms.mjs';
import { relativeLinks, withAddresses } from '../scripts/package/readme.mjs';
import { renamed } from '../scripts/package/runtime.mjs';

describe('the README of the npm page', () => {
  const page = '![a](docs/a.png) [b](docs/b.md#part) [c](https://c.org) [d](#d) [e](LICENSE)';

  test('has no link that needs the repository around it', () => {
    expect(relativeLinks(page)).toEqual(['docs/a.png', 'docs/b.md#part', 'LICENSE']);
    const addressed = withAddresses(page, 'https://host/us', '1.2.3');
    expect(relativeLinks(addressed)).toEqual([]);
    expect(addressed).toBe(
      '![a](https://host/us/raw/v1.2.3/docs/a.png) [b](https://host/us/blob/v1.2.3/docs/b.md#part) ' +
        '[c](https://c.org) [d](#d) [e](https://host/us/blob/v1.2.3/LICENSE)',
    );
  });
});

describe('a built addon', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sjd2-binary-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function file(...bytes: Array<string | number[]>): string {
    const name = join(folder, 'sjd2.node');
    writeFileSync(name, Buffer.concat(bytes.map((part) => Buffer.from(part as string))));
    return name;
  }

  test('tells the newest glibc that it needs, by numbers', () => {
    expect(neededGlibc(file('\0GLIBC_2.4\0GLIBC_2.28\0GLIBC_2.3.4\0GLIBCXX_3.4.30\0'))).toEqual([
      2, 28,
    ]);
    expect(neededGlibc(file('MZ'))).toBeUndefined();
  });

  test('tells a fatbin from code that looks for one', () => {
    const magic = [0x50, 0xed, 0x55, 0xba];
    expect(hasCudaKernels(file('code', magic, [1, 0, 16, 0], 'cubin'))).toBe(true);
    expect(hasCudaKernels(file('cmp', magic, 'jne'))).toBe(false);
  });
});

test("ONNX Runtime's library gets a name of ours, as long as its own, once", () => {
  const library = Buffer.from('\x7fELF...\0libonnxruntime.so.1\0libm.so.6\0');
  const ours = renamed(library);
  expect(ours.toString()).toBe('\x7fELF...\0libonnxruntime.sjd2\0libm.so.6\0');
  expect(() => renamed(ours)).toThrow('once');
  expect(() => renamed(Buffer.concat([library, library]))).toThrow('once');
});

describe('a release', () => {
  const version = '1.2.3';
  const changelog = `# Changelog\n\n## ${version}\n`;
  let packages: string;
  beforeEach(() => {
    packages = mkdtempSync(join(tmpdir(), 'sjd2-release-'));
    const platforms = Object.keys(PLATFORMS).map((name) => `@sjd2/${name}`);
    for (const name of platforms) stage({ name, version });
    const optionalDependencies = Object.fromEntries(platforms.map((name) => [name, version]));
    stage({ name: 'sjd2', version, optionalDependencies });
  });
  afterEach(() => rmSync(packages, { recursive: true, force: true }));

  function stage(manifest: { name: string; version: string; optionalDependencies?: object }) {
    const folder = join(packages, manifest.name.replace('@sjd2/', ''));
    mkdirSync(folder, { recursive: true });
    const repository = { type: 'git', url: 'git+https://host/us.git' };
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ repository, ...manifest }));
    const file = `${manifest.name.replace('@sjd2/', 'sjd2-')}-${manifest.version}.tgz`;
    writeFileSync(join(packages, file), '');
  }
  const faults = () => faultsOfSet(packages, version, changelog);

  test('of the complete set is published, sjd2 last', () => {
    expect(faults()).toEqual([]);
    expect(FOLDERS.at(-1)).toBe('sjd2');
  });

  test('without a platform, or without its tarball, is not', () => {
    rmSync(join(packages, 'win32-arm64'), { recursive: true });
    rmSync(join(packages, `sjd2-linux-x64-${version}.tgz`));
    expect(faults()).toEqual(['@sjd2/linux-x64 has no tarball', 'win32-arm64 is not packaged']);
  });

  test('of two versions, or of packages that name no repository, is not', () => {
    stage({ name: '@sjd2/linux-arm64', version: '1.2.2' });
    stage({ name: 'sjd2', version, repository: undefined } as never);
    expect(faults()).toEqual([
      '@sjd2/linux-arm64 is of version 1.2.2, not 1.2.3',
      'sjd2 does not say where its repository is',
      'sjd2 does not name every platform, and no other',
    ]);
  });

  test('that the changelog does not know is not', () => {
    expect(faultsOfSet(packages, version, '# Changelog\n\n## Unreleased\n')).toEqual([
      'CHANGELOG.md has no section 1.2.3',
    ]);
  });
});
