// ONNX Runtime's CUDA execution provider. It is a library of its own, beside ONNX Runtime's, which
// most installations lack.
#pragma once

#include "ort/library.h"

namespace sjd2::ort {

struct CudaProvider {
  int device = 0;
  void* stream = nullptr;  // what sessions queue their work on: the engine's own stream
};

// Makes sessions of `options` run on the GPU, as far as the provider has kernels for their nodes.
// Throws ERR_DEVICE saying what is missing and how to install it.
void append_cuda_provider(const Library& library, SessionOptions* options,
                          const CudaProvider& provider);

// Why sessions can not have it; empty when they can. Loads the provider where there is one.
std::string cuda_provider_absence(const Library& library, const CudaProvider& provider);

}  // namespace sjd2::ort
