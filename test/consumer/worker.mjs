// Two worker threads and the main thread draw at once; the same seed gives the same picture.
import assert from 'node:assert/strict';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { loadModel } from 'sjd2';

async function draw() {
  const model = await loadModel('emoji', { threads: 1 });
  const { tokens } = await model.generate('a red apple', { seed: 7 });
  await model.dispose();
  return [...tokens[0]];
}

if (isMainThread) {
  const workers = [1, 2].map(() => new Worker(new URL(import.meta.url)));
  const answers = workers.map(
    (worker) =>
      new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)),
  );
  const mine = await draw();
  for (const theirs of await Promise.all(answers)) assert.deepEqual(theirs, mine);
} else {
  parentPort.postMessage(await draw());
}
