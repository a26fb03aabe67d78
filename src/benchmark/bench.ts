import { type Driver, decodeTokens } from '../decoding/driver';
import { median } from '../median';
import { imageTokens } from '../model/sequence';
import type { PassReport } from '../native/addon';
import {
  type CouplingName,
  checkFields,
  checkFunction,
  checkSignal,
  type DecoderName,
  integer,
  resolveOptions,
  SAMPLER_FIELDS,
  type SamplerOptions,
} from '../options';
import type { Subject } from '../verification/verify';

/** What `model.bench()` measures, and for how long. */
export interface BenchOptions extends SamplerOptions {
  /** What is drawn. Default "a red apple". */
  prompt?: string;
  /** About how long it may take, 1 to 86,400; at least the beginning of one image is drawn with each setting. Default 60. */
  seconds?: number;
  /** Ends it with an `AbortError`. */
  signal?: AbortSignal;
  /** Called before each drawing. */
  onProgress?: (event: BenchProgress) => void;
}

/** How far a benchmark is. */
export interface BenchProgress {
  /** The decoder and window that is measured next. */
  setting: string;
  /** Of all drawings, 0 to 1. */
  done: number;
}

/** What a pass costs by its window. */
export interface WindowCost {
  /** Positions of the window. */
  window: number;
  /** Median seconds of a pass behind the first one of an image. */
  seconds: number;
  /** Tokens a pass at which the window takes as long as `ar`: below it is slower, above faster. */
  breakEven: number;
}

/** What a way of decoding reached. */
export interface DecoderSpeed {
  /** The option `decoder`. */
  decoder: DecoderName;
  /** The option `coupling`. */
  coupling: CouplingName;
  /** The option `window`. */
  window: number;
  /** Tokens committed per pass, without an image's first pass. */
  tokensPerPass: number;
  /** Seconds of passes per token, without an image's first pass. */
  secondsPerToken: number;
  /** Of `ar`, the same number over this one's. */
  speedUp: number;
}

/** What `model.bench()` found on this machine and device. */
export interface Benchmark {
  /** Images that were drawn with each setting, and how many tokens of each: all of them if there was time. */
  images: number;
  /** Tokens of each image, from the first on. */
  tokens: number;
  /** One for each width. */
  windows: WindowCost[];
  /** One for each decoder, coupling and window; `ar` first. */
  decoders: DecoderSpeed[];
  /** The fastest, or one within 3% of it that keeps the picture of `ar`. */
  recommended: DecoderSpeed;
  /** How long it took. */
  seconds: number;
}

interface Setting {
  decoder: DecoderName;
  coupling: CouplingName;
  window: number;
}

interface Drawn {
  tokens: number;
  passes: PassReport[];
}

const FIELDS = ['prompt', 'seconds', 'signal', 'onProgress', ...SAMPLER_FIELDS];
const WINDOWS = [2, 4, 8, 16, 32, 64];
/** Where couplings are compared: what `auto` settles on. */
const COMPARED_WINDOW = 16;
const FEWEST_TOKENS = 32;
const MOST_IMAGES = 8;
/** A difference that one run cannot tell from chance. */
const EQUAL = 1.03;

