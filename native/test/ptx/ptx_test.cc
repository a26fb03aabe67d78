// nvcc's PTX against the emulated source: the same bits, kernel by kernel. The emulation shows that
// the source is right; this shows that what nvcc made of it still is.
#include <cstring>

#include "check.h"
#include "element_scene.h"
#include "ptx/words.h"
#include "simt/emulated_kernels.h"
#include "verify_checker.h"

namespace sjd2::test {
namespace {

class PtxLauncher final : public cuda::Launcher {
 public:
  size_t shared_limit() const override { return limit; }
  void launch(const cuda::KernelLaunch& launch) override {
    for (const ptx::Kernel* kernel = ptx::kKernels; kernel->name; ++kernel) {
      if (std::strcmp(kernel->name, launch.name) != 0) continue;
      CHECK_EQUAL(kernel->params_bytes, launch.params_bytes);
      CHECK(launch.block <= kernel->max_threads);
      simt::run_grid({launch.grid, launch.block, launch.shared_bytes}, {++launches}, [&] {
        kernel->run(static_cast<const char*>(launch.params),
                    static_cast<char*>(simt::shared_memory(0)));
      });
      return;
    }
    throw simt::LaunchError(std::string("no PTX for ") + launch.name);
  }
  size_t limit = 99 * 1024;
  uint64_t launches = 0;
};

PtxLauncher& launcher() {
  static PtxLauncher instance;
  return instance;
}
const Kernels kPtx{
    [](const EnterArgs& args) { cuda::enter(args, launcher()); },
    [](const NoiseArgs& args) { cuda::noise(args, launcher()); },
    [](const VerifyArgs& args) { return verify_on(launcher(), args); },
    [](const RefineArgs& args) { cuda::refine(args, launcher()); },
};

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST("ptx: verify gives the bits of the emulated source") {
  uint64_t seed = 0;
  for (int32_t vocabulary : {1, 2, 111, 512, 1000, 16384}) {
    for (Shape shape : kShapes) {
      if (vocabulary > 4096 && shape != Shape::Normal && shape != Shape::Ties) continue;
      for (Coupling coupling : {Coupling::Independent, Coupling::Maximal, Coupling::Gumbel}) {
        ++seed;
        Problem problem =
            random_problem(shape, kTypes[seed % 3], 1 + seed / 3 % 2, 3, vocabulary, seed);
        problem.settings.coupling = coupling;
        if (seed % 4) problem.settings.sampler.top_k = vocabulary / 2;
        if (seed % 4 != 1) problem.settings.sampler.top_p = 0.9f;
        if (seed % 11 == 0) problem.settings.sampler.temperature = 0;
        const size_t limit = seed % 5 ? size_t{99} * 1024 : cuda::unstaged_bytes();
        launcher().limit = emulated_launcher().limit = limit;
        const Outcome source = run_verify(emulated::kernels, problem);
        const Outcome machine = run_verify(kPtx, problem);
        CHECK_MESSAGE(source.drafts == machine.drafts && source.kept == machine.kept &&
                          same_bits(source.laws, machine.laws) &&
                          source.result.accepted == machine.result.accepted,
                      problem.name + ": PTX and source disagree");
      }
    }
  }
}

TEST("ptx: faults are found as by the emulated source") {
  for (ElementType type : kTypes) {
    Problem problem = random_problem(Shape::Masked, type, 2, 40, 111, 3);
    problem.logits[35 * 111 + 7] = NAN;
    problem.store_logits();
    const VerifyResult result = run_verify(kPtx, problem).result;
    CHECK_EQUAL(result.bad_row, 35);
    CHECK(result.fault == VerifyFault::NotANumber);
  }
}

TEST("ptx: enter, noise and refine give the bits of the emulated source") {
  for (int32_t hidden : {1, 3, 4, 63, 256, 1023, 2048}) {
    ElementScene source(hidden, 7, hidden), machine = source;
    emulated::kernels.enter(source.enter_args(3));
    kPtx.enter(machine.enter_args(3));
    CHECK(same_bits(source.z, machine.z));
    emulated::kernels.noise(source.noise_args());
    kPtx.noise(machine.noise_args());
    CHECK(same_bits(source.out, machine.out));
    emulated::kernels.refine(source.refine_args());
    kPtx.refine(machine.refine_args());
    CHECK(same_bits(source.z, machine.z) && source.level == machine.level);
  }
}

}  // namespace
}  // namespace sjd2::test
