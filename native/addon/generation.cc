#include "addon/generation.h"

#include <chrono>
#include <utility>

#include "addon/arguments.h"
#include "addon/promise_worker.h"
#include "size.h"

namespace sjd2::addon {
namespace {

// What sizes are computed from is checked here, the rest by Generation.
Settings read_settings(Napi::Env env, Napi::Object from) {
  Settings s;
  s.prompt = array_field<float>(from, "prompt");
  s.prompt_lengths = array_field<int32_t>(from, "promptLengths");
  s.row_end = array_field<float>(from, "rowEnd");
  s.padded_prompt = integer_field(from, "paddedPrompt");
  s.length = integer_field(from, "length");
  s.sketch = {integer_field(from, "sketchRows"), integer_field(from, "sketchColumns")};
  s.columns = integer_field(from, "columns");
  s.capacity = integer_field(from, "capacity");
  s.seed = seed_field(from, "seed");
  s.coupling = static_cast<Coupling>(integer_field(from, "coupling"));
  s.initial = static_cast<Initial>(integer_field(from, "initial"));
  const Napi::Object sampler = object_field(from, "sampler");
  s.sampler.guidance = static_cast<float>(number_field(sampler, "guidance"));
  s.sampler.temperature = static_cast<float>(number_field(sampler, "temperature"));
  s.sampler.top_k = integer_field(sampler, "topK");
  s.sampler.top_p = static_cast<float>(number_field(sampler, "topP"));
  const Napi::Object schedule = object_field(from, "schedule");
  s.schedule.alpha = array_field<float>(schedule, "alpha");
  s.schedule.sigma = array_field<float>(schedule, "sigma");
  s.schedule.tau = array_field<float>(schedule, "tau");
  s.schedule.staggered = schedule.Get("staggered").ToBoolean();
  if (s.coupling < Coupling::Independent || s.coupling > Coupling::Gumbel) {
    wrong(env, "coupling", "0, 1 or 2");
  }
  if (s.initial < Initial::None || s.initial > Initial::Up) wrong(env, "initial", "0 to 4");
  if (s.capacity < 1 || s.columns < 1) wrong(env, "capacity and columns", "at least 1");
  if (s.sketch.rows < 0 || (s.sketch.rows > 0 && s.sketch.columns < 1)) {
    wrong(env, "sketchRows and sketchColumns", "0 or more, and columns where there are rows");
  }
  const auto rows = static_cast<size_t>(integer_field(from, "rows"));
  if (rows == 0 || s.prompt_lengths.size() != rows || s.shared_prompt() < 1) {
    wrong(env, "promptLengths", "a length above 0 for each row");
  }
  return s;
}

template <typename T>
Napi::Value to_array(Napi::Env env, const std::vector<T>& values) {
  auto array = Napi::TypedArrayOf<T>::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

struct PassOutcome {
  PassReport report;
  std::vector<int32_t> tokens;  // committed by this pass
};

// A trip to a worker thread and back costs as much as a fifth of a short pass, so one trip makes
// several passes: `count`, or as many as begin within `seconds`, or what the image still takes.
std::vector<PassOutcome> make_passes(Generation& generation, const PassOptions& options,
                                     int32_t count, double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  std::vector<PassOutcome> outcomes;
  do {
    const size_t before = generation.tokens().size();
    outcomes.push_back({generation.pass(options), {}});
    const auto& tokens = generation.tokens();
    outcomes.back().tokens.assign(tokens.begin() + before, tokens.end());
  } while (--count > 0 && !generation.done() && Clock::now() < end);
  return outcomes;
}

Napi::Value describe(Napi::Env env, const PassOutcome& outcome) {
  const PassReport& report = outcome.report;
  Napi::Object result = Napi::Object::New(env);
  result.Set("tokens", to_array(env, outcome.tokens));
  result.Set("window", report.window);
  result.Set("accepted", report.accepted);
  result.Set("drafts", report.drafts);
  result.Set("kept", report.kept);
  result.Set("modelSeconds", report.model_seconds);
  result.Set("kernelSeconds", report.kernel_seconds);
  result.Set("seconds", report.seconds);
  return result;
}

Napi::Value describe_all(Napi::Env env, std::vector<PassOutcome>& outcomes) {
  Napi::Array results = Napi::Array::New(env, outcomes.size());
  for (uint32_t i = 0; i < outcomes.size(); ++i) results.Set(i, describe(env, outcomes[i]));
  return results;
}

}  // namespace

Napi::Function GenerationHandle::define(Napi::Env env) {
  return DefineClass(env, kName,
                     {InstanceMethod<&GenerationHandle::passes>("passes"),
                      InstanceMethod<&GenerationHandle::score>("score"),
                      InstanceMethod<&GenerationHandle::trace>("trace"),
                      InstanceMethod<&GenerationHandle::drafts>("drafts"),
                      InstanceMethod<&GenerationHandle::dispose>("dispose")});
}

GenerationHandle::GenerationHandle(const Napi::CallbackInfo& info)
    : Tagged<GenerationHandle>(info) {
  info.This().As<Napi::Object>().TypeTag(&kTag);
}

GenerationHandle::Loaded GenerationHandle::Loaded::of(Napi::Object options) {
  return {integer_field(options, "rows"), integer_field(options, "threads")};
}

size_t GenerationHandle::bytes(Napi::Env env, ModelCore& model, Napi::Object options) {
  return bytes(model, read_settings(env, options), Loaded::of(options));
}

// In step with what Generation, its transformer and its window allocate; what is not of the size of
// a window, a vocabulary or the cache is left out.
size_t GenerationHandle::bytes(ModelCore& model, const Settings& settings, Loaded loaded) {
  const int32_t capacity = settings.capacity;
  const std::optional<DecoderShape> shape = model.loaded_shape(loaded.rows, loaded.threads);
  if (!shape) throw Error(codes::kState, "load(rows, threads) has not finished");
  const DecoderShape& d = *shape;
  const TransformerShape& t = d.transformer;
  const auto element = [](ElementType type) { return type == ElementType::F32 ? 4 : 2; };
  // Those of the published layout are no longer than the generation asks for.
  const int32_t growing = model.growing_caches(loaded.threads);
  const Size positions =
      growing ? Size(growing) * settings.most_positions(t.hidden) : Size(t.max_length);
  const Size cache = Size(t.rows) * d.layers * 2 * d.kv_heads * positions * d.head_size;
  const Size inputs = Size(t.rows) * settings.most_inputs(t.hidden) * t.hidden;
  const Size logits = Size(t.rows) * capacity * t.vocabulary;
  const Size ring = (Size(capacity) + 1) * (Size(t.hidden) + t.vocabulary);
  const Size all = cache * element(d.cache) + inputs * 4 + logits * element(t.logits) + ring * 4;
  return all.or_throw(codes::kModel, "A generation");
}

Napi::Value GenerationHandle::create(Napi::Env env, std::shared_ptr<ModelCore> model,
                                     Napi::Object options,
                                     std::shared_ptr<ort::Interrupt> interrupt) {
  Settings settings = read_settings(env, options);
  const Loaded loaded = Loaded::of(options);
  const int32_t hidden = model->shape.transformer.hidden;
  const auto external_bytes = static_cast<int64_t>(bytes(*model, settings, loaded));
  auto transformer =
      model->transformer(loaded.rows, loaded.threads, settings.most_inputs(hidden),
                         settings.capacity, settings.most_positions(hidden), interrupt);
  auto core = std::make_shared<Core>();
  core->generation = std::make_unique<Generation>(std::move(settings), model->table(),
                                                  std::move(transformer), model->windows());
  core->model = std::move(model);
  core->interrupt = std::move(interrupt);
  Napi::Object object = Environment::of(env).generation.New({});
  GenerationHandle& self = from(object, "the generation");
  self.core_ = std::move(core);
  self.external_bytes_ = external_bytes;
  Napi::MemoryManagement::AdjustExternalMemory(env, external_bytes);
  return object;
}

void GenerationHandle::check_idle(const Napi::CallbackInfo& info) const {
  check(info);
  if (!core_) throw to_js(info.Env(), codes::kState, "The generation was disposed");
  if (busy_) throw to_js(info.Env(), codes::kState, "A pass of this generation is still running");
}

template <typename Result, typename Work, typename Describe>
Napi::Value GenerationHandle::start(Napi::Env env, const char* name, Work work, Describe describe) {
  const auto core = core_;
  busy_ = true;
  Ref();  // the wrapper lives until the work has settled
  return PromiseWorker<Result>::run(
      env, name, [core, work] { return work(*core); }, describe,
      [this] {
        busy_ = false;
        Unref();
      },
      [core] { core->interrupt->fire(); });
}

// passes(window, relaxed, count, seconds): Promise<PassReport[]>
Napi::Value GenerationHandle::passes(const Napi::CallbackInfo& info) {
  check_idle(info);
  const PassOptions options{integer(info[0], "window"), integer(info[1], "relaxed")};
  const int32_t count = integer(info[2], "count");
  const double seconds = number(info[3], "seconds");
  return start<std::vector<PassOutcome>>(
      info.Env(), "sjd2.passes",
      [options, count, seconds](Core& core) {
        return make_passes(*core.generation, options, count, seconds);
      },
      describe_all);
}

// score(tokens: Int32Array): Promise<Float64Array> - nats per token under the AR law
Napi::Value GenerationHandle::score(const Napi::CallbackInfo& info) {
  check_idle(info);
  const auto tokens = copy_array<int32_t>(info[0], "tokens");
  return start<std::vector<double>>(
      info.Env(), "sjd2.score", [tokens](Core& core) { return core.generation->score(tokens); },
      [](Napi::Env env, std::vector<double>& nll) { return to_array(env, nll); });
}

// trace(prefix: Int32Array, drafts: Int32Array): Promise<Float32Array>
Napi::Value GenerationHandle::trace(const Napi::CallbackInfo& info) {
  check_idle(info);
  const auto prefix = copy_array<int32_t>(info[0], "prefix");
  const auto drafts = copy_array<int32_t>(info[1], "drafts");
  return start<std::vector<float>>(
      info.Env(), "sjd2.trace",
      [prefix, drafts](Core& core) {
        return core.generation->trace(prefix, drafts, core.model->download());
      },
      [](Napi::Env env, std::vector<float>& logits) { return to_array(env, logits); });
}

void GenerationHandle::forget() {
  core_.reset();
  Napi::MemoryManagement::AdjustExternalMemory(Env(), -std::exchange(external_bytes_, 0));
}

// drafts(): Int32Array - the open positions' drafts, -1 where there is none
Napi::Value GenerationHandle::drafts(const Napi::CallbackInfo& info) {
  check_idle(info);
  return to_array(info.Env(), core_->generation->drafts());
}

Napi::Value GenerationHandle::dispose(const Napi::CallbackInfo& info) {
  check(info);
  forget();
  return info.Env().Undefined();
}

}  // namespace sjd2::addon
