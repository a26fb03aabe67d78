/**
 * `npm run bench:first`: what `window: auto` costs the first image of a process, when it knows nothing yet.
 * Every sample is a fresh process that draws with `ar` (which warms caches and pages), then twice more: the
 * first of the two with `auto` or, as the control, with the fixed window; the second with the fixed window.
 *
 *   npm run bench:first -- [--processes 14] [--window 16]
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine } from './machine.mjs';
import { mean } from './statistics.mjs';

const PROMPTS = ['a red heart', 'a house'];

const { values: flags } = parseArgs({
  options: {
    processes: { type: 'string', default: '14' },
    window: { type: 'string', default: '16' },
    sample: { type: 'string' }, // internal: the prompt and the first window of one process, as JSON
  },
});
const fixed = Number(flags.window);

if (flags.sample) {
  console.log(JSON.stringify(await sample(JSON.parse(flags.sample))));
} else {
  const ratios = { auto: [], control: [] };
  for (let i = 0; i < Number(flags.processes); i++) {
    const prompt = PROMPTS[i % PROMPTS.length];
    ratios.control.push(inFreshProcess({ prompt, window: fixed }));
    ratios.auto.push(inFreshProcess({ prompt, window: 'auto' }));
  }
  const { cpu, vectors, cores } = describeMachine();
  console.log(`${cpu} (${vectors}), ${cores} cores; ${flags.processes} fresh processes each`);
  for (const [name, values] of Object.entries(ratios)) {
    const [least, most] = [Math.min(...values), Math.max(...values)].map((v) => v.toFixed(2));
    console.log(
      `${name}: first image / next one with window ${fixed}: ${mean(values).toFixed(2)} (${least}-${most})`,
    );
  }
}

/** Seconds of the first image over those of the same image with the fixed window. */
function inFreshProcess(sample) {
  const self = fileURLToPath(import.meta.url);
  const { status, stdout } = spawnSync(
    process.execPath,
    [self, '--window', flags.window, '--sample', JSON.stringify(sample)],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  if (status !== 0) throw new Error(`a sample ended with ${status}`);
  const { first, second } = JSON.parse(stdout);
  return first / second;
}

async function sample({ prompt, window }) {
  const { loadModel } = createRequire(import.meta.url)('../dist/index.js');
  const model = await loadModel('emoji');
  await model.generate('a cat', { decoder: 'ar' });
  const seconds = async (window) => (await model.generate(prompt, { window })).stats[0].seconds;
  const times = { first: await seconds(window), second: await seconds(fixed) };
  await model.dispose();
  return times;
}
