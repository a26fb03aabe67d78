// One row of guided logits: read from global memory once, with 16-byte loads, and kept in shared
// memory where it fits (4 bytes a token). A row that does not fit is guided again in every scan:
// each costs rows * V * sizeof(element) more bytes, from L2 if the window's logits fit there.
#pragma once

#include "kernels/cuda/block.cuh"
#include "kernels/cuda/random.cuh"

namespace sjd2::cuda {

struct Half {
  uint16_t bits;
};
struct BFloat {
  uint16_t bits;
};

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(BFloat x) {
  return __uint_as_float(static_cast<uint32_t>(x.bits) << 16);
}
// kernels/half.h explains the arithmetic.
__device__ __forceinline__ float to_float(Half x) {
  const uint32_t sign = (x.bits & 0x8000u) << 16, magnitude = (x.bits & 0x7fffu) << 13;
  const float finite = __uint_as_float(magnitude) * 5.192296858534828e33f;  // 2^112
  const uint32_t value =
      magnitude >= 0x0f800000u ? magnitude | 0x7f800000u : __float_as_uint(finite);
  return __uint_as_float(sign | value);
}

template <int N>
struct alignas(16) Lanes {
  float v[N];
  static constexpr int kCount = N;
};

// N values one by one, for rows that do not start at multiples of 16 bytes and for their ends. One
// copy of the code for all lanes: unrolled, these rare loads were most of the module.
template <int N, typename Load>
__device__ __forceinline__ Lanes<N> ragged(int32_t first, int32_t end, float beyond, Load load) {
  Lanes<N> lanes;
#pragma unroll
  for (int i = 0; i < N; ++i) lanes.v[i] = beyond;
#pragma unroll 1
  for (int i = 0; i < N && first + i < end; ++i) {
    const float value = load(first + i);
#pragma unroll
    for (int k = 0; k < N; ++k) lanes.v[k] = k == i ? value : lanes.v[k];
  }
  return lanes;
}

// 16 bytes of elements.
template <typename Element>
struct alignas(16) Packet {
  Element v[16 / sizeof(Element)];
};

template <typename Element>
struct Row {
  static constexpr int kLanes = 16 / sizeof(Element);

  const Element *conditional, *unconditional;  // null without guidance
  float* staged;                               // null where the row does not fit
  int32_t vocabulary;
  float guidance;
  bool aligned;
  float beyond = -infinity();  // what a staged row holds past its end: 0 once it holds weights
  // Set by the first scan.
  float maximum = 0;
  int32_t first_maximum = 0;
  bool not_a_number = false;

  // In float by definition, one rounding for c - u and one for the rest. A token that is masked in
  // either row is masked. Adding 0 turns -0 into 0, so that equal logits have equal bits.
  __device__ __forceinline__ float guided(float c, float u) {
    not_a_number |= !(c < infinity());
    if (unconditional) {
      not_a_number |= !(u < infinity());
      c = c == -infinity() || u == -infinity() ? -infinity() : __fmaf_rn(guidance, c - u, u);
      not_a_number |= !(c < infinity());
    }
    return c + 0.0f;
  }

  __device__ __forceinline__ float at(int32_t v) {
    return guided(to_float(conditional[v]), unconditional ? to_float(unconditional[v]) : 0.0f);
  }

  // kLanes tokens from v on, -infinity past the end.
  __device__ __forceinline__ Lanes<kLanes> load(int32_t v) {
    Lanes<kLanes> logits;
    if (aligned && v < vocabulary) {
      const Packet<Element> c = *reinterpret_cast<const Packet<Element>*>(conditional + v);
      Packet<Element> u = {};
      if (unconditional) u = *reinterpret_cast<const Packet<Element>*>(unconditional + v);
#pragma unroll
      for (int i = 0; i < kLanes; ++i) logits.v[i] = guided(to_float(c.v[i]), to_float(u.v[i]));
    } else {
      logits = ragged<kLanes>(v, vocabulary, -infinity(), [&](int32_t at_v) { return at(at_v); });
    }
    return logits;
  }

  // f(v, lanes) for the whole row in steps that ALL threads take together, so that f may use
  // warp-wide operations; tokens past the end are -infinity (`beyond` in a staged row).
  template <typename Function>
  __device__ __forceinline__ void scan(const Block& block, Function f) {
    if (staged) {
      const int32_t padded = (vocabulary + 3) / 4 * 4;
      for (int32_t base = 0; base < vocabulary; base += 4 * block.threads) {
        const int32_t v = base + 4 * block.thread;
        Lanes<4> lanes = {{beyond, beyond, beyond, beyond}};
        if (v < padded) lanes = *reinterpret_cast<const Lanes<4>*>(staged + v);
        f(v, lanes);
      }
    } else {
      for (int32_t base = 0; base < vocabulary; base += kLanes * block.threads) {
        const int32_t v = base + kLanes * block.thread;
        Lanes<kLanes> lanes = load(v);
        f(v, lanes);
      }
    }
  }

  // Puts other values in place of what a scan found at v.
  __device__ __forceinline__ void restage(int32_t v, const Lanes<4>& lanes) {
    if (v < vocabulary) *reinterpret_cast<Lanes<4>*>(staged + v) = lanes;
  }
  template <int N>
  __device__ __forceinline__ void restage(int32_t, const Lanes<N>&) {}

  // The one read of the logits: guides, stages, finds maximum and faults.
  __device__ void read(Block& block) {
    Wide best = 0;
    const int32_t padded = (vocabulary + 3) / 4 * 4;
    for (int32_t base = 0; base < vocabulary; base += kLanes * block.threads) {
      const int32_t v = base + kLanes * block.thread;
      const Lanes<kLanes> lanes = load(v);
#pragma unroll
      for (int i = 0; i < kLanes; ++i) {
        // Among equals the largest complement, which is the lowest token, wins.
        const Wide key =
            static_cast<Wide>(ordered(lanes.v[i])) << 32 | ~static_cast<uint32_t>(v + i);
        if (key > best) best = key;
      }
      if (staged) {
#pragma unroll
        for (int i = 0; i < kLanes; i += 4) {
          if (v + i < padded) {
            *reinterpret_cast<float4*>(staged + v + i) =
                make_float4(lanes.v[i], lanes.v[i + 1], lanes.v[i + 2], lanes.v[i + 3]);
          }
        }
      }
    }
    // A NaN has no place in the order: it is found by its flag, whatever the maximum says.
    best = block.maximum(not_a_number ? ~Wide{0} : best);
    not_a_number = best == ~Wide{0};
    maximum = unordered(static_cast<uint32_t>(best >> 32));
    first_maximum = static_cast<int32_t>(~static_cast<uint32_t>(best));
  }
};

}  // namespace sjd2::cuda