/** @throws {Sjd2Error} ERR_ARGUMENT, ERR_ABORTED, ERR_NUMERICS. */
export async function bench(model: Subject, options: BenchOptions = {}): Promise<Benchmark> {
  checkFields('options', options, FIELDS);
  const { prompt = 'a red apple', sampler, guidance, temperature, topK, topP } = options;
  const budget = integer('seconds', options.seconds ?? 60, 1, 86_400);
  const signal = checkSignal(options.signal);
  const onProgress = checkFunction('onProgress', options.onProgress);
  const drive = ({ decoder, coupling }: Setting) => {
    const generate = { decoder, coupling, sampler, guidance, temperature, topK, topP };
    return model.drive(prompt, resolveOptions(generate, model.manifest), signal);
  };
  const started = performance.now();
  const { denoising } = model.manifest;
  const length = imageTokens(model.manifest);
  const settings = settingsFor(denoising ? ['sjd', 'sjd2'] : ['sjd'], length);
  const drivers = new Map<Setting, Driver>();
  for (const setting of settings) drivers.set(setting, await drive(setting));
  const draw = async (setting: Setting, seed: number, count: number): Promise<Drawn> => {
    const driver = drivers.get(setting) as Driver;
    const { tokens, passes } = await decodeTokens(driver, BigInt(seed), setting.window, count);
    return { tokens: tokens.length, passes };
  };

  // The first drawings load and allocate, and say how long the others will take.
  let perToken = 0;
  for (const setting of settings) {
    const { tokens, passes } = await draw(setting, 0, Math.min(4, length));
    perToken += secondsOf(passes) / tokens;
  }
  const left = budget - (performance.now() - started) / 1000;
  const affordable = Math.floor(left / perToken);
  const count = Math.min(length, Math.max(FEWEST_TOKENS, affordable));
  const images = Math.max(1, Math.min(MOST_IMAGES, Math.floor(affordable / length)));
  const drawn = new Map<Setting, Drawn[]>(settings.map((setting) => [setting, []]));
  let done = 0;
  for (let seed = 0; seed < images; seed++) {
    // In turns: what disturbs the machine for a while disturbs all alike.
    for (const setting of settings) {
      onProgress?.({ setting: nameOf(setting), done: done++ / (images * settings.length) });
      (drawn.get(setting) as Drawn[]).push(await draw(setting, seed, count));
    }
  }
  onProgress?.({ setting: 'done', done: 1 });
  const windows = costs([...drawn.values()].flat());
  const decoders = speeds(drawn);
  const seconds = (performance.now() - started) / 1000;
  return { images, tokens: count, windows, decoders, recommended: best(decoders), seconds };
}

function settingsFor(parallel: DecoderName[], length: number): Setting[] {
  const windows = WINDOWS.filter((window) => window <= length);
  const compared = Math.min(COMPARED_WINDOW, length);
  return [
    { decoder: 'ar', coupling: 'gumbel', window: 1 },
    ...parallel.flatMap((decoder): Setting[] => [
      ...windows.map((window): Setting => ({ decoder, coupling: 'gumbel', window })),
      { decoder, coupling: 'maximal', window: compared },
      { decoder, coupling: 'independent', window: compared },
    ]),
  ];
}

function nameOf({ decoder, coupling, window }: Setting): string {
  return decoder === 'ar' ? 'ar' : `${decoder}, ${coupling}, window ${window}`;
}

function secondsOf(passes: PassReport[]): number {
  return passes.reduce((sum, pass) => sum + pass.seconds, 0);
}

/** The passes behind the first, which reads the prompt and costs the same for all. */
function behindFirst(drawn: Drawn[]): PassReport[] {
  return drawn.flatMap(({ passes }) => (passes.length > 1 ? passes.slice(1) : passes));
}

function costs(drawn: Drawn[]): WindowCost[] {
  const passes = behindFirst(drawn);
  const secondsAt = (window: number) =>
    passes.filter((pass) => pass.window === window).map((pass) => pass.seconds);
  const single = median(secondsAt(1));
  return [1, ...WINDOWS].flatMap((window) => {
    const made = secondsAt(window);
    if (made.length === 0) return [];
    const seconds = median(made);
    return { window, seconds, breakEven: seconds / single };
  });
}

function speeds(drawn: Map<Setting, Drawn[]>): DecoderSpeed[] {
  let single = 0;
  return [...drawn].map(([setting, images]) => {
    const passes = behindFirst(images);
    const tokens = passes.reduce((sum, pass) => sum + pass.tokens.length, 0);
    const secondsPerToken = secondsOf(passes) / tokens;
    if (setting.decoder === 'ar') single = secondsPerToken;
    const speedUp = single / secondsPerToken;
    return { ...setting, tokensPerPass: tokens / passes.length, secondsPerToken, speedUp };
  });
}

function best(decoders: DecoderSpeed[]): DecoderSpeed {
  const [ar, ...parallel] = decoders as [DecoderSpeed, ...DecoderSpeed[]];
  const fastest = (among: DecoderSpeed[]) =>
    among.reduce((most, one) => (one.speedUp > most.speedUp ? one : most), ar);
  const first = fastest(parallel);
  if (first.speedUp < EQUAL) return ar;
  const same = fastest(parallel.filter(({ coupling }) => coupling === 'gumbel'));
  return same.speedUp * EQUAL >= first.speedUp ? same : first;
}
