// The open positions on a GPU, beside the transformer. All of it is queued on the device's stream;
// only `verify` waits, for one pinned read-back of the status and the window's tokens.
#pragma once

#include "decode/window_state.h"
#include "device/cuda/cuda_device.h"
#include "device/cuda/stream_timer.h"

namespace sjd2 {

// A model's constants on the device, shared by its generations.
class DeviceTable {
 public:
  DeviceTable(cuda::CudaDevice& device, const EmbeddingTable& host);
  const EmbeddingTable& table() const { return table_; }

 private:
  Buffer<float> embedding_, mean_, std_;
  EmbeddingTable table_;
};

class CudaWindow final : public WindowState {
 public:
  // `table`, the spec's table on the device, must outlive this.
  CudaWindow(cuda::CudaDevice& device, const DeviceTable& table, const WindowSpec& spec);
  ~CudaWindow() override;
  CudaWindow(const CudaWindow&) = delete;
  CudaWindow& operator=(const CudaWindow&) = delete;

  void put(int32_t position, int32_t draft, int32_t level, InitialLaw law) override;
  void enter(const Window& window, uint64_t seed) override;
  void copy_inputs(float* to, const float* from, size_t floats) override;
  void noise(NoiseArgs args) override;
  VerifyResult verify(VerifyArgs args, std::vector<int32_t>& tokens) override;
  void refine(const Window& window) override;
  std::vector<float> probabilities(const Window& window, const int32_t* tokens) override;
  double model_seconds() override { return model_.seconds(); }

 private:
  static constexpr int32_t kStatusWords = sizeof(cuda::Status) / sizeof(int32_t);
  int32_t* pinned_drafts() const { return pinned_ + kStatusWords + slots_; }
  int32_t* pinned_levels() const { return pinned_drafts() + slots_; }
  void send_puts();
  void fill_law(int32_t slot, int32_t draft, InitialLaw law);

  cuda::CudaDevice& device_;
  const EmbeddingTable& table_;
  int32_t slots_, steps_;
  Buffer<int32_t> drafts_, level_, report_;
  Buffer<float> laws_, z_, alpha_, sigma_, tau_, uniform_;
  Buffer<uint8_t> kept_;
  Buffer<cuda::Verdict> verdicts_;
  cuda::StreamTimer model_;
  // Pinned: the read-back, then drafts and levels on their way up, and a 1 for one-hot laws.
  int32_t* pinned_ = nullptr;
  // Positions that were put and not sent yet.
  int32_t put_from_ = 0, put_count_ = 0;
};

WindowFactory cuda_windows(cuda::CudaDevice& device, const DeviceTable& table);

}  // namespace sjd2
