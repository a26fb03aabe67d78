/** `sjd2/kernels`: calls that are right, bent in up to three places. */
import { createRequire } from 'node:module';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { Defect, hostile } from './cases.mjs';

const kernels = createRequire(import.meta.url)('../../dist/kernels.js');

/** Memory that another thread writes all the time. */
const raced = new SharedArrayBuffer(2 ** 16);
new Worker(
  `const words = new Int32Array(require('node:worker_threads').workerData);
   const pause = new Int32Array(new SharedArrayBuffer(4));
   const values = [0, 1, -1, 5, 1 << 30, 0x7fc00000, 0x7f800000, 0x3f800000, -8388608];
   for (;;) {
     for (let i = 0; i < 20000; i++) {
       words[(Math.random() * words.length) | 0] = values[(Math.random() * values.length) | 0];
     }
     Atomics.wait(pause, 0, 0, 1);
   }`,
  { eval: true, workerData: raced },
).unref();

const foreign = runInNewContext('({ Float32Array, Int32Array, Uint8Array, Uint16Array })');

/** Thrown by a getter of ours: it is the caller's own and comes back as it is. */
class OwnError extends Error {}

const ARRAYS = {
  verify: ['logits', 'drafts', 'level', 'laws', 'kept'],
  noise: ['drafts', 'level', 'z', 'out', 'table.embedding', 'table.mean', 'table.std'],
  refine: ['drafts', 'level', 'z', 'table.embedding', 'table.mean', 'table.std'],
};
for (const name of ['noise', 'refine'])
  ARRAYS[name].push('schedule.alpha', 'schedule.sigma', 'schedule.tau');
const NUMBERS = {
  verify: ['vocabulary', 'rows', 'relaxed', 'guidance', 'temperature', 'topK', 'topP', 'seed'],
  noise: ['fed', 'freshFrom', 'seed', 'rows', 'rowStride'],
  refine: [],
};
for (const names of Object.values(NUMBERS)) {
  names.push('window.first', 'window.count', 'window.capacity');
}
NUMBERS.verify.push('pass');
const OBJECTS = ['window', 'table', 'schedule'];

export default {
  calls: 20_000,
  codes: ['ERR_ARGUMENT', 'ERR_NUMERICS', 'ERR_STATE'],
  attempt,
};

async function attempt(random) {
  const kernel = random.pick(['noise', 'refine', 'verify', 'verify']);
  const asynchronous = random.chance(0.4);
  const state = {
    kernel,
    random,
    options: random.chance(0.02) ? hostile(random) : rightCall(kernel, random),
    /** Another thread, a getter or we ourselves change arrays while the call is at work. */
    unsteady: false,
    transferred: false,
    meanwhile: [],
  };
  if (state.options?.window) {
    const bends = random.below(4);
    for (let i = 0; i < bends; i++) {
      try {
        random.pick(asynchronous ? ASYNC_BENDS : BENDS)(state);
      } catch {
        // What an earlier bend left cannot be bent like this.
      }
    }
  }
  const before = snapshot(state);
  try {
    const result = asynchronous ? await later(state) : kernels[kernel](state.options);
    checkResult(state, result);
  } catch (error) {
    if (error instanceof OwnError) return;
    if (error instanceof Defect) throw error;
    if (error?.code === 'ERR_STATE' && !state.transferred) throw new Defect(error.stack);
    if (!state.unsteady) checkUntouched(before, error);
    throw error;
  }
}

/** The asynchronous form, with what is done to its arrays while it is at work. */
async function later(state) {
  const promise = kernels[`${state.kernel}Async`](state.options);
  promise.catch(() => {});
  for (const act of state.meanwhile) act();
  return promise;
}

function rightCall(kernel, random) {
  const count = 1 + random.below(6);
  const window = { first: random.below(2000), count, capacity: count + random.below(4) };
  return kernel === 'verify' ? rightVerify(window, random) : rightNoise(kernel, window, random);
}

function rightVerify(window, random) {
  const vocabulary = random.pick([1, 2, 6, 40, 64, 111, 2048, 4096]);
  const rows = 1 + random.below(2);
  const size = rows * window.count * vocabulary;
  const half = random.chance(0.3);
  const call = {
    window,
    vocabulary,
    rows,
    logits: half
      ? Uint16Array.from({ length: size }, () => random.below(0x7bff))
      : Float32Array.from({ length: size }, () => 8 * random.next() - 4),
    drafts: Int32Array.from({ length: window.capacity }, () => random.below(vocabulary + 1) - 1),
    level: Int32Array.from({ length: window.capacity }, () => random.below(2)),
    coupling: random.pick(['gumbel', 'maximal', 'independent']),
    pass: random.below(1000),
    temperature: random.pick([0, 0.4, 1]),
    topK: random.pick([0, 1, 5, 1000]),
    topP: random.pick([1, 0.9]),
    seed: random.below(100),
    relaxed: random.below(2),
  };
  if (rows === 2) call.guidance = random.pick([0, 1, 3]);
  if (half) call.type = random.pick(['float16', 'bfloat16']);
  if (call.coupling !== 'gumbel' || random.chance(0.3)) {
    call.laws = new Float32Array(window.capacity * vocabulary).fill(1 / vocabulary);
  }
  if (random.chance(0.5)) call.kept = new Uint8Array(window.count);
  return call;
}

