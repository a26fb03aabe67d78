// Both implementations against the definitions, over sizes, shapes, types, couplings and cuts.
#include "check.h"
#include "verify_checker.h"

namespace sjd2::test {
namespace {

// The best target and the reference are judged; every other target must give the best one's bits.
void check_all(const Problem& problem) {
  const std::string reference_complaint = verify_complaint(reference::kernels, problem);
  CHECK_MESSAGE(reference_complaint.empty(), "reference: " + reference_complaint);
  const Outcome best = run_verify(cpu::kernels, problem);
  const std::string complaint = verify_complaint(problem, best);
  CHECK_MESSAGE(complaint.empty(), "cpu: " + complaint);
  for (const cpu::Target& target : cpu::targets()) {
    const Outcome outcome = run_verify(*target.kernels, problem);
    CHECK_MESSAGE(outcome.drafts == best.drafts && outcome.kept == best.kept &&
                      outcome.laws == best.laws && outcome.result.accepted == best.result.accepted,
                  std::string(target.name) + " differs from the best target: " + problem.name);
  }
}

void sweep(const std::vector<int32_t>& vocabularies, const std::vector<int32_t>& counts,
           const std::vector<Cut>& cuts) {
  sweep(vocabularies, counts, cuts, [](const Problem& problem, uint64_t) { check_all(problem); });
}

TEST("verify: small vocabularies agree with the definition under every cut") {
  sweep({1, 2, 111}, {1, 2, 17},
        {{1, 0, 1}, {0.7f, 1, 1}, {1, 20, 1}, {1.3f, 0, 0.9f}, {1, 50, 0.5f}, {0, 7, 0.3f}});
}

TEST("verify: the default model's sizes agree with the definition") {
  sweep({512}, {8, 96}, {{1, 0, 1}, {1, 100, 1}, {0.9f, 0, 0.95f}});
}

TEST("verify: a vocabulary of 16384 agrees with the definition") {
  sweep({16384}, {3}, {{1, 0, 1}, {1, 2000, 1}, {1, 2000, 0.8f}, {1, 0, 0.9f}});
}

TEST("verify: a vocabulary of 65536 agrees with the definition") {
  sweep({65536}, {1}, {{1, 0, 1}, {1, 2000, 1}, {1, 0, 0.9f}});
}

TEST("verify: odd vocabularies leave no tail behind") {
  sweep({3, 15, 16, 17, 31, 33, 63, 65, 127, 1000, 4099}, {2}, {{1, 0, 1}, {1, 9, 0.9f}});
}

TEST("verify: a wide window over a large vocabulary agrees with the definition") {
  for (Coupling coupling : kCouplings) {
    Problem problem = random_problem(Shape::Normal, ElementType::F32, 2, 96, 16384, 5);
    problem.settings.coupling = coupling;
    problem.settings.sampler.top_k = 2000;
    check_all(problem);
  }
}

TEST("verify: keeping every draft of equal laws passes the whole fed window") {
  for (Coupling coupling : {Coupling::Independent, Coupling::Maximal}) {
    Problem problem = random_problem(Shape::Normal, ElementType::F32, 2, 17, 512, 11);
    problem.settings.coupling = coupling;
    std::fill(problem.level.begin(), problem.level.end(), 0);
    // The second call sees the laws of the first as q, from equal logits: p(x) = q(x), kept always.
    for (const cpu::Target& implementation : implementations()) {
      const Kernels* kernels = implementation.kernels;
      Problem again = problem;
      const Outcome first = run_verify(*kernels, again);
      again.drafts = first.drafts;
      again.laws = first.laws;
      again.settings.pass++;
      const Outcome second = run_verify(*kernels, again);
      CHECK_EQUAL(second.result.accepted, 16);
      CHECK_EQUAL(second.result.kept, 17);
      CHECK(second.drafts == first.drafts);
    }
  }
}

}  // namespace
}  // namespace sjd2::test
