// Decoders over the toy transformer, as src/decoding/*.ts drive them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "decode/generation.h"
#include "decode/host_window.h"
#include "toy_transformer.h"

namespace sjd2::test {

struct DecoderSetup {
  std::string name;
  int32_t window = 1;
  Coupling coupling = Coupling::Gumbel;
  Initial initial = Initial::None;
  int32_t steps = 0;  // K, for Initial::Noise
  bool staggered = false;
  int32_t relaxed = 0;
};

// A plain geometric schedule; losslessness may not depend on which one.
inline OwnedSchedule toy_schedule(int32_t steps, int32_t hidden, bool staggered) {
  OwnedSchedule schedule;
  schedule.staggered = staggered;
  for (int32_t k = 0; k <= steps; ++k) {
    const double ratio = k == 0 ? 0.0 : 0.2 * std::pow(20.0, double(k) / steps);
    schedule.alpha.push_back(float(1 / std::sqrt(1 + ratio * ratio)));
    schedule.sigma.push_back(float(ratio / std::sqrt(1 + ratio * ratio)));
    for (int32_t c = 0; c < hidden; ++c) schedule.tau.push_back(k == 0 ? 0.0f : 0.3f * float(k));
  }
  return schedule;
}

inline std::unique_ptr<Generation> make_generation(const ToyModel& toy, int32_t length,
                                                   const DecoderSetup& setup,
                                                   const Sampler& sampler, uint64_t seed,
                                                   std::unique_ptr<Transformer> transformer,
                                                   WindowFactory windows) {
  Settings settings;
  settings.prompt = toy.prompt;
  settings.prompt_lengths = toy.prompt_lengths;
  settings.row_end = toy.row_end;
  settings.length = length;
  settings.padded_prompt = toy.padded_prompt;
  settings.sketch = toy.sketch;
  settings.columns = kToyColumns;
  settings.capacity = setup.window;
  settings.seed = seed;
  settings.coupling = setup.coupling;
  settings.sampler = sampler;
  settings.initial = setup.initial;
  settings.schedule = toy_schedule(setup.steps, toy.shape.hidden, setup.staggered);
  return std::make_unique<Generation>(std::move(settings), toy.table(), std::move(transformer),
                                      std::move(windows));
}

inline std::unique_ptr<Generation> make_generation(const ToyModel& toy, int32_t length,
                                                   const DecoderSetup& setup,
                                                   const Sampler& sampler, uint64_t seed,
                                                   const Kernels& kernels) {
  return make_generation(toy, length, setup, sampler, seed,
                         std::make_unique<ToyTransformer>(toy, toy.most_inputs(setup.window)),
                         host_windows(kernels));
}

inline std::vector<int32_t> decode(const ToyModel& toy, int32_t length, const DecoderSetup& setup,
                                   const Sampler& sampler, uint64_t seed, const Kernels& kernels,
                                   int32_t* passes = nullptr) {
  const auto generation = make_generation(toy, length, setup, sampler, seed, kernels);
  while (!generation->done()) {
    generation->pass({setup.window, setup.relaxed});
    if (passes) ++*passes;
  }
  return generation->tokens();
}

}  // namespace sjd2::test
