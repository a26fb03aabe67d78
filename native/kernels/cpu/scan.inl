// The one trip through the logits: guidance, the maximum, and the faults, in a single pass.

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Where the logits of one window position lie.
struct LogitRow {
  const char* conditional = nullptr;
  const char* unconditional = nullptr;  // null without guidance
  size_t element = 0;                   // bytes
  int32_t vocabulary = 0;
};

inline LogitRow row_at(const VerifyArgs& args, int32_t offset) {
  const size_t element = args.type == ElementType::F32 ? 4 : 2;
  const size_t row = element * static_cast<size_t>(args.vocabulary);
  const char* base = static_cast<const char*>(args.logits) + row * offset;
  return {base, args.rows == 2 ? base + row * args.window.count : nullptr, element,
          args.vocabulary};
}

inline void touch(const LogitRow& row, int32_t token) {
  prefetch(row.conditional + row.element * token);
  if (row.unconditional) prefetch(row.unconditional + row.element * token);
}

// Rows of this length are worth a sample: sixteen tokens in every stride, a thousand together.
constexpr int32_t kSample = 1024;
inline bool is_long(int32_t vocabulary) { return vocabulary >= 2 * kSample; }
inline int32_t sample_stride(int32_t vocabulary) { return vocabulary / kSample * 16; }

// Memory has to be busy while the arithmetic is. A scan asks for its own row this far ahead, and
// what computes on one row asks for the beginning of the next, sample first, in even steps. (More
// than two thirds of a row makes the arithmetic wait, less leaves the scan to wait; the optimum is
// flat.)
inline int32_t lead(int32_t vocabulary) { return vocabulary / 16 * 10; }

class Prefetcher {
 public:
  // For a loop of `steps` steps. A row of no tokens is asked for nothing.
  Prefetcher(const LogitRow& row, int32_t steps)
      : row_(row),
        samples_(is_long(row.vocabulary) ? kSample / 16 : 0),
        vectors_(samples_ + lead(row.vocabulary) / 16),
        per_step_(vectors_ / std::max(1, steps) + 1) {}

  void step() {
    for (int32_t i = 0; i < per_step_ && next_ < vectors_; ++i, ++next_) {
      touch(row_,
            next_ < samples_ ? next_ * sample_stride(row_.vocabulary) : 16 * (next_ - samples_));
    }
  }

 private:
  const LogitRow& row_;
  int32_t samples_, vectors_, per_step_, next_ = 0;
};

struct Scan {
  float maximum = -kInfinity;
  VerifyFault fault = VerifyFault::None;
};

template <ElementType type>
inline F load_logits(const void* row, int64_t at) {
  if constexpr (type == ElementType::F16) return load_f16(static_cast<const uint16_t*>(row) + at);
  if constexpr (type == ElementType::BF16) return load_bf16(static_cast<const uint16_t*>(row) + at);
  return load(static_cast<const float*>(row) + at);
}

// The last `count` < 16 logits, the rest masked.
template <ElementType type>
inline F load_last_logits(const void* row, int64_t at, int32_t count) {
  using Element = std::conditional_t<type == ElementType::F32, float, uint16_t>;
  Element values[16];
  Element masked;
  if constexpr (type == ElementType::F32) {
    masked = -kInfinity;
  } else {
    masked = type == ElementType::F16 ? 0xFC00 : 0xFF80;
  }
  const Element* from = static_cast<const Element*>(row) + at;
  std::fill(std::copy(from, from + count, values), values + 16, masked);
  return load_logits<type>(values, 0);
}

// The guided logit of law.cc: masked where either row is. Collects what is NaN or +inf. The mean of
// the two logits shows the faults and masks of both: no finite ones overflow it.
inline F guide(F c, F u, F guidance, M& bad) {
  const F masked = set(-kInfinity), infinity = set(kInfinity), half = set(0.5f);
  const F mean = fma(c, half, u * half);
  const F guided = select(equal(mean, masked), masked, fma(guidance, c - u, u));
  bad = bad | not_less(mean, infinity) | not_less(guided, infinity);
  return guided;
}

