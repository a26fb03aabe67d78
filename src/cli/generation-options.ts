import type { Command } from 'commander';
import { DEVICES } from '../load-model';
import { DEFAULT_MODEL } from '../model/package';
import {
  COUPLING_NAMES,
  DECODERS,
  type GenerateOptions,
  INITIAL_NAMES,
  LEVEL_SCHEDULES,
  SAMPLER_NAMES,
} from '../options';

/**
 * The options that the commands share. What they mean and which values they take is the library's
 * affair (src/options.ts): here words become numbers, and a word that is no number stays a word, so
 * that the library's message can show what was typed.
 */
export function numeric(text: string): number | string {
  const plain = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
  return plain.test(text.trim()) ? Number(text) : text;
}

/** As `numeric`, but whole numbers that a double cannot hold become a bigint. */
export function seedOf(text: string): number | bigint | string {
  const value = numeric(text);
  const exact = typeof value !== 'number' || Number.isSafeInteger(value);
  return exact || !/^\d+$/.test(text) ? value : BigInt(text);
}

/** "language_model=q4,gen_head=fp16" as the object that the library takes; a plain name stays one. */
export function precisionOf(text: string): string | Record<string, string> {
  if (!text.includes('=')) return text;
  return Object.fromEntries(text.split(',').map((part) => part.trim().split('=', 2)));
}

function numericOr(word: string): (text: string) => number | string {
  return (text) => (text === word ? text : numeric(text));
}

/** What commander collects from `addSamplerOptions`. */
export interface SamplerFlags {
  sampler?: string;
  guidance?: number | string;
  temperature?: number | string;
  topK?: number | string;
  topP?: number | string;
}

/** What commander collects from `addGenerationOptions`; unchecked, hence `never` to the library. */
export interface GenerationFlags extends SamplerFlags {
  coupling?: string;
  window?: number | string;
  steps?: number | string;
  levels?: string;
  relaxed?: number | string;
  initial?: string;
  seed?: number | bigint | string;
}

/** What commander collects from `addModelOptions`. */
export interface ModelFlags {
  model: string;
  device: string;
  precision: string | Record<string, string>;
  threads: number | string;
  verify?: boolean;
}

export const decoderHelp = `${DECODERS.join(', ')} (default: sjd2 if the model can, else sjd)`;

export function addGenerationOptions(command: Command): Command {
  command
    .option('--coupling <name>', `${COUPLING_NAMES.join(', ')} (default: gumbel)`)
    .option(
      '--window <n>',
      'positions a pass works on, 1 to 256, or auto: the fastest, or 16 with a coupling other than ' +
        'gumbel or relaxed, which draw another picture with another window (default: auto)',
      numericOr('auto'),
    )
    .option('--steps <k>', "denoising steps, for sjd2 (default: the model's)", numeric)
    .option('--levels <name>', `${LEVEL_SCHEDULES.join(', ')}, for sjd2 (default: flat)`)
    .option(
      '--relaxed <level>',
      'noise level up to which drafts may be accepted, for sjd2; above 0 is faster but NOT lossless ' +
        '(default: 0)',
      numeric,
    )
    .option(
      '--initial <name>',
      `${INITIAL_NAMES.join(', ')}: what a position starts from (default: noise for sjd2, left ` +
        'for sjd and jacobi)',
    )
    .option('--seed <n>', 'same seed, same picture (default: 0)', seedOf);
  return addSamplerOptions(command);
}

export function addSamplerOptions(command: Command): Command {
  return command
    .option(
      '--sampler <name>',
      `${SAMPLER_NAMES.join(', ')}: whose defaults the options below have (default: model)`,
    )
    .option('--guidance <s>', "classifier-free guidance, 1 is none (default: the model's)", numeric)
    .option('--temperature <t>', "0 is greedy (default: the model's)", numeric)
    .option('--top-k <k>', "keep the k likeliest tokens, 0 is all (default: the model's)", numeric)
    .option('--top-p <p>', "keep this much of the mass (default: the model's)", numeric);
}

export function addModelOptions(command: Command): Command {
  return command
    .option('--model <name|dir>', 'a shipped model or a folder with a model.json', DEFAULT_MODEL)
    .option('--device <name>', DEVICES.join(', '), 'auto')
    .option(
      '--precision <name>',
      "auto (fp16 on a GPU that has it), fp32, fp16; of a transformers.js folder the files' type, also q8, q4, ..., for " +
        'all or as language_model=q4,gen_head=fp16',
      precisionOf,
      'auto',
    )
    .option('--threads <n>', 'threads in one operator, 0 for one per core', numeric, 0)
    .option('--verify', 'compare tables and weights with their SHA-256, too (graphs always are)');
}

/** The flags that `GenerateOptions` has too. The library checks every value. */
export function generationOptions(flags: GenerationFlags): GenerateOptions {
  const { coupling, window, steps, levels, relaxed, initial, seed } = flags;
  const { sampler, guidance, temperature, topK, topP } = flags;
  return {
    ...{ coupling, window, steps, levels, relaxed, initial, seed },
    ...{ sampler, guidance, temperature, topK, topP },
  } as GenerateOptions;
}
