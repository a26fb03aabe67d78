// The emulated verify kernels against the definition: the sizes, shapes, types, couplings and cuts
// that the CPU kernels are held to, through the same judge.
#include <cmath>

#include "check.h"
#include "simt/emulated_kernels.h"
#include "verify_checker.h"

namespace sjd2::test {
namespace {

void check_emulated(const Problem& problem) {
  const std::string complaint = verify_complaint(emulated::kernels, problem);
  CHECK_MESSAGE(complaint.empty(), complaint);
}

// Threads run in another order every time.
void sweep(const std::vector<int32_t>& vocabularies, const std::vector<int32_t>& counts,
           const std::vector<Cut>& cuts) {
  sweep(vocabularies, counts, cuts, [](const Problem& problem, uint64_t seed) {
    emulated_launcher().schedule.seed = seed;
    check_emulated(problem);
  });
  emulated_launcher().schedule = {};
}

TEST("simt verify: small vocabularies agree with the definition under every cut") {
  sweep({1, 2, 111}, {1, 2, 17},
        {{1, 0, 1}, {0.7f, 1, 1}, {1, 20, 1}, {1.3f, 0, 0.9f}, {1, 50, 0.5f}, {0, 7, 0.3f}});
}

TEST("simt verify: the default model's sizes agree with the definition") {
  sweep({512}, {8}, {{1, 0, 1}, {1, 100, 1}, {0.9f, 0, 0.95f}});
  sweep({512}, {96}, {{1, 100, 0.95f}});
}

TEST("simt verify: a vocabulary of 16384 agrees with the definition") {
  sweep({16384}, {1}, {{1, 0, 1}, {1, 2000, 1}, {0.9f, 2000, 0.8f}});
}

TEST("simt verify: a vocabulary of 65536 does not fit shared memory and agrees all the same") {
  sweep({65536}, {1}, {{1, 2000, 0.9f}});
}

TEST("simt verify: odd vocabularies leave no tail behind") {
  sweep({3, 15, 16, 17, 31, 33, 63, 65, 127, 1000, 4099}, {2}, {{1, 0, 1}, {1, 9, 0.9f}});
}

TEST("simt verify: rows that are read again give the bits of rows that are staged") {
  for (ElementType type : kTypes) {
    for (Coupling coupling : kCouplings) {
      for (int32_t vocabulary : {111, 4096}) {
        Problem problem = random_problem(Shape::Normal, type, 2, 3, vocabulary, 21);
        problem.settings.coupling = coupling;
        problem.settings.sampler.top_p = 0.95f;
        problem.settings.sampler.top_k = vocabulary / 2;
        const Outcome staged = run_verify(emulated::kernels, problem);
        emulated_launcher().limit = cuda::unstaged_bytes();
        const Outcome again = run_verify(emulated::kernels, problem);
        check_emulated(problem);
        emulated_launcher().limit = 99 * 1024;
        CHECK(staged.drafts == again.drafts);
        CHECK(staged.laws == again.laws);
        CHECK(staged.kept == again.kept);
      }
    }
  }
}

TEST("simt verify: the order in which threads run changes no bit") {
  for (Coupling coupling : kCouplings) {
    for (Shape shape : kShapes) {
      Problem problem = random_problem(shape, ElementType::F16, 2, 5, 512, 9);
      problem.settings.coupling = coupling;
      problem.settings.sampler.top_p = 0.9f;
      problem.settings.sampler.top_k = 300;
      const Outcome first = run_verify(emulated::kernels, problem);
      for (uint64_t seed = 1; seed <= 5; ++seed) {
        emulated_launcher().schedule.seed = seed;
        const Outcome other = run_verify(emulated::kernels, problem);
        CHECK(first.drafts == other.drafts);
        CHECK(first.kept == other.kept);
        CHECK(first.laws == other.laws);
        CHECK_EQUAL(first.result.accepted, other.result.accepted);
      }
      emulated_launcher().schedule = {};
    }
  }
}

TEST("simt verify: equal logits give equal laws, so the whole fed window passes") {
  for (Coupling coupling : {Coupling::Independent, Coupling::Maximal}) {
    Problem problem = random_problem(Shape::Normal, ElementType::BF16, 2, 17, 512, 11);
    problem.settings.coupling = coupling;
    std::fill(problem.level.begin(), problem.level.end(), 0);
    const Outcome first = run_verify(emulated::kernels, problem);
    problem.drafts = first.drafts;
    problem.laws = first.laws;
    problem.settings.pass++;
    CHECK_EQUAL(run_verify(emulated::kernels, problem).result.accepted, 16);
  }
}

TEST("simt verify: faults name the first faulty row in every type, staged or not") {
  for (size_t limit : {size_t{99 * 1024}, cuda::unstaged_bytes()}) {
    emulated_launcher().limit = limit;
    for (ElementType type : kTypes) {
      for (float bad : {NAN, INFINITY}) {
        for (int32_t v : {0, 17, 110}) {
          for (int32_t copy = 0; copy < 2; ++copy) {
            Problem problem = random_problem(Shape::Masked, type, 2, 40, 111, 3);
            problem.logits[(copy * 40 + 35) * 111 + v] = bad;
            problem.logits[(copy * 40 + 38) * 111 + v] = bad;
            problem.store_logits();
            const Outcome outcome = run_verify(emulated::kernels, problem);
            CHECK_EQUAL(outcome.result.bad_row, 35);
            CHECK(outcome.result.fault == VerifyFault::NotANumber);
            CHECK_EQUAL(outcome.result.accepted, 0);
          }
        }
      }
    }
  }
  emulated_launcher().limit = 99 * 1024;
  Problem masked = random_problem(Shape::Normal, ElementType::F32, 2, 2, 20, 3);
  for (int v = 0; v < 20; ++v) masked.logits[(v % 2 * 2 + 1) * 20 + v] = -INFINITY;
  const Outcome outcome = run_verify(emulated::kernels, masked);
  CHECK_EQUAL(outcome.result.bad_row, 1);
  CHECK(outcome.result.fault == VerifyFault::NoFinite);
  check_emulated(masked);
}

TEST("simt verify: minus zero ties with zero, and greedy takes the lowest of equal maxima") {
  Problem problem = random_problem(Shape::Normal, ElementType::F32, 1, 1, 5, 3);
  problem.settings.coupling = Coupling::Maximal;
  problem.settings.sampler.top_k = 2;
  problem.logits = {5, 0.0f, -0.0f, -1, -2};
  check_emulated(problem);
  problem.settings.sampler.temperature = 0;
  problem.logits = {-1, -0.0f, 0.0f, -1, -2};
  check_emulated(problem);
  CHECK_EQUAL(run_verify(emulated::kernels, problem).drafts[problem.settings.window.slot(0)], 1);
}

TEST("simt verify: an empty window does nothing") {
  Problem problem = random_problem(Shape::Normal, ElementType::F32, 1, 3, 5, 3);
  problem.settings.window.count = 0;
  const Outcome outcome = run_verify(emulated::kernels, problem);
  CHECK_EQUAL(outcome.result.accepted, 0);
  CHECK_EQUAL(outcome.result.bad_row, -1);
  CHECK(outcome.drafts == problem.drafts);
}

}  // namespace
}  // namespace sjd2::test
