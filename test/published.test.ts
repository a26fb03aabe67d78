/**
 * The same random Janus as in janus.test.ts in the layout that transformers.js publishes
 * (scripts/export/published_layout.py), loaded by its path.
 */
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModel } from '../src';
import type { ImageModel } from '../src/image-model';
import { COUPLING_NAMES } from '../src/options';

const folder = join(__dirname, 'fixtures', 'janus-published');
const converted = join(__dirname, 'fixtures', 'janus');
const { cases } = JSON.parse(readFileSync(join(converted, 'parity.json'), 'utf8'));

const scratch = mkdtempSync(join(tmpdir(), 'sjd2-published-'));
let copies = 0;
function copy(): string {
  const place = join(scratch, String(copies++));
  cpSync(folder, place, { recursive: true });
  return place;
}

let model: ImageModel;
beforeAll(async () => {
  model = await loadModel(folder);
});
afterAll(async () => {
  await model.dispose();
  rmSync(scratch, { recursive: true });
});

test.each(
  (['ar', 'jacobi', 'sjd'] as const).flatMap((decoder) =>
    COUPLING_NAMES.map((coupling) => [decoder, coupling] as const),
  ),
)('%s, %s: the greedy tokens of PyTorch under guidance', async (decoder, coupling) => {
  for (const { prompt, greedy } of cases) {
    const { tokens } = await model.generate(prompt, { decoder, coupling, temperature: 0 });
    expect([...(tokens[0] as Int32Array)]).toEqual(greedy);
  }
});

test('the converted package draws the same pictures, with or without guidance', async () => {
  await using other = await loadModel(converted);
  for (const guidance of [1, 5]) {
    for (const seed of [1, 2]) {
      const options = { decoder: 'ar', guidance, seed } as const;
      const [a, b] = await Promise.all(
        [model, other].map((one) => one.generate('a big red car', options)),
      );
      expect(a?.tokens).toEqual(b?.tokens);
      // Not to the bit: image decoders of two exports add up in two orders.
      const [x, y] = [a?.images[0]?.data, b?.images[0]?.data] as [Uint8Array, Uint8Array];
      expect(Math.max(...x.map((value, i) => Math.abs(value - (y[i] as number))))).toBeLessThan(2);
    }
  }
});

test('with Gumbel coupling every window draws the AR image: rejected drafts leave the cache', async () => {
  for (const seed of [1, 2, 3]) {
    const { tokens } = await model.generate('a blue fox', { decoder: 'ar', seed });
    for (const window of [1, 7, 16, 64]) {
      const found = await model.generate('a blue fox', { decoder: 'sjd', window, seed });
      expect(found.tokens).toEqual(tokens);
      if (window > 1) expect(found.stats[0]?.passes).toBeLessThan(36);
    }
  }
});

describe('with GroupQueryAttention, which refuses several rows behind a past', () => {
  // The fixture's weights (published_layout.py --attention grouped).
  const grouped = (name = 'grouped') => {
    const place = copy();
    cpSync(join(folder, `${name}-language_model.onnx`), join(place, 'onnx', 'language_model.onnx'));
    return place;
  };

  test('every decoder and window draws the same', async () => {
    await using other = await loadModel(grouped());
    for (const { prompt, greedy } of cases) {
      for (const options of [
        { decoder: 'ar' },
        { decoder: 'jacobi', window: 16 },
        { decoder: 'sjd', window: 7 },
      ] as const) {
        const { tokens } = await other.generate(prompt, { ...options, temperature: 0 });
        expect([...(tokens[0] as Int32Array)]).toEqual(greedy);
      }
    }
    for (const window of [1, 7, 16, 64]) {
      for (const guidance of [1, 5]) {
        const [a, b] = await Promise.all([
          model.generate('a blue fox', { decoder: 'ar', seed: 1, guidance }),
          other.generate('a blue fox', { decoder: 'sjd', seed: 1, guidance, window }),
        ]);
        expect(b.tokens).toEqual(a.tokens);
      }
    }
  });

  test('the cache stays in place: it is there once', async () => {
    await using other = await loadModel(grouped());
    const [twice, once] = await Promise.all([model, other].map((one) => generationBytes(one)));
    // Two rows of two layers, keys and values; a prompt and 36 tokens.
    const { layers, kvHeads, headSize } = model.manifest;
    const position = 4 * 2 * layers * 2 * kvHeads * headSize;
    expect((twice as number) - (once as number)).toBeGreaterThan(36 * position);
  });

  test('it is copied where a graph would read the room behind it', async () => {
    await using other = await loadModel(grouped('peeking'), { check: false });
    expect(await generationBytes(other)).toBe(await generationBytes(model));
  });
});

