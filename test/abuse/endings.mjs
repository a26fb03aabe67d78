/**
 * Work that ends before its time: streams, scores and images that are aborted, left, dropped or whose
 * model is disposed of, at random moments, several at once; now and then in a worker thread that is
 * terminated, or in a process that exits. A model that goes on has to draw what it always draws.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Defect } from './cases.mjs';

const library = fileURLToPath(new URL('../../dist/index.js', import.meta.url));
const { loadModel } = createRequire(import.meta.url)(library);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let model = await loadModel();
const tokens = (await model.generate('a cat', { window: 16 })).tokens[0];

export default { calls: 1_000, codes: ['ERR_ABORTED', 'ERR_STATE'], attempt };

async function attempt(random) {
  if (random.chance(0.05)) return inThread(random);
  if (random.chance(0.05)) return inProcess(random);
  const several = 1 + random.below(4);
  const endings = await Promise.allSettled(Array.from({ length: several }, () => one(random)));
  if (random.chance(0.2)) {
    // Several at once may have ended the model meanwhile.
    const again = await model.generate('a cat', { window: 16 }).catch((error) => {
      if (error.code !== 'ERR_STATE') throw error;
    });
    if (again?.tokens[0].some((token, i) => token !== tokens[i])) {
      throw new Defect('the picture is another one');
    }
  }
  for (const { reason } of endings) if (reason) throw reason;
}

async function one(random) {
  const controller = new AbortController();
  const { signal } = controller;
  const end = random.pick(['abort', 'abort', 'leave', 'drop', 'dispose']);
  const delay = random.below(60);
  const after = random.below(30);
  const timer = setTimeout(async () => {
    if (end === 'abort') controller.abort();
    if (end !== 'dispose') return;
    const old = model;
    model = await loadModel();
    await old.dispose();
  }, delay);
  try {
    const work = random.pick(['stream', 'stream', 'score', 'decodeTokens', 'loadModel']);
    if (work === 'loadModel') return await (await loadModel('emoji', { signal })).dispose();
    if (work === 'score') {
      return void (await model.score('a cat', tokens, { temperature: 1 }, { signal }));
    }
    if (work === 'decodeTokens') return void (await model.decodeTokens(tokens, { signal }));
    const options = {
      signal,
      count: random.pick([1, 1, 3]),
      decoder: random.pick(['ar', 'sjd', 'sjd2']),
      previewEvery: random.pick([0, 1, 7]),
    };
    const stream = model.stream('a dog', options);
    for (let i = 0; i < 60; i++) {
      const { done, value } = await stream.next();
      if (done) return;
      if (i === after && end === 'drop') return;
      if (i === after && end === 'leave') return void (await stream.return());
      if (value.type === 'preview') await sleep(random.below(5));
    }
    await stream.return();
  } finally {
    if (end === 'abort') clearTimeout(timer);
  }
}

const PROGRAM = `
  const { workerData, parentPort } = require('node:worker_threads');
  const { loadModel } = require(workerData?.library ?? process.argv[1]);
  const begun = () => (parentPort ? parentPort.postMessage(0) : console.log('begun'));
  loadModel().then((model) => { begun(); return model.generate('a cat', { count: 100 }); });`;

async function inThread(random) {
  const worker = new Worker(PROGRAM, { eval: true, workerData: { library } });
  await new Promise((resolve) => worker.once('message', resolve));
  await sleep(random.below(100));
  if ((await worker.terminate()) !== 1) throw new Defect('the thread ended otherwise');
}

async function inProcess(random) {
  const leave = `setTimeout(() => process.exit(7), ${random.below(800)});`;
  const child = spawn(process.execPath, ['-e', PROGRAM + leave, library]);
  let errors = '';
  child.stderr.on('data', (text) => {
    errors += text;
  });
  const [code, signal] = await new Promise((resolve) => {
    child.on('close', (...ending) => resolve(ending));
  });
  if (code !== 7 || errors) throw new Defect(`the process ended with ${code ?? signal}: ${errors}`);
}
