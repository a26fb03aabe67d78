// The hot path of Speculative Jacobi-Denoising Decoding: four kernels over plain memory.
//
//   enter   makes the noise of positions that come into the window
//   noise   writes the transformer's input rows of positions
//   verify  turns logits into laws, keeps or redraws every draft, finds the kept prefix
//   refine  moves every noisy position one level down by a DDIM step
//
// Each works on all positions of the window it is given. In a pass these windows differ, and only
// their ranges say how (n committed tokens, a window of W, E positions that entered before):
//
//   enter   E to n + W - 1
//   noise   n - 1 to n + W - 2: an output is the law of the NEXT token, so inputs are one ahead
//   verify  n to n + W - 1
//   refine  what verify left uncommitted
//
// No hidden state: all buffers belong to the caller. `reference` defines the result (scalar, double
// precision, allocates freely); `cpu` is the fast implementation held to it, which never allocates.
// Nothing is validated here: a caller checks ranges once, where the user's values come in.
#pragma once

#include <cstddef>
#include <cstdint>

#include "philox.h"

namespace sjd2 {

enum class ElementType : int32_t { F32 = 0, F16 = 1, BF16 = 2 };

// How a draft of one pass is tied to the draft of the next. All three leave its law exactly `p`.
enum class Coupling : int32_t {
  Independent = 0,  // SJD (arXiv 2410.01699): keep or residual up to the stop, fresh draws after
  Maximal = 1,      // MC-SJD (arXiv 2510.24211): keep or residual at every position
  Gumbel = 2,  // argmax(log p + g) with noise g fixed per position: the AR image, token by token
};

// From logits to the law, always in this order: guidance, temperature, top-k, top-p.
struct Sampler {
  float guidance = 1.0f;     // u + s * (c - u); used with two rows of logits only
  float temperature = 1.0f;  // > 0, or 0 for greedy: the law is one-hot at the first maximum
  int32_t top_k = 0;         // keep logits >= the k-th largest (ties stay); 0 keeps all
  float top_p = 1.0f;  // keep the most likely tokens until their mass reaches top_p (ties stay)
};

// `count` consecutive image positions from `first` on. Per-position buffers are rings of `capacity`
// slots, so that the window slides by changing `first` and nothing is moved.
struct Window {
  int32_t first = 0;  // absolute image position, >= 0
  int32_t count = 0;
  int32_t capacity = 0;

