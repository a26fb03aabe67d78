#include "kernel_problem.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/half.h"

namespace sjd2::test {
namespace {

constexpr float kMasked = -std::numeric_limits<float>::infinity();

float normal(std::mt19937_64& random) {
  return static_cast<float>(std::normal_distribution<double>()(random));
}

float logit_of(Shape shape, int32_t v, int32_t vocabulary, std::mt19937_64& random) {
  switch (shape) {
    case Shape::Normal:
      return 2.5f * normal(random);
    case Shape::Peaked:
      return v == vocabulary / 3 ? 30.0f : 2 * normal(random);
    case Shape::Flat:
      return 1.25f;
    case Shape::Nearly:
      return 1 + static_cast<float>(random() % 8) * 0x1p-22f;
    case Shape::Masked:
      return v % 10 == 3 || v == 0 ? 2 * normal(random) : kMasked;
    case Shape::Ties:
      return std::round(4 * normal(random)) / 2;
    case Shape::Extreme:
      return 1e4f * std::tanh(normal(random));
    default:
      return 12.0f * static_cast<float>(v) / static_cast<float>(vocabulary);
  }
}

float rounded_to(ElementType type, float value) {
  if (type == ElementType::F16) return from_f16(to_f16(value));
  if (type == ElementType::BF16) return from_bf16(to_bf16(value));
  return value;
}

}  // namespace

const std::vector<cpu::Target>& implementations() {
  static const std::vector<cpu::Target> all = [] {
    std::vector<cpu::Target> found = cpu::targets();
    found.push_back({"reference", &reference::kernels});
    return found;
  }();
  return all;
}

uint16_t to_bf16(float value) {
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16);
}

uint16_t to_f16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  const float magnitude = std::fabs(value);
  if (std::isnan(value)) return sign | 0x7E00;
  if (magnitude >= 65520.0f) return sign | 0x7C00;
  // At most 2^-14: a multiple of 2^-24. Above: scaled down to an exponent that binary16 has, where
  // adding half a unit and the last kept bit rounds to nearest even.
  if (magnitude < 0x1p-14f) {
    return sign | static_cast<uint16_t>(std::nearbyint(magnitude * 0x1p24f));
  }
  const uint32_t scaled = std::bit_cast<uint32_t>(magnitude) - (112u << 23);
  return sign | static_cast<uint16_t>((scaled + 0xFFF + (scaled >> 13 & 1)) >> 13);
}

void Problem::store_logits() {
  half.clear();
  if (settings.type == ElementType::F32) return;
  for (float logit : logits) {
    half.push_back(settings.type == ElementType::F16 ? to_f16(logit) : to_bf16(logit));
  }
}

VerifyArgs Problem::args() {
  VerifyArgs args = settings;
  args.logits = settings.type == ElementType::F32 ? static_cast<const void*>(logits.data())
                                                  : static_cast<const void*>(half.data());
  args.drafts = drafts.data();
  args.level = level.data();
  args.laws = laws.empty() ? nullptr : laws.data();
  args.scratch = scratch.data();
  args.kept = kept.data();
  return args;
}

std::vector<float> random_law(std::mt19937_64& random, int32_t vocabulary) {
  std::vector<double> weights(vocabulary);
  double total = 0;
  for (double& weight : weights) {
    weight = random() % 4 == 0 ? 0 : std::exp(2.0 * normal(random));
    total += weight;
  }
  if (total == 0) weights[0] = total = 1;
  std::vector<float> law;
  for (double weight : weights) law.push_back(static_cast<float>(weight / total));
  return law;
}

int32_t draw_from(const float* law, int32_t vocabulary, std::mt19937_64& random) {
  double left = std::uniform_real_distribution<double>()(random);
  int32_t token = 0;
  for (int32_t v = 0; v < vocabulary; ++v) {
    if (law[v] <= 0) continue;
    token = v;
    if ((left -= law[v]) < 0) break;
  }
  return token;
}

Problem random_problem(Shape shape, ElementType type, int32_t rows, int32_t count,
                       int32_t vocabulary, uint64_t seed) {
  std::mt19937_64 random(seed);
  Problem problem;
  problem.name = "shape " + std::to_string(static_cast<int>(shape)) + ", type " +
                 std::to_string(static_cast<int>(type)) + ", [" + std::to_string(rows) + ", " +
                 std::to_string(count) + ", " + std::to_string(vocabulary) + "], seed " +
                 std::to_string(seed);
  VerifyArgs& settings = problem.settings;
  settings.window.count = count;
  settings.window.capacity = count + static_cast<int32_t>(random() % 3);
  settings.window.first = settings.window.capacity * 5 - count / 2;
  settings.seed = random();
  settings.pass = static_cast<uint32_t>(random() % 100);
  settings.type = type;
  settings.rows = rows;
  settings.vocabulary = vocabulary;
  settings.sampler.guidance = rows == 2 ? 3.5f : 1.0f;

  problem.logits.resize(static_cast<size_t>(rows) * count * vocabulary);
  for (size_t i = 0; i < problem.logits.size(); ++i) {
    const int32_t v = static_cast<int32_t>(i % vocabulary);
    problem.logits[i] = rounded_to(type, logit_of(shape, v, vocabulary, random));
  }
  problem.store_logits();
  problem.drafts.assign(settings.window.capacity, kNoDraft);
  problem.level.assign(settings.window.capacity, 0);
  problem.kept.assign(count, 0xEE);
  const std::vector<float> law = random_law(random, vocabulary);
  for (int32_t slot = 0; slot < settings.window.capacity; ++slot) {
    problem.laws.insert(problem.laws.end(), law.begin(), law.end());
    if (random() % 8 != 0) problem.drafts[slot] = draw_from(law.data(), vocabulary, random);
    problem.level[slot] = random() % 6 == 0 ? 1 : 0;
  }
  return problem;
}

void sweep(const std::vector<int32_t>& vocabularies, const std::vector<int32_t>& counts,
           const std::vector<Cut>& cuts,
           const std::function<void(const Problem& problem, uint64_t seed)>& judge) {
  uint64_t seed = 1;
  for (int32_t vocabulary : vocabularies) {
    for (int32_t count : counts) {
      for (Shape shape : kShapes) {
        for (const Cut& cut : cuts) {
          for (ElementType type : kTypes) {
            for (Coupling coupling : kCouplings) {
              ++seed;
              const int32_t rows = 1 + static_cast<int32_t>(seed / 2 % 2);
              Problem problem = random_problem(shape, type, rows, count, vocabulary, seed);
              problem.settings.coupling = coupling;
              problem.settings.sampler.temperature = cut.temperature;
              problem.settings.sampler.top_k = cut.top_k;
              problem.settings.sampler.top_p = cut.top_p;
              if (coupling == Coupling::Gumbel && seed % 2 == 0) problem.laws.clear();
              judge(problem, seed);
            }
          }
        }
      }
    }
  }
}

Outcome run_verify(const Kernels& kernels, Problem problem) {
  const VerifyArgs& settings = problem.settings;
  problem.scratch.assign(verify_scratch_floats(settings.vocabulary, settings.window.count), NAN);
  VerifyArgs args = problem.args();
  Outcome outcome;
  outcome.result = kernels.verify(args);
  outcome.drafts = std::move(problem.drafts);
  outcome.kept = std::move(problem.kept);
  outcome.laws = std::move(problem.laws);
  return outcome;
}

}  // namespace sjd2::test
