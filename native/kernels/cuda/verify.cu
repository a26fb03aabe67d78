// Verification of one window position per block: guidance, cuts, law, keep or redraw. `finish`
// (finish.cu) then finds the prefix over all rows.
//
// Global memory: each logit is read once (staged rows), q once and only where a draft was rejected,
// p is written once.
#include "kernels/cuda/draw.cuh"
#include "kernels/cuda/select.cuh"

namespace sjd2::cuda {

constexpr uint32_t kLowestFinite = 0x00800000u;  // ordered(-FLT_MAX): every finite logit survives

// A mass in units of 2^-44: 2^19 tokens of weight 1 fit, and rounding each of 2^16 tokens costs the
// total at most 2^-29 of the maximum's weight.
__device__ __forceinline__ Wide mass(float weight) { return __float2ull_rn(weight * 0x1p44f); }

template <typename Element>
struct RowLaw {
  const VerifyParams& p;
  Block& block;
  Row<Element>& row;
  uint32_t threshold = kLowestFinite;
  bool weighed = false;  // the staged row holds weights instead of logits
  float scale = 0;

  // exp of the tempered logit, relative to the maximum; 0 where the cuts removed the token.
  __device__ __forceinline__ float weight(float logit) const {
    return ordered(logit) >= threshold ? exp_float((logit - row.maximum) * p.inverse_temperature)
                                       : 0.0f;
  }
  __device__ __forceinline__ float probability(float element) const {
    return (weighed ? element : weight(element)) * scale;
  }
  __device__ float probability_of(int32_t v) const {
    return probability(row.staged ? row.staged[v] : row.at(v));
  }

  __device__ void cut_top_k() {
    if (p.top_k <= 0 || p.top_k >= p.vocabulary) return;
    Wide finite = 0;
    row.scan(block, [&](int32_t, const auto& logits) {
#pragma unroll
      for (int i = 0; i < logits.kCount; ++i) finite += logits.v[i] > -infinity();
    });
    if (block.sum(finite) <= static_cast<Wide>(p.top_k)) return;
    threshold =
        select(block, row, threshold, static_cast<Wide>(p.top_k), [](float) { return Wide{1}; });
  }

  __device__ Wide total_mass() {
    Wide total = 0;
    row.scan(block, [&](int32_t, const auto& logits) {
#pragma unroll
      for (int i = 0; i < logits.kCount; ++i) total += mass(weight(logits.v[i]));
    });
    return block.sum(total);
  }

  // Keeps the most likely tokens until their mass reaches top_p of what top-k left.
  __device__ void cut_top_p() {
    if (!(p.top_p < 1.0f)) return;
    const Wide total = total_mass();
    Wide target = __double2ull_rn(static_cast<double>(p.top_p) * __ull2double_rn(total));
    target = target < 1 ? 1 : target > total ? total : target;
    threshold =
        select(block, row, threshold, target, [&](float logit) { return mass(weight(logit)); });
  }

  // Normalises; a staged row is turned into weights on the way, so that exp is taken once.
  __device__ void normalise() {
    Wide total = 0;
    if (row.staged) {
      for (int32_t v = block.thread; v < (p.vocabulary + 3) / 4 * 4; v += block.threads) {
        const float w = weight(row.staged[v]);
        row.staged[v] = w;
        total += mass(w);
      }
      weighed = true;
      row.beyond = 0.0f;
      total = block.sum(total);
    } else {
      total = total_mass();
    }
    scale = static_cast<float>(1.0 / (__ull2double_rn(total) * 0x1p-44));
  }

  __device__ void store(float* law) {
    row.scan(block, [&](int32_t v, const auto& elements) {
      if (p.laws_aligned && v < p.vocabulary) {
#pragma unroll
        for (int i = 0; i < elements.kCount; i += 4) {
          *reinterpret_cast<float4*>(law + v + i) =
              make_float4(probability(elements.v[i]), probability(elements.v[i + 1]),
                          probability(elements.v[i + 2]), probability(elements.v[i + 3]));
        }
      } else {
#pragma unroll
        for (int i = 0; i < elements.kCount; ++i) {
          if (v + i < p.vocabulary) law[v + i] = probability(elements.v[i]);
        }
      }
    });
  }

  __device__ int32_t draw_fresh(Wide bits) {
    return draw(block, row, bits,
                [&](int32_t, float element) { return fixed(probability(element)); });
  }

  // From norm(max(0, p - q)). In float the residual can vanish; p is then the right law.
  __device__ int32_t draw_residual(const float* q, Wide bits) {
    const int32_t token = draw(block, row, bits, [&](int32_t v, float element) {
      const Wide mine = fixed(probability(element));
      if (mine == 0) return Wide{0};  // past the end, too
      const Wide theirs = fixed(q[v]);
      return mine > theirs ? mine - theirs : 0;
    });
    return token == kNone ? draw_fresh(bits) : token;
  }
};

// Independent (0) and Maximal (1): accept or residual. p.laws is not null.
template <typename Element>
__device__ Verdict couple(RowLaw<Element>& law, uint32_t position, int32_t draft, const float* q) {
  const VerifyParams& p = law.p;
  const auto bits = [&](uint32_t purpose) {
    return decision_bits(p.seed, position, p.pass, purpose);
  };
  Verdict verdict = {kNone, kNone, 0, 0};
  if (draft != kNone) {
    const double uniform = static_cast<double>(bits(kAccept)) * 0x1p-53;
    verdict.kept =
        uniform * static_cast<double>(q[draft]) < static_cast<double>(law.probability_of(draft));
    verdict.token = verdict.kept ? draft : law.draw_residual(q, bits(kResample));
    // All have read q before it becomes p. A draw ends with such a barrier anyway.
    if (verdict.kept && p.coupling == 1) __syncthreads();
  }
  if (draft == kNone || p.coupling == 0) verdict.fresh = law.draw_fresh(bits(kDraft));
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
    law.cut_top_k();
    law.cut_top_p();
    if (p.coupling == 2) {
      verdict.token = gumbel_argmax(block, row, law.threshold, p, position);
      verdict.kept = draft == verdict.token;
    }
    if (q) {
      law.normalise();
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
