/** Which files a package may read, and what their graphs have to be: checked at load, as ERR_MODEL. */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '../src';
import { graphFacts } from '../src/model/onnx-graph';
import { editFile, editManifest, type Json, original, PackageCopies } from './package-copy';

const copies = new PackageCopies();

async function refused(folder: string, message: RegExp, options = {}): Promise<void> {
  await expect(loadModel(folder, options)).rejects.toMatchObject({
    code: 'ERR_MODEL',
    message: expect.stringMatching(message),
  });
}

/** The bytes of `from` replaced by as many others, where they come last. */
function replaced(bytes: Buffer, from: Buffer | string, to: Buffer | string): Buffer {
  const at = bytes.lastIndexOf(from);
  if (at < 0 || Buffer.from(from).length !== Buffer.from(to).length) throw new Error(`no ${from}`);
  const result = Buffer.from(bytes);
  result.set(Buffer.from(to), at);
  return result;
}

/** In a graph, field 2 of a dimension is its symbol and field 1 its size: a varint of any length. */
function fixedSize(symbol: string, size: number): [from: Buffer, to: Buffer] {
  const from = Buffer.concat([Buffer.from([0x12, symbol.length]), Buffer.from(symbol)]);
  const to = Buffer.alloc(from.length, 0x80);
  to.set([0x08, size | 0x80]);
  to[to.length - 1] = 0;
  return [from, to];
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 0x80);
  }
}

/** A field of a protocol buffer that holds bytes. */
function field(number: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([varint(number * 8 + 2), varint(body.length), body]);
}

describe('links and folders', () => {
  test('a link that leaves the folder is refused, and nothing of its target is told', async () => {
    const secret = join(copies.scratch, 'secret');
    writeFileSync(secret, 'hunter2');
    for (const name of ['model.json', 'tokenizer.json', 'tables.safetensors', 'decoder.onnx']) {
      const folder = copies.make();
      unlinkSync(join(folder, name));
      symlinkSync(secret, join(folder, name));
      const error = await loadModel(folder).catch((reason: Error) => reason);
      expect(error).toMatchObject({ code: 'ERR_MODEL' });
      expect(String(error)).toMatch(/must stay inside the model folder/);
      expect(String(error)).not.toMatch(/hunter/);
    }
  });

  test('so is a folder that is a link out of it', async () => {
    const folder = copies.make((m) => (m.files.tokenizer.path = 'words/tokenizer.json'));
    symlinkSync(original, join(folder, 'words'));
    await refused(folder, /must stay inside the model folder/);
  });

  test('a link inside the folder is fine, and so is a link to the folder', async () => {
    const folder = copies.make();
    mkdirSync(join(folder, 'files'));
    for (const name of ['tokenizer.json', 'tables.safetensors']) {
      renameSync(join(folder, name), join(folder, 'files', name));
      symlinkSync(join('files', name), join(folder, name));
    }
    const link = join(copies.scratch, 'link');
    symlinkSync(folder, link);
    await (await loadModel(link)).dispose();
  });

  test('a manifest that never ends is not read', async () => {
    const folder = copies.make();
    unlinkSync(join(folder, 'model.json'));
    execFileSync('mkfifo', [join(folder, 'model.json')]);
    await refused(folder, /model\.json: expected a file, found something else/);
  });

  test('a folder in the place of a file is refused', async () => {
    const folder = copies.make((m) => (m.files.tokenizer.path = 'files'));
    mkdirSync(join(folder, 'files'));
    await refused(folder, /files: expected a file, found something else/);
  });
});

describe('external data', () => {
  test('that the manifest omits is refused, verified or not', async () => {
    const folder = copies.make((m) => delete m.files.weights);
    const message = /reads the external data "decoder\.weights", which is not among the files/;
    await refused(folder, message);
    await refused(folder, message, { verify: true });
  });

  test.each(['../7.weights.txt', '/etc/passwd.txt'])('at %s is refused', async (place) => {
    const folder = copies.make();
    // The manifest's name stays, so that the graph's own is what leads outside.
    const from = 'decoder.weights';
    editFile(folder, 'decoder.onnx', (bytes) =>
      replaced(bytes, from, place.padEnd(15).slice(0, 15)),
    );
    await refused(folder, /decoder\.onnx: reads the external data/);
  });

  test('behind a link that leaves the folder is refused', async () => {
    const folder = copies.make();
    unlinkSync(join(folder, 'decoder.weights'));
    symlinkSync(join(original, 'decoder.weights'), join(folder, 'decoder.weights'));
    await refused(folder, /must stay inside/);
  });

  test('is found wherever a graph may hold tensors', () => {
    const text = (number: number, value: string) => field(number, Buffer.from(value));
    const tensor = (number: number, file: string) =>
      field(number, field(13, text(1, 'location'), text(2, file)));
    const model = Buffer.concat([
      field(
        7,
        tensor(5, 'initialiser'),
        field(15, tensor(1, 'sparse values'), tensor(2, 'sparse indices')),
        field(1, field(5, tensor(5, 'constant'), tensor(10, 'constants'))),
        field(1, field(5, field(6, field(1, field(5, field(11, tensor(5, 'branch'))))))),
        field(1, field(5, field(22, tensor(1, 'sparse constant')))),
      ),
      // Both halves of a repeated message count.
      field(7, tensor(5, 'second graph')),
      field(25, field(7, field(5, tensor(5, 'function')))),
      field(20, field(1, tensor(5, 'training'))),
      field(7, field(5, field(13, text(2, 'value first'), text(1, 'location')))),
      field(7, field(5, field(13, text(1, 'offset'), text(2, '4096')))),
    ]);
    expect(graphFacts(model).externalData).toEqual([
      ...['initialiser', 'sparse values', 'sparse indices', 'constant', 'constants', 'branch'],
      ...['sparse constant', 'second graph', 'function', 'training', 'value first'],
    ]);
  });

  test('of a graph that is cut anywhere is an error, not a hang or a wrong answer', () => {
    const bytes = readFileSync(join(original, 'decoder.onnx'));
    let whole = 0;
    for (let length = 0; length < bytes.length; length += 97) {
      try {
        graphFacts(bytes.subarray(0, length));
        whole++;
      } catch (error) {
        expect((error as Error).message).toMatch(/at byte \d+/);
      }
    }
    // The file is one large field and a few small ones: hardly a cut falls between two.
    expect(whole).toBeLessThan(5);
  });

  test('below a hundred messages deep is an error, not the end of the stack', () => {
    let nested: Buffer = Buffer.alloc(0);
    // A node, its attribute, the graph in that, and so on.
    for (let i = 0; i < 2000; i++) nested = field(1, field(5, field(6, nested)));
    expect(() => graphFacts(field(7, nested))).toThrow(/nests deeper than 100/);
  });
});

