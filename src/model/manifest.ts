import { z } from 'zod';
import type { Manifest } from './manifest-types';
import { imageInputs, paddedPrompt } from './sequence';

/** The `format` of what this library reads. */
export const FORMAT = 'sjd2-model';

/** Ranges that an option of `generate` and a default of the manifest share. */
export const GUIDANCE = { min: 0, max: 100 };
export const TEMPERATURE = { min: 0, max: 100 };

/** Sizes are 32-bit integers in native code; no dimension of a model comes near this bound. */
const count = z
  .int()
  .min(1)
  .max(2 ** 24);

/** Pixels: 800 MB of bytes at most. */
const extent = z
  .int()
  .min(1)
  .max(2 ** 14);

/** Noise-to-signal ratios and the curve between them, such that every level of it is a number. */
const ratio = z.number().min(1e-6).max(1e6);

/**
 * Noise levels are tables of levels x hiddenSize, and positions walk through them one pass each: the
 * longest schedules of diffusion models have a thousand.
 */
const MAX_LEVELS = 1024;

/** Of the models there are, none ends its rows with more than one token. */
const MAX_ROW_END = 16;

const file = z.strictObject({
  /** Relative to the manifest; may not leave its folder. */
  path: z
    .string()
    .min(1)
    .refine((path) => !/^([/\\]|[A-Za-z]:)/.test(path) && !path.split(/[/\\]/).includes('..'), {
      error: 'must stay inside the model folder',
    }),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/** By number of rows: '1' without guidance, '2' with. */
const decoders = z.record(z.enum(['1', '2']), file.optional());

/** Files that both versions have. */
const files = {
  decoder: decoders,
  /** Graphs for the same numbers of rows that compute in fp16, for GPUs. */
  halfDecoder: decoders.optional(),
  tables: file,
};

const image = {
  vocabulary: count,
  rows: count,
  columns: count,
  width: extent,
  height: extent,
};

/** What both versions have. */
const common = {
  format: z.literal(FORMAT),
  name: z.string().min(1),
  description: z.string().default(''),
  license: z.string(),
  attribution: z
    .array(
      z.object({
        name: z.string(),
        license: z.string(),
        source: z.string(),
        url: z.string().optional(),
      }),
    )
    .default([]),
  hiddenSize: count,
  layers: count,
  heads: count,
  kvHeads: count,
  headSize: count,
  /** Positions that the KV cache holds: prompt and image together. */
  maxLength: count,
  sampler: z.strictObject({
    guidance: z.number().min(GUIDANCE.min).max(GUIDANCE.max),
    temperature: z.number().min(TEMPERATURE.min).max(TEMPERATURE.max),
    topK: z.int().min(0),
    topP: z.number().gt(0).max(1),
  }),
  /** The noise levels the weights were fine-tuned for, or null: then `sjd2` cannot be used. */
  denoising: z
    .strictObject({
      schedule: z.literal('karras'),
      /** Trained levels N; the timestep table has N + 1 rows. */
      levels: z.int().min(1).max(MAX_LEVELS),
      /** Noise-to-signal ratio of the schedule's clean end and of level N. */
      sigmaMin: ratio,
      sigmaMax: ratio,
      rho: z.number().min(0.1).max(100),
      /** Denoising steps K by default, at most `levels`. */
      steps: count,
    })
    .nullable(),
  cache: z.strictObject({ layout: z.literal('rows') }),
};

/** ids = encode(prompt), padded at the end to `length`, then the begin token. */
const words = {
  length: count,
  pad: z.string(),
  unknown: z.string(),
  begin: z.string(),
  unconditional: z.string(),
};

const PLACEHOLDER = '{prompt}';

const template = z.strictObject({
  kind: z.literal('template'),
  /** Positions of the rotary table before the image: a prompt of n ids is read at the last n. */
  length: count.optional(),
  /** Text and special tokens around the user's words; the last token begins the image. */
  template: z.string().refine((text) => text.split(PLACEHOLDER).length === 2, {
    error: `must hold ${PLACEHOLDER} exactly once`,
  }),
  /** What the second row of guidance reads. */
  unconditional: z.discriminatedUnion('kind', [
    /** The same length: all but the first and the last id replaced by this token. */
    z.strictObject({ kind: z.literal('pad'), token: z.string() }),
    /** The last ids only. */
    z.strictObject({ kind: z.literal('tail'), length: count }),
    /** The same always: text and special tokens, the last of which begins the image. */
    z.strictObject({ kind: z.literal('text'), text: z.string().min(1) }),
  ]),
});

const version1 = z.strictObject({
  ...common,
  version: z.literal(1),
  image: z.strictObject(image),
  prompt: z.strictObject(words),
  files: z.strictObject({
    ...files,
    imageDecoder: file,
    tokenizer: file,
    weights: file.optional(),
  }),
});

const version2 = z.strictObject({
  ...common,
  version: z.literal(2),
  /** Whose checkpoints it was exported from: janus, .. */
  family: z.string().optional(),
  /** Without an image decoder: what makes pixels of the tokens. */
  image: z.strictObject({ ...image, decodedBy: z.string().min(1).optional() }),
  prompt: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('words'), ...words }),
    template,
    /** Features of a text encoder, `width` numbers each; the model learned with `length` of them. */
    z.strictObject({ kind: z.literal('embeddings'), length: count, width: count }),
  ]),
  sequence: z
    .strictObject({
      /** Special tokens that the model reads behind the last image token of every row. */
      rowEnd: z.array(z.string().min(1)).min(1).max(MAX_ROW_END).optional(),
      /** A small picture that the model draws first, and reads while it draws the picture. */
      sketch: z.strictObject({ rows: count, columns: count }).optional(),
    })
    .optional(),
  files: z.strictObject({
    ...files,
    imageDecoder: file.optional(),
    tokenizer: file.optional(),
    promptEncoder: file.optional(),
    weights: z.array(file).default([]),
  }),
});

