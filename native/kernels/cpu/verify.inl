// Verification: every position on its own (in any order, on any thread), then the prefix.

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
inline Scratch worker_scratch(const VerifyArgs& args, int32_t worker) {
  const size_t row = padded_row(args.vocabulary);
  float* base = args.scratch + 4 * static_cast<size_t>(args.window.count) +
                worker * worker_scratch_floats(args.vocabulary);
  // The doubles come first in the share, on an even address.
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

inline Survivors cut(const Row& row, const float* logits, float maximum, bool weigh) {
  const Sampler& sampler = row.args.sampler;
  Survivors survivors{logits, nullptr, row.args.vocabulary};
  if (sampler.top_k > 0 && sampler.top_k < row.args.vocabulary) {
    survivors = cut_top_k(logits, row.args.vocabulary, sampler.top_k, maximum, row.scratch);
  }
  if (sampler.top_p < 1 || weigh) {
    exponentiate(survivors, maximum, sampler.temperature, row.scratch.weights);
  }
  if (sampler.top_p < 1) survivors = cut_top_p(survivors, sampler.top_p, maximum, row.scratch);
  return survivors;
}

inline Decision decide_greedily(const Row& row, const float* logits, float maximum) {
  const int32_t token = first_maximum({logits, nullptr, row.args.vocabulary}, maximum);
  if (row.laws) {
    std::memset(row.laws, 0, sizeof(float) * static_cast<size_t>(row.args.vocabulary));
    row.laws[token] = 1;
  }
  return {token, token, row.draft == token, VerifyFault::None};
}

// Accept or residual, and the fresh draw that Independent takes right of the stop.
inline Decision decide_by_law(const Row& row, const Law& law) {
  const auto token_of = [&law](int32_t entry) { return law.survivors.token(entry); };
  const bool independent = row.args.coupling == Coupling::Independent;
  int32_t fresh = kNoDraft;
  if (independent || row.draft == kNoDraft) {
    fresh = token_of(draw(law.weights, row.uniform(Purpose::Draft)));
  }
  if (row.draft == kNoDraft) return {fresh, fresh, false, VerifyFault::None};
  if (keeps_draft(row.uniform(Purpose::Accept), law(row.draft), row.laws[row.draft])) {
    return {row.draft, fresh, true, VerifyFault::None};
  }
  // A residual that is empty by rounding leaves p to draw from, as in the reference.
  const Weights rest = residual(law, row.laws, row.scratch);
  const double uniform = row.uniform(Purpose::Resample);
  return {token_of(draw(rest.total > 0 ? rest : law.weights, uniform)), fresh, false,
          VerifyFault::None};
}

inline Decision decide(const VerifyArgs& args, int32_t offset, const Scratch& scratch) {
  const int32_t slot = args.window.slot(offset);
  const Row row{args, scratch, static_cast<uint32_t>(args.window.first + offset), args.drafts[slot],
                args.laws ? args.laws + static_cast<size_t>(slot) * args.vocabulary : nullptr};
  const float* logits;
  const Scan scanned = scan(args, offset, scratch.guided, logits);
  if (scanned.fault != VerifyFault::None) return {kNoDraft, kNoDraft, false, scanned.fault};
  if (args.sampler.temperature == 0) return decide_greedily(row, logits, scanned.maximum);

  const Survivors survivors = cut(row, logits, scanned.maximum, row.laws != nullptr);
  Law law;
  if (row.laws) {
    law.survivors = survivors;
    law.weights = sum_weights(scratch.weights, survivors.count, scratch.blocks);
    law.scale = static_cast<float>(1 / law.weights.total);
  }
  Decision decision;
  if (args.coupling == Coupling::Gumbel) {
    const int32_t token = gumbel_argmax(args, row.position, survivors, scanned.maximum);
    decision = {token, token, row.draft == token, VerifyFault::None};
  } else {
    decision = decide_by_law(row, law);
  }
  if (row.laws) write_law(law, args.vocabulary, row.laws);
  return decision;
}

inline void decide_task(void* context, int32_t worker, int32_t offset) {
  const VerifyArgs& args = *static_cast<const VerifyArgs*>(context);
  decisions(args)[offset] = decide(args, offset, worker_scratch(args, worker));
}

VerifyResult verify(const VerifyArgs& args) {
  if (args.pool) {
    args.pool->run(args.window.count, decide_task, const_cast<VerifyArgs*>(&args));
  } else {
    for (int32_t j = 0; j < args.window.count; ++j) {
      decide_task(const_cast<VerifyArgs*>(&args), 0, j);
    }
  }
  VerifyResult result;
  bool passing = true;
  for (int32_t j = 0; j < args.window.count; ++j) {
    Decision decision = decisions(args)[j];
    if (decision.fault != VerifyFault::None) return {0, 0, j, decision.fault};
    const int32_t slot = args.window.slot(j);
    if (args.coupling == Coupling::Independent && !passing && args.sampler.temperature > 0) {
      decision.token = decision.fresh;
      decision.kept = false;
    }
    args.drafts[slot] = decision.token;
    args.kept[j] = static_cast<uint8_t>(decision.kept);
    result.kept += decision.kept;
    passing = passing && decision.kept && j < args.fed && args.level[slot] <= args.passable_level;
    result.passed += passing;
  }
  return result;
}
