#include <cstring>
#include <new>
#include <string>

#ifdef _WIN32
#include <windows.h>
#else
#include <sys/mman.h>
#endif

#include "device/device.h"
#include "error.h"

namespace sjd2 {
namespace {

constexpr std::align_val_t kAlignment{64};

// Larger buffers are the system's pages: it hands them out zeroed, when they are first touched, and
// takes them back. From the heap, such as come and go with every image tear it up, and it grows
// without a leak.
constexpr size_t kPages = size_t{1} << 16;

#ifdef _WIN32
void* map(size_t bytes) {
  return VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}
void unmap(void* memory, size_t) { VirtualFree(memory, 0, MEM_RELEASE); }
#else
void* map(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}
void unmap(void* memory, size_t bytes) { munmap(memory, bytes); }
#endif

class Host final : public Device {
 public:
  void* allocate(size_t bytes) override {
    if (bytes >= kPages) {
      if (void* memory = map(bytes)) return memory;
      throw Error(codes::kMemory, "The system refuses " + std::to_string(bytes >> 20) +
                                      " MB of memory: use a narrower window or a smaller model");
    }
    void* memory = ::operator new(bytes, kAlignment);
    std::memset(memory, 0, bytes);
    return memory;
  }
  void release(void* memory, size_t bytes) noexcept override {
    if (bytes >= kPages) {
      unmap(memory, bytes);
    } else {
      ::operator delete(memory, kAlignment);
    }
  }
  void synchronize() override {}
  const char* name() const override { return "cpu"; }
};

}  // namespace

void prefer_large_pages([[maybe_unused]] void* memory, [[maybe_unused]] size_t bytes) noexcept {
#ifdef MADV_HUGEPAGE
  // Advice only: a kernel without them refuses, and the memory is as good. What it maps begins at a
  // page; smaller buffers are the heap's.
  if (bytes >= kPages) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
}

Device& host() {
  static Host device;
  return device;
}

}  // namespace sjd2
