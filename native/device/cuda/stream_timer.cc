#include "device/cuda/stream_timer.h"

namespace sjd2::cuda {

StreamTimer::StreamTimer(CudaDevice& device)
    : device_(device), begin_(device.create_event()), end_(device.create_event()) {}

StreamTimer::~StreamTimer() {
  device_.destroy_event(begin_);
  device_.destroy_event(end_);
}

}  // namespace sjd2::cuda
