// What layer 0 receives for each image token, [vocabulary, hidden] floats in host memory. It may
// have gigabytes, so the thread that loads a model fetches it, to where it stays.
#pragma once

#include <cstdint>
#include <string>

#include "device/device.h"
#include "kernels/kernels.h"
#include "ort/interrupt.h"
#include "ort/session.h"

namespace sjd2 {

struct ImageTableSource {
  std::string path;
  // `path` is a graph, image_ids -> inputs_embeds, that computes the table of all ids; else a file
  // that holds it.
  bool computed = false;
  std::string name;    // of the tensor in the file, for messages
  uint64_t begin = 0;  // its first byte
  ElementType type = ElementType::F32;
};

// Throws ERR_MODEL for a value that is not finite, a file that cannot be read or is too short, and
// a graph that does not fit; ERR_MEMORY; ERR_ABORTED soon after the interrupt has fired.
Buffer<float> fetch_image_table(ort::Library& library, const ImageTableSource& source,
                                int32_t vocabulary, int32_t hidden,
                                const ort::GraphOptions& options, const ort::Interrupt& interrupt);

}  // namespace sjd2
