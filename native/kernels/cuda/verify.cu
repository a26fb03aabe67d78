// Verification of one window position per block: guidance, cuts, law, keep or redraw. `finish`
// (finish.cu) then finds the prefix over all rows.
//
// Global memory: each logit is read once (staged rows), q once and only where a draft was rejected,
// p is written once.
#include "kernels/cuda/gumbel.cuh"
#include "kernels/cuda/law.cuh"

namespace sjd2::cuda {

// Independent (0) and Maximal (1): keep or residual. p.laws is not null.
template <typename Element>
__device__ Verdict couple(RowLaw<Element>& law, uint32_t position, int32_t draft, const float* q) {
  const VerifyParams& p = law.p;
  const bool independent = p.coupling == 0;
  Verdict verdict = {kNone, kNone, 0, 0};
  // The coin, the redraw and the fresh draw in turn, each by its own random number.
#pragma unroll 1
  for (uint32_t purpose = kKeep; purpose <= kDraft; ++purpose) {
    const bool fresh = purpose == kDraft;
    if (fresh ? draft != kNone && !independent : draft == kNone) continue;
    const Wide bits = decision_bits(p.seed, position, p.pass, purpose);
    if (purpose == kKeep) {
      const double uniform = static_cast<double>(bits) * 0x1p-53;
      verdict.kept =
          uniform * static_cast<double>(q[draft]) < static_cast<double>(law.probability_of(draft));
      verdict.token = draft;
      // All have read q before it becomes p. A draw ends with such a barrier anyway.
      if (verdict.kept && !independent) __syncthreads();
      continue;
    }
    if (!fresh && verdict.kept) continue;
    // In float the residual can vanish; p is then the right law, by the same random number.
    const float* less = fresh ? nullptr : q;
    int32_t token = kNone;
#pragma unroll 1
    for (int attempt = 0; attempt < 2 && token == kNone; ++attempt, less = nullptr) {
      token = law.draw(less, bits);
    }
    (fresh ? verdict.fresh : verdict.token) = token;
  }
  if (draft == kNone) verdict.token = verdict.fresh;
  return verdict;
}

template <typename Element>
__device__ void verify(const VerifyParams& p, VerifyShared& shared) {
  Block block(shared);
  const int32_t j = static_cast<int32_t>(blockIdx.x);
  const int32_t slot = slot_of(p.window, j);
  const uint32_t position = static_cast<uint32_t>(p.window.first + j);
  const Element* logits = static_cast<const Element*>(p.logits);
  const int64_t vocabulary = p.vocabulary;
  Row<Element> row = {
      logits + j * vocabulary,
      p.rows == 2 ? logits + (static_cast<int64_t>(p.window.count) + j) * vocabulary : nullptr,
      p.staged ? reinterpret_cast<float*>(&shared + 1) : nullptr,
      p.vocabulary,
      p.guidance,
      p.aligned != 0};
  row.read(block);
  const bool masked = !(row.maximum > -infinity());
  if (row.not_a_number || masked) {
    if (block.thread == 0) p.verdicts[j] = {kNone, kNone, 0, row.not_a_number ? 1 : 2};
    return;
  }

  float* q = p.laws ? p.laws + slot * vocabulary : nullptr;
  const int32_t draft = p.drafts[slot];
  Verdict verdict = {row.first_maximum, row.first_maximum, draft == row.first_maximum, 0};
  if (p.temperature == 0.0f) {
    for (int32_t v = block.thread; q && v < p.vocabulary; v += block.threads) {
      q[v] = v == row.first_maximum ? 1.0f : 0.0f;
    }
  } else {
    RowLaw<Element> law = {p, block, row};
    law.cut(q != nullptr, [&] {
      if (p.coupling != 2) return;
      verdict.token = gumbel_argmax(block, row, law.threshold, p, position);
      verdict.kept = draft == verdict.token;
    });
    if (q) {
      if (p.coupling != 2) verdict = couple(law, position, draft, q);
      law.store(q);
    }
  }
  if (block.thread == 0) p.verdicts[j] = verdict;
}

}  // namespace sjd2::cuda

#define SJD2_VERIFY(name, Element)                                            \
  extern "C" __global__ void __launch_bounds__(sjd2::cuda::kVerifyThreads, 2) \
      name(sjd2::cuda::VerifyParams p) {                                      \
    SJD2_SHARED(sjd2::cuda::VerifyShared, shared);                            \
    sjd2::cuda::verify<Element>(p, shared);                                   \
  }

SJD2_VERIFY(sjd2_verify_f32, float)
SJD2_VERIFY(sjd2_verify_f16, sjd2::cuda::Half)
SJD2_VERIFY(sjd2_verify_bf16, sjd2::cuda::BFloat)
