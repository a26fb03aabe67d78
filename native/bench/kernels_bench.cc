// Times the kernels on one thread against the memory floor of the same run.
//
//   kernels_bench [--json] [--filter text] [--target name] [--calls n]
//
// The floor of a call is the time that memory needs for the bytes that the call must read and
// write, at the bandwidths measured here just before. Inputs rotate through more memory than the
// caches hold, so that every call finds its logits in DRAM.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "kernels/cpu/cpu.h"

namespace sjd2::bench {
namespace {

struct Options {
  bool json = false;
  std::string filter;
  cpu::Target target = cpu::targets()[0];
  int32_t calls = 40;
};

struct Times {
  double median, min, max;  // ms
};

struct Result {
  std::string kernel, shape, dtype, coupling;
  Times times;
  double floor;
};

template <typename Call>
Times time_calls(int32_t calls, Call call) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> ms;
  for (int32_t i = -3; i < calls; ++i) {  // three to warm up
    const auto start = Clock::now();
    call(i + 3);
    const std::chrono::duration<double, std::milli> elapsed = Clock::now() - start;
    if (i >= 0) ms.push_back(elapsed.count());
  }
  std::sort(ms.begin(), ms.end());
  return {ms[ms.size() / 2], ms.front(), ms.back()};
}

constexpr size_t kRotation = size_t{192} << 20;  // more than any cache that we know of

// Bytes per millisecond of one thread. Measured anew beside every case, since a busy machine
// changes from one second to the next.
struct Bandwidth {
  double read = 0, write = 0;

  Bandwidth() {
    static std::vector<uint64_t> memory(kRotation / 8, 1);
    const size_t chunk = memory.size() / 16;
    volatile uint64_t sink = 0;
    const Times reading = time_calls(32, [&](int32_t i) {
      const uint64_t* from = memory.data() + chunk * (i % 16);
      uint64_t sums[16] = {};
      for (size_t at = 0; at < chunk; at += 16) {
        for (int lane = 0; lane < 16; ++lane) sums[lane] |= from[at + lane];
      }
      for (uint64_t sum : sums) sink = sink | sum;
    });
    const Times writing = time_calls(
        32, [&](int32_t i) { std::memset(memory.data() + chunk * (i % 16), i, chunk * 8); });
    read = chunk * 8 / reading.median;
    write = chunk * 8 / writing.median;
  }
};

enum class Rows { Normal, Peaked, Flat, Masked };
const char* const kRowNames[] = {"normal", "peaked", "flat", "masked"};

struct VerifyCase {
  int32_t rows, count, vocabulary;
  ElementType type;
  Coupling coupling;
  int32_t top_k;
  float top_p;
  Rows shape;
};

uint16_t to_bf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return static_cast<uint16_t>(bits >> 16);
}
// Enough for benchmark inputs: no subnormals, truncates.
uint16_t to_f16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  if (std::isinf(value)) return sign | 0x7C00;
  if (std::fabs(value) < 0x1p-14f) return sign;
  return sign | static_cast<uint16_t>(((bits & 0x7FFFFFFF) - (112u << 23)) >> 13);
}

std::vector<float> base_logits(const VerifyCase& c, std::mt19937& random) {
  std::normal_distribution<float> normal(0, 2.5f);
  std::vector<float> logits(static_cast<size_t>(c.rows) * c.count * c.vocabulary);
  for (size_t i = 0; i < logits.size(); ++i) {
    const size_t v = i % c.vocabulary;
    logits[i] = normal(random);
    if (c.shape == Rows::Peaked && v == 77) logits[i] = 40;
    if (c.shape == Rows::Flat) logits[i] = 1;
    if (c.shape == Rows::Masked && v % 10 != 0) logits[i] = -INFINITY;
  }
  return logits;
}

// The passes of a decode loop: the same rows with a little change from one to the next.
struct VerifyMemory {
  std::vector<float> f32;
  std::vector<uint16_t> f16;
  size_t per_pass;
  int32_t passes;

