// TESTING 1a: on a model small enough to enumerate, every decoder draws images from the exact joint
// law of AR sampling, and verifiers that are broken in known ways do not.
//
// Each test is a chi-square over all V^N images with 100,000 samples; cells expected fewer than 5
// times are pooled. A correct decoder fails one test with probability 1e-6.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "check.h"
#include "kernel_statistics.h"
#include "toy_run.h"

namespace sjd2::test {
namespace {

constexpr int32_t kVocabulary = 4, kLength = 5, kImages = 1024;  // 4^5
constexpr int32_t kSamples = 100000;

// An independent statement of the target law: guidance, temperature, top-k.
std::vector<double> exact_law(const float* logits, int32_t rows, const Sampler& sampler) {
  std::vector<double> law(kVocabulary);
  for (int32_t v = 0; v < kVocabulary; ++v) {
    const double c = logits[v], u = rows == 2 ? logits[kVocabulary + v] : 0.0;
    law[v] = (rows == 2 ? u + sampler.guidance * (c - u) : c) / sampler.temperature;
  }
  std::vector<double> sorted = law;
  std::sort(sorted.rbegin(), sorted.rend());
  const double threshold = sampler.top_k > 0 ? sorted[sampler.top_k - 1] : sorted.back();
  double total = 0;
  for (double& value : law) total += value = value < threshold ? 0 : std::exp(value - sorted[0]);
  for (double& value : law) value /= total;
  return law;
}

// A toy that is fed one input row after the other, in every row of its own.
class Feeder {
 public:
  explicit Feeder(const ToyModel& toy) : toy_(toy), transformer_(toy, 1), cached_(toy.shape.rows) {
    const int32_t longest = *std::max_element(toy.prompt_lengths.begin(), toy.prompt_lengths.end());
    for (int32_t step = 0; step < longest; ++step) {
      const float* prompt = toy.prompt.data();
      for (int32_t row = 0; row < toy.shape.rows; ++row) {
        // A shorter prompt begins later: until then its first row is overwritten by itself.
        cached_[row] = std::max(0, step - (longest - toy.prompt_lengths[row]));
        put(row, prompt + cached_[row] * toy.shape.hidden);
        prompt += toy.prompt_lengths[row] * toy.shape.hidden;
      }
      run();
    }
  }

  void feed(const float* input) {
    for (int32_t row = 0; row < toy_.shape.rows; ++row) put(row, input);
    run();
  }

  const float* logits() const { return static_cast<const float*>(transformer_.logits()); }

 private:
  void put(int32_t row, const float* input) {
    std::copy_n(input, toy_.shape.hidden, transformer_.inputs() + row * toy_.shape.hidden);
  }
  void run() {
    transformer_.run({cached_, 1, {0}});
    for (int32_t& cached : cached_) ++cached;
  }

