// Any ONNX graph in JavaScript's hands, for what is run once per model or prompt: its tensors are
// described, and it is run with copies of the data.
#pragma once

#include <memory>

#include "addon/setup.h"
#include "ort/session.h"

namespace sjd2::addon {

class GraphHandle : public Tagged<GraphHandle> {
 public:
  static constexpr napi_type_tag kTag = {0x6772617068206f66, 0x3f1b7a90c6d2e845};
  static constexpr const char* kName = "Graph";
  static Napi::Function define(Napi::Env env);

  explicit GraphHandle(const Napi::CallbackInfo& info);

 private:
  Napi::Value open(const Napi::CallbackInfo& info);
  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);
  struct Core;

  std::shared_ptr<Core> core_;
};

}  // namespace sjd2::addon
