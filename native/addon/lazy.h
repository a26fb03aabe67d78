// Something that several threads share and the first to ask for makes.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

namespace sjd2::addon {

template <typename T>
class Lazy {
 public:
  // What there is, without waiting for anybody who is making it; null until it is complete.
  T* ready() const { return ready_.load(std::memory_order_acquire); }

  // Waits while another thread makes it. `make` gives a unique_ptr; where it throws, the next to
  // ask tries again.
  template <typename Make>
  T& get(Make&& make) {
    if (T* there = ready()) return *there;
    std::lock_guard lock(making_);
    if (!owned_) {
      owned_ = make();
      ready_.store(owned_.get(), std::memory_order_release);
    }
    return *owned_;
  }

 private:
  std::mutex making_;
  std::unique_ptr<T> owned_;
  std::atomic<T*> ready_{nullptr};
};

}  // namespace sjd2::addon
