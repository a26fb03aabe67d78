// An ort::Interrupt in JavaScript's hands.
#pragma once

#include <memory>

#include "addon/setup.h"
#include "ort/interrupt.h"

namespace sjd2::addon {

class InterruptObject : public Tagged<InterruptObject> {
 public:
  static constexpr napi_type_tag kTag = {0x696e746572727570, 0x91c3d05e7f2a4b68};
  static constexpr const char* kName = "Interrupt";
  static Napi::Function define(Napi::Env env);
  static Napi::Value create(Napi::Env env, std::shared_ptr<ort::Interrupt> interrupt);

  explicit InterruptObject(const Napi::CallbackInfo& info);
  const std::shared_ptr<ort::Interrupt>& get() const { return interrupt_; }

 private:
  Napi::Value fire(const Napi::CallbackInfo& info);

  std::shared_ptr<ort::Interrupt> interrupt_;
};

}  // namespace sjd2::addon
