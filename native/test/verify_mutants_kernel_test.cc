// The tests above must be able to fail. Each mutant is a mistake that someone could make; each must
// be caught by the same checks that the real kernels pass.
#include <algorithm>
#include <cmath>
#include <random>

#include "check.h"
#include "kernel_statistics.h"
#include "kernels/coupling.h"
#include "verify_checker.h"

namespace sjd2::test {
namespace {

using Verify = VerifyResult (*)(const VerifyArgs&);

VerifyResult accept_always(const VerifyArgs& args) {
  std::vector<int32_t> drafts(args.drafts, args.drafts + args.window.capacity);
  VerifyResult result = reference::kernels.verify(args);
  for (int32_t j = 0; j < args.window.count; ++j) {
    const int32_t slot = args.window.slot(j);
    if (drafts[slot] == kNoDraft) continue;
    args.drafts[slot] = drafts[slot];
    args.kept[j] = 1;
  }
  return result;
}

// Redraws from p where it should redraw from the residual.
VerifyResult residual_forgotten(const VerifyArgs& args) {
  const VerifyResult result = reference::kernels.verify(args);
  for (int32_t j = 0; j < args.window.count; ++j) {
    if (args.kept[j]) continue;
    const int32_t slot = args.window.slot(j);
    double left = decision_uniform(args.seed, static_cast<uint32_t>(args.window.first + j),
                                   args.pass, Purpose::Resample);
    int32_t token = -1;
    const float* p = args.laws + int64_t{slot} * args.vocabulary;
    while (left >= 0 && token + 1 < args.vocabulary) left -= p[++token];
    args.drafts[slot] = token;
  }
  return result;
}

VerifyResult neighbours_law(const VerifyArgs& args) {
  for (int32_t j = 0; j + 1 < args.window.count; ++j) {
    const float* next = args.laws + int64_t{args.window.slot(j + 1)} * args.vocabulary;
    std::copy(next, next + args.vocabulary,
              args.laws + int64_t{args.window.slot(j)} * args.vocabulary);
  }
  return reference::kernels.verify(args);
}

VerifyResult last_passes(const VerifyArgs& args) {
  VerifyResult result = reference::kernels.verify(args);
  const int32_t last = args.window.count - 1;
  const bool clean = args.level[args.window.slot(last)] <= args.relaxed;
  if (result.accepted == last && args.kept[last] && clean) ++result.accepted;
  return result;
}

VerifyResult with(VerifyArgs args, void (*change)(VerifyArgs&)) {
  change(args);
  return reference::kernels.verify(args);
}

struct Mutant {
  const char* name;
  Verify verify;
};

const Mutant kMutants[] = {
    {"accepts always", accept_always},
    {"redraws from p, not from the residual", residual_forgotten},
    {"reads the neighbour's q", neighbours_law},
    {"passes noisy positions",
     [](const VerifyArgs& a) { return with(a, [](VerifyArgs& b) { b.relaxed = 9; }); }},
    {"passes the last position, which was not fed", last_passes},
    {"ignores the pass",
     [](const VerifyArgs& a) { return with(a, [](VerifyArgs& b) { b.pass = 0; }); }},
    {"ignores the upper half of the seed",
     [](const VerifyArgs& a) { return with(a, [](VerifyArgs& b) { b.seed &= 0xffffffff; }); }},
    {"counts positions from the window's start",
     [](const VerifyArgs& a) {
       return with(a, [](VerifyArgs& b) { b.window.first %= b.window.capacity; });
     }},
    {"is off by one in top-k",
     [](const VerifyArgs& a) { return with(a, [](VerifyArgs& b) { b.sampler.top_k += 1; }); }},
    {"forgets top-p",
     [](const VerifyArgs& a) { return with(a, [](VerifyArgs& b) { b.sampler.top_p = 1; }); }},
    {"guides in the wrong direction",
     [](const VerifyArgs& a) {
       return with(a, [](VerifyArgs& b) { b.sampler.guidance = 1 - b.sampler.guidance; });
     }},
    {"forgets the temperature",
     [](const VerifyArgs& a) { return with(a, [](VerifyArgs& b) { b.sampler.temperature = 1; }); }},
    {"draws a little too hot",
     [](const VerifyArgs& a) {
       return with(a, [](VerifyArgs& b) { b.sampler.temperature *= 1.0005f; });
     }},
};

// The second of two passes whose logits differ a little: most drafts are kept, long prefixes pass,
// and every position has a law of its own to be confused with its neighbour's.
Problem second_pass(uint64_t seed) {
  Problem problem = random_problem(Shape::Normal, ElementType::F32, 2, 17, 111, seed);
  problem.settings.pass = 3;
  problem.settings.coupling = Coupling::Maximal;
  problem.settings.sampler = {.guidance = 1.4f, .temperature = 0.8f, .top_k = 20, .top_p = 1};
  if (seed % 2 == 0) problem.settings.sampler.top_p = 0.9f;
  const Outcome first = run_verify(reference::kernels, problem);
  problem.drafts = first.drafts;
  problem.laws = first.laws;
  problem.settings.pass = 4;
  if (seed % 3 == 0) std::fill(problem.level.begin(), problem.level.end(), 0);
  if (seed % 6 == 0) return problem;  // nothing changed: everything that was fed passes
  std::mt19937_64 random(seed);
  for (float& logit : problem.logits) logit += static_cast<float>(random() % 1000) * 2e-4f;
  return problem;
}

TEST("verify: every mutant is caught by the checks against the definition") {
  for (const Mutant& mutant : kMutants) {
    Kernels kernels = reference::kernels;
    kernels.verify = mutant.verify;
    int caught = 0;
    for (uint64_t seed = 1; seed <= 30; ++seed) {
      const Problem problem = second_pass(seed);
      CHECK_EQUAL(verify_complaint(reference::kernels, problem), "");
      caught += !verify_complaint(kernels, problem).empty();
    }
    CHECK_MESSAGE(caught > 0, std::string("not caught: a kernel that ") + mutant.name);
  }
}

TEST("verify: a faulty row that goes unnoticed is caught") {
  Kernels kernels = reference::kernels;
  kernels.verify = [](const VerifyArgs& args) {
    VerifyResult result = reference::kernels.verify(args);
    result.bad_row = -1;
    result.fault = VerifyFault::None;
    return result;
  };
  Problem problem = random_problem(Shape::Normal, ElementType::F32, 1, 2, 111, 1);
  problem.logits[5] = NAN;
  CHECK_EQUAL(verify_complaint(reference::kernels, problem), "");
  CHECK(!verify_complaint(kernels, problem).empty());
}

TEST("verify: the chi-square test catches couplings that change the law") {
  for (Verify verify : {Verify{accept_always}, Verify{residual_forgotten}}) {
    Kernels kernels = reference::kernels;
    kernels.verify = verify;
    const Tally tally = tally_verify(kernels, Coupling::Maximal, {});
    CHECK(tally.chi_square > chi_square_limit(tally.degrees_of_freedom));
  }
}

}  // namespace
}  // namespace sjd2::test
