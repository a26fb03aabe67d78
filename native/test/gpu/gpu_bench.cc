#include "gpu/gpu_bench.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "device/cuda/stream_timer.h"
#include "gpu/on_device.h"

namespace sjd2::test {
namespace {

using cuda::CudaDevice;

// The emulation is run once per line, to know that the lines work.
struct Plan {
  int samples, launches;  // the median of `samples` times of so many launches in a row
  size_t pool;            // bytes that inputs rotate through: more than any GPU's L2 cache
  std::vector<int32_t> vocabularies, counts;
  int32_t hidden;
};

Plan plan_for(const CudaDevice& device) {
  if (device.emulated()) return {2, 1, size_t{1} << 16, {512}, {2}, 256};
  return {21, 20, size_t{512} << 20, {512, 16384, 65536}, {1, 16, 96}, 1024};
}

// Median seconds of one call. `call` gets a running number, to take other memory each time.
double time_of(CudaDevice& device, const Plan& plan, const std::function<void(int)>& call) {
  cuda::StreamTimer timer(device);
  std::vector<double> seconds;
  int number = 0;
  for (int sample = -1; sample < plan.samples; ++sample) {  // the first one warms up
    timer.start();
    for (int i = 0; i < plan.launches; ++i) call(number++);
    timer.stop();
    device.synchronize();
    if (sample >= 0) seconds.push_back(timer.seconds() / plan.launches);
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

struct Report {
  double copy_bandwidth;  // bytes read and written, per second

  void line(const std::string& what, double bytes, double seconds) const {
    std::printf("%-44s %9.2f us %9.1f GB/s %6.1f%% of copy\n", what.c_str(), 1e6 * seconds,
                1e-9 * bytes / seconds, 100 * bytes / seconds / copy_bandwidth);
  }
};

double copy_bandwidth(CudaDevice& device, const Plan& plan) {
  const size_t half = plan.pool / 2;
  Buffer<char> memory(device, plan.pool);
  const double seconds = time_of(
      device, plan, [&](int) { device.copy_on_device(memory.data() + half, memory.data(), half); });
  return 2.0 * static_cast<double>(half) / seconds;
}

void bench_verify(CudaDevice& device, const Plan& plan, const Report& report, int32_t vocabulary,
                  int32_t count, ElementType type, Coupling coupling) {
  constexpr int32_t kRows = 2;
  Problem problem = random_problem(Shape::Normal, type, kRows, count, vocabulary, 7);
  VerifyArgs args = problem.args();
  args.coupling = coupling;
  args.sampler = {2.5f, 0.8f, std::min(vocabulary, 2000), 1.0f};
  const size_t element = type == ElementType::F32 ? 4 : 2;
  const size_t bytes = size_t(kRows) * count * vocabulary * element;
  const size_t law_floats = problem.laws.size();
  const int copies = static_cast<int>(std::max<size_t>(1, plan.pool / bytes));
  Buffer<char> logits(device, bytes * copies);
  for (int i = 0; i < copies; ++i) {
    device.copy_to_device(logits.data() + i * bytes, args.logits, bytes);
  }
  OnDevice<float> laws(device, problem.laws);
  OnDevice<int32_t> drafts(device, problem.drafts), level(device, problem.level);
  OnDevice<uint8_t> kept(device, problem.kept);
  Buffer<cuda::Verdict> verdicts(device, count);
  Buffer<int32_t> out(device, 4 + count);
  args.laws = law_floats && coupling != Coupling::Gumbel ? laws.data() : nullptr;
  args.drafts = drafts.data();
  args.level = level.data();
  args.kept = kept.data();
  cuda::VerifyMemory memory;
  memory.verdicts = verdicts.data();
  memory.status = reinterpret_cast<cuda::Status*>(out.data());
  memory.tokens = out.data() + 4;
  const double seconds = time_of(device, plan, [&](int i) {
    args.logits = logits.data() + i % copies * bytes;
    args.pass = static_cast<uint32_t>(i);
    cuda::verify(args, memory, device);
  });
  // q is read and p written where a law is needed.
  const double moved =
      static_cast<double>(bytes) + (args.laws ? 2.0 * count * vocabulary * sizeof(float) : 0.0);
  report.line(std::string("verify ") + (type == ElementType::F32 ? "f32" : "f16") +
                  (coupling == Coupling::Gumbel ? " gumbel" : " maximal") + ", 2 x " +
                  std::to_string(count) + " x " + std::to_string(vocabulary),
              moved, seconds);
}

void bench_elements(CudaDevice& device, const Plan& plan, const Report& report, int32_t count) {
  ElementScene scene(plan.hidden, count, 3);
  scene.refine_args();  // gives every position a token
  // Every position is noisy: a clean one costs less.
  scene.level.assign(scene.level.size(), ElementScene::kSteps);
  DeviceScene on_device(device, scene);
  const OnDevice<int32_t> top(device, scene.level);
  NoiseArgs noise = on_device.noise_args();
  noise.window = scene.window;
  const RefineArgs refine = on_device.refine_args();
  const double row = static_cast<double>(plan.hidden) * sizeof(float);
  const std::string size = ", " + std::to_string(count) + " x " + std::to_string(plan.hidden);
  // kernels.h: noise reads z and writes each row; refine reads z and E and writes z.
  report.line("noise" + size, count * row * (1 + noise.rows),
              time_of(device, plan, [&](int) { cuda::noise(noise, device); }));
  report.line("refine" + size, count * row * 3, time_of(device, plan, [&](int i) {
                // It moves every position one level down, and the last level is 0.
                if (i % ElementScene::kSteps == 0) {
                  device.copy_on_device(refine.level, top.data(), top.buffer.bytes());
                }
                cuda::refine(refine, device);
              }));
}

}  // namespace

void run_benchmarks(CudaDevice& device) {
  const Plan plan = plan_for(device);
  if (device.emulated()) std::printf("emulated: the times below mean nothing\n");
  const Report report{copy_bandwidth(device, plan)};
  std::printf("device copy: %.1f GB/s read and written; medians of %d samples of %d launches\n",
              1e-9 * report.copy_bandwidth, plan.samples, plan.launches);
  for (int32_t vocabulary : plan.vocabularies) {
    for (int32_t count : plan.counts) {
      for (ElementType type : {ElementType::F32, ElementType::F16}) {
        for (Coupling coupling : {Coupling::Gumbel, Coupling::Maximal}) {
          bench_verify(device, plan, report, vocabulary, count, type, coupling);
        }
      }
    }
  }
  for (int32_t count : plan.counts) bench_elements(device, plan, report, count);
}

}  // namespace sjd2::test
