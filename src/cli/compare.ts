import { Command } from 'commander';
import type { Statistics } from '../decoding/statistics';
import { contactSheet } from '../image/contact-sheet';
import type { RgbImage } from '../image/rgb-image';
import { checkWritable } from '../image/write-whole';
import type { ImageModel } from '../image-model';
import { imageTokens } from '../model/sequence';
import { noPixels } from '../no-pixels';
import {
  DECODERS,
  type DecoderName,
  type GenerateOptions,
  integer,
  oneOf,
  resolveOptions,
} from '../options';
import { loadShown, noteUnknownWords } from './generate';
import {
  addGenerationOptions,
  addModelOptions,
  type GenerationFlags,
  generationOptions,
  type ModelFlags,
  numeric,
} from './generation-options';
import { interruptible } from './interrupt';
import { outputPaths } from './output-path';
import { createProgress } from './progress';
import { drawingReport, printJson, runReport } from './report';
import { formatTable } from './table';

interface CompareFlags extends GenerationFlags, ModelFlags {
  output?: string;
  decoders?: string;
  scale: number | string;
  json?: boolean;
}

interface Drawing {
  decoder: DecoderName;
  pixels: RgbImage;
  tokens: Int32Array;
  stats: Statistics;
}

export function compareCommand(): Command {
  const command = new Command('compare')
    .description('draw one prompt with several decoders: a contact sheet and a table')
    .argument('<prompt>', 'what to draw, in quotes')
    .option('-o, --output <file>', 'the PNG file (default: named after the prompt)')
    .option('--decoders <names>', `comma-separated (default: what the model can of ${DECODERS})`)
    .option('--scale <n>', 'size of a pixel on the sheet, 1 to 16', numeric, 2);
  addGenerationOptions(command);
  return addModelOptions(command)
    .option('--json', 'print one JSON object instead of the table')
    .addHelpText(
      'after',
      `
An option that a decoder has no use for (--window for ar, --steps for all but sjd2, --temperature
for the greedy jacobi) is left out for that decoder.

Examples:
  sjd2 compare "a red apple" -o sheet.png
  sjd2 compare "a red apple" -o sheet.png --decoders ar,sjd2 --seed 7`,
    )
    .action(compare);
}

async function compare(prompt: string, flags: CompareFlags): Promise<void> {
  const chosen = flags.decoders?.split(',').map((name) => oneOf('decoders', name.trim(), DECODERS));
  const scale = integer('scale', flags.scale, 1, 16);
  const [path] = outputPaths(flags.output, flags.output ? prompt : `${prompt} compared`, 1);
  await interruptible(async (signal) => {
    await checkWritable([path as string]);
    const model = await loadShown(flags, signal);
    try {
      if (!model.manifest.files.imageDecoder) throw noPixels(model.manifest);
      const decoders =
        chosen ?? DECODERS.filter((name) => name !== 'sjd2' || model.manifest.denoising);
      const options = { ...generationOptions(flags), signal };
      const drawings = await drawAll(model, prompt, decoders, options);
      await sheetOf(drawings, scale).save(path as string);
      if (flags.json) printJson(report(model, prompt, path as string, options, drawings));
      else console.log(table(drawings, path as string));
    } finally {
      await model.dispose();
    }
  });
}

async function drawAll(
  model: ImageModel,
  prompt: string,
  decoders: readonly DecoderName[],
  options: GenerateOptions,
): Promise<Drawing[]> {
  const total = imageTokens(model.manifest);
  const progress = createProgress();
  const drawings: Drawing[] = [];
  try {
    // The first passes of a process pay for pages and buffers: nobody's time should hold that.
    for (const decoder of decoders) {
      for await (const event of model.stream(prompt, applicable(decoder, options))) {
        if (event.type === 'progress' && event.passes >= 3) break;
      }
    }
    noteUnknownWords(model, prompt);
    for (const decoder of decoders) {
      progress.start(decoder.padEnd(6), total);
      for await (const event of model.stream(prompt, applicable(decoder, options))) {
        if (event.type === 'progress') progress.update(event.committed, event.passes);
        if (event.type === 'completed') {
          const { pixels, tokens, stats } = event;
          drawings.push({ decoder, pixels, tokens, stats });
        }
      }
      progress.stop();
    }
  } finally {
    progress.stop();
  }
  return drawings;
}

function applicable(decoder: DecoderName, options: GenerateOptions): GenerateOptions {
  const result: GenerateOptions = { ...options, decoder };
  const drop = (...names: Array<keyof GenerateOptions>) => {
    for (const name of names) delete result[name];
  };
  if (decoder !== 'sjd2') drop('steps', 'levels', 'relaxed');
  if (decoder === 'ar') drop('window', 'initial');
  if (decoder === 'jacobi') drop('temperature');
  if ((decoder === 'sjd2') !== (options.initial === 'noise')) drop('initial');
  return result;
}

function sheetOf(drawings: Drawing[], scale: number): RgbImage {
  return contactSheet(
    drawings.map(({ pixels }) => pixels.upscale(scale)),
    drawings.length,
    drawings.map(({ decoder, stats }) => `${decoder}\n${stats.passes} passes`),
  );
}

/** Gumbel coupling promises the tokens of ar; greedy jacobi draws another picture by design. */
function sameAsAr(drawings: Drawing[], { decoder, tokens }: Drawing): number | undefined {
  const ar = drawings.find((drawing) => drawing.decoder === 'ar');
  if (!ar || decoder === 'ar' || decoder === 'jacobi') return undefined;
  return tokens.filter((token, i) => token === ar.tokens[i]).length;
}

function report(
  model: ImageModel,
  prompt: string,
  path: string,
  options: GenerateOptions,
  drawings: Drawing[],
): object {
  return {
    ...runReport(model, prompt),
    path,
    decoders: drawings.map((drawing) => {
      const { decoder, tokens, stats } = drawing;
      const decoding = resolveOptions(applicable(decoder, options), model.manifest);
      return {
        decoder,
        ...drawingReport(decoding, tokens, stats),
        sameTokensAsAr: sameAsAr(drawings, drawing) ?? null,
      };
    }),
  };
}

function table(drawings: Drawing[], path: string): string {
  const slowest = drawings.find(({ decoder }) => decoder === 'ar')?.stats.seconds;
  const rows = [['decoder', 'passes', 'tokens/pass', 'seconds', 'speed', 'same tokens as ar']];
  for (const drawing of drawings) {
    const { decoder, stats, tokens } = drawing;
    const same = sameAsAr(drawings, drawing);
    rows.push([
      decoder,
      String(stats.passes),
      stats.tokensPerPass.toFixed(2),
      stats.seconds.toFixed(2),
      slowest ? `${(slowest / stats.seconds).toFixed(2)}x` : '-',
      same === undefined ? '-' : `${same} of ${tokens.length}`,
    ]);
  }
  return [formatTable(rows), '', path].join('\n');
}
