/**
 * `npm run bench:count`: the images of one call side by side against the same images one after the
 * other, in turns. On a busy machine the ratio of times says little, and CPU time per image more.
 *
 *   npm run bench:count -- [--count 24] [--rounds 5] [--window 16] [--decoder sjd2]
 */
import { createRequire } from 'node:module';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { describeMachine } from './machine.mjs';
import { median } from './statistics.mjs';

const { loadModel } = createRequire(import.meta.url)('../dist/index.js');
const { values: flags } = parseArgs({
  options: {
    count: { type: 'string', default: '24' },
    rounds: { type: 'string', default: '5' },
    window: { type: 'string' },
    decoder: { type: 'string' },
  },
});
const count = Number(flags.count);
const options = { ...(flags.decoder && { decoder: flags.decoder }) };
if (flags.window) options.window = flags.window === 'auto' ? 'auto' : Number(flags.window);

const model = await loadModel();
const ways = {
  'one after the other': async () => {
    for (let seed = 0; seed < count; seed++) {
      await model.generate('a red apple', { ...options, seed });
    }
  },
  'side by side': () => model.generate('a red apple', { ...options, count }),
};
const taken = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
for (let round = -1; round < Number(flags.rounds); round++) {
  for (const [name, draw] of Object.entries(ways)) {
    const begin = performance.now();
    const before = process.cpuUsage();
    await draw();
    const { user, system } = process.cpuUsage(before);
    // The first round learns what passes cost.
    if (round < 0) continue;
    taken[name].push({ wall: performance.now() - begin, cpu: (user + system) / 1000 });
  }
}
await model.dispose();

const { cpu, vectors, cores } = describeMachine();
const load = loadavg()[0].toFixed(1);
console.log(`${cpu} (${vectors}), ${cores} cores, load ${load}; ${JSON.stringify(options)}`);
for (const [name, times] of Object.entries(taken)) {
  const wall = median(times.map((time) => time.wall)) / count;
  const busy = median(times.map((time) => time.cpu)) / count;
  console.log(`${name}: ${(1000 / wall).toFixed(1)} images/s, ${busy.toFixed(0)} ms CPU an image`);
}
const [alone, together] = Object.values(taken);
const ratios = alone.map(({ wall }, i) => wall / together[i].wall);
console.log(
  `ratio of times: ${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)})`,
);
