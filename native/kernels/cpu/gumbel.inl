// The argmax of logit / T + Gumbel noise. A cheap upper bound in float rules nearly every token
// out; what is left (about ln V tokens) is decided in double by the very functions of the
// reference, so that the token is the reference's, always.

struct GumbelSearch {
  const VerifyArgs& args;
  uint32_t position;
  float maximum;
  double best = -std::numeric_limits<double>::infinity();
  int32_t token = kNoDraft;

  void offer(float logit, int32_t candidate, uint32_t word) {
    const double score = gumbel_score(logit, maximum, args.sampler.temperature, word);
    if (score > best || (score == best && candidate < token)) {
      best = score;
      token = candidate;
    }
  }
  // What a float score must reach to be looked at. Float scores that matter are within 100 of 0
  // (the maximum's own is above -3.2, noise is below 22.9, the bound below 89), so that three
  // roundings of x and four of the bound stay below 100 * 8 * 2^-24 < 2^-14; ten times that is to
  // spare.
  float bar() const { return static_cast<float>(best) - 0x1p-10f; }
};

constexpr float kLargestNoise = 22.9f;  // -log(-log1p(-2^-33)) = 33 ln 2

// An upper bound of the Gumbel noise of a word: -log(-log(1 - u)) <= -log u as -log(1 - u) >= u,
// and log2 of a float is at least its bits read as a fixed-point number. At most 0.06 too large
// where noise is large; where it is small the token does not win.
inline F noise_bound(I word) {
  const F u = to_float(shift_right<8>(word)) * set(0x1p-24f);  // exact, rounded down
  return fma(to_float(as_int(u)), set(-0.69314718f * 0x1p-23f), set(127 * 0.69314718f));
}

inline F relative(F logit, F top, F scale) { return (logit - top) * scale; }

inline void offer_lanes(GumbelSearch& search, uint32_t mask, F logit, I words,
                        const int32_t* tokens, int32_t first_token) {
  float logits[16];
  int32_t word[16];
  store(logits, logit);
  store(word, words);
  for (; mask; mask &= mask - 1) {
    const int lane = std::countr_zero(mask);
    const int32_t token = tokens ? tokens[lane] : first_token + lane;
    search.offer(logits[lane], token, static_cast<uint32_t>(word[lane]));
  }
}

// Every token of the row, in runs of sixty-four whose noise is sixteen whole Philox blocks.
inline void search_row(GumbelSearch& search, const float* logits, int32_t vocabulary, F scale,
                       const LogitRow& next) {
  const F top = set(search.maximum);
  Prefetcher ahead(next, vocabulary / 64);
  for (int32_t v = 0; v < vocabulary; v += 64) {
    ahead.step();
    F logit[4], x[4];
    for (int i = 0; i < 4; ++i) {
      logit[i] = load(logits + v + 16 * i);
      x[i] = relative(logit[i], top, scale);
    }
    const F hopeless = set(search.bar() - kLargestNoise);
    if (!bits(max(max(x[0], x[1]), max(x[2], x[3])) >= hopeless)) continue;
    const Words words = philox64(search.args.seed, search.position, Purpose::Gumbel, v / 4);
    for (int i = 0; i < 4; ++i) {
      const uint32_t mask = bits(x[i] + noise_bound(words.w[i]) >= set(search.bar()));
      if (mask) offer_lanes(search, mask, logit[i], words.w[i], nullptr, v + 16 * i);
    }
  }
}

// Survivors only: a block for each, of which one word is used.
inline void search_survivors(GumbelSearch& search, Survivors survivors, F scale,
                             const LogitRow& next) {
  const F top = set(search.maximum);
  Prefetcher ahead(next, survivors.padded() / 16);
  for (int32_t i = 0; i < survivors.padded(); i += 16) {
    ahead.step();
    const F logit = load(survivors.logits + i);
    const F x = relative(logit, top, scale);
    if (!bits(x >= set(search.bar() - kLargestNoise))) continue;
    const I token = load(survivors.tokens + i);
    const Words words =
        philox16(search.args.seed, search.position, Purpose::Gumbel, shift_right<2>(token));
    const M second = equal(token & set(int32_t{1}), set(int32_t{1}));
    const M upper_pair = equal(token & set(int32_t{2}), set(int32_t{2}));
    const I word = select(upper_pair, select(second, words.w[3], words.w[2]),
                          select(second, words.w[1], words.w[0]));
    const uint32_t mask = bits(x + noise_bound(word) >= set(search.bar()));
    if (mask) offer_lanes(search, mask, logit, word, survivors.tokens + i, 0);
  }
}

// The lowest token that has the maximal logit. If none has it any more, the first one: logits may
// lie in memory that something else writes meanwhile, which may cost the result, not the process.
inline int32_t first_maximum(Survivors survivors, float maximum) {
  const F top = set(maximum);
  for (int32_t i = 0; i < survivors.padded(); i += 16) {
    const uint32_t mask = bits(equal(load(survivors.logits + i), top));
    if (mask) return survivors.token(i + std::countr_zero(mask));
  }
  return survivors.token(0);
}

inline int32_t gumbel_argmax(const VerifyArgs& args, uint32_t position, Survivors survivors,
                             float maximum, const LogitRow& next) {
  GumbelSearch search{args, position, maximum};
  const int32_t likeliest = first_maximum(survivors, maximum);
  search.offer(maximum, likeliest,
               gumbel_word(args.seed, position, static_cast<uint32_t>(likeliest)));
  const F scale = set(std::min(1 / args.sampler.temperature, std::numeric_limits<float>::max()));
  if (survivors.tokens) {
    search_survivors(search, survivors, scale, next);
  } else {
    search_row(search, survivors.logits, survivors.count, scale, next);
  }
  return search.token;
}
