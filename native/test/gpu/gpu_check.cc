// What `npm run check:gpu` runs on a machine with a GPU, and CI over the emulated one: every kernel
// against the scalar reference within the bounds of the CPU kernels, then how long they take.
#include <cmath>
#include <cstdio>

#include "gpu/gpu_bench.h"
#include "gpu/on_device.h"
#include "verify_checker.h"

namespace sjd2::test {
namespace {

using cuda::CudaDevice;

CudaDevice& gpu() {
  static CudaDevice device;
  return device;
}

void sweep(const std::vector<int32_t>& vocabularies, const std::vector<int32_t>& counts,
           const std::vector<Cut>& cuts) {
  sweep(vocabularies, counts, cuts, [](const Problem& problem, uint64_t) {
    const std::string complaint = verify_complaint(problem, verify_on_device(gpu(), problem));
    CHECK_MESSAGE(complaint.empty(), complaint);
  });
}

TEST("gpu verify: every type, coupling and cut agrees with the definition") {
  // The emulation takes milliseconds a row.
  const bool few = gpu().emulated();
  sweep(few ? std::vector{111} : std::vector{1, 2, 111, 512, 4099},
        few ? std::vector{2} : std::vector{1, 2, 17, 96},
        {{1, 0, 1}, {0.7f, 1, 1}, {1, 20, 1}, {1.3f, 0, 0.9f}, {1, 50, 0.5f}, {0, 7, 0.3f}});
}

TEST("gpu verify: large vocabularies, in shared memory and beyond it, agree with the definition") {
  if (gpu().emulated()) {
    sweep({4096}, {1}, {{0.9f, 2000, 0.8f}});
  } else {
    sweep({16384}, {1, 9}, {{1, 0, 1}, {1, 2000, 1}, {0.9f, 2000, 0.8f}});
    sweep({65536}, {2}, {{1, 0, 1}, {1, 2000, 0.9f}});
  }
}

TEST("gpu verify: a faulty row is named in every type") {
  for (ElementType type : kTypes) {
    for (float bad : {NAN, INFINITY}) {
      Problem problem = random_problem(Shape::Masked, type, 2, 40, 111, 3);
      problem.logits[35 * 111 + 17] = bad;
      problem.store_logits();
      const Outcome outcome = verify_on_device(gpu(), problem);
      CHECK_EQUAL(outcome.result.bad_row, 35);
      CHECK(outcome.result.fault == VerifyFault::NotANumber);
    }
  }
}

std::vector<int32_t> counts() {
  return gpu().emulated() ? std::vector<int32_t>{2, 17} : std::vector<int32_t>{1, 2, 17, 96};
}

TEST("gpu enter and noise: agree with the definition over widths, levels and rings") {
  for (int32_t hidden : {1, 3, 16, 63, 256, 1023, 2048}) {
    for (int32_t count : counts()) {
      for (int32_t entering : {0, count / 2, count}) {
        ElementScene expected(hidden, count, hidden + count + entering), actual = expected;
        reference::kernels.enter(expected.enter_args(entering));
        reference::kernels.noise(expected.noise_args());
        DeviceScene device(gpu(), actual);
        cuda::enter(device.enter_args(entering), gpu());
        cuda::noise(device.noise_args(), gpu());
        device.read_back();
        const std::string size = std::to_string(hidden) + " by " + std::to_string(count);
        check_close(actual.z, expected.z, "z of " + size);
        check_close(actual.out, expected.out, "out of " + size);
      }
    }
  }
}

TEST("gpu refine: agrees with the definition over widths, levels and rings") {
  for (int32_t hidden : {1, 3, 16, 63, 256, 1023, 2048}) {
    for (int32_t count : counts()) {
      ElementScene expected(hidden, count, hidden + count), actual = expected;
      reference::kernels.refine(expected.refine_args());
      actual.refine_args();  // gives every position a token
      DeviceScene device(gpu(), actual);
      cuda::refine(device.refine_args(), gpu());
      device.read_back();
      check_close(actual.z, expected.z, std::to_string(hidden) + " by " + std::to_string(count));
      CHECK(actual.level == expected.level);
    }
  }
}

}  // namespace
}  // namespace sjd2::test

int main(int argc, char** argv) {
  using namespace sjd2::test;
  try {
    const auto& device = gpu();
    std::printf("%s, compute capability %d.%d, %d multiprocessors, %zu MB free\n", device.name(),
                device.compute_capability() / 10, device.compute_capability() % 10,
                device.multiprocessors(), device.free_bytes() >> 20);
  } catch (const sjd2::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  const int failed = run(argc, argv);
  if (failed == 0) run_benchmarks(gpu());
  return failed;
}