/** What an image takes of memory, as the addon counts it. */
async function generationBytes(one: ImageModel): Promise<number> {
  const { engine } = one as any;
  const open = jest.spyOn(engine, 'open');
  try {
    await one.generate('a blue fox', { decoder: 'ar' });
    return engine.generationBytes(open.mock.calls[0]?.[0], 1);
  } finally {
    open.mockRestore();
  }
}

test('prompt and image have the positions that config.json says', async () => {
  // 1024 of them, 36 for the image, and 600 tokens are more than an image takes.
  const { tokens } = await model.generate('zq '.repeat(250), { seed: 1, decoder: 'ar' });
  const wide = await model.generate('zq '.repeat(250), { seed: 1, decoder: 'sjd', window: 7 });
  expect(wide.tokens).toEqual(tokens);
  const error = await model.generate('zq '.repeat(500)).catch((reason: Error) => reason);
  expect(error).toMatchObject({
    code: 'ERR_ARGUMENT',
    message: expect.stringMatching(/at most 988 tokens but received \d+: shorten it/),
  });
});

test('score agrees with the converted package', async () => {
  await using other = await loadModel(converted);
  const tokens = Int32Array.from(cases[0].greedy);
  const [a, b] = await Promise.all([model, other].map((one) => one.score('a fox', tokens)));
  // Logits agree to 1e-5 of their deviation of 3, guidance multiplies by 9.
  expect(Math.abs((a?.mean ?? 0) - (b?.mean ?? 9))).toBeLessThan(1e-3);
});

test('a part may have any of the published types, the most exact one first', async () => {
  const place = copy();
  const file = (suffix: string) => join(place, 'onnx', `gen_head${suffix}.onnx`);
  renameSync(file(''), file('_q4'));
  writeFileSync(file('_bnb4'), 'never read');
  await using other = await loadModel(place);
  const { prompt, greedy } = cases[0];
  const { tokens } = await other.generate(prompt, { decoder: 'ar', temperature: 0 });
  expect([...(tokens[0] as Int32Array)]).toEqual(greedy);
});

function editConfig(name: string, edit: (json: any) => void): (place: string) => void {
  return (place) => {
    const file = join(place, name);
    const json = JSON.parse(readFileSync(file, 'utf8'));
    edit(json);
    writeFileSync(file, JSON.stringify(json));
  };
}

