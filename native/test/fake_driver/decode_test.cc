// Whole generations with the window on the device: the tokens of the engine on the CPU. The toy
// transformer reads and writes device memory where it lies, as ONNX Runtime's CPU provider does on
// the fake driver and its CUDA provider on a GPU.
#include <cstring>
#include <thread>

#include "check.h"
#include "decode/cuda_window.h"
#include "toy_run.h"

namespace sjd2::test {
namespace {

using cuda::CudaDevice;

class DeviceToy final : public Transformer {
 public:
  DeviceToy(CudaDevice& device, const ToyModel& toy, int32_t window)
      : device_(device),
        toy_(toy, toy.most_inputs(window)),
        inputs_(device, size_t(toy.shape.rows) * toy.most_inputs(window) * toy.shape.hidden),
        logits_(device, size_t(toy.shape.rows) * window * toy.shape.vocabulary) {}

  const TransformerShape& shape() const override { return toy_.shape(); }
  float* inputs() override { return inputs_.data(); }
  const void* logits() const override { return logits_.data(); }
  void run(const InputRows& input) override {
    device_.synchronize();  // its turn on the stream: it is a host function here
    const auto [rows, hidden, vocabulary, max_length, type] = shape();
    std::memcpy(toy_.inputs(), inputs_.data(), size_t(rows) * input.count * hidden * sizeof(float));
    toy_.run(input);
    std::memcpy(logits_.data(), toy_.logits(),
                size_t(rows) * input.laws.size() * vocabulary * sizeof(float));
  }

 private:
  CudaDevice& device_;
  ToyTransformer toy_;
  Buffer<float> inputs_, logits_;
};

std::unique_ptr<Generation> on_device(CudaDevice& device, const DeviceTable& table,
                                      const ToyModel& toy, int32_t length,
                                      const DecoderSetup& setup, const Sampler& sampler,
                                      uint64_t seed) {
  return make_generation(toy, length, setup, sampler, seed,
                         std::make_unique<DeviceToy>(device, toy, setup.window),
                         cuda_windows(device, table));
}

struct Run {
  std::vector<int32_t> tokens;
  int32_t passes = 0;
};

Run decode_on_device(CudaDevice& device, const ToyModel& toy, int32_t length,
                     const DecoderSetup& setup, const Sampler& sampler, uint64_t seed) {
  const DeviceTable table(device, toy.table());
  const auto generation = on_device(device, table, toy, length, setup, sampler, seed);
  Run run;
  for (; !generation->done(); ++run.passes) {
    const PassReport report = generation->pass({setup.window, setup.relaxed});
    CHECK(report.model_seconds > 0 && report.model_seconds <= report.seconds);
  }
  run.tokens = generation->tokens();
  return run;
}

TEST("device decode: every decoder gives the CPU's tokens in as many passes") {
  CudaDevice device;
  const ToyModel toy = make_toy(11, 14, 2, 3);
  const DecoderSetup setups[] = {
      {"ar", 1, Coupling::Gumbel, Initial::None},
      {"ar, drawn", 1, Coupling::Independent, Initial::None},
      {"sjd", 5, Coupling::Independent, Initial::Uniform},
      {"mc-sjd", 5, Coupling::Maximal, Initial::Uniform},
      {"mc-sjd, left", 5, Coupling::Maximal, Initial::Left},
      {"sjd, gumbel", 5, Coupling::Gumbel, Initial::Uniform},
      {"sjd2", 6, Coupling::Gumbel, Initial::Noise, 2},
      {"sjd2, maximal, staggered", 6, Coupling::Maximal, Initial::Noise, 3, true},
      {"sjd2, relaxed", 6, Coupling::Maximal, Initial::Noise, 3, true, 1},
  };
  Sampler sampler;
  sampler.guidance = 1.5f;
  sampler.temperature = 0.7f;
  for (const DecoderSetup& setup : setups) {
    for (uint64_t seed = 1; seed <= 6; ++seed) {
      sampler.top_p = seed % 2 ? 1.0f : 0.95f;
      sampler.top_k = seed % 3 ? 0 : 8;
      int32_t passes = 0;
      const std::vector<int32_t> expected =
          decode(toy, 14, setup, sampler, seed, reference::kernels, &passes);
      const Run run = decode_on_device(device, toy, 14, setup, sampler, seed);
      CHECK_MESSAGE(run.tokens == expected && run.passes == passes,
                    setup.name + ", seed " + std::to_string(seed) + ": other tokens or passes");
    }
  }
}

TEST("device decode: score gives the CPU's likelihoods") {
  CudaDevice device;
  const ToyModel toy = make_toy(11, 14, 2, 3);
  const DeviceTable table(device, toy.table());
  const std::vector<int32_t> tokens = decode(toy, 14, {"ar", 1}, {}, 5, reference::kernels);
  for (Coupling coupling : {Coupling::Maximal, Coupling::Gumbel}) {
    const DecoderSetup setup{"score", 4, coupling, Initial::Uniform};
    const auto expected = make_generation(toy, 14, setup, {}, 0, reference::kernels)->score(tokens);
    const auto nll = on_device(device, table, toy, 14, setup, {}, 0)->score(tokens);
    CHECK_EQUAL(nll.size(), expected.size());
    // A law is within (1.5 |x| + 20) ulp of a float, and |x| stays below 20 here: 50 * 2^-23.
    for (size_t i = 0; i < nll.size(); ++i) CHECK(std::fabs(nll[i] - expected[i]) < 6e-6);
  }
}

TEST("device decode: generations on threads of their own share the stream and nothing else") {
  CudaDevice device;
  const ToyModel toy = make_toy(11, 14, 2, 3);
  const DeviceTable table(device, toy.table());
  const DecoderSetup setup{"sjd2", 6, Coupling::Maximal, Initial::Noise, 2};
  std::vector<std::vector<int32_t>> together(4);
  std::vector<std::thread> threads;
  for (size_t seed = 0; seed < together.size(); ++seed) {
    threads.emplace_back([&, seed] {
      const auto generation = on_device(device, table, toy, 14, setup, {}, seed);
      while (!generation->done()) generation->pass({6, 0});
      together[seed] = generation->tokens();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t seed = 0; seed < together.size(); ++seed) {
    CHECK(together[seed] == decode(toy, 14, setup, {}, seed, reference::kernels));
  }
}

TEST("device decode: a NaN in the model is an error that names the position") {
  CudaDevice device;
  ToyModel toy = make_toy(8, 6, 1, 3);
  toy.head[4] = NAN;
  const DeviceTable table(device, toy.table());
  const auto generation =
      on_device(device, table, toy, 6, {"sjd", 4, Coupling::Gumbel, Initial::Left}, {}, 1);
  std::string code;
  try {
    generation->pass({4, 0});
  } catch (const Error& error) {
    code = error.code();
  }
  CHECK_EQUAL(code, codes::kNumerics);
  CHECK_EQUAL(generation->committed(), 0);
}

}  // namespace
}  // namespace sjd2::test
