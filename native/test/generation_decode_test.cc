// TESTING 1b, 1c and the state of a generation: what holds exactly, whatever the window.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "check.h"
#include "error.h"
#include "kernels/gaussian.h"
#include "toy_run.h"

namespace sjd2::test {
namespace {

constexpr int32_t kLength = 48;

const ToyModel& wide_toy() {
  static const ToyModel toy = make_toy(64, kLength, 2, 5);
  return toy;
}

const Sampler kSampler{2.0f, 1.0f, 20, 0.95f};

std::vector<DecoderSetup> parallel_decoders(Coupling coupling) {
  std::vector<DecoderSetup> setups;
  for (const int32_t window : {1, 2, 7, 16, 48}) {
    for (const Initial initial : {Initial::Uniform, Initial::Left, Initial::Up}) {
      setups.push_back({"sjd", window, coupling, initial});
    }
    for (const int32_t steps : {1, 2, 5}) {
      setups.push_back({"sjd2", window, coupling, Initial::Noise, steps});
      setups.push_back({"sjd2 staggered", window, coupling, Initial::Noise, steps, true});
    }
  }
  return setups;
}

std::string code_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.code();
  }
  return "nothing was thrown";
}

// The toy computes a position's logits the same way whatever the window, so equality is exact.
void check_tokens_of_ar(const ToyModel& toy, uint64_t seed) {
  const auto expected = decode(toy, kLength, {"ar", 1, Coupling::Gumbel, Initial::None}, kSampler,
                               seed, cpu::kernels);
  for (const DecoderSetup& setup : parallel_decoders(Coupling::Gumbel)) {
    const auto tokens = decode(toy, kLength, setup, kSampler, seed, cpu::kernels);
    CHECK_MESSAGE(tokens == expected, setup.name + ", window " + std::to_string(setup.window) +
                                          ", K " + std::to_string(setup.steps) +
                                          " differs from ar");
  }
}

TEST("with Gumbel coupling every decoder returns the tokens of AR for the same seed") {
  for (const uint64_t seed : {0ull, 1ull, 99ull, 0xFFFFFFFFFFFFFFFFull}) {
    check_tokens_of_ar(wide_toy(), seed);
  }
}

TEST("and with tokens at the ends of rows, and prompts of different lengths") {
  check_tokens_of_ar(make_toy(64, kLength, 1, 5, 1), 2);
  check_tokens_of_ar(make_toy(64, kLength, 2, 6, 2, {5, 1}), 3);
  check_tokens_of_ar(make_toy(64, kLength, 2, 7, 0, {1, 9}), 4);
}

TEST("and with a sketch before the picture, whose rows have another width") {
  check_tokens_of_ar(make_toy(64, kLength, 1, 5, 0, {}, {3, 5}), 2);
  check_tokens_of_ar(make_toy(64, kLength, 1, 6, 1, {}, {5, 3}), 3);
  check_tokens_of_ar(make_toy(64, kLength, 2, 7, 2, {4, 2}, {4, 1}), 4);
}

TEST("no pass reads behind the end of the rotary table, however much longer one prompt is") {
  ToyModel toy = make_toy(64, kLength, 2, 8, 0, {60, 1});
  toy.padded_prompt = 60;
  check_tokens_of_ar(toy, 5);
}

TEST("a plan places the rows of the sketch, and then those of the picture") {
  //  position  0 1 2 | 3 4 5 | 6 7 | 8 9      a sketch of 2 x 3, a picture of two columns,
  //  row       0 1 2   4 5 6   8 9  11 12     one row behind each of their rows
  const SequencePlan plan({2, 3}, 2, 1);
  const std::vector<int32_t> rows{0, 1, 2, 4, 5, 6, 8, 9, 11, 12};
  const std::vector<int32_t> next{3, 3, 3, 6, 6, 6, 8, 8, 10, 10};
  const std::vector<int32_t> above{-1, -1, -1, 0, 1, 2, -1, -1, 6, 7};
  for (int32_t position = 0; position < 10; ++position) {
    CHECK(plan.row_of(position) == rows[position]);
    CHECK(plan.side_by_side(position) == next[position]);
    CHECK(plan.above(position) == above[position]);
  }
  for (int32_t count = 1; count <= 10; ++count) {
    for (int32_t first = 0; first + count <= 10; ++first) {
      CHECK(plan.row_of(first + count - 1) - plan.row_of(first) + 1 <= plan.most_rows(count));
    }
  }
}

TEST("at temperature 0 every decoder and coupling returns the greedy AR tokens") {
  const Sampler greedy{2.0f, 0.0f, 0, 1.0f};
  const auto expected = decode(wide_toy(), kLength, {"ar", 1, Coupling::Gumbel, Initial::None},
                               greedy, 0, cpu::kernels);
  for (const Coupling coupling : {Coupling::Gumbel, Coupling::Maximal, Coupling::Independent}) {
    for (const DecoderSetup& setup : parallel_decoders(coupling)) {
      CHECK_MESSAGE(decode(wide_toy(), kLength, setup, greedy, 3, cpu::kernels) == expected,
                    setup.name + " differs from greedy ar");
    }
  }
}