test.each<[string, (place: string) => void, RegExp]>([
  [
    'a missing part',
    (place) => rmSync(join(place, 'onnx', 'gen_head.onnx')),
    /onnx: expected one of gen_head\.onnx, gen_head_fp16\.onnx, .*found none/,
  ],
  [
    'another model',
    editConfig('config.json', (json) => (json.model_type = 'llava')),
    /config\.json: model_type/,
  ],
  [
    'another number of layers',
    editConfig('config.json', (json) => (json.language_config.num_hidden_layers = 3)),
    /language_model\.onnx to have an input named past_key_values\.2\.key/,
  ],
  [
    'another vocabulary of images',
    editConfig('config.json', (json) => (json.gen_vision_config.params.image_token_size = 60)),
    /logits of .*gen_head\.onnx to be .*60/,
  ],
  [
    'another width',
    editConfig('config.json', (json) => (json.language_config.hidden_size = 64)),
    /inputs_embeds of .*gen_img_embeds\.onnx to be .*64/,
  ],
  [
    'an image that is no square',
    editConfig('processor_config.json', (json) => (json.num_image_tokens = 35)),
    /config\.json: image\.rows/,
  ],
  [
    'a padding token that does not exist',
    editConfig('processor_config.json', (json) => (json.pad_tag = '<none>')),
    /padding token <none>/,
  ],
  [
    'external data that is gone',
    (place) => rmSync(join(place, 'onnx', 'language_model.onnx_data')),
    /language_model\.onnx/,
  ],
  ['no tokenizer', (place) => rmSync(join(place, 'tokenizer.json')), /tokenizer\.json: expected/],
])('%s is an error that names file and field', async (_what, damage, message) => {
  const place = copy();
  damage(place);
  const error = await loadModel(place).catch((reason: Error) => reason);
  expect(error).toMatchObject({ message: expect.stringMatching(message) });
  expect(error).toHaveProperty('code');
});

test('every part has the type that is asked for, by the names of transformers.js', async () => {
  const place = copy();
  const file = (part: string, suffix: string) => join(place, 'onnx', `${part}${suffix}.onnx`);
  renameSync(file('gen_head', ''), file('gen_head', '_q4'));
  cpSync(file('gen_img_embeds', ''), file('gen_img_embeds', '_quantized'));
  writeFileSync(file('gen_img_embeds', ''), 'never read');
  writeFileSync(file('gen_head', ''), 'never read');
  const precision = { gen_head: 'q4', gen_img_embeds: 'q8', lm_head: 'fp16' } as const;
  await using other = await loadModel(place, { precision });
  const { prompt, greedy } = cases[0];
  const { tokens } = await other.generate(prompt, { decoder: 'ar', temperature: 0 });
  expect([...(tokens[0] as Int32Array)]).toEqual(greedy);
  for (const [wrong, code, message] of [
    [{ gen_head: 'q5' }, 'ERR_ARGUMENT', /precision\.gen_head to be one of fp32, fp16, q8/],
    [{ head: 'q4' }, 'ERR_ARGUMENT', /no field named head: there are prepare_inputs_embeds/],
    ['int2', 'ERR_ARGUMENT', /precision to be one of auto, fp32/],
    [
      { language_model: 'bnb4' },
      'ERR_MODEL',
      /language_model_bnb4\.onnx for language_model in bnb4/,
    ],
  ] as const) {
    await expect(loadModel(place, { precision: wrong as 'fp16' })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  }
  await expect(loadModel(converted, { precision })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
});

test("transformers.js's sampler by name: no guidance, temperature 0.7, top-k 50", async () => {
  const [named, spelt] = await Promise.all([
    model.generate('a fox', { sampler: 'transformers.js', seed: 3 }),
    model.generate('a fox', { guidance: 1, temperature: 0.7, topK: 50, topP: 1, seed: 3 }),
  ]);
  expect(named.tokens).toEqual(spelt.tokens);
  const own = await model.generate('a fox', { sampler: 'model', seed: 3 });
  expect(own.tokens).not.toEqual(named.tokens);
  await expect(model.generate('a fox', { sampler: 'x' as 'model' })).rejects.toMatchObject({
    code: 'ERR_ARGUMENT',
  });
});

test('what such graphs cannot do is said', async () => {
  await expect(loadModel(folder, { precision: 'fp16' })).rejects.toMatchObject({
    code: 'ERR_MODEL',
    message: expect.stringMatching(/prepare_inputs_embeds_fp16\.onnx for .* in fp16, found none/),
  });
  await expect(model.generate('a fox', { decoder: 'sjd2' })).rejects.toMatchObject({
    code: 'ERR_ARGUMENT',
  });
});
