// Native work behind a promise: the event loop stays free for the whole of it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "addon/environment.h"

namespace sjd2::addon {

template <typename Result>
class PromiseWorker final : public Workers::Job {
 public:
  using Work = std::function<Result()>;                            // on a worker thread
  using Convert = std::function<Napi::Value(Napi::Env, Result&)>;  // on the JavaScript thread
  using Notify = std::function<void()>;                            // on the JavaScript thread

  // `settled` is called once, before the promise is resolved or rejected; `interrupt` when the
  // environment ends while the work is running.
  static Napi::Promise run(
      Napi::Env env, const char* name, Work work, Convert convert, Notify settled = [] {},
      Notify interrupt = [] {}) {
    auto* worker = new PromiseWorker(env, name, std::move(work), std::move(convert),
                                     std::move(settled), std::move(interrupt));
    std::unique_ptr<Workers::Job> job(worker);
    const Napi::Promise promise = worker->deferred_.Promise();
    if (!Environment::of(env).workers.add(job)) {
      worker->failure_ = Failure{codes::kState, "The system gives no thread to work on"};
      worker->settle(env);
    }
    return promise;
  }

 private:
  PromiseWorker(Napi::Env env, const char* name, Work work, Convert convert, Notify settled,
                Notify interrupt)
      : name_(name),
        deferred_(Napi::Promise::Deferred::New(env)),
        work_(std::move(work)),
        convert_(std::move(convert)),
        settled_(std::move(settled)),
        interrupt_(std::move(interrupt)) {}

  void execute() noexcept override {
    failure_ = caught([&] { result_.emplace(work_()); });
  }

  void settle(Napi::Env env) override {
    settled_();
    std::optional<Failure> failure = std::move(failure_);
    if (!failure) {
      Napi::Value value;
      try {
        failure = caught([&] { value = convert_(env, *result_); });
      } catch (const Napi::Error& error) {
        deferred_.Reject(error.Value());
        return;
      }
      if (!failure) {
        deferred_.Resolve(value);
        return;
      }
    }
    deferred_.Reject(to_js(env, failure->code, failure->message).Value());
  }

  void interrupt() noexcept override { interrupt_(); }

  struct Failure {
    std::string code, message;
  };

  // What the body threw, if it was anything native.
  template <typename Body>
  std::optional<Failure> caught(Body&& body) {
    try {
      body();
      return std::nullopt;
    } catch (const Napi::Error&) {
      throw;
    } catch (const Error& error) {
      return Failure{error.code(), error.what()};
    } catch (const std::bad_alloc&) {
      return Failure{codes::kMemory, "Not enough memory"};
    } catch (const std::exception& error) {
      return Failure{codes::kInternal, error.what()};
    } catch (...) {
      return Failure{codes::kInternal, std::string(name_) + " threw something unknown"};
    }
  }

  const char* const name_;
  Napi::Promise::Deferred deferred_;
  Work work_;
  Convert convert_;
  Notify settled_, interrupt_;
  std::optional<Result> result_;
  std::optional<Failure> failure_;
};

}  // namespace sjd2::addon
