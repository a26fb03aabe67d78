// A CommonJS program draws a picture.
const { loadModel } = require('sjd2');

async function main() {
  const model = await loadModel();
  const { images } = await model.generate('a red apple', { seed: 7 });
  await images[0].save('commonjs.png');
  await model.dispose();
}

main();
