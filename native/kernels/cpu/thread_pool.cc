#include "thread_pool.h"

namespace sjd2 {

ThreadPool::ThreadPool(int32_t threads) {
  threads_.reserve(threads > 1 ? threads - 1 : 0);
  for (int32_t worker = 1; worker < threads; ++worker) {
    threads_.emplace_back([this, worker] { serve(worker); });
  }
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  start_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::run(int32_t count, Task task, void* context) {
  {
    std::lock_guard lock(mutex_);
    task_ = task;
    context_ = context;
    count_ = count;
    next_.store(0, std::memory_order_relaxed);
    busy_ = static_cast<int32_t>(threads_.size());
    ++round_;
  }
  start_.notify_all();
  take_tasks(0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return busy_ == 0; });
}

void ThreadPool::serve(int32_t worker) {
  uint64_t served = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    start_.wait(lock, [&] { return stopping_ || round_ != served; });
    if (stopping_) return;
    served = round_;
    lock.unlock();
    take_tasks(worker);
    lock.lock();
    if (--busy_ == 0) done_.notify_one();
  }
}

// Which worker takes a task depends on timing; what a task computes must not.
void ThreadPool::take_tasks(int32_t worker) {
  for (int32_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) {
    task_(context_, worker, i);
  }
}

}  // namespace sjd2
