// What the transformer says behind tokens of one's own choice, for checks of a model: see
// Generation::trace.
#include "decode/generation.h"
#include "error.h"

namespace sjd2 {

std::vector<float> Generation::trace(const std::vector<int32_t>& prefix,
                                     const std::vector<int32_t>& drafts, const Download& download) {
  const auto n = static_cast<int32_t>(prefix.size());
  const int32_t width = static_cast<int32_t>(drafts.size()) + 1;
  const auto refuse = [](bool wrong, const char* what) {
    if (wrong) throw Error(codes::kArgument, what);
  };
  if (pass_ > 0) throw Error(codes::kState, "Only a generation without passes can be traced");
  refuse(settings_.coupling != Coupling::Gumbel, "a trace needs Gumbel coupling: it has no laws");
  refuse(width > settings_.capacity, "prefix and drafts: more drafts than the window has room for");
  refuse(n + width > settings_.length, "prefix and drafts: longer than the image");
  refuse(n > traced_, "the prefix reaches beyond what earlier traces fed");
  for (const auto* tokens : {&prefix, &drafts}) {
    for (const int32_t token : *tokens) {
      refuse(token < 0 || token >= table_.vocabulary, "a token lies outside the image vocabulary");
    }
  }
  tokens_ = prefix;
  const Window window = open_window(width);
  const auto put = [&](int32_t position, int32_t token) {
    drafts_[position % drafts_.size()] = token;
    window_->put(position, token, 0, InitialLaw::None);
  };
  // The window's left neighbour is fed, too, and another trace may have left its slot to another.
  if (n > 0) put(n - 1, prefix[n - 1]);
  for (int32_t j = 0; j + 1 < width; ++j) put(n + j, drafts[j]);
  put(n + width - 1, kNoDraft);
  if (traced_ == 0) prefill();
  transformer_->run(write_inputs(window));
  const TransformerShape& shape = transformer_->shape();
  std::vector<float> logits =
      host_logits(transformer_->logits(), size_t(shape.rows) * width * shape.vocabulary,
                  shape.logits, download);
  // Refuses NaN, and is what a window waits for between two passes.
  verify(window, Coupling::Gumbel, 0);
  traced_ = n + width;
  return logits;
}

}  // namespace sjd2