  const ToyModel& toy_;
  ToyTransformer transformer_;
  std::vector<int32_t> cached_;
};

// P(image) for every image, by feeding every prefix one token at a time.
std::vector<double> exact_joint(const ToyModel& toy, const Sampler& sampler) {
  std::vector<double> joint(kImages);
  const int32_t d = toy.shape.hidden;
  for (int32_t image = 0; image < kImages; ++image) {
    Feeder feeder(toy);
    double p = 1;
    for (int32_t i = 0, rest = image; i < kLength; ++i, rest /= kVocabulary) {
      const int32_t token = rest % kVocabulary;
      p *= exact_law(feeder.logits(), toy.shape.rows, sampler)[token];
      if (i + 1 == kLength) break;
      feeder.feed(&toy.embedding[token * d]);
      const int32_t in_picture = i - toy.sketch.tokens();
      const int32_t columns = in_picture < 0 ? toy.sketch.columns : kToyColumns;
      if ((in_picture < 0 ? i : in_picture) % columns != columns - 1) continue;
      for (size_t end = 0; end < toy.row_end.size(); end += d) feeder.feed(&toy.row_end[end]);
    }
    joint[image] = p;
  }
  return joint;
}

struct ChiSquare {
  double value = 0;
  double limit = 0;
  bool passes() const { return value <= limit; }
};

ChiSquare compare(const std::vector<double>& joint, const std::vector<int32_t>& counts) {
  ChiSquare result;
  double pooled_expected = 0, pooled_count = 0;
  int32_t cells = 0;
  auto add = [&](double expected, double count) {
    result.value += (count - expected) * (count - expected) / expected;
    ++cells;
  };
  for (int32_t image = 0; image < kImages; ++image) {
    const double expected = joint[image] * kSamples;
    if (expected >= 5) {
      add(expected, counts[image]);
    } else if (expected == 0 && counts[image] > 0) {
      result.value = INFINITY;  // an image that AR can not draw
    } else {
      pooled_expected += expected;
      pooled_count += counts[image];
    }
  }
  if (pooled_expected > 0) add(pooled_expected, pooled_count);
  result.limit = chi_square_limit(cells - 1);
  return result;
}

ChiSquare sample_and_compare(const ToyModel& toy, const std::vector<double>& joint,
                             const DecoderSetup& setup, const Sampler& sampler,
                             const Kernels& kernels) {
  std::vector<int32_t> counts(kImages);
  int32_t passes = 0;
  for (int32_t sample = 0; sample < kSamples; ++sample) {
    const auto tokens = decode(toy, kLength, setup, sampler, 7000000 + sample, kernels, &passes);
    int32_t image = 0;
    for (int32_t i = kLength; i-- > 0;) image = image * kVocabulary + tokens[i];
    ++counts[image];
  }
  const ChiSquare result = compare(joint, counts);
  std::printf("     %-44s chi-square %8.1f, limit %.1f, %.2f tokens per pass\n", setup.name.c_str(),
              result.value, result.limit, double(kSamples) * kLength / passes);
  return result;
}

constexpr Coupling I = Coupling::Independent, M = Coupling::Maximal, G = Coupling::Gumbel;

std::vector<DecoderSetup> all_decoders() {
  return {
      {"ar, gumbel", 1, G, Initial::None},
      {"ar, inverse law", 1, M, Initial::None},
      {"sjd independent, window 2, uniform", 2, I, Initial::Uniform},
      {"sjd independent, window 3, left", 3, I, Initial::Left},
      {"sjd independent, window 5, up", 5, I, Initial::Up},
      {"sjd maximal, window 2, left", 2, M, Initial::Left},
      {"sjd maximal, window 3, up", 3, M, Initial::Up},
      {"sjd maximal, window 5, uniform", 5, M, Initial::Uniform},
      {"sjd gumbel, window 3, uniform", 3, G, Initial::Uniform},
      {"sjd gumbel, window 5, left", 5, G, Initial::Left},
      {"sjd2 independent, window 3, K 1", 3, I, Initial::Noise, 1},
      {"sjd2 independent, window 5, K 2", 5, I, Initial::Noise, 2},
      {"sjd2 maximal, window 2, K 1", 2, M, Initial::Noise, 1},
      {"sjd2 maximal, window 3, K 2", 3, M, Initial::Noise, 2},
      {"sjd2 maximal, window 5, K 1", 5, M, Initial::Noise, 1},
      {"sjd2 maximal, window 5, K 3, staggered", 5, M, Initial::Noise, 3, true},
      {"sjd2 gumbel, window 3, K 1", 3, G, Initial::Noise, 1},
      {"sjd2 gumbel, window 5, K 2, staggered", 5, G, Initial::Noise, 2, true},
  };
}

void check_all(const ToyModel& toy, const Sampler& sampler) {
  const std::vector<double> joint = exact_joint(toy, sampler);
  for (const DecoderSetup& setup : all_decoders()) {
    CHECK_MESSAGE(sample_and_compare(toy, joint, setup, sampler, cpu::kernels).passes(),
                  setup.name + " is not lossless");
  }
}

TEST("every decoder draws from the exact joint law of AR") {
  check_all(make_toy(kVocabulary, kLength, 1, 11), {});
}

TEST("every decoder draws from the exact joint law under guidance, temperature and top-k") {
  check_all(make_toy(kVocabulary, kLength, 2, 12), {1.7f, 0.8f, 3, 1.0f});
}

TEST("every decoder draws from it with a sketch, row ends and prompts of two lengths") {
  check_all(make_toy(kVocabulary, kLength, 2, 14, 2, {4, 1}, {1, 3}), {1.7f, 0.8f, 3, 1.0f});
}

// --- Verifiers that are broken in known ways. ---

void restore_drafts(const VerifyArgs& args, const std::vector<int32_t>& before) {
  for (int32_t j = 0; j < args.window.count; ++j) {
    if (before[j] != kNoDraft) args.drafts[args.window.slot(j)] = before[j];
  }
}

std::vector<int32_t> window_drafts(const VerifyArgs& args) {
  std::vector<int32_t> drafts;
  for (int32_t j = 0; j < args.window.count; ++j) {
    drafts.push_back(args.drafts[args.window.slot(j)]);
  }
  return drafts;
}

VerifyResult accept_always(const VerifyArgs& args) {
  const auto before = window_drafts(args);
  VerifyResult result = reference::kernels.verify(args);
  restore_drafts(args, before);
  for (result.accepted = 0; result.accepted + 1 < args.window.count; ++result.accepted) {
    const bool clean = args.level[args.window.slot(result.accepted)] <= args.relaxed;
    if (before[result.accepted] == kNoDraft || !clean) break;
  }
  return result;
}

// After a rejection draws from max(0, p - q) as if its mass were 1: the last token of the residual
// gets all the mass that is missing.
VerifyResult residual_not_renormalised(const VerifyArgs& args) {
  const auto before = window_drafts(args);
  std::vector<float> q(args.laws, args.laws + size_t(args.window.capacity) * args.vocabulary);
  const VerifyResult result = reference::kernels.verify(args);
  for (int32_t j = 0; j < args.window.count; ++j) {
    const int32_t slot = args.window.slot(j);
    if (before[j] == kNoDraft || args.kept[j]) continue;
    const PhiloxBlock words =
        philox(args.seed, args.window.first + j, args.pass, Purpose::Resample, 0);
    const double target = wide_uniform(words[0], words[1]);
    double sum = 0;
    for (int32_t v = 0; v < args.vocabulary; ++v) {
      const size_t at = size_t(slot) * args.vocabulary + v;
      const double residual = std::max(0.0, double(args.laws[at]) - q[at]);
      if (residual <= 0) continue;
      args.drafts[slot] = v;
      if ((sum += residual) > target) break;
    }
  }
  return result;
}

// Keeps every law a pass longer than the draft that was drawn from it.
VerifyResult q_off_by_one_pass(const VerifyArgs& args) {
  const auto before = window_drafts(args);
  const std::vector<float> q(args.laws, args.laws + size_t(args.window.capacity) * args.vocabulary);
  const VerifyResult result = reference::kernels.verify(args);
  for (int32_t j = 0; j < args.window.count; ++j) {
    const size_t at = size_t(args.window.slot(j)) * args.vocabulary;
    if (before[j] != kNoDraft) std::copy_n(q.begin() + at, args.vocabulary, args.laws + at);
  }
  return result;
}

void check_caught(const DecoderSetup& setup, VerifyResult (*verify)(const VerifyArgs&)) {
  const ToyModel toy = make_toy(kVocabulary, kLength, 1, 11);
  Kernels broken = reference::kernels;
  broken.verify = verify;
  CHECK_MESSAGE(!sample_and_compare(toy, exact_joint(toy, {}), setup, {}, broken).passes(),
                setup.name + " went unnoticed");
}

TEST("a verifier that accepts always is caught") {
  check_caught({"accept always", 3, M, Initial::Uniform}, accept_always);
}

TEST("a residual that is not renormalised is caught") {
  check_caught({"residual not renormalised", 3, M, Initial::Uniform}, residual_not_renormalised);
}

TEST("a law q that is off by one pass is caught") {
  check_caught({"q off by one pass", 5, M, Initial::Uniform}, q_off_by_one_pass);
}

TEST("accepting noisy positions, which relaxed verification does, is caught") {
  check_caught({"noisy position accepted", 5, M, Initial::Noise, 2, false, 2},
               reference::kernels.verify);
}

}  // namespace
}  // namespace sjd2::test
