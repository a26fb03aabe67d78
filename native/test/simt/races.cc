// Every kernel once through all of its branches, for the thread sanitizer: each CUDA thread is a
// thread to it, ordered by barriers, warp operations and the ends of grids only. `npm run
// test:threads` runs it as it is, where no race may be found, and with a barrier taken out, where
// one must: cuda_race_test KERNEL BARRIER.
#include <cstdio>
#include <cstdlib>

#include "element_scene.h"
#include "kernel_problem.h"
#include "simt/emulated_kernels.h"

namespace sjd2::test {
namespace {

void verify_once(ElementType type, Coupling coupling, int32_t top_k, float top_p, uint64_t seed) {
  // 64 threads a row; three rows of two logit vectors each.
  Problem problem = random_problem(Shape::Normal, type, 2, 3, 300, seed);
  problem.settings.coupling = coupling;
  problem.settings.sampler.top_k = top_k;
  problem.settings.sampler.top_p = top_p;
  emulated_launcher().schedule.seed = seed;
  run_verify(emulated::kernels, problem);
}

void run_all() {
  uint64_t seed = 1;
  for (Coupling coupling : {Coupling::Independent, Coupling::Maximal, Coupling::Gumbel}) {
    for (ElementType type : {ElementType::F32, ElementType::F16, ElementType::BF16}) {
      verify_once(type, coupling, 0, 1, ++seed);
      verify_once(type, coupling, 40, 0.8f, ++seed);
    }
    emulated_launcher().limit = cuda::unstaged_bytes();
    verify_once(ElementType::F32, coupling, 40, 0.8f, ++seed);
    emulated_launcher().limit = 99 * 1024;
  }
  for (int32_t hidden : {7, 256}) {
    ElementScene scene(hidden, 5, 3);
    emulated::kernels.enter(scene.enter_args(3));
    emulated::kernels.noise(scene.noise_args());
    emulated::kernels.refine(scene.refine_args());
  }
}

}  // namespace
}  // namespace sjd2::test

int main(int argc, char** argv) {
  using namespace sjd2::test;
  const bool mutant = argc == 3;
  if (mutant) {
    emulated_launcher().only = argv[1];
    emulated_launcher().schedule.skip_barrier = std::atoi(argv[2]);
  }
  try {
    run_all();
  } catch (const std::exception& error) {
    // A missing barrier may leave the others without a partner.
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  std::printf("at most %d barriers a thread\n", emulated_launcher().barriers);
  return 0;
}
