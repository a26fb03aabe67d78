import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Workplace } from './command-line';

const work = new Workplace();

/** One line on standard error, nothing on standard output, no file. */
async function refused(args: string[]): Promise<{ code: number | null; message: string }> {
  const { code, stdout, stderr } = await work.run(...args);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^sjd2: [^\n]+\n$/);
  expect(await work.files()).toEqual([]);
  return { code, message: stderr.slice('sjd2: '.length).trim() };
}

describe('bad usage ends with 2 and one line', () => {
  test.each([
    ['window', '0', 'window to be an integer between 1 and 256'],
    ['window', '257', 'received 257'],
    ['window', '-3', 'received -3'],
    ['window', '2.5', 'received 2.5'],
    ['window', 'wide', 'received "wide"'],
    ['window', '', 'received ""'],
    ['window', '0x10', 'received "0x10"'],
    ['steps', '0', 'steps to be an integer between 1 and 8 but received 0'],
    ['steps', '9', 'received 9'],
    ['steps', 'many', 'received "many"'],
    ['relaxed', '-1', 'relaxed to be an integer between 0 and'],
    ['relaxed', '9', 'received 9'],
    ['levels', 'steep', 'levels to be one of flat, staggered but received "steep"'],
    ['decoder', 'beam', 'decoder to be one of ar, jacobi, sjd, sjd2 but received "beam"'],
    ['coupling', 'strong', 'coupling to be one of gumbel, maximal, independent but received'],
    ['initial', 'zero', 'initial to be'],
    ['seed', '-1', 'seed to be an integer between 0 and 2^64 - 1'],
    ['seed', '1.5', 'received 1.5'],
    ['seed', '18446744073709551616', 'received 18446744073709551616'],
    ['seed', 'lucky', 'received "lucky"'],
    ['count', '0', 'count to be an integer between 1 and 1000 but received 0'],
    ['count', '1001', 'received 1001'],
    ['count', 'two', 'received "two"'],
    ['guidance', '-1', 'guidance to be a number between 0 and 100 but received -1'],
    ['guidance', '101', 'received 101'],
    ['guidance', 'NaN', 'received "NaN"'],
    ['temperature', '-0.1', 'temperature to be a number between 0 and 100 but received -0.1'],
    ['temperature', 'Infinity', 'received "Infinity"'],
    ['temperature', '1e999', 'received Infinity'],
    ['top-k', '-1', '--top-k to be an integer between 0 and'],
    ['top-k', '100000', 'received 100000'],
    ['top-k', '1.5', 'received 1.5'],
    ['top-p', '0', '--top-p to be a number above 0 and at most 1 but received 0'],
    ['top-p', '1.01', 'received 1.01'],
    ['threads', '-1', 'threads to be an integer between 0 and 1024 but received -1'],
    ['threads', 'all', 'received "all"'],
    ['device', 'tpu', 'device to be one of auto, cpu, webgpu, cuda but received "tpu"'],
    [
      'output',
      'apple.jpg',
      'output to be a file name that ends in .png or .json but received "apple.jpg"',
    ],
    ['output', '', 'output to be a file name'],
    ['model', '', 'model to be the name of a shipped model or a folder'],
  ])('--%s %j', async (option, value, message) => {
    const result = await refused(['generate', 'a red apple', `--${option}`, value]);
    expect(result).toEqual({ code: 2, message: expect.stringContaining(message) });
    expect(result.message).toMatch(
      new RegExp(`^Expected --${option} to be [^]*(?<!of type \\w+)$`),
    );
  });

  test.each([
    [['--decoder', 'ar', '--window', '8'], 'window to be absent with the decoder ar'],
    [['--decoder', 'sjd', '--steps', '2'], 'steps to be absent with the decoder sjd'],
    [['--decoder', 'jacobi', '--temperature', '1'], 'temperature to be absent'],
    [['--decoder', 'sjd2', '--initial', 'left'], 'initial to be one of noise'],
    [['--seed', '18446744073709551615', '--count', '2'], 'seed to be an integer'],
  ])('%j, which do not go together', async (args, message) => {
    const result = await refused(['generate', 'a red apple', ...args]);
    expect(result).toEqual({ code: 2, message: expect.stringContaining(message) });
  });

  test.each([
    ['an empty prompt', ['generate', ''], 'Expected prompt to be at least one word'],
    ['an emoji', ['generate', '🍎'], 'Expected prompt to be at least one word that the model can'],
    ['a wrong option of info', ['info', '--threads', '-1'], 'Expected --threads to be an integer'],
    ['a prompt of spaces', ['generate', '  '], 'Expected prompt to be at least one word'],
    ['a prompt too long', ['generate', 'red '.repeat(500)], 'Expected prompt to have at most'],
    ['no prompt', ['generate'], "missing required argument 'prompt'; see sjd2 generate --help"],
    ['a prompt without quotes', ['generate', 'a', 'red', 'apple'], 'too many arguments'],
    ['an unknown option', ['generate', 'x', '--wndow', '3'], "unknown option '--wndow' (Did you"],
    ['an option without its value', ['generate', 'x', '--window'], 'argument missing'],
    ['an unknown command', ['generte'], "unknown command 'generte' (Did you mean generate?)"],
    ['an unknown decoder to compare', ['compare', 'x', '--decoders', 'ar,beam'], 'received "beam"'],
    ['a scale of 0', ['compare', 'x', '--scale', '0'], 'scale to be an integer between 1 and 16'],
    ['an unknown option of info', ['info', '--all'], "unknown option '--all'; see sjd2 info"],
  ])('%s', async (_, args, message) => {
    const result = await refused(args);
    expect(result).toEqual({ code: 2, message: expect.stringContaining(message) });
  });

  test('no command at all prints the help on standard error', async () => {
    const { code, stdout, stderr } = await work.run();
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: sjd2/);
  });
});

