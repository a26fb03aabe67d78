/**
 * `npm run bench`: step compression, wall clock and likelihood of every decoder on the same prompts
 * and seeds. All configurations take turns within a prompt, so that their ratios hold on a machine
 * whose speed drifts; `ar` is the baseline of its own turn.
 *
 *   npm run bench -- [--prompts 16] [--decoders sjd,sjd2] [--couplings independent,maximal,gumbel]
 *                    [--windows 8,16,32] [--threads 0] [--model emoji] [--temperature T] [--top-p P]
 *                    [--json] [--save docs/bench/decoders.json]
 *
 * `ar` and `window: auto` with the defaults are always there.
 */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { PROMPTS as EVALUATION_PROMPTS } from '../scripts/eval/prompts.mjs';
import { describeMachine } from './machine.mjs';
import { mean, median, quantile, standardError } from './statistics.mjs';

const { loadModel } = createRequire(import.meta.url)('../dist/index.js');

const PROMPTS = EVALUATION_PROMPTS.slice(0, 16);

const { values: flags } = parseArgs({
  options: {
    prompts: { type: 'string', default: '16' },
    decoders: { type: 'string', default: 'sjd,sjd2' },
    couplings: { type: 'string', default: 'independent,maximal,gumbel' },
    windows: { type: 'string', default: '8,16,32' },
    threads: { type: 'string', default: '0' },
    model: { type: 'string', default: 'emoji' },
    temperature: { type: 'string' }, // the model's, like top-p
    'top-p': { type: 'string' },
    json: { type: 'boolean', default: false },
    save: { type: 'string' },
  },
});

const windows = flags.windows.split(',').map(Number);
const samples = Array.from({ length: Number(flags.prompts) }, (_, i) => ({
  prompt: PROMPTS[i % PROMPTS.length],
  seed: i,
}));

const configurations = [{ decoder: 'ar' }];
for (const decoder of flags.decoders.split(',')) {
  for (const coupling of flags.couplings.split(',')) {
    for (const window of windows) configurations.push({ decoder, coupling, window });
  }
}
configurations.push({ decoder: 'sjd2', coupling: 'gumbel', window: 'auto' });

const sampler = {};
if (flags.temperature) sampler.temperature = Number(flags.temperature);
if (flags['top-p']) sampler.topP = Number(flags['top-p']);
const model = await loadModel(flags.model, { threads: Number(flags.threads) });
await model.generate('a red apple', { decoder: 'ar' }); // the first run warms caches and pages

const runs = configurations.map(() => []);
for (const [turn, { prompt, seed }] of samples.entries()) {
  for (const [i, configuration] of configurations.entries()) {
    const { tokens, stats } = await model.generate(prompt, { ...configuration, ...sampler, seed });
    // Of the law before top-k and top-p, which can be compared between samplers.
    const { mean: nll } = await model.score(prompt, tokens[0], { ...sampler, topK: 0, topP: 1 });
    runs[i].push({ ...stats[0], nll });
  }
  if (process.stderr.isTTY) process.stderr.write(`\r${turn + 1} of ${samples.length} prompts`);
}
if (process.stderr.isTTY) process.stderr.write('\n');

const results = configurations.map((configuration, i) =>
  summarise(configuration, runs[i], runs[0]),
);
const report = {
  command: `npm run bench -- ${process.argv.slice(2).join(' ')}`.trim(),
  machine: describeMachine(),
  model: model.manifest.name,
  samples: samples.length,
  tokens: model.manifest.image.rows * model.manifest.image.columns,
  results,
};
await model.dispose();
const json = JSON.stringify(report, null, 2);
if (flags.save) writeFileSync(flags.save, `${json}\n`);
if (flags.json) console.log(json);
else printTable(report);

/** One row; `baseline` are the runs of `ar` in the same turns. */
function summarise({ decoder, coupling = 'gumbel', window = 1 }, own, baseline) {
  const perPass = (pick) => median(own.map((run) => (1000 * pick(run)) / run.passes));
  const ratios = own.map((run, turn) => baseline[turn].seconds / run.seconds);
  const compressions = own.map((run) => run.tokensPerPass);
  const nlls = own.map((run) => run.nll);
  return {
    decoder,
    coupling,
    window,
    passes: mean(own.map((run) => run.passes)),
    tokensPerPass: mean(compressions),
    standardError: standardError(compressions),
    secondsInAll: own.reduce((sum, run) => sum + run.seconds, 0),
    secondsPerImage: median(own.map((run) => run.seconds)),
    speedup: median(ratios),
    speedupQuartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
    passMs: perPass((run) => run.seconds - run.imageSeconds),
    modelMs: perPass((run) => run.modelSeconds),
    kernelMs: perPass((run) => run.kernelSeconds),
    otherMs: perPass(
      (run) => run.seconds - run.modelSeconds - run.kernelSeconds - run.imageSeconds,
    ),
    imageMs: median(own.map((run) => 1000 * run.imageSeconds)),
    nll: mean(nlls),
    nllStandardError: standardError(nlls),
  };
}

function printTable({ machine, samples: count, results: rows }) {
  console.log(
    `${machine.cpu} (${machine.vectors}), ${machine.cores} cores, Node ${machine.node}; ${count} prompts; medians, ` +
      'means ± standard error; speed-up = seconds of ar / seconds, in the same turn\n',
  );
  console.log(
    '| decoder | coupling | window | passes | tokens per pass | s in all | s per image | speed-up (quartiles) ' +
      '| ms per pass: all = model + kernels + rest | image decoder ms | NLL per token |',
  );
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const r of rows) {
    const cells = [
      r.decoder,
      r.coupling,
      r.window,
      r.passes.toFixed(1),
      `${r.tokensPerPass.toFixed(2)} ± ${r.standardError.toFixed(2)}`,
      r.secondsInAll.toFixed(2),
      r.secondsPerImage.toFixed(3),
      `${r.speedup.toFixed(2)} (${r.speedupQuartiles.map((q) => q.toFixed(2)).join('-')})`,
      `${r.passMs.toFixed(2)} = ${r.modelMs.toFixed(2)} + ${r.kernelMs.toFixed(2)} + ${r.otherMs.toFixed(2)}`,
      r.imageMs.toFixed(1),
      `${r.nll.toFixed(3)} ± ${r.nllStandardError.toFixed(3)}`,
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}
