/** Damaged, contradictory and hostile model packages: an error that says where, never a crash. */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '../src';
import { type Json, original, PackageCopies } from './package-copy';

const copies = new PackageCopies();

test.each<[string, (manifest: Json) => void, RegExp]>([
  ['another format', (m) => (m.format = 'gguf'), /model\.json: format/],
  ['a newer version', (m) => (m.version = 3), /version/],
  ['a missing shape', (m) => delete m.hiddenSize, /hiddenSize/],
  ['a shape that is text', (m) => (m.layers = 'six'), /layers/],
  ['an unknown field', (m) => (m.colour = 'red'), /colour/],
  ['a cache too short for the image', (m) => (m.maxLength = 100), /maxLength: must hold prompt/],
  ['more steps than levels', (m) => (m.denoising.steps = 9), /denoising\.steps/],
  [
    'a file outside the folder',
    (m) => (m.files.tables.path = '../tables.safetensors'),
    /files\.tables\.path: must stay inside/,
  ],
  ['an absolute path', (m) => (m.files.tables.path = '/etc/passwd'), /must stay inside/],
  [
    'a file that is not there',
    (m) => (m.files.tokenizer.path = 'words.json'),
    /words\.json: expected a file/,
  ],
  ['another hidden size', (m) => (m.hiddenSize = 128), /text_embedding to have shape \[\?, 128\]/],
  ['another vocabulary', (m) => (m.image.vocabulary = 500), /image_embedding to have shape \[500,/],
  ['more trained levels than tau has', (m) => (m.denoising.levels = 12), /timestep_embedding/],
  [
    'more levels than native code counts',
    (m) => (m.denoising.levels = 2 ** 23),
    /denoising\.levels/,
  ],
  ['another number of layers', (m) => (m.layers = 9), /past_key_values\.8\.0\.key/],
  ['another cache length', (m) => (m.maxLength += 8), /past_key_values\.0\.0\.key/],
  ['a begin token that does not exist', (m) => (m.prompt.begin = '<begin>'), /begin token <begin>/],
  [
    'another picture size',
    (m) => (m.image.width = 65),
    /image\.onnx|image of .*image_decoder\.onnx to be .*65/,
  ],
  [
    'fp16 graphs for other rows than fp32 ones',
    (m) => delete m.files.halfDecoder['1'],
    /files\.halfDecoder: must be for the same/,
  ],
  ['no decoder at all', (m) => (m.files.decoder = {}), /files\.decoder/],
])('%s is an error of the package', async (_what, edit, message) => {
  const folder = copies.make(edit);
  await expect(loadModel(folder)).rejects.toMatchObject({ code: 'ERR_MODEL' });
  await expect(loadModel(folder)).rejects.toThrow(message);
});

test.each([
  ['model.json', /expected JSON/],
  ['tables.safetensors', /tables\.safetensors/],
  ['tokenizer.json', /tokenizer\.json: expected SHA-256/],
  ['decoder_guided.onnx', /decoder_guided\.onnx/],
  ['image_decoder.onnx', /image_decoder\.onnx/],
])('%s cut in half is an error', async (name, message) => {
  const folder = copies.make();
  truncateSync(join(folder, name), readFileSync(join(folder, name)).length >> 1);
  await expect(loadModel(folder)).rejects.toThrow(message);
});

test('fp16 graphs give what fp32 ones give but for rounding, and are asked for in vain where there are none', async () => {
  await using whole = await loadModel(original);
  await using half = await loadModel(original, { precision: 'fp16' });
  const { tokens } = await whole.generate('a red apple', { decoder: 'ar', temperature: 1 });
  const image = tokens[0] as Int32Array;
  const [a, b] = await Promise.all(
    [whole, half].map((model) => model.score('a red apple', image, { temperature: 1, topK: 0 })),
  );
  // Ten bits of mantissa over six layers: logits of deviation 3 are off by about 0.01 each.
  expect(Math.abs((a?.mean ?? 0) - (b?.mean ?? 9))).toBeLessThan(0.02);
  expect(a?.mean).not.toBe(b?.mean);
  const folder = copies.make((manifest) => delete manifest.files.halfDecoder);
  await expect(loadModel(folder, { precision: 'fp16' })).rejects.toThrow(/files\.halfDecoder for/);
  await expect(loadModel(folder, { precision: 'int4' as 'fp16' })).rejects.toThrow(/precision/);
});

test('a flipped bit is found when the hashes are compared', async () => {
  const folder = copies.make();
  const file = join(folder, 'decoder.weights');
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
  writeFileSync(file, bytes);
  await expect(loadModel(folder, { verify: true })).rejects.toThrow(/expected SHA-256/);
  await (await loadModel(original, { verify: true })).dispose();
});

test('NaN in a table is found at once, NaN in the weights when it reaches the logits', async () => {
  const tables = copies.make();
  const file = join(tables, 'tables.safetensors');
  const bytes = readFileSync(file);
  bytes.writeFloatLE(Number.NaN, bytes.length - 4);
  writeFileSync(file, bytes);
  await expect(loadModel(tables)).rejects.toThrow(/to be finite but element \d+ is NaN/);

  const weights = copies.make();
  const nan = Buffer.alloc(readFileSync(join(weights, 'decoder.weights')).length, 0xff);
  writeFileSync(join(weights, 'decoder.weights'), nan);
  await expect(loadModel(weights)).rejects.toMatchObject({ code: 'ERR_NUMERICS' });
  await using model = await loadModel(weights, { check: false });
  await expect(model.generate('a cat')).rejects.toMatchObject({ code: 'ERR_NUMERICS' });
});

test('random damage to the manifest never gets further than an error', async () => {
  let state = 12345;
  const random = (n: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % n;
  };
  const values = [null, -1, 0, 1e300, 'x', [], {}, true, '', 2 ** 31, 0.5];
  const folder = copies.make();
  const text = readFileSync(join(folder, 'model.json'), 'utf8');
  for (let round = 0; round < 60; round++) {
    const manifest: Json = JSON.parse(text);
    let node = manifest;
    for (;;) {
      const keys = Object.keys(node);
      const key = keys[random(keys.length)] as string;
      if (node[key] && typeof node[key] === 'object' && random(3) > 0) {
        node = node[key];
        if (Object.keys(node).length > 0) continue;
        break;
      }
      if (random(4) === 0) delete node[key];
      else node[key] = values[random(values.length)];
      break;
    }
    writeFileSync(join(folder, 'model.json'), JSON.stringify(manifest));
    const outcome = await loadModel(folder).then(
      (model) => model.dispose(),
      (error: { code?: string }) => error.code,
    );
    expect([undefined, 'ERR_MODEL']).toContain(outcome);
  }
});
