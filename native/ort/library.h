// ONNX Runtime, opened by path and called through its C ABI.
#pragma once

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "error.h"
#include "ort/api.h"

namespace sjd2::ort {

// The oldest that draws the pictures of the newest: 1.19.2 computes other logits from the same
// graphs; 1.20.1 to 1.30.0 draw the same.
inline constexpr char kMinimumVersion[] = "1.20.1";

class Library {
 public:
  // Opens the shared library at `path` once per process; another path is refused with both paths
  // named, and so is a version below kMinimumVersion.
  static Library& open(const std::string& path);

  const std::string& path() const { return path_; }
  const std::string& version() const { return version_; }
  // Whether this is ONNX Runtime `major`.`minor` or newer: its table has the slots of that version.
  bool at_least(int major, int minor) const;
  std::vector<std::string> providers() const;
  Env* env() const { return env_; }
  const MemoryInfo* cpu_memory() const { return cpu_memory_; }

  // Calls the entry; a returned error status becomes an Error (ERR_RUNTIME) with its text.
  template <typename Signature, size_t Slot, typename... Args>
  auto call(Function<Signature, Slot>, Args... args) const {
    const auto function = reinterpret_cast<typename Function<Signature, Slot>::Pointer>(
        const_cast<void*>(api_[Slot]));
    using Result = decltype(function(args...));
    if constexpr (std::is_same_v<Result, Status*>) {
      if (Status* status = function(args...)) raise(status);
    } else {
      return function(args...);
    }
  }

 private:
  explicit Library(const std::string& path);
  [[noreturn]] void raise(Status* status) const;

  std::string path_, version_;
  const void* const* api_ = nullptr;
  Env* env_ = nullptr;
  MemoryInfo* cpu_memory_ = nullptr;
};

// Owns one ORT object and releases it through its own release entry.
template <typename T, size_t ReleaseSlot>
class Handle {
 public:
  Handle() = default;
  Handle(const Library& library, T* object) : library_(&library), object_(object) {}
  Handle(Handle&& other) noexcept
      : library_(other.library_), object_(std::exchange(other.object_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(library_, other.library_);
    std::swap(object_, other.object_);
    return *this;
  }
  ~Handle() {
    if (object_) library_->call(Function<void(T*), ReleaseSlot>{}, object_);
  }
  T* get() const { return object_; }

 private:
  const Library* library_ = nullptr;
  T* object_ = nullptr;
};

using ValueHandle = Handle<Value, ReleaseValue.slot>;
using SessionHandle = Handle<Session, ReleaseSession.slot>;
using SessionOptionsHandle = Handle<SessionOptions, ReleaseSessionOptions.slot>;
using RunOptionsHandle = Handle<RunOptions, ReleaseRunOptions.slot>;
using IoBindingHandle = Handle<IoBinding, ReleaseIoBinding.slot>;
using TypeInfoHandle = Handle<TypeInfo, ReleaseTypeInfo.slot>;
using MemoryInfoHandle = Handle<MemoryInfo, ReleaseMemoryInfo.slot>;
using AllocatorHandle = Handle<Allocator, ReleaseAllocator.slot>;
using CudaOptionsHandle = Handle<CudaOptions, ReleaseCudaOptions.slot>;

}  // namespace sjd2::ort
