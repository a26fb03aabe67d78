/**
 * `npm run eval:scenes`: does the model draw what it is asked for? A table like GenEval's, for `ar`, `sjd` and
 * `sjd2` on the same weights, for combinations that training saw and for such that it never saw.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine } from '../../../bench/machine.mjs';
import { mean, median, standardError } from '../../../bench/statistics.mjs';
import { Judge } from './judge.mjs';
import { fulfils } from './verdict.mjs';

const USAGE = `npm run eval:scenes -- --model DIR [options]

  --model DIR        the model package
  --judge DIR        judge.onnx, judge.json and prompts.json of scripts/eval/export_judge.py (the one beside this file)
  --decoders LIST    of ar,sjd,sjd2 (ar,sjd,sjd2)
  --window N         of sjd and sjd2 (32)
  --prompts FILE     ask these, in the form of the judge's prompts.json, instead of those; asked.json has the README's
  --per-kind N       prompts of each kind, seen and held out (20; of --prompts all)
  --seeds N          pictures of each prompt (1); with more, how many of each prompt were right
  --guidance S, --temperature T, --top-k K, --top-p P    the sampler (the model's)
  --pictures FILE    judge these pictures instead: uint8 [prompts, 128, 128, 3] in the order of the prompts
  --json FILE        writes the results as JSON
  --help`;

const { values: options } = parseArgs({
  options: {
    ...Object.fromEntries(
      'model pictures prompts json guidance temperature top-k top-p'
        .split(' ')
        .map((name) => [name, { type: 'string' }]),
    ),
    judge: { type: 'string', default: fileURLToPath(new URL('judge', import.meta.url)) },
    decoders: { type: 'string', default: 'ar,sjd,sjd2' },
    window: { type: 'string', default: '32' },
    'per-kind': { type: 'string' },
    seeds: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
});
if (options.help || !(options.model || options.pictures)) {
  console.log(USAGE);
  process.exit(options.help ? 0 : 2);
}

const judge = await Judge.load(options.judge);
const file = options.prompts ?? join(options.judge, 'prompts.json');
const all = JSON.parse(readFileSync(file, 'utf8'));
all.forEach(checkKnown);
const report = options.pictures ? await judgePictures() : await judgeModel();
if (options.json) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
for (const row of report.results) console.log(tableOf(row));

/** What the judge has no name for it would never see. */
function checkKnown({ prompt, things }) {
  const { objects, colours } = judge.config;
  for (const { object, colour } of things) {
    if (objects.includes(object) && (colour === null || colours.includes(colour))) continue;
    const name = [colour, object].filter(Boolean).join(' ');
    throw new Error(`${file}: the judge does not know a "${name}", of "${prompt}"`);
  }
}

/** How far the judge can be trusted: its verdicts on real scenes, with their prompts and with others. */
async function judgePictures() {
  const bytes = readFileSync(options.pictures);
  const side = 128;
  const size = side * side * 3;
  const verdicts = [];
  for (const [index, prompt] of all.entries()) {
    const data = bytes.subarray(index * size, (index + 1) * size);
    const seen = await judge.see({ width: side, height: side, data });
    const other = otherOf(prompt, index);
    verdicts.push({ prompt, other, seen });
  }
  return {
    command: commandLine(),
    judge: judge.config.about,
    results: [
      {
        name: 'real scenes, their own prompts',
        scores: scoresOf(verdicts, (v) => fulfils(v.prompt, v.seen)),
      },
      {
        name: 'real scenes, another prompt of the kind',
        scores: scoresOf(
          verdicts.filter((v) => v.other),
          (v) => fulfils(v.other, v.seen),
        ),
      },
    ],
  };
}

/** The next prompt of the same kind, if there is one. */
function otherOf(prompt, index) {
  const rest = [...all.slice(index + 1), ...all.slice(0, index)];
  return rest.find((other) => other.kind === prompt.kind && other.held === prompt.held);
}

