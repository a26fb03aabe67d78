#include "addon/interrupt.h"

#include "addon/environment.h"

namespace sjd2::addon {

Napi::Function InterruptObject::define(Napi::Env env) {
  return DefineClass(env, kName, {InstanceMethod<&InterruptObject::fire>("fire")});
}

InterruptObject::InterruptObject(const Napi::CallbackInfo& info) : Tagged<InterruptObject>(info) {
  info.This().As<Napi::Object>().TypeTag(&kTag);
}

Napi::Value InterruptObject::create(Napi::Env env, std::shared_ptr<ort::Interrupt> interrupt) {
  Napi::Object object = Environment::of(env).interrupt.New({});
  from(object, "the interrupt").interrupt_ = std::move(interrupt);
  return object;
}

Napi::Value InterruptObject::fire(const Napi::CallbackInfo& info) {
  check(info);
  if (interrupt_) interrupt_->fire();
  return info.Env().Undefined();
}

}  // namespace sjd2::addon
