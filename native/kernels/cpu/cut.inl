// Top-k and top-p by threshold search: no sort, and nothing is moved but the survivors.

// Tokens that are still in the race, in token order. Arrays are padded to a multiple of 16 with
// logits of -inf and weights of 0.
struct Survivors {
  const float* logits = nullptr;
  const int32_t* tokens = nullptr;  // null: entry i is token i
  int32_t count = 0;

  int32_t padded() const { return (count + 15) / 16 * 16; }
  int32_t token(int32_t i) const { return tokens ? tokens[i] : i; }
};

constexpr float kLowest = std::numeric_limits<float>::lowest();

// Floats as integers in the same order (with -0 just below +0): a bisection over them ends after 32
// steps whatever the values, where one over values may not.
inline int32_t order_key(float x) {
  const int32_t bits = std::bit_cast<int32_t>(x);
  return bits ^ static_cast<int32_t>(static_cast<uint32_t>(bits >> 31) >> 1);
}
inline float from_order_key(int32_t key) {
  return std::bit_cast<float>(key ^ static_cast<int32_t>(static_cast<uint32_t>(key >> 31) >> 1));
}
inline float next_below(float x) { return from_order_key(order_key(x) - 1); }
inline float next_above(float x) { return from_order_key(order_key(x) + 1); }

// A point in (low, high]. Halving the VALUE range separates logits fastest; the keys take over when
// that stalls or when the range is astronomic.
inline float midpoint(float low, float high, int32_t step) {
  if (step < 20 && high - low < 1e6f) {
    const float middle = low + 0.5f * (high - low);
    if (middle > low && middle <= high) return middle;
  }
  const int64_t a = order_key(low), b = order_key(high);
  return from_order_key(static_cast<int32_t>(a + (b - a + 1) / 2));
}

inline int32_t count_at_least(const float* values, int32_t padded, float threshold) {
  const F t = set(threshold);
  I a = set(int32_t{0}), b = a;
  int32_t i = 0;
  for (; i + 32 <= padded; i += 32) {
    a = count_if(a, load(values + i) >= t);
    b = count_if(b, load(values + i + 16) >= t);
  }
  if (i < padded) a = count_if(a, load(values + i) >= t);
  return total(a + b);
}

// A threshold that exactly k values reach, or the k-th largest value if ties make that impossible;
// known to lie in [low, high].
inline float kth_threshold(const float* values, int32_t padded, int32_t k, float low, float high) {
  for (int32_t step = 0; order_key(low) < order_key(high); ++step) {
    const float middle = midpoint(low, high, step);
    const int32_t count = count_at_least(values, padded, middle);
    if (count == k) return middle;
    if (count > k) {
      low = middle;
    } else {
      high = next_below(middle);
    }
  }
  return low;
}

// Collects what reaches the threshold; outputs may be the inputs, since nothing moves to the right.
inline int32_t collect(Survivors from, const float* weights, float threshold, float* logits,
                       int32_t* tokens, float* kept_weights) {
  const F t = set(threshold);
  int32_t count = 0;
  I token = load(kLanes);
  for (int32_t i = 0; i < from.padded(); i += 16) {
    const F logit = load(from.logits + i);
    const M reaches = logit >= t;
    const uint32_t mask = bits(reaches);
    if (tokens) compress(tokens + count, reaches, from.tokens ? load(from.tokens + i) : token);
    if (weights) compress(kept_weights + count, reaches, load(weights + i));
    compress(logits + count, reaches, logit);
    count += std::popcount(mask);
    token = token + set(int32_t{16});
  }
  store(logits + count, set(-kInfinity));
  if (tokens) store(tokens + count, set(int32_t{0}));
  if (kept_weights) store(kept_weights + count, set(0.0f));
  return count;
}

// Rows of scratch memory, each with room for the padded vocabulary and sixteen entries more.
struct Scratch {
  float* guided;
  float* logits;  // of the survivors
  int32_t* tokens;
  float* weights;
  float* first;  // two rows for whoever needs them next
  float* second;
  double* blocks;
  LogitRow next = {};  // what Prefetcher asks for; no tokens for nothing
};

