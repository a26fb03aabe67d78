// A switch that ends runs of graphs from any thread: those in flight, and every later one. Whoever
// waits for a result has one, and hands it to all that is run on his behalf.
#pragma once

#include <atomic>

#include "ort/library.h"

namespace sjd2::ort {

class Interrupt {
 public:
  // `queued`: runs on a GPU return before they are done, because the kernels that follow wait for
  // them by their place on the stream and the host waits once, for their result.
  explicit Interrupt(const Library& library, bool queued = false);

  void fire() noexcept;
  bool fired() const { return fired_; }
  // Throws ERR_ABORTED once it has fired.
  void check() const;

  // ONNX Runtime looks at them between two nodes, those of a loop's body included.
  const RunOptions* options() const { return options_.get(); }

 private:
  const Library& library_;
  RunOptionsHandle options_;
  std::atomic<bool> fired_{false};
};

}  // namespace sjd2::ort
