/** Which ONNX Runtime is opened, seen from processes of their own: one process opens one. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PACKAGE_ROOT } from '../src/native/loader';
import { isOlder } from '../src/native/version';
import {
  HOST,
  installCode,
  installOnnxRuntimeNode,
  installPlatform,
  type Scratch,
  scratch,
} from './installation';

const { minimumRuntime } = require('../build/Release/sjd2.node');
/** 1.19.2 by its own word; native/test/old_runtime.cc */
const oldRuntime = path.join(PACKAGE_ROOT, 'build', 'libonnxruntime.so');

let place: Scratch;
beforeEach(() => {
  place = scratch();
});
afterEach(() => place.remove());

interface Outcome {
  path?: string;
  source?: string;
  code?: string;
  message?: string;
}

/** Runs `before` and prints what openRuntime of the sjd2 in `sjd2` gives or throws. */
function open(
  sjd2: string,
  { cwd = place.folder, before = '', env = {}, esm = false } = {},
): Outcome {
  const runtime = JSON.stringify(path.join(sjd2, 'dist', 'native', 'runtime.js'));
  const report = `
    try {
      const { path, source } = require(${runtime}).openRuntime();
      console.log(JSON.stringify({ path, source }));
    } catch ({ code, message }) {
      console.log(JSON.stringify({ code, message }));
    }`;
  const args = esm ? [path.join(cwd, 'program.mjs')] : ['-e', before + report];
  if (esm) {
    const require = "import { createRequire } from 'node:module';\nconst require = createRequire";
    writeFileSync(args[0] as string, `${require}(import.meta.url);\n${before}${report}`);
  }
  const options = { cwd, env: { ...process.env, ...env }, encoding: 'utf8' } as const;
  const { stdout, stderr } = spawnSync(process.execPath, args, options);
  if (!stdout) throw new Error(stderr);
  return JSON.parse(stdout);
}

const addonIn = (bin: string) =>
  `require(${JSON.stringify(path.join(bin, 'onnxruntime_binding.node'))});`;

describe('an onnxruntime-node in the working directory', () => {
  test.each([
    ['node -e', false],
    ['an ES module', true],
  ])('is not looked at by %s', (_, esm) => {
    const cwd = path.join(place.folder, 'downloads');
    installOnnxRuntimeNode(path.join(cwd, 'node_modules'), '1.99.0');
    const { path: opened } = open(PACKAGE_ROOT, { cwd, esm });
    expect(opened).not.toMatch(place.folder);
  });

  test('is not looked at by an sjd2 in a folder of its own, as pnpm lays them', () => {
    const store = path.join(place.folder, 'store', 'sjd2@1.0.0', 'node_modules');
    const sjd2 = installCode(store);
    installPlatform(store);
    const cwd = path.join(place.folder, 'downloads');
    installOnnxRuntimeNode(path.join(cwd, 'node_modules'), '1.99.0');
    expect(open(sjd2, { cwd })).toMatchObject({
      path: expect.stringMatching(store),
      source: `@sjd2/${HOST}`,
    });
  });
});

describe('an onnxruntime-node beside sjd2', () => {
  let nodeModules: string;
  beforeEach(() => {
    nodeModules = path.join(place.folder, 'node_modules');
  });

  test('is used once the application has loaded it', () => {
    const sjd2 = installCode(nodeModules);
    installPlatform(nodeModules);
    const bin = installOnnxRuntimeNode(nodeModules);
    expect(open(sjd2)).toMatchObject({ source: `@sjd2/${HOST}` });
    expect(open(sjd2, { before: addonIn(bin) })).toEqual({
      path: expect.stringMatching(bin),
      source: 'loaded by the application',
    });
  });

  test('is used where it has the CUDA provider', () => {
    const sjd2 = installCode(nodeModules);
    installPlatform(nodeModules);
    const bin = installOnnxRuntimeNode(nodeModules, '1.24.0');
    writeFileSync(path.join(bin, 'libonnxruntime_providers_cuda.so'), '');
    expect(open(sjd2)).toMatchObject({
      path: expect.stringMatching(bin),
      source: 'onnxruntime-node 1.24.0',
    });
  });

  test('is passed over where it is too old, with the CUDA provider too', () => {
    const sjd2 = installCode(nodeModules);
    const bin = installOnnxRuntimeNode(nodeModules, '1.19.2');
    writeFileSync(path.join(bin, 'libonnxruntime_providers_cuda.so'), '');
    installPlatform(nodeModules);
    expect(open(sjd2)).toMatchObject({ source: `@sjd2/${HOST}` });
  });
});

test('an ONNX Runtime that is loaded and too old is passed over', () => {
  expect(existsSync(oldRuntime)).toBe(true);
  const before = `process.dlopen({ exports: {} }, ${JSON.stringify(oldRuntime)});`;
  const { path: opened, source } = open(PACKAGE_ROOT, { before });
  expect(opened).not.toBe(oldRuntime);
  expect(source).not.toBe('loaded by the application');
});

describe('SJD2_ONNXRUNTIME', () => {
  test('names a library, its folder, or an onnxruntime-node', () => {
    const bin = installOnnxRuntimeNode(place.folder);
    const home = path.join(place.folder, 'onnxruntime-node');
    for (const named of [path.join(bin, 'libonnxruntime.so.1'), bin, home, 'onnxruntime-node']) {
      expect(open(PACKAGE_ROOT, { env: { SJD2_ONNXRUNTIME: named } })).toEqual({
        path: expect.stringMatching(bin),
        source: 'SJD2_ONNXRUNTIME',
      });
    }
  });

  test('is an error where there is none', () => {
    mkdirSync(path.join(place.folder, 'empty'));
    for (const named of ['nowhere', 'empty']) {
      expect(open(PACKAGE_ROOT, { env: { SJD2_ONNXRUNTIME: named } })).toEqual({
        code: 'ERR_RUNTIME',
        message: expect.stringMatching(`received "${named}", where there is none for ${HOST}`),
      });
    }
  });

  test('is an error where it is too old, since the pictures would be others', () => {
    expect(open(PACKAGE_ROOT, { env: { SJD2_ONNXRUNTIME: oldRuntime } })).toEqual({
      code: 'ERR_RUNTIME',
      message: `Expected ONNX Runtime ${minimumRuntime} or newer but ${oldRuntime} is 1.19.2, which draws other pictures`,
    });
  });
});

test('versions are compared by numbers', () => {
  expect(isOlder('1.9.0', '1.20.1')).toBe(true);
  expect(isOlder('1.20.0', '1.20.1')).toBe(true);
  expect(isOlder('1.20.1', '1.20.1')).toBe(false);
  expect(isOlder('1.21.0-dev.20250101-abc', '1.20.1')).toBe(false);
  expect(isOlder('2.28', '2.4')).toBe(false);
});
