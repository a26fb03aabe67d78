// The typed arrays of one kernel call: whose memory the kernel works on, and what becomes of it.
//
// Node-API cannot pin memory: a program may transfer a buffer that a worker thread reads, and its
// new owner may free it. So an asynchronous call works on COPIES, made before it returns to
// JavaScript, of what the kernel will touch. A synchronous call BORROWS the caller's memory, except
//   - indices (drafts, levels), which are copied and then checked, so that what was checked is
//   used;
//   - choices (logits, laws) in shared memory, as another thread could change them half way.
//
// Results reach the caller's arrays in `commit`. A call that ends without it, by whatever error,
// leaves every array as it was.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "addon/setup.h"
#include "size.h"

namespace sjd2::addon {

// What a wrong value does.
enum class Values {
  Index,       // says where the kernel reads
  Choice,      // may say so: a row whose maximum is gone when it is searched for
  Arithmetic,  // nothing but a wrong result
};

// Elements that the kernel touches: [begin, begin + count).
struct Span {
  size_t begin, count;
};
using Spans = std::vector<Span>;

// Memory for copies. Large blocks are kept for the next call on the thread, as the system takes
// longer to give megabytes than we take to fill them.
struct Block {
  std::unique_ptr<std::byte[]> memory;
  size_t size = 0;
};

class Arrays {
 public:
  // The fields of `from`: plain data, made by src/kernels.ts.
  Arrays(Napi::Object from, bool asynchronous) : from_(from), asynchronous_(asynchronous) {}
  Arrays(Arrays&&) = default;
  ~Arrays() { restore(); }

  // Elements in the array. @throws ERR_ARGUMENT if it is not an array of T.
  template <typename T>
  size_t length(const char* name) const {
    return look<T>(name).size / sizeof(T);
  }

  // Memory for the kernel, to read. @throws ERR_ARGUMENT if it holds less than `needed` elements.
  template <typename T>
  const T* read(const char* name, Size needed, Values values, const Spans& touched) {
    return reinterpret_cast<const T*>(add(enter<T>(name, needed, touched, false), values, false));
  }
  template <typename T>
  const T* read(const char* name, Size needed, Values values) {
    return read<T>(name, needed, values, {{0, needed.or_throw(codes::kArgument, name)}});
  }

  // Memory for the kernel, to read and write.
  template <typename T>
  T* write(const char* name, Size needed, Values values, const Spans& touched) {
    return reinterpret_cast<T*>(add(enter<T>(name, needed, touched, true), values, false));
  }

  // The same for a kernel that can fail half way: `keep` names what it touches, span by span, which
  // is then restored if it does. `keep` returns the span as it is, while it is in the cache.
  template <typename T>
  T* write_or_restore(const char* name, Size needed, Values values) {
    return reinterpret_cast<T*>(add(enter<T>(name, needed, {}, true), values, true));
  }
  template <typename T>
  const T* keep(Span span) {  // of the array that was entered last
    return reinterpret_cast<const T*>(keep_bytes({span.begin * sizeof(T), span.count * sizeof(T)}));
  }

  // @throws ERR_ARGUMENT if memory that the call writes is memory of another of its arrays.
  void check_overlaps() const;

  // Writes results to the caller's arrays, on the JavaScript thread.
  // @throws ERR_STATE if one of them lost its memory while the call was at work: none is written.
  void commit(Napi::Env env);

 private:
  // The caller's memory.
  struct Memory {
    std::byte* data = nullptr;
    size_t size = 0;  // bytes
    bool shared = false;
  };
  struct Entry {
    const char* name;
    Napi::ObjectReference array;
    Memory memory;
    size_t needed;  // bytes
    Spans touched;  // bytes
    bool written;
    bool copied = false;  // the kernel works on `copy`; else `copy`, if any, restores
    Block copy;           // at least as long as `needed`; only `touched` means something
  };

  template <typename T>
  static constexpr napi_typedarray_type kType = napi_float32_array;

  template <typename T>
  Memory look(const char* name) const {
    const Napi::Value value = from_.Get(name);
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != kType<T>) {
      wrong_type(name);
    }
    return memory_of(value.As<Napi::TypedArray>());
  }
  template <typename T>
  Entry enter(const char* name, Size needed, Spans touched, bool written) const {
    const Memory memory = look<T>(name);
    if (!needed.within(memory.size / sizeof(T))) too_short(name, needed, memory.size / sizeof(T));
    for (Span& span : touched) span = {span.begin * sizeof(T), span.count * sizeof(T)};
    const size_t bytes = needed.or_throw(codes::kArgument, name) * sizeof(T);
    return {name,
            Napi::Persistent(from_.Get(name).As<Napi::Object>()),
            memory,
            bytes,
            std::move(touched),
            written};
  }

  static Memory memory_of(Napi::TypedArray array);
  [[noreturn]] void wrong_type(const char* name) const;
  [[noreturn]] void too_short(const char* name, Size needed, size_t length) const;
  std::byte* add(Entry entry, Values values, bool restores);
  const std::byte* keep_bytes(Span span);
  void restore();
  void forget();

  Napi::Object from_;  // valid while the call is read
  bool asynchronous_;
  std::vector<Entry> entries_;
};

template <>
inline constexpr napi_typedarray_type Arrays::kType<int32_t> = napi_int32_array;
template <>
inline constexpr napi_typedarray_type Arrays::kType<uint16_t> = napi_uint16_array;
template <>
inline constexpr napi_typedarray_type Arrays::kType<uint8_t> = napi_uint8_array;

}  // namespace sjd2::addon
