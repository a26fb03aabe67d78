/**
 * How often rounding decides: images at temperature 1 that `ar` and `sjd2` with Gumbel coupling draw
 * differently from one seed, though their laws are the same (docs/decoding.md, Rounding).
 *
 *   node bench/rounding.mjs [--precision fp32] [--images 200] [--window 32] [--threads 1] [--device cpu]
 */
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

const { loadModel } = createRequire(import.meta.url)('../dist/index.js');
const { values: flags } = parseArgs({
  options: {
    precision: { type: 'string', default: 'fp32' },
    images: { type: 'string', default: '200' },
    window: { type: 'string', default: '32' },
    threads: { type: 'string', default: '1' },
    device: { type: 'string', default: 'cpu' },
  },
});
const THINGS = ['red apple', 'yellow star', 'green tree', 'rocket', 'cat', 'house', 'smiling face'];
const PROMPTS = [...THINGS, 'blue car', 'fish', 'book'].map((thing) => `a ${thing}`);

const { precision, device } = flags;
const model = await loadModel('emoji', { precision, device, threads: Number(flags.threads) });
const images = Number(flags.images);
let [different, tokens] = [0, 0];
for (let i = 0; i < images; i++) {
  const draw = async (options) => {
    const lively = { seed: 1000 + i, temperature: 1, ...options };
    return (await model.generate(PROMPTS[i % PROMPTS.length], lively)).tokens[0];
  };
  const ar = await draw({ decoder: 'ar' });
  const sjd2 = await draw({ decoder: 'sjd2', window: Number(flags.window) });
  const wrong = ar.filter((token, at) => token !== sjd2[at]).length;
  if (wrong > 0) different++;
  tokens += wrong;
}
await model.dispose();
console.log(`${precision}: ${different} of ${images} images differ, in ${tokens} tokens`);
