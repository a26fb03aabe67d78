/**
 * `npm run test:soak`: images of all decoders and windows by turns in one process, and its memory on
 * the way. It has to be a flat line: memory that the allocator tears up grows without a leak.
 *
 *   npm run test:soak -- [--images 400]
 *
 * Prints the resident megabytes ten times, and ends with 1 where the last quarter lies more than 32 MB
 * above the second.
 */
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

const { loadModel } = createRequire(import.meta.url)('../dist/index.js');
const { values: flags } = parseArgs({ options: { images: { type: 'string', default: '400' } } });
const images = Number(flags.images);
const MIX = [
  { decoder: 'ar' },
  { decoder: 'sjd2' },
  { decoder: 'sjd2', window: 16 },
  { decoder: 'sjd2', window: 256, steps: 2 },
  { decoder: 'sjd', window: 64, coupling: 'maximal' },
  { decoder: 'sjd', window: 12, guidance: 2 },
  { decoder: 'jacobi', window: 32 },
  { decoder: 'sjd2', window: 48, coupling: 'independent', count: 3 },
];

const model = await loadModel();
const megabytes = [];
for (let drawn = 0, i = 0; drawn < images; i++) {
  const options = MIX[(i * 5) % MIX.length];
  const { tokens } = await model.generate('a red apple', { seed: i, ...options });
  if (i % 7 === 0) await model.score('a red apple', tokens[0], { temperature: 1 });
  drawn += tokens.length;
  megabytes.push(process.memoryUsage().rss / 2 ** 20);
  if (Math.floor((drawn / images) * 10) > Math.floor(((drawn - tokens.length) / images) * 10)) {
    console.log(`${drawn} images: ${megabytes.at(-1).toFixed(0)} MB`);
  }
}
await model.dispose();

const quarter = (n) => {
  const from = Math.floor((megabytes.length * n) / 4);
  const part = megabytes.slice(from, from + Math.ceil(megabytes.length / 4)).sort((a, b) => a - b);
  return part[part.length >> 1];
};
const growth = quarter(3) - quarter(1);
console.log(`median of the second quarter to that of the last: ${growth.toFixed(1)} MB more`);
process.exitCode = growth > 32 ? 1 : 0;
