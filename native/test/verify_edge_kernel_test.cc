// The corners of verification, one sentence each, for every implementation.
#include <cmath>
#include <limits>

#include "check.h"
#include "verify_checker.h"

namespace sjd2::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

template <typename Body>
void for_all(Body body) {
  for (const cpu::Target& implementation : implementations()) body(*implementation.kernels);
}

// Three positions over five tokens, clean and fed but for the last, every draft token 2 with q
// one-hot at it.
Problem small_problem(Coupling coupling = Coupling::Maximal) {
  Problem problem = random_problem(Shape::Normal, ElementType::F32, 1, 3, 5, 3);
  problem.settings.window = {0, 3, 3};
  problem.settings.coupling = coupling;
  problem.drafts = {2, 2, 2};
  problem.level = {0, 0, 0};
  problem.laws = {0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0};
  return problem;
}

void set_row(Problem& problem, int32_t row, std::initializer_list<float> logits) {
  std::copy(logits.begin(), logits.end(),
            problem.logits.begin() + row * problem.settings.vocabulary);
  problem.store_logits();
}

TEST("verify: a NaN anywhere names the first faulty row, in every type") {
  for_all([](const Kernels& kernels) {
    for (ElementType type : {ElementType::F32, ElementType::F16, ElementType::BF16}) {
      for (int32_t v : {0, 17, 110}) {
        for (int32_t copy = 0; copy < 2; ++copy) {
          Problem problem = random_problem(Shape::Masked, type, 2, 4, 111, 3);
          problem.logits[(copy * 4 + 2) * 111 + v] = NAN;
          problem.logits[(copy * 4 + 3) * 111 + v] = NAN;
          problem.store_logits();
          const Outcome outcome = run_verify(kernels, problem);
          CHECK_EQUAL(outcome.result.bad_row, 2);
          CHECK(outcome.result.fault == VerifyFault::NotANumber);
          CHECK_EQUAL(outcome.result.accepted, 0);
        }
      }
    }
  });
}

TEST("verify: a NaN that meets a masked token in the other row is a fault still") {
  for_all([](const Kernels& kernels) {
    Problem problem = random_problem(Shape::Normal, ElementType::F32, 2, 1, 20, 3);
    problem.logits[4] = NAN;
    problem.logits[20 + 4] = -kInfinity;
    CHECK(run_verify(kernels, problem).result.fault == VerifyFault::NotANumber);
    std::swap(problem.logits[4], problem.logits[20 + 4]);
    CHECK(run_verify(kernels, problem).result.fault == VerifyFault::NotANumber);
  });
}

TEST("verify: plus infinity is a fault, and so is guidance that overflows") {
  for_all([](const Kernels& kernels) {
    Problem problem = small_problem();
    set_row(problem, 1, {0, kInfinity, 0, 0, 0});
    CHECK(run_verify(kernels, problem).result.fault == VerifyFault::NotANumber);
    CHECK_EQUAL(run_verify(kernels, problem).result.bad_row, 1);

    Problem guided = random_problem(Shape::Normal, ElementType::F32, 2, 1, 20, 3);
    guided.logits[7] = 3e38f;
    guided.logits[20 + 7] = -3e38f;
    CHECK(run_verify(kernels, guided).result.fault == VerifyFault::NotANumber);
  });
}

TEST("verify: a row that masks every token is a fault, and names itself") {
  for_all([](const Kernels& kernels) {
    Problem problem = small_problem();
    set_row(problem, 2, {-kInfinity, -kInfinity, -kInfinity, -kInfinity, -kInfinity});
    const Outcome outcome = run_verify(kernels, problem);
    CHECK_EQUAL(outcome.result.bad_row, 2);
    CHECK(outcome.result.fault == VerifyFault::NoFinite);
  });
}

TEST("verify: two rows whose masks leave nothing in common are a fault") {
  for_all([](const Kernels& kernels) {
    Problem problem = random_problem(Shape::Normal, ElementType::F32, 2, 1, 20, 3);
    for (int v = 0; v < 20; ++v) problem.logits[v % 2 * 20 + v] = -kInfinity;
    CHECK(run_verify(kernels, problem).result.fault == VerifyFault::NoFinite);
  });
}