describe('hashes', () => {
  test.each([
    ...['decoder.onnx', 'decoder_guided.onnx', 'decoder_half.onnx', 'image_decoder.onnx'],
    'tokenizer.json',
  ])('one flipped bit of %s is found without being asked', async (name) => {
    const folder = copies.make();
    const bytes = readFileSync(join(folder, name));
    const at = bytes.length >> 1;
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(join(folder, name), bytes);
    await refused(folder, new RegExp(`${name}: expected SHA-256 [0-9a-f]{64} but found`));
  });

  test.each(['tables.safetensors', 'decoder.weights'])('one of %s on request', async (name) => {
    const folder = copies.make();
    const bytes = readFileSync(join(folder, name));
    const at = bytes.length - 1000;
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(join(folder, name), bytes);
    await refused(folder, /expected SHA-256/, { verify: true });
    await (await loadModel(folder)).dispose();
  });

  test('an abort ends the comparison', async () => {
    const controller = new AbortController();
    const work = loadModel(original, { verify: true, signal: controller.signal });
    setImmediate(() => controller.abort());
    await expect(work).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });
});

describe('graphs that contradict the manifest are refused at load', () => {
  test.each<[string, (manifest: Json) => void, RegExp]>([
    ['fewer layers than the graph', (m) => (m.layers = 7), /to have 18 inputs but it has 20/],
    [
      'more rows and columns than the image decoder takes',
      (m) => Object.assign(m.image, { rows: 20, columns: 16 }),
      /tokens of .*image_decoder\.onnx to be int64 with shape \[1, 320\]/,
    ],
    [
      'fewer of them',
      (m) => (m.image.rows = 8),
      /tokens of .*image_decoder\.onnx to be int64 with shape \[1, 128\]/,
    ],
    ['other query heads', (m) => (m.heads = 10), /expected attention of 10 heads .* but found 5/],
    ['heads that do not share keys', (m) => (m.heads = 3), /heads: must be a multiple of kvHeads/],
    ['a guidance out of range', (m) => (m.sampler.guidance = 101), /sampler\.guidance/],
    ['a temperature out of range', (m) => (m.sampler.temperature = 1e9), /sampler\.temperature/],
    ['more top-k than tokens', (m) => (m.sampler.topK = 1025), /sampler\.topK: must be at most/],
    [
      'a guidance that lacks its graph',
      (m) => {
        m.sampler.guidance = 3;
        delete m.files.decoder['2'];
        delete m.files.halfDecoder;
      },
      /sampler\.guidance: must be 1 without a decoder for two rows/,
    ],
    ['a schedule of infinite noise', (m) => (m.denoising.rho = 1e-300), /denoising\.rho/],
    ['one that falls', (m) => (m.denoising.sigmaMin = 50), /denoising\.sigmaMin: must be at most/],
    ['a picture of 2^40 pixels', (m) => (m.image.width = 2 ** 20), /image\.width/],
  ])('%s', async (_what, edit, message) => {
    await refused(copies.make(edit), message);
  });

  test('half a decoder whose SHA-256 is right', async () => {
    for (const name of ['decoder.onnx', 'image_decoder.onnx']) {
      const folder = copies.make();
      editFile(folder, name, (bytes) => bytes.subarray(0, bytes.length >> 1));
      await refused(folder, new RegExp(`${name}: the ONNX graph is cut off or damaged at byte`));
    }
  });

  test('bytes that are no graph at all to ONNX Runtime', async () => {
    const folder = copies.make();
    editFile(folder, 'decoder.onnx', () => Buffer.alloc(0));
    await refused(folder, /decoder\.onnx: ONNX Runtime/);
  });

  test('passes of one width only', async () => {
    for (const [symbol, tensor] of [
      ['sequence', 'inputs_embeds'],
      ['logits', 'logits'],
    ] as const) {
      const folder = copies.make();
      const [from, to] = fixedSize(symbol, 16);
      editFile(folder, 'decoder.onnx', (bytes) => replaced(bytes, from, to));
      await refused(folder, new RegExp(`${tensor} of .* \\[1, symbolic, \\d+\\] but it is .*16`));
    }
  });

  test('the default graph is the one that is checked, whichever it is', async () => {
    const folder = copies.make((m) => (m.sampler.guidance = 3));
    copyFileSync(join(folder, 'decoder.onnx'), join(folder, 'decoder_guided.onnx'));
    editManifest(folder, (m) => {
      m.files.decoder['2'].sha256 = m.files.decoder['1'].sha256;
    });
    await refused(folder, /decoder_guided\.onnx to be .*\[2,/);
  });
});
