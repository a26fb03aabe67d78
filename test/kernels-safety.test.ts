/**
 * What `sjd2/kernels` refuses, and what it leaves untouched. Each of these ended the process, or
 * gave a wrong law without a word, in version 0.1.0.
 */
import {
  initialLaw,
  type NoiseOptions,
  noise,
  noiseAsync,
  type RefineOptions,
  refine,
  refineAsync,
  type VerifyOptions,
  verify,
  verifyAsync,
} from '../src/kernels';

const vocabulary = 8;
const hidden = 4;
const window = { first: 10, count: 3, capacity: 5 };

function verifyCall(more: Partial<VerifyOptions> = {}): VerifyOptions & { laws: Float32Array } {
  return {
    window,
    vocabulary,
    logits: Float32Array.from({ length: 3 * vocabulary }, (_, i) => Math.sin(1.3 * i)),
    coupling: 'maximal',
    pass: 1,
    drafts: Int32Array.of(1, 2, 3, 4, 5),
    level: new Int32Array(5),
    laws: new Float32Array(5 * vocabulary).fill(1 / vocabulary),
    ...more,
  } as VerifyOptions & { laws: Float32Array };
}

function noiseCall(more: Partial<NoiseOptions> = {}): NoiseOptions {
  return {
    window,
    table: {
      embedding: Float32Array.from({ length: vocabulary * hidden }, (_, i) => Math.sin(i)),
      mean: new Float32Array(hidden),
      std: new Float32Array(hidden).fill(1),
    },
    schedule: {
      alpha: Float32Array.of(1, 0.8, 0.1),
      sigma: Float32Array.of(0, 0.6, 0.9),
      tau: new Float32Array(3 * hidden),
    },
    drafts: Int32Array.of(1, 2, 3, 4, 5),
    level: Int32Array.of(0, 1, 2, 0, 1),
    z: Float32Array.from({ length: 5 * hidden }, (_, i) => Math.cos(i)),
    out: new Float32Array(3 * hidden),
    ...more,
  };
}

function refineCall(more: Partial<RefineOptions> = {}): RefineOptions {
  const { out: _, ...call } = noiseCall();
  return { ...call, ...more };
}

/** All arrays of a call, as they are now. */
function contents(call: object): unknown[] {
  return Object.values(call)
    .filter(ArrayBuffer.isView)
    .map((array) => [...(array as Int32Array)]);
}

const argument = (message: RegExp) =>
  expect.objectContaining({ code: 'ERR_ARGUMENT', message: expect.stringMatching(message) });

/** The memory of an array gets another owner, who throws it away. */
const transfer = (array: ArrayBufferView) => {
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
};

describe('the number of the pass', () => {
  test('is needed where it numbers coins: one coin for all passes is no coin', () => {
    for (const coupling of ['maximal', 'independent'] as const) {
      expect(() => verify(verifyCall({ coupling, pass: undefined }))).toThrow(
        argument(/pass to be given/),
      );
      verify(verifyCall({ coupling, pass: undefined, temperature: 0 }));
    }
    verify(verifyCall({ coupling: 'gumbel', pass: undefined }));
  });

  test('makes a draft be kept as often as its coin says', () => {
    // p is 1/2 and q is 1: kept with probability 1/2, whatever the seed and position.
    let kept = 0;
    const trials = 4000;
    for (let pass = 0; pass < trials; pass++) {
      kept += verify({
        window: { first: 0, count: 1, capacity: 1 },
        vocabulary: 2,
        logits: new Float32Array(2),
        coupling: 'maximal',
        pass,
        drafts: Int32Array.of(0),
        level: new Int32Array(1),
        laws: Float32Array.of(1, 0),
      }).kept;
    }
    // Five standard deviations of a fair coin.
    expect(Math.abs(kept / trials - 0.5)).toBeLessThan((5 * 0.5) / Math.sqrt(trials));
  });
});