function rightNoise(kernel, window, random) {
  const hidden = random.pick([1, 3, 16, 40, 256]);
  const vocabulary = random.pick([1, 5, 64]);
  const steps = 1 + random.below(4);
  const floats = (length) => Float32Array.from({ length }, () => random.next() + 0.1);
  const call = {
    window,
    table: {
      embedding: floats(vocabulary * hidden),
      mean: floats(hidden),
      std: floats(hidden),
    },
    schedule: {
      alpha: floats(steps + 1),
      sigma: floats(steps + 1),
      tau: floats((steps + 1) * hidden),
    },
    drafts: Int32Array.from({ length: window.capacity }, () => random.below(vocabulary)),
    level: Int32Array.from({ length: window.capacity }, () => random.below(steps + 1)),
    z: floats(window.capacity * hidden),
  };
  if (kernel === 'refine') return call;
  call.rows = 1 + random.below(3);
  call.fed = random.below(window.count + 1);
  call.freshFrom = window.first + random.below(window.count + 1);
  if (random.chance(0.3)) call.rowStride = call.fed * hidden + random.below(9);
  call.out = floats((call.rows - 1) * (call.rowStride ?? call.fed * hidden) + call.fed * hidden);
  return call;
}

// Fields by path: 'table.mean' is one of an object of the options.

function get(state, path) {
  return path.split('.').reduce((object, name) => object?.[name], state.options);
}

