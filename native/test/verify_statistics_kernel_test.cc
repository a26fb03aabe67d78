// Every coupling must leave the law of the new token exactly p, and maximal coupling must keep
// drafts as often as any coupling can. The seeds are fixed, so the tests repeat exactly; "false
// alarm 1e-6" is the chance that a correct kernel would have failed for the seed we happened to
// fix.
#include <algorithm>
#include <cmath>

#include "check.h"
#include "kernel_problem.h"
#include "kernel_statistics.h"

namespace sjd2::test {
namespace {

void check_law(const Kernels& kernels, Coupling coupling, const Sampler& sampler) {
  const Tally tally = tally_verify(kernels, coupling, sampler);
  CHECK_MESSAGE(tally.chi_square < chi_square_limit(tally.degrees_of_freedom),
                "chi-square " + std::to_string(tally.chi_square) + " with " +
                    std::to_string(tally.degrees_of_freedom) + " degrees of freedom");
}

TEST("verify: the new token has law p under every coupling (chi-square, false alarm 1e-6)") {
  for (const cpu::Target& implementation : implementations()) {
    for (Coupling coupling : {Coupling::Independent, Coupling::Maximal, Coupling::Gumbel}) {
      check_law(*implementation.kernels, coupling, {});
      check_law(*implementation.kernels, coupling,
                {.temperature = 1.5f, .top_k = 5, .top_p = 0.9f});
    }
  }
}

TEST("verify: maximal coupling keeps drafts at the rate 1 - TV(p, q) (false alarm 1e-6)") {
  for (const cpu::Target& implementation : implementations()) {
    const Tally tally = tally_verify(*implementation.kernels, Coupling::Maximal, {});
    const double expected = 1 - tally.total_variation;
    const double deviation = std::sqrt(expected * (1 - expected) / tally.trials);
    CHECK(std::fabs(tally.kept / tally.trials - expected) < 4.9 * deviation);
  }
}

// Of two argmax of (log p + g) and (log q + g), both are v if v wins under max(p, q): the chance of
// that is sum min / sum max = (1 - TV) / (1 + TV) at least.
TEST("verify: Gumbel coupling keeps drafts at a rate between its bound and 1 - TV(p, q)") {
  for (const cpu::Target& implementation : implementations()) {
    const Tally tally = tally_verify(*implementation.kernels, Coupling::Gumbel, {});
    const double tv = tally.total_variation;
    const double deviation = 0.5 / std::sqrt(tally.trials);
    CHECK(tally.kept / tally.trials > (1 - tv) / (1 + tv) - 4.9 * deviation);
    CHECK(tally.kept / tally.trials < 1 - tv + 4.9 * deviation);
  }
}

TEST("verify: independent drafts right of the stop are fresh, whatever the old draft was") {
  for (const cpu::Target& implementation : implementations()) {
    const double dependence =
        fresh_draft_dependence(*implementation.kernels, Coupling::Independent);
    CHECK(dependence < chi_square_limit(6 * 6));
    CHECK(fresh_draft_dependence(*implementation.kernels, Coupling::Maximal) >
          chi_square_limit(6 * 6));
  }
}

}  // namespace
}  // namespace sjd2::test