describe('sizes', () => {
  test.each([
    ['copies that wrap 2^64', { rows: 2 ** 19 + 1, rowStride: 2 ** 45 }],
    ['the largest of both', { rows: 2 ** 20, rowStride: Number.MAX_SAFE_INTEGER }],
    ['a stride below a row', { rowStride: 3 * hidden - 1 }],
    ['a ring of a billion', { window: { ...window, capacity: 2 ** 30 } }],
  ])('%s do not pass as small', (_what, more) => {
    expect(() => noise(noiseCall(more))).toThrow(argument(/at least|more than 2\^40/));
  });

  test('a huge vocabulary or window is compared with what is there', () => {
    expect(() => verify(verifyCall({ vocabulary: 2 ** 24 }))).toThrow(argument(/logits/));
    const wide = { first: 0, count: 2 ** 30, capacity: 2 ** 30 };
    expect(() => verify(verifyCall({ window: wide, kept: undefined }))).toThrow(argument(/logits/));
  });
});

describe('arrays that change under a worker', () => {
  test('what is done to inputs after the call changes nothing', async () => {
    const expected = verifyCall();
    const verdict = verify(expected);
    const call = verifyCall();
    const promise = verifyAsync(call);
    call.drafts.fill(2 ** 30);
    call.level.fill(-5);
    (call.logits as Float32Array).fill(Number.NaN);
    call.laws.fill(Number.NaN);
    expect(await promise).toEqual(verdict);
    expect([...call.drafts.subarray(0, 3)]).toEqual([...expected.drafts.subarray(0, 3)]);
  });

  test.each(['logits', 'level'] as const)('%s may be transferred meanwhile', async (name) => {
    const expected = verifyCall();
    verify(expected);
    const call = verifyCall();
    const promise = verifyAsync(call);
    transfer(call[name]);
    await promise;
    expect(call.drafts).toEqual(expected.drafts);
    expect(call.laws).toEqual(expected.laws);
  });

  test.each(['drafts', 'laws', 'kept'] as const)(
    'where %s should be written but was transferred, nothing is written',
    async (name) => {
      const call = { ...verifyCall(), kept: new Uint8Array(3).fill(7) };
      const others = ['drafts', 'laws', 'kept'].filter((other) => other !== name);
      const before = others.map((other) => [...call[other as 'kept']]);
      const promise = verifyAsync(call);
      transfer(call[name]);
      await expect(promise).rejects.toMatchObject({
        code: 'ERR_STATE',
        message: expect.stringContaining(name),
      });
      expect(others.map((other) => [...call[other as 'kept']])).toEqual(before);
    },
  );

  test('of noise and refine, too', async () => {
    for (const name of ['z', 'out'] as const) {
      const call = noiseCall();
      const promise = noiseAsync(call);
      transfer(call[name]);
      await expect(promise).rejects.toMatchObject({ code: 'ERR_STATE' });
    }
    const [expected, call] = [refineCall(), refineCall()];
    refine(expected);
    const promise = refineAsync(call);
    transfer(call.table.embedding);
    await promise;
    expect(call.z).toEqual(expected.z);
    expect(call.level).toEqual(expected.level);
  });

  test('the asynchronous forms give what the synchronous ones give', async () => {
    const [one, two] = [noiseCall({ freshFrom: 11 }), noiseCall({ freshFrom: 11 })];
    noise(one);
    await noiseAsync(two);
    expect(contents(two)).toEqual(contents(one));
  });

  test('a buffer that can change its size is refused', async () => {
    // Newer than the library that the types describe.
    const [Buffer_, Shared] = [ArrayBuffer, SharedArrayBuffer] as unknown as (new (
      length: number,
      options: { maxByteLength: number },
    ) => ArrayBuffer)[];
    const [resizable, growable] = [Buffer_, Shared].map(
      (Kind) => new Int32Array(new (Kind as typeof Buffer_)(20, { maxByteLength: 40 })),
    ) as [Int32Array, Int32Array];
    for (const drafts of [resizable, growable]) {
      expect(() => verify(verifyCall({ drafts }))).toThrow(argument(/drafts.*fixed length/));
      await expect(verifyAsync(verifyCall({ drafts }))).rejects.toEqual(
        argument(/drafts.*fixed length/),
      );
    }
  });

  test('shared memory is for the synchronous form', async () => {
    const shared = <T extends Int32Array | Float32Array>(array: T): T => {
      const copy = new (array.constructor as new (b: SharedArrayBuffer) => T)(
        new SharedArrayBuffer(array.byteLength),
      );
      copy.set(array);
      return copy;
    };
    const expected = verifyCall();
    verify(expected);
    const base = verifyCall();
    const call = verifyCall({
      drafts: shared(base.drafts),
      level: shared(base.level),
      laws: shared(base.laws),
      logits: shared(base.logits as Float32Array),
    });
    await expect(verifyAsync(call)).rejects.toEqual(argument(/no other thread/));
    verify(call);
    expect([...call.drafts]).toEqual([...expected.drafts]);
    expect([...call.laws]).toEqual([...expected.laws]);
  });

  test('a getter that transfers an array is seen before the array is looked at', () => {
    const call = verifyCall();
    const trap = Object.defineProperty({ ...call }, 'kept', {
      enumerable: true,
      get: () => transfer(call.logits),
    });
    expect(() => verify(trap)).toThrow(
      argument(/logits to have at least 24 elements but it has 0/),
    );
  });

  test('every option is read once', () => {
    const counted = <T extends object>(object: T, reads: Map<unknown, number>): T =>
      new Proxy(object, {
        get(target, name) {
          reads.set(name, (reads.get(name) ?? 0) + 1);
          return Reflect.get(target, name);
        },
      });
    const ofVerify = new Map<unknown, number>();
    verify(counted({ ...verifyCall(), window: counted(window, ofVerify) }, ofVerify));
    const ofNoise = new Map<unknown, number>();
    const { table, schedule, ...rest } = noiseCall();
    const parts = { table: counted(table, ofNoise), schedule: counted(schedule, ofNoise) };
    noise(counted({ ...rest, seed: 3, ...parts }, ofNoise));
    for (const reads of [ofVerify, ofNoise]) {
      expect(reads.size).toBeGreaterThan(10);
      expect([...reads.values()].every((count) => count === 1)).toBe(true);
    }
  });
});

