// An ES module draws a picture, and shares its classes with CommonJS code in the same process.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import * as everything from 'sjd2';
import { loadModel, RgbImage, Sjd2Error } from 'sjd2';

const commonjs = createRequire(import.meta.url)('sjd2');
assert.equal(commonjs.Sjd2Error, Sjd2Error);
const names = (face) =>
  Object.keys(face)
    .filter((name) => !['default', 'module.exports'].includes(name))
    .sort();
assert.deepEqual(names(everything), names(commonjs));

const model = await loadModel('emoji');
const { images, tokens } = await model.generate('a red apple', { seed: 7 });
assert(images[0] instanceof RgbImage);
await images[0].save('esm.png');
assert.equal(tokens[0].length, model.manifest.image.rows * model.manifest.image.columns);
await assert.rejects(model.generate('a red apple', { window: 0 }), { code: 'ERR_ARGUMENT' });
await model.dispose();
