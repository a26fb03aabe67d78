import { Command } from 'commander';
import { shown } from '../errors';
import { checkWritable, writeWhole } from '../image/write-whole';
import type { ImageModel, StreamOptions } from '../image-model';
import { type LoadOptions, loadModel } from '../load-model';
import { imageTokens } from '../model/sequence';
import { integer, MAX_COUNT, resolveOptions } from '../options';
import {
  addGenerationOptions,
  addModelOptions,
  decoderHelp,
  type GenerationFlags,
  generationOptions,
  type ModelFlags,
  numeric,
} from './generation-options';
import { interruptible } from './interrupt';
import { outputPaths } from './output-path';
import { createProgress } from './progress';
import { type DrawingReport, drawingReport, printJson, runReport, summary } from './report';

/** Of what is echoed of what was typed. */
const LONGEST_WORD = 40;
const MOST_WORDS = 10;

/** Ending of a file that holds the tokens of a picture, for those who make pixels of them elsewhere. */
const TOKENS = '.json';

interface GenerateFlags extends GenerationFlags, ModelFlags {
  output?: string;
  decoder?: string;
  count: number | string;
  json?: boolean;
}

export function generateCommand(): Command {
  const command = new Command('generate')
    .description('draw a picture')
    .argument('<prompt>', 'what to draw, in quotes')
    .option(
      '-o, --output <file>',
      'the PNG file, or a .json for the tokens (default: named after the prompt)',
    )
    .option('--decoder <name>', decoderHelp);
  addGenerationOptions(command).option(
    '--count <n>',
    'pictures; seeds count up from --seed, files become apple-1.png, apple-2.png',
    numeric,
    1,
  );
  return addModelOptions(command)
    .option('--json', 'print one JSON object with the token ids and what it cost')
    .addHelpText(
      'after',
      `
Examples:
  sjd2 generate "a red apple" -o apple.png
  sjd2 generate "a red apple" --decoder ar --seed 7
  sjd2 generate "a red apple" --count 4 --json > apples.json`,
    )
    .action(generate);
}

async function generate(prompt: string, flags: GenerateFlags): Promise<void> {
  const count = integer('count', flags.count, 1, MAX_COUNT);
  const wanted = outputPaths(flags.output, prompt, count, ['.png', TOKENS]);
  await interruptible(async (signal) => {
    await checkWritable(wanted);
    const options = { ...generationOptions(flags), decoder: flags.decoder, count, signal };
    const model = await loadShown(flags, signal);
    try {
      const paths = decodes(model) ? wanted : outputPaths(flags.output, prompt, count, [TOKENS]);
      if (paths !== wanted) await checkWritable(paths);
      await draw(model, prompt, options as StreamOptions, paths, flags.json ?? false);
    } finally {
      await model.dispose();
    }
  });
}

/** The model of the flags; the library checks every value. A large one takes its time, so that is said. */
export async function loadShown(
  flags: ModelFlags,
  signal: AbortSignal,
  options: LoadOptions = {},
): Promise<ImageModel> {
  const { device, precision, threads, verify } = flags;
  const progress = createProgress();
  progress.wait(`loading ${shown(flags.model, LONGEST_WORD)}`);
  try {
    return await loadModel(flags.model, {
      device,
      precision,
      threads,
      verify,
      signal,
      ...options,
    } as LoadOptions);
  } finally {
    progress.stop();
  }
}

async function draw(
  model: ImageModel,
  prompt: string,
  options: StreamOptions,
  paths: string[],
  json: boolean,
): Promise<void> {
  const decoding = resolveOptions(options, model.manifest);
  const total = imageTokens(model.manifest);
  const progress = createProgress();
  const images: Array<{ path: string } & DrawingReport> = [];
  // Pictures are drawn side by side: one bar shows them together.
  const title = paths.length === 1 ? (paths[0] as string) : `${paths.length} pictures`;
  const committed = paths.map(() => 0);
  const passes = paths.map(() => 0);
  let shows = false;
  try {
    for await (const event of model.stream(prompt, options)) {
      if (event.type === 'progress') {
        // Not before: a prompt without any word that the model knows is an error, and one line.
        if (sum(passes) === 0) noteUnknownWords(model, prompt);
        committed[event.image] = event.committed;
        passes[event.image] = event.passes;
        if (!shows) progress.start(title, total * paths.length);
        shows = true;
        progress.update(sum(committed), sum(passes));
      } else if (event.type === 'completed') {
        progress.stop();
        shows = false;
        const path = paths[event.image] as string;
        const report = drawingReport(decoding, event.tokens, event.stats);
        if (path.toLowerCase().endsWith(TOKENS)) await saveTokens(model, prompt, path, report);
        else await event.pixels.save(path);
        images[event.image] = { path, ...report };
        if (!json) console.log(`${path}: ${summary(event.stats)}`);
      }
    }
  } finally {
    progress.stop();
  }
  if (json) printJson({ ...runReport(model, prompt), images });
  else if (!decodes(model))
    console.log(`Tokens for ${shown(model.manifest.image.decodedBy ?? '')}`);
}

function decodes({ manifest }: ImageModel): boolean {
  return manifest.files.imageDecoder !== undefined;
}

/** `tokens` are in the order drawn: the sketch's, then the picture's, whose grids are beside them. */
async function saveTokens(
  model: ImageModel,
  prompt: string,
  path: string,
  drawing: DrawingReport,
): Promise<void> {
  const { image, sequence } = model.manifest;
  const grids = { ...(sequence?.sketch && { sketch: sequence.sketch }), image };
  const report = { ...runReport(model, prompt), ...grids, ...drawing };
  await writeWhole(path, Buffer.from(`${JSON.stringify(report)}\n`));
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** A word without meaning to the model is no error, but silence about it would be puzzling. */
export function noteUnknownWords(model: ImageModel, prompt: string): void {
  const words = model.unknownWords(prompt).map((word) => `“${shown(word, LONGEST_WORD)}”`);
  if (words.length === 0) return;
  const told = words.slice(0, MOST_WORDS);
  if (words.length > MOST_WORDS) told.push(`and ${words.length - MOST_WORDS} more`);
  process.stderr.write(`sjd2: the model does not know ${told.join(', ')}\n`);
}
