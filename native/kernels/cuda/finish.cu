// From the rows' verdicts to the pass's: first fault, length of the accepted prefix, tokens. One
// warp.
#include "kernels/cuda/portable.cuh"

namespace sjd2::cuda {

// The first offset in [0, count) that holds, or count. All lanes of the warp call it.
template <typename Predicate>
__device__ int32_t first_offset(int32_t count, Predicate predicate) {
  const int32_t lane = static_cast<int32_t>(threadIdx.x);
  for (int32_t base = 0; base < count; base += 32) {
    const unsigned holds = __ballot_sync(kFullWarp, base + lane < count && predicate(base + lane));
    if (holds) return base + __ffs(static_cast<int>(holds)) - 1;
  }
  return count;
}

}  // namespace sjd2::cuda

extern "C" __global__ void __launch_bounds__(sjd2::cuda::kFinishThreads, 1)
    sjd2_finish(sjd2::cuda::FinishParams p) {
  using namespace sjd2::cuda;
  const int32_t lane = static_cast<int32_t>(threadIdx.x), count = p.window.count;
  const int32_t bad = first_offset(count, [&](int32_t j) { return p.verdicts[j].fault != 0; });
  if (bad < count) {
    if (lane == 0) *p.status = {0, 0, bad, p.verdicts[bad].fault};
    return;
  }
  // A position that was fed noisy, or not at all like the last one, may keep its draft but cannot
  // be accepted: the laws to its right were not conditioned on that token.
  const int32_t accepted = first_offset(count, [&](int32_t j) {
    return !p.verdicts[j].kept || j + 1 == count || p.level[slot_of(p.window, j)] > p.relaxed;
  });
  int32_t kept = 0;
  for (int32_t base = 0; base < count; base += 32) {
    const int32_t j = base + lane;
    bool keeps = false;
    if (j < count) {
      const Verdict verdict = p.verdicts[j];
      const bool afresh = p.coupling == 0 && j > accepted;  // Independent, right of the stop
      const int32_t token = afresh ? verdict.fresh : verdict.token;
      keeps = !afresh && verdict.kept;
      p.drafts[slot_of(p.window, j)] = token;
      p.tokens[j] = token;
      p.kept[j] = keeps;
    }
    kept += __popc(__ballot_sync(kFullWarp, keeps));
  }
  if (lane == 0) {
    *p.status = {accepted, kept, -1, 0};
    const int32_t last = accepted < count ? accepted : count - 1;
    if (p.settle) p.settle[slot_of(p.window, last)] = 0;
  }
}