async function judgeModel() {
  const { loadModel } = createRequire(import.meta.url)('../../../dist/index.js');
  const model = await loadModel(options.model);
  const sampler = samplerOf();
  const rows = options.decoders.split(',').map((decoder) => ({
    decoder,
    ...(decoder === 'ar' ? {} : { window: Number(options.window) }),
  }));
  const most = options.prompts ? Number.POSITIVE_INFINITY : 20;
  const prompts = chosen(Number(options['per-kind'] ?? most));
  const records = rows.map(() => []);
  for (const [index, prompt] of prompts.entries()) {
    for (let seed = 0; seed < Number(options.seeds); seed++) {
      // Rows take turns, so that their ratios hold on a machine whose speed drifts.
      for (const [i, row] of rows.entries()) {
        const how = { ...row, ...sampler, seed: index * 1000 + seed };
        const { images, tokens, stats } = await model.generate(prompt.prompt, how);
        const { nll } = await model.score(prompt.prompt, tokens[0], {
          ...sampler,
          topK: 0,
          topP: 1,
        });
        const seen = await judge.see(images[0]);
        records[i].push({
          prompt,
          right: fulfils(prompt, seen),
          nats: mean(nll),
          tokensPerPass: tokens[0].length / stats[0].committedPerPass.length,
          seconds: stats[0].seconds,
        });
      }
    }
    process.stderr.write(`\r${index + 1} of ${prompts.length} prompts`);
  }
  process.stderr.write('\n');
  const baseline = records[0];
  const report = {
    command: commandLine(),
    model: model.manifest.name,
    sampler: { ...model.manifest.sampler, ...sampler },
    machine: describeMachine(),
    judge: judge.config.about,
    results: rows.map((row, i) => ({
      name: row.decoder,
      ...row,
      scores: scoresOf(records[i], (record) => record.right),
      prompts: rightOf(records[i]),
      natsPerToken: estimate(records[i].map((record) => record.nats)),
      tokensPerPass: estimate(records[i].map((record) => record.tokensPerPass)),
      secondsPerImage: median(records[i].map((record) => record.seconds)),
      speedup: median(records[i].map((record, turn) => baseline[turn].seconds / record.seconds)),
    })),
  };
  await model.dispose();
  return report;
}

/** The first prompts of every kind, seen and held out. */
function chosen(count) {
  const taken = new Map();
  return all.filter(({ kind, held }) => {
    const key = `${kind} ${held}`;
    taken.set(key, (taken.get(key) ?? 0) + 1);
    return taken.get(key) <= count;
  });
}

function samplerOf() {
  const names = { guidance: 'guidance', temperature: 'temperature', topK: 'top-k', topP: 'top-p' };
  const given = Object.entries(names).filter(([, flag]) => options[flag] !== undefined);
  return Object.fromEntries(given.map(([name, flag]) => [name, Number(options[flag])]));
}

/** { kind: { seen, held } } of { mean, standardError, count }, and the mean over kinds as `overall`. */
function scoresOf(records, pick) {
  const scores = {};
  for (const record of records) {
    const { kind, held } = record.prompt;
    scores[kind] ??= {};
    const group = held ? 'held' : 'seen';
    scores[kind][group] ??= [];
    scores[kind][group].push(Number(pick(record)));
  }
  for (const groups of Object.values(scores)) {
    for (const name of Object.keys(groups)) groups[name] = estimate(groups[name]);
  }
  const overall = (group) => {
    const means = Object.values(scores).flatMap((s) => s[group]?.mean ?? []);
    return means.length > 0 ? mean(means) : undefined;
  };
  return { ...scores, overall: { seen: overall('seen'), held: overall('held') } };
}

/** Of each prompt that was drawn more than once: { prompt, right, pictures }. */
function rightOf(records) {
  const counted = new Map();
  for (const { prompt, right } of records) {
    const sofar = counted.get(prompt) ?? { prompt: prompt.prompt, right: 0, pictures: 0 };
    sofar.right += Number(right);
    sofar.pictures += 1;
    counted.set(prompt, sofar);
  }
  return [...counted.values()].filter(({ pictures }) => pictures > 1);
}

function estimate(values) {
  return { mean: mean(values), standardError: standardError(values), count: values.length };
}

function commandLine() {
  return `npm run eval:scenes -- ${process.argv.slice(2).join(' ')}`;
}

function tableOf({ name, scores, prompts = [], ...row }) {
  const percent = (value) => (value === undefined ? '-' : `${Math.round(100 * value)}%`);
  const lines = Object.entries(scores).map(
    ([kind, { seen, held }]) =>
      `  ${kind.padEnd(12)} ${percent(seen?.mean ?? seen).padStart(5)} ${percent(held?.mean ?? held).padStart(5)}`,
  );
  const speed = row.tokensPerPass
    ? `, ${row.natsPerToken.mean.toFixed(2)} nats per token, ${row.tokensPerPass.mean.toFixed(2)} tokens a pass, ` +
      `${row.secondsPerImage.toFixed(2)} s, ${row.speedup.toFixed(2)}x`
    : '';
  const counts = prompts.map(
    ({ prompt, right, pictures }) => `\n  ${right} of ${pictures}: ${prompt}`,
  );
  return `${name}${speed}\n  ${''.padEnd(12)}  seen  held\n${lines.join('\n')}${counts.join('')}`;
}
