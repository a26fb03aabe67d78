// Compiled, not run: the types an ES module sees.
import { type GenerateOptions, type GenerationEvent, loadModel, type RgbImage } from 'sjd2';

const options: GenerateOptions = { decoder: 'sjd2', coupling: 'gumbel', window: 'auto', seed: 7n };
// @ts-expect-error there is no such decoder
const wrong: GenerateOptions = { decoder: 'beam' };
void wrong;

const model = await loadModel('emoji', { device: 'auto', onProgress: ({ stage }) => stage });
const { images, tokens, stats } = await model.generate('a red apple', options);
const image: RgbImage | undefined = images[0];
const bytes: Uint8Array | undefined = image?.toPNG();
const passes: number = stats[0]?.passes ?? 0;
const ids: Int32Array | undefined = tokens[0];
for await (const event of model.stream('a red apple', { previewEvery: 4 })) {
  const kind: GenerationEvent['type'] = event.type;
  if (event.type === 'completed') await event.pixels.save(`${kind}.png`);
}
await model.dispose();

export { bytes, ids, passes };
