/**
 * Model packages that are damaged, contradict themselves or are hostile, in up to three places, and
 * what is done with them when they load all the same. A graph whose SHA-256 was made to fit is left out:
 * ONNX Runtime runs what it says (docs/model-package.md).
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Defect } from './cases.mjs';

const require = createRequire(import.meta.url);
const { loadModel, RgbImage } = require('../../dist/index.js');
const { graphFacts } = require('../../dist/model/onnx-graph.js');

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const original = join(root, 'models', 'emoji');
const files = readdirSync(original);
const manifest = JSON.parse(readFileSync(join(original, 'model.json'), 'utf8'));
const GRAPHS = files.filter((name) => name.endsWith('.onnx'));
/** Beside the original, so that what is not changed costs no copy. */
const scratch = mkdtempSync(join(root, 'build', 'abuse-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
const SECRET = 'a secret of this machine';
const outside = join(scratch, 'secret');
writeFileSync(outside, SECRET);

export default {
  calls: 2000,
  codes: ['ERR_MODEL', 'ERR_ARGUMENT', 'ERR_NUMERICS'],
  attempt,
};

async function attempt(random) {
  const folder = join(scratch, 'package');
  mkdirSync(folder);
  try {
    for (const name of files) linkSync(join(original, name), join(folder, name));
    const state = { folder, random, options: { threads: 1 }, prompt: 'a red apple' };
    for (let bends = 1 + random.below(3); bends > 0; bends--) random.pick(BENDS)(state);
    await use(state);
  } catch (error) {
    const message = String(error?.message);
    if (message.includes(SECRET)) throw new Defect(`told a secret: ${message}`);
    if (/[\p{Cc}]/u.test(message))
      throw new Defect(`control characters: ${JSON.stringify(message)}`);
    if (message.length > 3000) throw new Defect(`a message of ${message.length} characters`);
    if (error?.code !== 'ERR_ABORTED') throw error; // what the case asked for
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Loads it, and draws a little of a picture. */
async function use({ folder, options, prompt, random }) {
  const model = await loadModel(folder, options);
  try {
    model.unknownWords(prompt);
    const settings = random.chance(0.3) ? { guidance: 2 } : {};
    for await (const event of model.stream(prompt, { window: 8, ...settings })) {
      if (event.type === 'completed') check(event);
      // A picture in ten is drawn to its end.
      else if (event.passes === 3 && random.chance(0.9)) break;
    }
  } finally {
    await model.dispose();
  }
}

function check({ pixels, tokens }) {
  const { vocabulary } = manifest.image;
  if (!(pixels instanceof RgbImage)) throw new Defect('no picture');
  const { length } = tokens.filter((token) => token >= 0 && token < vocabulary);
  if (length !== tokens.length) throw new Defect('a token outside the vocabulary');
}

function read({ folder }, name) {
  const place = join(folder, name);
  // An earlier bend may have put a pipe there, which never ends.
  if (!lstatSync(place).isFile()) throw new Error('no file');
  return readFileSync(place);
}

/** Never in place: the file may be a link to the original. */
function write(state, name, bytes, honest = true) {
  unlinkSync(join(state.folder, name));
  writeFileSync(join(state.folder, name), bytes);
  if (!honest || name === 'model.json') return;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const old = createHash('sha256')
    .update(readFileSync(join(original, name)))
    .digest('hex');
  const text = read(state, 'model.json').toString();
  write(state, 'model.json', text.replaceAll(old, sha256));
}

/** Bits turned, a piece cut out or doubled, or an end: as disks and networks do it. */
function damaged(bytes, random) {
  const copy = Buffer.from(bytes);
  if (copy.length === 0) return Buffer.from([random.below(256)]);
  const at = random.below(copy.length);
  switch (random.below(5)) {
    case 0:
      return copy.subarray(0, at);
    case 1:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1 + random.below(64))]);
    case 2:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(Math.max(0, at - 32))]);
    default:
      for (let i = 1 + random.below(4); i > 0; i--) {
        copy[random.below(copy.length)] ^= 1 << random.below(8);
      }
      return copy;
  }
}

const VALUES = [
  ...[null, true, '', 'x', '../x', '/etc/passwd', '\u001b[31m\n', '<pad>', 'gpt2', 'a'.repeat(1e5)],
  ...[-1, 0, 1, 2, 0.5, 5, 8, 256, 2 ** 20, 2 ** 24, 2 ** 31, 2 ** 53, 1e300, 1e-300, -0],
];

function value(random) {
  if (random.chance(0.8)) return random.pick(VALUES);
  return random.pick([[], {}, [1, 2], { path: 'x' }, JSON.parse('{"__proto__": {"layers": 1}}')]);
}

