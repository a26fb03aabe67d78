// A loaded model package: tables, decoder graphs by row count, the image decoder.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "addon/setup.h"
#include "decode/cuda_window.h"
#include "decode/onnx_transformer.h"

namespace sjd2::addon {

// What generations share. Workers and generations hold it, so disposing the wrapper in mid-pass
// frees nothing that is in use.
struct ModelCore {
  bool on_cuda = false;
  ort::Library* runtime = nullptr;
  ort::GraphOptions graph_options;
  DecoderShape shape;  // its rows are set per graph
  std::map<int32_t, std::string> decoder_paths;
  std::string image_decoder_path;
  int64_t image_tokens = 0, image_width = 0, image_height = 0;
  std::vector<float> embedding, mean, std;

  EmbeddingTable table() const {
    return {embedding.data(), mean.data(), std.data(), shape.transformer.vocabulary,
            shape.transformer.hidden};
  }
  // Loads on first use; safe from several workers.
  const OnnxDecoder& decoder(int32_t rows);
  const ort::Graph& image_decoder();
  bool has_decoder(int32_t rows) const { return decoders_.count(rows) > 0; }
  // For generations, once a decoder is loaded: where their buffers lie, and their windows.
  Device& device() const;
  WindowFactory windows() const;

 private:
  void open_gpu();

  std::mutex loading_;
  // First, so that it outlives the sessions that use its stream.
  std::unique_ptr<cuda::CudaDevice> gpu_;
  std::unique_ptr<DeviceTable> gpu_table_;
  std::map<int32_t, std::unique_ptr<OnnxDecoder>> decoders_;
  std::unique_ptr<ort::Graph> image_decoder_;
};

class Model : public Tagged<Model> {
 public:
  static constexpr napi_type_tag kTag = {0x6d6f64656c2d7361, 0x8d4b21f9e0c74f11};
  static constexpr const char* kName = "Model";
  static Napi::Function define(Napi::Env env);

  explicit Model(const Napi::CallbackInfo& info);
  std::shared_ptr<ModelCore> core(Napi::Env env) const;

 private:
  Napi::Value load(const Napi::CallbackInfo& info);
  Napi::Value decode_image(const Napi::CallbackInfo& info);
  Napi::Value generation(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<ModelCore> core_;
};

}  // namespace sjd2::addon
