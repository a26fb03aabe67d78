// Written out, where the schema of manifest.ts could be asked for its type: what is inferred from zod
// shows zod's own types to users, whose TypeScript may be older than zod needs.

/** A file of a model package. */
export interface ManifestFile {
  /** Relative to the manifest; inside its folder. */
  path: string;
  /** 64 hexadecimal digits. */
  sha256: string;
}

/** Prompts of a closed vocabulary: ids = encode(prompt), padded to `length`, then the begin token. */
export interface WordsPrompt {
  kind: 'words';
  length: number;
  pad: string;
  unknown: string;
  begin: string;
  unconditional: string;
}

/** Prompts of a language model's tokenizer. */
export interface TemplatePrompt {
  kind: 'template';
  /** Text and special tokens around `{prompt}`; the last token begins the image. */
  template: string;
  /** What the second row of guidance reads. */
  unconditional:
    | { kind: 'pad'; token: string }
    | { kind: 'tail'; length: number }
    | { kind: 'text'; text: string };
}

/** model.json of a model package, of either version; docs/model-package.md describes it. */
export interface Manifest {
  format: 'sjd2-model';
  version: 1 | 2;
  /** Whose checkpoints it was exported from. */
  family?: string | undefined;
  name: string;
  description: string;
  license: string;
  /** What the model learned from. */
  attribution: { name: string; license: string; source: string; url?: string | undefined }[];
  hiddenSize: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headSize: number;
  /** Positions that the KV cache holds: prompt and image together. */
  maxLength: number;
  /** Tokens per image (rows x columns) out of `vocabulary`, and its size in pixels. */
  image: { vocabulary: number; rows: number; columns: number; width: number; height: number };
  prompt: WordsPrompt | TemplatePrompt;
  /** What stands between image tokens: tokens behind the last one of every row, the same always. */
  sequence?: { rowEnd: string[] } | undefined;
  /** Defaults of `generate`. */
  sampler: { guidance: number; temperature: number; topK: number; topP: number };
  /** The noise levels the weights were fine-tuned for, or null: then `sjd2` cannot be used. */
  denoising: {
    schedule: 'karras';
    /** Trained levels N. */
    levels: number;
    /** Noise-to-signal ratio of the schedule's clean end and of level N. */
    sigmaMin: number;
    sigmaMax: number;
    rho: number;
    /** Denoising steps K by default, at most `levels`. */
    steps: number;
  } | null;
  cache: { layout: 'rows' };
  files: {
    /** By number of rows: '1' without guidance, '2' with. */
    decoder: { '1'?: ManifestFile | undefined; '2'?: ManifestFile | undefined };
    /** Graphs for the same numbers of rows that compute in fp16. */
    halfDecoder?: { '1'?: ManifestFile | undefined; '2'?: ManifestFile | undefined } | undefined;
    /** External data of the graphs. */
    weights: ManifestFile[];
    imageDecoder: ManifestFile;
    tables: ManifestFile;
    tokenizer: ManifestFile;
  };
}
