// Threads that wait for rows. The pool belongs to the caller, so that kernels start no thread and
// hold no state; a pool serves one call at a time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace sjd2 {

class ThreadPool {
 public:
  // Called once per task; `worker` < size() names the thread, for scratch memory of its own.
  using Task = void (*)(void* context, int32_t worker, int32_t task);

  explicit ThreadPool(int32_t threads);  // the calling thread is one of them
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int32_t size() const { return static_cast<int32_t>(threads_.size()) + 1; }

  // Runs tasks 0 .. count - 1, each once, in any order on any worker; returns when all are done.
  void run(int32_t count, Task task, void* context);

 private:
  void serve(int32_t worker);
  void take_tasks(int32_t worker);

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable start_, done_;
  uint64_t round_ = 0;  // guarded by mutex_, like all below but next_
  int32_t busy_ = 0;
  bool stopping_ = false;
  Task task_ = nullptr;
  void* context_ = nullptr;
  int32_t count_ = 0;
  std::atomic<int32_t> next_{0};
};

}  // namespace sjd2
