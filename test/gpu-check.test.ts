/** `npm run check:gpu` where there is no GPU: over the emulated one, and without any. */
import { EMULATED_DRIVER, runWithDriver } from './emulated-gpu';

const CHECK = ['scripts/cuda/check.mjs', '--no-build', '--windows', '8'];
const emulates = process.platform !== 'win32' && process.platform !== 'darwin';

(emulates ? test : test.failing)('over the emulated GPU all of it runs and agrees', async () => {
  const { code, stdout, stderr } = await runWithDriver(EMULATED_DRIVER, CHECK);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^5 passed, 0 failed$/m);
  expect(stdout).toMatch(/^verify f16 maximal, 2 x 2 x 512 .* us .* GB\/s .* of copy$/m);
  for (const decoder of ['ar', 'sjd', 'sjd2']) {
    expect(stdout).toMatch(
      new RegExp(`^ok +cuda fp32 ${decoder}( 8)?, "a red apple", seed 0: the CPU's tokens$`, 'm'),
    );
    // In fp16 a pass over more positions may round a tie the other way.
    expect(stdout).toMatch(
      new RegExp(`^ok +cuda fp16 ${decoder}( 8)?, "a red apple", seed 0: `, 'm'),
    );
    expect(stdout).toMatch(
      new RegExp(
        `^\\| cuda fp16 \\(not a GPU\\) \\| ${decoder}( 8)? \\| \\d+ \\| [\\d.]+ \\|`,
        'm',
      ),
    );
  }
  expect(stdout.match(/no time means anything/g)).toHaveLength(3);
});

test('without a GPU it says what is missing, and ends with 1', async () => {
  const { code, stdout, stderr } = await runWithDriver('libno-such-driver.so', CHECK);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^\* No CUDA: libno-such-driver\.so .*release 535/m);
  expect(stderr).toMatch(/^\* ONNX Runtime.*CUDA execution provider/m);
});

test('the margin that explains a tie is positive for every token that won, and shrinks to 0 for itself', async () => {
  const program = `Promise.all([import('./scripts/cuda/ties.mjs'), require('./dist').loadModel()])
    .then(async ([{ winningMargin }, model]) => {
      const uncut = { topK: 0, topP: 1 };
      const { tokens } = await model.generate('a cat', { decoder: 'ar', seed: 3, ...uncut });
      const margin = (at, other) => winningMargin(model, 'a cat', 3n, tokens[0], at, other, uncut);
      const others = [];
      for (let at = 0; at < 256; at += 17) {
        for (let step = 1; step < 4; step++) others.push(await margin(at, (tokens[0][at] + step * 97) % 1024));
      }
      console.log(JSON.stringify({ least: Math.min(...others), self: await margin(9, tokens[0][9]) }));
    })`;
  const { stdout, stderr } = await runWithDriver('libno-such-driver.so', ['-e', program]);
  expect(stderr).toBe('');
  const { least, self } = JSON.parse(stdout);
  expect(least).toBeGreaterThan(0);
  expect(self).toBe(0);
});
