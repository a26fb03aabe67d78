#include "decode/generation.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>

#include "error.h"
#include "kernels/philox.h"

namespace sjd2 {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw Error(codes::kArgument, what);
}

void check(const Settings& s, const EmbeddingTable& table, const TransformerShape& shape) {
  const Grid& sketch = s.sketch;
  require(sketch.rows >= 0 && (sketch.rows == 0 || sketch.columns >= 1), "empty sketch");
  require(s.length > sketch.tokens() && s.columns >= 1, "empty image");
  require(s.prompt_lengths.size() == size_t(shape.rows) && s.shared_prompt() >= 1, "empty prompt");
  require(s.capacity >= 1, "the window capacity must be at least 1");
  require(table.hidden == shape.hidden && table.vocabulary == shape.vocabulary,
          "the embedding table does not fit the transformer");
  size_t rows = 0;
  for (const int32_t length : s.prompt_lengths) rows += length;
  require(s.prompt.size() == rows * shape.hidden,
          "the prompt must have prompt_lengths * hidden floats");
  require(s.padded_prompt == 0 || s.padded_prompt >= s.shared_prompt() + s.longer_prompt(),
          "the prompt is longer than the model's");
  require(s.row_end.size() % shape.hidden == 0,
          "the row end must have whole rows of hidden floats");
  require(s.most_positions(shape.hidden) <= shape.max_length,
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

int32_t Settings::shared_prompt() const {
  return *std::min_element(prompt_lengths.begin(), prompt_lengths.end());
}

int32_t Settings::longer_prompt() const {
  return *std::max_element(prompt_lengths.begin(), prompt_lengths.end()) - shared_prompt();
}

// The last token is never fed; its place is for the row that keeps a single one company.
int32_t Settings::most_positions(int32_t hidden) const {
  return shared_prompt() + longer_prompt() + plan(hidden).row_of(length - 1) + 1;
}

int32_t Settings::most_inputs(int32_t hidden) const {
  return std::max(longer_prompt(), shared_prompt() + plan(hidden).most_rows(capacity) - 1);
}

Generation::Generation(Settings settings, EmbeddingTable table,
                       std::unique_ptr<Transformer> transformer, WindowFactory make_window)
    : settings_(std::move(settings)),
      sequence_(settings_.plan(table.hidden)),
      table_(table),
      transformer_(std::move(transformer)),
      make_window_(std::move(make_window)) {
  check(settings_, table_, transformer_->shape());
  window_ = make_window_(window_spec(settings_.coupling != Coupling::Gumbel));
  drafts_.assign(size_t(settings_.capacity) + 1, kNoDraft);
  tokens_.reserve(settings_.length);
}

WindowSpec Generation::window_spec(bool laws) const {
  return {table_, settings_.schedule.view(), settings_.capacity + 1, laws,
          settings_.initial == Initial::Noise};
}

PassReport Generation::pass(const PassOptions& options) {
  const PassPlan plan = this->plan(options);
  transformer_->run(plan.rows);
  return finish(plan);
}

PassPlan Generation::plan(const PassOptions& options) {
  require(options.window >= 1 && options.window <= settings_.capacity,
          "the window must lie between 1 and the capacity of the generation");
  if (done()) throw Error(codes::kState, "The image is complete: there is nothing left to decode");

  PassPlan plan;
  plan.start = std::chrono::steady_clock::now();
  plan.window = open_window(options.window);
  plan.relaxed = options.relaxed;
  if (pass_ == 0) prefill();
  enter(plan.window);
  plan.drafts = count_drafts(plan.window);
  plan.rows = write_inputs(plan.window);
  return plan;
}

PassReport Generation::finish(const PassPlan& plan) {
  const Window& window = plan.window;
  const VerifyResult verdict = verify(window, settings_.coupling, plan.relaxed);
  commit(window, std::min(window.count, verdict.accepted + 1));
  window_->refine({committed(), window.first + window.count - committed(), window.capacity});
  ++pass_;

  PassReport report;
  report.window = window.count;
  report.drafts = plan.drafts;
  report.accepted = verdict.accepted;
  report.committed = committed() - window.first;
  report.kept = verdict.kept;
  report.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - plan.start).count();
  report.model_seconds = window_->model_seconds();
  report.kernel_seconds = std::max(0.0, report.seconds - report.model_seconds);
  return report;
}

Window Generation::open_window(int32_t width) const {
  return {committed(), std::min(width, settings_.length - committed()), settings_.capacity + 1};
}

// The image positions among a pass's inputs: the last committed token (the first pass has the
// prompt in its place), then the window without its last position, whose input only the next pass
// needs.
Window Generation::fed(const Window& window) const {
  const int32_t first = std::max(0, window.first - 1);
  return {first, window.first + window.count - 1 - first, window.capacity};
}

// Gives every position that the window reaches for the first time its initial draft or noise, fed
// in this pass or not.
void Generation::enter(const Window& window) {
  const int32_t begin = entered_, end = window.first + window.count;
  const int64_t steps = settings_.schedule.steps();
  for (; entered_ < end; ++entered_) {
    int32_t draft = kNoDraft, level = 0;
    InitialLaw law = InitialLaw::None;
    if (settings_.initial == Initial::Noise) {
      const bool rising = settings_.schedule.staggered && window.first == 0;
      level = static_cast<int32_t>(rising ? std::min(steps, 1 + entered_ * steps / window.count)
                                          : steps);
    } else {
      draft = initial_draft(entered_, &law);
    }
    drafts_[entered_ % window.capacity] = draft;
    window_->put(entered_, draft, level, law);
  }
  if (settings_.initial != Initial::Noise || begin >= end) return;
  window_->enter({begin, end - begin, window.capacity}, settings_.seed);
}

// Also names the law q that the draft was really drawn from.
int32_t Generation::initial_draft(int32_t position, InitialLaw* law) const {
  if (settings_.initial == Initial::None) return kNoDraft;
  const int32_t above = settings_.initial == Initial::Up ? sequence_.above(position) : -1;
  const int32_t source = above >= 0 ? above : position - 1;
  const bool copy = settings_.initial != Initial::Uniform && source >= 0;
  if (copy && token_at(source) != kNoDraft) {
    *law = InitialLaw::OneHot;
    return token_at(source);
  }
  *law = InitialLaw::Uniform;
  const PhiloxBlock words = philox(settings_.seed, position, 0, Purpose::InitialDraft, 0);
  return static_cast<int32_t>(uint64_t{words[0]} * table_.vocabulary >> 32);
}

int32_t Generation::count_drafts(const Window& window) const {
  int32_t count = 0;
  for (int32_t j = 0; j < window.count; ++j) count += drafts_[window.slot(j)] != kNoDraft;
  return count;
}

int32_t Generation::token_at(int32_t position) const {
  return position < committed() ? tokens_[position] : drafts_[position % (settings_.capacity + 1)];
}

// Where a pass's input rows begin, counted from the image's first one: with the last committed
// token, or with what all prompts have.
int32_t Generation::first_input(const Window& window) const {
  return window.first == 0 ? -settings_.shared_prompt() : sequence_.row_of(window.first - 1);
}

// They end before the window's last position, whose input only the next pass needs.
InputRows Generation::inputs(const Window& window) const {
  const int32_t first = first_input(window), end = window.first + window.count;
  InputRows rows{settings_.prompt_lengths, sequence_.row_of(end - 1) - first, {}, offsets()};
  for (int32_t& cached : rows.cached) cached += first;
  for (int32_t j = window.first; j < end; ++j) rows.laws.push_back(sequence_.row_of(j) - 1 - first);
  return rows;
}

std::vector<int32_t> Generation::offsets() const {
  if (settings_.padded_prompt == 0) return {};
  std::vector<int32_t> offsets;
  for (const int32_t length : settings_.prompt_lengths) {
    offsets.push_back(settings_.padded_prompt - length);
  }
  return offsets;
}

InputRows Generation::write_inputs(const Window& window) {
  InputRows rows = inputs(window);
  noise(window, rows.count);
  return rows;
}

// Feeds what a longer prompt has more than the shortest. Its row is run with the others, which read
// something meanwhile that the first pass overwrites.
void Generation::prefill() {
  const int32_t more = settings_.longer_prompt();
  if (more == 0) return;
  const TransformerShape& shape = transformer_->shape();
  float* out = transformer_->inputs();
  const float* prompt = settings_.prompt.data();
  for (const int32_t length : settings_.prompt_lengths) {
    for (int32_t j = 0; j < more; ++j, out += shape.hidden) {
      window_->copy_inputs(out, prompt + size_t(std::min(j, length - 1)) * shape.hidden,
                           shape.hidden);
    }
    prompt += size_t(length) * shape.hidden;
  }
  InputRows rows = InputRows::consecutive(shape.rows, 0, more, more - 1);
  rows.offsets = offsets();
  if (!rows.offsets.empty()) {
    // What the others read may lie anywhere in the rotary table, but not behind its end.
    rows.offsets.assign(shape.rows, *std::min_element(rows.offsets.begin(), rows.offsets.end()));
  }
  transformer_->run(rows);
}

// Writes the input rows: the prompt in the first pass, then the positions fed, and the end of each
// raster row among them.
void Generation::noise(const Window& window, int32_t count) {
  const TransformerShape& shape = transformer_->shape();
  const int64_t hidden = shape.hidden, row_stride = count * hidden;
  float* const inputs = transformer_->inputs();
  if (window.first == 0) {
    const int64_t shared = settings_.shared_prompt() * hidden;
    const float* end = settings_.prompt.data();
    for (int32_t row = 0; row < shape.rows; ++row) {
      end += settings_.prompt_lengths[row] * hidden;
      window_->copy_inputs(inputs + row * row_stride, end - shared, shared);
    }
  }
  const int32_t begin = first_input(window);
  const Window all = fed(window);
  const int32_t fed_end = all.first + all.count;
  int32_t first = all.first;
  do {
    // As many positions as have nothing between them.
    const int32_t end = std::min(sequence_.side_by_side(first), fed_end);
    NoiseArgs args;
    args.window = {first, end - first, all.capacity};
    args.out = inputs + (sequence_.row_of(first) - begin) * hidden;
    args.rows = shape.rows;
    args.row_stride = row_stride;
    window_->noise(args);
    const int64_t behind = sequence_.row_of(end - 1) + 1 - begin;
    if (end < sequence_.side_by_side(first)) break;
    for (int32_t row = 0; row < shape.rows; ++row) {
      window_->copy_inputs(inputs + row * row_stride + behind * hidden, settings_.row_end.data(),
                           settings_.row_end.size());
    }
    first = end;
  } while (first < fed_end);
}

VerifyResult Generation::verify(const Window& window, Coupling coupling, int32_t relaxed) {
  VerifyArgs args;
  args.window = window;
  args.relaxed = relaxed;
  args.seed = settings_.seed;
  args.pass = pass_;
  args.coupling = coupling;
  args.sampler = settings_.sampler;
  args.logits = transformer_->logits();
  args.type = transformer_->shape().logits;
  args.rows = transformer_->shape().rows;
  std::vector<int32_t> tokens;
  const VerifyResult verdict = window_->verify(args, tokens);
  if (verdict.fault != VerifyFault::None) {
    throw Error(codes::kNumerics,
                "The logits of image position " + std::to_string(window.first + verdict.bad_row) +
                    (verdict.fault == VerifyFault::NotANumber
                         ? " hold NaN or +infinity: the model or its cache is damaged"
                         : " are all masked: no token can follow"));
  }
  for (int32_t j = 0; j < window.count; ++j) drafts_[window.slot(j)] = tokens[j];
  return verdict;
}

void Generation::commit(const Window& window, int32_t count) {
  for (int32_t j = 0; j < count; ++j) tokens_.push_back(drafts_[window.slot(j)]);
}

std::vector<double> Generation::score(const std::vector<int32_t>& tokens) {
  if (pass_ > 0) throw Error(codes::kState, "Only a fresh generation can score tokens");
  require(tokens.size() == size_t(settings_.length), "score takes the tokens of one whole image");
  for (const int32_t token : tokens) {
    require(token >= 0 && token < table_.vocabulary, "a token lies outside the image vocabulary");
  }
  if (settings_.coupling == Coupling::Gumbel) window_ = make_window_(window_spec(true));
  const auto put = [&](int32_t position) {
    drafts_[position % drafts_.size()] = tokens[position];
    window_->put(position, tokens[position], 0, InitialLaw::None);
  };
  prefill();
  std::vector<double> nll;
  while (!done()) {
    const Window window = open_window(settings_.capacity);
    for (int32_t j = 0; j < window.count; ++j) put(window.first + j);
    transformer_->run(write_inputs(window));
    verify(window, Coupling::Maximal, 0);
    for (const float p : window_->probabilities(window, tokens.data() + window.first)) {
      nll.push_back(-std::log(double{p}));
    }
    // Verify drew tokens of its own; the last position's is the first input of the next pass.
    for (int32_t j = 0; j < window.count; ++j) drafts_[window.slot(j)] = tokens[window.first + j];
    put(window.first + window.count - 1);
    commit(window, window.count);
    ++pass_;
  }
  return nll;
}

std::vector<int32_t> Generation::drafts() const {
  std::vector<int32_t> open;
  for (int32_t i = committed(); i < entered_; ++i) open.push_back(token_at(i));
  return open;
}

}  // namespace sjd2
