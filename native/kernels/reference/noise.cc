// Noise and its injection by definition.

#include "kernels/gaussian.h"
#include "reference.h"

namespace sjd2::reference {

void enter(const EnterArgs& args) {
  const EmbeddingTable& table = args.table;
  for (int32_t j = 0; j < args.window.count; ++j) {
    const int32_t slot = args.window.slot(j);
    const int32_t level = args.level[slot], draft = args.drafts[slot];
    if (level == 0) continue;
    const uint32_t position = static_cast<uint32_t>(args.window.first + j);
    const double alpha = args.schedule.alpha[level], sigma = args.schedule.sigma[level];
    float* z = args.z + int64_t{slot} * table.hidden;
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
}

void noise(const NoiseArgs& args) {
  const EmbeddingTable& table = args.table;
  const int64_t hidden = table.hidden;
  for (int32_t j = 0; j < args.window.count; ++j) {
    const int32_t slot = args.window.slot(j);
    const int32_t level = args.level[slot], draft = args.drafts[slot];
    const float* z = args.z + slot * hidden;
    for (int64_t i = 0; i < hidden; ++i) {
      float value;
      if (level == 0) {
        value = table.embedding[draft * hidden + i];
      } else {
        const double tau = args.schedule.tau[level * hidden + i];
        value = static_cast<float>(table.mean[i] + static_cast<double>(table.std[i]) * z[i] + tau);
      }
      for (int32_t row = 0; row < args.rows; ++row) {
        args.out[row * args.row_stride + j * hidden + i] = value;
      }
    }
  }
}

}  // namespace sjd2::reference
