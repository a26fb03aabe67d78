#include "decode/run_buffers.h"

#include <algorithm>

#include "decode/cache_names.h"

namespace sjd2 {
namespace {

size_t element_bytes(ElementType type) { return type == ElementType::F32 ? 4 : 2; }

}  // namespace

RunBuffers::RunBuffers(const OnnxDecoder& decoder, int32_t max_inputs, int32_t max_logits)
    : decoder_(decoder), max_inputs_(max_inputs), max_logits_(max_logits) {
  const DecoderShape& d = decoder.shape();
  const TransformerShape& t = d.transformer;
  const ort::Graph& graph = decoder.graph();
  Placement& placement = decoder.placement();
  const auto turn = graph.turn();
  const size_t rows = t.rows;
  inputs_ = Buffer<float>(placement.device(), rows * max_inputs * t.hidden);
  logits_ = Buffer<std::byte>(placement.device(),
                              rows * max_logits * t.vocabulary * element_bytes(t.logits));
  last_ = placement.numbers(graph, "seqlens_k", rows * sizeof(int32_t));
  total_ = placement.numbers(graph, "total_sequence_length", sizeof(int32_t));
  laws_ = decoder.names_laws()
              ? placement.numbers(graph, "logit_rows", max_logits * sizeof(int64_t))
              : placement.numbers(graph, "first_logit", sizeof(int64_t));
  if (decoder.takes_offsets()) {
    offsets_ = placement.numbers(graph, "position_offset", rows * sizeof(int64_t));
  }
  const std::vector<int64_t> shape{1, d.kv_heads, t.max_length, d.head_size};
  const size_t bytes = size_t(d.kv_heads) * t.max_length * d.head_size * element_bytes(d.cache);
  const size_t tensors = rows * d.layers * std::size(kCacheParts);
  cache_bytes_ = tensors * bytes;
  for (size_t i = 0; i < tensors; ++i) {
    cache_.push_back(placement.cache_tensor(graph, bytes, shape, element_kind(d.cache)));
  }
}

RunBuffers::~RunBuffers() {
  const auto turn = decoder_.graph().turn();
  bindings_.clear();
  cache_.clear();
}

float* RunBuffers::piece_inputs() {
  const TransformerShape& t = decoder_.shape().transformer;
  if (!piece_inputs_.size()) {
    piece_inputs_ = Buffer<float>(host(), size_t(t.rows) * decoder_.widest_run() * t.hidden);
  }
  return piece_inputs_.data();
}

std::byte* RunBuffers::piece_logits() {
  const TransformerShape& t = decoder_.shape().transformer;
  if (!piece_logits_.size()) {
    piece_logits_ = Buffer<std::byte>(
        host(), size_t(t.rows) * decoder_.widest_run() * t.vocabulary * element_bytes(t.logits));
  }
  return piece_logits_.data();
}

const ort::Binding& RunBuffers::binding(Shape shape) {
  const auto found = bindings_.find(shape);
  if (found != bindings_.end()) return found->second;

  const DecoderShape& d = decoder_.shape();
  const TransformerShape& t = d.transformer;
  const ort::Graph& graph = decoder_.graph();
  const Placement& placement = decoder_.placement();
  const auto& inputs = shape.piece ? piece_inputs_ : inputs_;
  const auto& logits = shape.piece ? piece_logits_ : logits_;
  ort::Binding binding(graph);
  placement.bind_rows(binding, "inputs_embeds",
                      placement.tensor(graph, inputs.data(), inputs.bytes(),
                                       {t.rows, shape.count, t.hidden}, ort::kFloat32));
  last_->bind(binding, "seqlens_k", {t.rows}, ort::kInt32);
  total_->bind(binding, "total_sequence_length", {}, ort::kInt32);
  if (decoder_.names_laws()) {
    laws_->bind(binding, "logit_rows", {shape.logits}, ort::kInt64);
  } else {
    laws_->bind(binding, "first_logit", {1}, ort::kInt64);
  }
  if (offsets_) offsets_->bind(binding, "position_offset", {t.rows}, ort::kInt64);
  binding.output("logits",
                 placement.tensor(graph, logits.data(), logits.bytes(),
                                  {t.rows, shape.logits, t.vocabulary}, element_kind(t.logits)));
  auto next = cache_.begin();
  for (int32_t layer = 0; layer < d.layers; ++layer) {
    for (int32_t row = 0; row < t.rows; ++row) {
      for (const char* part : kCacheParts) {
        binding.in_place(cache_name("past_key_values", layer, row, part),
                         cache_name("present", layer, row, part), (next++)->value.get());
      }
    }
  }
  return bindings_.emplace(shape, std::move(binding)).first->second;
}

void RunBuffers::run(const ort::Interrupt& interrupt, const InputRows& rows, bool piece) {
  auto* last = static_cast<int32_t*>(last_->host());
  for (size_t row = 0; row < rows.cached.size(); ++row)
    last[row] = rows.cached[row] + rows.count - 1;
  *static_cast<int32_t*>(total_->host()) =
      *std::max_element(rows.cached.begin(), rows.cached.end()) + rows.count;
  auto* laws = static_cast<int64_t*>(laws_->host());
  if (decoder_.names_laws()) {
    std::copy(rows.laws.begin(), rows.laws.end(), laws);
  } else {
    *laws = rows.laws.front();
  }
  if (offsets_) {
    auto* offsets = static_cast<int64_t*>(offsets_->host());
    std::fill_n(offsets, rows.cached.size(), int64_t{0});
    std::copy(rows.offsets.begin(), rows.offsets.end(), offsets);
    offsets_->publish();
  }
  for (RunNumbers* numbers : {last_.get(), total_.get(), laws_.get()}) numbers->publish();
  decoder_.placement().before_run();
  const auto turn = decoder_.graph().turn();
  binding({rows.count, static_cast<int32_t>(rows.laws.size()), piece}).run(interrupt);
}

}  // namespace sjd2
