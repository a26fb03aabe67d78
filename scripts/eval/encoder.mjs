/** The evaluation encoder (scripts/train/train_evaluation_encoder.py) on ONNX Runtime. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Tokenizer } from '@huggingface/tokenizers';
import { FrechetReference } from './frechet.mjs';

// A CommonJS package whose names an import cannot list.
const { InferenceSession, Tensor } = createRequire(import.meta.url)('onnxruntime-node');

export const ENCODER = join(dirname(fileURLToPath(import.meta.url)), 'encoder');

export class EvaluationEncoder {
  static async load(folder = ENCODER) {
    const json = (name) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
    // One thread that does not spin: it must not take the cores from what is being timed.
    const session = (name) =>
      InferenceSession.create(join(folder, name), {
        intraOpNumThreads: 1,
        extra: { session: { intra_op: { allow_spinning: '0' } } },
      });
    const encoder = new EvaluationEncoder();
    encoder.images = await session('image.onnx');
    encoder.texts = await session('text.onnx');
    encoder.tokenizer = new Tokenizer(json('tokenizer.json'), {});
    encoder.config = json('encoder.json');
    const statistics = json('statistics.json');
    encoder.statistics = statistics;
    encoder.heldOut = new FrechetReference(statistics.heldOut);
    encoder.training = new FrechetReference(statistics.training);
    return encoder;
  }

  /** Pixels of an RgbImage to a unit vector [width]. A larger picture is made smaller, by means of squares. */
  async image(picture) {
    const { size } = this.config;
    const factor = picture.width / size;
    if (!Number.isInteger(factor) || picture.height !== picture.width) {
      throw new Error(
        `Expected pictures of ${size} x ${size}, which the evaluation encoder was trained on, ` +
          `or of a multiple, but received ${picture.width} x ${picture.height}`,
      );
    }
    const area = size * size;
    const planes = new Float32Array(3 * area).fill(-1);
    const share = 1 / (127.5 * factor * factor);
    for (let y = 0; y < picture.height; y++) {
      for (let x = 0; x < picture.width; x++) {
        const from = 3 * (y * picture.width + x);
        const to = Math.floor(y / factor) * size + Math.floor(x / factor);
        for (let c = 0; c < 3; c++) planes[c * area + to] += picture.data[from + c] * share;
      }
    }
    const image = new Tensor('float32', planes, [1, 3, size, size]);
    return (await this.images.run({ image })).embedding.data;
  }

  /** A prompt to a unit vector [width]; the null vector if no word of it is known. */
  async text(prompt) {
    const { words } = this.config;
    const known = this.tokenizer.encode(prompt, { add_special_tokens: false }).ids.slice(0, words);
    const ids = BigInt64Array.from({ length: words }, (_, i) => BigInt(known[i] ?? 0));
    const result = await this.texts.run({ ids: new Tensor('int64', ids, [1, words]) });
    return result.embedding.data;
  }
}

export function dot(a, b) {
  return a.reduce((sum, value, i) => sum + value * b[i], 0);
}