  VerifyMemory(const VerifyCase& c, std::mt19937& random) {
    const std::vector<float> base = base_logits(c, random);
    per_pass = base.size();
    const size_t size = c.type == ElementType::F32 ? 4 : 2;
    passes = static_cast<int32_t>(std::clamp<size_t>(kRotation / (per_pass * size), 2, 200));
    for (int32_t pass = 0; pass < passes; ++pass) {
      uint32_t bits = 12345u + pass;
      for (float logit : base) {
        bits = bits * 1664525u + 1013904223u;
        if (c.shape != Rows::Flat) logit += static_cast<float>(bits >> 8) * 0x1p-24f - 0.5f;
        if (c.type == ElementType::F32) f32.push_back(logit);
        if (c.type == ElementType::F16) f16.push_back(to_f16(logit));
        if (c.type == ElementType::BF16) f16.push_back(to_bf16(logit));
      }
    }
  }
  const void* pass(int32_t i) const {
    const size_t at = per_pass * (i % passes);
    return f32.empty() ? static_cast<const void*>(f16.data() + at) : f32.data() + at;
  }
};

Result run_verify(const VerifyCase& c, const Options& options) {
  std::mt19937 random(1);
  const VerifyMemory memory(c, random);
  const size_t law = static_cast<size_t>(c.count) * c.vocabulary;
  std::vector<float> laws(c.coupling == Coupling::Gumbel ? 0 : law, 1.0f / c.vocabulary);
  std::vector<float> scratch(verify_scratch_floats(c.vocabulary, c.count));
  std::vector<int32_t> drafts(c.count, 0), level(c.count, 0);
  std::vector<uint8_t> kept(c.count);
  VerifyArgs args;
  args.window = {1000, c.count, c.count};
  args.seed = 7;
  args.coupling = c.coupling;
  args.sampler = {.guidance = 3, .temperature = 1, .top_k = c.top_k, .top_p = c.top_p};
  args.type = c.type;
  args.rows = c.rows;
  args.vocabulary = c.vocabulary;
  args.drafts = drafts.data();
  args.level = level.data();
  args.laws = laws.empty() ? nullptr : laws.data();
  args.scratch = scratch.data();
  args.kept = kept.data();
  const Bandwidth bandwidth;
  const Times times = time_calls(options.calls, [&](int32_t i) {
    args.logits = memory.pass(i);
    args.pass = static_cast<uint32_t>(i);
    options.target.kernels->verify(args);
  });
  const double read = static_cast<double>(memory.per_pass) * (c.type == ElementType::F32 ? 4 : 2);
  const double written = laws.empty() ? 0 : 4.0 * law;
  const char* const types[] = {"f32", "f16", "bf16"};
  const char* const couplings[] = {"independent", "maximal", "gumbel"};
  char shape[120];
  std::snprintf(shape, sizeof shape, "[%d,%d,%d] %s top-k %d top-p %g", c.rows, c.count,
                c.vocabulary, kRowNames[static_cast<int>(c.shape)], c.top_k, c.top_p);
  return {"verify",
          shape,
          types[static_cast<int>(c.type)],
          couplings[static_cast<int>(c.coupling)],
          times,
          read / bandwidth.read + written / bandwidth.write};
}

// Noise and refine over windows that rotate through memory like the logits above. The embedding
// table is as large as a model's, so that gathered rows come from DRAM as well.
struct Model {
  int32_t hidden, vocabulary = 16384, steps = 8;
  std::vector<float> embedding, mean, std, tau, alpha, sigma;

  explicit Model(int32_t width) : hidden(width) {
    if (width <= 512) vocabulary = 512;
    embedding.assign(static_cast<size_t>(vocabulary) * hidden, 0.5f);
    mean.assign(hidden, 0.1f);
    std.assign(hidden, 0.7f);
    tau.assign(static_cast<size_t>(steps + 1) * hidden, 0.2f);
    for (int32_t k = 0; k <= steps; ++k) {
      alpha.push_back(std::cos(1.5f * k / steps));
      sigma.push_back(std::sin(1.5f * k / steps));
    }
  }
  EmbeddingTable table() const {
    return {embedding.data(), mean.data(), std.data(), vocabulary, hidden};
  }
  Schedule schedule() const { return {alpha.data(), sigma.data(), tau.data(), steps}; }
};

