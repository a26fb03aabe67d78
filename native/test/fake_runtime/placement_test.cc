// The transformer on devices whose memory is not the host's, over the fake runtime, against the
// host; and that the ways in which it was wrong, or could be, are caught.
#include <memory>
#include <numeric>

#include "check.h"
#include "decode/host_placement.h"
#include "decode/provider_check.h"
#include "fake_runtime/decoder.h"

namespace sjd2::test {
namespace {

using namespace fake_runtime;

ort::Library& runtime() { return ort::Library::open(SJD2_FAKE_RUNTIME); }

DecoderShape shape() {
  DecoderShape shape;
  shape.transformer = {1, kHidden, kVocabulary, kLength, ElementType::F32};
  shape.layers = shape.kv_heads = 1;
  shape.head_size = kHidden;
  return shape;
}

std::unique_ptr<OnnxDecoder> load(Placement& placement, const char* path = "decoder") {
  ort::GraphOptions options;
  placement.choose_provider(options);
  return std::make_unique<OnnxDecoder>(runtime(), path, shape(), options, placement);
}

// Logits of passes with a rollback, widths that come again, and one wider than 31 rows.
std::vector<float> decode(OnnxDecoder& decoder) {
  struct Step {
    int32_t cached, count, first_logit;
  };
  const Step steps[] = {{0, 5, 4}, {5, 4, 0}, {7, 4, 0}, {8, 4, 0}, {9, 40, 2}, {12, 33, 0}};
  Placement& placement = decoder.placement();
  const auto interrupt = std::make_shared<ort::Interrupt>(runtime());
  OnnxTransformer transformer(decoder, 40, 40, interrupt);
  std::vector<float> all;
  for (const Step& step : steps) {
    std::vector<float> rows(step.count * kHidden);
    for (size_t i = 0; i < rows.size(); ++i) {
      // Exact in the cache's format.
      rows[i] = static_cast<float>((i * 7 + step.cached * 3) % 16) - 8;
    }
    placement.upload(transformer.inputs(), rows.data(), rows.size() * sizeof(float));
    transformer.run(InputRows::consecutive(1, step.cached, step.count, step.first_logit));
    std::vector<float> logits((step.count - step.first_logit) * kVocabulary);
    placement.download(logits.data(), transformer.logits(), logits.size() * sizeof(float));
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

const std::vector<float>& expected() {
  static const std::vector<float> logits = [] {
    const auto placement = host_placement();
    const auto decoder = load(*placement);
    return decode(*decoder);
  }();
  return logits;
}

template <typename Body>
std::string refusal(Body&& body) {
  try {
    body();
    return "";
  } catch (const Error& error) {
    return error.code();
  }
}

EmbeddingTable table() {
  static const std::vector<float> zeros(kVocabulary * kHidden);
  return {zeros.data(), zeros.data(), zeros.data(), kVocabulary, kHidden};
}

// The faults, as placements: what a placement for the GPU must not do.
class BoundOnce final : public HostPlacement {  // all of it as on the CPU
 public:
  const char* name() const override { return "bound-once"; }
  bool doubts_provider() const override { return true; }
  void choose_provider(ort::GraphOptions& options) const override { options.webgpu = true; }
  OwnedTensor cache_tensor(const ort::Graph& graph, size_t, const std::vector<int64_t>& shape,
                           int element) override {
    return {{}, graph.allocate(shape, element)};
  }
};

class StaleLengths final : public HostPlacement {  // rows staged, numbers not
 public:
  const char* name() const override { return "stale-lengths"; }
  bool doubts_provider() const override { return true; }
  void choose_provider(ort::GraphOptions& options) const override { options.webgpu = true; }
  OwnedTensor cache_tensor(const ort::Graph& graph, size_t, const std::vector<int64_t>& shape,
                           int element) override {
    return {{}, graph.allocate(shape, element)};
  }
  void bind_rows(ort::Binding& binding, const std::string& name,
                 ort::ValueHandle rows) const override {
    binding.staged_input(name, std::move(rows));
  }
};

TEST("placement webgpu: draws the host's logits, over rollbacks and repeated widths") {
  const auto placement = webgpu_placement(runtime());
  const auto decoder = load(*placement);
  check_provider(*decoder);
  CHECK_EQUAL(decoder->widest_run(), INT32_MAX);
  CHECK(decode(*decoder) == expected());
  // The second generation has the first one's buffers and bindings.
  CHECK(decode(*decoder) == expected());
}

TEST("placement webgpu: runs of 32 rows that are wrong are found, and made in pieces") {
  const auto placement = webgpu_placement(runtime());
  const auto decoder = load(*placement, "wide");
  CHECK(decode(*decoder) != expected());
  const auto checked = load(*placement, "wide");
  check_provider(*checked);
  CHECK_EQUAL(checked->widest_run(), 31);
  CHECK(decode(*checked) == expected());
}

TEST("placement webgpu: a cache that a CPU node reads is refused") {
  const auto placement = webgpu_placement(runtime());
  CHECK_EQUAL(refusal([&] { load(*placement, "frozen"); }), std::string(codes::kDevice));
}

TEST("placement: a layer that the provider leaves to the CPU is refused, and named") {
  const auto webgpu = webgpu_placement(runtime());
  CHECK_EQUAL(refusal([&] { load(*webgpu, "layer"); }), std::string(codes::kDevice));
  const auto cuda = cuda_placement(table(), true);
  CHECK_EQUAL(refusal([&] { load(*cuda, "layer"); }), std::string(codes::kDevice));
  const ort::Graph graph(runtime(), "layer", {.webgpu = true});
  const std::vector<ort::Graph::Node> left{{"Sub", "lengths"}, {"MatMul", "projection"}};
  CHECK(graph.nodes_on_cpu() == left);
}

// Logits of some of the rows of a pass: three pieces of at most 31.
std::vector<float> decode_some(OnnxDecoder& decoder, const std::vector<int32_t>& laws) {
  constexpr int32_t kCount = kLength;
  OnnxTransformer transformer(decoder, kCount, kCount, std::make_shared<ort::Interrupt>(runtime()));
  Placement& placement = decoder.placement();
  std::vector<float> rows(kCount * kHidden);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>(i * 5 % 16) - 8;
  placement.upload(transformer.inputs(), rows.data(), rows.size() * sizeof(float));
  transformer.run({{0}, kCount, laws});
  std::vector<float> logits(laws.size() * kVocabulary);
  placement.download(logits.data(), transformer.logits(), logits.size() * sizeof(float));
  return logits;
}

TEST("placement: the rows that get logits are named, in whatever pieces they run") {
  // None in the first piece; one that ends a piece, one that begins another; the last; and one
  // alone.
  const std::vector<std::vector<int32_t>> choices = {{20, 21, 22, 41, 63}, {30}, {0, 1, 63}};
  const auto on_host = host_placement();
  const auto host = load(*on_host, "decoder");
  const std::vector<float> all = [&] {
    std::vector<int32_t> every(kLength);
    std::iota(every.begin(), every.end(), 0);
    return decode_some(*host, every);
  }();
  const auto placement = webgpu_placement(runtime());
  for (const char* path : {"rows", "rows-wide"}) {
    const auto decoder = load(*placement, path);
    check_provider(*decoder);
    CHECK_EQUAL(decoder->widest_run(), path == std::string("rows") ? INT32_MAX : 31);
    for (const std::vector<int32_t>& laws : choices) {
      std::vector<float> wanted;
      for (const int32_t law : laws) {
        const auto from = all.begin() + law * kVocabulary;
        wanted.insert(wanted.end(), from, from + kVocabulary);
      }
      CHECK(decode_some(*decoder, laws) == wanted);
    }
  }
}

TEST("placement cuda: draws the host's logits, its lengths mirrored by the stream") {
  const auto placement = cuda_placement(table(), true);
  const auto decoder = load(*placement);
  check_provider(*decoder);
  CHECK(decode(*decoder) == expected());
  CHECK(decode(*decoder) == expected());
}

TEST("placement cuda: a cache that a CPU node reads is refused") {
  const auto placement = cuda_placement(table(), true);
  CHECK_EQUAL(refusal([&] { load(*placement, "frozen"); }), std::string(codes::kDevice));
}

TEST("placement mutants: tensors bound once are stale, and caught at load") {
  BoundOnce placement;
  const auto decoder = load(placement);
  CHECK(decode(*decoder) != expected());
  CHECK_EQUAL(refusal([&] { check_provider(*decoder); }), std::string(codes::kDevice));
}

TEST("placement mutants: lengths bound once are stale, and caught at load") {
  StaleLengths placement;
  const auto decoder = load(placement);
  CHECK(decode(*decoder) != expected());
  CHECK_EQUAL(refusal([&] { check_provider(*decoder); }), std::string(codes::kDevice));
}

TEST("placement mutants: a cache that a CPU node reads is frozen, and caught at load") {
  StaleLengths placement;  // it does not ask who reads the cache
  const auto decoder = load(placement, "frozen");
  CHECK(decode(*decoder) != expected());
  CHECK_EQUAL(refusal([&] { check_provider(*decoder); }), std::string(codes::kDevice));
}

}  // namespace
}  // namespace sjd2::test

int main(int argc, char** argv) { return sjd2::test::run(argc, argv); }
