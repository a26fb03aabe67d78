/** What has to be drawn with the model: contact sheets, and a generation pass by pass. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PROMPTS } from '../eval/prompts.mjs';
import { colourOf, trajectory, trajectoryPlot } from './trajectory.mjs';

const { contactSheet, loadModel, RgbImage } = createRequire(import.meta.url)('../../dist/index.js');

/** One sheet each, with the same prompts and seeds. Gumbel coupling would repeat the sheet of `ar`. */
const SHEETS = {
  ar: { decoder: 'ar' },
  sjd: { decoder: 'sjd', coupling: 'maximal', window: 32 },
  sjd2: { decoder: 'sjd2', coupling: 'maximal', window: 32 },
};
const [SHEET_PROMPTS, SHEET_SEEDS, SHEET_COLUMNS] = [10, 2, 10];
const FRAMES = 10;
/** Enough steps to see the noise go, though fewer would be faster. */
const SHOWN = { prompt: 'a red apple', seed: 0, decoder: 'sjd2', coupling: 'maximal', window: 32 };

/** @param write (name, contents) => void puts a picture where the document looks for it */
export async function drawPictures(modelName, folder, write) {
  const model = await loadModel(modelName);
  try {
    for (const [name, configuration] of Object.entries(SHEETS)) {
      if (configuration.decoder === 'sjd2' && !model.manifest.denoising) continue;
      await (await sheet(model, configuration)).save(join(folder, `sheet-${name}.png`));
    }
    if (model.manifest.denoising) await drawTrajectory(model, folder, write);
  } finally {
    await model.dispose();
  }
}

/** Nothing is picked out: the first prompts of the evaluation, the first seeds. */
async function sheet(model, configuration) {
  const prompts = PROMPTS.slice(0, SHEET_PROMPTS);
  const images = [];
  for (let seed = 0; seed < SHEET_SEEDS; seed++) {
    for (const prompt of prompts) {
      const { images: drawn } = await model.generate(prompt, { ...configuration, seed });
      images.push(drawn[0]);
    }
  }
  const labels = images.map((_, i) => (i < prompts.length ? prompts[i].replace(/^an? /, '') : ''));
  return contactSheet(images, SHEET_COLUMNS, labels);
}

async function drawTrajectory(model, folder, write) {
  const steps = Math.min(4, model.manifest.denoising.levels);
  const { prompt, ...options } = { ...SHOWN, steps };
  const previews = [];
  let stats;
  for await (const event of model.stream(prompt, { ...options, previewEvery: 1 })) {
    if (event.type === 'preview') previews.push(event.pixels);
    if (event.type !== 'completed') continue;
    previews.push(event.pixels);
    stats = event.stats;
  }
  const states = trajectory(stats, steps);
  const title =
    `${prompt}: sjd2, maximal, window ${options.window}, K = ${steps}, ` +
    `${stats.passes} passes for ${stats.tokens} tokens`;
  write('trajectory.svg', trajectoryPlot(states, steps, title));

  // Early passes change most; frames thin out towards the end.
  const frames = Array.from({ length: FRAMES }, (_, i) =>
    Math.round((stats.passes - 1) * (i / (FRAMES - 1)) ** 1.5),
  );
  const { rows, columns } = model.manifest.image;
  const grids = frames.map((pass) => stateGrid(states[pass + 1], steps, rows, columns));
  const labels = frames.map((pass) => `pass ${pass + 1}`);
  const shown = frames.map((pass) => previews[pass]);
  const scaled = grids.map((grid) => grid.upscale(Math.max(1, shown[0].width / columns)));
  const all = contactSheet([...scaled, ...shown], FRAMES, [...labels.map(() => ''), ...labels]);
  await all.save(join(folder, 'trajectory.png'));
}

/** The raster of the image, one pixel a position, coloured by its state after a pass. */
function stateGrid(states, steps, rows, columns) {
  const grid = new RgbImage(columns, rows);
  states.forEach((state, i) => {
    grid.data.set(colourOf(state, steps), 3 * i);
  });
  return grid;
}
