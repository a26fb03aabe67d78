// One DDIM step (Song et al. 2021, arXiv 2010.02502, eta = 0) by definition.
#include "reference.h"

namespace sjd2::reference {

void refine(const RefineArgs& args) {
  const EmbeddingTable& table = args.table;
  for (int32_t j = 0; j < args.window.count; ++j) {
    const int32_t slot = args.window.slot(j);
    const int32_t level = args.level[slot];
    if (level == 0) continue;
    // The predicted noise is (z - alpha_k e) / sigma_k; putting it back at level k - 1 gives
    // keep * z + pull * e.
    const double keep =
        static_cast<double>(args.schedule.sigma[level - 1]) / args.schedule.sigma[level];
    const double pull = args.schedule.alpha[level - 1] - args.schedule.alpha[level] * keep;
    const float* row = table.embedding + int64_t{args.drafts[slot]} * table.hidden;
    float* z = args.z + int64_t{slot} * table.hidden;
    for (int32_t i = 0; i < table.hidden; ++i) {
      const double e = (static_cast<double>(row[i]) - table.mean[i]) / table.std[i];
      z[i] = static_cast<float>(keep * z[i] + pull * e);
    }
    args.level[slot] = level - 1;
  }
}

}  // namespace sjd2::reference
