#include "decode/generation.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <string>

#include "error.h"
#include "kernels/philox.h"

namespace sjd2 {
namespace {

class Stopwatch {
 public:
  // Seconds since construction or the last lap.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - start_).count();
    start_ = now;
    return seconds;
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void require(bool holds, const char* what) {
  if (!holds) throw Error(codes::kArgument, what);
}

void check(const Settings& s, const EmbeddingTable& table, const TransformerShape& shape) {
  require(s.length >= 1 && s.columns >= 1 && s.prompt_length >= 1, "empty image or prompt");
  require(s.capacity >= 1, "the window capacity must be at least 1");
  require(table.hidden == shape.hidden && table.vocabulary == shape.vocabulary,
          "the embedding table does not fit the transformer");
  require(s.prompt.size() == size_t(shape.rows) * s.prompt_length * shape.hidden,
          "the prompt must have rows * prompt_length * hidden floats");
  require(s.prompt_length + s.length <= shape.max_length,
          "prompt and image together are longer than the model's KV cache");
  require(s.schedule.steps() >= 0 && s.schedule.alpha.size() == s.schedule.sigma.size() &&
              s.schedule.tau.size() == s.schedule.alpha.size() * size_t(shape.hidden),
          "a schedule of K steps has K + 1 alphas, sigmas and timestep embeddings");
  require(s.initial != Initial::Noise || s.schedule.steps() >= 1,
          "positions that enter as noise need a schedule of at least one step");
  require(s.initial != Initial::None || s.capacity == 1,
          "positions without a draft or noise can not be fed: the window must be 1");
}

}  // namespace

Generation::Generation(Settings settings, EmbeddingTable table,
                       std::unique_ptr<Transformer> transformer, Device& device,
                       const Kernels& kernels)
    : settings_(std::move(settings)),
      table_(table),
      transformer_(std::move(transformer)),
      kernels_(kernels) {
  check(settings_, table_, transformer_->shape());
  const size_t slots = size_t(settings_.capacity) + 1;
  drafts_ = Buffer<int32_t>(device, slots);
  level_ = Buffer<int32_t>(device, slots);
  kept_ = Buffer<uint8_t>(device, settings_.capacity);
  scratch_ = Buffer<float>(device, verify_scratch_floats(table_.vocabulary, settings_.capacity));
  if (settings_.coupling != Coupling::Gumbel) {
    laws_ = Buffer<float>(device, slots * table_.vocabulary);
  }
  if (settings_.initial == Initial::Noise) z_ = Buffer<float>(device, slots * table_.hidden);
  tokens_.reserve(settings_.length);
}

PassReport Generation::pass(const PassOptions& options) {
  require(options.window >= 1 && options.window <= settings_.capacity,
          "the window must lie between 1 and the capacity of the generation");
  if (done()) throw Error(codes::kState, "The image is complete: there is nothing left to decode");

  Stopwatch total, watch;
  PassReport report;
  const Window window = open_window(options.window);
  const int32_t fresh_from = entered_;
  enter(window);
  report.window = window.count;
  report.drafts = count_drafts(window);

  noise(window, fresh_from);
  report.kernel_seconds += watch.lap();
  run(window);
  report.model_seconds = watch.lap();
  const VerifyResult verdict = verify(window, settings_.coupling, options.passable_level);
  commit(window, std::min(window.count, verdict.passed + 1));
  refine({committed(), window.first + window.count - committed(), window.capacity});
  report.kernel_seconds += watch.lap();

  ++pass_;
  report.accepted = verdict.passed;
  report.committed = committed() - window.first;
  report.kept = verdict.kept;
  report.seconds = total.lap();
  return report;
}

Window Generation::open_window(int32_t width) const {
  return {committed(), std::min(width, settings_.length - committed()), settings_.capacity + 1};
}

// Gives every position that the window reaches for the first time its initial draft or noise.
void Generation::enter(const Window& window) {
  const int32_t end = window.first + window.count;
  const int32_t steps = settings_.schedule.steps();
  for (; entered_ < end; ++entered_) {
    const int32_t slot = entered_ % window.capacity;
    if (settings_.initial == Initial::Noise) {
      const bool rising = settings_.schedule.staggered && window.first == 0;
      drafts_[slot] = kNoDraft;
      level_[slot] = rising ? std::min(steps, 1 + entered_ * steps / window.count) : steps;
    } else {
      float* law = laws_.size() ? laws_.data() + size_t(slot) * table_.vocabulary : nullptr;
      drafts_[slot] = initial_draft(entered_, law);
      level_[slot] = 0;
    }
  }
}

// Also writes the law q that the draft was really drawn from, where a coupling needs it.
int32_t Generation::initial_draft(int32_t position, float* law) const {
  if (settings_.initial == Initial::None) return kNoDraft;
  const int32_t source = settings_.initial == Initial::Up && position >= settings_.columns
                             ? position - settings_.columns
                             : position - 1;
  const bool copy = settings_.initial != Initial::Uniform && source >= 0;
  if (copy && token_at(source) != kNoDraft) {
    const int32_t token = token_at(source);
    if (law) {
      std::fill_n(law, table_.vocabulary, 0.0f);
      law[token] = 1.0f;
    }
    return token;
  }
  if (law) std::fill_n(law, table_.vocabulary, 1.0f / static_cast<float>(table_.vocabulary));
  const PhiloxBlock words = philox(settings_.seed, position, 0, Purpose::InitialDraft, 0);
  return static_cast<int32_t>(uint64_t{words[0]} * table_.vocabulary >> 32);
}

int32_t Generation::count_drafts(const Window& window) const {
  int32_t count = 0;
  for (int32_t j = 0; j < window.count; ++j) count += drafts_[window.slot(j)] != kNoDraft;
  return count;
}

int32_t Generation::lead() const { return committed() == 0 ? settings_.prompt_length : 1; }

int32_t Generation::token_at(int32_t position) const {
  return position < committed() ? tokens_[position] : drafts_[position % (settings_.capacity + 1)];
}

// Writes the input rows: the prompt before the first pass, the last committed token before any
// other (it sits in the ring as a clean position), then the window without its last position.
void Generation::noise(const Window& window, int32_t fresh_from) {
  const TransformerShape& shape = transformer_->shape();
  const bool first = committed() == 0;
  const int32_t count = lead() + window.count - 1;
  const int64_t row_stride = int64_t{count} * shape.hidden;
  float* out = transformer_->inputs();
  if (first) {
    const size_t floats = size_t(settings_.prompt_length) * shape.hidden;
    for (int32_t row = 0; row < shape.rows; ++row) {
      std::memcpy(out + row * row_stride, settings_.prompt.data() + row * floats,
                  floats * sizeof(float));
    }
    out += floats;
  }
  NoiseArgs args;
  args.window = first ? window : Window{window.first - 1, window.count + 1, window.capacity};
  args.fed = args.window.count - 1;
  args.fresh_from = fresh_from;
  args.seed = settings_.seed;
  args.table = table_;
  args.levels = settings_.schedule.levels();
  args.drafts = drafts_.data();
  args.level = level_.data();
  args.z = z_.data();
  args.out = out;
  args.rows = shape.rows;
  args.row_stride = row_stride;
  kernels_.noise(args);
}

void Generation::run(const Window& window) {
  const int32_t count = lead() + window.count - 1;
  const int32_t cached = committed() == 0 ? 0 : settings_.prompt_length + committed() - 1;
  try {
    if (!cancelled_) transformer_->run(cached, count, lead() - 1);
  } catch (const Error&) {
    if (!cancelled_) throw;
  }
  if (cancelled_) throw Error(codes::kAborted, "The generation was aborted");
}

VerifyResult Generation::verify(const Window& window, Coupling coupling, int32_t passable_level) {
  VerifyArgs args;
  args.window = window;
  args.fed = window.count - 1;
  args.passable_level = passable_level;
  args.seed = settings_.seed;
  args.pass = pass_;
  args.coupling = coupling;
  args.sampler = settings_.sampler;
  args.logits = transformer_->logits();
  args.type = transformer_->shape().logits;
  args.rows = transformer_->shape().rows;
  args.vocabulary = table_.vocabulary;
  args.drafts = drafts_.data();
  args.level = level_.data();
  args.laws = laws_.data();
  args.scratch = scratch_.data();
  args.kept = kept_.data();
  const VerifyResult verdict = kernels_.verify(args);
  if (verdict.fault != VerifyFault::None) {
    throw Error(codes::kNumerics,
                "The logits of image position " + std::to_string(window.first + verdict.bad_row) +
                    (verdict.fault == VerifyFault::NotANumber
                         ? " hold NaN or +infinity: the model or its cache is damaged"
                         : " are all masked: no token can follow"));
  }
  return verdict;
}

void Generation::commit(const Window& window, int32_t count) {
  for (int32_t j = 0; j < count; ++j) tokens_.push_back(drafts_[window.slot(j)]);
  level_[window.slot(count - 1)] = 0;  // it is fed as an ordinary token from now on
}

void Generation::refine(const Window& window) {
  if (settings_.initial != Initial::Noise || window.count == 0) return;
  RefineArgs args;
  args.window = window;
  args.table = table_;
  args.levels = settings_.schedule.levels();
  args.drafts = drafts_.data();
  args.level = level_.data();
  args.z = z_.data();
  kernels_.refine(args);
}

std::vector<double> Generation::score(const std::vector<int32_t>& tokens) {
  if (pass_ > 0) throw Error(codes::kState, "Only a fresh generation can score tokens");
  require(tokens.size() == size_t(settings_.length), "score takes the tokens of one whole image");
  for (const int32_t token : tokens) {
    require(token >= 0 && token < table_.vocabulary, "a token lies outside the image vocabulary");
  }
  laws_ = Buffer<float>(host(), (size_t(settings_.capacity) + 1) * table_.vocabulary);
  std::vector<double> nll;
  while (!done()) {
    const Window window = open_window(settings_.capacity);
    for (int32_t j = 0; j < window.count; ++j) {
      drafts_[window.slot(j)] = tokens[window.first + j];
      level_[window.slot(j)] = 0;
    }
    noise(window, settings_.length);
    run(window);
    verify(window, Coupling::Maximal, 0);
    for (int32_t j = 0; j < window.count; ++j) {
      const int32_t slot = window.slot(j), token = tokens[window.first + j];
      nll.push_back(-std::log(double{laws_[size_t(slot) * table_.vocabulary + token]}));
      drafts_[slot] = token;
    }
    commit(window, window.count);
    ++pass_;
  }
  return nll;
}

void Generation::cancel() noexcept {
  cancelled_ = true;
  transformer_->terminate();
}

std::vector<int32_t> Generation::drafts() const {
  std::vector<int32_t> open;
  for (int32_t i = committed(); i < entered_; ++i) open.push_back(token_at(i));
  return open;
}

}  // namespace sjd2
