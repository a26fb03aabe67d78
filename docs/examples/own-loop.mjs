/**
 * Speculative Jacobi Decoding in a loop of your own: onnxruntime-node runs the transformer from
 * JavaScript, `sjd2/kernels` verifies. Everything that `model.generate` hides is here in the open.
 *
 *   node docs/examples/own-loop.mjs "a red apple" apple.png [gumbel | maximal | independent]
 *
 * The model is the one that ships with sjd2, without guidance (one row); any decoder graph with a KV
 * cache fits, if you adapt `forward`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Tokenizer } from '@huggingface/tokenizers';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { RgbImage } from 'sjd2';
import { initialLaw, verify } from 'sjd2/kernels';

const folder = join(
  dirname(fileURLToPath(import.meta.resolve('sjd2/package.json'))),
  'models',
  'emoji',
);
const manifest = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8'));
const { hiddenSize: d, layers, kvHeads, headSize, maxLength, image } = manifest;
const length = image.rows * image.columns;
const WINDOW = 16;
const SEED = 7n;
const COUPLING = process.argv[4] ?? 'gumbel';

const tables = readTables(join(folder, manifest.files.tables.path));
const session = await InferenceSession.create(join(folder, manifest.files.decoder['1'].path));
const prompt = embedPrompt(process.argv[2] ?? 'a red apple');

// The KV cache: one buffer per layer and part, as long as the model allows. This graph returns the
// whole buffer, so the outputs of one pass are the inputs of the next.
let cache = {};
for (let layer = 0; layer < layers; layer++) {
  for (const part of ['key', 'value']) {
    const shape = [1, kvHeads, maxLength, headSize];
    cache[`${layer}.0.${part}`] = new Tensor(
      'float32',
      new Float32Array(kvHeads * maxLength * headSize),
      shape,
    );
  }
}

const tokens = [];
const drafts = new Int32Array(WINDOW + 1).fill(-1); // a ring: position i in slot i % length
const level = new Int32Array(WINDOW + 1); // every input is a clean embedding
// The law that each draft was drawn from, which Gumbel coupling does not ask for. `verify` writes
// those of the drafts that it makes; the law of a guess is ours to say.
const laws = COUPLING === 'gumbel' ? undefined : new Float32Array((WINDOW + 1) * image.vocabulary);
let passes = 0;
while (tokens.length < length) {
  const first = tokens.length;
  const window = { first, count: Math.min(WINDOW, length - first), capacity: WINDOW + 1 };
  // New positions start as a copy of their left neighbour. Any guess will do, if its law is true: a
  // copy had no choice, so that its law is the token itself (a guess drawn at random: 'uniform').
  for (let i = first; i < first + window.count; i++) {
    const slot = i % window.capacity;
    if (drafts[slot] >= 0) continue;
    drafts[slot] = i > 0 ? Math.max(0, tokenAt(i - 1)) : 0;
    if (laws) initialLaw(laws, image.vocabulary, slot, drafts[slot]);
  }
  // Input rows: the prompt or the last committed token, then all drafts but the window's last.
  const lead = first === 0 ? prompt : embedImageToken(tokens[first - 1]);
  const inputs = new Float32Array(lead.length + (window.count - 1) * d);
  inputs.set(lead);
  for (let j = 0; j < window.count - 1; j++) {
    inputs.set(embedImageToken(tokenAt(first + j)), lead.length + j * d);
  }
  const past = first === 0 ? 0 : prompt.length / d + first - 1;
  const logits = await forward(inputs, past, lead.length / d - 1);

  const { committed } = verify({
    window,
    logits,
    vocabulary: image.vocabulary,
    coupling: COUPLING,
    temperature: manifest.sampler.temperature,
    topK: manifest.sampler.topK,
    topP: manifest.sampler.topP,
    seed: SEED,
    pass: passes++, // numbers the coins of `maximal` and `independent`
    drafts,
    level,
    laws,
  });
  for (let j = 0; j < committed; j++) {
    const slot = (first + j) % window.capacity;
    tokens.push(drafts[slot]);
    if (j < committed - 1) drafts[slot] = -1; // its slot is free for a new position
  }
  if (first > 0) drafts[(first - 1) % window.capacity] = -1;
}
console.log(`${length} tokens in ${passes} passes: ${(length / passes).toFixed(2)} per pass`);

const decoder = await InferenceSession.create(join(folder, manifest.files.imageDecoder.path));
const ids = new Tensor('int64', BigInt64Array.from(tokens, BigInt), [1, length]);
const pixels = (await decoder.run({ tokens: ids })).image.data;
writeFileSync(
  process.argv[3] ?? 'own-loop.png',
  RgbImage.fromPlanes(pixels, image.width, image.height).toPNG(),
);

function tokenAt(position) {
  return position < tokens.length ? tokens[position] : drafts[position % (WINDOW + 1)];
}

function embedImageToken(token) {
  return tables.image_embedding.subarray(token * d, (token + 1) * d);
}

/** One pass: rows behind `past` cached positions; logits from row `firstLogit` on. */
async function forward(inputs, past, firstLogit) {
  const rows = inputs.length / d;
  const feeds = {
    inputs_embeds: new Tensor('float32', inputs, [1, rows, d]),
    seqlens_k: new Tensor('int32', Int32Array.of(past + rows - 1), [1]),
    total_sequence_length: new Tensor('int32', Int32Array.of(past + rows), []),
    first_logit: new Tensor('int64', BigInt64Array.of(BigInt(firstLogit)), [1]),
  };
  for (const [name, value] of Object.entries(cache)) feeds[`past_key_values.${name}`] = value;
  const results = await session.run(feeds);
  cache = Object.fromEntries(Object.keys(cache).map((name) => [name, results[`present.${name}`]]));
  return results.logits.data;
}

function embedPrompt(text) {
  const tokenizer = new Tokenizer(
    JSON.parse(readFileSync(join(folder, manifest.files.tokenizer.path), 'utf8')),
    {},
  );
  const { length: width, pad, begin } = manifest.prompt;
  const ids = tokenizer.encode(text, { add_special_tokens: false }).ids;
  while (ids.length < width) ids.push(tokenizer.token_to_id(pad));
  ids.push(tokenizer.token_to_id(begin));
  const rows = new Float32Array(ids.length * d);
  ids.forEach((id, i) => {
    rows.set(tables.text_embedding.subarray(id * d, (id + 1) * d), i * d);
  });
  return rows;
}

/** The float tensors of a safetensors file. */
function readTables(path) {
  const bytes = readFileSync(path);
  const begin = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, begin));
  delete header.__metadata__;
  return Object.fromEntries(
    Object.entries(header).map(
      ([
        name,
        {
          data_offsets: [from, to],
        },
      ]) => {
        const data = bytes.subarray(begin + from, begin + to);
        return [name, new Float32Array(Uint8Array.from(data).buffer)];
      },
    ),
  );
}
