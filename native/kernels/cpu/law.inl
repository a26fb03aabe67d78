// The law over the survivors, and draws from it.

// Weights w with their sums over blocks of 128: a draw walks the blocks, then one block. The sums
// are in double and always in the same order.
constexpr int32_t kBlock = 128;

struct Weights {
  const float* w = nullptr;
  int32_t count = 0;
  double total = 0;
  const double* blocks = nullptr;
};

inline Weights sum_weights(const float* w, int32_t count, double* blocks) {
  const int32_t padded = (count + 15) / 16 * 16;
  double sum = 0;
  for (int32_t start = 0, b = 0; start < padded; start += kBlock, ++b) {
    blocks[b] = mass_of(w + start, std::min(kBlock, padded - start));
    sum += blocks[b];
  }
  return {w, count, sum, blocks};
}

// The entry at which the cumulative weight passes uniform * total. Should rounding carry the target
// past the end, the last entry of positive weight.
inline int32_t draw(const Weights& weights, double uniform) {
  const double target = uniform * weights.total;
  const int32_t blocks = (weights.count + kBlock - 1) / kBlock;
  double cumulative = 0;
  int32_t chosen = 0;
  for (int32_t b = 0; b < blocks; ++b) {
    if (weights.blocks[b] <= 0) continue;
    chosen = b;
    if (cumulative + weights.blocks[b] > target) break;
    if (b + 1 < blocks) cumulative += weights.blocks[b];
  }
  const int32_t end = std::min(weights.count, (chosen + 1) * kBlock);
  int32_t entry = chosen * kBlock;
  for (int32_t i = entry; i < end; ++i) {
    if (weights.w[i] <= 0) continue;
    entry = i;
    cumulative += weights.w[i];
    if (cumulative > target) break;
  }
  return entry;
}

// The law p of one row in both of its forms: as weights of the survivors and as their
// probabilities.
struct Law {
  Survivors survivors;
  Weights weights;
  float scale = 0;  // p = weight * scale

  float operator()(int32_t token) const {
    int32_t i = token;
    if (survivors.tokens) {
      const int32_t* end = survivors.tokens + survivors.count;
      const int32_t* found = std::lower_bound(survivors.tokens, end, token);
      if (found == end || *found != token) return 0;
      i = static_cast<int32_t>(found - survivors.tokens);
    }
    return weights.w[i] * scale;
  }
};

// max(0, p - q) over the survivors; elsewhere p is 0.
inline Weights residual(const Law& law, const float* q, const Scratch& scratch) {
  const F scale = set(law.scale), zero = set(0.0f);
  const int32_t count = law.survivors.count;
  float* r = scratch.first;
  for (int32_t i = 0; i < law.survivors.padded(); i += 16) {
    const F p = load(law.weights.w + i) * scale;
    F old;
    if (law.survivors.tokens) {
      old = gather(q, load(law.survivors.tokens + i));
    } else {
      old = load_part(q + i, count - i);
    }
    store(r + i, max(p - old, zero));
  }
  return sum_weights(r, count, scratch.blocks + (count + kBlock - 1) / kBlock);
}

inline void write_law(const Law& law, int32_t vocabulary, float* row) {
  const F scale = set(law.scale);
  if (!law.survivors.tokens) {
    for (int32_t i = 0; i < vocabulary; i += 16) {
      store_part(row + i, vocabulary - i, load(law.weights.w + i) * scale);
    }
    return;
  }
  std::memset(row, 0, sizeof(float) * static_cast<size_t>(vocabulary));
  for (int32_t i = 0; i < law.survivors.count; ++i) {
    row[law.survivors.tokens[i]] = law.weights.w[i] * law.scale;
  }
}