function set(state, path, value) {
  const [first, second] = path.split('.');
  const holder = second ? state.options[first] : state.options;
  if (holder !== null && typeof holder === 'object') {
    Object.defineProperty(holder, second ?? first, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }
}

function anyPath({ kernel, random }) {
  return random.pick([...ARRAYS[kernel], ...NUMBERS[kernel], ...OBJECTS]);
}

/** Arrays with a false length or buffer, which nothing here could handle. */
const liars = new WeakSet();

/** A path to a typed array of the call, and the array. */
function anyArray(state) {
  const path = state.random.pick(ARRAYS[state.kernel]);
  const array = get(state, path);
  const typed = ArrayBuffer.isView(array) && !(array instanceof DataView) && !liars.has(array);
  return typed ? { path, array } : undefined;
}

function transfer(array) {
  try {
    structuredClone(array.buffer, { transfer: [array.buffer] });
  } catch {
    return; // shared, or of WebAssembly, or transferred already
  }
  gc({ type: 'minor' });
}

function garble(array, random) {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const kind = random.below(4);
  for (let i = 0; i < bytes.length; i++) {
    if (kind === 0 || random.chance(0.05)) bytes[i] = kind === 1 ? 0xff : random.below(256);
  }
  if (kind === 3) array.fill(random.pick([-1, 0, 1, 2 ** 30, Number.NaN, -5, 3e38]));
}

/** The same numbers in another kind of memory. */
function moved(array, random) {
  const { length, constructor: Kind } = array;
  const bytes = array.byteLength;
  const into = (buffer, offset = 0) => {
    const copy = new Kind(buffer, offset, length);
    copy.set(array);
    return copy;
  };
  switch (random.below(9)) {
    case 0:
      return into(new SharedArrayBuffer(bytes));
    case 1:
      return into(new ArrayBuffer(bytes, { maxByteLength: 2 * bytes + 8 }));
    case 2:
      return into(new SharedArrayBuffer(bytes, { maxByteLength: 2 * bytes + 8 }));
    case 3:
      return into(new WebAssembly.Memory({ initial: 1 + Math.ceil(bytes / 65536) }).buffer);
    case 4:
      return into(new ArrayBuffer(bytes + 4 * 8), 4 * random.below(8)); // not on a cache line
    case 5:
      return foreign[Kind.name]?.from(array) ?? array;
    case 6: // follows the length of its buffer
      return new Kind(new ArrayBuffer(bytes, { maxByteLength: bytes + 64 }));
    case 7: {
      const lying = into(new ArrayBuffer(bytes));
      liars.add(lying);
      const lie = { value: random.pick([0, 2 ** 31, new ArrayBuffer(8)]) };
      return Object.defineProperty(lying, random.pick(['length', 'buffer', 'byteLength']), lie);
    }
    default:
      return new (class extends Kind {})(array);
  }
}

const BENDS = [
  function hostileValue(state) {
    set(state, anyPath(state), hostile(state.random));
  },
  function edgeNumber(state) {
    const path = state.random.pick(NUMBERS[state.kernel].concat('window.count'));
    const value = get(state, path);
    const near = typeof value === 'number' ? [value - 1, value + 1, value * 2, -value] : [];
    set(
      state,
      path,
      state.random.pick([...near, 0, 2 ** 19 + 1, 2 ** 30, 2 ** 31, 2 ** 45, 2 ** 53 - 1]),
    );
  },
  function shorter(state) {
    const found = anyArray(state);
    if (found)
      set(state, found.path, found.array.subarray(0, state.random.below(found.array.length + 1)));
  },
  function otherMemory(state) {
    const found = anyArray(state);
    if (found) set(state, found.path, moved(found.array, state.random));
  },
  function transferredBefore(state) {
    const found = anyArray(state);
    if (found) transfer(found.array);
  },
  function overlapping(state) {
    const [one, other] = [anyArray(state), anyArray(state)];
    if (!one || !other || one.path === other.path) return;
    const offset = 4 * state.random.below(8);
    const buffer = new ArrayBuffer(one.array.byteLength + other.array.byteLength + offset);
    for (const { path, array } of [one, other]) {
      const copy = new array.constructor(buffer, path === one.path ? 0 : offset, array.length);
      copy.set(array);
      set(state, path, copy);
    }
  },
  function garbage(state) {
    const found = anyArray(state);
    if (found) garble(found.array, state.random);
  },
  function raceWithAnother(state) {
    const found = anyArray(state);
    if (!found || found.array.byteLength > raced.byteLength) return;
    state.unsteady = true;
    set(state, found.path, new found.array.constructor(raced, 0, found.array.length));
  },
  function getter(state) {
    const path = anyPath(state);
    const [first, second] = path.split('.');
    const holder = second ? state.options[first] : state.options;
    if (holder === null || typeof holder !== 'object') return;
    const value = get(state, path);
    const victim = anyArray(state)?.array;
    const { random } = state;
    const act = random.below(4);
    state.unsteady = true;
    let reads = 0;
    Object.defineProperty(holder, second ?? first, {
      configurable: true,
      enumerable: true,
      get() {
        if (act === 0) throw new OwnError('of the getter');
        if (act === 1 && victim) transfer(victim);
        if (act === 2 && victim?.byteLength) garble(victim, random);
        return reads++ > 0 ? hostile(random) : value;
      },
    });
  },
  function proxy(state) {
    const { random } = state;
    const name = random.pick(OBJECTS);
    const inner = state.options[name];
    if (inner === null || typeof inner !== 'object') return;
    set(
      state,
      name,
      new Proxy(inner, {
        get: (target, key) => (random.chance(0.2) ? hostile(random) : target[key]),
      }),
    );
    state.unsteady = true;
  },
  function fields(state) {
    if (state.random.chance(0.5)) set(state, `unknown${state.random.below(3)}`, 1);
    else delete state.options[anyPath(state)];
  },
];

const ASYNC_BENDS = [
  ...BENDS,
  ...new Array(6).fill(function meanwhile(state) {
    const found = anyArray(state);
    if (!found) return;
    const { random } = state;
    const act = random.below(3);
    state.unsteady = true;
    if (act === 0) state.transferred = true;
    state.meanwhile.push(() => {
      if (act === 0) transfer(found.array);
      if (act === 1 && found.array.byteLength) garble(found.array, random);
      if (act === 2) kernels[`${state.kernel}Async`](state.options).catch(() => {});
    });
  }),
];

/** The arrays that a call may write, with what they hold. */
function snapshot(state) {
  if (!state.options || typeof state.options !== 'object' || state.unsteady) return [];
  return ARRAYS[state.kernel].flatMap((path) => {
    const array = get(state, path);
    if (!ArrayBuffer.isView(array) || array.byteLength === 0) return [];
    const bytes = () => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
    try {
      return [{ path, bytes, was: Buffer.from(bytes()) }];
    } catch {
      return []; // an array that lies about its buffer
    }
  });
}

function checkUntouched(before, error) {
  for (const { path, bytes, was } of before) {
    if (!bytes().equals(was)) throw new Defect(`${path} changed, then: ${error?.stack}`);
  }
}

function checkResult({ kernel, options, unsteady }, result) {
  if (kernel !== 'verify' || unsteady) return;
  const { window, vocabulary, drafts, laws } = options;
  if (!(result.accepted < window.count && result.committed === result.accepted + 1)) {
    throw new Defect(`accepted ${result.accepted}, commit ${result.committed} of ${window.count}`);
  }
  for (let j = 0; j < window.count; j++) {
    const slot = (window.first + j) % window.capacity;
    const draft = drafts[slot];
    if (!(draft >= 0 && draft < vocabulary)) throw new Defect(`drafted ${draft} of ${vocabulary}`);
    if (!laws) continue;
    const law = Float32Array.prototype.slice.call(laws, slot * vocabulary, (slot + 1) * vocabulary);
    const sum = law.reduce((total, p) => total + p, 0);
    if (!(Math.abs(sum - 1) < 1e-3)) throw new Defect(`a law that sums to ${sum}`);
    if (!(law[draft] > 0)) throw new Defect(`a token of probability ${law[draft]}`);
  }
}