TEST("the widths may change from pass to pass") {
  const auto expected = decode(wide_toy(), kLength, {"ar", 1, Coupling::Gumbel, Initial::None},
                               kSampler, 4, cpu::kernels);
  for (const Initial initial : {Initial::Left, Initial::Noise}) {
    const DecoderSetup setup{"mixed", 16, Coupling::Gumbel, initial, 2};
    const auto generation = make_generation(wide_toy(), kLength, setup, kSampler, 4, cpu::kernels);
    for (int32_t i = 0; !generation->done(); ++i) generation->pass({1 + i * 7 % 16, 0});
    CHECK(generation->tokens() == expected);
  }
}

TEST(
    "passes of several generations may be planned, run by somebody else, and finished in any "
    "order") {
  const ToyModel& toy = wide_toy();
  const DecoderSetup setup{"sjd2", 5, Coupling::Maximal, Initial::Noise, 2};
  const auto expected = [&](uint64_t seed) {
    return decode(toy, kLength, setup, kSampler, seed, cpu::kernels);
  };
  std::vector<std::unique_ptr<Generation>> generations;
  std::vector<Transformer*> transformers;
  for (uint64_t seed : {1, 2}) {
    auto transformer = std::make_unique<ToyTransformer>(toy, toy.most_inputs(setup.window));
    transformers.push_back(transformer.get());
    generations.push_back(make_generation(toy, kLength, setup, kSampler, seed,
                                          std::move(transformer), host_windows(cpu::kernels)));
  }
  while (!generations[0]->done() && !generations[1]->done()) {
    const PassPlan first = generations[0]->plan({setup.window, 0});
    generations[1]->plan({setup.window, 0});  // its run does not come about
    const PassPlan second = generations[1]->plan({setup.window, 0});
    transformers[1]->run(second.rows);
    transformers[0]->run(first.rows);
    generations[1]->finish(second);
    generations[0]->finish(first);
  }
  for (const auto& generation : generations) {
    while (!generation->done()) generation->pass({setup.window, 0});
  }
  CHECK(generations[0]->tokens() == expected(1));
  CHECK(generations[1]->tokens() == expected(2));
}

TEST("a trace is what single steps say, behind any other trace") {
  const DecoderSetup setup{"trace", 8, Coupling::Gumbel, Initial::Uniform};
  const auto generation = make_generation(wide_toy(), kLength, setup, kSampler, 4, cpu::kernels);
  const Download copy = [](void* to, const void* from, size_t bytes) {
    std::memcpy(to, from, bytes);
  };
  std::vector<int32_t> tokens;
  for (int32_t i = 0; i < 12; ++i) tokens.push_back(i * 11 % 64);
  const auto part = [&](size_t from, size_t to) {
    return std::vector<int32_t>(tokens.begin() + from, tokens.begin() + to);
  };
  const auto trace = [&](size_t prefix, const std::vector<int32_t>& drafts) {
    return generation->trace(part(0, prefix), drafts, copy);
  };
  CHECK_EQUAL(code_of([&] { trace(1, {}); }), std::string(codes::kArgument));
  trace(0, part(0, 5));
  std::vector<std::vector<float>> steps;
  for (size_t i = 0; i < 7; ++i) steps.push_back(trace(5 + i, {}));
  trace(5, {1, 2, 3, 4, 5, 6, 7});  // rejected
  const std::vector<float> window = trace(5, part(5, 11));
  const size_t vocabulary = 64, width = 7;
  for (size_t row = 0; row < 2; ++row) {
    for (size_t j = 0; j < width; ++j) {
      const auto begin = window.begin() + (row * width + j) * vocabulary;
      const auto expected = steps[j].begin() + row * vocabulary;
      CHECK(std::equal(begin, begin + vocabulary, expected));
    }
  }
  CHECK_EQUAL(code_of([&] { trace(5, {0, 0, 0, 0, 0, 0, 0, 0}); }), std::string(codes::kArgument));
  CHECK_EQUAL(code_of([&] { trace(5, {64}); }), std::string(codes::kArgument));
}

// What refine got at the first refinement of every position: kernels are plain functions, so the
// spy keeps its notes outside.
struct FirstRefinements {
  std::map<int32_t, std::vector<float>> z;
  int32_t steps = 0;
} first_refinements;

void spy_on_refine(const RefineArgs& args) {
  for (int32_t j = 0; j < args.window.count; ++j) {
    const int32_t slot = args.window.slot(j), hidden = args.table.hidden;
    if (args.level[slot] != first_refinements.steps) continue;
    const float* z = args.z + int64_t{slot} * hidden;
    first_refinements.z.insert({args.window.first + j, {z, z + hidden}});
  }
  cpu::kernels.refine(args);
}

