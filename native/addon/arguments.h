// Reads fields of option objects. TypeScript has validated ranges where the user stands; here only
// what would crash is checked: types, and sizes of typed arrays.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "addon/setup.h"

namespace sjd2::addon {

[[noreturn]] inline void wrong(Napi::Env env, const std::string& name, const char* expected) {
  throw to_js(env, codes::kArgument, "Expected " + name + " to be " + expected);
}

inline Napi::Object object_argument(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsObject()) wrong(info.Env(), "the argument", "an object");
  return info[index].As<Napi::Object>();
}

inline Napi::Object object_field(Napi::Object object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsObject()) wrong(object.Env(), name, "an object");
  return value.As<Napi::Object>();
}

inline double number(Napi::Value value, const char* name) {
  if (!value.IsNumber()) wrong(value.Env(), name, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

inline double number_field(Napi::Object object, const char* name) {
  return number(object.Get(name), name);
}

// An integer of 32 bits; a fraction or a larger number is an error, not a truncation.
inline int32_t integer(Napi::Value value, const char* name) {
  const double wide = number(value, name);
  if (!(wide >= INT32_MIN && wide <= INT32_MAX) || wide != static_cast<int32_t>(wide)) {
    wrong(value.Env(), name, "a 32-bit integer");
  }
  return static_cast<int32_t>(wide);
}

inline int32_t integer_field(Napi::Object object, const char* name) {
  return integer(object.Get(name), name);
}

inline std::string string_field(Napi::Object object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsString()) wrong(object.Env(), name, "a string");
  return value.As<Napi::String>().Utf8Value();
}

inline uint64_t seed_field(Napi::Object object, const char* name) {
  const Napi::Value value = object.Get(name);
  bool lossless = false;
  if (!value.IsBigInt()) wrong(object.Env(), name, "a bigint");
  const uint64_t seed = value.As<Napi::BigInt>().Uint64Value(&lossless);
  if (!lossless) wrong(object.Env(), name, "an unsigned 64-bit bigint");
  return seed;
}

template <typename T>
std::vector<T> copy_array(Napi::Value value, const char* name) {
  constexpr bool is_float = std::is_same_v<T, float>;
  constexpr napi_typedarray_type type = is_float ? napi_float32_array : napi_int32_array;
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    wrong(value.Env(), name, is_float ? "a Float32Array" : "an Int32Array");
  }
  const auto array = value.As<Napi::TypedArrayOf<T>>();
  return std::vector<T>(array.Data(), array.Data() + array.ElementLength());
}

template <typename T>
std::vector<T> array_field(Napi::Object object, const char* name) {
  return copy_array<T>(object.Get(name), name);
}

}  // namespace sjd2::addon
