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

test('memory stays flat over many generations', () => {
  // In a process of its own: what earlier test files left in a jest worker comes and goes, too.
  const script = `
    const { loadModel } = require(${library});
    (async () => {
      const model = await loadModel();
      const draw = async (count) => {
        for (let i = 0; i < count; i++) {
          // Four passes and out: buffers of a whole generation are made and freed each time.
          let passes = 0;
          for await (const event of model.stream('a cat', { window: 32 })) {
            if (event.type === 'progress' && ++passes === 4) break;
          }
        }
      };
      await draw(50);
      const before = process.memoryUsage().rss;
      await draw(250);
      console.log(process.memoryUsage().rss - before);
      await model.dispose();
    })();
  `;
  // One arena: glibc keeps freed memory per thread, and on a busy machine that is not a leak but looks like one.
  const env = { ...process.env, MALLOC_ARENA_MAX: '1' };
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', env });
  expect(stderr).toBe('');
  // A generation holds about 10 MB; leaking one in twenty would show.
  expect(Number(stdout)).toBeLessThan(100 * 2 ** 20);
});