// What the k-th largest of a long row is hardly below, from a sample of the row: four standard
// deviations of the sample's quantile. A wrong guess costs time, never the result.
inline float guess_floor(const VerifyArgs& args, const LogitRow& row, float* sample) {
  const int32_t stride = sample_stride(row.vocabulary);
  LogitRow part = row;
  part.vocabulary = stride * (kSample / 16);
  SampleThem sink{sample};
  const float maximum = scan(args, part, sink, stride).maximum;
  const double share = static_cast<double>(args.sampler.top_k) / row.vocabulary;
  const double margin = 4 * std::sqrt(kSample * share * (1 - share)) + 2;
  const int32_t rank = static_cast<int32_t>(kSample * share + margin) + 1;
  if (rank >= count_at_least(sample, kSample, kLowest)) return kLowest;
  return kth_threshold(sample, kSample, rank, kLowest, maximum);
}

// Keeps what reaches the threshold, and its weights if it has any. Where much of the row survives
// it stays a row, with the rest masked: noise costs four times less for neighbours than for a list.
inline Survivors keep_at_least(float threshold, Survivors from, float* weights,
                               const Scratch& scratch) {
  if (from.tokens || count_at_least(from.logits, from.padded(), threshold) <= from.count / 3) {
    const int32_t count =
        collect(from, weights, threshold, scratch.logits, scratch.tokens, weights);
    return {scratch.logits, scratch.tokens, count};
  }
  const F t = set(threshold), masked = set(-kInfinity);
  for (int32_t i = 0; i < (from.count + 63) / 64 * 64; i += 16) {
    const F logit = load(from.logits + i);
    const M reaches = logit >= t;
    store(scratch.guided + i, select(reaches, logit, masked));
    if (weights) store(weights + i, select(reaches, load(weights + i), set(0.0f)));
  }
  return {scratch.guided, nullptr, from.count};
}

// Keeps what is at least the k-th largest, if more than k entries reach `floor`.
inline Survivors cut_top_k(Survivors from, int32_t k, float floor, float maximum,
                           const Scratch& scratch) {
  if (count_at_least(from.logits, from.padded(), floor) > k) {
    floor = kth_threshold(from.logits, from.padded(), k, floor, maximum);
  }
  return keep_at_least(floor, from, nullptr, scratch);
}

inline void exponentiate(Survivors from, float maximum, float temperature, float* weights,
                         const LogitRow& next) {
  const F top = set(maximum);
  const F scale = set(std::min(1 / temperature, std::numeric_limits<float>::max()));
  Prefetcher ahead(next, from.padded() / 16);
  for (int32_t i = 0; i < from.padded(); i += 16) {
    ahead.step();
    store(weights + i, exp_negative((load(from.logits + i) - top) * scale));
  }
}

inline double mass_of(const float* weights, int32_t padded) {
  D sum = zero_sum();
  for (int32_t i = 0; i < padded; i += 16) sum = add(sum, load(weights + i));
  return total(sum);
}

// Keeps the likeliest tokens until they hold top_p of the mass: the largest threshold whose
// survivors weigh top_p * total. Bisection again; each step throws away the side that is decided,
// so that the steps together look at a few times the row.
inline Survivors cut_top_p(Survivors from, float top_p, float maximum, const Scratch& scratch) {
  const double target = top_p * mass_of(scratch.weights, from.padded());
  float low = kLowest, high = maximum;  // mass(>= low) >= target > mass(>= next_above(high))
  double above = 0;                     // mass of what is above every open logit
  Survivors open = from;
  const float* weights = scratch.weights;
  for (int32_t step = 0; order_key(low) < order_key(high) && open.count > 0; ++step) {
    const float middle = midpoint(low, high, step);
    const F t = set(middle), bottom = set(low);
    D sum = zero_sum();
    for (int32_t i = 0; i < open.padded(); i += 16) {
      sum = add(sum, select(load(open.logits + i) >= t, load(weights + i), set(0.0f)));
    }
    const double mass = above + total(sum);
    const bool enough = mass >= target;
    if (enough) {
      low = middle;
    } else {
      high = next_below(middle);
      above = mass;
    }
    int32_t count = 0;
    for (int32_t i = 0; i < open.padded(); i += 16) {
      const F logit = load(open.logits + i), weight = load(weights + i);
      const M stays = enough ? logit >= t : (logit < t) & (logit >= bottom);
      compress(scratch.first + count, stays, logit);
      compress(scratch.second + count, stays, weight);
      count += std::popcount(bits(stays));
    }
    store(scratch.first + count, set(-kInfinity));
    store(scratch.second + count, set(0.0f));
    open = {scratch.first, nullptr, count};
    weights = scratch.second;
  }
  return keep_at_least(low, from, scratch.weights, scratch);
}
