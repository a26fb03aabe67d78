#include "decode/growing_transformer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <vector>

#include "size.h"

namespace sjd2 {
namespace {

constexpr const char* kParts[] = {"key", "value"};

std::string name_of(const char* prefix, int32_t layer, const char* part) {
  return std::string(prefix) + "." + std::to_string(layer) + "." + part;
}

size_t bytes_of(int element) { return element == ort::kFloat32 ? 4 : 2; }

size_t bytes(Size count, const char* what) { return count.or_throw(codes::kMemory, what); }

}  // namespace

GrowingDecoder::GrowingDecoder(ort::Library& library, const std::string& language_model,
                               const std::string& head, const GrowingShape& shape,
                               const ort::GraphOptions& options,
                               std::shared_ptr<const ort::Interrupt> interrupt)
    : shape_(shape), model_(library, language_model, options), head_(library, head, options) {
  const TransformerShape& t = shape_.transformer;
  ort::expect_input(model_, "inputs_embeds", ort::kFloat32, {ort::kAny, ort::kSymbolic, t.hidden});
  ort::expect_input(model_, "attention_mask", ort::kInt64, {ort::kAny, ort::kSymbolic});
  cache_element_ = model_.input(name_of("past_key_values", 0, kParts[0])).element;
  if (cache_element_ != ort::kFloat16) cache_element_ = ort::kFloat32;
  const std::vector<int64_t> cache{ort::kAny, shape.kv_heads, ort::kSymbolic, shape.head_size};
  for (int32_t layer = 0; layer < shape.layers; ++layer) {
    for (const char* part : kParts) {
      ort::expect_input(model_, name_of("past_key_values", layer, part), cache_element_, cache);
      ort::expect_output(model_, name_of("present", layer, part), cache_element_, cache);
    }
  }
  ort::expect_input_count(model_, 2 + takes("position_ids") + takes("num_logits_to_keep") +
                                      size_t(shape.layers) * std::size(kParts));
  ort::expect_input_count(head_, 1);
  hidden_ = head_.inputs()[0].name;
  ort::expect_input(head_, hidden_, ort::kFloat32, {ort::kAny, ort::kSymbolic, t.hidden});
  ort::expect_output(model_, hidden_, ort::kFloat32, {ort::kAny, ort::kSymbolic, t.hidden});
  ort::expect_output(head_, "logits", ort::kFloat32, {ort::kAny, ort::kSymbolic, t.vocabulary});
  batches_ = takes_batches(interrupt);
  in_place_ = shares_cache(interrupt);
}

bool GrowingDecoder::takes(const char* input) const {
  const auto& inputs = model_.inputs();
  return std::any_of(inputs.begin(), inputs.end(),
                     [&](const ort::TensorSpec& spec) { return spec.name == input; });
}

// GroupQueryAttention on the CPU refuses several rows with several positions behind a past, and
// says so when it is run; other attention takes them.
bool GrowingDecoder::takes_batches(const std::shared_ptr<const ort::Interrupt>& interrupt) const {
  const int32_t rows = 2, count = 2;
  try {
    GrowingTransformer probe(*this, rows, count, count, 2 * count, interrupt, false);
    std::fill_n(probe.inputs(), size_t(rows) * count * shape_.transformer.hidden, 0.0f);
    probe.run(InputRows::consecutive(rows, 0, count, 0));
    probe.run(InputRows::consecutive(rows, count, count, 0));
    return true;
  } catch (const Error&) {
    interrupt->check();
    return false;
  }
}

// Concatenation refuses: it wants a present that is longer than the past. A graph that takes it has
// to compute, to the bit, what it does with a past that fits, also where the room holds what a
// longer run has left there.
bool GrowingDecoder::shares_cache(const std::shared_ptr<const ort::Interrupt>& interrupt) const {
  const int32_t rows = batch(2), widest = 5;
  // Positions kept, and fed.
  constexpr int32_t kRuns[][2] = {{0, 5}, {3, 2}, {4, 1}};
  const TransformerShape& t = shape_.transformer;
  const auto logits_of_all = [&](bool in_place) {
    GrowingTransformer probe(*this, rows, widest, widest, 3 * widest, interrupt, in_place);
    std::vector<std::byte> all;
    for (const auto& [cached, count] : kRuns) {
      for (int64_t i = 0; i < int64_t{rows} * count * t.hidden; ++i) {
        probe.inputs()[i] = static_cast<float>(std::sin(cached + 0.37 * static_cast<double>(i)));
      }
      probe.run(InputRows::consecutive(rows, cached, count, 0));
      const auto* logits = static_cast<const std::byte*>(probe.logits());
      all.insert(all.end(), logits, logits + size_t(rows) * count * t.vocabulary * sizeof(float));
    }
    return all;
  };
  try {
    const std::vector<std::byte> shared = logits_of_all(true);
    return shared == logits_of_all(false);
  } catch (const Error&) {
    interrupt->check();
    return false;
  }
}

GrowingTransformer::GrowingTransformer(const GrowingDecoder& decoder, int32_t rows,
                                       int32_t max_inputs, int32_t max_logits, int32_t positions,
                                       std::shared_ptr<const ort::Interrupt> interrupt,
                                       bool in_place)
    : decoder_(decoder),
      shape_(decoder.shape().transformer),
      in_place_(in_place),
      batch_(decoder.batch(rows)),
      groups_(rows / batch_),
      cell_(decoder.shape().head_size * bytes_of(decoder.cache_element())),
      plane_(bytes(Size(cell_) * batch_ * decoder.shape().kv_heads * positions, "The KV cache")),
      interrupt_(std::move(interrupt)) {
  const GrowingShape& s = decoder.shape();
  const TransformerShape& t = shape_;
  shape_.rows = rows;
  shape_.max_length = positions;
  inputs_ = Buffer<float>(host(), bytes(Size(rows) * max_inputs * t.hidden, "The inputs"));
  logits_ = Buffer<std::byte>(
      host(), bytes(Size(rows) * max_logits * t.vocabulary * sizeof(float), "The logits"));
  hidden_ = Buffer<std::byte>(
      host(), bytes(Size(batch_) * max_inputs * t.hidden * sizeof(float), "The hidden states"));
  for (auto& buffer : caches_) {
    buffer = Buffer<std::byte>(
        host(), bytes(Size(plane_) * groups_ * s.layers * std::size(kParts), "The KV cache"));
    prefer_large_pages(buffer.data(), buffer.bytes());
    if (in_place) break;
  }
  // Nothing is masked: a row's past is exactly what was committed.
  mask_ = Buffer<int64_t>(host(), size_t(batch_) * t.max_length);
  std::fill_n(mask_.data(), mask_.size(), int64_t{1});
  positions_ = Buffer<int64_t>(host(), size_t(batch_) * max_inputs);
}

std::byte* GrowingTransformer::cache(bool present, int32_t group, int32_t layer, int32_t part) {
  const size_t index = (size_t(group) * decoder_.shape().layers + layer) * std::size(kParts) + part;
  return caches_[present && !in_place_ ? 1 - front_ : front_].data() + index * plane_;
}

// Closes up the heads of the past, so that it has `length` positions. Blocks move to the left only.
void GrowingTransformer::keep(int32_t length) {
  if (in_place_ || length == length_) return;
  const size_t from = cell_ * length_, to = cell_ * length;
  const int32_t blocks = batch_ * decoder_.shape().kv_heads;
  for (int32_t group = 0; group < groups_; ++group) {
    for (int32_t layer = 0; layer < decoder_.shape().layers; ++layer) {
      for (int32_t part = 0; part < int32_t(std::size(kParts)); ++part) {
        std::byte* plane = cache(false, group, layer, part);
        for (int32_t block = 1; block < blocks; ++block) {
          std::memmove(plane + block * to, plane + block * from, to);
        }
      }
    }
  }
  length_ = length;
}

void GrowingTransformer::run(const InputRows& rows) {
  const int32_t cached = rows.cached[0], count = rows.count, first_logit = rows.laws[0];
  keep(cached);
  for (int32_t group = 0; group < groups_; ++group) run_rows(group, cached, count, first_logit);
  if (!in_place_) front_ = 1 - front_;
  length_ = cached + count;
}

void GrowingTransformer::run_rows(int32_t group, int32_t cached, int32_t count,
                                  int32_t first_logit) {
  const GrowingShape& s = decoder_.shape();
  const int64_t rows = batch_, total = int64_t{cached} + count, hidden = s.transformer.hidden;
  const ort::Library& library = decoder_.model().library();
  const auto tensor = [&](void* data, size_t size, const std::vector<int64_t>& shape, int element) {
    return ort::borrow_tensor(library, library.cpu_memory(), data, size, shape, element);
  };
  ort::Binding binding(decoder_.model());
  binding.input("inputs_embeds", tensor(inputs_.data() + group * rows * count * hidden,
                                        rows * count * hidden * sizeof(float),
                                        {rows, count, hidden}, ort::kFloat32));
  binding.input("attention_mask",
                tensor(mask_.data(), rows * total * sizeof(int64_t), {rows, total}, ort::kInt64));
  if (decoder_.takes("position_ids")) {
    for (int64_t i = 0; i < rows * count; ++i) positions_[i] = cached + i % count;
    binding.input("position_ids", tensor(positions_.data(), rows * count * sizeof(int64_t),
                                         {rows, count}, ort::kInt64));
  }
  const bool selects = decoder_.takes("num_logits_to_keep");
  int64_t wanted = count - first_logit;
  if (selects) {
    binding.input("num_logits_to_keep", tensor(&wanted, sizeof(wanted), {}, ort::kInt64));
  }
  for (int32_t layer = 0; layer < s.layers; ++layer) {
    for (int32_t part = 0; part < int32_t(std::size(kParts)); ++part) {
      const auto kept = [&](bool present, int64_t length) {
        return tensor(cache(present, group, layer, part), cell_ * rows * s.kv_heads * length,
                      {rows, s.kv_heads, length, s.head_size}, decoder_.cache_element());
      };
      const int64_t room = shape_.max_length;
      binding.input(name_of("past_key_values", layer, kParts[part]),
                    kept(false, in_place_ ? room : cached));
      binding.output(name_of("present", layer, kParts[part]), kept(true, in_place_ ? room : total));
    }
  }
  const int64_t given = selects ? wanted : count;
  binding.output(decoder_.hidden(), tensor(hidden_.data(), rows * given * hidden * sizeof(float),
                                           {rows, given, hidden}, ort::kFloat32));
  binding.run(*interrupt_);
  run_head(group, static_cast<int32_t>(given), static_cast<int32_t>(wanted));
}

void GrowingTransformer::run_head(int32_t group, int32_t given, int32_t wanted) {
  const TransformerShape& t = decoder_.shape().transformer;
  const ort::Library& library = decoder_.head().library();
  const size_t row = t.hidden * sizeof(float);
  // The last `wanted` rows of each, side by side.
  for (int32_t r = 0; given != wanted && r < batch_; ++r) {
    std::memmove(hidden_.data() + r * wanted * row,
                 hidden_.data() + (r * given + given - wanted) * row, wanted * row);
  }
  const size_t laws = size_t(batch_) * wanted * t.vocabulary * sizeof(float);
  ort::Binding binding(decoder_.head());
  binding.input(decoder_.hidden(), ort::borrow_tensor(library, library.cpu_memory(), hidden_.data(),
                                                      batch_ * wanted * row,
                                                      {batch_, wanted, t.hidden}, ort::kFloat32));
  binding.output("logits",
                 ort::borrow_tensor(library, library.cpu_memory(), logits_.data() + group * laws,
                                    laws, {batch_, wanted, t.vocabulary}, ort::kFloat32));
  binding.run(*interrupt_);
}

}  // namespace sjd2