// Sixteen guided logits, of which the first `count` exist.
template <ElementType type, bool guided>
inline F load_guided(const LogitRow& row, int32_t at, int32_t count, F guidance, M& bad) {
  const bool whole = count >= 16;
  const F c = whole ? load_logits<type>(row.conditional, at)
                    : load_last_logits<type>(row.conditional, at, count);
  if constexpr (guided) {
    const F u = whole ? load_logits<type>(row.unconditional, at)
                      : load_last_logits<type>(row.unconditional, at, count);
    return guide(c, u, guidance, bad);
  }
  bad = bad | not_less(c, set(kInfinity));
  return c;
}

// What a scan does with the guided logits besides looking at them.
struct LeaveThem {
  void take(int32_t, F) {}
  void finish(int32_t) {}
};
struct WriteThem {  // padded with -inf to a multiple of 64
  float* out;
  void take(int32_t token, F logit) { store(out + token, logit); }
  void finish(int32_t padded) {
    for (; padded % 64 != 0; padded += 16) store(out + padded, set(-kInfinity));
  }
};
struct SampleThem {  // side by side
  float* out;
  void take(int32_t, F logit) {
    store(out, logit);
    out += 16;
  }
  void finish(int32_t) {}
};
struct CollectThem {  // those that reach a threshold, with their tokens
  float threshold;
  float* logits;
  int32_t* tokens;
  int32_t count = 0;
  I token = load(kLanes);
  void take(int32_t, F logit) {
    const M reaches = logit >= set(threshold);
    compress(logits + count, reaches, logit);
    compress(tokens + count, reaches, token);
    token = token + set(int32_t{16});
    count += std::popcount(bits(reaches));
  }
  void finish(int32_t) {
    store(logits + count, set(-kInfinity));
    store(tokens + count, set(int32_t{0}));
  }
};

// Looks at sixteen tokens in every `stride`.
template <ElementType type, bool guided, typename Sink>
inline Scan scan_as(const LogitRow& row, float guidance, int32_t stride, Sink& sink) {
  const F scale = set(guidance);
  F maximum = set(-kInfinity);
  M bad = none();
  const int32_t whole = row.vocabulary / 16 * 16, ahead = lead(row.vocabulary);
  for (int32_t v = 0; v < whole; v += stride) {
    if (v + ahead < row.vocabulary) touch(row, v + ahead);
    const F logit = load_guided<type, guided>(row, v, 16, scale, bad);
    maximum = max(logit, maximum);
    sink.take(v, logit);
  }
  if (whole < row.vocabulary && stride == 16) {
    const F logit = load_guided<type, guided>(row, whole, row.vocabulary - whole, scale, bad);
    maximum = max(logit, maximum);
    sink.take(whole, logit);
  }
  sink.finish((row.vocabulary + 15) / 16 * 16);
  Scan scan;
  scan.maximum = largest(maximum);
  if (bits(bad)) {
    scan.fault = VerifyFault::NotANumber;
  } else if (scan.maximum == -kInfinity) {
    scan.fault = VerifyFault::NoFinite;
  }
  return scan;
}

template <typename Sink>
inline Scan scan(const VerifyArgs& args, const LogitRow& row, Sink& sink, int32_t stride = 16) {
  const float guidance = args.sampler.guidance;
  const bool guided = row.unconditional != nullptr;
  if (args.type == ElementType::F16) {
    return guided ? scan_as<ElementType::F16, true>(row, guidance, stride, sink)
                  : scan_as<ElementType::F16, false>(row, guidance, stride, sink);
  }
  if (args.type == ElementType::BF16) {
    return guided ? scan_as<ElementType::BF16, true>(row, guidance, stride, sink)
                  : scan_as<ElementType::BF16, false>(row, guidance, stride, sink);
  }
  return guided ? scan_as<ElementType::F32, true>(row, guidance, stride, sink)
                : scan_as<ElementType::F32, false>(row, guidance, stride, sink);
}
