// Work on a libuv worker thread behind a promise: the event loop stays free for the whole pass.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "addon/setup.h"

namespace sjd2::addon {

template <typename Result>
class PromiseWorker final : public Napi::AsyncWorker {
 public:
  using Work = std::function<Result()>;                            // on the worker thread
  using Convert = std::function<Napi::Value(Napi::Env, Result&)>;  // on the JavaScript thread
  using Settled = std::function<void()>;                           // on the JavaScript thread

  static Napi::Promise run(
      Napi::Env env, const char* name, Work work, Convert convert, Settled settled = [] {}) {
    auto* worker =
        new PromiseWorker(env, name, std::move(work), std::move(convert), std::move(settled));
    const Napi::Promise promise = worker->deferred_.Promise();
    worker->Queue();
    return promise;
  }

 private:
  PromiseWorker(Napi::Env env, const char* name, Work work, Convert convert, Settled settled)
      : Napi::AsyncWorker(env, name),
        deferred_(Napi::Promise::Deferred::New(env)),
        work_(std::move(work)),
        convert_(std::move(convert)),
        settled_(std::move(settled)) {}

  void Execute() override {
    try {
      result_ = work_();
    } catch (const Error& error) {
      code_ = error.code();
      SetError(error.what());
    } catch (const std::bad_alloc&) {
      code_ = "ERR_MEMORY";
      SetError("Not enough memory");
    } catch (const std::exception& error) {
      code_ = "ERR_INTERNAL";
      SetError(error.what());
    }
  }

  void OnOK() override {
    settled_();
    deferred_.Resolve(convert_(Env(), *result_));
  }

  void OnError(const Napi::Error& error) override {
    settled_();
    deferred_.Reject(to_js(Env(), code_, error.Message()).Value());
  }

  Napi::Promise::Deferred deferred_;
  Work work_;
  Convert convert_;
  Settled settled_;
  std::optional<Result> result_;
  std::string code_;
};

}  // namespace sjd2::addon
