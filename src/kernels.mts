// One implementation for both module systems, see index.mts.
export type * from './kernels.js';
export { noise, noiseAsync, refine, refineAsync, verify, verifyAsync } from './kernels.js';
