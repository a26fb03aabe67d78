/** The results of `npm run eval` as Markdown tables. */

export function resultsTable(report) {
  return `${machineLine(report)}\n\n${speedTable(report.results)}\n\n${qualityTable(report.results)}`;
}

export function machineLine({ model, samples, prompts, sampler, machine }) {
  const { guidance, temperature, topK, topP = 1 } = sampler;
  const cuts = `${topK ? `, top-k ${topK}` : ''}${topP < 1 ? `, top-p ${topP}` : ''}`;
  return (
    `Model ${model}, guidance ${guidance}, temperature ${temperature}${cuts}; ${samples} samples of ${prompts.length} prompts a row; ${machine.cpu}, ` +
    `${machine.cores} cores, Node ${machine.node}.`
  );
}

/** Columns as [title, cell of a row]. */
const ROW = [
  ['decoder', rowName],
  ['window', (r) => r.window],
  ['K', (r) => r.steps ?? ''],
];
const PASSES = [
  ...ROW,
  ['tokens per pass', (r) => plusMinus(r.tokensPerPass, r.standardError, 2)],
  ['passes', (r) => r.passes.toFixed(0)],
];
const SPEED = [
  ...PASSES,
  ['s per image', (r) => r.secondsPerImage.toFixed(3)],
  [
    'speed-up',
    (r) => `${r.speedup.toFixed(2)} (${r.speedupQuartiles.map((q) => q.toFixed(2)).join('-')})`,
  ],
  ['ms per pass', (r) => r.passMs.toFixed(2)],
];
const QUALITY = [
  ...ROW,
  ['NLL per token', ({ quality: q }) => estimate(q.nll, 3)],
  ['less that of ar', ({ quality: q }) => estimate(q.nllAgainstAr, 3)],
  [
    'impossible',
    ({ quality: q }) => (q.impossible === null ? '' : `${(100 * q.impossible).toFixed(1)}%`),
  ],
  [
    'Frechet, held-out',
    ({ quality: q }) => plusMinus(q.frechetHeldOut.value, q.frechetHeldOut.standardError, 3),
  ],
  ['less that of ar', ({ quality: q }) => estimate(q.frechetHeldOut.againstAr, 3)],
  [
    'Frechet, training',
    ({ quality: q }) => plusMinus(q.frechetTraining.value, q.frechetTraining.standardError, 3),
  ],
  ['agreement', ({ quality: q }) => estimate(q.agreement, 3)],
  ['prompt found', ({ quality: q }) => percent(q.found)],
  ['diversity', ({ quality: q }) => (q.diversity ? estimate(q.diversity, 3) : '')],
  ['same as ar', ({ quality: q }) => percent(q.sameAsAr)],
];

export const speedTable = (rows) => columns(SPEED, rows);

/** What does not depend on the clock. */
export const passesTable = (rows) => columns(PASSES, rows);

export const qualityTable = (rows) => columns(QUALITY, rows);

/** Decoder, coupling, and what departs from the defaults. */
export function rowName({ decoder, coupling, levels, relaxed }) {
  if (decoder === 'ar') return 'ar';
  const staggered = levels === 'staggered' ? ', staggered' : '';
  return `${decoder}, ${coupling}${staggered}${relaxed ? `, relaxed ${relaxed}` : ''}`;
}

function columns(list, rows) {
  const header = list.map(([title]) => title);
  return table(
    header,
    rows.map((row) => list.map(([, cell]) => cell(row))),
  );
}

export function table(header, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

export function plusMinus(value, error, digits) {
  return `${value.toFixed(digits)} ± ${error.toFixed(digits)}`;
}

function estimate({ mean, standardError }, digits) {
  return plusMinus(mean, standardError, digits);
}

function percent(share) {
  return `${Math.round(100 * share)}%`;
}
