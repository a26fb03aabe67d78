/**
 * Draws the sheets of the default model with its default settings, nothing picked out, into docs/images:
 *
 *   samples.png  scenes, seed 0 (the picture in the README)
 *   seeds.png    ten prompts of one thing, seeds 0 to 3: what the model card counts
 *   styles.png   style words, seed 0
 *   colours.png  colour words, seed 0
 *
 * node scripts/draw-samples.mjs [--model NAME|FOLDER] [--out FOLDER]
 */
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { contactSheet, loadModel } = createRequire(import.meta.url)('../dist/index.js');

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'emoji' },
    out: { type: 'string', default: join(root, 'docs', 'images') },
  },
});

const PROMPTS = [
  'a red apple',
  'a smiling face',
  'a red heart',
  'a yellow star',
  'a green tree',
  'a blue car',
  'a house',
  'a cat',
  'a rocket',
  'a slice of pizza',
];
const SCENES = [
  'a cat to the left of a red house',
  'three yellow stars on a blue background',
  'a purple umbrella and an orange fish',
  'a penguin in the snow',
  'a bird above a tree',
  'a green apple and a yellow banana',
  'two dogs',
  'a small red ball next to a big yellow star',
  'a rabbit to the left of a carrot',
  'four red hearts',
  'a rocket at night',
  'a horse on grass',
  'a flower and a bee',
  'a blue guitar',
  'a house under a tree',
];
const STYLES = ['twemoji', 'noto', 'flat'];
const STYLED = ['red apple', 'cat', 'rocket'];
const COLOURS = ['red', 'orange', 'yellow', 'green', 'blue', 'purple', 'pink'];
const COLOURED = ['car', 'heart', 'balloon', 'flower'];

/** Every word before every noun, one noun a row. */
const combine = (words, nouns) => nouns.flatMap((noun) => words.map((word) => `${word} ${noun}`));

const model = await loadModel(flags.model);
mkdirSync(flags.out, { recursive: true });
await sheet('samples', 5, SCENES, [0]);
await sheet('seeds', 8, PROMPTS, [0, 1, 2, 3]);
await sheet('styles', STYLES.length, combine(STYLES, STYLED), [0]);
await sheet('colours', COLOURS.length, combine(COLOURS, COLOURED), [0]);
await model.dispose();

/** One picture of each prompt and seed, the seeds of a prompt side by side. */
async function sheet(name, columns, prompts, seeds) {
  const drawn = [];
  const labels = [];
  for (const prompt of prompts) {
    for (const seed of seeds) {
      const { images } = await model.generate(prompt, { seed });
      drawn.push(images[0]);
      labels.push(lines(prompt));
    }
  }
  const target = join(flags.out, `${name}.png`);
  await contactSheet(drawn, columns, labels).save(target);
  console.log(target);
}

/** Broken between words, so that it fits under its picture. */
function lines(text) {
  return text.replace(/(.{1,20})(?: |$)/g, '$1\n').trimEnd();
}
