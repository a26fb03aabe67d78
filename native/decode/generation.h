// The state of one generation and its one operation, a pass: noise -> run -> verify -> refine.
//
// All positions are image positions; what a model wants between them is fed with them and never
// decided about (sequence_plan.h).
//
// Who may change which length (n = committed tokens):
//
//   length     is                                         changed by
//   committed  final tokens, tokens().size() = n          commit()
//   cached     input rows with valid keys and values: all derived: prompt + row_of(n - 1), before
//              before the last committed token's          the first pass what prefill() fed
//   entered    positions that ever had a draft or noise   enter()
//   window     the positions a pass works on: n up to     open_window()
//              min(n + W, length)
//   fed        positions whose inputs a pass reads: the   fed(): one ahead of the window, since an
//              window, one to the left                    output is the law of the NEXT token
//
// committed <= entered <= committed + capacity, so a ring of capacity + 1 slots holds every open
// position and the last committed token, which is the first input of the next pass. Rejected drafts
// need no clean-up: the next pass names a shorter past and overwrites their keys and values.
//
// Where those rings lie is the window state's business, in host memory or on a GPU. The host
// decides with the committed tokens and a copy of the open drafts, which every verify brings back.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "decode/logits.h"
#include "decode/sequence_plan.h"
#include "decode/transformer.h"
#include "decode/window_state.h"
#include "kernels/kernels.h"

namespace sjd2 {

// What a position holds when it enters the window.
enum class Initial : int32_t {
  None = 0,     // nothing; for a window of one, which feeds no draft (AR)
  Noise = 1,    // z ~ N(0, I) at level K (SJD2)
  Uniform = 2,  // a uniform token, q = 1 / V (SJD)
  Left = 3,     // a copy of the left neighbour's token, q one-hot
  Up = 4,       // a copy of the upper neighbour's token in the raster, q one-hot
};

// The schedule of K denoising steps, as arrays over the levels 0 (clean) to K (noise).
struct OwnedSchedule {
  std::vector<float> alpha, sigma;  // [K + 1]
  std::vector<float> tau;           // [K + 1, hidden]
  bool staggered = false;           // first window: noise rises along it instead of K everywhere
  int32_t steps() const { return static_cast<int32_t>(alpha.size()) - 1; }
  Schedule view() const { return {alpha.data(), sigma.data(), tau.data(), steps()}; }
};

struct Settings {
  // Input embeddings of each row's prompt, begin token included, one row's behind the other's.
  std::vector<float> prompt;
  std::vector<int32_t> prompt_lengths;  // [rows]
  // Above 0: the image's rows of the rotary table begin here, whatever the prompt's length, as if
  // prompts were padded on the left to this length and masked there. The padding is left out, and
  // the table read as if it were there.
  int32_t padded_prompt = 0;
  // [row end, hidden] input embeddings of what follows the last token of every raster row.
  std::vector<float> row_end;
  int32_t length = 0;    // image tokens to generate, the sketch's among them
  Grid sketch;           // drawn before the picture; without rows for none
  int32_t columns = 0;   // tokens per raster row of the picture
  int32_t capacity = 0;  // the widest window that will be asked for
  uint64_t seed = 0;
  Coupling coupling = Coupling::Gumbel;
  Sampler sampler;
  Initial initial = Initial::Noise;
  OwnedSchedule schedule;

