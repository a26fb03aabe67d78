// What the addon keeps per environment: worker_threads each have their own.
#pragma once

#include "addon/setup.h"
#include "addon/workers.h"

namespace sjd2::addon {

struct Environment {
  explicit Environment(Napi::Env env) : workers(env) {}
  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  Napi::FunctionReference generation, interrupt;  // constructors
  Workers workers;
};

}  // namespace sjd2::addon
