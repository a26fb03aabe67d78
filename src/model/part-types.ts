import { Sjd2Error, shown, unexpected } from '../errors';

/** The graphs of a Janus folder as transformers.js publishes it, by the names that it gives them. */
export const PARTS = [
  'prepare_inputs_embeds',
  'language_model',
  'gen_head',
  'gen_img_embeds',
  'image_decode',
] as const;

/** One graph of such a folder. */
export type PartName = (typeof PARTS)[number];

/** How file names end, by transformers.js's names of the types, the most exact first. */
export const PART_SUFFIXES: Record<PartType, string> = {
  fp32: '',
  fp16: '_fp16',
  q8: '_quantized',
  int8: '_int8',
  uint8: '_uint8',
  q4: '_q4',
  q4f16: '_q4f16',
  bnb4: '_bnb4',
};

/** A type that a graph's file may have, as transformers.js names it. */
export type PartType = 'fp32' | 'fp16' | 'q8' | 'int8' | 'uint8' | 'q4' | 'q4f16' | 'bnb4';

/** What the transformer computes in. */
export const PRECISIONS = ['auto', 'fp32', 'fp16'] as const;

/** The option `precision`, checked. */
export interface Precision {
  /** For model packages. */
  compute: (typeof PRECISIONS)[number] | null;
  /** For folders as transformers.js publishes them: the parts that are to have a type. */
  parts: Partial<Record<PartName, PartType>>;
}

const TYPES = Object.keys(PART_SUFFIXES) as PartType[];
/** A part of the folder that only reads: it may be named, as in transformers.js, and is never loaded. */
const UNUSED = ['lm_head'];

/** @throws {Sjd2Error} ERR_ARGUMENT */
export function resolvePrecision(value: unknown): Precision {
  if (value === 'auto') return { compute: 'auto', parts: {} };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const type = typeOf('precision', value, ['auto', ...TYPES]);
    const compute = type === 'fp32' || type === 'fp16' ? type : null;
    return { compute, parts: Object.fromEntries(PARTS.map((part) => [part, type])) };
  }
  const parts: Precision['parts'] = {};
  for (const [part, type] of Object.entries(value)) {
    if (!([...PARTS, ...UNUSED] as string[]).includes(part)) {
      throw new Sjd2Error(
        'ERR_ARGUMENT',
        `Expected precision to have no field named ${shown(part, 60)}: there are ${PARTS.join(', ')}`,
      );
    }
    if (type === undefined || type === 'auto' || UNUSED.includes(part)) continue;
    parts[part as PartName] = typeOf(`precision.${part}`, type, TYPES);
  }
  return { compute: Object.keys(parts).length === 0 ? 'auto' : null, parts };
}

function typeOf(name: string, value: unknown, choices: readonly string[]): PartType {
  if (choices.includes(value as string)) return value as PartType;
  throw unexpected(name, `one of ${choices.join(', ')}`, value);
}
