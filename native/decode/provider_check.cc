#include "decode/provider_check.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>

#include "decode/logits.h"
#include "decode/run_buffers.h"
#include "kernels/philox.h"

namespace sjd2 {
namespace {

// A past, and rows behind it that are run together and in pieces. ONNX Runtime's WebGPU attention
// takes another kernel from 32 rows on, which is wrong where a subgroup has fewer than 8 lanes
// (docs/devices.md); a later one may begin elsewhere.
constexpr int32_t kPast = 9, kRows = 40, kNarrow = 31;

// Right logits differ by 1e-5 (fp32) to 1e-2 (fp16) of their deviation; a wrong length, cache or
// mask by a tenth and more.
constexpr float kTolerance = 0.05f;

class Trial {
 public:
  explicit Trial(const OnnxDecoder& decoder)
      : decoder_(decoder),
        shape_(decoder.shape().transformer),
        buffers_(decoder, kPast + kRows, kRows),
        interrupt_(decoder.graph().library()),
        inputs_(size_t(shape_.rows) * (kPast + kRows) * shape_.hidden) {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const uint32_t word = philox(1, static_cast<uint32_t>(i), 0, Purpose::InitialDraft, 0)[0];
      inputs_[i] = static_cast<float>(word) * 0x1p-31f - 1.0f;
    }
    run(0, kPast);
  }

  // Logits [rows, kRows, vocabulary] of the rows behind the past, in runs of these widths.
  std::vector<float> logits(const std::vector<int32_t>& widths) {
    std::vector<float> all(size_t(shape_.rows) * kRows * shape_.vocabulary);
    int32_t done = 0;
    for (const int32_t width : widths) {
      const std::vector<float> some = run(kPast + done, width);
      const size_t floats = size_t(width) * shape_.vocabulary;
      for (int32_t row = 0; row < shape_.rows; ++row) {
        std::copy_n(some.data() + row * floats, floats,
                    all.data() + (size_t(row) * kRows + done) * shape_.vocabulary);
      }
      done += width;
    }
    return all;
  }

 private:
  std::vector<float> run(int32_t cached, int32_t count) {
    Placement& placement = decoder_.placement();
    const size_t floats = size_t(count) * shape_.hidden;
    for (int32_t row = 0; row < shape_.rows; ++row) {
      const size_t from = (size_t(row) * (kPast + kRows) + cached) * shape_.hidden;
      placement.upload(buffers_.inputs() + row * floats, inputs_.data() + from,
                       floats * sizeof(float));
    }
    buffers_.run(interrupt_, InputRows::consecutive(shape_.rows, cached, count, 0));
    return host_logits(buffers_.logits(), size_t(shape_.rows) * count * shape_.vocabulary,
                       shape_.logits, [&](void* host, const void* device, size_t bytes) {
                         placement.download(host, device, bytes);
                       });
  }

  const OnnxDecoder& decoder_;
  const TransformerShape& shape_;
  RunBuffers buffers_;
  const ort::Interrupt interrupt_;
  std::vector<float> inputs_;  // [rows, kPast + kRows, hidden]
};

bool agree(const std::vector<float>& a, const std::vector<float>& b) {
  double squares = 0;
  float difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    squares += double{a[i]} * a[i];
    const float here = std::abs(a[i] - b[i]);
    if (!std::isfinite(here)) return false;
    difference = std::max(difference, here);
  }
  const double deviation = std::sqrt(squares / static_cast<double>(a.size()));
  return difference <= kTolerance * deviation;
}

void try_widths(OnnxDecoder& decoder) {
  if (decoder.shape().transformer.max_length < kPast + kRows) return decoder.limit_runs(kNarrow);
  Trial trial(decoder);
  const std::vector<float> narrow = trial.logits({13, 13, 14});
  if (agree(narrow, trial.logits({kRows}))) return;
  if (!agree(narrow, trial.logits({20, 20}))) {
    throw Error(codes::kDevice, std::string("ONNX Runtime ") + decoder.graph().library().version() +
                                    " computes " + decoder.graph().path() + " wrongly on " +
                                    decoder.placement().name() +
                                    ": the same rows give other logits from run to run. Use device "
                                    "cpu, and tell us with the output of sjd2 info");
  }
  decoder.limit_runs(kNarrow);
}

}  // namespace

void check_provider(OnnxDecoder& decoder) {
  if (!decoder.placement().doubts_provider()) return;
  try {
    try_widths(decoder);
  } catch (const Error& error) {
    // A provider may take a graph and find out what its GPU lacks when it compiles the first run.
    if (error.code() != codes::kRuntime) throw;
    throw Error(codes::kDevice, std::string("The GPU of device ") + decoder.placement().name() +
                                    " cannot run " + decoder.graph().path() + ": " + error.what());
  }
}

void refuse_layers_on_cpu(const ort::Graph& graph, const char* provider) {
  constexpr std::string_view kLayers[] = {"MatMul", "Gemm", "Attention", "LayerNorm", "Softmax"};
  std::string names;
  size_t count = 0;
  for (const auto& [type, name] : graph.nodes_on_cpu()) {
    const auto is = [&type = type](std::string_view layer) {
      return type.find(layer) != type.npos;
    };
    if (std::none_of(std::begin(kLayers), std::end(kLayers), is)) continue;
    if (++count <= 3) names += (names.empty() ? "" : ", ") + type + " (" + name + ")";
  }
  if (count == 0) return;
  throw Error(codes::kDevice, std::string("ONNX Runtime's ") + provider + " provider leaves " +
                                  std::to_string(count) + " layers of " + graph.path() +
                                  " to the CPU (" + names + (count > 3 ? ", ..." : "") +
                                  "): use device cpu");
}

}  // namespace sjd2