describe('arrays that overlap', () => {
  const slab = () => new ArrayBuffer(4096);

  test.each([
    ['out', 'drafts'],
    ['out', 'level'],
    ['out', 'z'],
    ['z', 'drafts'],
    ['z', 'level'],
  ] as const)('%s over %s is refused', (one, other) => {
    const buffer = slab();
    const call = noiseCall() as unknown as Record<string, object>;
    for (const name of [one, other]) {
      const array = call[name] as Float32Array;
      const View = array.constructor as Float32ArrayConstructor;
      call[name] = new View(buffer, name === one ? 0 : 8, array.length);
    }
    expect(() => noise(call as never)).toThrow(argument(/not to overlap/));
  });

  test('the table and what is written, too', () => {
    const buffer = slab();
    const call = noiseCall({ out: new Float32Array(buffer, 0, 3 * hidden) });
    call.table.mean = new Float32Array(buffer, 16, hidden);
    expect(() => noise(call)).toThrow(argument(/out/));
    const inPlace = refineCall();
    inPlace.z = inPlace.table.embedding;
    expect(() => refine(inPlace)).toThrow(argument(/table.embedding and z not to overlap/));
  });

  test.each([
    ['laws', 'drafts'],
    ['laws', 'logits'],
    ['laws', 'level'],
    ['drafts', 'logits'],
    ['drafts', 'level'],
    ['kept', 'drafts'],
    ['kept', 'laws'],
  ] as const)('%s over %s is refused by verify', async (one, other) => {
    const buffer = slab();
    const call = { ...verifyCall(), kept: new Uint8Array(3) } as Record<string, unknown>;
    for (const name of [one, other]) {
      const array = call[name] as Float32Array;
      const View = array.constructor as Float32ArrayConstructor;
      call[name] = new View(buffer, 0, array.length);
    }
    new Float32Array(buffer).fill(1 / vocabulary);
    if (one === 'drafts' || other === 'drafts') new Int32Array(buffer, 0, 5).fill(1);
    call.coupling = 'gumbel';
    expect(() => verify(call as never)).toThrow(argument(/not to overlap/));
    await expect(verifyAsync(call as never)).rejects.toEqual(argument(/not to overlap/));
  });

  test('neighbours in one buffer, and arrays that are only read, may share', () => {
    const buffer = slab();
    const call = noiseCall({
      out: new Float32Array(buffer, 0, 3 * hidden),
      z: new Float32Array(buffer, 4 * 3 * hidden, 5 * hidden),
    });
    call.table.mean = call.table.std;
    noise(call);
  });
});