/** One node of a JSON document replaced, removed, doubled or scaled. */
function bendJson(document, random) {
  let node = document;
  for (;;) {
    const keys = Object.keys(node);
    if (keys.length === 0) return;
    const key = random.pick(keys);
    if (node[key] !== null && typeof node[key] === 'object' && random.chance(0.7)) {
      node = node[key];
      continue;
    }
    const act = random.below(5);
    if (act === 0) delete node[key];
    else if (act === 1) node[`${key}2`] = node[key];
    else if (act === 2 && typeof node[key] === 'number') node[key] *= random.pick([2, 0.5, -1, 10]);
    else if (act === 3) node[key] = node[random.pick(keys)];
    else node[key] = value(random);
    return;
  }
}

function bendJsonFile(state, name) {
  let document;
  try {
    document = JSON.parse(read(state, name));
  } catch {
    return; // damaged already
  }
  if (document !== null && typeof document === 'object') bendJson(document, state.random);
  write(state, name, Buffer.from(JSON.stringify(document)));
}

/** The header of tables.safetensors bent, its length kept true. */
function bendTables(state) {
  const { random } = state;
  const bytes = read(state, 'tables.safetensors');
  if (bytes.length < 8) return;
  const length = Number(bytes.readBigUInt64LE(0));
  let header;
  try {
    header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  } catch {
    return;
  }
  bendJson(header, random);
  const text = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(random.chance(0.9) ? BigInt(text.length) : 2n ** 62n);
  write(state, 'tables.safetensors', Buffer.concat([prefix, text, bytes.subarray(8 + length)]));
}

/** NaN, infinities and numbers at the end of what fp32 holds. */
function bendNumbers(state) {
  const { random } = state;
  const name = random.pick(['tables.safetensors', 'decoder.weights']);
  const bytes = Buffer.from(read(state, name));
  if (bytes.length < 4096) return;
  for (let i = 1 + random.below(100); i > 0; i--) {
    const at = 2048 + 4 * random.below((bytes.length - 2048) >> 2);
    bytes.writeUInt32LE(random.pick([0x7fc00000, 0x7f800000, 0xff800000, 0x7f7fffff, 1]), at);
  }
  write(state, name, bytes);
}

function replaceFile(state) {
  const { folder, random } = state;
  const name = random.pick(files);
  const place = join(folder, name);
  rmSync(place, { recursive: true, force: true });
  const makers = [
    () => {},
    () => writeFileSync(place, ''),
    () => mkdirSync(place),
    () => symlinkSync(outside, place),
    () => symlinkSync(join(original, name), place),
    () => symlinkSync(random.pick(files), place),
    () => symlinkSync('/dev/zero', place),
    () => execFileSync('mkfifo', [place]),
  ];
  random.pick(makers)();
}

/** A graph with damage that its SHA-256 does not know of; our own reading of it has to stand that, too. */
function bendGraph(state) {
  const name = state.random.pick(GRAPHS);
  const bytes = damaged(read(state, name), state.random);
  try {
    const { externalData } = graphFacts(bytes);
    if (!Array.isArray(externalData)) throw new Defect('no facts');
  } catch (error) {
    if (!/at byte \d+$/.test(error.message)) throw new Defect(error.stack);
  }
  write(state, name, bytes, false);
}

const guarded = (bend) => (state) => {
  try {
    bend(state);
  } catch (error) {
    if (error.syscall === undefined && error.message !== 'no file') throw error;
  }
};

const BENDS = [
  ...new Array(6).fill((state) => bendJsonFile(state, 'model.json')),
  ...new Array(5).fill((state) => bendJsonFile(state, 'tokenizer.json')),
  ...new Array(3).fill(bendTables),
  ...new Array(2).fill(bendNumbers),
  ...new Array(2).fill(bendGraph),
  ...new Array(3).fill(replaceFile),
  (state) => write(state, 'model.json', damaged(read(state, 'model.json'), state.random)),
  (state) => write(state, 'tokenizer.json', damaged(read(state, 'tokenizer.json'), state.random)),
  (state) => write(state, 'decoder.weights', damaged(read(state, 'decoder.weights'), state.random)),
  (state) =>
    write(state, 'tables.safetensors', damaged(read(state, 'tables.safetensors'), state.random)),
  (state) => Object.assign(state.options, { verify: state.random.pick([true, 'x']) }),
  (state) => Object.assign(state.options, { signal: AbortSignal.timeout(state.random.below(100)) }),
  (state) => {
    const words = ['red', 'apple', '<boi>', '<pad>', '🍎', '\u0000', '\u202e', 'etc/red', '\ud800'];
    const count = state.random.pick([1, 3, 12, 2000]);
    state.prompt = Array.from({ length: count }, () => state.random.pick(words)).join(' ');
  },
].map(guarded);
