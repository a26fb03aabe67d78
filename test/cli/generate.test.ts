import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { PNG } from 'pngjs';
import { loadModel } from '../../src';
import { Workplace } from './command-line';

const PROMPT = 'a red apple';
const TOKENS = 256;
const MODEL = path.join(__dirname, '..', '..', 'models', 'emoji');
const work = new Workplace();

/** The window is fixed, since `auto` goes by measured time and so never runs twice alike. */
async function draw(...args: string[]): Promise<any> {
  const window = args.includes('--window') || args.includes('ar') ? [] : ['--window', '16'];
  return work.json('generate', PROMPT, '-o', 'x.png', ...window, ...args);
}

async function tokens(...args: string[]): Promise<number[]> {
  return (await draw(...args)).images[0].tokens;
}

async function pixels(name: string): Promise<PNG> {
  return PNG.sync.read(await readFile(path.join(work.folder, name)));
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe('sjd2 generate', () => {
  test('draws a picture into the file that was named, and says what it cost', async () => {
    const { code, stdout, stderr } = await work.run('generate', PROMPT, '-o', 'apple.png');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /^apple\.png: 256 tokens in \d+ passes \(\d+\.\d a pass\), \d+\.\d s\n$/,
    );
    expect(await work.files()).toEqual(['apple.png']);
    const png = await pixels('apple.png');
    expect([png.width, png.height]).toEqual([128, 128]);
    expect(new Set(png.data).size).toBeGreaterThan(2);
  });

  test('without -o names the file after the prompt', async () => {
    expect((await work.run('generate', 'A red  apple!')).code).toBe(0);
    expect(await work.files()).toEqual(['a-red-apple.png']);
  });

  test('finds a file name for any prompt', async () => {
    const long = 'abcdefgh'.repeat(9);
    for (const [prompt, name] of [
      ['🍎 apple', 'apple.png'],
      ['../up', 'up.png'],
      [long, `${'abcdefgh'.repeat(5)}.png`],
    ] as const) {
      const { code, stdout } = await work.run('generate', prompt);
      expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining(`${name}: `) });
    }
  });

  test('replaces a file that is there', async () => {
    await draw('--seed', '1');
    const before = await readFile(path.join(work.folder, 'x.png'));
    await draw('--seed', '2');
    expect(await work.files()).toEqual(['x.png']);
    expect(await readFile(path.join(work.folder, 'x.png'))).not.toEqual(before);
  });

  test('with --json prints one object, its fields as documented', async () => {
    const result = await draw('--seed', '7');
    expect(result).toEqual({
      version: require('../../package.json').version,
      onnxruntime: expect.stringMatching(/^1\./),
      model: { name: 'emoji', sha256: sha256(await readFile(path.join(MODEL, 'model.json'))) },
      device: 'cpu',
      precision: 'fp32',
      prompt: PROMPT,
      images: [expect.anything()],
    });
    const [image] = result.images;
    expect(Object.keys(image)).toEqual([
      ...['path', 'options', 'tokens', 'passes', 'tokensPerPass', 'windowPerPass'],
      ...['seconds', 'modelSeconds', 'kernelSeconds'],
    ]);
    expect(image.path).toBe('x.png');
    expect(image.options).toEqual({
      ...{ decoder: 'sjd2', coupling: 'gumbel', window: 16, initial: 'noise', seed: 7 },
      ...{ steps: 1, levels: 'flat', relaxed: 0 },
      ...{ guidance: 1, temperature: 0.8, topK: 0, topP: 0.95 },
    });
    expect(image.tokens).toHaveLength(TOKENS);
    for (const token of image.tokens) expect(Number.isInteger(token) && token >= 0).toBe(true);
    expect(image.tokensPerPass).toBeCloseTo(TOKENS / image.passes, 10);
    expect(image.windowPerPass).toHaveLength(image.passes);
    expect(image.modelSeconds).toBeGreaterThan(0);
    expect(image.kernelSeconds).toBeGreaterThan(0);
    expect(image.seconds).toBeGreaterThan(image.modelSeconds + image.kernelSeconds);
  });

  test('with --json tells of each picture what draws it again', async () => {
    const drawn: [string, any][] = [];
    for (const args of [
      ['--decoder', 'ar', '--temperature', '1', '--count', '2'],
      ['--decoder', 'jacobi', '--initial', 'up'],
      ['--decoder', 'sjd', '--coupling', 'maximal', '--temperature', '1', '--seed', '3'],
      ['--steps', '4', '--levels', 'staggered', '--coupling', 'independent', '--top-p', '0.9'],
      ['--steps', '2', '--relaxed', '2', '--guidance', '2', '--top-k', '50'],
      ['--precision', 'fp16', '--seed', String(2n ** 64n - 1n)],
    ]) {
      const { precision, images } = await draw(...args);
      for (const image of images) drawn.push([precision, image]);
    }
    for (const [precision, { options, tokens }] of drawn) {
      await using model = await loadModel('emoji', { precision: precision as 'fp16' });
      const seed = typeof options.seed === 'string' ? BigInt(options.seed) : options.seed;
      const again = await model.generate(PROMPT, { ...options, seed });
      expect([...(again.tokens[0] as Int32Array)]).toEqual(tokens);
    }
  });

  test('draws the same tokens and pixels for the same seed, and others for another', async () => {
    const first = await tokens('--seed', '7');
    const picture = await readFile(path.join(work.folder, 'x.png'));
    expect(await tokens('--seed', '7')).toEqual(first);
    expect(await readFile(path.join(work.folder, 'x.png'))).toEqual(picture);
    expect(await tokens('--seed', '8')).not.toEqual(first);
  });

  test('draws with sjd and sjd2 what ar draws, in fewer passes', async () => {
    const ar = await draw('--decoder', 'ar', '--seed', '3');
    expect(ar.images[0].passes).toBe(TOKENS);
    for (const decoder of ['sjd', 'sjd2']) {
      const { images } = await draw('--decoder', decoder, '--seed', '3');
      expect(images[0].options.decoder).toBe(decoder);
      expect(images[0].tokens).toEqual(ar.images[0].tokens);
      expect(images[0].passes).toBeLessThan(TOKENS);
    }
  });

  test('draws with jacobi what greedy ar draws, whatever the seed', async () => {
    const jacobi = await tokens('--decoder', 'jacobi');
    expect(await tokens('--decoder', 'jacobi', '--seed', '9')).toEqual(jacobi);
    expect(await tokens('--decoder', 'ar', '--temperature', '0')).toEqual(jacobi);
  });

  test('takes every coupling', async () => {
    const drawn = new Map<string, number[]>();
    for (const coupling of ['gumbel', 'maximal', 'independent']) {
      const result = await draw('--coupling', coupling);
      expect(result.images[0].options.coupling).toBe(coupling);
      drawn.set(coupling, result.images[0].tokens);
    }
    expect(drawn.get('maximal')).not.toEqual(drawn.get('gumbel'));
    expect(drawn.get('independent')).not.toEqual(drawn.get('gumbel'));
  });

  test('never commits more in a pass than the window holds', async () => {
    expect((await draw('--window', '1')).images[0].passes).toBe(TOKENS);
    expect((await draw('--window', '4')).images[0].passes).toBeGreaterThanOrEqual(TOKENS / 4);
    expect((await draw('--window', '16')).images[0].passes).toBeLessThan(TOKENS);
  });

  test('draws the same picture with a window that adapts', async () => {
    expect(await tokens('--window', 'auto')).toEqual(await tokens('--window', '16'));
  });

  test('gives each sampling option to the model', async () => {
    const usual = await tokens();
    expect(await tokens('--guidance', '7.5')).not.toEqual(usual);
    expect(await tokens('--temperature', '1.4')).not.toEqual(usual);
    expect(await tokens('--top-p', '.5')).not.toEqual(usual);
    const greedy = await tokens('--temperature', '0');
    expect(greedy).not.toEqual(usual);
    expect(await tokens('--top-k', '1')).toEqual(greedy);
  });

  test('draws the same picture however the passes are made', async () => {
    const usual = await tokens();
    expect(await tokens('--steps', '4')).toEqual(usual);
    expect(await tokens('--steps', '4', '--levels', 'staggered')).toEqual(usual);
    expect(await tokens('--decoder', 'sjd', '--initial', 'uniform')).toEqual(usual);
    expect(await tokens('--decoder', 'sjd', '--initial', 'up')).toEqual(usual);
    expect(await tokens('--threads', '1', '--device', 'cpu', '--verify')).toEqual(usual);
  });

  test('takes fewer passes when drafts may pass noisy', async () => {
    const passes = async (...args: string[]): Promise<number> => {
      const { images } = await draw('--steps', '8', '--count', '4', ...args);
      return images.reduce((sum: number, image: any) => sum + image.passes, 0);
    };
    expect(await passes('--relaxed', '8')).toBeLessThan(await passes());
  });

  test('with --count counts the seeds up and numbers the files', async () => {
    const { images } = await draw('--seed', '5', '--count', '3');
    expect(images.map((image: any) => image.options.seed)).toEqual([5, 6, 7]);
    expect(await work.files()).toEqual(['x-1.png', 'x-2.png', 'x-3.png']);
    expect(images.map(({ path }: { path: string }) => path)).toEqual(await work.files());
    for (const i of [0, 1, 2]) {
      expect(await tokens('--seed', String(5 + i))).toEqual(images[i].tokens);
    }
  });

  test('keeps a seed that a number cannot hold', async () => {
    const seed = String(2n ** 64n - 1n);
    const result = await draw('--seed', seed);
    expect(result.images[0].options.seed).toBe(seed);
    expect(result.images[0].tokens).not.toEqual(await tokens('--seed', String(2n ** 64n - 2n)));
  });

  test('takes a folder as the model', async () => {
    expect(await tokens('--model', MODEL)).toEqual(await tokens());
  });

  test('names what the model does not know of the prompt, on standard error', async () => {
    const { code, stdout, stderr } = await work.run(
      ...['generate', 'a red xyzzy, etc/apple and a 🍎', '-o', 'x.png', '--json'],
    );
    expect(code).toBe(0);
    expect(stderr).toBe('sjd2: the model does not know “xyzzy”, “etc”, “🍎”\n');
    expect(JSON.parse(stdout).images).toHaveLength(1);
  });

  test('echoes no control characters and no novels', async () => {
    const words = ['\u001b]0;t\u0007xyzzy', 'q'.repeat(9000), '\u202eabc'];
    const { stderr } = await work.run('generate', `red ${words.join(' ')}`, '-o', 'x.png');
    expect(stderr).toMatch(/^sjd2: the model does not know [^\p{Cc}\p{Bidi_Control}]{20,200}\n$/u);
  });
});
