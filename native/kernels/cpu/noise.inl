// The noise of positions that enter, and its injection: one fused pass per input row.

// z = alpha e(draft) + sigma eps, or eps alone without a draft.
inline void make_noise(const EnterArgs& args, uint32_t position, int32_t level, int32_t draft,
                       float* z) {
  const int32_t hidden = args.table.hidden;
  const bool pure = draft == kNoDraft;
  const float* row = pure ? nullptr : args.table.embedding + int64_t{draft} * hidden;
  const F alpha = set(args.schedule.alpha[level]), sigma = set(args.schedule.sigma[level]);
  for (int32_t i = 0; i < hidden; i += 64) {
    // Box-Muller on whole blocks: words (0, 1) and (2, 3) are radius and angle of two pairs.
    Words words = philox16(args.seed, position, Purpose::InitNoise,
                           load(kTransposedLanes) + set(int32_t{i / 4}));
    I eps[4];
    for (int pair = 0; pair < 4; pair += 2) {
      const F radius = sqrt(set(-2.0f) * log_uniform(words.w[pair]));
      F cosine, sine;
      cos_sin_turns(words.w[pair + 1], cosine, sine);
      eps[pair] = as_int(radius * cosine);
      eps[pair + 1] = as_int(radius * sine);
    }
    transpose4(eps[0], eps[1], eps[2], eps[3]);
    for (int32_t part = 0; part < 4 && i + 16 * part < hidden; ++part) {
      const int32_t at = i + 16 * part, count = std::min(16, hidden - at);
      F value = as_float(eps[part]);
      if (!pure) {
        const F e = (load_part(row + at, count) - load_part(args.table.mean + at, count)) /
                    load_part(args.table.std + at, count, 1);
        value = fma(alpha, e, sigma * value);
      }
      store_part(z + at, count, value);
    }
  }
}

void enter(const EnterArgs& args) {
  for (int32_t j = 0; j < args.window.count; ++j) {
    const int32_t slot = args.window.slot(j);
    if (args.level[slot] == 0) continue;
    make_noise(args, static_cast<uint32_t>(args.window.first + j), args.level[slot],
               args.drafts[slot], args.z + int64_t{slot} * args.table.hidden);
  }
}

void noise(const NoiseArgs& args) {
  const int32_t hidden = args.table.hidden;
  for (int32_t j = 0; j < args.window.count; ++j) {
    const int32_t slot = args.window.slot(j);
    const int32_t level = args.level[slot], draft = args.drafts[slot];
    float* out = args.out + static_cast<int64_t>(j) * hidden;
    if (level == 0) {
      const float* row = args.table.embedding + int64_t{draft} * hidden;
      for (int32_t r = 0; r < args.rows; ++r)
        std::copy(row, row + hidden, out + r * args.row_stride);
      continue;
    }
    const float* z = args.z + int64_t{slot} * hidden;
    const float *mean = args.table.mean, *std = args.table.std;
    const float* tau = args.schedule.tau + int64_t{level} * hidden;
    for (int32_t i = 0; i < hidden; i += 16) {
      const int32_t rest = hidden - i;
      const F value =
          fma(load_part(std + i, rest), load_part(z + i, rest), load_part(mean + i, rest)) +
          load_part(tau + i, rest);
      for (int32_t r = 0; r < args.rows; ++r)
        store_part(out + r * args.row_stride + i, rest, value);
    }
  }
}
