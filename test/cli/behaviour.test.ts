import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { PNG } from 'pngjs';
import { tinyModel } from '../tiny-model';
import { PROGRAM, start, Workplace } from './command-line';

const work = new Workplace();
const MANY = ['generate', 'a red apple', '-o', 'x.png', '--count', '1000'];

describe('an interrupted run', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    'by %s ends with 130 and leaves whole pictures only',
    async (signal) => {
      const child = start(work.folder, MANY);
      // Two pictures are done when the third is under way.
      for (let lines = 0; lines < 2; ) {
        const [text] = await once(child.stdout as NodeJS.ReadableStream, 'data');
        lines += String(text).split('\n').length - 1;
      }
      child.kill(signal);
      const { code, stderr } = await child.outcome;
      expect({ code, stderr }).toEqual({ code: 130, stderr: 'sjd2: interrupted\n' });
      const files = await work.files();
      expect(files.length).toBeGreaterThanOrEqual(2);
      for (const name of files) {
        expect(name).toMatch(/^x-\d+\.png$/);
        expect(PNG.sync.read(await readFile(path.join(work.folder, name))).width).toBe(128);
      }
    },
  );

  test('with --json prints nothing', async () => {
    const child = start(work.folder, [...MANY, '--json']);
    while (!(await work.files()).includes('x-1.png')) {
      await new Promise((next) => setTimeout(next, 20));
    }
    child.kill('SIGINT');
    expect(await child.outcome).toMatchObject({ code: 130, stdout: '' });
  });
});

// Windows knows no signals between processes: kill() ends the other one there.
const onPosix = process.platform === 'win32' ? test.skip : test;

describe('graphs that never end', () => {
  onPosix('a second interrupt leaves, whatever does not listen to the first', async () => {
    const folder = JSON.stringify(tinyModel({ imageDecoder: 'endless-image-decoder' }));
    const dist = JSON.stringify(path.join(PROGRAM, '..', '..', 'dist'));
    const deaf = `
      const { interruptible } = require(${dist} + '/cli/interrupt.js');
      const { loadModel } = require(${dist});
      interruptible(async (signal) => {
        const model = await loadModel(${folder});
        console.log('begun');
        signal.addEventListener('abort', () => console.log('heard'));
        await model.decodeTokens(new Int32Array(4));
      });`;
    const child = spawn(process.execPath, ['-e', deaf], { timeout: 30_000, killSignal: 'SIGKILL' });
    const gone = once(child, 'exit');
    for (const word of ['begun', 'heard']) {
      const [text] = await once(child.stdout, 'data');
      expect(String(text)).toBe(`${word}\n`);
      child.kill('SIGINT');
    }
    expect(await gone).toEqual([null, 'SIGINT']);
  });
});

describe('the progress bar', () => {
  const script = spawnSync('script', ['--version']);
  const withTerminal = script.error || process.platform !== 'linux' ? test.skip : test;

  withTerminal('shows on a terminal, and is gone at the end', () => {
    const command = `${process.execPath} ${PROGRAM} generate "a red apple" -o x.png --decoder ar`;
    const { stdout, status } = spawnSync('script', ['-qec', command, '/dev/null'], {
      cwd: work.folder,
      encoding: 'utf8',
    });
    expect(status).toBe(0);
    expect(stdout).toMatch(/x\.png \[[#-]{24}\] \d+\/256 tokens in \d+ passes/);
    expect(stdout.trim().split('\n').at(-1)).toMatch(/x\.png: 256 tokens in 256 passes/);
  });

  test('does not show in a pipe', async () => {
    expect((await work.run('generate', 'a red apple', '-o', 'x.png')).stderr).toBe('');
  });
});

test('a reader who closes the pipe early is no failure', async () => {
  const child = start(work.folder, MANY);
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  child.stdout?.destroy();
  expect(await child.outcome).toMatchObject({ code: 0, stderr: '' });
});

const withDevices = process.platform === 'linux' ? test : test.skip;
withDevices.each([
  [['generate', 'a red apple', '-o', 'x.png']],
  [['generate', 'a red apple', '-o', 'x.png', '--json']],
  [['info']],
  [['--help']],
])('standard output on a full disk: %j ends with 1 and one line', (args) => {
  const full = openSync('/dev/full', 'w');
  const { status, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], {
    cwd: work.folder,
    stdio: ['ignore', full, 'pipe'],
    encoding: 'utf8',
  });
  closeSync(full);
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringMatching(/^sjd2: Cannot write standard output: no space left [^\n]+\n$/),
  });
});

