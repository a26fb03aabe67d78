// What the decode state needs from a transformer: rows of input embeddings in, rows of logits out,
// and a KV cache that a shorter `cached` rolls back.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace sjd2 {

struct TransformerShape {
  int32_t rows = 1;        // 1, or 2 with guidance: row 0 conditional, row 1 unconditional
  int32_t hidden = 0;      // width d of an input embedding
  int32_t vocabulary = 0;  // image tokens
  int32_t max_length = 0;  // positions that the KV cache holds, prompt included
  ElementType logits = ElementType::F32;
};

class Transformer {
 public:
  virtual ~Transformer() = default;
  virtual const TransformerShape& shape() const = 0;

  // Both lie on the transformer's device, where the host may be unable to look.
  // [rows, count, hidden] of the next run: row r, position j at inputs() + (r * count + j) *
  // hidden.
  virtual float* inputs() = 0;
  // [rows, count - first_logit, vocabulary] of the last run; the output at an input position is the
  // law of the NEXT token.
  virtual const void* logits() const = 0;

  // One pass: `count` input rows behind the first `cached` positions of the KV cache. Whatever the
  // cache held beyond `cached` (rejected drafts) is overwritten. Throws ERR_ABORTED where whoever
  // waits for it has lost interest.
  virtual void run(int32_t cached, int32_t count, int32_t first_logit) = 0;
};

}  // namespace sjd2
