// Kernel problems of the CPU tests on a device: up, one call, and back.
#pragma once

#include <algorithm>
#include <vector>

#include "check.h"
#include "device/cuda/cuda_device.h"
#include "element_scene.h"
#include "kernel_problem.h"

namespace sjd2::test {

// A vector on the device.
template <typename T>
struct OnDevice {
  OnDevice(cuda::CudaDevice& owner, const std::vector<T>& values)
      : device(owner), buffer(owner, std::max<size_t>(values.size(), 1)), host(values) {
    if (!values.empty()) device.copy_to_device(buffer.data(), host.data(), host.size() * sizeof(T));
  }
  T* data() const { return host.empty() ? nullptr : buffer.data(); }
  std::vector<T> back() {
    std::vector<T> values(host.size());
    if (!values.empty())
      device.copy_to_host(values.data(), buffer.data(), values.size() * sizeof(T));
    device.synchronize();
    return values;
  }
  cuda::CudaDevice& device;
  Buffer<T> buffer;
  const std::vector<T> host;
};

inline Outcome verify_on_device(cuda::CudaDevice& device, Problem problem) {
  const size_t count = problem.settings.window.count;
  VerifyArgs args = problem.args();
  OnDevice<float> logits(device, problem.logits), laws(device, problem.laws);
  OnDevice<uint16_t> half(device, problem.half);
  OnDevice<int32_t> drafts(device, problem.drafts), level(device, problem.level);
  OnDevice<uint8_t> kept(device, problem.kept);
  Buffer<cuda::Verdict> verdicts(device, count);
  Buffer<int32_t> report(device, 4 + count);
  args.logits = args.type == ElementType::F32 ? static_cast<const void*>(logits.data())
                                              : static_cast<const void*>(half.data());
  args.laws = laws.data();
  args.drafts = drafts.data();
  args.level = level.data();
  args.kept = kept.data();
  cuda::VerifyMemory memory;
  memory.verdicts = verdicts.data();
  memory.status = reinterpret_cast<cuda::Status*>(report.data());
  memory.tokens = report.data() + 4;
  cuda::verify(args, memory, device);
  // The engine's read-back: status and tokens in one pinned copy.
  int32_t* pinned = static_cast<int32_t*>(device.allocate_pinned(report.bytes()));
  pinned[0] = -1;
  device.copy_to_host(pinned, report.data(), report.bytes());
  if (device.emulated()) CHECK_EQUAL(pinned[0], -1);  // nothing has run yet
  device.synchronize();
  Outcome outcome;
  outcome.result = {pinned[0], pinned[1], pinned[2], static_cast<VerifyFault>(pinned[3])};
  const std::vector<int32_t> tokens(pinned + 4, pinned + 4 + count);
  device.release_pinned(pinned);
  outcome.drafts = drafts.back();
  outcome.kept = kept.back();
  outcome.laws = laws.back();
  for (size_t j = 0; outcome.result.bad_row < 0 && j < count; ++j) {
    CHECK_EQUAL(tokens[j], outcome.drafts[args.window.slot(static_cast<int32_t>(j))]);
  }
  return outcome;
}

// A scene's buffers on the device, and back into the scene.
struct DeviceScene {
  DeviceScene(cuda::CudaDevice& device, ElementScene& scene)
      : scene(scene),
        embedding(device, scene.embedding),
        mean(device, scene.mean),
        std(device, scene.std),
        tau(device, scene.tau),
        alpha(device, scene.alpha),
        sigma(device, scene.sigma),
        z(device, scene.z),
        out(device, scene.out),
        drafts(device, scene.drafts),
        level(device, scene.level) {}

  EnterArgs enter_args(int32_t count) {
    EnterArgs args = scene.enter_args(count);
    place(args);
    return args;
  }
  NoiseArgs noise_args() {
    NoiseArgs args = scene.noise_args();
    place(args);
    args.out = out.data();
    return args;
  }
  RefineArgs refine_args() {
    RefineArgs args = scene.refine_args();
    place(args);
    return args;
  }
  void read_back() {
    scene.z = z.back();
    scene.out = out.back();
    scene.level = level.back();
  }

  template <typename Args>
  void place(Args& args) const {
    args.table.embedding = embedding.data();
    args.table.mean = mean.data();
    args.table.std = std.data();
    args.schedule = {alpha.data(), sigma.data(), tau.data(), ElementScene::kSteps};
    args.drafts = drafts.data();
    args.level = level.data();
    args.z = z.data();
  }

  ElementScene& scene;
  OnDevice<float> embedding, mean, std, tau, alpha, sigma, z, out;
  OnDevice<int32_t> drafts, level;
};

}  // namespace sjd2::test
