// Refinement: gather, normalise and step in one pass over z.

void refine(const RefineArgs& args) {
  const int32_t hidden = args.table.hidden;
  const float *mean = args.table.mean, *std = args.table.std;
  for (int32_t j = 0; j < args.window.count; ++j) {
    const int32_t slot = args.window.slot(j), level = args.level[slot];
    if (level == 0) continue;
    const double ratio =
        static_cast<double>(args.schedule.sigma[level - 1]) / args.schedule.sigma[level];
    const F keep = set(static_cast<float>(ratio));
    const F pull =
        set(static_cast<float>(args.schedule.alpha[level - 1] - args.schedule.alpha[level] * ratio));
    const float* row = args.table.embedding + int64_t{args.drafts[slot]} * hidden;
    float* z = args.z + int64_t{slot} * hidden;
    for (int32_t i = 0; i < hidden; i += 16) {
      const int32_t rest = hidden - i;
      const F e =
          (load_part(row + i, rest) - load_part(mean + i, rest)) / load_part(std + i, rest, 1);
      store_part(z + i, rest, fma(keep, load_part(z + i, rest), pull * e));
    }
    args.level[slot] = level - 1;
  }
}