describe('laws that cannot be the laws of their drafts', () => {
  const law = (row: number[]) => {
    const call = verifyCall();
    call.laws.set(row, 2 * vocabulary); // slot 2, position 12, draft 3
    return call;
  };
  const uniform = new Array(vocabulary).fill(1 / vocabulary);

  test.each([
    ['gives its draft 0', uniform.map((q, v) => (v === 3 ? 0 : q * (8 / 7))), /token 3, 0/],
    ['sums to 4', uniform.map((q) => 4 * q), /sums to 4/],
    ['was never written', uniform.map(() => 0), /sums to 0/],
    ['is negative', uniform.map((q, v) => (v < 2 ? (v ? 3 : -1) * q : q)), /holds -0.125/],
    ['holds NaN', uniform.map((q, v) => (v === 5 ? Number.NaN : q)), /NaN or infinity/],
    ['holds infinity', uniform.map((q, v) => (v === 5 ? Infinity : q)), /NaN or infinity/],
  ])('one that %s is an error that names the position', (_what, row, what) => {
    for (const coupling of ['maximal', 'independent'] as const) {
      const call = { ...law(row), coupling };
      const before = contents(call);
      const message = new RegExp(`laws at position 12 \\(slot 2\\).*${what.source}`);
      expect(() => verify(call)).toThrow(argument(message));
      expect(contents(call)).toEqual(before);
    }
  });

  test('are not read without a draft, at temperature 0, or with Gumbel coupling', () => {
    const call = law(uniform.map(() => 0));
    verify({ ...call, coupling: 'gumbel', laws: call.laws.slice() });
    verify({ ...call, temperature: 0, drafts: call.drafts.slice(), laws: call.laws.slice() });
    call.drafts[2] = -1;
    verify(call);
  });

  test('a law in float32 or rounded to float16 is close enough', () => {
    const wide = 65536;
    const weights = Float32Array.from({ length: wide }, (_, i) => Math.exp(Math.sin(7.1 * i)));
    const naive = weights.reduce((sum, w) => Math.fround(sum + w), 0);
    // Eleven significant bits, as float16 has them.
    const half = (x: number) => {
      const unit = 2 ** (Math.floor(Math.log2(x)) - 10);
      return Math.round(x / unit) * unit;
    };
    for (const round of [(x: number) => x, half]) {
      verify({
        window: { first: 0, count: 1, capacity: 1 },
        vocabulary: wide,
        logits: new Float32Array(wide),
        coupling: 'maximal',
        pass: 0,
        drafts: Int32Array.of(77),
        level: new Int32Array(1),
        laws: weights.map((w) => round(w / naive)),
      });
    }
  });

  test('initialLaw writes the law of a guess', () => {
    const call = verifyCall({ laws: new Float32Array(5 * vocabulary) });
    initialLaw(call.laws, vocabulary, 0, 1);
    initialLaw(call.laws, vocabulary, 1, 'uniform');
    initialLaw(call.laws, vocabulary, 2, 3);
    expect([...call.laws.subarray(0, vocabulary)]).toEqual([0, 1, 0, 0, 0, 0, 0, 0]);
    expect([...call.laws.subarray(vocabulary, 2 * vocabulary)]).toEqual(uniform);
    verify(call);
    for (const [slot, guess] of [
      [5, 'uniform'],
      [-1, 0],
      [0, vocabulary],
      [0, 'left'],
    ]) {
      expect(() => initialLaw(call.laws, vocabulary, slot as number, guess as number)).toThrow(
        argument(/slot|guess/),
      );
    }
  });

  test('a stated law of 0 no longer keeps a draft that its law would drop', () => {
    // The first guess of a loop of one's own, with the law that it has: token 0, for certain.
    let kept = 0;
    const trials = 4000;
    for (let pass = 0; pass < trials; pass++) {
      const laws = new Float32Array(4);
      initialLaw(laws, 4, 0, 0);
      const drafts = Int32Array.of(0);
      kept += verify({
        window: { first: 0, count: 1, capacity: 1 },
        vocabulary: 4,
        logits: new Float32Array(4),
        coupling: 'maximal',
        pass,
        drafts,
        level: new Int32Array(1),
        laws,
      }).kept;
    }
    // Kept with p = 1/4; five standard deviations.
    const error = 5 * Math.sqrt((0.25 * 0.75) / trials);
    expect(Math.abs(kept / trials - 0.25)).toBeLessThan(error);
  });
});

