// Verification: every position on its own, then the prefix.

// What a position decides before anyone knows where the prefix stops.
struct Decision {
  int32_t token;
  int32_t fresh;  // Independent: the token if the prefix stops further left
  int32_t kept;
  VerifyFault fault;
};
static_assert(sizeof(Decision) == 4 * sizeof(float));

inline size_t padded_row(int32_t vocabulary) {
  return (static_cast<size_t>(vocabulary) + 63) / 64 * 64 + 64;
}
inline Decision* decisions(const VerifyArgs& args) {
  return reinterpret_cast<Decision*>(args.scratch);
}
inline Scratch row_scratch(const VerifyArgs& args) {
  const size_t row = padded_row(args.vocabulary);
  float* base = args.scratch + 4 * static_cast<size_t>(args.window.count);
  // The doubles come first, on an even address.
  base += reinterpret_cast<uintptr_t>(base) % 8 / 4;
  double* blocks = reinterpret_cast<double*>(base);
  float* rows = base + 4 * (args.vocabulary / kBlock + 2);
  return {rows,           rows + row,     reinterpret_cast<int32_t*>(rows + 2 * row),
          rows + 3 * row, rows + 4 * row, rows + 5 * row,
          blocks};
}

struct Row {
  const VerifyArgs& args;
  const Scratch& scratch;
  uint32_t position;
  int32_t draft;
  float* laws;  // q, then p; may be null

  double uniform(Purpose purpose) const {
    return decision_uniform(args.seed, position, args.pass, purpose);
  }
};

// One row on its way from logits to survivors.
struct Candidates {
  Scan scan;
  Survivors survivors;
};

inline Candidates scan_all(const VerifyArgs& args, const LogitRow& row, const Scratch& scratch) {
  if (!row.unconditional && args.type == ElementType::F32 && args.vocabulary % 64 == 0) {
    LeaveThem sink;  // they can stay where they are
    const Scan scanned = scan(args, row, sink);
    return {scanned, {reinterpret_cast<const float*>(row.conditional), nullptr, args.vocabulary}};
  }
  WriteThem sink{scratch.guided};
  const Scan scanned = scan(args, row, sink);
  return {scanned, {scratch.guided, nullptr, args.vocabulary}};
}

// A long row is not written: a sample says what could be in the top k, and only that is collected.
inline Candidates scan_top_k(const VerifyArgs& args, const LogitRow& row, const Scratch& scratch) {
  const int32_t k = args.sampler.top_k;
  float floor = kLowest;
  if (is_long(args.vocabulary) && k <= args.vocabulary / 4) {
    floor = guess_floor(args, row, scratch.first);
    CollectThem sink{floor, scratch.logits, scratch.tokens};
    const Scan scanned = scan(args, row, sink);
    if (scanned.fault != VerifyFault::None) return {scanned, {}};
    const bool enough = sink.count >= k || floor == kLowest,
               few = sink.count <= args.vocabulary / 3;
    if (enough && few) {
      const Survivors likely{scratch.logits, scratch.tokens, sink.count};
      return {scanned, cut_top_k(likely, k, floor, scanned.maximum, scratch)};
    }
    if (!enough) floor = kLowest;
  }
  Candidates all = scan_all(args, row, scratch);
  if (all.scan.fault == VerifyFault::None) {
    all.survivors = cut_top_k(all.survivors, k, floor, all.scan.maximum, scratch);
  }
  return all;
}

inline Decision decide_greedily(const Row& row, const float* logits, float maximum) {
  const int32_t token = first_maximum({logits, nullptr, row.args.vocabulary}, maximum);
  if (row.laws) {
    std::memset(row.laws, 0, sizeof(float) * static_cast<size_t>(row.args.vocabulary));
    row.laws[token] = 1;
  }
  return {token, token, row.draft == token, VerifyFault::None};
}

