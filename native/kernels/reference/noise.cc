// Noise injection by definition.

#include "kernels/gaussian.h"
#include "reference.h"

namespace sjd2::reference {
namespace {

// z_k = alpha_k e(draft) + sigma_k eps, or eps alone where nothing has been drafted yet.
void make_fresh(const NoiseArgs& args, uint32_t position, int32_t level, int32_t draft, float* z) {
  const EmbeddingTable& table = args.table;
  const double alpha = args.levels.alpha[level], sigma = args.levels.sigma[level];
  for (int32_t i = 0; i < table.hidden; ++i) {
    const double eps = initial_noise(args.seed, position, i);
    if (draft == kNoDraft) {
      z[i] = static_cast<float>(eps);
      continue;
    }
    const double row = table.embedding[int64_t{draft} * table.hidden + i];
    const double e = (row - table.mean[i]) / table.std[i];
    z[i] = static_cast<float>(alpha * e + sigma * eps);
  }
}

}  // namespace

void noise(const NoiseArgs& args) {
  const EmbeddingTable& table = args.table;
  const int64_t hidden = table.hidden;
  for (int32_t j = 0; j < args.fed; ++j) {
    const int32_t slot = args.window.slot(j);
    const int32_t position = args.window.first + j;
    const int32_t level = args.level[slot], draft = args.drafts[slot];
    float* z = args.z + slot * hidden;
    if (level > 0 && position >= args.fresh_from) {
      make_fresh(args, static_cast<uint32_t>(position), level, draft, z);
    }
    for (int64_t i = 0; i < hidden; ++i) {
      float value;
      if (level == 0) {
        value = table.embedding[draft * hidden + i];
      } else {
        const double tau = args.levels.tau[level * hidden + i];
        value = static_cast<float>(table.mean[i] + static_cast<double>(table.std[i]) * z[i] + tau);
      }
      for (int32_t row = 0; row < args.rows; ++row) {
        args.out[row * args.row_stride + j * hidden + i] = value;
      }
    }
  }
}

}  // namespace sjd2::reference