TEST("verify: the only unmasked token is certain") {
  for_all([](const Kernels& kernels) {
    for (Coupling coupling : kCouplings) {
      Problem problem = small_problem(coupling);
      for (int row = 0; row < 3; ++row) {
        set_row(problem, row, {-kInfinity, -kInfinity, -kInfinity, -7, -kInfinity});
      }
      const Outcome outcome = run_verify(kernels, problem);
      CHECK(outcome.drafts == std::vector<int32_t>({3, 3, 3}));
      CHECK_EQUAL(outcome.result.accepted, 0);
    }
  });
}

TEST("verify: temperature 0 takes the lowest of equal maxima, whatever top-k and top-p say") {
  for_all([](const Kernels& kernels) {
    for (Coupling coupling : kCouplings) {
      for (bool with_laws : {true, false}) {
        Problem problem = small_problem(coupling);
        if (!with_laws) problem.laws.clear();
        problem.settings.sampler = {.temperature = 0, .top_k = 1, .top_p = 0.1f};
        for (int row = 0; row < 3; ++row) set_row(problem, row, {1, 0, 4, 4, 4});
        const Outcome outcome = run_verify(kernels, problem);
        CHECK(outcome.drafts == std::vector<int32_t>({2, 2, 2}));
        CHECK_EQUAL(outcome.result.accepted, 2);  // the third was not fed
        CHECK_EQUAL(outcome.result.kept, 3);
        if (with_laws) CHECK(outcome.laws == problem.laws);
      }
    }
  });
}

TEST("verify: top-k keeps ties at its threshold") {
  for_all([](const Kernels& kernels) {
    Problem problem = small_problem();
    problem.settings.sampler.top_k = 2;
    for (int row = 0; row < 3; ++row) set_row(problem, row, {5, 1, 1, 1, 0});
    const Outcome outcome = run_verify(kernels, problem);
    CHECK(outcome.laws[1] > 0 && outcome.laws[2] > 0 && outcome.laws[3] > 0);
    CHECK_EQUAL(outcome.laws[4], 0.0f);
  });
}

TEST("verify: minus zero and zero tie") {
  for_all([](const Kernels& kernels) {
    Problem problem = small_problem();
    problem.settings.sampler.top_k = 2;
    for (int row = 0; row < 3; ++row) set_row(problem, row, {5, 0.0f, -0.0f, -1, -2});
    const Outcome outcome = run_verify(kernels, problem);
    CHECK(outcome.laws[2] > 0);
    CHECK_EQUAL(outcome.laws[2], outcome.laws[1]);
    CHECK_EQUAL(outcome.laws[3], 0.0f);
    problem.settings.sampler.temperature = 0;
    for (int row = 0; row < 3; ++row) set_row(problem, row, {-1, -0.0f, 0.0f, -1, -2});
    CHECK_EQUAL(run_verify(kernels, problem).drafts[0], 1);
  });
}

TEST("verify: top-p keeps at least the likeliest token, and all at 1") {
  for_all([](const Kernels& kernels) {
    Problem problem = small_problem();
    for (int row = 0; row < 3; ++row) set_row(problem, row, {5, 4, 3, 2, 1});
    problem.settings.sampler.top_p = 1e-6f;
    CHECK_EQUAL(run_verify(kernels, problem).laws[0], 1.0f);
    problem.settings.sampler.top_p = 1;
    CHECK(run_verify(kernels, problem).laws[4] > 0);
  });
}

TEST("verify: top-k of at least the vocabulary cuts nothing") {
  for_all([](const Kernels& kernels) {
    Problem problem = small_problem();
    const Outcome all = run_verify(kernels, problem);
    for (int32_t top_k : {5, 6, 1 << 30}) {
      problem.settings.sampler.top_k = top_k;
      CHECK(run_verify(kernels, problem).laws == all.laws);
    }
  });
}

