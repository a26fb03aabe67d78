// The only include of napi.h: exceptions on, so that C++ and JavaScript errors travel alike.
#pragma once

// A worker thread may be terminated in mid-pass: what its promises would then throw has nowhere to
// go, and without this it would end the whole process.
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#include <napi.h>

#include <exception>
#include <new>
#include <string>

#include "error.h"

namespace sjd2::addon {

// Turns what native code threw into a JavaScript Error with a stable `code`.
inline Napi::Error to_js(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

// Runs `body`; anything native it throws leaves as a JavaScript exception.
template <typename Body>
auto guarded(Napi::Env env, Body&& body) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (const Error& error) {
    throw to_js(env, error.code(), error.what());
  } catch (const std::bad_alloc&) {
    throw to_js(env, codes::kMemory, "Not enough memory");
  } catch (const std::exception& error) {
    throw to_js(env, codes::kInternal, error.what());
  } catch (...) {
    throw to_js(env, codes::kInternal, "Native code threw something unknown");
  }
}

// A wrapped object with a type tag: a method called on a foreign receiver is an error, not a crash.
template <typename Derived>
class Tagged : public Napi::ObjectWrap<Derived> {
 public:
  using Napi::ObjectWrap<Derived>::ObjectWrap;

  static void check(const Napi::CallbackInfo& info) {
    if (!info.This().IsObject() || !info.This().As<Napi::Object>().CheckTypeTag(&Derived::kTag)) {
      throw to_js(info.Env(), codes::kArgument,
                  std::string("Expected the receiver to be a ") + Derived::kName);
    }
  }

  // The wrapper behind a value, or an error naming `what`.
  static Derived& from(Napi::Value value, const char* what) {
    if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&Derived::kTag)) {
      throw to_js(value.Env(), codes::kArgument,
                  std::string("Expected ") + what + " to be a " + Derived::kName);
    }
    return *Napi::ObjectWrap<Derived>::Unwrap(value.As<Napi::Object>());
  }
};

}  // namespace sjd2::addon
