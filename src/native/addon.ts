/**
 * The typed description of sjd2.node, in one place. native/addon/ is its other side: names of fields
 * and shapes must agree, and numbers of enums do (test/native-enums.test.ts).
 */

/** `Coupling` of native/kernels/kernels.h. */
export const COUPLINGS = { independent: 0, maximal: 1, gumbel: 2 } as const;

/** `ElementType` of native/kernels/kernels.h. */
export const ELEMENT_TYPES = { float32: 0, float16: 1, bfloat16: 2 } as const;

/** `Initial` of native/decode/generation.h. */
export const INITIALS = { none: 0, noise: 1, uniform: 2, left: 3, up: 4 } as const;

/** The ONNX Runtime that this process uses. */
export interface RuntimeInfo {
  /** The shared library that is loaded. */
  path: string;
  /** Its own, e.g. `1.30.0`. */
  version: string;
  /** Execution providers compiled into it, e.g. `CPUExecutionProvider`. */
  providers: string[];
}

/** Where the transformer runs. */
export type DeviceName = 'cpu' | 'webgpu' | 'cuda';

/** What this machine has and lacks for the CUDA device. */
export interface CudaReport {
  /** The GPU's name, compute capability and free memory; empty where none was found. */
  gpu: string;
  /** A test's driver, which emulates a GPU on host memory. */
  emulated: boolean;
  /** One sentence for each thing that is missing, and what to install. */
  missing: string[];
}

/** What this machine has and lacks for the WebGPU device. */
export interface WebGpuReport {
  /** The adapter's name; empty where there is none, or none that could be named. */
  gpu: string;
  /** It is a CPU that plays a GPU. */
  software: boolean;
  /** One sentence for each thing that is missing, and what to install. */
  missing: string[];
}

/**
 * Where the image embedding [vocabulary, hidden] comes from: a graph whose `inputs_embeds` of all
 * `image_ids` it is, or a place in a file.
 */
export type ImageTableSource =
  | { path: string; computed: true }
  | (TensorPlace & { computed: false });

export interface TensorPlace {
  path: string;
  /** For errors. */
  name: string;
  /** Its first byte. */
  begin: number;
  type: (typeof ELEMENT_TYPES)[keyof typeof ELEMENT_TYPES];
}

export interface ModelSettings {
  /** Path of ONNX Runtime's shared library. */
  runtime: string;
  /** `probeCuda` and `probeWebGpu` tell whether `cuda` and `webgpu` can be had. */
  device: DeviceName;
  /** Threads inside one operator of the image decoder; 0 lets ONNX Runtime choose. */
  threads: number;
  hidden: number;
  vocabulary: number;
  maxLength: number;
  layers: number;
  kvHeads: number;
  headSize: number;
  /** Whether generations will have tokens at the ends of rows. */
  rowEnd: boolean;
  /** Whether generations will have a `paddedPrompt`. */
  paddedPrompt: boolean;
  /** Decoder graphs by number of rows: `{ '1': path, '2': path }`. */
  decoders: Record<string, string>;
  /** In place of `decoders`, else empty: a language model and its head as transformers.js has them. */
  languageModel: string;
  head: string;
  /** Empty for a model without one. */
  imageDecoder: string;
  /** Names of its input and output. */
  imageInput: string;
  imageOutput: string;
  /** Tokens that the image decoder must take. */
  imageTokens: number;
  /** Pixels that the image decoder must give. */
  imageWidth: number;
  imageHeight: number;
  /** [vocabulary, hidden], fetched by the thread that loads. */
  embedding: ImageTableSource;
  /** [hidden] */
  mean: Float32Array;
  /** [hidden] */
  std: Float32Array;
}

/** Ends native work: what is in flight and was given it, and whatever comes later. */
export interface InterruptHandle {
  fire(): void;
}

export interface GenerationSettings {
  rows: number;
  /** Of the decoder graph that was loaded with them. */
  threads: number;
  /** Input embeddings of each row's prompt, one row's behind the other's, the begin token included. */
  prompt: Float32Array;
  /** [rows] */
  promptLengths: Int32Array;
  /** Where the image's rows of the rotary table begin, whatever the prompt's length; 0 for behind the prompt. */
  paddedPrompt: number;
  /** [tokens, hidden] input embeddings of what follows the last token of every row of the raster. */
  rowEnd: Float32Array;
  /** Image tokens to generate, the sketch's among them. */
  length: number;
  /** What is drawn before the picture; 0 for nothing. */
  sketchRows: number;
  sketchColumns: number;
  /** Tokens per row of the picture's raster. */
  columns: number;
  /** The widest window that will be asked for. */
  capacity: number;
  seed: bigint;
  coupling: (typeof COUPLINGS)[keyof typeof COUPLINGS];
  initial: (typeof INITIALS)[keyof typeof INITIALS];
  sampler: { guidance: number; temperature: number; topK: number; topP: number };
  schedule: {
    /** [K + 1], index 0 is clean: 1 */
    alpha: Float32Array;
    /** [K + 1], index 0 is clean: 0 */
    sigma: Float32Array;
    /** [K + 1, hidden] */
    tau: Float32Array;
    staggered: boolean;
  };
}

