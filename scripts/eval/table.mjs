/** The results of `npm run eval` as Markdown tables. */

export function resultsTable(report) {
  return `${machineLine(report)}\n\n${speedTable(report.results)}\n\n${qualityTable(report.results)}`;
}

export function machineLine({ model, samples, prompts, sampler, machine }) {
  const { guidance, temperature, topK } = sampler;
  return (
    `Model ${model}, guidance ${guidance}, temperature ${temperature}, top-k ${topK}; ${samples} samples of ${prompts.length} prompts a row; ${machine.cpu}, ` +
    `${machine.cores} cores, Node ${machine.node}.`
  );
}

export function speedTable(rows) {
  return table(
    [
      'decoder',
      'window',
      'K',
      'tokens per pass',
      'passes',
      's per image',
      'speed-up',
      'ms per pass',
    ],
    rows.map((r) => [
      rowName(r),
      r.window,
      r.steps ?? '',
      plusMinus(r.tokensPerPass, r.standardError, 2),
      r.passes.toFixed(0),
      r.secondsPerImage.toFixed(3),
      `${r.speedup.toFixed(2)} (${r.speedupQuartiles.map((q) => q.toFixed(2)).join('-')})`,
      r.passMs.toFixed(2),
    ]),
  );
}

/** What does not depend on the clock. */
export function passesTable(rows) {
  return table(
    ['decoder', 'window', 'K', 'tokens per pass', 'passes'],
    rows.map((r) => [
      rowName(r),
      r.window,
      r.steps ?? '',
      plusMinus(r.tokensPerPass, r.standardError, 2),
      r.passes.toFixed(0),
    ]),
  );
}

export function qualityTable(rows) {
  return table(
    [
      'decoder',
      'window',
      'K',
      'NLL per token',
      'less that of ar',
      'impossible',
      'Frechet, held-out',
      'less that of ar',
      'Frechet, training',
      'agreement',
      'prompt found',
      'diversity',
      'same as ar',
    ],
    rows.map(({ quality: q, ...r }) => [
      rowName(r),
      r.window,
      r.steps ?? '',
      estimate(q.nll, 3),
      estimate(q.nllAgainstAr, 3),
      q.impossible === null ? '' : `${(100 * q.impossible).toFixed(1)}%`,
      plusMinus(q.frechetHeldOut.value, q.frechetHeldOut.standardError, 3),
      estimate(q.frechetHeldOut.againstAr, 3),
      plusMinus(q.frechetTraining.value, q.frechetTraining.standardError, 3),
      estimate(q.agreement, 3),
      percent(q.found),
      q.diversity ? estimate(q.diversity, 3) : '',
      percent(q.sameAsAr),
    ]),
  );
}

/** Decoder, coupling, and what departs from the defaults. */
export function rowName({ decoder, coupling, levels, relaxed }) {
  if (decoder === 'ar') return 'ar';
  const staggered = levels === 'staggered' ? ', staggered' : '';
  return `${decoder}, ${coupling}${staggered}${relaxed ? `, relaxed ${relaxed}` : ''}`;
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
