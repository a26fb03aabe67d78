#include "kernels/cuda/launch.h"

#include <algorithm>
#include <cfloat>

namespace sjd2::cuda {
namespace {

template <typename Params>
void launch(Launcher& launcher, const char* name, int32_t grid, int block, size_t shared,
            const Params& params) {
  launcher.launch({name, static_cast<unsigned>(grid), static_cast<unsigned>(block), shared, &params,
                   sizeof(Params)});
}

Ring ring(const Window& window) { return {window.first, window.count, window.capacity}; }

int threads_for(int32_t elements) {
  return std::clamp((elements / 4 + 31) / 32 * 32, 32, kElementThreads);
}

size_t element_bytes(ElementType type) { return type == ElementType::F32 ? 4 : 2; }

// A power of two, see kVerifyThreads. Small rows leave the multiprocessor to other rows.
int verify_threads(int32_t vocabulary) {
  int threads = 32;
  while (threads < kVerifyThreads && threads * 8 < vocabulary) threads *= 2;
  return threads;
}

const char* verify_kernel(ElementType type) {
  switch (type) {
    case ElementType::F16:
      return "sjd2_verify_f16";
    case ElementType::BF16:
      return "sjd2_verify_bf16";
    default:
      return "sjd2_verify_f32";
  }
}

bool is_aligned(const void* pointer, size_t row_bytes) {
  return (reinterpret_cast<uintptr_t>(pointer) | row_bytes) % 16 == 0;
}

}  // namespace

size_t unstaged_bytes() { return kVerifySharedBytes; }

size_t staged_bytes(int32_t vocabulary) {
  return kVerifySharedBytes + (static_cast<size_t>(vocabulary) + 3) / 4 * 16;
}

void enter(const EnterArgs& args, Launcher& launcher) {
  if (args.window.count <= 0) return;
  EnterParams params = {ring(args.window),
                        args.table.hidden,
                        args.seed,
                        args.table.embedding,
                        args.table.mean,
                        args.table.std,
                        args.schedule.alpha,
                        args.schedule.sigma,
                        args.drafts,
                        args.level,
                        args.z};
  launch(launcher, "sjd2_enter", args.window.count, threads_for(args.table.hidden), 0, params);
}

void noise(const NoiseArgs& args, Launcher& launcher) {
  if (args.window.count <= 0) return;
  NoiseParams params = {ring(args.window),    args.table.hidden, args.rows,      args.row_stride,
                        args.table.embedding, args.table.mean,   args.table.std, args.schedule.tau,
                        args.drafts,          args.level,        args.z,         args.out};
  launch(launcher, "sjd2_noise", args.window.count, threads_for(args.table.hidden), 0, params);
}

void refine(const RefineArgs& args, Launcher& launcher) {
  if (args.window.count <= 0) return;
  RefineParams params = {ring(args.window),    args.table.hidden,
                         args.table.embedding, args.table.mean,
                         args.table.std,       args.schedule.alpha,
                         args.schedule.sigma,  args.drafts,
                         args.level,           args.z};
  launch(launcher, "sjd2_refine", args.window.count, threads_for(args.table.hidden), 0, params);
}

void verify(const VerifyArgs& args, const VerifyMemory& memory, Launcher& launcher) {
  if (args.window.count <= 0) return;
  VerifyParams rows = {};
  rows.window = ring(args.window);
  rows.pass = args.pass;
  rows.seed = args.seed;
  rows.coupling = static_cast<int32_t>(args.coupling);
  rows.rows = args.rows;
  rows.vocabulary = args.vocabulary;
  rows.top_k = args.sampler.top_k;
  rows.guidance = args.sampler.guidance;
  rows.temperature = args.sampler.temperature;
  // Finite even for a denormal temperature: 0 * infinity would be NaN at the maximum.
  rows.inverse_temperature =
      args.sampler.temperature > 0 ? std::min(1 / args.sampler.temperature, FLT_MAX) : 0;
  rows.top_p = args.sampler.top_p;
  const size_t staged = staged_bytes(args.vocabulary);
  rows.staged = staged <= launcher.shared_limit();
  rows.aligned = is_aligned(args.logits, args.vocabulary * element_bytes(args.type));
  rows.laws_aligned =
      is_aligned(args.laws, args.vocabulary * sizeof(float)) && args.vocabulary % 8 == 0;
  rows.logits = args.logits;
  rows.drafts = args.drafts;
  rows.laws = args.laws;
  rows.verdicts = memory.verdicts;
  launch(launcher, verify_kernel(args.type), args.window.count, verify_threads(args.vocabulary),
         rows.staged ? staged : unstaged_bytes(), rows);

  FinishParams finish = {};
  finish.window = rows.window;
  finish.relaxed = args.relaxed;
  // At temperature 0 every coupling takes the maximum; there is nothing to draw afresh.
  finish.coupling =
      args.sampler.temperature == 0 ? static_cast<int32_t>(Coupling::Gumbel) : rows.coupling;
  finish.verdicts = memory.verdicts;
  finish.drafts = args.drafts;
  finish.level = args.level;
  finish.kept = args.kept;
  finish.status = memory.status;
  finish.tokens = memory.tokens;
  finish.settle = memory.settle;
  launch(launcher, "sjd2_finish", 1, kFinishThreads, 0, finish);
}

}  // namespace sjd2::cuda
