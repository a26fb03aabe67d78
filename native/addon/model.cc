#include "addon/model.h"

#include <cmath>

#include "addon/arguments.h"
#include "addon/generation.h"
#include "addon/interrupt.h"
#include "addon/promise_worker.h"
#include "decode/provider_check.h"
#include "size.h"

namespace sjd2::addon {
namespace {

struct Pixels {
  std::vector<float> values;
  std::vector<int64_t> shape;
};

// tokens [1, n] -> image [1, 3, height, width] in [-1, 1]; load() has checked the graph.
Pixels run_image_decoder(ModelCore& core, const std::vector<int32_t>& tokens,
                         const ort::Interrupt& interrupt) {
  const ort::Graph& graph = core.image_decoder();
  const ort::Library& library = graph.library();
  std::vector<int64_t> ids(tokens.begin(), tokens.end());
  Pixels pixels;
  pixels.shape = {1, 3, core.image_height, core.image_width};
  pixels.values.resize(
      (Size(3) * core.image_height * core.image_width).or_throw(codes::kModel, "An image"));
  ort::Binding binding(graph);
  binding.input(core.image_input, ort::borrow_tensor(library, library.cpu_memory(), ids.data(),
                                                     ids.size() * sizeof(int64_t),
                                                     {1, int64_t(ids.size())}, ort::kInt64));
  binding.output(
      core.image_output,
      ort::borrow_tensor(library, library.cpu_memory(), pixels.values.data(),
                         pixels.values.size() * sizeof(float), pixels.shape, ort::kFloat32));
  binding.run(interrupt);
  return pixels;
}

// { path, computed: true } or { path, computed: false, name, begin, type }
ImageTableSource read_source(Napi::Env env, Napi::Object from) {
  ImageTableSource source;
  source.path = string_field(from, "path");
  source.computed = from.Get("computed").ToBoolean();
  if (source.computed) return source;
  source.name = string_field(from, "name");
  const double begin = number_field(from, "begin");
  // Beyond them a number names several bytes.
  if (!(begin >= 0 && begin <= 0x1p53) || begin != std::floor(begin)) {
    wrong(env, "begin", "a position in a file");
  }
  source.begin = static_cast<uint64_t>(begin);
  source.type = static_cast<ElementType>(integer_field(from, "type"));
  if (source.type < ElementType::F32 || source.type > ElementType::BF16) {
    wrong(env, "type", "0, 1 or 2");
  }
  return source;
}

void check_statistics(const ModelCore& core, Napi::Env env) {
  const size_t hidden = core.shape.transformer.hidden;
  if (core.mean.size() != hidden || core.std.size() != hidden) wrong(env, "mean, std", "[hidden]");
}

}  // namespace

std::unique_ptr<Placement> ModelCore::place() const {
  if (device == "webgpu") return webgpu_placement(*runtime);
  return device == "cuda" ? cuda_placement(table()) : host_placement();
}

Lazy<OnnxDecoder>& ModelCore::slot(int32_t rows, int32_t threads) {
  std::lock_guard lock(slots_mutex_);
  return decoders_[{rows, threads}];
}

Lazy<GrowingDecoder>& ModelCore::growing_slot(int32_t threads) {
  std::lock_guard lock(slots_mutex_);
  return growing_[threads];
}

std::unique_ptr<Transformer> ModelCore::transformer(
    int32_t rows, int32_t threads, int32_t max_inputs, int32_t max_logits, int32_t positions,
    std::shared_ptr<const ort::Interrupt> interrupt) {
  if (!language_model_path.empty()) {
    const GrowingDecoder* decoder = growing_slot(threads).ready();
    if (!decoder) return nullptr;
    return std::make_unique<GrowingTransformer>(*decoder, rows, max_inputs, max_logits, positions,
                                                std::move(interrupt));
  }
  const OnnxDecoder* decoder = slot(rows, threads).ready();
  if (!decoder) return nullptr;
  return std::make_unique<OnnxTransformer>(*decoder, max_inputs, max_logits, std::move(interrupt));
}

std::optional<DecoderShape> ModelCore::loaded_shape(int32_t rows, int32_t threads) {
  if (!language_model_path.empty()) {
    if (!growing_slot(threads).ready()) return std::nullopt;
    DecoderShape growing = shape;
    growing.transformer.rows = rows;
    return growing;
  }
  const OnnxDecoder* decoder = slot(rows, threads).ready();
  return decoder ? std::optional(decoder->shape()) : std::nullopt;
}

WindowFactory ModelCore::windows() const { return placement_.ready()->windows(); }

Download ModelCore::download() const {
  return [placement = placement_.ready()](void* host, const void* device, size_t bytes) {
    placement->download(host, device, bytes);
  };
}

int32_t ModelCore::growing_caches(int32_t threads) {
  if (language_model_path.empty()) return 0;
  const GrowingDecoder* decoder = growing_slot(threads).ready();
  return decoder && decoder->in_place() ? 1 : 2;
}

EmbeddingTable ModelCore::table() const {
  return {embedding_.ready()->data(), mean.data(), std.data(), shape.transformer.vocabulary,
          shape.transformer.hidden};
}

void ModelCore::load(int32_t rows, int32_t threads,
                     const std::shared_ptr<const ort::Interrupt>& interrupt) {
  embedding_.get([&] {
    const TransformerShape& t = shape.transformer;
    return std::make_unique<Buffer<float>>(
        fetch_image_table(*runtime, embedding, t.vocabulary, t.hidden, graph_options, *interrupt));
  });
  if (language_model_path.empty()) {
    load_decoder(rows, threads);
  } else {
    load_growing(threads, interrupt);
  }
}

void ModelCore::load_growing(int32_t threads,
                             const std::shared_ptr<const ort::Interrupt>& interrupt) {
  placement_.get([&] { return place(); });
  growing_slot(threads).get([&] {
    ort::GraphOptions options = graph_options;
    options.threads = threads;
    return std::make_unique<GrowingDecoder>(
        *runtime, language_model_path, head_path,
        GrowingShape{shape.transformer, shape.layers, shape.kv_heads, shape.head_size}, options,
        interrupt);
  });
}

void ModelCore::load_decoder(int32_t rows, int32_t threads) {
  const auto path = decoder_paths.find(rows);
  if (path == decoder_paths.end()) {
    throw Error(codes::kModel,
                "The model package has no decoder for " + std::to_string(rows) + " rows");
  }
  Placement& placement = placement_.get([&] { return place(); });
  slot(rows, threads).get([&] {
    DecoderShape wanted = shape;
    wanted.transformer.rows = rows;
    ort::GraphOptions options = graph_options;
    options.threads = threads;
    placement.choose_provider(options);
    auto decoder =
        std::make_unique<OnnxDecoder>(*runtime, path->second, wanted, options, placement);
    check_provider(*decoder);
    return decoder;
  });
}

const ort::Graph& ModelCore::image_decoder() {
  if (image_decoder_path.empty()) {
    throw Error(codes::kModel, "The model package has no image decoder");
  }
  return image_decoder_.get([&] {
    auto graph = std::make_unique<ort::Graph>(*runtime, image_decoder_path, graph_options);
    ort::expect_input(*graph, image_input, ort::kInt64, {1, image_tokens});
    ort::expect_input_count(*graph, 1);
    ort::expect_output(*graph, image_output, ort::kFloat32, {1, 3, image_height, image_width});
    return graph;
  });
}

Napi::Function Model::define(Napi::Env env) {
  return DefineClass(
      env, kName,
      {InstanceMethod<&Model::interrupt>("interrupt"), InstanceMethod<&Model::load>("load"),
       InstanceMethod<&Model::decode_image>("decodeImage"),
       InstanceMethod<&Model::generation_bytes>("generationBytes"),
       InstanceMethod<&Model::generation>("generation"),
       InstanceMethod<&Model::dispose>("dispose")});
}

Model::Model(const Napi::CallbackInfo& info) : Tagged<Model>(info) {
  const Napi::Env env = info.Env();
  guarded(env, [&] {
    const Napi::Object options = object_argument(info, 0);
    auto core = std::make_shared<ModelCore>();
    core->runtime = &ort::Library::open(string_field(options, "runtime"));
    core->graph_options.threads = integer_field(options, "threads");
    core->device = string_field(options, "device");
    TransformerShape& t = core->shape.transformer;
    t.hidden = integer_field(options, "hidden");
    t.vocabulary = integer_field(options, "vocabulary");
    t.max_length = integer_field(options, "maxLength");
    core->shape.layers = integer_field(options, "layers");
    core->shape.kv_heads = integer_field(options, "kvHeads");
    core->shape.head_size = integer_field(options, "headSize");
    core->shape.row_end = options.Get("rowEnd").ToBoolean();
    core->shape.padded_prompt = options.Get("paddedPrompt").ToBoolean();
    const Napi::Object decoders = object_field(options, "decoders");
    const Napi::Array rows = decoders.GetPropertyNames();
    for (uint32_t i = 0; i < rows.Length(); ++i) {
      const std::string key = rows.Get(i).As<Napi::String>().Utf8Value();
      core->decoder_paths[std::atoi(key.c_str())] = string_field(decoders, key.c_str());
    }
    core->language_model_path = string_field(options, "languageModel");
    core->head_path = string_field(options, "head");
    core->image_decoder_path = string_field(options, "imageDecoder");
    core->image_input = string_field(options, "imageInput");
    core->image_output = string_field(options, "imageOutput");
    core->image_tokens = integer_field(options, "imageTokens");
    core->image_width = integer_field(options, "imageWidth");
    core->image_height = integer_field(options, "imageHeight");
    core->embedding = read_source(env, object_field(options, "embedding"));
    core->mean = array_field<float>(options, "mean");
    core->std = array_field<float>(options, "std");
    check_statistics(*core, env);
    core_ = std::move(core);
    info.This().As<Napi::Object>().TypeTag(&kTag);
  });
}

std::shared_ptr<ModelCore> Model::core(Napi::Env env) const {
  if (!core_) throw to_js(env, codes::kState, "The model was disposed");
  return core_;
}

// interrupt(): InterruptHandle - for any work on this model
Napi::Value Model::interrupt(const Napi::CallbackInfo& info) {
  check(info);
  return guarded(info.Env(), [&] {
    const auto core = this->core(info.Env());
    return InterruptObject::create(
        info.Env(), std::make_shared<ort::Interrupt>(*core->runtime, core->device == "cuda"));
  });
}

// load(rows, threads, interrupt): Promise<void> - makes the image table, the decoder for that many
// rows, with so many threads in an operator, and the image decoder, if there is one, ready.
Napi::Value Model::load(const Napi::CallbackInfo& info) {
  check(info);
  const int32_t rows = integer(info[0], "rows"), threads = integer(info[1], "threads");
  const auto interrupt = InterruptObject::from(info[2], "interrupt").get();
  return PromiseWorker<bool>::run(
      info.Env(), "sjd2.load",
      [core = core(info.Env()), rows, threads, interrupt] {
        core->load(rows, threads, interrupt);
        if (!core->image_decoder_path.empty()) core->image_decoder();
        return true;
      },
      [](Napi::Env env, bool&) { return env.Undefined(); }, [] {},
      [interrupt] { interrupt->fire(); });
}

// decodeImage(tokens: Int32Array, interrupt): Promise<{pixels: Float32Array [3, height, width],
// height, width}>
Napi::Value Model::decode_image(const Napi::CallbackInfo& info) {
  check(info);
  const auto tokens = copy_array<int32_t>(info[0], "tokens");
  const auto interrupt = InterruptObject::from(info[1], "interrupt").get();
  const auto core = this->core(info.Env());
  for (const int32_t token : tokens) {
    if (token < 0 || token >= core->shape.transformer.vocabulary) {
      wrong(info.Env(), "every token", "inside the image vocabulary");
    }
  }
  return PromiseWorker<Pixels>::run(
      info.Env(), "sjd2.decodeImage",
      [core, tokens, interrupt] { return run_image_decoder(*core, tokens, *interrupt); },
      [](Napi::Env env, Pixels& pixels) {
        Napi::Float32Array values = Napi::Float32Array::New(env, pixels.values.size());
        std::copy(pixels.values.begin(), pixels.values.end(), values.Data());
        Napi::Object result = Napi::Object::New(env);
        result.Set("pixels", values);
        result.Set("height", double(pixels.shape[2]));
        result.Set("width", double(pixels.shape[3]));
        return result;
      },
      [] {}, [interrupt] { interrupt->fire(); });
}

// generation(settings, interrupt): GenerationHandle - needs load(rows, threads) to have finished.
Napi::Value Model::generation(const Napi::CallbackInfo& info) {
  check(info);
  return guarded(info.Env(), [&] {
    return GenerationHandle::create(info.Env(), core(info.Env()), object_argument(info, 0),
                                    InterruptObject::from(info[1], "interrupt").get());
  });
}

// generationBytes(settings): number - what `generation` would take; needs load(rows, threads).
Napi::Value Model::generation_bytes(const Napi::CallbackInfo& info) {
  check(info);
  return guarded(info.Env(), [&]() -> Napi::Value {
    const size_t bytes =
        GenerationHandle::bytes(info.Env(), *core(info.Env()), object_argument(info, 0));
    return Napi::Number::New(info.Env(), double(bytes));
  });
}

Napi::Value Model::dispose(const Napi::CallbackInfo& info) {
  check(info);
  core_.reset();
  return info.Env().Undefined();
}

}  // namespace sjd2::addon
