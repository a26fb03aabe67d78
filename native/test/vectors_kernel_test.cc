// Every implementation against vectors from NumPy (vectors/make_vectors.py), which shares no code
// with this library.
#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "check.h"
#include "kernel_problem.h"

namespace sjd2::test {
namespace {

struct VectorCase {
  std::string name;
  std::map<std::string, std::vector<uint32_t>> fields;

  bool has(const std::string& key) const { return fields.count(key) > 0; }
  std::vector<int32_t> ints(const std::string& key) const {
    const std::vector<uint32_t>& words = fields.at(key);
    return {words.begin(), words.end()};
  }
  std::vector<float> floats(const std::string& key) const {
    std::vector<float> values;
    for (uint32_t word : fields.at(key)) values.push_back(std::bit_cast<float>(word));
    return values;
  }
  int32_t integer(const std::string& key) const { return ints(key).at(0); }
  float real(const std::string& key) const { return floats(key).at(0); }
  uint64_t seed() const { return uint64_t{fields.at("seed")[1]} << 32 | fields.at("seed")[0]; }
  Window window() const {
    const std::vector<int32_t> w = ints("window");
    return {w[0], w[1], w[2]};
  }
};

// ctest runs in this folder.
std::vector<VectorCase> vector_cases(const std::string& family) {
  std::ifstream file("vectors/kernel_vectors.txt");
  std::vector<VectorCase> cases;
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string key;
    fields >> key;
    if (key == "case") {
      cases.push_back({line.substr(5), {}});
    } else if (key != "end") {
      size_t count;
      fields >> count >> std::hex;
      std::vector<uint32_t>& words = cases.back().fields[key];
      words.resize(count);
      for (uint32_t& word : words) fields >> word;
    }
  }
  std::erase_if(cases, [&](const VectorCase& c) { return c.name.find(family) != 0; });
  return cases;
}

// Float kernels against double NumPy, on values of the size of 8: the bounds of verify_checker.cc
// and noise_refine_kernel_test.cc.
void check_close(const std::vector<float>& actual, const std::vector<float>& expected, float bound,
                 const std::string& what) {
  CHECK_EQUAL(actual.size(), expected.size());
  for (size_t i = 0; i < std::min(actual.size(), expected.size()); ++i) {
    if (std::fabs(actual[i] - expected[i]) <= bound) continue;
    CHECK_MESSAGE(false, what + " differs at " + std::to_string(i));
    return;
  }
}

Problem problem_of(const VectorCase& c) {
  Problem problem;
  VerifyArgs& settings = problem.settings;
  settings.window = c.window();
  settings.relaxed = c.integer("relaxed");
  settings.seed = c.seed();
  settings.pass = static_cast<uint32_t>(c.integer("pass"));
  settings.coupling = static_cast<Coupling>(c.integer("coupling"));
  settings.sampler = {c.real("guidance"), c.real("temperature"), c.integer("top_k"),
                      c.real("top_p")};
  settings.type = static_cast<ElementType>(c.integer("type"));
  settings.rows = c.integer("rows");
  settings.vocabulary = c.integer("vocabulary");
  problem.logits = c.floats("logits");
  problem.store_logits();
  problem.drafts = c.ints("drafts");
  problem.level = c.ints("level");
  problem.laws = c.floats("laws");
  problem.kept.assign(settings.window.count, 0);
  return problem;
}

TEST("vectors: verify gives NumPy's tokens, laws, prefixes and faults") {
  const std::vector<VectorCase> cases = vector_cases("verify");
  CHECK_EQUAL(cases.size(), 30u);
  for (const VectorCase& c : cases) {
    for (const cpu::Target& implementation : implementations()) {
      const std::string at = std::string(implementation.name) + ", " + c.name;
      const Outcome outcome = run_verify(*implementation.kernels, problem_of(c));
      CHECK_EQUAL(outcome.result.bad_row, c.integer("expected_bad_row"));
      CHECK_EQUAL(static_cast<int>(outcome.result.fault), c.integer("expected_fault"));
      if (!c.has("expected_drafts")) continue;
      CHECK_MESSAGE(outcome.drafts == c.ints("expected_drafts"), at + ": drafts");
      const std::vector<int32_t> kept = c.ints("expected_kept");
      CHECK_MESSAGE(std::equal(kept.begin(), kept.end(), outcome.kept.begin()), at + ": kept");
      CHECK_EQUAL(outcome.result.accepted, c.integer("expected_accepted"));
      check_close(outcome.laws, c.floats("expected_laws"), 50 * 0x1p-23f, at + ": laws");
    }
  }
}

TEST("vectors: noise and refine give NumPy's embeddings") {
  const std::vector<VectorCase> noises = vector_cases("noise"), steps = vector_cases("refine");
  CHECK(noises.size() == 3 && steps.size() == 3);
  for (const cpu::Target& implementation : implementations()) {
    for (const std::vector<VectorCase>* family : {&noises, &steps}) {
      for (const VectorCase& c : *family) {
        const std::vector<float> embedding = c.floats("embedding"), mean = c.floats("mean"),
                                 std = c.floats("std"), tau = c.floats("tau"),
                                 alpha = c.floats("alpha"), sigma = c.floats("sigma");
        const std::vector<int32_t> drafts = c.ints("drafts");
        std::vector<int32_t> level = c.ints("level");
        std::vector<float> z = c.floats("z");
        const int32_t hidden = c.integer("hidden");
        const EmbeddingTable table{embedding.data(), mean.data(), std.data(),
                                   c.integer("vocabulary"), hidden};
        const Schedule schedule{alpha.data(), sigma.data(), tau.data(), c.integer("steps")};
        const std::string at = std::string(implementation.name) + ", " + c.name;
        const float bound = 8 * 16 * 0x1p-23f;
        if (family == &noises) {
          std::vector<float> out(static_cast<size_t>(c.window().count) * hidden);
          EnterArgs entering;
          const std::vector<int32_t> w = c.ints("enters");
          entering.window = {w[0], w[1], w[2]};
          entering.seed = c.seed();
          entering.table = table;
          entering.schedule = schedule;
          entering.drafts = drafts.data();
          entering.level = level.data();
          entering.z = z.data();
          implementation.kernels->enter(entering);
          NoiseArgs args;
          args.window = c.window();
          args.table = table;
          args.schedule = schedule;
          args.drafts = drafts.data();
          args.level = level.data();
          args.z = z.data();
          args.out = out.data();
          implementation.kernels->noise(args);
          check_close(out, c.floats("expected_out"), bound, at + ": out");
        } else {
          RefineArgs args;
          args.window = c.window();
          args.table = table;
          args.schedule = schedule;
          args.drafts = drafts.data();
          args.level = level.data();
          args.z = z.data();
          implementation.kernels->refine(args);
          CHECK_MESSAGE(level == c.ints("expected_level"), at + ": level");
        }
        check_close(z, c.floats("expected_z"), bound, at + ": z");
      }
    }
  }
}

}  // namespace
}  // namespace sjd2::test
