#include "simt/emulated_kernels.h"

#include <algorithm>

#include "kernels/cuda/kernels.cu"

namespace sjd2::test {
namespace {

template <auto kernel, typename Params>
void run_thread(const void* params) {
  kernel(*static_cast<const Params*>(params));
}

const EmulatedKernel kKernels[] = {
    {"sjd2_enter", sizeof(cuda::EnterParams), cuda::kElementThreads,
     run_thread<sjd2_enter, cuda::EnterParams>},
    {"sjd2_noise", sizeof(cuda::NoiseParams), cuda::kElementThreads,
     run_thread<sjd2_noise, cuda::NoiseParams>},
    {"sjd2_refine", sizeof(cuda::RefineParams), cuda::kElementThreads,
     run_thread<sjd2_refine, cuda::RefineParams>},
    {"sjd2_verify_f32", sizeof(cuda::VerifyParams), cuda::kVerifyThreads,
     run_thread<sjd2_verify_f32, cuda::VerifyParams>},
    {"sjd2_verify_f16", sizeof(cuda::VerifyParams), cuda::kVerifyThreads,
     run_thread<sjd2_verify_f16, cuda::VerifyParams>},
    {"sjd2_verify_bf16", sizeof(cuda::VerifyParams), cuda::kVerifyThreads,
     run_thread<sjd2_verify_bf16, cuda::VerifyParams>},
    {"sjd2_finish", sizeof(cuda::FinishParams), cuda::kFinishThreads,
     run_thread<sjd2_finish, cuda::FinishParams>},
};

}  // namespace

const EmulatedKernel* find_emulated_kernel(const std::string& name) {
  for (const EmulatedKernel& kernel : kKernels) {
    if (name == kernel.name) return &kernel;
  }
  return nullptr;
}

void EmulatedLauncher::launch(const cuda::KernelLaunch& launch) {
  const EmulatedKernel* kernel = find_emulated_kernel(launch.name);
  if (!kernel) throw simt::LaunchError(std::string("no kernel is named ") + launch.name);
  if (launch.params_bytes != kernel->params_bytes ||
      launch.block > static_cast<unsigned>(kernel->max_threads)) {
    throw simt::LaunchError(std::string(launch.name) + " is launched with the wrong parameters");
  }
  simt::Schedule turn = schedule;
  if (!only.empty() && only != launch.name) turn.skip_barrier = -1;
  simt::run_grid({launch.grid, launch.block, launch.shared_bytes}, turn,
                 [&] { kernel->run(launch.params); });
  barriers = std::max(barriers, simt::barriers_of_last_grid());
}

EmulatedLauncher& emulated_launcher() {
  static EmulatedLauncher launcher;
  return launcher;
}

VerifyResult verify_on(cuda::Launcher& launcher, const VerifyArgs& args) {
  const size_t count = static_cast<size_t>(args.window.count);
  std::vector<cuda::Verdict> verdicts(count);
  std::vector<int32_t> tokens(count);
  cuda::Status status = {0, 0, -1, 0};
  cuda::VerifyMemory memory;
  memory.verdicts = verdicts.data();
  memory.status = &status;
  memory.tokens = tokens.data();
  cuda::verify(args, memory, launcher);
  return {status.accepted, status.kept, status.bad_row, static_cast<VerifyFault>(status.fault)};
}

namespace emulated {
const Kernels kernels{
    [](const EnterArgs& args) { cuda::enter(args, emulated_launcher()); },
    [](const NoiseArgs& args) { cuda::noise(args, emulated_launcher()); },
    [](const VerifyArgs& args) { return verify_on(emulated_launcher(), args); },
    [](const RefineArgs& args) { cuda::refine(args, emulated_launcher()); },
};
}  // namespace emulated

}  // namespace sjd2::test
