/**
 * Packages before and after fine-tuning, through the public interface: tokens per pass of every decoder that each
 * has, whether its tokens are those of `ar`, nats per token of its own images, and a sheet of them.
 *
 * node scripts/train/compare-taught.mjs --out SHEET.png [--guidance G] [--window W] [--seeds N] PACKAGE ..
 */
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';

const { contactSheet, loadModel } = createRequire(import.meta.url)('../../dist/index.js');

const PROMPTS = [
  'a red apple',
  'a yellow star',
  'a blue car',
  'a green tree',
  'a red heart',
  'a blue umbrella',
  'a house',
  'a cat',
  'a blue fish',
  'a green butterfly',
];

const { values: flags, positionals: packages } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string' },
    guidance: { type: 'string', default: '2' },
    window: { type: 'string', default: '16' },
    seeds: { type: 'string', default: '2' },
  },
});
if (!flags.out || packages.length === 0) {
  throw new Error('expected --out SHEET.png and packages');
}
const guidance = Number(flags.guidance);
const window = Number(flags.window);

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const spread = (values) =>
  Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2))).toFixed(2);

const drawn = [];
const labels = [];
console.log('| package | decoder | tokens per pass | tokens are those of ar | nats per token |');
console.log('| --- | --- | --- | --- | --- |');
for (const folder of packages) {
  const model = await loadModel(folder);
  const decoders = ['ar', 'sjd', ...(model.manifest.denoising ? ['sjd2'] : [])];
  const rows = Object.fromEntries(decoders.map((name) => [name, { rates: [], nats: [], same: 0 }]));
  for (const prompt of PROMPTS) {
    for (let seed = 0; seed < Number(flags.seeds); seed++) {
      let expected;
      for (const decoder of decoders) {
        const width = decoder === 'ar' ? {} : { window };
        const result = await model.generate(prompt, { decoder, seed, guidance, ...width });
        const tokens = result.tokens[0];
        expected ??= tokens;
        const row = rows[decoder];
        row.rates.push(result.stats[0].tokensPerPass);
        row.same += tokens.every((token, i) => token === expected[i]);
        const score = await model.score(prompt, tokens, { guidance });
        row.nats.push(score.mean);
        if (decoder !== decoders.at(-1) || seed > 0) continue;
        drawn.push(result.images[0].upscale(3));
        labels.push(prompt);
      }
    }
  }
  for (const [decoder, { rates, nats, same }] of Object.entries(rows)) {
    const rate = `${mean(rates).toFixed(2)} ± ${spread(rates)}`;
    const shown = [basename(folder), decoder, rate, `${same} of ${rates.length}`];
    console.log(`| ${[...shown, mean(nats).toFixed(3)].join(' | ')} |`);
  }
  await model.dispose();
}
await contactSheet(drawn, PROMPTS.length, labels).save(flags.out);
