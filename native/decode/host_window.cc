#include "decode/host_window.h"

#include <algorithm>
#include <cstring>

namespace sjd2 {

HostWindow::HostWindow(const Kernels& kernels, const WindowSpec& spec)
    : kernels_(kernels), spec_(spec) {
  const size_t slots = spec.slots;
  const int32_t vocabulary = spec.table.vocabulary;
  drafts_ = Buffer<int32_t>(host(), slots);
  level_ = Buffer<int32_t>(host(), slots);
  kept_ = Buffer<uint8_t>(host(), slots);
  scratch_ = Buffer<float>(host(), verify_scratch_floats(vocabulary, spec.slots - 1));
  if (spec.laws) laws_ = Buffer<float>(host(), slots * vocabulary);
  if (spec.noise) z_ = Buffer<float>(host(), slots * spec.table.hidden);
}

void HostWindow::put(int32_t position, int32_t draft, int32_t level, InitialLaw initial) {
  const int32_t slot = position % spec_.slots;
  drafts_[slot] = draft;
  level_[slot] = level;
  if (!laws_.size() || initial == InitialLaw::None) return;
  const int32_t vocabulary = spec_.table.vocabulary;
  const bool uniform = initial == InitialLaw::Uniform;
  std::fill_n(law(slot), vocabulary, uniform ? 1.0f / static_cast<float>(vocabulary) : 0.0f);
  if (!uniform) law(slot)[draft] = 1.0f;
}

void HostWindow::enter(const Window& window, uint64_t seed) {
  kernels_.enter(
      {window, seed, spec_.table, spec_.schedule, drafts_.data(), level_.data(), z_.data()});
}

void HostWindow::copy_inputs(float* to, const float* from, size_t floats) {
  std::memcpy(to, from, floats * sizeof(float));
}

void HostWindow::noise(NoiseArgs args) {
  args.table = spec_.table;
  args.schedule = spec_.schedule;
  args.drafts = drafts_.data();
  args.level = level_.data();
  args.z = z_.data();
  kernels_.noise(args);
  noise_end_ = std::chrono::steady_clock::now();
}

VerifyResult HostWindow::verify(VerifyArgs args, std::vector<int32_t>& tokens) {
  model_seconds_ =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - noise_end_).count();
  args.vocabulary = spec_.table.vocabulary;
  args.drafts = drafts_.data();
  args.level = level_.data();
  args.laws = laws_.data();
  args.scratch = scratch_.data();
  args.kept = kept_.data();
  const VerifyResult verdict = kernels_.verify(args);
  if (verdict.fault != VerifyFault::None) return verdict;
  const Window& window = args.window;
  tokens.resize(window.count);
  for (int32_t j = 0; j < window.count; ++j) tokens[j] = drafts_[window.slot(j)];
  level_[window.slot(std::min(window.count - 1, verdict.accepted))] = 0;
  return verdict;
}

void HostWindow::refine(const Window& window) {
  if (!spec_.noise || window.count == 0) return;
  RefineArgs args;
  args.window = window;
  args.table = spec_.table;
  args.schedule = spec_.schedule;
  args.drafts = drafts_.data();
  args.level = level_.data();
  args.z = z_.data();
  kernels_.refine(args);
}

std::vector<float> HostWindow::probabilities(const Window& window, const int32_t* tokens) {
  std::vector<float> p(window.count);
  for (int32_t j = 0; j < window.count; ++j) p[j] = law(window.slot(j))[tokens[j]];
  return p;
}

WindowFactory host_windows(const Kernels& kernels) {
  return [kernels](const WindowSpec& spec) { return std::make_unique<HostWindow>(kernels, spec); };
}

}  // namespace sjd2
