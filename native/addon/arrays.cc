#include "addon/arrays.h"

#include <cstring>
#include <functional>
#include <utility>

#include "addon/arguments.h"

namespace sjd2::addon {
namespace {

void copy_spans(std::byte* to, const std::byte* from, const Spans& spans) {
  for (const Span& span : spans) {
    if (span.count > 0) std::memcpy(to + span.begin, from + span.begin, span.count);
  }
}

// Memory to restore from, kept for the next call on this thread: the laws of a large vocabulary are
// megabytes, and the system takes longer to give them than we take to fill them.
struct Spare {
  std::unique_ptr<std::byte[]> memory;
  size_t size = 0;
};
thread_local Spare spare;

std::unique_ptr<std::byte[]> take(size_t size) {
  if (spare.memory && size <= spare.size) return std::move(spare.memory);
  return std::unique_ptr<std::byte[]>(new std::byte[size]);
}

void give_back(std::unique_ptr<std::byte[]> memory, size_t size) {
  spare = {std::move(memory), size};
}

}  // namespace

Arrays::Memory Arrays::memory_of(Napi::TypedArray array) {
  const Napi::Env env = array.Env();
  napi_value buffer;
  void* data;
  if (napi_get_typedarray_info(env, array, nullptr, nullptr, &data, &buffer, nullptr) != napi_ok) {
    throw Napi::Error::New(env);
  }
  bool unshared = false;
  napi_is_arraybuffer(env, buffer, &unshared);  // a SharedArrayBuffer is none
  return {static_cast<std::byte*>(data), array.ByteLength(), !unshared};
}

void Arrays::wrong_type(const char* name) const {
  wrong(from_.Env(), name, "a typed array of the documented type");
}

void Arrays::too_short(const char* name, Size needed, size_t length) const {
  throw to_js(from_.Env(), codes::kArgument,
              std::string("Expected ") + name + " to have at least " + needed.text() +
                  " elements but it has " + std::to_string(length));
}

std::byte* Arrays::add(Entry entry, Values values, bool restores) {
  entry.copied =
      asynchronous_ || values == Values::Index || (values == Values::Choice && entry.memory.shared);
  if (entry.copied) {
    entry.copy.reset(new std::byte[entry.needed]);
    copy_spans(entry.copy.get(), entry.memory.data, entry.touched);
  } else if (restores) {
    entry.copy = take(entry.needed);
  }
  entries_.push_back(std::move(entry));
  const Entry& added = entries_.back();
  return added.copied ? added.copy.get() : added.memory.data;
}

const std::byte* Arrays::keep_bytes(Span span) {
  Entry& entry = entries_.back();
  copy_spans(entry.copy.get(), entry.memory.data, {span});
  entry.touched.push_back(span);
  return entry.copy.get() + span.begin;
}

void Arrays::check_overlaps() const {
  const std::less<> below;  // over pointers into different objects, too
  for (size_t i = 0; i < entries_.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const Entry &a = entries_[i], &b = entries_[j];
      if (!(a.written || b.written) || a.needed == 0 || b.needed == 0) continue;
      if (below(a.memory.data, b.memory.data + b.needed) &&
          below(b.memory.data, a.memory.data + a.needed)) {
        throw to_js(
            from_.Env(), codes::kArgument,
            std::string("Expected ") + b.name + " and " + a.name + " not to overlap in memory");
      }
    }
  }
}

void Arrays::commit(Napi::Env env) {
  for (const Entry& entry : entries_) {
    if (!entry.written || entry.needed == 0 || !asynchronous_) continue;
    const Memory now = memory_of(entry.array.Value().As<Napi::TypedArray>());
    if (now.data != entry.memory.data || now.size < entry.needed) {
      throw to_js(env, codes::kState,
                  std::string("Expected ") + entry.name +
                      " to keep its memory until the promise settles, but it was transferred");
    }
  }
  for (const Entry& entry : entries_) {
    if (entry.written && entry.copied) {
      copy_spans(entry.memory.data, entry.copy.get(), entry.touched);
    }
  }
  forget();
}

void Arrays::restore() {
  for (const Entry& entry : entries_) {
    if (entry.copy && !entry.copied) {
      copy_spans(entry.memory.data, entry.copy.get(), entry.touched);
    }
  }
  forget();
}

void Arrays::forget() {
  for (Entry& entry : entries_) {
    if (entry.copy && !entry.copied) give_back(std::move(entry.copy), entry.needed);
  }
  entries_.clear();
}

}  // namespace sjd2::addon
