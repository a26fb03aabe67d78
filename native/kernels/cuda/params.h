// What a CUDA kernel is launched with: one plain struct per kernel, the same bytes for nvcc, for
// the driver call on the host and for the emulation. All pointers are device pointers. The fields
// mean what they mean in kernels.h; launch.cc fills them in.
#pragma once

#include <cstdint>

namespace sjd2::cuda {

struct Ring {
  int32_t first, count, capacity;
};

struct EnterParams {
  Ring window;
  int32_t hidden;
  uint64_t seed;
  const float *embedding, *mean, *std;
  const float *alpha, *sigma;
  const int32_t *drafts, *level;
  float* z;
};

struct NoiseParams {
  Ring window;
  int32_t hidden, rows;
  int64_t row_stride;
  const float *embedding, *mean, *std;
  const float* tau;
  const int32_t *drafts, *level;
  const float* z;
  float* out;
};

struct RefineParams {
  Ring window;
  int32_t hidden;
  const float *embedding, *mean, *std;
  const float *alpha, *sigma;
  const int32_t* drafts;
  int32_t* level;
  float* z;
};

// What one row decides without knowing the others. Independent coupling verifies up to the stop and
// draws afresh right of it, and where the stop is only `finish` knows: the row prepares both
// tokens, which costs a second draw but no second read of the logits.
struct Verdict {
  int32_t token;  // by the coupling, as if every position to the left had accepted
  int32_t fresh;  // the fresh draw, Independent only
  int32_t kept;
  int32_t fault;  // VerifyFault
};

// What travels to the host after a pass: this, then the tokens of the window in order, of which the
// first min(count, accepted + 1) are committed.
struct Status {
  int32_t accepted, kept, bad_row, fault;
};

struct VerifyParams {
  Ring window;
  uint32_t pass;
  uint64_t seed;
  int32_t coupling, rows, vocabulary, top_k;
  float guidance, temperature, inverse_temperature, top_p;
  int32_t staged;   // the guided row fits into shared memory and is read from global memory once
  int32_t aligned;  // every row starts at a multiple of 16 bytes: 16-byte loads
  int32_t laws_aligned;
  const void* logits;
  const int32_t* drafts;
  float* laws;        // may be null where the coupling does not read it
  Verdict* verdicts;  // [count]
};

struct FinishParams {
  Ring window;
  int32_t relaxed, coupling;
  const Verdict* verdicts;
  int32_t* drafts;
  const int32_t* level;
  uint8_t* kept;
  Status* status;
  int32_t* tokens;  // [count] the window's tokens in order
  int32_t* settle;  // the level ring, to set the last committed position's to 0: it is fed clean
                    // from now on; null leaves it
};

// Threads of a verify block: a power of two, so that every thread owns whole histogram bins.
constexpr int kVerifyThreads = 512;
constexpr int kElementThreads = 256;  // enter, noise and refine
constexpr int kFinishThreads = 32;
// Shared memory of a verify block without its staged row: sizeof(VerifyShared) in block.cuh.
constexpr int kVerifySharedBytes = 17296;

}  // namespace sjd2::cuda