describe('an error has not half happened', () => {
  test.each(['maximal', 'independent', 'gumbel'] as const)(
    'NaN or masks in the last row leave every array of %s as it was',
    async (coupling) => {
      for (const value of [Number.NaN, Number.NEGATIVE_INFINITY]) {
        const call = { ...verifyCall({ coupling }), kept: new Uint8Array(3).fill(7) };
        (call.logits as Float32Array).fill(value, 2 * vocabulary);
        const before = contents(call);
        const numerics = expect.objectContaining({
          code: 'ERR_NUMERICS',
          message: expect.stringContaining('row 2'),
        });
        expect(() => verify(call)).toThrow(numerics);
        expect(contents(call)).toEqual(before);
        await expect(verifyAsync(call)).rejects.toEqual(numerics);
        expect(contents(call)).toEqual(before);
      }
    },
  );

  test('a bad index in the last position leaves every array as it was', () => {
    const calls: [(call: never) => void, object][] = [
      [noise, noiseCall({ level: Int32Array.of(0, 1, 3, 0, 1) })],
      [noise, noiseCall({ drafts: Int32Array.of(0, 1, vocabulary, 0, 1) })],
      [refine, refineCall({ drafts: Int32Array.of(0, 1, -1, 0, 1) })],
      [verify, verifyCall({ drafts: Int32Array.of(0, 1, vocabulary, 0, 1) })],
      [verify, verifyCall({ level: Int32Array.of(0, 0, -1, 0, 0) })],
    ];
    for (const [kernel, call] of calls) {
      const before = contents(call);
      expect(() => kernel(call as never)).toThrow(argument(/position 12 \(slot 2\)/));
      expect(contents(call)).toEqual(before);
    }
  });
});

describe('options', () => {
  test.each([undefined, null, 5, 'window', Symbol('s')])(
    '%p instead of options is an Sjd2Error',
    async (options) => {
      for (const kernel of [noise, verify, refine] as ((o: never) => void)[]) {
        expect(() => kernel(options as never)).toThrow(argument(/options to be an object/));
      }
      for (const kernel of [noiseAsync, verifyAsync, refineAsync] as ((
        o: never,
      ) => Promise<unknown>)[]) {
        await expect(kernel(options as never)).rejects.toEqual(argument(/options/));
      }
    },
  );

  test.each(['window', 'table', 'schedule'])('%s that is missing is an Sjd2Error', (name) => {
    expect(() => noise(noiseCall({ [name]: undefined }))).toThrow(argument(new RegExp(name)));
  });

  test('a field that does not exist is an error, not a default', () => {
    expect(() => verify({ ...verifyCall(), temprature: 0.4 } as never)).toThrow(
      argument(/no field named temprature/),
    );
    expect(() => verify(verifyCall({ window: { ...window, start: 1 } as never }))).toThrow(
      argument(/window to have no field named start/),
    );
  });

  test('what would be ignored is an error', () => {
    expect(() => verify(verifyCall({ guidance: 3 }))).toThrow(argument(/guidance/));
    expect(() => verify(verifyCall({ type: 'bfloat16' }))).toThrow(argument(/type/));
  });

  test('what is divided by has to be above 0', () => {
    const call = noiseCall();
    call.table.std[1] = 0;
    expect(() => noise(call)).toThrow(argument(/table\.std\[1\]/));
    const flat = refineCall();
    flat.schedule.sigma[2] = 0;
    expect(() => refine(flat)).toThrow(argument(/schedule\.sigma\[2\]/));
  });

  test('properties that an array pretends to have are not believed', () => {
    const drafts = Object.defineProperties(new Int32Array(1), {
      length: { value: 5 },
      buffer: { value: new ArrayBuffer(20) },
    });
    expect(() => verify(verifyCall({ drafts }))).toThrow(argument(/drafts .*but it has 1/));
  });
});
