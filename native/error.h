// The one exception class of the native code. Its code reaches JavaScript as `error.code`.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace sjd2 {

class Error : public std::runtime_error {
 public:
  Error(std::string code, const std::string& message)
      : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

namespace codes {
inline constexpr char kRuntime[] = "ERR_RUNTIME";    // ONNX Runtime is missing or refused something
inline constexpr char kModel[] = "ERR_MODEL";        // the package contradicts itself
inline constexpr char kNumerics[] = "ERR_NUMERICS";  // NaN, or a row of logits without a finite one
inline constexpr char kAborted[] = "ERR_ABORTED";    // cancelled by the user
inline constexpr char kState[] = "ERR_STATE";        // used while busy, finished or disposed
inline constexpr char kDevice[] = "ERR_DEVICE";      // no GPU, or something that it needs
inline constexpr char kArgument[] = "ERR_ARGUMENT";  // what would otherwise crash
inline constexpr char kMemory[] = "ERR_MEMORY";      // not enough of it
inline constexpr char kInternal[] = "ERR_INTERNAL";  // a defect of ours
}  // namespace codes

}  // namespace sjd2
