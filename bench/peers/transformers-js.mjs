/**
 * An image with transformers.js, as its documentation does it, on a Janus folder in its own layout. Prints one
 * line of JSON. Started by bench/peers.mjs.
 *
 *   node bench/peers/transformers-js.mjs FOLDER TOP_K PROMPT_IDS GUIDANCE TOKENS
 */
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { env, MultiModalityCausalLM, Tensor } from '@huggingface/transformers';

const [folder, topK, ids, guidance, count] = process.argv.slice(2);
env.allowRemoteModels = false;
env.localModelPath = `${path.dirname(path.resolve(folder))}/`;
const model = await MultiModalityCausalLM.from_pretrained(path.basename(folder), {
  dtype: 'fp32',
  device: 'cpu',
});
const prompt = JSON.parse(ids).map(BigInt);
const shape = [1, prompt.length];
const inputs = {
  input_ids: new Tensor('int64', BigInt64Array.from(prompt), shape),
  attention_mask: new Tensor('int64', new BigInt64Array(prompt.length).fill(1n), shape),
  images_seq_mask: new Tensor('bool', new Uint8Array(prompt.length), shape),
  images_emb_mask: new Tensor('bool', new Uint8Array(0), [1, 0, 576]),
};
const delay = monitorEventLoopDelay({ resolution: 1 });
const times = [];
delay.enable();
times.push(performance.now());
const drawing = model.generate_images({
  ...inputs,
  do_sample: topK !== '1',
  top_k: Number(topK),
  guidance_scale: Number(guidance),
  min_new_tokens: Number(count),
  max_new_tokens: Number(count),
  streamer: { put: () => times.push(performance.now()), end() {} },
});
// The image decoder takes whole images only.
await drawing.catch((error) => {
  if (count === '576') throw error;
});
process.stdout.write(
  `\n${JSON.stringify({ times, delay: delay.percentile(99) / 1e6, resident: process.resourceUsage().maxRSS / 1024 })}\n`,
);
process.exit();
