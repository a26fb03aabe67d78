/** What every subject needs. */

/** What must not be, found by a subject. */
export class Defect extends Error {
  name = 'Defect';
}

/** Seeded choices: a case is a function of (seed, number), so that any case can be run alone. */
export class Random {
  #state;

  constructor(seed, number) {
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b)) >>> 0;
  }

  /** In [0, 1); mulberry32. */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** 0 to n - 1. */
  below(n) {
    return Math.floor(this.next() * n);
  }

  chance(probability) {
    return this.next() < probability;
  }

  pick(list) {
    return list[this.below(list.length)];
  }
}

/** One of the values that hardly any option takes, or a number at the edge of what it may take. */
export function hostile(random) {
  const made = random.pick(HOSTILE);
  return typeof made === 'function' ? made() : made;
}

/** Objects are made anew, as cases change what they are given. */
const HOSTILE = [
  undefined,
  null,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -0,
  -1,
  0,
  0.5,
  1,
  2,
  2 ** 20,
  2 ** 30,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 45,
  2 ** 53 - 1,
  2 ** 53,
  1e308,
  5e-324,
  0n,
  -1n,
  1n << 64n,
  '',
  '5',
  'gumbel',
  true,
  Symbol('hostile'),
  () => ({}),
  () => [],
  () => [1, 2, 3],
  () => () => 1,
  () => Object.create(null),
  () => new Proxy({}, {}),
  () => Object.defineProperty({}, 'constructor', { get: () => JSON.parse('no') }),
  () => new Date(Number.NaN),
  () => new DataView(new ArrayBuffer(64)),
  () => new ArrayBuffer(64),
  () => new SharedArrayBuffer(64),
  () => new Float64Array(16),
  () => new BigInt64Array(4),
  () => new Proxy(new Float32Array(64), {}),
  () => ({ length: 64, buffer: new ArrayBuffer(256), byteOffset: 0 }),
];