struct Stream {
  Model model;
  int32_t count, windows;
  std::vector<float> z, out;
  std::vector<int32_t> drafts, level;

  Stream(int32_t hidden, int32_t positions) : model(hidden), count(positions) {
    const size_t window = static_cast<size_t>(count) * hidden;
    windows = static_cast<int32_t>(std::clamp<size_t>(kRotation / 4 / window, 2, 400));
    z.assign(window * windows, 1.0f);
    out.assign(2 * window * windows, 0.0f);
    std::mt19937 random(3);
    for (int32_t i = 0; i < count * windows; ++i) {
      drafts.push_back(static_cast<int32_t>(random() % model.vocabulary));
      level.push_back(model.steps);
    }
  }
};

Result run_noise(int32_t hidden, int32_t count, bool fresh, const Options& options) {
  Stream stream(hidden, count);
  NoiseArgs args;
  args.table = stream.model.table();
  args.schedule = stream.model.schedule();
  args.drafts = stream.drafts.data();
  args.level = stream.level.data();
  args.z = stream.z.data();
  args.rows = 2;
  args.row_stride = static_cast<int64_t>(count) * hidden;
  EnterArgs entering{{}, 7, args.table, args.schedule, args.drafts, args.level, stream.z.data()};
  if (fresh) std::fill(stream.drafts.begin(), stream.drafts.end(), kNoDraft);
  const Bandwidth bandwidth;
  const Times times = time_calls(options.calls, [&](int32_t i) {
    args.window = {i % stream.windows * count, count, count * stream.windows};
    args.out = stream.out.data() + 2 * args.row_stride * (i % stream.windows);
    entering.window = args.window;
    if (fresh) options.target.kernels->enter(entering);
    options.target.kernels->noise(args);
  });
  const double row = 4.0 * count * hidden;
  const double floor = (fresh ? 0 : row / bandwidth.read) + (fresh ? 3 : 2) * row / bandwidth.write;
  const std::string shape = "[" + std::to_string(count) + "," + std::to_string(hidden) + "] x 2" +
                            (fresh ? " fresh" : "");
  return {"noise", shape, "f32", "", times, floor};
}

Result run_refine(int32_t hidden, int32_t count, const Options& options) {
  Stream stream(hidden, count);
  RefineArgs args;
  args.table = stream.model.table();
  args.schedule = stream.model.schedule();
  args.drafts = stream.drafts.data();
  args.level = stream.level.data();
  args.z = stream.z.data();
  const Bandwidth bandwidth;
  const Times times = time_calls(options.calls, [&](int32_t i) {
    args.window = {i % stream.windows * count, count, count * stream.windows};
    for (int32_t j = 0; j < count; ++j) args.level[args.window.slot(j)] = stream.model.steps;
    options.target.kernels->refine(args);
  });
  const double row = 4.0 * count * hidden;
  const std::string shape = "[" + std::to_string(count) + "," + std::to_string(hidden) + "]";
  // The write goes to lines that were just read: it costs a write-back, which memset pays as well.
  return {"refine", shape, "f32", "", times, 2 * row / bandwidth.read + row / bandwidth.write};
}

std::vector<VerifyCase> verify_cases() {
  using enum Coupling;
  using enum ElementType;
  std::vector<VerifyCase> cases;
  for (Coupling coupling : {Gumbel, Maximal, Independent}) {
    cases.push_back({2, 96, 16384, F32, coupling, 2000, 1, Rows::Normal});
    cases.push_back({2, 32, 65536, F32, coupling, 2000, 1, Rows::Normal});
    cases.push_back({2, 96, 16384, F32, coupling, 0, 1, Rows::Normal});
    cases.push_back({2, 96, 16384, F32, coupling, 2000, 0.9f, Rows::Normal});
    cases.push_back({2, 96, 16384, F32, coupling, 0, 0.9f, Rows::Normal});
    cases.push_back({2, 32, 512, F32, coupling, 0, 1, Rows::Normal});
    cases.push_back({2, 32, 512, F32, coupling, 100, 1, Rows::Normal});
    cases.push_back({2, 8, 512, F32, coupling, 0, 1, Rows::Normal});
  }
  for (Coupling coupling : {Gumbel, Maximal}) {
    for (ElementType type : {F16, BF16}) {
      cases.push_back({2, 96, 16384, type, coupling, 2000, 1, Rows::Normal});
    }
    for (Rows rows : {Rows::Peaked, Rows::Flat, Rows::Masked}) {
      cases.push_back({2, 96, 16384, F32, coupling, 2000, 1, rows});
    }
    cases.push_back({1, 96, 16384, F32, coupling, 2000, 1, Rows::Normal});
  }
  return cases;
}

