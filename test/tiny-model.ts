import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const GRAPHS = path.join(__dirname, 'fixtures', 'tiny');
const WORDS = ['<pad>', '<unk>', '<boi>', '<uncond>', 'cat', 'dog'];
const HIDDEN = 4;
const VOCABULARY = 8;

export interface TinyModelParts {
  /** Files of test/fixtures/tiny, without their ending. */
  decoder?:
    | 'decoder'
    | 'endless-decoder'
    | 'symbolic-decoder'
    | 'huge-decoder'
    | 'wide-decoder'
    | 'wrapping-decoder';
  imageDecoder?: 'image-decoder' | 'endless-image-decoder';
  /** Fields of the manifest that are to be otherwise. */
  manifest?: Record<string, unknown>;
  /** What the tables are stored as, and their sizes, where they are not those of the graph `decoder`. */
  tables?: Partial<TableShape>;
}

interface TableShape {
  dtype: 'F32' | 'F16' | 'BF16';
  hidden: number;
  vocabulary: number;
}

/** Sizes of the graph `wide-decoder`, whose image table has 128 MB. */
export const WIDE = { hidden: 128, vocabulary: 2 ** 18 };

const folders: string[] = [];

/**
 * Writes a model of four tokens whose graphs may be endless (test/fixtures/tiny/make.py) into a
 * folder of its own, which is removed after the file's tests. It knows cats and dogs.
 */
export function tinyModel(parts: TinyModelParts = {}): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'sjd2-tiny-'));
  folders.push(folder);
  const files: Record<string, { path: string; sha256: string }> = {};
  const put = (name: string, file: string) => {
    const sha256 = createHash('sha256')
      .update(readFileSync(path.join(folder, file)))
      .digest('hex');
    files[name] = { path: file, sha256 };
  };
  copyFileSync(
    path.join(GRAPHS, `${parts.decoder ?? 'decoder'}.onnx`),
    path.join(folder, 'decoder.onnx'),
  );
  put('decoder', 'decoder.onnx');
  const image = `${parts.imageDecoder ?? 'image-decoder'}.onnx`;
  copyFileSync(path.join(GRAPHS, image), path.join(folder, 'image_decoder.onnx'));
  put('imageDecoder', 'image_decoder.onnx');
  const shape = { dtype: 'F32' as const, hidden: HIDDEN, vocabulary: VOCABULARY, ...parts.tables };
  writeTables(path.join(folder, 'tables.safetensors'), shape);
  put('tables', 'tables.safetensors');
  writeFileSync(path.join(folder, 'tokenizer.json'), JSON.stringify(tokenizer()));
  put('tokenizer', 'tokenizer.json');
  const { decoder, ...others } = files;
  const manifest = {
    format: 'sjd2-model',
    version: 1,
    name: 'tiny',
    license: 'Apache-2.0',
    hiddenSize: shape.hidden,
    layers: 1,
    heads: 1,
    kvHeads: 1,
    headSize: 8,
    maxLength: 8,
    image: { vocabulary: shape.vocabulary, rows: 2, columns: 2, width: 8, height: 8 },
    prompt: {
      length: 2,
      pad: '<pad>',
      unknown: '<unk>',
      begin: '<boi>',
      unconditional: '<uncond>',
    },
    sampler: { guidance: 1, temperature: 1, topK: 0, topP: 1 },
    denoising: null,
    cache: { layout: 'rows' },
    files: { decoder: { '1': decoder }, ...others },
    ...parts.manifest,
  };
  writeFileSync(path.join(folder, 'model.json'), JSON.stringify(manifest));
  return folder;
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Numbers that all three types hold exactly, up to where rows of the graph `decoder` end; then zeros, which take no disk. */
function writeTables(file: string, { dtype, hidden, vocabulary }: TableShape): void {
  const shapes = { image_embedding: vocabulary, text_embedding: WORDS.length };
  const width = dtype === 'F32' ? 4 : 2;
  const header: Record<string, object> = {};
  let end = 0;
  for (const [name, rows] of Object.entries(shapes)) {
    const begin = end;
    end += rows * hidden * width;
    header[name] = { dtype, shape: [rows, hidden], data_offsets: [begin, end] };
  }
  const json = JSON.stringify(header);
  const text = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const count = Math.min(end / width, HIDDEN * (VOCABULARY + WORDS.length));
  const values = Float32Array.from({ length: count }, (_, i) => Math.round(64 * Math.sin(i)) / 64);
  const bits = new Uint32Array(values.buffer);
  const stored =
    dtype === 'F32'
      ? values
      : Uint16Array.from(bits, (word) => (dtype === 'BF16' ? word >>> 16 : half(word)));
  writeFileSync(file, Buffer.concat([length, text, Buffer.from(stored.buffer)]));
  truncateSync(file, 8 + text.length + end);
}

/** The fp16 bits of a float that is one of its normal numbers. */
function half(bits: number): number {
  if ((bits & 0x7fffffff) === 0) return 0;
  return ((bits >>> 16) & 0x8000) | (((bits >>> 13) & 0x3ffff) - (112 << 10));
}

function tokenizer(): object {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: WORDS.slice(0, 4).map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: null,
    decoder: null,
    model: {
      type: 'WordPiece',
      unk_token: '<unk>',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(WORDS.map((word, id) => [word, id])),
    },
  };
}