  SequencePlan plan(int32_t hidden) const {
    return {sketch, columns, static_cast<int32_t>(row_end.size()) / hidden};
  }
  // Of the shortest prompt, and how much longer the longest one is.
  int32_t shared_prompt() const;
  int32_t longer_prompt() const;
  // Of the KV cache, and of the input rows of a pass, at most.
  int32_t most_positions(int32_t hidden) const;
  int32_t most_inputs(int32_t hidden) const;
};

struct PassOptions {
  int32_t window = 1;   // W, 1 to capacity
  int32_t relaxed = 0;  // 0 is STRICT
};

struct PassReport {
  int32_t window = 0;     // positions worked on
  int32_t committed = 0;  // tokens committed by this pass
  int32_t accepted = 0;   // drafts in the accepted prefix; always committed - 1
  int32_t drafts = 0;     // positions that had a draft when they were verified
  int32_t kept = 0;       // of these, the ones whose draft stayed the same token
  double model_seconds = 0, kernel_seconds = 0, seconds = 0;
};

// A pass between its two halves: what the transformer has to run, and what is done with its logits.
struct PassPlan {
  Window window;
  int32_t relaxed = 0;
  int32_t drafts = 0;
  InputRows rows;
  std::chrono::steady_clock::time_point start;
};

class Generation {
 public:
  // `table`, in host memory, must outlive the generation. The transformer's inputs and logits lie
  // where the windows of `make_window` lie.
  Generation(Settings settings, EmbeddingTable table, std::unique_ptr<Transformer> transformer,
             WindowFactory make_window);

  // One pass: plan, the transformer's run, finish. Commits at least one token; throws ERR_NUMERICS
  // for NaN, and what the transformer throws (ERR_ABORTED).
  PassReport pass(const PassOptions& options);

  // The halves, for who runs the transformer himself, with the rows of several generations. `plan`
  // lets positions enter and writes the transformer's inputs; it may be called again, if the run
  // did not come about. `finish` verifies the logits, commits and refines.
  PassPlan plan(const PassOptions& options);
  PassReport finish(const PassPlan& plan);

  // Negative log-likelihood, in nats, of each token of a whole image under the AR law of the
  // sampler: teacher-forced, `capacity` tokens a pass. For a fresh generation only.
  std::vector<double> score(const std::vector<int32_t>& tokens);

  // For checks of a model: the logits [rows, drafts + 1, vocabulary], in host memory, of a pass
  // that feeds `drafts` behind the committed tokens `prefix`, which replace what was committed. The
  // last logits are those behind the last draft. Keys and values of the prefix are what earlier
  // traces fed at its positions, right or wrong: so it may be no longer than the last one's prefix,
  // drafts and one. For a generation that makes no passes.
  std::vector<float> trace(const std::vector<int32_t>& prefix, const std::vector<int32_t>& drafts,
                           const Download& download);

  bool done() const { return committed() == settings_.length; }
  int32_t committed() const { return static_cast<int32_t>(tokens_.size()); }
  const std::vector<int32_t>& tokens() const { return tokens_; }
  // The open positions' drafts, left to right (kNoDraft where there is none), for previews.
  std::vector<int32_t> drafts() const;

 private:
  Window open_window(int32_t width) const;
  Window fed(const Window& window) const;
  void enter(const Window& window);
  int32_t initial_draft(int32_t position, InitialLaw* law) const;
  void prefill();
  InputRows write_inputs(const Window& window);
  void noise(const Window& window, int32_t count);
  VerifyResult verify(const Window& window, Coupling coupling, int32_t relaxed);
  int32_t count_drafts(const Window& window) const;
  void commit(const Window& window, int32_t count);

  int32_t first_input(const Window& window) const;
  InputRows inputs(const Window& window) const;
  std::vector<int32_t> offsets() const;
  int32_t token_at(int32_t position) const;

  WindowSpec window_spec(bool laws) const;

  const Settings settings_;
  const SequencePlan sequence_;
  const EmbeddingTable table_;
  std::unique_ptr<Transformer> transformer_;
  const WindowFactory make_window_;
  std::unique_ptr<WindowState> window_;

  std::vector<int32_t> tokens_;  // committed
  std::vector<int32_t> drafts_;  // of the open positions: a ring like the window's, on the host
  int32_t entered_ = 0;
  uint32_t pass_ = 0;
  int32_t traced_ = 0;  // the longest prefix that the next trace may have
};

}  // namespace sjd2
