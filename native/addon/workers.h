// The threads that an environment's native work runs on. They are ours: passes on libuv's four
// would keep the application's files and names waiting.
//
// As many as there are cores, made when they are first needed. Jobs begin in the order they came,
// and a generation's next trip queues behind what the others have asked for meanwhile: that is the
// whole of the scheduling today, and the place to change it.
//
// When the environment ends (a worker thread is terminated, process.exit) what waits is dropped,
// what runs is interrupted, and the threads are joined before anything they use goes away.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "addon/setup.h"

namespace sjd2::addon {

class Workers {
 public:
  class Job {
   public:
    virtual ~Job() = default;
    virtual void execute() noexcept = 0;     // on one of the threads
    virtual void settle(Napi::Env env) = 0;  // then on the JavaScript thread
    // From the JavaScript thread, while it executes: it should end soon.
    virtual void interrupt() noexcept = 0;
  };

  // All but the threads' own life happens on the JavaScript thread.
  explicit Workers(Napi::Env env);
  ~Workers() { close(); }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Takes the job, unless there is no thread to be had; the process stays alive until it has
  // settled.
  bool add(std::unique_ptr<Job>& job);

  // Drops what waits, interrupts what runs, and waits for it; nothing is taken after that.
  void close();

 private:
  static void settle_one(napi_env env, napi_value, void* workers, void* job);
  bool some_thread();
  void work();

  const napi_env env_;
  const size_t limit_;
  napi_threadsafe_function settled_ = nullptr;
  size_t unsettled_ = 0;

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Job>> waiting_;
  // Not settled: freed on the JavaScript thread, where what they hold of JavaScript may be let go.
  std::vector<std::unique_ptr<Job>> dropped_;
  std::vector<Job*> running_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool closed_ = false;
};

}  // namespace sjd2::addon
