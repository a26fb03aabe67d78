/**
 * Draws docs/images/samples.png, the picture in the README: ten prompts with the defaults, seed 0,
 * nothing picked out. Run it again after the default model has changed.
 */
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { contactSheet, loadModel } = createRequire(import.meta.url)('../dist/index.js');

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

const model = await loadModel('emoji');
const drawn = [];
for (const prompt of PROMPTS) {
  const { images } = await model.generate(prompt);
  drawn.push(images[0].upscale(2));
}
await model.dispose();
const target = join(root, 'docs', 'images', 'samples.png');
mkdirSync(dirname(target), { recursive: true });
await contactSheet(drawn, 5, PROMPTS).save(target);
console.log(target);