std::string machine_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

void print(const Options& options, const Bandwidth& bandwidth, const std::vector<Result>& results) {
  const std::string machine = machine_name();
  const unsigned cores = std::thread::hardware_concurrency();
  if (!options.json) {
    std::printf("%s, %u cores; %s; read %.1f GB/s, write %.1f GB/s\n\n", machine.c_str(), cores,
                options.target.name, bandwidth.read / 1e6, bandwidth.write / 1e6);
    std::printf("%-7s %-44s %-5s %-12s %9s %9s %9s %9s %7s\n", "kernel", "shape", "dtype",
                "coupling", "median ms", "min", "max", "floor", "ratio");
    for (const Result& r : results) {
      std::printf("%-7s %-44s %-5s %-12s %9.4f %9.4f %9.4f %9.4f %7.2f\n", r.kernel.c_str(),
                  r.shape.c_str(), r.dtype.c_str(), r.coupling.c_str(), r.times.median, r.times.min,
                  r.times.max, r.floor, r.times.median / r.floor);
    }
    return;
  }
  std::printf(
      "{\"machine\":{\"processor\":\"%s\",\"cores\":%u,\"target\":\"%s\",\"threads\":1,"
      "\"readGBs\":%.2f,\"writeGBs\":%.2f},\n\"results\":[",
      machine.c_str(), cores, options.target.name, bandwidth.read / 1e6, bandwidth.write / 1e6);
  const char* separator = "\n";
  for (const Result& r : results) {
    std::printf(
        "%s{\"kernel\":\"%s\",\"shape\":\"%s\",\"dtype\":\"%s\",\"coupling\":\"%s\","
        "\"implementation\":\"native\",\"medianMs\":%.5f,\"minMs\":%.5f,\"maxMs\":%.5f,"
        "\"floorMs\":%.5f}",
        separator, r.kernel.c_str(), r.shape.c_str(), r.dtype.c_str(), r.coupling.c_str(),
        r.times.median, r.times.min, r.times.max, r.floor);
    separator = ",\n";
  }
  std::printf("\n]}\n");
}

int run(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
    if (name == "--json") {
      options.json = true;
      continue;
    }
    ++i;
    if (name == "--filter") {
      options.filter = value;
    } else if (name == "--calls") {
      options.calls = std::max(1, std::atoi(value.c_str()));
    } else if (name == "--target") {
      for (const cpu::Target& target : cpu::targets()) {
        if (value == target.name) options.target = target;
      }
    } else {
      std::fprintf(stderr,
                   "Expected --json, --filter text, --target name or --calls n but "
                   "received %s\n",
                   name.c_str());
      return 2;
    }
  }
  const Bandwidth bandwidth;
  std::vector<Result> results;
  const auto chosen = [&](const std::string& text) {
    return text.find(options.filter) != std::string::npos;
  };
  for (const VerifyCase& c : verify_cases()) {
    const std::string shape = "verify [" + std::to_string(c.rows) + "," + std::to_string(c.count) +
                              "," + std::to_string(c.vocabulary) + "]";
    if (chosen(shape)) results.push_back(run_verify(c, options));
  }
  for (auto [hidden, count] : {std::pair{256, 32}, {1024, 96}, {4096, 96}}) {
    if (chosen("noise")) {
      results.push_back(run_noise(hidden, count, false, options));
      results.push_back(run_noise(hidden, count, true, options));
    }
    if (chosen("refine")) results.push_back(run_refine(hidden, count, options));
  }
  print(options, bandwidth, results);
  return 0;
}

}  // namespace
}  // namespace sjd2::bench

int main(int argc, char** argv) { return sjd2::bench::run(argc, argv); }
