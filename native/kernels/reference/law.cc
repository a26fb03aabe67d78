#include "law.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "kernels/half.h"

namespace sjd2::reference {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

float element(const void* data, ElementType type, int64_t index) {
  switch (type) {
    case ElementType::F16:
      return from_f16(static_cast<const uint16_t*>(data)[index]);
    case ElementType::BF16:
      return from_bf16(static_cast<const uint16_t*>(data)[index]);
    default:
      return static_cast<const float*>(data)[index];
  }
}

bool is_fault(float logit) { return std::isnan(logit) || logit == kInfinity; }

// exp((logit - maximum) / temperature) in double.
double weight(float logit, const GuidedRow& row, float temperature) {
  return std::exp((static_cast<double>(logit) - row.maximum) / temperature);
}

float kth_largest(std::vector<float> logits, int32_t k) {
  std::nth_element(logits.begin(), logits.begin() + (k - 1), logits.end(), std::greater<>());
  return logits[k - 1];
}

// The largest threshold whose survivors hold at least top_p of the mass.
float nucleus_threshold(std::vector<float> logits, const GuidedRow& row, const Sampler& sampler) {
  std::sort(logits.begin(), logits.end(), std::greater<>());
  double total = 0;
  for (float logit : logits) total += weight(logit, row, sampler.temperature);
  double mass = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    mass += weight(logits[i], row, sampler.temperature);
    const bool last_of_equals = i + 1 == logits.size() || logits[i + 1] != logits[i];
    if (last_of_equals && mass >= sampler.top_p * total) return logits[i];
  }
  return -kInfinity;  // rounding kept the mass below top_p * total: nothing is cut
}

}  // namespace

GuidedRow guided_row(const VerifyArgs& args, int32_t offset) {
  GuidedRow row;
  row.logits.resize(args.vocabulary);
  row.maximum = -kInfinity;
  const int64_t conditional = int64_t{offset} * args.vocabulary;
  const int64_t unconditional = (int64_t{args.window.count} + offset) * args.vocabulary;
  bool not_a_number = false;
  for (int32_t v = 0; v < args.vocabulary; ++v) {
    const float c = element(args.logits, args.type, conditional + v);
    float logit = c;
    if (args.rows == 2) {
      const float u = element(args.logits, args.type, unconditional + v);
      not_a_number |= is_fault(u);
      // In float by definition, with one rounding for c - u and one for the rest: top-k then cuts
      // at the same token in every implementation. A token masked in either row is masked.
      logit = c == -kInfinity || u == -kInfinity ? -kInfinity
                                                 : std::fma(args.sampler.guidance, c - u, u);
    }
    not_a_number |= is_fault(c) || is_fault(logit);
    row.logits[v] = logit;
    if (logit > row.maximum) {
      row.maximum = logit;
      row.first_maximum = v;
    }
  }
  if (not_a_number) {
    row.fault = VerifyFault::NotANumber;
  } else if (row.maximum == -kInfinity) {
    row.fault = VerifyFault::NoFinite;
  }
  return row;
}

std::vector<bool> survivors(const GuidedRow& row, const Sampler& sampler) {
  std::vector<float> finite;
  for (float logit : row.logits) {
    if (logit > -kInfinity) finite.push_back(logit);
  }
  float threshold = -kInfinity;
  if (sampler.top_k > 0 && static_cast<size_t>(sampler.top_k) < finite.size()) {
    threshold = kth_largest(finite, sampler.top_k);
    std::erase_if(finite, [&](float logit) { return logit < threshold; });
  }
  if (sampler.top_p < 1) {
    threshold = std::max(threshold, nucleus_threshold(std::move(finite), row, sampler));
  }
  std::vector<bool> survives(row.logits.size());
  for (size_t v = 0; v < survives.size(); ++v) {
    survives[v] = row.logits[v] > -kInfinity && row.logits[v] >= threshold;
  }
  return survives;
}

std::vector<float> law(const GuidedRow& row, const Sampler& sampler) {
  std::vector<float> law(row.logits.size(), 0.0f);
  if (sampler.temperature == 0) {
    law[row.first_maximum] = 1.0f;
    return law;
  }
  const std::vector<bool> survives = survivors(row, sampler);
  double total = 0;
  for (size_t v = 0; v < law.size(); ++v) {
    if (survives[v]) total += weight(row.logits[v], row, sampler.temperature);
  }
  for (size_t v = 0; v < law.size(); ++v) {
    if (survives[v]) {
      law[v] = static_cast<float>(weight(row.logits[v], row, sampler.temperature) / total);
    }
  }
  return law;
}

}  // namespace sjd2::reference
