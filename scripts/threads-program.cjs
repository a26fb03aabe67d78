/** What scripts/test-threads.mjs runs under the thread sanitizer; the argument is a package folder. */
const { join } = require('node:path');
const { Worker, isMainThread, workerData } = require('node:worker_threads');

const home = isMainThread ? process.argv[2] : workerData;
const { loadModel } = require(join(home, 'dist', 'index.js'));

/** The emulated GPU takes long for whole images: some passes are enough to meet. */
async function sideBySide(device, passes) {
  const model = await loadModel('emoji', { device, threads: 1 });
  const draw = async (seed) => {
    let committed = 0;
    const options = { decoder: 'sjd2', window: 4, seed };
    for await (const event of model.stream('a red apple', options)) {
      if (event.type !== 'progress') continue;
      committed = event.committed;
      if (event.passes === passes) break;
    }
    return committed;
  };
  const [first, , again] = await Promise.all([draw(1), draw(2), draw(1)]);
  if (first !== again) throw new Error('side by side the same seed went another way');
  for (const delay of [1, 30]) {
    const signal = AbortSignal.timeout(delay);
    await model.generate('a cat', { count: 50, signal }).catch(expect('ERR_ABORTED'));
  }
  const running = ['a cat', 'a dog'].map((prompt) =>
    model.generate(prompt, { count: 50 }).catch(expect('ERR_STATE')),
  );
  setTimeout(() => model.dispose(), 50);
  await Promise.all(running);
}

function expect(code) {
  return (error) => {
    if (error.code !== code) throw error;
  };
}

async function main() {
  await sideBySide('cpu', 40);
  if (isMainThread) await sideBySide('cuda', 3);
  if (!isMainThread) return;
  const worker = new Worker(__filename, { workerData: home });
  const ended = new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', resolve);
  });
  await Promise.all([ended, sideBySide('cpu', 40)]);
}

main();
