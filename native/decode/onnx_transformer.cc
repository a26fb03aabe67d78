#include "decode/onnx_transformer.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "decode/cache_names.h"
#include "decode/run_buffers.h"

namespace sjd2 {
namespace {

// A program that draws several images at once has that many sets of buffers between its images.
constexpr size_t kMostIdle = 8;
// Of their caches together. One set is kept whatever its size: the next image needs it.
constexpr size_t kIdleBytes = size_t{1} << 28;

// A single row would be multiplied by other means than several are (a matrix by a vector), and
// round otherwise: in fp16 one image in twelve then differs from the one that wider passes draw. So
// it gets company, which costs no time that could be measured. Behind it, the row cannot be seen by
// the first, and its keys and values are overwritten by the next pass.
constexpr int32_t kFewestInputs = 2;

// The type that the graph gives a tensor, where any float type will do; another one comes out as
// float32, which the check that follows refuses by name.
ElementType float_type(const ort::TensorSpec& spec) {
  if (spec.element == ort::kFloat16) return ElementType::F16;
  return spec.element == ort::kBFloat16 ? ElementType::BF16 : ElementType::F32;
}

bool has_input(const ort::Graph& graph, const char* name) {
  const auto& inputs = graph.inputs();
  return std::any_of(inputs.begin(), inputs.end(),
                     [&](const ort::TensorSpec& spec) { return spec.name == name; });
}

}  // namespace

OnnxDecoder::OnnxDecoder(ort::Library& library, const std::string& path, const DecoderShape& shape,
                         const ort::GraphOptions& options, Placement& placement)
    : shape_(shape), placement_(placement), graph_(library, path, options) {
  const TransformerShape& t = shape.transformer;
  const ort::TensorSpec& first_cache = graph_.input(cache_name("past_key_values", 0, 0, "key"));
  shape_.transformer.logits = float_type(graph_.output("logits"));
  shape_.cache = float_type(first_cache);
  ort::expect_input(graph_, "inputs_embeds", ort::kFloat32, {t.rows, ort::kSymbolic, t.hidden});
  ort::expect_input(graph_, "seqlens_k", ort::kInt32, {t.rows});
  ort::expect_input(graph_, "total_sequence_length", ort::kInt32, {});
  names_laws_ = shape.row_end || has_input(graph_, "logit_rows");
  if (names_laws_) {
    ort::expect_input(graph_, "logit_rows", ort::kInt64, {ort::kSymbolic});
  } else {
    ort::expect_input(graph_, "first_logit", ort::kInt64, {1});
  }
  takes_offsets_ = shape.padded_prompt || has_input(graph_, "position_offset");
  if (takes_offsets_) ort::expect_input(graph_, "position_offset", ort::kInt64, {t.rows});
  ort::expect_output(graph_, "logits", element_kind(shape_.transformer.logits),
                     {t.rows, ort::kSymbolic, t.vocabulary});
  const std::vector<int64_t> cache{1, shape.kv_heads, t.max_length, shape.head_size};
  for (int32_t layer = 0; layer < shape.layers; ++layer) {
    for (int32_t row = 0; row < t.rows; ++row) {
      for (const char* part : kCacheParts) {
        const int kind = element_kind(shape_.cache);
        const std::string past = cache_name("past_key_values", layer, row, part);
        const std::string present = cache_name("present", layer, row, part);
        ort::expect_stated(graph_, graph_.input(past), kind, cache);
        ort::expect_stated(graph_, graph_.output(present), kind, cache);
        placement.check(graph_, graph_.input(past));
      }
    }
  }
  ort::expect_input_count(
      graph_, 4 + size_t(takes_offsets_) + size_t(shape.layers) * t.rows * std::size(kCacheParts));
}

OnnxDecoder::~OnnxDecoder() = default;

std::unique_ptr<RunBuffers> OnnxDecoder::take(int32_t max_inputs, int32_t max_logits) const {
  {
    const std::lock_guard lock(idle_mutex_);
    const auto fitting = std::find_if(idle_.begin(), idle_.end(), [&](const auto& buffers) {
      return buffers->fits(max_inputs, max_logits);
    });
    if (fitting != idle_.end()) {
      auto buffers = std::move(*fitting);
      idle_.erase(fitting);
      return buffers;
    }
  }
  return std::make_unique<RunBuffers>(*this, max_inputs, max_logits);
}

void OnnxDecoder::give_back(std::unique_ptr<RunBuffers> buffers) const {
  const std::lock_guard lock(idle_mutex_);
  // The newest first: it is as wide as what is asked for these days.
  idle_.insert(idle_.begin(), std::move(buffers));
  const size_t fitting = kIdleBytes / std::max<size_t>(1, idle_.front()->cache_bytes());
  if (idle_.size() > std::clamp<size_t>(fitting, 1, kMostIdle)) idle_.pop_back();
}

OnnxTransformer::OnnxTransformer(const OnnxDecoder& decoder, int32_t max_inputs, int32_t max_logits,
                                 std::shared_ptr<const ort::Interrupt> interrupt)
    : decoder_(decoder),
      buffers_(
          decoder.take(std::max(max_inputs, kFewestInputs), std::max(max_logits, kFewestInputs))),
      interrupt_(std::move(interrupt)) {}

OnnxTransformer::~OnnxTransformer() { decoder_.give_back(std::move(buffers_)); }

float* OnnxTransformer::inputs() { return buffers_->inputs(); }

const void* OnnxTransformer::logits() const { return buffers_->logits(); }

void OnnxTransformer::run(const InputRows& rows) {
  // With guidance the two rows of one position are multiplied together: that is company enough.
  const bool alone = rows.count == 1 && shape().rows == 1;
  if (alone) {
    return buffers_->run(*interrupt_, {rows.cached, kFewestInputs, {0, 1}, rows.offsets});
  }
  if (shape().rows == 1 && rows.laws.size() == 1 && decoder_.names_laws()) {
    // So it is for the head: the first of two equal rows.
    return run({rows.cached, rows.count, {rows.laws[0], rows.laws[0]}, rows.offsets});
  }
  if (rows.count > decoder_.widest_run()) return run_in_pieces(rows);
  buffers_->run(*interrupt_, rows);
}

// Runs of about equal width, each behind the one before it; what they read and write lies in host
// memory. A piece whose rows want no logits computes those of one that nobody reads.
void OnnxTransformer::run_in_pieces(const InputRows& rows) {
  const TransformerShape& t = shape();
  const int32_t count = rows.count, pieces = (count - 1) / decoder_.widest_run() + 1;
  const size_t bytes_per_row = size_t(t.vocabulary) * (t.logits == ElementType::F32 ? 4 : 2);
  size_t done = 0;
  for (int32_t piece = 0; piece < pieces; ++piece) {
    const int32_t begin = static_cast<int32_t>(int64_t{count} * piece / pieces);
    const int32_t end = static_cast<int32_t>(int64_t{count} * (piece + 1) / pieces);
    const size_t width = end - begin;
    InputRows part{rows.cached, end - begin, {}, rows.offsets};
    for (int32_t& cached : part.cached) cached += begin;
    for (const int32_t law : rows.laws) {
      if (law >= begin && law < end) part.laws.push_back(law - begin);
    }
    const size_t got = part.laws.size();
    if (got == 0) part.laws = {end - begin - 1};
    for (size_t row = 0; row < size_t(t.rows); ++row) {
      std::memcpy(buffers_->piece_inputs() + row * width * t.hidden,
                  buffers_->inputs() + (row * count + begin) * t.hidden,
                  width * t.hidden * sizeof(float));
    }
    buffers_->piece_logits();
    buffers_->run(*interrupt_, part, true);
    for (size_t row = 0; row < size_t(t.rows); ++row) {
      std::memcpy(buffers_->logits() + (row * rows.laws.size() + done) * bytes_per_row,
                  buffers_->piece_logits() + row * got * bytes_per_row, got * bytes_per_row);
    }
    done += got;
  }
}

}  // namespace sjd2