/** What one pass did. */
export interface PassReport {
  /** The tokens it committed, at least one. */
  tokens: Int32Array;
  /** Positions it worked on. */
  window: number;
  /** Drafts in the accepted prefix: always one less than the committed tokens. */
  accepted: number;
  /** Positions that had a draft. */
  drafts: number;
  /** Of these, the ones whose draft stayed the same token. */
  kept: number;
  modelSeconds: number;
  kernelSeconds: number;
  seconds: number;
}

export interface GenerationHandle {
  /**
   * One trip to a worker thread: `count` passes, or as many as begin within `seconds`, or what the
   * image still takes; at least one.
   */
  passes(window: number, relaxed: number, count: number, seconds: number): Promise<PassReport[]>;
  /** Nats per token of a whole image under the AR law. For a fresh generation only. */
  score(tokens: Int32Array): Promise<Float64Array>;
  /**
   * Logits [rows, drafts + 1, vocabulary] of a pass that feeds `drafts` behind the tokens `prefix`, which replace
   * what was committed. The cache holds what earlier traces fed at the prefix's positions, so the first one has an
   * empty prefix. For a generation with Gumbel coupling that makes no passes.
   */
  trace(prefix: Int32Array, drafts: Int32Array): Promise<Float32Array>;
  /** The open positions' drafts, left to right, -1 where there is none. Between passes only. */
  drafts(): Int32Array;
  /** What is in flight goes on; its memory is freed with it. */
  dispose(): void;
}

export interface ModelHandle {
  interrupt(): InterruptHandle;
  /**
   * Makes the image table, the decoder for that many rows, with so many threads inside one operator
   * (0 lets ONNX Runtime choose), and the image decoder, if any, ready. Does nothing for what is loaded.
   */
  load(rows: number, threads: number, interrupt: InterruptHandle): Promise<void>;
  /** Bytes of memory that `generation` would take; for rows and threads that are loaded. */
  generationBytes(settings: GenerationSettings): number;
  /** For rows and threads that are loaded. */
  generation(settings: GenerationSettings, interrupt: InterruptHandle): GenerationHandle;
  /** `pixels` is [3, height, width] in [-1, 1]. */
  decodeImage(
    tokens: Int32Array,
    interrupt: InterruptHandle,
  ): Promise<{ pixels: Float32Array; width: number; height: number }>;
  dispose(): void;
}

/** Fields of native/kernels/kernels.h; src/kernels.ts documents and checks them. */
export interface NativeKernelWindow {
  window: { first: number; count: number; capacity: number };
  drafts: Int32Array;
  level: Int32Array;
}

/** Their names are those that errors use. */
export interface NativePositions extends NativeKernelWindow {
  'table.embedding': Float32Array;
  'table.mean': Float32Array;
  'table.std': Float32Array;
  'schedule.alpha': Float32Array;
  'schedule.sigma': Float32Array;
  'schedule.tau': Float32Array;
  z: Float32Array;
}

export interface NativeNoise extends NativePositions {
  fed: number;
  freshFrom: number;
  seed: bigint;
  out: Float32Array;
  rows: number;
  rowStride?: number;
}

export interface NativeVerify extends NativeKernelWindow {
  relaxed: number;
  seed: bigint;
  pass: number;
  coupling: number;
  sampler: { guidance: number; temperature: number; topK: number; topP: number };
  logits: Float32Array | Uint16Array;
  type: number;
  rows: number;
  vocabulary: number;
  laws?: Float32Array;
  kept?: Uint8Array;
}

export interface NativeVerifyResult {
  accepted: number;
  kept: number;
}

/** A tensor that goes into a graph: BigInt64Array is int64, Float32Array float32, Uint8Array bool. */
export interface NativeFeed {
  name: string;
  shape: number[];
  data: BigInt64Array | Float32Array | Uint8Array;
}

export interface NativeTensorSpec {
  name: string;
  /** ONNX's number of the type. */
  element: number;
  /** -1 for a symbolic dimension. */
  shape: number[];
}

/** Any graph, for what is run once per model or prompt. On the CPU. */
export interface GraphHandle {
  /** Loads it on first use. */
  open(): Promise<{ inputs: NativeTensorSpec[]; outputs: NativeTensorSpec[] }>;
  /** One float32 output; `feeds` are all inputs there are. */
  run(feeds: NativeFeed[], output: { name: string; shape: number[] }): Promise<Float32Array>;
  dispose(): void;
}

export interface Addon {
  openRuntime(path: string): RuntimeInfo;
  /** The ONNX Runtimes that this process holds, whoever loaded them, in the order of loading. */
  loadedRuntimes(): Array<{ path: string; version: string }>;
  /** The oldest ONNX Runtime that `openRuntime` takes: `1.20.1` */
  minimumRuntime: string;
  /** `path` of ONNX Runtime's shared library. */
  probeCuda(path: string): Promise<CudaReport>;
  probeWebGpu(path: string): Promise<WebGpuReport>;
  Model: new (options: ModelSettings) => ModelHandle;
  /** `runtime` is the path of ONNX Runtime's shared library. */
  Graph: new (
    runtime: string,
    path: string,
    threads: number,
  ) => GraphHandle;
  noise(args: NativeNoise): void;
  noiseAsync(args: NativeNoise): Promise<void>;
  verify(args: NativeVerify): NativeVerifyResult;
  verifyAsync(args: NativeVerify): Promise<NativeVerifyResult>;
  refine(args: NativePositions): void;
  refineAsync(args: NativePositions): Promise<void>;
}
