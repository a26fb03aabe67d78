// Verification by definition. Allocates freely; speed is the business of the other implementations.
#include <algorithm>
#include <limits>

#include "kernels/coupling.h"
#include "law.h"
#include "reference.h"

namespace sjd2::reference {
namespace {

// The token at which the cumulative weight, taken in token order, passes uniform * total.
template <typename Weight>
int32_t inverse_cdf(int32_t vocabulary, double uniform, Weight weight) {
  double total = 0;
  for (int32_t v = 0; v < vocabulary; ++v) total += weight(v);
  double cumulative = 0;
  int32_t token = kNoDraft;
  for (int32_t v = 0; v < vocabulary; ++v) {
    if (weight(v) <= 0) continue;
    token = v;  // the last token of positive weight, should rounding carry the target past the end
    cumulative += weight(v);
    if (cumulative > uniform * total) break;
  }
  return token;
}

int32_t draw(const std::vector<float>& law, double uniform) {
  return inverse_cdf(static_cast<int32_t>(law.size()), uniform, [&](int32_t v) { return law[v]; });
}

// A rejected draft has p(x) < q(x), so in exact arithmetic the residual has mass. In float it can
// vanish when p and q differ by less than a rounding; p itself is then the right law to draw from.
int32_t draw_residual(const std::vector<float>& p, const float* q, double uniform) {
  const int32_t token = inverse_cdf(static_cast<int32_t>(p.size()), uniform,
                                    [&](int32_t v) { return residual_weight(p[v], q[v]); });
  return token == kNoDraft ? draw(p, uniform) : token;
}

int32_t gumbel_argmax(const VerifyArgs& args, uint32_t position, const GuidedRow& row) {
  const std::vector<bool> survives = survivors(row, args.sampler);
  double best = -std::numeric_limits<double>::infinity();
  int32_t token = kNoDraft;
  for (int32_t v = 0; v < args.vocabulary; ++v) {
    if (!survives[v]) continue;
    const double score = gumbel_score(row.logits[v], row.maximum, args.sampler.temperature,
                                      gumbel_word(args.seed, position, v));
    if (score > best) {  // strictly: the lowest token id wins a tie
      best = score;
      token = v;
    }
  }
  return token;
}

}  // namespace

VerifyResult verify(const VerifyArgs& args) {
  VerifyResult result;
  bool accepting = true;  // false once a position was not accepted
  for (int32_t j = 0; j < args.window.count; ++j) {
    const int32_t slot = args.window.slot(j);
    const uint32_t position = static_cast<uint32_t>(args.window.first + j);
    const GuidedRow row = guided_row(args, j);
    if (row.fault != VerifyFault::None) return {0, 0, j, row.fault};

    const auto uniform = [&](Purpose purpose) {
      return decision_uniform(args.seed, position, args.pass, purpose);
    };
    float* q = args.laws ? args.laws + int64_t{slot} * args.vocabulary : nullptr;
    const int32_t draft = args.drafts[slot];
    std::vector<float> p;
    if (q || args.coupling != Coupling::Gumbel) p = law(row, args.sampler);

    int32_t token;
    bool kept;
    if (args.sampler.temperature == 0) {
      token = row.first_maximum;
      kept = draft == token;
    } else if (args.coupling == Coupling::Gumbel) {
      token = gumbel_argmax(args, position, row);
      kept = draft == token;
    } else if (draft == kNoDraft || (args.coupling == Coupling::Independent && !accepting)) {
      token = draw(p, uniform(Purpose::Draft));
      kept = false;
    } else {
      kept = keeps_draft(uniform(Purpose::Keep), p[draft], q[draft]);
      token = kept ? draft : draw_residual(p, q, uniform(Purpose::Resample));
    }

    args.drafts[slot] = token;
    args.kept[j] = kept;
    if (q) std::copy(p.begin(), p.end(), q);
    result.kept += kept;
    // A position that was fed noisy, or not at all like the last one, may keep its draft but cannot
    // be accepted: the laws to its right were not conditioned on that token.
    const bool fed = j + 1 < args.window.count;
    accepting = accepting && kept && fed && args.level[slot] <= args.relaxed;
    result.accepted += accepting;
  }
  return result;
}

}  // namespace sjd2::reference
