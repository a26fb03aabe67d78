#include "kernel_statistics.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernel_problem.h"
#include "kernels/reference/law.h"

namespace sjd2::test {
namespace {

constexpr int32_t kVocabulary = 7, kCount = 64, kCalls = 600;
const std::vector<float> kNewLogits{0.3f, -1.2f, 1.9f, 0.0f, 0.8f, -2.5f, 1.1f};
const std::vector<float> kOldLogits{1.3f, -0.2f, 0.4f, 1.0f, -0.8f, -1.5f, 1.6f};

// The same logits at every position: each position of each call is one trial.
Problem trial(const std::vector<float>& logits, Coupling coupling, const Sampler& sampler) {
  Problem problem;
  VerifyArgs& settings = problem.settings;
  settings.window = {0, kCount, kCount};
  settings.coupling = coupling;
  settings.sampler = sampler;
  settings.vocabulary = kVocabulary;
  for (int32_t j = 0; j < kCount; ++j) {
    problem.logits.insert(problem.logits.end(), logits.begin(), logits.end());
  }
  problem.drafts.assign(kCount, kNoDraft);
  problem.level.assign(kCount, 0);
  problem.kept.assign(kCount, 0);
  problem.laws.assign(kCount * kVocabulary, 0.0f);
  return problem;
}

std::vector<float> law_of(const std::vector<float>& logits, const Sampler& sampler) {
  Problem problem = trial(logits, Coupling::Maximal, sampler);
  return reference::law(reference::guided_row(problem.args(), 0), sampler);
}

// Gives every position a draft of law q that is independent of everything else.
void draw_drafts(Problem& problem, const std::vector<float>& q, std::mt19937_64& random) {
  for (int32_t j = 0; j < kCount; ++j) {
    problem.drafts[j] = draw_from(q.data(), kVocabulary, random);
    std::copy(q.begin(), q.end(), problem.laws.begin() + j * kVocabulary);
  }
}

}  // namespace

double chi_square_limit(int degrees_of_freedom) {
  const double z = 4.7534, a = 2.0 / (9.0 * degrees_of_freedom);  // P(N(0,1) > z) = 1e-6
  return degrees_of_freedom * std::pow(1 - a + z * std::sqrt(a), 3);
}

Tally tally_verify(const Kernels& kernels, Coupling coupling, const Sampler& sampler) {
  std::mt19937_64 random(2026);
  const std::vector<float> p = law_of(kNewLogits, sampler), q = law_of(kOldLogits, sampler);
  std::vector<double> counts(kVocabulary, 0.0);
  Tally tally;
  for (int32_t call = 0; call < kCalls; ++call) {
    Problem problem = trial(kNewLogits, coupling, sampler);
    problem.settings.seed = random();
    problem.settings.pass = static_cast<uint32_t>(call);
    if (coupling == Coupling::Gumbel) {
      Problem before = trial(kOldLogits, coupling, sampler);
      before.settings.seed = problem.settings.seed;
      problem.drafts = run_verify(kernels, before).drafts;
    } else {
      draw_drafts(problem, q, random);
    }
    const Outcome outcome = run_verify(kernels, problem);
    for (int32_t token : outcome.drafts) {
      if (token >= 0 && token < kVocabulary) ++counts[token];
    }
    tally.kept += outcome.result.kept;
    tally.trials += kCount;
  }
  double seen = 0;
  for (int32_t v = 0; v < kVocabulary; ++v) {
    tally.total_variation += std::fabs(p[v] - q[v]) / 2;
    seen += counts[v];
    if (p[v] == 0) {
      tally.chi_square += counts[v] * 1e6;  // a token outside the law fails outright
      continue;
    }
    const double expected = p[v] * tally.trials;
    tally.chi_square += (counts[v] - expected) * (counts[v] - expected) / expected;
    ++tally.degrees_of_freedom;
  }
  --tally.degrees_of_freedom;
  tally.chi_square += (tally.trials - seen) * 1e6;  // so does an id that is no token
  return tally;
}

double fresh_draft_dependence(const Kernels& kernels, Coupling coupling) {
  std::mt19937_64 random(7);
  const std::vector<float> q = law_of(kOldLogits, {});
  std::vector<double> joint(kVocabulary * kVocabulary, 0.0), old_counts(kVocabulary, 0.0),
      new_counts(kVocabulary, 0.0);
  double trials = 0;
  for (int32_t call = 0; call < kCalls; ++call) {
    Problem problem = trial(kNewLogits, coupling, {});
    problem.settings.seed = random();
    problem.level[0] = 1;  // noisy: cannot be accepted, so every position right of it is
                           // right of the stop
    draw_drafts(problem, q, random);
    const Outcome outcome = run_verify(kernels, problem);
    for (int32_t j = 1; j < kCount; ++j) {
      const int32_t before = problem.drafts[j], after = outcome.drafts[j];
      ++joint[before * kVocabulary + after];
      ++old_counts[before];
      ++new_counts[after];
      ++trials;
    }
  }
  double chi_square = 0;
  for (int32_t a = 0; a < kVocabulary; ++a) {
    for (int32_t b = 0; b < kVocabulary; ++b) {
      const double expected = old_counts[a] * new_counts[b] / trials;
      const double difference = joint[a * kVocabulary + b] - expected;
      chi_square += difference * difference / expected;
    }
  }
  return chi_square;
}

}  // namespace sjd2::test
