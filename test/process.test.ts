/** The host process survives whatever happens to a pass: threads that end, a process that exits. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { PACKAGE_ROOT } from '../src/native/loader';

const library = JSON.stringify(join(PACKAGE_ROOT, 'dist', 'index.js'));
const draw = `
  const { loadModel } = require(${library});
  const { parentPort } = require('node:worker_threads');
  (async () => {
    const model = await loadModel();
    parentPort?.postMessage('loaded');
    await model.generate('a cat', { count: 50, window: 64 });
  })();
`;

test.each([0, 7, 40, 110])(
  'a worker thread that is terminated %i ms into a generation takes nothing with it',
  async (delay) => {
    const worker = new Worker(draw, { eval: true });
    await new Promise((resolve) => worker.once('message', resolve));
    await new Promise((resolve) => setTimeout(resolve, delay));
    expect(await worker.terminate()).toBe(1);
  },
);

test.each([1, 60, 250])(
  'a process that exits %i ms into its work ends with its own exit code',
  (delay) => {
    const script = `${draw} setTimeout(() => process.exit(7), ${delay});`;
    const { status, signal, stderr } = spawnSync(process.execPath, ['-e', script], {
      encoding: 'utf8',
    });
    expect({ status, signal, stderr }).toEqual({ status: 7, signal: null, stderr: '' });
  },
);
