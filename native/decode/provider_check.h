// Whether an execution provider computes what the engine asks of it, found out by asking: the same
// rows in one wide run and in narrow ones must give the same logits.
#pragma once

#include "decode/onnx_transformer.h"

namespace sjd2 {

// Limits the decoder's runs to the width up to which its provider is right. Throws ERR_DEVICE where
// even narrow runs contradict each other: lengths that a run does not see, a cache that it does not
// write, attention that it gets wrong. Half a dozen passes; nothing for the CPU provider, which
// every test runs on.
void check_provider(OnnxDecoder& decoder);

// Throws ERR_DEVICE, with their names, where nodes that carry a layer's weights or its cache were
// left to the CPU: every pass would cross the bus for them. Arithmetic on lengths and shapes may be
// there.
void refuse_layers_on_cpu(const ort::Graph& graph, const char* provider);

}  // namespace sjd2
