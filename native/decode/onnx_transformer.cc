#include "decode/onnx_transformer.h"

#include <iterator>
#include <string>

namespace sjd2 {
namespace {

std::string cache_name(const char* prefix, int32_t layer, int32_t row, const char* part) {
  return std::string(prefix) + "." + std::to_string(layer) + "." + std::to_string(row) + "." + part;
}

constexpr const char* kParts[] = {"key", "value"};

// The type that the graph gives a tensor, where any float type will do; another one comes out as
// float32, which the check that follows refuses by name.
ElementType float_type(const ort::TensorSpec& spec) {
  if (spec.element == ort::kFloat16) return ElementType::F16;
  return spec.element == ort::kBFloat16 ? ElementType::BF16 : ElementType::F32;
}

int element_kind(ElementType type) {
  if (type == ElementType::F16) return ort::kFloat16;
  return type == ElementType::BF16 ? ort::kBFloat16 : ort::kFloat32;
}

size_t element_bytes(ElementType type) { return type == ElementType::F32 ? 4 : 2; }

}  // namespace

OnnxDecoder::OnnxDecoder(ort::Library& library, const std::string& path, const DecoderShape& shape,
                         const ort::GraphOptions& options)
    : shape_(shape), graph_(library, path, options) {
  const TransformerShape& t = shape.transformer;
  shape_.transformer.logits = float_type(graph_.output("logits"));
  shape_.cache = float_type(graph_.input(cache_name("past_key_values", 0, 0, kParts[0])));
  ort::expect_input(graph_, "inputs_embeds", ort::kFloat32, {t.rows, ort::kSymbolic, t.hidden});
  ort::expect_input(graph_, "seqlens_k", ort::kInt32, {t.rows});
  ort::expect_input(graph_, "total_sequence_length", ort::kInt32, {});
  ort::expect_input(graph_, "first_logit", ort::kInt64, {1});
  ort::expect_output(graph_, "logits", element_kind(shape_.transformer.logits),
                     {t.rows, ort::kSymbolic, t.vocabulary});
  const std::vector<int64_t> cache{1, shape.kv_heads, t.max_length, shape.head_size};
  for (int32_t layer = 0; layer < shape.layers; ++layer) {
    for (int32_t row = 0; row < t.rows; ++row) {
      for (const char* part : kParts) {
        const int kind = element_kind(shape_.cache);
        ort::expect_input(graph_, cache_name("past_key_values", layer, row, part), kind, cache);
        ort::expect_output(graph_, cache_name("present", layer, row, part), kind, cache);
      }
    }
  }
  ort::expect_input_count(graph_, 4 + size_t(shape.layers) * t.rows * std::size(kParts));
}

std::unique_lock<std::mutex> OnnxDecoder::turn() const {
  return graph_.on_gpu() ? std::unique_lock(queueing_) : std::unique_lock<std::mutex>();
}

OnnxTransformer::OnnxTransformer(const OnnxDecoder& decoder, Device& device, int32_t max_inputs,
                                 int32_t max_logits,
                                 std::shared_ptr<const ort::Interrupt> interrupt)
    : decoder_(decoder), device_(device), interrupt_(std::move(interrupt)) {
  const DecoderShape& d = decoder.shape();
  const size_t rows = d.transformer.rows;
  inputs_ = Buffer<float>(device, rows * max_inputs * d.transformer.hidden);
  logits_ = Buffer<std::byte>(
      device, rows * max_logits * d.transformer.vocabulary * element_bytes(d.transformer.logits));
  cache_ = Buffer<std::byte>(device, rows * d.layers * 2 * d.kv_heads * d.transformer.max_length *
                                         d.head_size * element_bytes(d.cache));
  past_ = Buffer<int32_t>(host(), rows);
  total_ = Buffer<int32_t>(host(), 1);
  first_logit_ = Buffer<int64_t>(host(), 1);
}

ort::ValueHandle OnnxTransformer::tensor(void* data, size_t bytes, std::vector<int64_t> shape,
                                         int element) const {
  const ort::Graph& graph = decoder_.graph();
  return ort::borrow_tensor(graph.library(), graph.memory(), data, bytes, shape, element);
}

ort::ValueHandle OnnxTransformer::number(void* data, size_t bytes, std::vector<int64_t> shape,
                                         int element) const {
  const ort::Library& library = decoder_.graph().library();
  return ort::borrow_tensor(library, library.cpu_memory(), data, bytes, shape, element);
}

const ort::Binding& OnnxTransformer::binding(int32_t count, int32_t logits) {
  const auto found = bindings_.find({count, logits});
  if (found != bindings_.end()) return found->second;

  const DecoderShape& d = decoder_.shape();
  const TransformerShape& t = d.transformer;
  ort::Binding binding(decoder_.graph());
  binding.input("inputs_embeds",
                tensor(inputs_.data(), inputs_.bytes(), {t.rows, count, t.hidden}, ort::kFloat32));
  binding.input("seqlens_k", number(past_.data(), past_.bytes(), {t.rows}, ort::kInt32));
  binding.input("total_sequence_length", number(total_.data(), total_.bytes(), {}, ort::kInt32));
  binding.input("first_logit", number(first_logit_.data(), first_logit_.bytes(), {1}, ort::kInt64));
  binding.output("logits", tensor(logits_.data(), logits_.bytes(), {t.rows, logits, t.vocabulary},
                                  element_kind(t.logits)));
  const size_t plane = size_t(d.kv_heads) * t.max_length * d.head_size * element_bytes(d.cache);
  std::byte* next = cache_.data();
  for (int32_t layer = 0; layer < d.layers; ++layer) {
    for (int32_t row = 0; row < t.rows; ++row) {
      for (const char* part : kParts) {
        binding.in_place(
            cache_name("past_key_values", layer, row, part),
            cache_name("present", layer, row, part),
            tensor(next, plane, {1, d.kv_heads, t.max_length, d.head_size}, element_kind(d.cache)));
        next += plane;
      }
    }
  }
  return bindings_.emplace(std::pair(count, logits), std::move(binding)).first->second;
}

void OnnxTransformer::run(int32_t cached, int32_t count, int32_t first_logit) {
  const ort::Binding& bound = binding(count, count - first_logit);
  // The last run is done with these: a verify, which waits, lies between two runs.
  for (size_t row = 0; row < past_.size(); ++row) past_[row] = cached + count - 1;
  total_[0] = cached + count;
  first_logit_[0] = first_logit;
  // The CPU provider works when it is called, so what the device has queued for it must be done.
  if (!decoder_.graph().on_gpu()) device_.synchronize();
  const auto turn = decoder_.turn();
  bound.run(*interrupt_);
}

}  // namespace sjd2
