/**
 * The public face of sjd2; what is not named here is not public.
 *
 * ```ts
 * import { loadModel } from 'sjd2';
 * const model = await loadModel('emoji');
 * const { images } = await model.generate('a red apple', { seed: 7 });
 * await images[0].save('apple.png');
 * await model.dispose();
 * ```
 *
 * @module
 */
export type {
  Benchmark,
  BenchOptions,
  BenchProgress,
  DecoderSpeed,
  WindowCost,
} from './benchmark/bench';
export type { Statistics } from './decoding/statistics';
export type { GenerationEvent } from './drawing';
export { type ErrorCode, Sjd2Error } from './errors';
export { contactSheet } from './image/contact-sheet';
export { RgbImage } from './image/rgb-image';
export {
  type GenerateResult,
  ImageModel,
  type StreamOptions,
} from './image-model';
export { type LoadOptions, type LoadProgress, loadModel } from './load-model';
export type {
  Attribution,
  EmbeddingsPrompt,
  GraphsByRows,
  ImageRaster,
  Manifest,
  ManifestDenoising,
  ManifestFile,
  ManifestFiles,
  ManifestSequence,
  TemplatePrompt,
  WordsPrompt,
} from './model/manifest-types';
export { shippedModels } from './model/package';
export type { PartName, PartType } from './model/part-types';
export type { DeviceName, RuntimeInfo } from './native/addon';
export type {
  CouplingName,
  DecoderName,
  GenerateOptions,
  InitialName,
  SamplerOptions,
} from './options';
export type { LawComparison } from './verification/law';
export type { TokenComparison, TokenDifference } from './verification/tokens';
export type {
  Verification,
  VerifyCheck,
  VerifyOptions,
  VerifyProgress,
} from './verification/verify';
export type { WindowComparison } from './verification/windows';
