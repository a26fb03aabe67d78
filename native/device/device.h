// Where buffers live. The decode state asks for memory here and never calls malloc or a driver
// itself, so that the same state can lie in host memory or beside the transformer on a GPU.
#pragma once

#include <cstddef>
#include <utility>

namespace sjd2 {

class Device {
 public:
  virtual ~Device() = default;
  // Zeroed memory aligned to 64 bytes (a cache line, and the widest vector); throws std::bad_alloc,
  // or ERR_MEMORY, or ERR_DEVICE.
  virtual void* allocate(size_t bytes) = 0;
  virtual void release(void* memory, size_t bytes) noexcept = 0;
  // Waits for all that was queued on the device.
  virtual void synchronize() = 0;
  virtual const char* name() const = 0;
};

// The machine's own memory.
Device& host();

// Of host memory that will be written from end to end within the life of its buffer: the system may
// give it in large pages. The first touch of each small one may cost 15 us on a virtual machine, of
// a large one, which is 512 of them, not much more than zeroing it. Nothing where there are none.
void prefer_large_pages(void* memory, size_t bytes) noexcept;

// `count` elements on a device, owned.
template <typename T>
class Buffer {
 public:
  Buffer() = default;
  Buffer(Device& device, size_t count)
      : device_(&device),
        data_(count ? static_cast<T*>(device.allocate(count * sizeof(T))) : nullptr),
        count_(count) {}
  Buffer(Buffer&& other) noexcept { *this = std::move(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~Buffer() {
    if (data_) device_->release(data_, bytes());
  }

  T* data() const { return data_; }
  size_t size() const { return count_; }
  size_t bytes() const { return count_ * sizeof(T); }
  T& operator[](size_t index) const { return data_[index]; }

 private:
  Device* device_ = nullptr;
  T* data_ = nullptr;
  size_t count_ = 0;
};

}  // namespace sjd2
