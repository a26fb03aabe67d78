/** How good the pictures of one configuration are, from the records of its samples. */
import { jackknifeError, mean, standardError } from '../../bench/statistics.mjs';
import { dot } from './encoder.mjs';
import { moments } from './frechet.mjs';

/**
 * @param own records { prompt, nll, feature, tokens } of the configuration
 * @param baseline records of `ar` on the same samples
 * @param encoder the evaluation encoder, for its references
 * @param texts prompt -> embedding
 */
export function qualityOf(own, baseline, encoder, texts) {
  const agreements = (records) => records.map((r) => dot(r.feature, texts.get(r.prompt)));
  const agreement = agreements(own);
  const nll = own.map((r) => r.nll);
  return {
    nll: estimate(nll),
    // By sample: prompts differ more than decoders do, and the difference is rid of that.
    nllAgainstAr: estimate(
      difference(
        nll,
        baseline.map((r) => r.nll),
      ),
    ),
    frechetHeldOut: frechet(own, encoder.heldOut),
    frechetTraining: frechet(own, encoder.training),
    agreement: estimate(agreement),
    agreementAgainstAr: estimate(difference(agreement, agreements(baseline))),
    found: mean(own.map((r) => Number(bestPrompt(r.feature, texts) === r.prompt))),
    diversity: diversity(own),
    sameAsAr: mean(own.map((r, i) => Number(equal(r.tokens, baseline[i].tokens)))),
  };
}

function estimate(values) {
  return { mean: mean(values), standardError: standardError(values) };
}

function difference(a, b) {
  return a.map((value, i) => value - b[i]);
}

/** Pictures of one prompt are alike, so the error comes from leaving out a prompt at a time. */
function frechet(records, reference) {
  const distance = (some) => reference.distance(moments(some.map((r) => r.feature)));
  return {
    value: distance(records),
    standardError: jackknifeError([...byPrompt(records).values()], (groups) =>
      distance(groups.flat()),
    ),
  };
}

/** Mean distance between pictures of one prompt, over prompts; null if none was drawn twice. */
export function diversity(records) {
  const spreads = [...byPrompt(records).values()].filter((group) => group.length > 1).map(spread);
  return spreads.length === 0 ? null : estimate(spreads);
}

function spread(group) {
  const distances = group.flatMap((a, i) =>
    group.slice(i + 1).map((b) => Math.sqrt(Math.max(0, 2 - 2 * dot(a.feature, b.feature)))),
  );
  return mean(distances);
}

function byPrompt(records) {
  const groups = new Map();
  for (const r of records) groups.set(r.prompt, [...(groups.get(r.prompt) ?? []), r]);
  return groups;
}

function bestPrompt(feature, texts) {
  let best = { prompt: undefined, cosine: -Infinity };
  for (const [prompt, text] of texts) {
    const cosine = dot(feature, text);
    if (cosine > best.cosine) best = { prompt, cosine };
  }
  return best.prompt;
}

function equal(a, b) {
  return a.length === b.length && a.every((token, i) => token === b[i]);
}
