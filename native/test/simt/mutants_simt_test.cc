// The emulation must be able to fail. Every barrier of the kernels is taken out in turn: some
// schedule has to notice, or the barrier is superfluous, or the tests are blind.
#include "check.h"
#include "element_scene.h"
#include "simt/emulated_kernels.h"
#include "verify_checker.h"

namespace sjd2::test {
namespace {

bool same(const Outcome& a, const Outcome& b) {
  return a.drafts == b.drafts && a.kept == b.kept && a.laws == b.laws &&
         a.result.accepted == b.result.accepted && a.result.kept == b.result.kept;
}

// Windows whose drafts come from nearly the same laws, so that some are kept and some are not,
// under either cut alone: with both, the second hides what goes wrong in the first.
std::vector<Problem> problems(Coupling coupling, int32_t vocabulary) {
  std::vector<Problem> all;
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    Problem problem = random_problem(Shape::Normal, ElementType::F32, 2, 6, vocabulary, seed);
    problem.settings.coupling = coupling;
    problem.settings.sampler.top_k = seed % 2 ? vocabulary * static_cast<int32_t>(seed) / 6 : 0;
    problem.settings.sampler.top_p = seed % 2 ? 1.0f : 0.8f;
    const Outcome before = run_verify(reference::kernels, problem);
    problem.drafts = before.drafts;
    problem.laws = before.laws;
    ++problem.settings.pass;
    for (size_t i = 0; i < problem.logits.size(); ++i) {
      problem.logits[i] += 0.1f * static_cast<float>(i * 7 % 11);
    }
    all.push_back(problem);
  }
  return all;
}

bool schedules_notice(const std::vector<Problem>& all, const std::vector<Outcome>& expected,
                      int skip) {
  EmulatedLauncher& launcher = emulated_launcher();
  bool noticed = false;
  for (uint64_t seed = 1; seed <= 12 && !noticed; ++seed) {
    for (size_t i = 0; i < all.size() && !noticed; ++i) {
      launcher.schedule = {seed, skip};
      try {
        noticed = !same(run_verify(emulated::kernels, all[i]), expected[i]);
      } catch (const simt::LaunchError&) {
        noticed = true;
      }
    }
  }
  launcher.schedule = {};
  return noticed;
}

// `harmless` barriers at the end of the kernel may go unnoticed.
void take_out_barriers(Coupling coupling, int32_t vocabulary, const char* name, int harmless = 0) {
  const std::vector<Problem> all = problems(coupling, vocabulary);
  std::vector<Outcome> expected;
  emulated_launcher().only = "sjd2_verify_f32";
  emulated_launcher().barriers = 0;
  for (const Problem& problem : all) expected.push_back(run_verify(emulated::kernels, problem));
  const int barriers = emulated_launcher().barriers;
  CHECK(barriers > 5);
  for (int skip = 0; skip < barriers - harmless; ++skip) {
    CHECK_MESSAGE(schedules_notice(all, expected, skip),
                  std::string(name) + ": nobody misses barrier " + std::to_string(skip) + " of " +
                      std::to_string(barriers));
  }
  emulated_launcher().only.clear();
}

// A sanitizer ends the process at the first thing that a mutant does wrong.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST("simt mutants: every barrier of verify is missed when it is gone") {
  take_out_barriers(Coupling::Maximal, 1000, "maximal");
  // draw() ends with a barrier so that every thread may use the token; of the last draw, the fresh
  // one, only thread 0 does, which wrote it.
  take_out_barriers(Coupling::Independent, 1000, "independent", 1);
  take_out_barriers(Coupling::Gumbel, 1000, "gumbel");
}

TEST("simt mutants: the barrier of refine is missed when it is gone") {
  ElementScene expected(1023, 5, 4);
  const RefineArgs args = expected.refine_args();
  ElementScene scene = expected;
  emulated::kernels.refine(args);
  bool noticed = false;
  for (uint64_t seed = 1; seed <= 12 && !noticed; ++seed) {
    ElementScene mutant = scene;
    emulated_launcher().schedule = {seed, 0};
    emulated::kernels.refine(mutant.refine_args());
    noticed = mutant.z != expected.z;
  }
  emulated_launcher().schedule = {};
  CHECK(noticed);
}

#endif

template <typename Body>
std::string complaint_of(unsigned block, size_t shared, Body body) {
  try {
    simt::run_grid({1, block, shared}, {}, body);
  } catch (const simt::LaunchError& error) {
    return error.what();
  }
  return "";
}

TEST("simt: a barrier that some threads never reach is an error, not a hang") {
  CHECK(complaint_of(64, 0, [] {
          if (simt::thread_index().x != 5) simt::sync_threads();
        }).find("divergent barrier") != std::string::npos);
  CHECK(complaint_of(64, 0, [] {
          if (simt::thread_index().x >= 32) simt::sync_threads();
          simt::warp_exchange(0xffffffffu, 1);
          if (simt::thread_index().x < 32) simt::sync_threads();
        }) == "");  // both warps arrive, at different places: __syncthreads counts threads
  CHECK(complaint_of(32, 0, [] {
          if (simt::thread_index().x % 2) simt::warp_exchange(0xffffffffu, 1);
        }).find("divergent barrier") != std::string::npos);
}

TEST("simt: shared memory beyond what the launch asked for is an error") {
  CHECK(complaint_of(32, 64, [] { simt::shared_memory(64); }) == "");
  CHECK(complaint_of(32, 64, [] { simt::shared_memory(65); }).find("shared memory") !=
        std::string::npos);
}

}  // namespace
}  // namespace sjd2::test
