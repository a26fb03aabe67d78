/** One image of an evaluation: drawn, scored, and kept as a record. */
import { mean } from '../../bench/statistics.mjs';

/** @param judged what is known of this turn's pictures: with Gumbel coupling many rows draw the same */
export async function draw(model, encoder, row, { prompt, seed }, sampler, judged) {
  const { images, tokens, stats } = await model.generate(prompt, { ...row, ...sampler, seed });
  const key = tokens[0].join(' ');
  if (!judged.has(key)) {
    const nll = await likelihoodOf(model, prompt, tokens[0], sampler);
    judged.set(key, { nll, feature: await encoder.image(images[0]) });
  }
  const impossible = row.relaxed ? await impossibleOf(model, prompt, tokens[0], sampler) : null;
  return recordOf({ prompt, seed }, tokens[0], stats[0], { ...judged.get(key), impossible });
}

/**
 * NLL per token under the AR law before top-k and top-p: a relaxed decoder commits tokens that these
 * would have cut off, and their NLL would be infinite. Those are counted on their own.
 */
async function likelihoodOf(model, prompt, tokens, sampler) {
  const { nll } = await model.score(prompt, tokens, { ...sampler, topK: 0, topP: 1 });
  return mean(nll.filter(Number.isFinite));
}

/** Tokens that top-k or top-p would have cut off. */
async function impossibleOf(model, prompt, tokens, sampler) {
  const { nll } = await model.score(prompt, tokens, sampler);
  return nll.filter((value) => value === Infinity).length;
}

/** What is kept of one image: costs, tokens, and what the judges say. */
function recordOf({ prompt, seed }, tokens, stats, { nll, impossible, feature }) {
  return {
    prompt,
    seed,
    tokens: Array.from(tokens),
    committedPerPass: stats.committedPerPass,
    seconds: stats.seconds,
    modelSeconds: stats.modelSeconds,
    kernelSeconds: stats.kernelSeconds,
    imageSeconds: stats.imageSeconds,
    nll,
    impossible,
    feature: Array.from(feature, (value) => Number(value.toFixed(6))),
  };
}
