/** The parts of packaging that are pure. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasCudaKernels, neededGlibc } from '../scripts/package/binary.mjs';
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
