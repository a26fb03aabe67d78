// The one trip through the logits: guidance, the maximum, and the faults, in a single pass.

constexpr float kInfinity = std::numeric_limits<float>::infinity();

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

// The guided logit of law.cc: masked where either row is. Collects what is NaN or +inf.
inline F guide(F c, F u, F guidance, M& bad) {
  const F masked = set(-kInfinity), infinity = set(kInfinity);
  const F raw = fma(guidance, c - u, u);
  const F guided = select(equal(c, masked) | equal(u, masked), masked, raw);
  bad = bad | not_less(c, infinity) | not_less(u, infinity) | not_less(guided, infinity);
  return guided;
}

// Writes the guided logits to `out`, padded with -inf to a multiple of 64. `out` may be null with
// one row: then nothing is written.
template <ElementType type, bool guided, bool write>
inline Scan scan_row(const void* conditional, const void* unconditional, float guidance,
                     int32_t vocabulary, float* out) {
  const F scale = set(guidance), infinity = set(kInfinity);
  F maximum = set(-kInfinity);
  M bad = none();
  const int32_t whole = vocabulary / 16 * 16;
  for (int32_t v = 0; v < whole; v += 16) {
    F logit = load_logits<type>(conditional, v);
    if constexpr (guided) {
      logit = guide(logit, load_logits<type>(unconditional, v), scale, bad);
    } else {
      bad = bad | not_less(logit, infinity);
    }
    maximum = max(logit, maximum);
    if constexpr (write) store(out + v, logit);
  }
  if (whole < vocabulary) {
    const int32_t rest = vocabulary - whole;
    F logit = load_last_logits<type>(conditional, whole, rest);
    if constexpr (guided) {
      logit = guide(logit, load_last_logits<type>(unconditional, whole, rest), scale, bad);
    } else {
      bad = bad | not_less(logit, infinity);
    }
    maximum = max(logit, maximum);
    if constexpr (write) store(out + whole, logit);
  }
  if constexpr (write) {
    for (int32_t v = (vocabulary + 15) / 16 * 16; v % 64 != 0; v += 16) {
      store(out + v, set(-kInfinity));
    }
  }
  Scan scan;
  scan.maximum = largest(maximum);
  if (bits(bad)) {
    scan.fault = VerifyFault::NotANumber;
  } else if (scan.maximum == -kInfinity) {
    scan.fault = VerifyFault::NoFinite;
  }
  return scan;
}

template <ElementType type>
inline Scan scan_as(const VerifyArgs& args, int32_t offset, float* out, const float*& logits) {
  const size_t size = type == ElementType::F32 ? 4 : 2;
  const char* base = static_cast<const char*>(args.logits);
  const char* c = base + size * static_cast<size_t>(args.vocabulary) * offset;
  logits = out;
  if (args.rows == 2) {
    const char* u = c + size * static_cast<size_t>(args.vocabulary) * args.window.count;
    return scan_row<type, true, true>(c, u, args.sampler.guidance, args.vocabulary, out);
  }
  if (type == ElementType::F32 && args.vocabulary % 64 == 0) {  // they can stay where they are
    logits = reinterpret_cast<const float*>(c);
    return scan_row<type, false, false>(c, nullptr, 1, args.vocabulary, nullptr);
  }
  return scan_row<type, false, true>(c, nullptr, 1, args.vocabulary, out);
}

// Sets `logits` to the guided logits of a window position, padded with -inf to a multiple of 64.
inline Scan scan(const VerifyArgs& args, int32_t offset, float* out, const float*& logits) {
  switch (args.type) {
    case ElementType::F16:
      return scan_as<ElementType::F16>(args, offset, out, logits);
    case ElementType::BF16:
      return scan_as<ElementType::BF16>(args, offset, out, logits);
    default:
      return scan_as<ElementType::F32>(args, offset, out, logits);
  }
}
