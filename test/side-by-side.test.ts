import { sideBySide } from '../src/side-by-side';

const nothing = () => {};

/** Yields `name` as often as `count` says, each time after `pause` turns of the event loop. */
async function* repeat(name: string, count: number, log: string[], pause = 1) {
  log.push(`+${name}`);
  try {
    for (let i = 0; i < count; i++) {
      for (let turn = 0; turn < pause; turn++) await new Promise(setImmediate);
      yield `${name}${i}`;
    }
  } finally {
    log.push(`-${name}`);
  }
}

async function collect(values: AsyncIterable<string>, most = Infinity): Promise<string[]> {
  const seen: string[] = [];
  for await (const value of values) if (seen.push(value) === most) break;
  return seen;
}

test('at most so many run at once, each keeps its order, and the next starts where one ends', async () => {
  const log: string[] = [];
  const sources = ['a', 'b', 'c', 'd'].map((name) => repeat(name, 3, log));
  const seen = await collect(sideBySide(sources.values(), 2, nothing));
  for (const name of 'abcd') {
    expect(seen.filter((value) => value[0] === name)).toEqual([`${name}0`, `${name}1`, `${name}2`]);
  }
  let running = 0;
  for (const entry of log) {
    running += entry[0] === '+' ? 1 : -1;
    expect(running).toBeLessThanOrEqual(2);
  }
});

test('a quick one does not wait for a slow one', async () => {
  const log: string[] = [];
  const sources = [repeat('slow', 1, log, 200), repeat('quick', 5, log)];
  expect((await collect(sideBySide(sources.values(), 2, nothing))).at(-1)).toBe('slow0');
});

test('when one fails the others are stopped and ended, and its error comes out', async () => {
  const log: string[] = [];
  const failing = (async function* (): AsyncGenerator<string> {
    await new Promise(setImmediate);
    yield 'x0';
    throw new Error('no more');
  })();
  const sources = [repeat('a', 1000, log), failing, repeat('never', 1, log)];
  const stop = jest.fn();
  await expect(collect(sideBySide(sources.values(), 2, stop))).rejects.toThrow('no more');
  expect(stop).toHaveBeenCalledTimes(1);
  expect(log).toEqual(['+a', '-a']);
});

test('a consumer who leaves stops them all', async () => {
  const log: string[] = [];
  const sources = [repeat('a', 1000, log), repeat('b', 1000, log)];
  const stop = jest.fn();
  await collect(sideBySide(sources.values(), 2, stop), 3);
  expect(stop).toHaveBeenCalledTimes(1);
  expect(log.slice(2).sort()).toEqual(['-a', '-b']);
});