  constexpr int32_t slot(int32_t offset) const { return (first + offset) % capacity; }
};

constexpr int32_t kNoDraft = -1;

// The model's image-token embeddings and their frozen statistics; e(v) = (E[v] - mean) / std.
struct EmbeddingTable {
  const float* embedding = nullptr;  // E [vocabulary, hidden]
  const float* mean = nullptr;       // [hidden]
  const float* std = nullptr;        // [hidden], > 0
  int32_t vocabulary = 0;
  int32_t hidden = 0;
};

// The noise levels of a K-step schedule: z_k = alpha_k e0 + sigma_k eps. Index 0 is clean (1, 0).
struct Schedule {
  const float* alpha = nullptr;  // [steps + 1]
  const float* sigma = nullptr;  // [steps + 1]
  const float* tau = nullptr;    // [steps + 1, hidden] timestep embedding, row 0 unused
  int32_t steps = 0;             // K
};

// Makes z of every position of the window that is at a level above 0: alpha_k e(draft) + sigma_k
// eps with a draft, pure N(0, I) without one; eps comes from (seed, position, InitNoise).
// Traffic per position: write hidden, and read hidden (E) where there is a draft.
struct EnterArgs {
  Window window;  // the positions that enter, each once in its life
  uint64_t seed = 0;
  EmbeddingTable table;
  Schedule schedule;
  const int32_t* drafts = nullptr;  // [capacity], kNoDraft for none
  const int32_t* level = nullptr;   // [capacity], 0 = clean: its z is not written
  float* z = nullptr;               // [capacity, hidden] normalised noisy embeddings
};

// Writes one input row per position, to each of `rows` copies (guidance feeds two):
//   level 0   E[draft], exactly
//   level k   mean + std * z + tau(k)
// Traffic per position: read hidden (z or E; tau, mean, std stay in cache), write rows * hidden.
struct NoiseArgs {
  Window window;  // the positions whose inputs the transformer reads
  EmbeddingTable table;
  Schedule schedule;
  const int32_t* drafts = nullptr;  // [capacity], kNoDraft for none (at levels above 0 only)
  const int32_t* level = nullptr;   // [capacity], 0 = clean
  const float* z = nullptr;         // [capacity, hidden]
  float* out = nullptr;             // row r, position j at out + r * row_stride + j * hidden
  int32_t rows = 1;
  int64_t row_stride = 0;  // in floats
};

// Keeps or redraws every position of the window. Per position, with p from the logits:
//   no draft           token ~ p
//   has a draft x ~ q  Independent, Maximal: kept with probability min(1, p(x) / q(x)), else a draw
//                      from norm(max(0, p - q)); Gumbel: argmax(log p + g), kept when it equals x
// The accepted prefix is the run of positions at a level <= relaxed whose draft was kept; the
// window's last position is never part of it, as its input was not in the pass. The position after
// it is committed too, with its new token. Right of that position Independent draws afresh from p.
// Afterwards drafts holds the new tokens, laws the new p. At temperature 0 every coupling takes the
// first maximum and keeps a draft that equals it. The guided logit is fma(s, c - u, u) in float, by
// definition, so that top-k cuts at the same token everywhere; a token masked (-inf) in either row
// is masked. On a fault the contents of drafts, laws and kept are unspecified.
struct VerifyArgs {
  Window window;
  int32_t relaxed = 0;  // 0 is STRICT and lossless; higher is RELAXED
  uint64_t seed = 0;
  uint32_t pass = 0;
  Coupling coupling = Coupling::Gumbel;
  Sampler sampler;
  const void* logits =
      nullptr;  // [rows, count, vocabulary]; row 0 conditional, row 1 unconditional
  ElementType type = ElementType::F32;
  int32_t rows = 1;
  int32_t vocabulary = 0;
  int32_t* drafts = nullptr;       // [capacity] in: x or kNoDraft, out: the new tokens
  const int32_t* level = nullptr;  // [capacity] level of the input in this pass
  float* laws = nullptr;           // [capacity, vocabulary] in: q, out: p. May be null with Gumbel
                                   // and at temperature 0, which do not read it
  float* scratch = nullptr;        // [verify_scratch_floats(vocabulary, count)]
  uint8_t* kept = nullptr;         // [count] out: 1 where the draft was kept
};

enum class VerifyFault : int32_t {
  None = 0,
  NotANumber = 1,  // NaN or +inf among the logits of the row, or guidance overflows to it
  NoFinite = 2,    // every token is masked (-inf)
};

struct VerifyResult {
  int32_t accepted = 0;  // length of the accepted prefix; min(count, accepted + 1) positions commit
  int32_t kept = 0;      // drafts kept anywhere in the window
  int32_t bad_row = -1;  // window offset of the first faulty row; nothing is committed then
  VerifyFault fault = VerifyFault::None;
};

// Moves every position of the window with level k > 0 to level k - 1 (eq. DDIM with the prediction
// taken from the LEFT neighbour's output, which is where drafts[slot] was drawn from):
//   z_{k-1} = (sigma_{k-1} / sigma_k) z_k + (alpha_{k-1} - alpha_k sigma_{k-1} / sigma_k) e(draft)
// At level 0 that is e(draft); noise does not read it and feeds E[draft] itself.
// Traffic per row: read 2 * hidden (z, E), write hidden.
struct RefineArgs {
  Window window;  // the uncommitted positions
  EmbeddingTable table;
  Schedule schedule;
  const int32_t* drafts = nullptr;  // [capacity], a token wherever the level is above 0
  int32_t* level = nullptr;         // [capacity] in/out
  float* z = nullptr;               // [capacity, hidden] in/out
};

// One implementation of the four kernels. A value, so that a test can swap in a broken one.
struct Kernels {
  void (*enter)(const EnterArgs&) = nullptr;
  void (*noise)(const NoiseArgs&) = nullptr;
  VerifyResult (*verify)(const VerifyArgs&) = nullptr;
  void (*refine)(const RefineArgs&) = nullptr;
};

size_t verify_scratch_floats(int32_t vocabulary, int32_t count);

namespace reference {
extern const Kernels kernels;
}
namespace cpu {
extern const Kernels kernels;
}

}  // namespace sjd2