TEST("verify: a position that was fed noisy keeps its draft but cannot be accepted") {
  for_all([](const Kernels& kernels) {
    for (Coupling coupling : kCouplings) {
      Problem problem = small_problem(coupling);
      for (int row = 0; row < 3; ++row) set_row(problem, row, {-50, -50, 50, -50, -50});
      CHECK_EQUAL(run_verify(kernels, problem).result.accepted, 2);
      problem.level = {0, 1, 0};
      CHECK_EQUAL(run_verify(kernels, problem).result.accepted, 1);
      CHECK_EQUAL(run_verify(kernels, problem).kept[1], 1);
      problem.settings.relaxed = 1;
      CHECK_EQUAL(run_verify(kernels, problem).result.accepted, 2);
    }
  });
}

TEST("verify: a position without a draft stops the prefix and gets a token") {
  for_all([](const Kernels& kernels) {
    for (Coupling coupling : kCouplings) {
      Problem problem = small_problem(coupling);
      for (int row = 0; row < 3; ++row) set_row(problem, row, {-50, -50, 50, -50, -50});
      problem.drafts = {2, kNoDraft, 2};
      const Outcome outcome = run_verify(kernels, problem);
      CHECK_EQUAL(outcome.result.accepted, 1);
      CHECK_EQUAL(outcome.kept[1], 0);
      CHECK(outcome.drafts == std::vector<int32_t>({2, 2, 2}));
    }
  });
}

TEST("verify: a draft whose law said zero is judged the same way every time") {
  for_all([](const Kernels& kernels) {
    Problem problem = small_problem();
    problem.laws = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0};  // q(2) = 0
    CHECK_EQUAL(run_verify(kernels, problem).result.kept, 3);
    problem.settings.sampler.top_k = 1;  // now p(2) = 0 as well
    for (int row = 0; row < 3; ++row) set_row(problem, row, {9, 0, 0, 0, 0});
    const Outcome outcome = run_verify(kernels, problem);
    CHECK_EQUAL(outcome.result.kept, 0);
    CHECK(outcome.drafts == std::vector<int32_t>({0, 0, 0}));  // p <= q everywhere: drawn from p
  });
}

TEST("verify: Gumbel tokens do not depend on pass, window, ring or neighbours") {
  for_all([](const Kernels& kernels) {
    Problem wide = random_problem(Shape::Normal, ElementType::F32, 1, 17, 111, 8);
    wide.settings.coupling = Coupling::Gumbel;
    const Outcome outcome = run_verify(kernels, wide);
    for (int32_t j = 0; j < 17; ++j) {
      Problem narrow = random_problem(Shape::Normal, ElementType::F32, 1, 1, 111, 9);
      narrow.settings.coupling = Coupling::Gumbel;
      narrow.settings.seed = wide.settings.seed;
      narrow.settings.pass = 1000 + j;
      narrow.settings.window = {wide.settings.window.first + j, 1, 1};
      narrow.logits.assign(wide.logits.begin() + j * 111, wide.logits.begin() + (j + 1) * 111);
      const int32_t slot = wide.settings.window.slot(j);
      CHECK_EQUAL(run_verify(kernels, narrow).drafts[0], outcome.drafts[slot]);
    }
  });
}

TEST("verify: guidance of 0 is the unconditional row, of 1 the conditional one") {
  for_all([](const Kernels& kernels) {
    Problem problem = random_problem(Shape::Ties, ElementType::F32, 2, 1, 40, 8);
    for (int32_t row : {0, 1}) {
      problem.settings.sampler.guidance = row == 0 ? 1.0f : 0.0f;
      Problem alone = problem;
      alone.settings.rows = 1;
      alone.logits.assign(problem.logits.begin() + row * 40,
                          problem.logits.begin() + (row + 1) * 40);
      CHECK(run_verify(kernels, problem).laws == run_verify(kernels, alone).laws);
    }
  });
}

TEST("verify: an empty window does nothing") {
  for_all([](const Kernels& kernels) {
    Problem problem = small_problem();
    problem.settings.window.count = 0;
    const Outcome outcome = run_verify(kernels, problem);
    CHECK_EQUAL(outcome.result.accepted, 0);
    CHECK_EQUAL(outcome.result.bad_row, -1);
    CHECK(outcome.drafts == problem.drafts);
  });
}

}  // namespace
}  // namespace sjd2::test
