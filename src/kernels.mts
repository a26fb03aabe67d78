// One implementation for both module systems, see index.mts.
export type * from './kernels.js';
export {
  initialLaw,
  noise,
  noiseAsync,
  refine,
  refineAsync,
  verify,
  verifyAsync,
} from './kernels.js';