TEST("the first refinement of a position starts from its initial noise, for every K and window") {
  Kernels kernels = cpu::kernels;
  kernels.refine = spy_on_refine;
  for (const int32_t window : {2, 3, 7, 16, 48}) {
    for (const int32_t steps : {1, 2, 4}) {
      for (const uint64_t seed : {3ull, 4ull}) {
        const DecoderSetup setup{"sjd2", window, Coupling::Gumbel, Initial::Noise, steps};
        first_refinements = {{}, steps};
        decode(wide_toy(), kLength, setup, kSampler, seed, kernels);
        CHECK(!first_refinements.z.empty());
        std::string elsewhere;
        for (const auto& [position, z] : first_refinements.z) {
          for (size_t i = 0; i < z.size(); ++i) {
            const double noise = initial_noise(seed, position, static_cast<uint32_t>(i));
            // The CPU's Gaussians are float: kElementBound * kElementScale of element_scene.h.
            if (std::fabs(z[i] - noise) < 2e-5) continue;
            elsewhere.append(" ").append(std::to_string(position));
            break;
          }
        }
        CHECK_MESSAGE(elsewhere.empty(), "window " + std::to_string(window) + ", K " +
                                             std::to_string(steps) + ": another start at" +
                                             elsewhere);
      }
    }
  }
}

TEST("a pass commits the accepted drafts and one more token, and reports what it did") {
  const DecoderSetup setup{"sjd2", 8, Coupling::Maximal, Initial::Noise, 1};
  const auto generation = make_generation(wide_toy(), kLength, setup, kSampler, 1, cpu::kernels);
  int32_t committed = 0;
  while (!generation->done()) {
    const PassReport report = generation->pass({8, 0});
    CHECK_EQUAL(report.committed, std::min(report.window, report.accepted + 1));
    CHECK_EQUAL(report.window, std::min(8, kLength - committed));
    CHECK(report.kept <= report.drafts && report.accepted <= report.kept);
    committed += report.committed;
    CHECK_EQUAL(committed, generation->committed());
    CHECK_EQUAL(generation->drafts().size(), size_t(report.window - report.committed));
  }
  CHECK_EQUAL(code_of([&] { generation->pass({8, 0}); }), codes::kState);
}

TEST("score gives the likelihood of the tokens under the AR law, whatever its chunk") {
  const DecoderSetup ar{"ar", 1, Coupling::Gumbel, Initial::None};
  const auto tokens = decode(wide_toy(), kLength, ar, kSampler, 2, cpu::kernels);
  std::vector<double> by_one =
      make_generation(wide_toy(), kLength, ar, kSampler, 0, cpu::kernels)->score(tokens);
  for (const int32_t chunk : {4, 5, 48}) {
    const DecoderSetup wide{"score", chunk, Coupling::Gumbel, Initial::Uniform};
    const auto nll =
        make_generation(wide_toy(), kLength, wide, kSampler, 0, cpu::kernels)->score(tokens);
    CHECK_EQUAL(nll.size(), size_t(kLength));
    // The laws are fp32: 1e-6 relative is some ulp of a probability.
    for (int32_t i = 0; i < kLength; ++i) CHECK(std::abs(nll[i] - by_one[i]) < 1e-5);
  }
  for (const double value : by_one) CHECK(std::isfinite(value));
}

TEST("a window outside its bounds is refused") {
  const DecoderSetup setup{"sjd", 4, Coupling::Gumbel, Initial::Left};
  const auto generation = make_generation(wide_toy(), kLength, setup, kSampler, 1, cpu::kernels);
  CHECK_EQUAL(code_of([&] { generation->pass({0, 0}); }), codes::kArgument);
  CHECK_EQUAL(code_of([&] { generation->pass({5, 0}); }), codes::kArgument);
}

TEST("noise without a schedule, and a wide window without drafts, are refused") {
  const auto make = [](const DecoderSetup& setup) {
    return [setup] { make_generation(wide_toy(), kLength, setup, kSampler, 0, cpu::kernels); };
  };
  CHECK_EQUAL(code_of(make({"no levels", 4, Coupling::Gumbel, Initial::Noise, 0})),
              codes::kArgument);
  CHECK_EQUAL(code_of(make({"no drafts", 4, Coupling::Gumbel, Initial::None})), codes::kArgument);
}

TEST("a NaN in the model is an error that names the position") {
  ToyModel toy = make_toy(8, 6, 1, 3);
  toy.head[4] = NAN;
  const DecoderSetup setup{"sjd", 4, Coupling::Gumbel, Initial::Left};
  const auto generation = make_generation(toy, 6, setup, {}, 1, cpu::kernels);
  CHECK_EQUAL(code_of([&] { generation->pass({4, 0}); }), codes::kNumerics);
  CHECK_EQUAL(generation->committed(), 0);
}

}  // namespace
}  // namespace sjd2::test
