// Time between two points of a device's stream, by the device's own clock.
#pragma once

#include "device/cuda/cuda_device.h"

namespace sjd2::cuda {

class StreamTimer {
 public:
  explicit StreamTimer(CudaDevice& device);
  ~StreamTimer();
  StreamTimer(const StreamTimer&) = delete;
  StreamTimer& operator=(const StreamTimer&) = delete;

  // Queued like any other work.
  void start() { device_.record(begin_); }
  void stop() { device_.record(end_); }
  // After a synchronise that `stop` came before.
  double seconds() const { return device_.seconds_between(begin_, end_); }

 private:
  CudaDevice& device_;
  Event begin_, end_;
};

}  // namespace sjd2::cuda
