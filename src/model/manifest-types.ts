// Written out, where the schema of manifest.ts could be asked for its type: what is inferred from zod
// shows zod's own types to users, whose TypeScript may be older than zod needs.
import type { SamplerOptions } from '../options';

/** A file of a model package. */
export interface ManifestFile {
  /** Relative to the manifest; inside its folder. */
  path: string;
  /** 64 hexadecimal digits. */
  sha256: string;
}

/** Prompts of a closed vocabulary: ids = encode(prompt), padded to `length`, then the begin token. */
export interface WordsPrompt {
  /** Words of a closed vocabulary. */
  kind: 'words';
  /** Tokens of a prompt, padded. */
  length: number;
  /** The token that fills a prompt up. */
  pad: string;
  /** The token of a word that the vocabulary lacks. */
  unknown: string;
  /** The token that begins the image. */
  begin: string;
  /** The token of the prompt that guidance leads away from. */
  unconditional: string;
}

/** Prompts of a language model's tokenizer. */
export interface TemplatePrompt {
  /** Text in a template. */
  kind: 'template';
  /** Text and special tokens around `{prompt}`; the last token begins the image. */
  template: string;
  /** Positions of the rotary table before the image, of which a prompt takes the last; its length at most. */
  length?: number | undefined;
  /** What the second row of guidance reads. */
  unconditional:
    | {
        /** All ids but the first and the last replaced by one. */
        kind: 'pad';
        /** That one. */
        token: string;
      }
    | {
        /** The prompt's last ids alone. */
        kind: 'tail';
        /** How many. */
        length: number;
      }
    | {
        /** The same always: a negative prompt with all that surrounds it. */
        kind: 'text';
        /** Text and special tokens; the last token begins the image. */
        text: string;
      };
}

/** Prompts that a text encoder outside the package has made numbers of. */
export interface EmbeddingsPrompt {
  /** Features of a text encoder. */
  kind: 'embeddings';
  /** Embeddings of a prompt at most; the model learned with prompts padded to this length. */
  length: number;
  /** Numbers of an embedding. */
  width: number;
}

/** What an image is besides the tokens of its picture. */
export interface ManifestSequence {
  /** Tokens behind the last image token of every row, the same always. */
  rowEnd?: string[] | undefined;
  /** A small picture, in image tokens too, that is drawn before the picture and read while that is drawn. */
  sketch?:
    | {
        /** Of tokens. */
        rows: number;
        /** Tokens of a row. */
        columns: number;
      }
    | undefined;
}

/** model.json of a model package, of either version; docs/model-package.md describes it. */
export interface Manifest {
  /** What kind of file it is. */
  format: 'sjd2-model';
  /** Of the format. */
  version: 1 | 2;
  /** Whose checkpoints it was exported from. */
  family?: string | undefined;
  /** What messages call the model. */
  name: string;
  /** In a sentence. */
  description: string;
  /** Of the weights; an SPDX identifier. */
  license: string;
  /** What the model learned from. */
  attribution: Attribution[];
  /** Width d of an input row. */
  hiddenSize: number;
  /** Of the transformer. */
  layers: number;
  /** Attention heads of a layer. */
  heads: number;
  /** Heads of keys and values. */
  kvHeads: number;
  /** Elements of a head. */
  headSize: number;
  /** Positions that the KV cache holds: prompt and image together. */
  maxLength: number;
  /** The raster of an image. */
  image: ImageRaster;
  /** How a prompt becomes tokens. */
  prompt: WordsPrompt | TemplatePrompt | EmbeddingsPrompt;
  /** What else an image is, if anything. */
  sequence?: ManifestSequence | undefined;
  /** Defaults of `generate`. */
  sampler: Required<Omit<SamplerOptions, 'sampler'>>;
  /** The noise levels the weights were fine-tuned for, or null: then `sjd2` cannot be used. */
  denoising: ManifestDenoising | null;
  /** How keys and values lie in memory. */
  cache: {
    /** Each row of a pass has a cache of its own. */
    layout: 'rows';
  };
  /** The files of the package. */
  files: ManifestFiles;
}

/** A work that a model learned from. */
export interface Attribution {
  /** Of the work. */
  name: string;
  /** Its terms; an SPDX identifier. */
  license: string;
  /** Whose it is, and which version. */
  source: string;
  /** Where it is. */
  url?: string | undefined;
}

/** Tokens of an image, and its size in pixels. */
export interface ImageRaster {
  /** Different image tokens. */
  vocabulary: number;
  /** Of tokens. */
  rows: number;
  /** Tokens of a row. */
  columns: number;
  /** In pixels. */
  width: number;
  /** In pixels. */
  height: number;
  /** What makes pixels of the tokens, in a few words; of a model without an image decoder. */
  decodedBy?: string | undefined;
}

/** The noise levels that the weights of a model were fine-tuned for. */
export interface ManifestDenoising {
  /** Karras and others, arXiv 2206.00364, equation 5. */
  schedule: 'karras';
  /** Trained levels N. */
  levels: number;
  /** Noise-to-signal ratio of the schedule's clean end. */
  sigmaMin: number;
  /** Noise-to-signal ratio of level N. */
  sigmaMax: number;
  /** Exponent of the schedule: larger puts more levels near the clean end. */
  rho: number;
  /** Denoising steps K by default, at most `levels`. */
  steps: number;
}

/** Graphs by the number of their rows. */
export interface GraphsByRows {
  /** Without guidance. */
  '1'?: ManifestFile | undefined;
  /** With guidance: the prompt, and the prompt that it leads away from. */
  '2'?: ManifestFile | undefined;
}

/** What the files of a package are. */
export interface ManifestFiles {
  /** The transformer. */
  decoder: GraphsByRows;
  /** The same, computing in fp16. */
  halfDecoder?: GraphsByRows | undefined;
  /** External data of the graphs. */
  weights: ManifestFile[];
  /** Tokens to pixels; a model whose tokens go elsewhere (`image.decodedBy`) has none. */
  imageDecoder?: ManifestFile | undefined;
  /** Embeddings. */
  tables: ManifestFile;
  /** In Hugging Face's format; where prompts are text. */
  tokenizer?: ManifestFile | undefined;
  /** The graph that makes input rows of prompts; where these are embeddings. */
  promptEncoder?: ManifestFile | undefined;
}
