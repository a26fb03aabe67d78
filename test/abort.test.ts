/**
 * An abort may come at any moment. It is an AbortError for whoever waits, and nothing for anybody
 * else: the process lives, also where the signal fires while the consumer holds an event.
 */
import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ended, inChild } from './child';
import { tinyModel } from './tiny-model';

jest.setTimeout(120_000);

const STREAMS = [
  ['a plain stream', `{}`],
  ['previews', `{ previewEvery: 1 }`],
  ['several images', `{ count: 3 }`],
  ['several images with previews', `{ count: 3, previewEvery: 2 }`],
];

test.each(STREAMS)('%s: aborted in the body of the loop', async (_, options) => {
  const ending = await inChild(`
    const model = await sjd2.loadModel();
    const codes = [];
    for (const at of ['progress', 'preview', 'completed']) {
      const controller = new AbortController();
      const options = { window: 16, ...${options}, signal: controller.signal };
      codes.push(await codeOf((async () => {
        for await (const event of model.stream('a cat', options)) {
          if (event.type === at) controller.abort();
        }
      })()));
    }
    await model.dispose();
    return [...new Set(codes)].sort();`);
  // Nothing is left to abort behind the last event, and some streams have no previews.
  expect(ending.stdout).toMatch(/^\[ 'ERR_ABORTED'(, 'fulfilled')? \]\n$/);
  expect(ending).toEqual(ended(ending.stdout.trimEnd()));
});

test.each(STREAMS)('%s: aborted by a timer while the body waits', async (_, options) => {
  const ending = await inChild(`
    const model = await sjd2.loadModel();
    const controller = new AbortController();
    const options = { ...${options}, signal: controller.signal };
    const code = await codeOf((async () => {
      for await (const event of model.stream('a cat', options)) {
        setTimeout(() => controller.abort(), 5);
        await sleep(20);
      }
    })());
    await sleep(100);
    await model.dispose();
    return code;`);
  expect(ending).toEqual(ended('ERR_ABORTED'));
});

test('aborted by a connection that closes while a preview is written to it', async () => {
  const ending = await inChild(`
    const http = require('node:http');
    const model = await sjd2.loadModel();
    let settle;
    const code = new Promise((resolve) => { settle = resolve; });
    const server = http.createServer((request, response) => {
      const controller = new AbortController();
      response.on('close', () => controller.abort());
      const write = (bytes) => new Promise((resolve) => {
        response.write(bytes, resolve);
        response.once('close', resolve);
      });
      settle(codeOf((async () => {
        const options = { previewEvery: 1, count: 20, signal: controller.signal };
        for await (const event of model.stream('a cat', options)) {
          if (event.type === 'preview') await write(Buffer.alloc(1 << 20));
        }
      })()));
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const client = http.get({ port: server.address().port, host: '127.0.0.1' }, (response) => {
      response.once('data', () => client.destroy());
    });
    client.on('error', () => {});
    const result = await code;
    server.close();
    server.closeAllConnections();
    await model.dispose();
    return result;`);
  expect(ending).toEqual(ended('ERR_ABORTED'));
});

test('aborted while a model is loaded, at many moments', async () => {
  const ending = await inChild(`
    const codes = new Set();
    for (const delay of [undefined, 0, 1, 2, 5, 10, 20, 40]) {
      const controller = new AbortController();
      if (delay === undefined) controller.abort();
      else setTimeout(() => controller.abort(), delay);
      codes.add(await codeOf(sjd2.loadModel('emoji', { signal: controller.signal })));
    }
    for (const stage of ['package', 'graphs', 'ready']) {
      const controller = new AbortController();
      const onProgress = (event) => { if (event.stage === stage) controller.abort(); };
      codes.add(await codeOf(sjd2.loadModel('emoji', { signal: controller.signal, onProgress })));
    }
    codes.delete('fulfilled');
    return [...codes].join();`);
  expect(ending).toEqual(ended('ERR_ABORTED'));
});

test('a signal that has fired starts nothing, and the model goes on', async () => {
  const ending = await inChild(`
    const model = await sjd2.loadModel();
    const signal = AbortSignal.abort();
    const tokens = new Int32Array(256);
    const codes = [
      await codeOf(model.generate('a cat', { signal })),
      await codeOf(model.score('a cat', tokens, {}, { signal })),
      await codeOf(model.decodeTokens(tokens, { signal })),
      await codeOf(model.generate('a cat')),
    ];
    await model.dispose();
    return codes.join();`);
  expect(ending).toEqual(ended('ERR_ABORTED,ERR_ABORTED,ERR_ABORTED,fulfilled'));
});

test('one signal for many generations: no warning, no listener left behind', async () => {
  const ending = await inChild(`
    const { getEventListeners } = require('node:events');
    const model = await sjd2.loadModel();
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 12 }, (_, seed) => model.generate('a cat', { seed, signal })));
    return getEventListeners(signal, 'abort').length;`);
  expect(ending).toEqual(ended('0'));
});

