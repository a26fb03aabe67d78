// What the decode state needs from a transformer: rows of input embeddings in, rows of logits out,
// and a KV cache that a shorter `cached` rolls back.
#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

#include "kernels/kernels.h"

namespace sjd2 {

struct TransformerShape {
  int32_t rows = 1;        // 1, or 2 with guidance: row 0 conditional, row 1 unconditional
  int32_t hidden = 0;      // width d of an input embedding
  int32_t vocabulary = 0;  // image tokens
  int32_t max_length = 0;  // positions that the KV cache holds, prompt included
  ElementType logits = ElementType::F32;
};

// The input rows of one pass, and what is wanted of them.
struct InputRows {
  // [rows] positions of the KV cache that each row keeps: prompts may differ in length. Whatever
  // the cache held beyond them (rejected drafts) is overwritten.
  std::vector<int32_t> cached;
  int32_t count = 0;          // input rows behind these
  std::vector<int32_t> laws;  // of these, the ones that get logits, ascending; at least one
  // [rows] how much further on than a position of the cache its row of the rotary table lies; empty
  // for nowhere.
  std::vector<int32_t> offsets = {};

  // Rows that all have the same past, with logits from one of them on.
  static InputRows consecutive(int32_t rows, int32_t cached, int32_t count, int32_t first_law) {
    InputRows all{std::vector<int32_t>(rows, cached), count, {}, {}};
    all.laws.resize(count - first_law);
    std::iota(all.laws.begin(), all.laws.end(), first_law);
    return all;
  }
};

class Transformer {
 public:
  virtual ~Transformer() = default;
  virtual const TransformerShape& shape() const = 0;

  // Both lie on the transformer's device, where the host may be unable to look.
  // [rows, count, hidden] of the next run: row r, position j at inputs() + (r * count + j) *
  // hidden.
  virtual float* inputs() = 0;
  // [rows, laws, vocabulary] of the last run; the output at an input row is the law of the NEXT
  // token.
  virtual const void* logits() const = 0;

  // One pass. Throws ERR_ABORTED where whoever waits for it has lost interest.
  virtual void run(const InputRows& rows) = 0;
};

}  // namespace sjd2
