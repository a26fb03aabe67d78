// Whole generations with the window on the device: the tokens of the engine on the CPU. The toy
// transformer reads and writes device memory where it lies, as ONNX Runtime's CPU provider would
// on the fake driver and its CUDA provider does on a GPU.
#include <cstring>

#include "check.h"
#include "device/cuda/cuda_window.h"
#include "toy_run.h"

namespace sjd2::test {
namespace {

using cuda::CudaWindow;

struct Run {
  std::vector<int32_t> tokens;
  int32_t passes = 0;
};

// Generation::pass() of decode/generation.cc, with CudaWindow in place of the host's buffers.
Run decode_on_device(cuda::CudaDevice& device, const ToyModel& toy, int32_t length,
                     const DecoderSetup& setup, const Sampler& sampler, uint64_t seed) {
  const auto [rows, hidden, vocabulary, max_length, type] = toy.shape;
  const Schedule schedule = toy_schedule(setup.steps, hidden, setup.staggered);
  const Levels levels{schedule.alpha.data(), schedule.sigma.data(), schedule.tau.data(),
                      schedule.steps()};
  const cuda::DeviceTable table(device, toy.table());
  const int32_t slots = setup.window + 1;
  CudaWindow state(device, table, levels, slots, setup.coupling != Coupling::Gumbel,
                   setup.initial == Initial::Noise);
  ToyTransformer transformer(toy, toy.prompt_length + setup.window - 1);
  Buffer<float> inputs(device, size_t(rows) * (toy.prompt_length + setup.window) * hidden);
  Buffer<float> logits(device, size_t(rows) * setup.window * vocabulary);
  Run run;
  std::vector<int32_t> tokens;
  for (int32_t entered = 0; static_cast<int32_t>(run.tokens.size()) < length; ++run.passes) {
    const int32_t committed = static_cast<int32_t>(run.tokens.size());
    const Window window{committed, std::min(setup.window, length - committed), slots};
    const int32_t fresh_from = entered;
    for (; entered < committed + window.count; ++entered) {
      if (setup.initial == Initial::Noise) {
        const bool rising = setup.staggered && committed == 0;
        state.enter(
            entered, kNoDraft,
            rising ? std::min(setup.steps, 1 + entered * setup.steps / window.count) : setup.steps,
            CudaWindow::InitialLaw::None);
      } else if (setup.initial == Initial::Uniform) {
        const PhiloxBlock words = philox(seed, entered, 0, Purpose::InitialDraft, 0);
        state.enter(entered, static_cast<int32_t>(uint64_t{words[0]} * vocabulary >> 32), 0,
                    CudaWindow::InitialLaw::Uniform);
      } else {
        state.enter(entered, kNoDraft, 0, CudaWindow::InitialLaw::None);
      }
    }
    const bool first = committed == 0;
    const int32_t lead = first ? toy.prompt_length : 1, count = lead + window.count - 1;
    NoiseArgs noise;
    noise.window = first ? window : Window{window.first - 1, window.count + 1, slots};
    noise.fed = noise.window.count - 1;
    noise.fresh_from = fresh_from;
    noise.seed = seed;
    noise.rows = rows;
    noise.row_stride = int64_t{count} * hidden;
    noise.out = inputs.data();
    if (first) {
      const size_t floats = size_t(toy.prompt_length) * hidden;
      for (int32_t row = 0; row < rows; ++row) {
        device.copy_to_device(inputs.data() + row * noise.row_stride,
                              toy.prompt.data() + row * floats, floats * sizeof(float));
      }
      noise.out += floats;
    }
    state.noise(noise);

    // The transformer's turn on the stream. It is a host function here, hence the wait.
    device.synchronize();
    std::memcpy(transformer.inputs(), inputs.data(), size_t(rows) * count * hidden * sizeof(float));
    transformer.run(first ? 0 : toy.prompt_length + committed - 1, count, lead - 1);
    std::memcpy(logits.data(), transformer.logits(),
                size_t(rows) * window.count * vocabulary * sizeof(float));

    VerifyArgs verify;
    verify.window = window;
    verify.fed = window.count - 1;
    verify.passable_level = setup.passable_level;
    verify.seed = seed;
    verify.pass = static_cast<uint32_t>(run.passes);
    verify.coupling = setup.coupling;
    verify.sampler = sampler;
    verify.logits = logits.data();
    verify.rows = rows;
    const VerifyResult verdict = state.verify(verify, tokens);
    CHECK(verdict.fault == VerifyFault::None);
    const int32_t accepted = std::min(window.count, verdict.passed + 1);
    run.tokens.insert(run.tokens.end(), tokens.begin(), tokens.begin() + accepted);
    const int32_t now = static_cast<int32_t>(run.tokens.size());
    state.refine({now, window.first + window.count - now, slots});
  }
  return run;
}

TEST("device decode: every decoder gives the CPU's tokens in as many passes") {
  cuda::CudaDevice device;
  const ToyModel toy = make_toy(11, 14, 2, 3);
  const DecoderSetup setups[] = {
      {"ar", 1, Coupling::Gumbel, Initial::None},
      {"ar, drawn", 1, Coupling::Independent, Initial::None},
      {"sjd", 5, Coupling::Independent, Initial::Uniform},
      {"mc-sjd", 5, Coupling::Maximal, Initial::Uniform},
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

}  // namespace
}  // namespace sjd2::test