describe('graphs that never end', () => {
  const cases = [
    [
      'a transformer in a stream',
      'endless-decoder',
      'image-decoder',
      `generate('cat', { decoder: 'ar', signal })`,
    ],
    [
      'a transformer in a score',
      'endless-decoder',
      'image-decoder',
      `score('cat', tokens, {}, { signal })`,
    ],
    [
      'an image decoder in a stream',
      'decoder',
      'endless-image-decoder',
      `generate('cat', { decoder: 'ar', signal })`,
    ],
    [
      'an image decoder of previews',
      'decoder',
      'endless-image-decoder',
      `stream('cat', { decoder: 'ar', previewEvery: 1, signal })`,
    ],
    [
      'an image decoder alone',
      'decoder',
      'endless-image-decoder',
      `decodeTokens(tokens, { signal })`,
    ],
  ] as const;

  test.each(cases)(
    '%s: stopped by its signal and by dispose',
    async (_, decoder, imageDecoder, call) => {
      const folder = JSON.stringify(tinyModel({ decoder, imageDecoder }));
      const ending = await inChild(`
      const tokens = new Int32Array(4);
      const drain = async (work) => { if (work.then) await work; else for await (const _ of work); };
      const codes = [];
      for (const end of ['abort', 'dispose']) {
        const model = await sjd2.loadModel(${folder});
        const controller = new AbortController();
        const signal = controller.signal;
        setTimeout(() => (end === 'abort' ? controller.abort() : model.dispose()), 100);
        codes.push(await codeOf(drain(model.${call})));
        await model.dispose();
      }
      // The threads are free again: another model's work gets through.
      const other = await sjd2.loadModel(${JSON.stringify(tinyModel())});
      codes.push(await codeOf(other.generate('dog', { decoder: 'ar' })));
      return codes.join();`);
      expect(ending).toEqual(ended('ERR_ABORTED,ERR_STATE,fulfilled'));
    },
  );

  test.each(cases)('%s: the process can leave', async (_, decoder, imageDecoder, call) => {
    const folder = JSON.stringify(tinyModel({ decoder, imageDecoder }));
    const ending = await inChild(`
      const tokens = new Int32Array(4);
      const signal = undefined;
      const model = await sjd2.loadModel(${folder});
      setTimeout(() => process.exit(7), 100);
      const work = model.${call};
      if (!work.then) for await (const _ of work);
      await work;`);
    expect(ending).toEqual({ code: 7, signal: null, stdout: '', stderr: '' });
  });

  test('a worker thread that is terminated in one takes nothing with it', async () => {
    const folder = JSON.stringify(tinyModel({ decoder: 'endless-decoder' }));
    const ending = await inChild(`
      const { Worker } = require('node:worker_threads');
      const program = 'const { parentPort, workerData } = require("node:worker_threads");' +
        'require(workerData.library).loadModel(workerData.folder).then((model) => {' +
        '  parentPort.postMessage(0); return model.generate("cat", { decoder: "ar" }); });';
      const worker = new Worker(program, { eval: true, workerData: { library, folder: ${folder} } });
      await new Promise((resolve) => worker.once('message', resolve));
      await sleep(100);
      return worker.terminate();`);
    expect(ending).toEqual(ended('1'));
  });
});

describe('a graph that never ends the passes which it is tried with while it is loaded', () => {
  const published = join(__dirname, 'fixtures', 'janus-published');
  let scratch: string;
  let load: string;
  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), 'sjd2-endless-'));
    cpSync(published, scratch, { recursive: true });
    renameSync(
      join(scratch, 'endless-language_model.onnx'),
      join(scratch, 'onnx', 'language_model.onnx'),
    );
    load = `sjd2.loadModel(${JSON.stringify(scratch)}, { device: 'cpu', signal })`;
  });
  afterAll(() => rmSync(scratch, { recursive: true }));

  test('is stopped by the signal, and its thread is free again', async () => {
    const ending = await inChild(`
      const codes = [];
      for (let i = 0; i < 6; i++) {
        const controller = new AbortController();
        const { signal } = controller;
        setTimeout(() => controller.abort(), 300);
        codes.push(await codeOf(${load}));
      }
      const model = await sjd2.loadModel(${JSON.stringify(published)}, { device: 'cpu' });
      codes.push(await codeOf(model.generate('a fox', { decoder: 'ar' })));
      return [...new Set(codes)].join();`);
    expect(ending).toEqual(ended('ERR_ABORTED,fulfilled'));
  });

  test('does not keep the process', async () => {
    const ending = await inChild(`
      const signal = undefined;
      setTimeout(() => process.exit(7), 500);
      await ${load};`);
    expect(ending).toEqual({ code: 7, signal: null, stdout: '', stderr: '' });
  });
});

test('a process can leave while graphs are loaded', async () => {
  // The load ends at another moment each time; before threads were joined some died of a signal.
  for (let delay = 0; delay < 40; delay += 2) {
    const ending = await inChild(`
      const onProgress = ({ stage }) => {
        if (stage === 'graphs') setTimeout(() => process.exit(7), ${delay});
      };
      await sjd2.loadModel('emoji', { onProgress });
      await sleep(1000);`);
    expect(ending).toEqual({ code: 7, signal: null, stdout: '', stderr: '' });
  }
}, 60_000);