describe('what cannot be done ends with 1 and one line', () => {
  test('a model that is not there', async () => {
    const result = await refused(['generate', 'a red apple', '--model', 'nowhere']);
    expect(result).toEqual({ code: 1, message: expect.stringMatching(/one of emoji.* a folder/) });
  });

  test('a device that is not there', async () => {
    const result = await refused(['generate', 'a red apple', '--device', 'cuda']);
    expect(result).toEqual({
      code: 1,
      message: expect.stringMatching(/CUDA device.*release 535.*device cpu/),
    });
  });

  test('an output folder that is not there, before any work is done', async () => {
    const started = performance.now();
    const args = ['generate', 'a red apple', '-o', 'no/such/apple.png', '--count', '1000'];
    const result = await refused(args);
    expect(result).toEqual({ code: 1, message: expect.stringMatching('create it first') });
    // A thousand pictures take minutes.
    expect(performance.now() - started).toBeLessThan(30_000);
  });

  test('an output that is a folder', async () => {
    await mkdir(path.join(work.folder, 'apple.png'));
    const { code, stderr } = await work.run('generate', 'a red apple', '-o', 'apple.png');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'sjd2: Cannot write apple.png: that is a folder, name a file in it\n',
    });
  });

  test('an output below a file', async () => {
    await writeFile(path.join(work.folder, 'file'), '');
    const { code, stderr } = await work.run('generate', 'a red apple', '-o', 'file/apple.png');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'sjd2: Cannot write file/apple.png: file is not a folder\n',
    });
  });
});

describe('help', () => {
  test.each([
    ['sjd2 --help', ['--help'], 'Exit codes: 0 done, 1 failure, 2 bad usage, 130 interrupted'],
    ['sjd2 help generate', ['help', 'generate'], '--top-k <k>'],
    ['sjd2 generate --help', ['generate', '--help'], 'Examples:\n  sjd2 generate "a red apple"'],
    ['sjd2 compare --help', ['compare', '--help'], 'sjd2 compare "a red apple" -o sheet.png'],
    ['sjd2 info --help', ['info', '--help'], '--json'],
  ])('%s goes to standard output and ends with 0', async (_, args, part) => {
    const { code, stdout, stderr } = await work.run(...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(part);
  });

  test('sjd2 --version prints the version of package.json', async () => {
    const { stdout } = await work.run('--version');
    expect(stdout.trim()).toBe(require('../../package.json').version);
  });
});
