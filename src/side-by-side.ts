/**
 * Runs generators side by side and passes their values on as they come: up to `lanes` of them at
 * once, the next one when one has ended. Values of one generator keep their order. A generator goes
 * on when its last value was taken, so a slow consumer holds all of them up.
 *
 * When one fails the others are stopped and its error is thrown; so they are when the consumer leaves.
 * @param stop Ends what the generators wait for, so that they can be left at once.
 */
export async function* sideBySide<T>(
  generators: Iterator<AsyncGenerator<T>>,
  lanes: number,
  stop: () => void,
): AsyncGenerator<T> {
  const running = new Set<AsyncGenerator<T>>();
  const settled: Array<{ from: AsyncGenerator<T>; result: Promise<IteratorResult<T>> }> = [];
  let wake = () => {};
  const step = (from: AsyncGenerator<T>) => {
    const result = from.next();
    const note = () => {
      settled.push({ from, result });
      wake();
    };
    result.then(note, note);
  };
  const startNext = () => {
    const next = generators.next();
    if (next.done) return;
    running.add(next.value);
    step(next.value);
  };
  for (let lane = 0; lane < lanes; lane++) startNext();
  try {
    while (running.size > 0) {
      const first = settled.shift();
      if (!first) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const { done, value } = await first.result;
      if (done) {
        running.delete(first.from);
        startNext();
      } else {
        yield value;
        step(first.from);
      }
    }
  } finally {
    if (running.size > 0) {
      stop();
      await Promise.allSettled([...running].map((generator) => generator.return(undefined)));
    }
  }
}
