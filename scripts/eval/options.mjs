/** The command line of `npm run eval`. */
import { parseArgs } from 'node:util';
import { PROMPTS } from './prompts.mjs';

export const USAGE = `npm run eval -- [options]

  --model NAME|DIR      the model to evaluate (emoji)
  --samples N           images per row; the same prompts and seeds for every row (64)
  --prompts N           prompts the samples take turns with, 1 to ${PROMPTS.length} (${PROMPTS.length})
  --decoders LIST       of sjd,sjd2; ar is always there (sjd,sjd2)
  --couplings LIST      of independent,maximal,gumbel (all)
  --windows LIST        1 to 256, or auto (8,16,32,64)
  --steps LIST          denoising steps K of sjd2 (1,2,4,8)
  --levels LIST         of flat,staggered (flat)
  --relaxed LIST        noise levels that sjd2 may pass; 0 is strict (0)
  --guidance S, --temperature T, --top-k K    the sampler (the model's)
  --threads N           0 is one per physical core (0)
  --quick               4 samples of 2 prompts and few rows, where nothing else is said
  --json FILE|-         writes the results as JSON; - is standard output
  --fresh               forgets what an interrupted run has measured
  --help`;

const FULL = {
  samples: '64',
  prompts: String(PROMPTS.length),
  decoders: 'sjd,sjd2',
  couplings: 'independent,maximal,gumbel',
  windows: '8,16,32,64',
  steps: '1,2,4,8',
};
const QUICK = {
  ...FULL,
  samples: '4',
  prompts: '2',
  couplings: 'maximal',
  windows: '16',
  steps: '1,2',
};

const strings =
  'model samples prompts decoders couplings windows steps levels relaxed threads json ' +
  'guidance temperature top-k';
const flags = Object.fromEntries(strings.split(' ').map((name) => [name, { type: 'string' }]));
for (const name of ['quick', 'fresh', 'help']) flags[name] = { type: 'boolean', default: false };

/** @throws {Error} a line that says what was expected and what came */
export function readOptions(args) {
  const { values } = parseArgs({ args, options: flags });
  const given = { ...(values.quick ? QUICK : FULL), ...values };
  const list = (name, read) => [...new Set(given[name].split(','))].map(read);
  return {
    help: values.help,
    fresh: values.fresh,
    json: values.json,
    model: values.model ?? 'emoji',
    samples: integer('samples', given.samples, 1, 100_000),
    prompts: integer('prompts', given.prompts, 1, PROMPTS.length),
    threads: integer('threads', given.threads ?? '0', 0, 1024),
    sampler: samplerOf(values),
    grid: {
      decoders: list('decoders', oneOf('decoders', ['ar', 'sjd', 'sjd2'])),
      couplings: list('couplings', oneOf('couplings', ['independent', 'maximal', 'gumbel'])),
      windows: list('windows', (w) => (w === 'auto' ? w : integer('windows', w, 1, 256))),
      steps: list('steps', (k) => integer('steps', k, 1, 1000)),
      levels: (given.levels ?? 'flat').split(',').map(oneOf('levels', ['flat', 'staggered'])),
      relaxed: (given.relaxed ?? '0').split(',').map((r) => integer('relaxed', r, 0, 1000)),
    },
  };
}

/** What was asked for; the library fills in the rest and checks it. */
function samplerOf(values) {
  const names = { guidance: 'guidance', temperature: 'temperature', topK: 'top-k' };
  const given = Object.entries(names).filter(([, flag]) => values[flag] !== undefined);
  return Object.fromEntries(given.map(([name, flag]) => [name, real(flag, values[flag])]));
}

function real(name, text) {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new Error(`Expected --${name} to be a number but received ${text}`);
}

function integer(name, text, min, max) {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Error(
    `Expected --${name} to be an integer between ${min} and ${max} but received ${text}`,
  );
}

function oneOf(name, choices) {
  return (value) => {
    if (choices.includes(value)) return value;
    throw new Error(`Expected --${name} to be of ${choices.join(', ')} but received ${value}`);
  };
}
