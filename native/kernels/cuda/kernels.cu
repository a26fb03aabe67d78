// The module: one translation unit, so that the fatbin needs no device linker.
#include "kernels/cuda/enter.cu"
#include "kernels/cuda/finish.cu"
#include "kernels/cuda/noise.cu"
#include "kernels/cuda/refine.cu"
#include "kernels/cuda/verify.cu"
