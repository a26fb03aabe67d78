#include <cstdlib>
#include <cstring>
#include <new>

#include "device/device.h"

namespace sjd2 {
namespace {

constexpr std::align_val_t kAlignment{64};

class Host final : public Device {
 public:
  void* allocate(size_t bytes) override {
    void* memory = ::operator new(bytes, kAlignment);
    std::memset(memory, 0, bytes);
    return memory;
  }
  void release(void* memory) noexcept override { ::operator delete(memory, kAlignment); }
  void synchronize() override {}
  const char* name() const override { return "cpu"; }
};

}  // namespace

Device& host() {
  static Host device;
  return device;
}

}  // namespace sjd2
