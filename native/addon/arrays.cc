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

constexpr size_t kLarge = size_t{1} << 16;     // worth keeping
constexpr size_t kTooLarge = size_t{1} << 26;  // to be kept for a call that may never come
constexpr size_t kKept = 2;                    // logits and laws
thread_local std::vector<Block> kept;

Block take(size_t size) {
  for (Block& block : kept) {
    if (block.size < size || block.size / 4 > size) continue;
    Block found = std::move(block);
    kept.erase(kept.begin() + (&block - kept.data()));
    return found;
  }
  return {std::unique_ptr<std::byte[]>(new std::byte[size]), size};
}

void give_back(Block block) {
  if (block.size < kLarge || block.size > kTooLarge) return;
  if (kept.size() == kKept) kept.erase(kept.begin());
  kept.push_back(std::move(block));
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
  if (entry.copied || restores) entry.copy = take(entry.needed);
  if (entry.copied) copy_spans(entry.copy.memory.get(), entry.memory.data, entry.touched);
  entries_.push_back(std::move(entry));
  const Entry& added = entries_.back();
  return added.copied ? added.copy.memory.get() : added.memory.data;
}

const std::byte* Arrays::keep_bytes(Span span) {
  Entry& entry = entries_.back();
  copy_spans(entry.copy.memory.get(), entry.memory.data, {span});
  entry.touched.push_back(span);
  return entry.copy.memory.get() + span.begin;
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
      copy_spans(entry.memory.data, entry.copy.memory.get(), entry.touched);
    }
  }
  forget();
}

void Arrays::restore() {
  for (const Entry& entry : entries_) {
    if (entry.copy.memory && !entry.copied) {
      copy_spans(entry.memory.data, entry.copy.memory.get(), entry.touched);
    }
  }
  forget();
}

void Arrays::forget() {
  for (Entry& entry : entries_) {
    if (entry.copy.memory) give_back(std::move(entry.copy));
  }
  entries_.clear();
}

}  // namespace sjd2::addon