describe('sjd2 info', () => {
  test('with --json tells versions, places, devices and the model', async () => {
    const info = await work.json('info');
    expect(info).toMatchObject({
      version: require('../../package.json').version,
      node: process.version,
      platform: expect.stringMatching(`^${process.platform}-${process.arch}`),
      addon: { path: expect.stringMatching(/sjd2\.node$/) },
      runtime: {
        version: expect.stringMatching(/^1\./),
        path: expect.stringMatching('onnxruntime'),
        providers: expect.arrayContaining(['CPUExecutionProvider']),
      },
      models: expect.arrayContaining(['emoji']),
      model: { name: 'emoji', image: expect.stringMatching(/^128 x 128 pixels, 16 x 16 tokens/) },
    });
    expect(info.devices).toEqual([
      { name: 'cpu', usable: true },
      // Where the tests run there may be a GPU, or a software one.
      expect.objectContaining({ name: 'webgpu', usable: expect.any(Boolean) }),
      { name: 'cuda', usable: false, reason: expect.stringMatching('CUDA') },
    ]);
  });

  test('says the same in words', async () => {
    const { code, stdout, stderr } = await work.run('info');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const part of [/^sjd2 +\d/m, /^addon +\S/m, /^device cpu +usable/m, /^model +emoji/m]) {
      expect(stdout).toMatch(part);
    }
  });

  test('says once what is missing, however much rests on it', () => {
    const { status, stdout } = spawnSync(process.execPath, ['--no-addons', PROGRAM, 'info'], {
      cwd: work.folder,
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stdout).toMatch(/^addon +Could not load the native addon .*--no-addons/m);
    expect(stdout.match(/--no-addons/g)).toHaveLength(1);
    expect(stdout.match(/Could not load/g)).toHaveLength(1);
    expect(stdout).toMatch(/^device cpu +not usable$/m);
  });

  test('with a broken model tells the rest all the same, and ends with 1', async () => {
    const { code, stdout } = await work.run('info', '--model', 'nowhere', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      runtime: { version: expect.anything() },
      model: { error: expect.stringMatching('nowhere') },
    });
  });
});

describe('sjd2 compare', () => {
  test('draws one sheet with a picture for each decoder, and a table', async () => {
    const { code, stdout, stderr } = await work.run(
      ...['compare', 'a red apple', '-o', 'sheet.png', '--window', '16'],
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.trim().split('\n');
    expect(lines.map((line) => line.split(' ')[0])).toEqual([
      ...['decoder', 'ar', 'jacobi', 'sjd', 'sjd2', '', 'sheet.png'],
    ]);
    expect(lines[1]).toMatch(/^ar +256 +1\.00 +\d+\.\d\d +1\.00x +-$/);
    expect(lines[4]).toMatch(/256 of 256$/);
    expect(await work.files()).toEqual(['sheet.png']);
    const sheet = PNG.sync.read(await readFile(path.join(work.folder, 'sheet.png')));
    expect(sheet.width).toBeGreaterThan(4 * 128);
  });

  test('takes the decoders that were named, in that order, and prints JSON', async () => {
    const args = ['--decoders', 'sjd2,ar', '--seed', '4', '--window', '8', '--scale', '1'];
    const result = await work.json('compare', 'a red apple', '-o', 'sheet.png', ...args);
    expect(result).toMatchObject({
      model: { name: 'emoji' },
      prompt: 'a red apple',
      path: 'sheet.png',
    });
    const [sjd2, ar] = result.decoders;
    expect([sjd2.decoder, ar.decoder]).toEqual(['sjd2', 'ar']);
    expect([sjd2.options.seed, sjd2.options.window, ar.options.window]).toEqual([4, 8, undefined]);
    expect(sjd2.tokens).toEqual(ar.tokens);
    expect(sjd2.passes).toBeGreaterThanOrEqual(256 / 8);
    expect([sjd2.sameTokensAsAr, ar.sameTokensAsAr]).toEqual([256, null]);
  });
});
