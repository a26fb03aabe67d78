// A loaded model package: tables, decoder graphs by row count, the image decoder.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "addon/lazy.h"
#include "addon/setup.h"
#include "decode/growing_transformer.h"
#include "decode/image_table.h"
#include "decode/logits.h"
#include "decode/onnx_transformer.h"
#include "decode/placement.h"

namespace sjd2::addon {

// What generations share. Workers and generations hold it, so disposing the wrapper in mid-pass
// frees nothing that is in use.
struct ModelCore {
  std::string device;  // cpu, webgpu or cuda
  ort::Library* runtime = nullptr;
  ort::GraphOptions graph_options;
  DecoderShape shape;  // its rows are set per graph
  std::map<int32_t, std::string> decoder_paths;
  // In place of decoders by rows: graphs as transformers.js publishes them, see
  // growing_transformer.h.
  std::string language_model_path, head_path;
  std::string image_decoder_path, image_input, image_output;
  int64_t image_tokens = 0, image_width = 0, image_height = 0;
  ImageTableSource embedding;
  std::vector<float> mean, std;

  // These load on first use, in a worker: they may take long, and wait for another one's load. The
  // interrupt ends the reading of the table and the passes that graphs are tried with; ONNX
  // Runtime's loading of graphs has no end but its own.
  void load(int32_t rows, int32_t threads, const std::shared_ptr<const ort::Interrupt>& interrupt);
  const ort::Graph& image_decoder();
  // For a generation, over what `load` has loaded; null before that. Never waits.
  std::unique_ptr<Transformer> transformer(int32_t rows, int32_t threads, int32_t max_inputs,
                                           int32_t max_logits, int32_t positions,
                                           std::shared_ptr<const ort::Interrupt> interrupt);
  // Of what `load` has loaded, rows and types included.
  std::optional<DecoderShape> loaded_shape(int32_t rows, int32_t threads);
  // In the published layout, after `load`: how often a generation's cache is there, twice where it
  // is copied as it grows. 0 in the other one.
  int32_t growing_caches(int32_t threads);
  // For a generation, after `load`.
  EmbeddingTable table() const;
  WindowFactory windows() const;
  // From where the transformer runs; after `load`.
  Download download() const;

 private:
  std::unique_ptr<Placement> place() const;
  void load_decoder(int32_t rows, int32_t threads);
  void load_growing(int32_t threads, const std::shared_ptr<const ort::Interrupt>& interrupt);
  Lazy<OnnxDecoder>& slot(int32_t rows, int32_t threads);
  Lazy<GrowingDecoder>& growing_slot(int32_t threads);

  Lazy<Buffer<float>> embedding_;
  // Before the sessions that use its stream, so that it outlives them.
  Lazy<Placement> placement_;
  std::mutex slots_mutex_;  // of the map, not of what is in it
  std::map<std::pair<int32_t, int32_t>, Lazy<OnnxDecoder>> decoders_;
  std::map<int32_t, Lazy<GrowingDecoder>> growing_;  // by threads
  Lazy<ort::Graph> image_decoder_;
};

class Model : public Tagged<Model> {
 public:
  static constexpr napi_type_tag kTag = {0x6d6f64656c2d7361, 0x8d4b21f9e0c74f11};
  static constexpr const char* kName = "Model";
  static Napi::Function define(Napi::Env env);

  explicit Model(const Napi::CallbackInfo& info);
  std::shared_ptr<ModelCore> core(Napi::Env env) const;

 private:
  Napi::Value interrupt(const Napi::CallbackInfo& info);
  Napi::Value load(const Napi::CallbackInfo& info);
  Napi::Value decode_image(const Napi::CallbackInfo& info);
  Napi::Value generation_bytes(const Napi::CallbackInfo& info);
  Napi::Value generation(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<ModelCore> core_;
};

}  // namespace sjd2::addon
