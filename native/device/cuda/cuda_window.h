// The half of a generation that lives on the GPU: the rings of drafts, levels, laws and noisy
// embeddings, and the three steps of a pass around the transformer's run. All of it is queued on
// the device's stream; only `verify` waits, for one pinned read-back of the status and the tokens.
//
//   enter ..; noise -> (transformer on the same stream) -> verify -> refine
#pragma once

#include <vector>

#include "device/cuda/cuda_device.h"
#include "kernels/kernels.h"

namespace sjd2::cuda {

// A model's constants on the device, shared by its generations.
class DeviceTable {
 public:
  DeviceTable(CudaDevice& device, const EmbeddingTable& host);
  const EmbeddingTable& table() const { return table_; }

 private:
  Buffer<float> embedding_, mean_, std_;
  EmbeddingTable table_;
};

class CudaWindow {
 public:
  // `slots` = capacity + 1, as in decode/generation.h; `levels` are host pointers. `with_laws`
  // where a coupling needs q, `with_noise` where positions enter as noise. `table` must outlive
  // this.
  CudaWindow(CudaDevice& device, const DeviceTable& table, const Levels& levels, int32_t slots,
             bool with_laws, bool with_noise);
  ~CudaWindow();
  CudaWindow(const CudaWindow&) = delete;
  CudaWindow& operator=(const CudaWindow&) = delete;

  // The law that an initial draft was drawn from.
  enum class InitialLaw { None, Uniform, OneHot };
  // A position that comes into the window: at most `slots` of them between two calls of verify.
  void enter(int32_t position, int32_t draft, int32_t level, InitialLaw law);

  // `args` as in kernels.h, with the window's numbers filled in; the pointers of the ring, the
  // table and the levels are set here, `out` and `logits` are device pointers of the transformer's.
  void noise(NoiseArgs args);
  // Waits. `tokens` gets the window's tokens in order; the last committed one's level becomes 0.
  VerifyResult verify(VerifyArgs args, std::vector<int32_t>& tokens);
  void refine(const Window& window);

 private:
  void fill_law(int32_t slot, int32_t draft, InitialLaw law);

  CudaDevice& device_;
  const EmbeddingTable& table_;
  int32_t slots_, steps_;
  Buffer<int32_t> drafts_, level_, report_;
  Buffer<float> laws_, z_, alpha_, sigma_, tau_, uniform_;
  Buffer<uint8_t> kept_;
  Buffer<Verdict> verdicts_;
  // Pinned: the read-back, then drafts and levels on their way up, and a 1 for one-hot laws.
  int32_t* pinned_ = nullptr;
  int32_t staged_ = 0;
};

}  // namespace sjd2::cuda
