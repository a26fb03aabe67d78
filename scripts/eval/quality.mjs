/** How good the pictures of one configuration are, from the records of its samples. */
import { jackknifeError, leaveOneOut, mean, standardError } from '../../bench/statistics.mjs';
import { dot } from './encoder.mjs';
import { moments } from './frechet.mjs';

/**
 * What the judges say about the pictures of one configuration.
 *
 * @param records { prompt, nll, impossible, feature, tokens }, one per sample
 * @param encoder the evaluation encoder, for its references
 * @param texts prompt -> embedding
 */
export function judge(records, encoder, texts) {
  const groups = [...byPrompt(records).values()];
  return {
    records,
    nll: records.map((r) => r.nll),
    // The share of tokens that AR sampling could not have drawn; counted for relaxed rows alone.
    impossible:
      records[0].impossible === null
        ? null
        : mean(records.map((r) => r.impossible / r.tokens.length)),
    agreement: records.map((r) => dot(r.feature, texts.get(r.prompt))),
    found: mean(records.map((r) => Number(bestPrompt(r.feature, texts) === r.prompt))),
    heldOut: frechet(groups, encoder.heldOut),
    training: frechet(groups, encoder.training),
  };
}

/** Quality of a configuration beside that of `ar` on the same samples, both as `judge` gives them. */
export function qualityOf(own, ar) {
  return {
    nll: estimate(own.nll),
    // By sample: prompts differ more than decoders do, and the difference is rid of that.
    nllAgainstAr: estimate(difference(own.nll, ar.nll)),
    impossible: own.impossible,
    frechetHeldOut: {
      value: own.heldOut.value,
      standardError: jackknifeError(own.heldOut.without),
      againstAr: {
        mean: own.heldOut.value - ar.heldOut.value,
        standardError: jackknifeError(difference(own.heldOut.without, ar.heldOut.without)),
      },
    },
    frechetTraining: {
      value: own.training.value,
      standardError: jackknifeError(own.training.without),
    },
    agreement: estimate(own.agreement),
    agreementAgainstAr: estimate(difference(own.agreement, ar.agreement)),
    found: own.found,
    diversity: diversity(own.records),
    sameAsAr: mean(own.records.map((r, i) => Number(equal(r.tokens, ar.records[i].tokens)))),
  };
}

function estimate(values) {
  return { mean: mean(values), standardError: standardError(values) };
}

function difference(a, b) {
  return a.map((value, i) => value - b[i]);
}

/**
 * The distance, and what it is without one prompt at a time: pictures of one prompt are alike, so a
 * prompt and not a picture is what an error has to be counted in.
 */
function frechet(groups, reference) {
  const distance = (some) => reference.distance(moments(some.flat().map((r) => r.feature)));
  return { value: distance(groups), without: leaveOneOut(groups, distance) };
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
