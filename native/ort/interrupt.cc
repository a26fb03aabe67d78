#include "ort/interrupt.h"

namespace sjd2::ort {

Interrupt::Interrupt(const Library& library, bool queued) : library_(library) {
  RunOptions* options = nullptr;
  library.call(CreateRunOptions, &options);
  options_ = RunOptionsHandle(library, options);
  if (queued) {
    library.call(AddRunConfigEntry, options, "disable_synchronize_execution_providers", "1");
  }
}

void Interrupt::fire() noexcept {
  fired_ = true;
  try {
    library_.call(RunOptionsSetTerminate, options_.get());
  } catch (const Error&) {
    // Setting a flag cannot fail in a way that matters: the run ends by itself, and is the last.
  }
}

void Interrupt::check() const {
  if (fired_) throw Error(codes::kAborted, "The operation was aborted");
}

}  // namespace sjd2::ort
