// One NVIDIA GPU: memory, one stream, and the kernels on it. Everything queued here runs in order
// on that stream, which is also the one to give to ONNX Runtime, so nothing waits but
// `synchronize`. Any thread may use it, and several at once: generations share the stream.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "device/cuda/driver.h"
#include "device/device.h"
#include "kernels/cuda/launch.h"

namespace sjd2::cuda {

class CudaDevice final : public Device, public Launcher {
 public:
  // Throws ERR_DEVICE saying what is missing: driver, GPU, supported architecture, kernels.
  explicit CudaDevice(int ordinal = 0);
  ~CudaDevice() override;
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  // Zeroed by the stream. A host pointer in type only: the host may not look through it.
  void* allocate(size_t bytes) override;
  // Kept for the next one that asks for as much, and nothing waits: what is queued may still use
  // the memory, and what comes after it on the stream may have it. So it is with pinned memory and
  // events, but that the host gets pinned memory again only when the stream is done with it.
  void release(void* memory, size_t bytes) noexcept override;
  const char* name() const override { return name_.c_str(); }

  // Page-locked host memory, which copies reach while the host goes on.
  void* allocate_pinned(size_t bytes);
  void release_pinned(void* memory) noexcept;

  // Queued: the host side must stay as it is, or unread, until `synchronize`.
  void copy_to_device(void* device, const void* host, size_t bytes);
  void copy_to_host(void* host, const void* device, size_t bytes);
  void copy_on_device(void* to, const void* from, size_t bytes);
  void clear(void* device, size_t bytes);  // to zero bytes
  void synchronize() override;

  // Events of this device's stream; StreamTimer makes clocks of them.
  Event create_event();
  void destroy_event(Event event) noexcept;
  void record(Event event);
  double seconds_between(Event begin, Event end) const;

  size_t shared_limit() const override { return shared_limit_; }
  void launch(const KernelLaunch& launch) override;

  Stream stream() const { return stream_; }
  int ordinal() const { return ordinal_; }
  int compute_capability() const { return capability_; }  // 90 for 9.0
  int multiprocessors() const { return multiprocessors_; }
  size_t free_bytes() const;
  // The driver emulates a GPU on host memory (a test): see Driver::emulated.
  bool emulated() const { return driver_.emulated; }

  // Makes the GPU's context current on the calling thread. The members above do it themselves;
  // whoever calls into ONNX Runtime with this stream from a worker thread needs it too.
  void make_current() const;

 private:
  void load_kernels();
  void give_back() noexcept;
  void free_kept() noexcept;  // after a wait for the stream
  Event take_event();

  const Driver& driver_;
  std::mutex queueing_;
  int ordinal_;
  DeviceHandle device_ = 0;
  Context context_ = nullptr;
  Stream stream_ = nullptr;
  Module module_ = nullptr;
  std::map<std::string, Function> functions_;
  // What is in use by size, and what was released. Guarded by `queueing_`.
  struct Pinned {
    void* memory;
    size_t bytes;
    Event done;  // recorded when it was released
  };
  std::map<void*, size_t> sizes_;
  std::multimap<size_t, DevicePointer> kept_;
  std::vector<Pinned> kept_pinned_;
  std::vector<Event> kept_events_;
  std::string name_;
  int capability_ = 0, multiprocessors_ = 0;
  size_t shared_limit_ = 0;
};

}  // namespace sjd2::cuda
