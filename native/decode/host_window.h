// The open positions in host memory, worked on by the CPU kernels.
#pragma once

#include <chrono>

#include "decode/window_state.h"
#include "device/device.h"

namespace sjd2 {

class HostWindow final : public WindowState {
 public:
  HostWindow(const Kernels& kernels, const WindowSpec& spec);

  void put(int32_t position, int32_t draft, int32_t level, InitialLaw law) override;
  void enter(const Window& window, uint64_t seed) override;
  void copy_inputs(float* to, const float* from, size_t floats) override;
  void noise(NoiseArgs args) override;
  VerifyResult verify(VerifyArgs args, std::vector<int32_t>& tokens) override;
  void refine(const Window& window) override;
  std::vector<float> probabilities(const Window& window, const int32_t* tokens) override;
  double model_seconds() override { return model_seconds_; }

 private:
  float* law(int32_t slot) const { return laws_.data() + size_t(slot) * spec_.table.vocabulary; }

  const Kernels kernels_;
  const WindowSpec spec_;
  Buffer<int32_t> drafts_, level_;
  Buffer<float> laws_;  // [slots, vocabulary]; empty where nothing needs q
  Buffer<float> z_;     // [slots, hidden]; empty without noise
  // Per window offset.
  Buffer<uint8_t> kept_;
  Buffer<float> scratch_;
  std::chrono::steady_clock::time_point noise_end_;
  double model_seconds_ = 0;
};

WindowFactory host_windows(const Kernels& kernels);

}  // namespace sjd2
