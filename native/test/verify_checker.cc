#include "verify_checker.h"

#include <algorithm>
#include <cmath>

#include "kernels/coupling.h"
#include "kernels/reference/law.h"

namespace sjd2::test {
namespace {

constexpr double kUlp = 0x1p-23;  // of a float at 1

// How far a law computed in float may be from the exact one, relatively. With x = (l - max) / T the
// three roundings of x (the difference, 1 / T, the product) give |x| * 1.5 ulp, exp and the final
// scaling 3 more. The normaliser errs by the mean of the same: E|x| <= H(p) <= ln V <= 11.1 for
// V = 65536, as H = ln Z + E|x| and Z >= 1; 1.5 * 11.1 < 17.
double law_bound(double x) { return (1.5 * std::fabs(x) + 20) * kUlp; }

// An implementation may flush to zero what is below exp(-87) = 1.65e-38, where the normal floats
// end.
constexpr double kTiny = 1.7e-38;

// Laws err by law_bound where they have mass, |x| <= ~20 weighted by p: 50 ulp of a total of 1.
constexpr double kCdfBound = 50 * kUlp;

struct Position {
  const Problem& problem;
  const Outcome& outcome;
  int32_t offset;
  bool accepting;  // every position to the left was accepted

  int32_t slot() const { return problem.settings.window.slot(offset); }
  double uniform(Purpose purpose) const {
    return decision_uniform(problem.settings.seed,
                            static_cast<uint32_t>(problem.settings.window.first + offset),
                            problem.settings.pass, purpose);
  }
  std::string at(const std::string& what) const {
    return problem.name + ", offset " + std::to_string(offset) + ": " + what;
  }
};

// Whether uniform * total falls into the token's interval of the cumulative weights.
template <typename Weight>
bool is_draw(int32_t token, int32_t vocabulary, double uniform, Weight weight) {
  double before = 0, total = 0;
  for (int32_t v = 0; v < vocabulary; ++v) {
    if (v < token) before += weight(v);
    total += weight(v);
  }
  const double target = uniform * total;
  return target >= before - kCdfBound && target <= before + weight(token) + kCdfBound;
}

// top-p may cut one group of equals sooner or later if the mass at the cut is top_p within
// rounding.
bool nucleus_is_a_tie(const reference::GuidedRow& row, const Sampler& sampler) {
  Sampler above = sampler, below = sampler;
  above.top_p = static_cast<float>(sampler.top_p * (1 + kCdfBound));
  below.top_p = static_cast<float>(sampler.top_p * (1 - kCdfBound));
  return reference::survivors(row, above) != reference::survivors(row, below);
}

std::string law_complaint(const Position& at, const reference::GuidedRow& row,
                          const std::vector<float>& p, const float* tested) {
  const Sampler& sampler = at.problem.settings.sampler;
  for (size_t v = 0; v < p.size(); ++v) {
    const double x = sampler.temperature == 0
                         ? 0
                         : (static_cast<double>(row.logits[v]) - row.maximum) / sampler.temperature;
    const double error = std::fabs(static_cast<double>(tested[v]) - p[v]);
    if (!(error <= (p[v] == 0 ? kTiny : p[v] * law_bound(x) + kTiny))) {
      return at.at("law of token " + std::to_string(v) + " is " + std::to_string(tested[v]) +
                   ", not " + std::to_string(p[v]));
    }
  }
  return "";
}

std::string token_complaint(const Position& at, const std::vector<float>& p, const float* q) {
  const VerifyArgs& settings = at.problem.settings;
  const int32_t draft = at.problem.drafts[at.slot()];
  const int32_t token = at.outcome.drafts[at.slot()];
  const bool kept = at.outcome.kept[at.offset] == 1;
  const auto weight_p = [&](int32_t v) { return static_cast<double>(p[v]); };

  if (draft == kNoDraft || (settings.coupling == Coupling::Independent && !at.accepting)) {
    if (kept) return at.at("a fresh draw counts as kept");
    if (!is_draw(token, settings.vocabulary, at.uniform(Purpose::Draft), weight_p)) {
      return at.at("token " + std::to_string(token) + " is not the fresh draw");
    }
    return "";
  }
  const double threshold = at.uniform(Purpose::Keep) * q[draft];
  const double slack = p[draft] * kCdfBound;
  if (kept ? threshold > p[draft] + slack : threshold < p[draft] - slack) {
    return at.at(kept ? "a draft is kept that fails the test" : "a draft is lost that passes it");
  }
  if (kept) return token == draft ? "" : at.at("the kept draft has changed");
  const auto residual = [&](int32_t v) { return residual_weight(p[v], q[v]); };
  double total = 0;
  for (int32_t v = 0; v < settings.vocabulary; ++v) total += residual(v);
  if (p[token] > 0 && total <= kCdfBound) return "";  // the residual is all rounding
  if (!is_draw(token, settings.vocabulary, at.uniform(Purpose::Resample), residual)) {
    return at.at("token " + std::to_string(token) + " is not the draw from the residual");
  }
  return "";
}

// Argmax couplings: the fast kernels take the last decision in double, with the same functions as
// the reference, so the token must be equal, not just close.
std::string argmax_complaint(const Position& at, const reference::GuidedRow& row,
                             const std::vector<bool>& survives) {
  const VerifyArgs& settings = at.problem.settings;
  const uint32_t position = static_cast<uint32_t>(settings.window.first + at.offset);
  int32_t expected = row.first_maximum;
  if (settings.sampler.temperature > 0) {
    double best = -INFINITY;
    for (int32_t v = 0; v < settings.vocabulary; ++v) {
      if (!survives[v]) continue;
      const double score =
          gumbel_score(row.logits[v], row.maximum, settings.sampler.temperature,
                       gumbel_word(settings.seed, position, static_cast<uint32_t>(v)));
      if (score > best) {
        best = score;
        expected = v;
      }
    }
  }
  const int32_t token = at.outcome.drafts[at.slot()];
  if (token != expected) {
    return at.at("argmax is " + std::to_string(expected) + ", not " + std::to_string(token));
  }
  if (at.outcome.kept[at.offset] != (at.problem.drafts[at.slot()] == expected)) {
    return at.at("kept must say whether the draft is the argmax");
  }
  return "";
}

std::string fault_complaint(const Problem& problem, const VerifyResult& result) {
  Problem copy = problem;
  const VerifyArgs args = copy.args();
  for (int32_t j = 0; j < args.window.count; ++j) {
    const VerifyFault fault = reference::guided_row(args, j).fault;
    if (fault == VerifyFault::None) continue;
    const bool named = result.bad_row == j && result.fault == fault;
    return named && result.accepted == 0 && result.kept == 0 ? "ok" : "the faulty row is not named";
  }
  return result.bad_row == -1 && result.fault == VerifyFault::None ? "" : "a sound row is blamed";
}

}  // namespace

std::string verify_complaint(const Problem& problem, const Outcome& outcome) {
  const VerifyArgs& settings = problem.settings;
  const std::string fault = fault_complaint(problem, outcome.result);
  if (!fault.empty()) return fault == "ok" ? "" : problem.name + ": " + fault;

  Problem copy = problem;
  const VerifyArgs args = copy.args();
  const int64_t vocabulary = settings.vocabulary;
  int32_t accepted = 0, kept = 0;
  bool accepting = true;
  std::vector<bool> in_window(settings.window.capacity, false);
  for (int32_t j = 0; j < settings.window.count; ++j) {
    const Position at{problem, outcome, j, accepting};
    in_window[at.slot()] = true;
    const int32_t token = outcome.drafts[at.slot()];
    if (token < 0 || token >= vocabulary) return at.at("no token");
    if (outcome.kept[j] > 1) return at.at("kept was not written");
    const reference::GuidedRow row = reference::guided_row(args, j);
    const bool tie = settings.sampler.top_p < 1 && settings.sampler.temperature > 0 &&
                     nucleus_is_a_tie(row, settings.sampler);
    if (!tie) {
      std::string complaint;
      const std::vector<float> p = reference::law(row, settings.sampler);
      const bool has_laws = !problem.laws.empty();
      if (has_laws) {
        complaint = law_complaint(at, row, p, outcome.laws.data() + at.slot() * vocabulary);
      }
      if (complaint.empty()) {
        if (settings.coupling == Coupling::Gumbel || settings.sampler.temperature == 0) {
          complaint = argmax_complaint(at, row, reference::survivors(row, settings.sampler));
        } else {
          complaint = token_complaint(at, p, problem.laws.data() + at.slot() * vocabulary);
        }
      }
      if (!complaint.empty()) return complaint;
    }
    kept += outcome.kept[j];
    accepting = accepting && outcome.kept[j] && j + 1 < settings.window.count &&
                problem.level[at.slot()] <= settings.relaxed;
    accepted += accepting;
  }
  if (outcome.result.accepted != accepted) {
    return problem.name + ": accepted " + std::to_string(outcome.result.accepted) + ", not " +
           std::to_string(accepted);
  }
  if (outcome.result.kept != kept) return problem.name + ": the count of kept drafts is wrong";
  for (int32_t slot = 0; slot < settings.window.capacity; ++slot) {
    if (!in_window[slot] && outcome.drafts[slot] != problem.drafts[slot]) {
      return problem.name + ": a slot outside the window was written";
    }
  }
  return "";
}

}  // namespace sjd2::test