/** Positions that every prompt takes. */
function fixedPrompt(prompt: Manifest['prompt']): number {
  return prompt.kind === 'words' ? prompt.length + 1 : Math.max(1, paddedPrompt(prompt));
}

/** Version 1 in the words of version 2. */
function current(
  manifest: z.infer<typeof version1> | z.infer<typeof version2>,
): Omit<z.infer<typeof version2>, 'version'> & { version: 1 | 2 } {
  if (manifest.version === 2) return manifest;
  const { prompt, files } = manifest;
  return {
    ...manifest,
    prompt: { kind: 'words', ...prompt },
    files: { ...files, weights: files.weights ? [files.weights] : [] },
  };
}

/** model.json; see docs/model-package.md. Both versions are read, and become one type. */
export const manifestSchema: z.ZodType<Manifest> = z
  .discriminatedUnion('version', [version1, version2])
  .transform(current)
  .superRefine((m, context) => {
    const must = (holds: boolean, field: string, message: string) => {
      if (!holds) context.addIssue({ code: 'custom', path: field.split('.'), message });
    };
    const { image, sampler, denoising } = m;
    const { decoder, halfDecoder } = m.files;
    const need = fixedPrompt(m.prompt) + imageInputs(m);
    must(
      m.maxLength >= need,
      'maxLength',
      `must hold prompt, begin token and image: at least ${need}`,
    );
    const embeddings = m.prompt.kind === 'embeddings';
    must(
      Boolean(m.files.tokenizer) === !embeddings,
      'files.tokenizer',
      embeddings ? 'must not be: prompts are embeddings' : 'must be there',
    );
    must(
      Boolean(m.files.promptEncoder) === embeddings,
      'files.promptEncoder',
      embeddings ? 'must be there' : 'must not be: prompts are text',
    );
    must(!(embeddings && m.sequence), 'sequence', 'must not be where prompts are embeddings');
    must(
      Boolean(m.files.imageDecoder) !== Boolean(image.decodedBy),
      'image.decodedBy',
      m.files.imageDecoder
        ? 'must not be beside an image decoder'
        : 'must be without files.imageDecoder',
    );
    must(
      m.heads % m.kvHeads === 0,
      'heads',
      `must be a multiple of kvHeads (${m.kvHeads}), which share keys and values`,
    );
    must(
      sampler.topK <= image.vocabulary,
      'sampler.topK',
      `must be at most image.vocabulary (${image.vocabulary})`,
    );
    must(
      sampler.guidance === 1 || decoder['2'] !== undefined,
      'sampler.guidance',
      'must be 1 without a decoder for two rows',
    );
    if (denoising) {
      const { levels, sigmaMax } = denoising;
      must(denoising.steps <= levels, 'denoising.steps', `must be at most levels (${levels})`);
      must(
        denoising.sigmaMin <= sigmaMax,
        'denoising.sigmaMin',
        `must be at most sigmaMax (${sigmaMax})`,
      );
    }
    must(Boolean(decoder['1'] || decoder['2']), 'files.decoder', 'must not be empty');
    must(
      !halfDecoder || (!halfDecoder['1'] === !decoder['1'] && !halfDecoder['2'] === !decoder['2']),
      'files.halfDecoder',
      'must be for the same numbers of rows as decoder',
    );
  });