// Keep or residual, and the fresh draw that Independent takes right of the stop.
inline Decision decide_by_law(const Row& row, const Law& law) {
  const auto token_of = [&law](int32_t entry) { return law.survivors.token(entry); };
  const bool independent = row.args.coupling == Coupling::Independent;
  int32_t fresh = kNoDraft;
  if (independent || row.draft == kNoDraft) {
    fresh = token_of(draw(law.weights, row.uniform(Purpose::Draft)));
  }
  if (row.draft == kNoDraft) return {fresh, fresh, false, VerifyFault::None};
  if (keeps_draft(row.uniform(Purpose::Keep), law(row.draft), row.laws[row.draft])) {
    return {row.draft, fresh, true, VerifyFault::None};
  }
  // A residual that is empty by rounding leaves p to draw from, as in the reference.
  const Weights rest = residual(law, row.laws, row.scratch);
  const double uniform = row.uniform(Purpose::Resample);
  return {token_of(draw(rest.total > 0 ? rest : law.weights, uniform)), fresh, false,
          VerifyFault::None};
}

inline Decision decide(const VerifyArgs& args, int32_t offset, const Scratch& scratch) {
  const Sampler& sampler = args.sampler;
  const int32_t slot = args.window.slot(offset);
  const Row row{args, scratch, static_cast<uint32_t>(args.window.first + offset), args.drafts[slot],
                args.laws ? args.laws + static_cast<size_t>(slot) * args.vocabulary : nullptr};
  const bool cuts = sampler.temperature > 0 && sampler.top_k > 0 && sampler.top_k < args.vocabulary;
  const LogitRow logits = row_at(args, offset);
  Candidates found = cuts ? scan_top_k(args, logits, scratch) : scan_all(args, logits, scratch);
  if (found.scan.fault != VerifyFault::None) return {kNoDraft, kNoDraft, false, found.scan.fault};
  const float maximum = found.scan.maximum;
  if (sampler.temperature == 0) return decide_greedily(row, found.survivors.logits, maximum);

  LogitRow next = scratch.next;  // asked for once, by the first long loop
  if (sampler.top_p < 1 || row.laws) {
    exponentiate(found.survivors, maximum, sampler.temperature, scratch.weights, next);
    next = {};
  }
  if (sampler.top_p < 1) {
    found.survivors = cut_top_p(found.survivors, sampler.top_p, maximum, scratch);
  }
  Law law;
  if (row.laws) {
    law.survivors = found.survivors;
    law.weights = sum_weights(scratch.weights, found.survivors.count, scratch.blocks);
    law.scale = static_cast<float>(1 / law.weights.total);
  }
  Decision decision;
  if (args.coupling == Coupling::Gumbel) {
    const int32_t token = gumbel_argmax(args, row.position, found.survivors, maximum, next);
    decision = {token, token, row.draft == token, VerifyFault::None};
  } else {
    decision = decide_by_law(row, law);
  }
  if (row.laws) write_law(law, args.vocabulary, row.laws);
  return decision;
}

VerifyResult verify(const VerifyArgs& args) {
  Scratch scratch = row_scratch(args);
  for (int32_t j = 0; j < args.window.count; ++j) {
    // Each row asks for the next one's logits while it is computed on.
    scratch.next = j + 1 < args.window.count ? row_at(args, j + 1) : LogitRow{};
    decisions(args)[j] = decide(args, j, scratch);
  }
  VerifyResult result;
  bool accepting = true;
  for (int32_t j = 0; j < args.window.count; ++j) {
    Decision decision = decisions(args)[j];
    if (decision.fault != VerifyFault::None) return {0, 0, j, decision.fault};
    const int32_t slot = args.window.slot(j);
    if (args.coupling == Coupling::Independent && !accepting && args.sampler.temperature > 0) {
      decision.token = decision.fresh;
      decision.kept = false;
    }
    args.drafts[slot] = decision.token;
    args.kept[j] = static_cast<uint8_t>(decision.kept);
    result.kept += decision.kept;
    const bool fed = j + 1 < args.window.count;  // as in the reference
    accepting = accepting && decision.kept && fed && args.level[slot] <= args.relaxed;
    result.accepted += accepting;
  }
  return result;
}
