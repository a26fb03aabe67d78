#include "addon/workers.h"

#include <algorithm>
#include <system_error>

namespace sjd2::addon {
namespace {

void must(napi_env env, napi_status status) {
  if (status != napi_ok) throw Napi::Error::New(env);
}

}  // namespace

Workers::Workers(Napi::Env env)
    : env_(env), limit_(std::max(2u, std::thread::hardware_concurrency())) {
  const napi_value name = Napi::String::New(env, "sjd2.workers");
  must(env, napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr,
                                            this, settle_one, &settled_));
  must(env, napi_unref_threadsafe_function(env, settled_));
  // Added after the function's own hook and so called before it: nobody calls a function that is
  // gone. The environment's instance data, which this is part of, goes last.
  must(env, napi_add_env_cleanup_hook(
                env, [](void* workers) { static_cast<Workers*>(workers)->close(); }, this));
}

bool Workers::add(std::unique_ptr<Job>& job) {
  {
    std::lock_guard lock(mutex_);
    if (closed_ || !some_thread()) return false;
    waiting_.push_back(std::move(job));
  }
  wake_.notify_one();
  if (unsettled_++ == 0) napi_ref_threadsafe_function(env_, settled_);
  return true;
}

// One more where all are busy; whether there is any.
bool Workers::some_thread() {
  if (idle_ > waiting_.size() || threads_.size() == limit_) return true;
  try {
    threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    // A machine that gives no more threads: those that there are do the work.
  }
  return !threads_.empty();
}

void Workers::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    wake_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
    --idle_;
    if (closed_) return;
    std::unique_ptr<Job> job = std::move(waiting_.front());
    waiting_.pop_front();
    running_.push_back(job.get());
    lock.unlock();
    job->execute();
    lock.lock();
    running_.erase(std::find(running_.begin(), running_.end(), job.get()));
    // Under the lock, so that the function is not gone.
    if (!closed_ &&
        napi_call_threadsafe_function(settled_, job.get(), napi_tsfn_nonblocking) == napi_ok) {
      (void)job.release();
    } else {
      dropped_.push_back(std::move(job));
    }
  }
}

void Workers::settle_one(napi_env raw_env, napi_value, void* workers, void* data) {
  const std::unique_ptr<Job> job(static_cast<Job*>(data));
  if (!raw_env) return;  // the environment is gone, and with it all that waited
  const Napi::Env env(raw_env);
  const Napi::HandleScope scope(env);
  auto& self = *static_cast<Workers*>(workers);
  if (--self.unsettled_ == 0) napi_unref_threadsafe_function(env, self.settled_);
  try {
    job->settle(env);
  } catch (const Napi::Error&) {
    // Only an environment that is being terminated can not settle a promise.
  }
}

void Workers::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    for (Job* job : running_) job->interrupt();
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  waiting_.clear();
  dropped_.clear();
}

}  // namespace sjd2::addon
