// The open positions of a generation, where they lie: rings of drafts, levels, laws and noisy
// embeddings, and the three steps of a pass around the transformer's run. One implementation keeps
// them in host memory (host_window.h), one beside the transformer on a GPU (cuda_window.h).
//
//   put .. enter; noise -> (the transformer's run) -> verify -> refine
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "kernels/kernels.h"

namespace sjd2 {

// What a generation asks of its window. All pointers are host pointers and outlive the window.
struct WindowSpec {
  EmbeddingTable table;
  Schedule schedule;
  int32_t slots = 0;   // of each ring: the capacity + 1, see generation.h
  bool laws = false;   // a coupling that reads q, or someone who asks for probabilities
  bool noise = false;  // positions enter as noise
};

// The law that an initial draft was drawn from.
enum class InitialLaw { None, Uniform, OneHot };

class WindowState {
 public:
  virtual ~WindowState() = default;

  // What a position holds: at most `slots` of them between two calls of verify.
  virtual void put(int32_t position, int32_t draft, int32_t level, InitialLaw law) = 0;

  // The noise of positions that were put for the first time; for a spec with noise.
  virtual void enter(const Window& window, uint64_t seed) = 0;

  // Into the transformer's inputs, in order with `noise`; `from` must last until verify.
  virtual void copy_inputs(float* to, const float* from, size_t floats) = 0;

  // `args` as in kernels.h with the numbers of the pass filled in; the pointers to rings, table,
  // levels and scratch are set here. `out` and `logits` are the transformer's, on its device.
  virtual void noise(NoiseArgs args) = 0;
  // Waits for the result. Without a fault `tokens` gets the window's tokens in order, and the level
  // of the last committed one becomes 0: it is fed as an ordinary token from now on.
  virtual VerifyResult verify(VerifyArgs args, std::vector<int32_t>& tokens) = 0;
  virtual void refine(const Window& window) = 0;

  // p(tokens[j]) at each window position by the laws of the last verify; for a spec with laws.
  virtual std::vector<float> probabilities(const Window& window, const int32_t* tokens) = 0;

  // Between the end of the last noise and the begin of the last verify, on the device's clock: the
  // transformer's share of a pass.
  virtual double model_seconds() = 0;
};

using WindowFactory = std::function<std::unique_ptr<WindowState>(const WindowSpec&)>;

}  // namespace sjd2
