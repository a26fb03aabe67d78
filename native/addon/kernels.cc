#include "addon/kernels.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "addon/arguments.h"
#include "addon/promise_worker.h"
#include "kernels/kernels.h"

namespace sjd2::addon {
namespace {

// The arguments of a call with the typed arrays they point into, which stay alive through `keep`
// for as long as an asynchronous call runs.
template <typename Args>
struct Call {
  Args args;
  std::vector<float> scratch;
  std::vector<Napi::ObjectReference> keep;
};

// The memory of a typed array field that has at least `needed` elements.
template <typename T>
T* view(Napi::Object object, const char* name, napi_typedarray_type type, size_t needed,
        std::vector<Napi::ObjectReference>& keep) {
  const Napi::Value value = object.Get(name);
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    wrong(object.Env(), name, "a typed array of the documented type");
  }
  auto array = value.As<Napi::TypedArrayOf<T>>();
  if (array.ElementLength() < needed) {
    throw to_js(object.Env(), codes::kArgument,
                std::string("Expected ") + name + " to have at least " + std::to_string(needed) +
                    " elements but it has " + std::to_string(array.ElementLength()));
  }
  keep.push_back(Napi::Persistent(value.As<Napi::Object>()));
  return array.Data();
}

Window read_window(Napi::Object from) {
  const Napi::Object window = object_field(from, "window");
  const Window w{integer_field(window, "first"), integer_field(window, "count"),
                 integer_field(window, "capacity")};
  if (w.first < 0 || w.count < 1 || w.capacity < w.count || w.first > INT32_MAX - w.count) {
    wrong(from.Env(), "window", "{first >= 0, 1 <= count <= capacity}");
  }
  return w;
}

EmbeddingTable read_table(Napi::Object from, std::vector<Napi::ObjectReference>& keep) {
  const Napi::Object table = object_field(from, "table");
  EmbeddingTable t;
  t.hidden = integer_field(table, "hidden");
  t.vocabulary = integer_field(table, "vocabulary");
  if (t.hidden < 1 || t.vocabulary < 1) wrong(from.Env(), "table", "of at least one by one");
  t.embedding =
      view<float>(table, "embedding", napi_float32_array, size_t(t.vocabulary) * t.hidden, keep);
  t.mean = view<float>(table, "mean", napi_float32_array, t.hidden, keep);
  t.std = view<float>(table, "std", napi_float32_array, t.hidden, keep);
  return t;
}

Levels read_levels(Napi::Object from, int32_t hidden, std::vector<Napi::ObjectReference>& keep) {
  const Napi::Object levels = object_field(from, "levels");
  Levels l;
  l.steps = integer_field(levels, "steps");
  if (l.steps < 0) wrong(from.Env(), "steps", "at least 0");
  const size_t count = size_t(l.steps) + 1;
  l.alpha = view<float>(levels, "alpha", napi_float32_array, count, keep);
  l.sigma = view<float>(levels, "sigma", napi_float32_array, count, keep);
  l.tau = view<float>(levels, "tau", napi_float32_array, count * hidden, keep);
  return l;
}

// Drafts and levels index tables, so every one that the window reaches is checked.
void check_ring(Napi::Env env, const Window& window, const int32_t* drafts, int32_t vocabulary,
                const int32_t* level, int32_t steps, bool draft_above_0) {
  for (int32_t j = 0; j < window.count; ++j) {
    const int32_t slot = window.slot(j);
    const bool none_allowed = level[slot] > 0 ? !draft_above_0 : false;
    if (level[slot] < 0 || level[slot] > steps) wrong(env, "every level", "between 0 and steps");
    if (drafts[slot] >= vocabulary || drafts[slot] < (none_allowed ? kNoDraft : 0)) {
      wrong(env, "every draft", "a token id (or -1 for none where noise allows it)");
    }
  }
}

// The rings of noise and refine, once window, table and levels are read.
template <typename Args>
void read_positions(Napi::Object from, Args& a, std::vector<Napi::ObjectReference>& keep,
                    bool draft_above_0) {
  const size_t slots = a.window.capacity;
  a.drafts = view<int32_t>(from, "drafts", napi_int32_array, slots, keep);
  a.level = view<int32_t>(from, "level", napi_int32_array, slots, keep);
  a.z = view<float>(from, "z", napi_float32_array, slots * a.table.hidden, keep);
  check_ring(from.Env(), a.window, a.drafts, a.table.vocabulary, a.level, a.levels.steps,
             draft_above_0);
}

// `noise` of JavaScript is two kernels: the noise of all positions that enter, then the input rows
// of those that are fed.
struct EnterAndNoise {
  EnterArgs enter;
  NoiseArgs noise;
};

Call<EnterAndNoise> read_noise(Napi::Object from) {
  Call<EnterAndNoise> call;
  EnterArgs& e = call.args.enter;
  e.window = read_window(from);
  e.seed = seed_field(from, "seed");
  e.table = read_table(from, call.keep);
  e.levels = read_levels(from, e.table.hidden, call.keep);
  read_positions(from, e, call.keep, false);
  const Window window = e.window;
  const int32_t fed = integer_field(from, "fed"), fresh_from = integer_field(from, "freshFrom");
  const int32_t old = std::clamp(fresh_from - window.first, 0, window.count);
  e.window = {window.first + old, window.count - old, window.capacity};

  NoiseArgs& n = call.args.noise;
  n.window = {window.first, fed, window.capacity};
  n.table = e.table;
  n.levels = e.levels;
  n.drafts = e.drafts;
  n.level = e.level;
  n.z = e.z;
  n.rows = integer_field(from, "rows");
  const double stride = number_field(from, "rowStride");
  if (fed < 0 || fed > window.count) wrong(from.Env(), "fed", "between 0 and window.count");
  if (n.rows < 1 || !(stride >= double(fed) * n.table.hidden) || !(stride < 0x1p53)) {
    wrong(from.Env(), "rows, rowStride", "at least 1 and fed * hidden");
  }
  n.row_stride = static_cast<int64_t>(stride);
  n.out = view<float>(from, "out", napi_float32_array,
                      size_t(n.rows - 1) * n.row_stride + size_t(fed) * n.table.hidden, call.keep);
  return call;
}

Call<RefineArgs> read_refine(Napi::Object from) {
  Call<RefineArgs> call;
  RefineArgs& a = call.args;
  a.window = read_window(from);
  a.table = read_table(from, call.keep);
  a.levels = read_levels(from, a.table.hidden, call.keep);
  read_positions(from, a, call.keep, true);
  return call;
}

Call<VerifyArgs> read_verify(Napi::Object from) {
  Call<VerifyArgs> call;
  VerifyArgs& a = call.args;
  a.window = read_window(from);
  a.passable_level = integer_field(from, "passableLevel");
  a.seed = seed_field(from, "seed");
  a.pass = static_cast<uint32_t>(integer_field(from, "pass"));
  a.coupling = static_cast<Coupling>(integer_field(from, "coupling"));
  a.type = static_cast<ElementType>(integer_field(from, "type"));
  a.rows = integer_field(from, "rows");
  a.vocabulary = integer_field(from, "vocabulary");
  const Napi::Object sampler = object_field(from, "sampler");
  a.sampler = {static_cast<float>(number_field(sampler, "guidance")),
               static_cast<float>(number_field(sampler, "temperature")),
               integer_field(sampler, "topK"), static_cast<float>(number_field(sampler, "topP"))};
  if (a.rows < 1 || a.rows > 2) wrong(from.Env(), "rows", "1 or 2");
  if (a.vocabulary < 1) wrong(from.Env(), "vocabulary", "at least 1");
  if (a.coupling < Coupling::Independent || a.coupling > Coupling::Gumbel) {
    wrong(from.Env(), "coupling", "0, 1 or 2");
  }
  if (a.type < ElementType::F32 || a.type > ElementType::BF16) wrong(from.Env(), "type", "0 to 2");
  const size_t slots = a.window.capacity, vocabulary = a.vocabulary;
  const size_t logits = size_t(a.rows) * a.window.count * vocabulary;
  a.logits = a.type == ElementType::F32
                 ? static_cast<const void*>(
                       view<float>(from, "logits", napi_float32_array, logits, call.keep))
                 : view<uint16_t>(from, "logits", napi_uint16_array, logits, call.keep);
  a.drafts = view<int32_t>(from, "drafts", napi_int32_array, slots, call.keep);
  a.level = view<int32_t>(from, "level", napi_int32_array, slots, call.keep);
  a.kept = view<uint8_t>(from, "kept", napi_uint8_array, a.window.count, call.keep);
  if (from.Get("laws").IsTypedArray()) {
    a.laws = view<float>(from, "laws", napi_float32_array, slots * vocabulary, call.keep);
  } else if (a.coupling != Coupling::Gumbel) {
    wrong(from.Env(), "laws", "a Float32Array with this coupling");
  }
  for (int32_t j = 0; j < a.window.count; ++j) {
    const int32_t draft = a.drafts[a.window.slot(j)];
    if (draft < kNoDraft || draft >= a.vocabulary) {
      wrong(from.Env(), "every draft", "a token id or -1");
    }
  }
  call.scratch.resize(verify_scratch_floats(a.vocabulary, a.window.count));
  a.scratch = call.scratch.data();
  return call;
}

Napi::Value describe(Napi::Env env, const VerifyResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("passed", result.passed);
  object.Set("kept", result.kept);
  object.Set("badRow", result.bad_row);
  object.Set("fault", static_cast<int32_t>(result.fault));
  return object;
}

// One kernel as a synchronous and an asynchronous function.
template <typename Args, typename Result>
void define(Napi::Env env, Napi::Object exports, const std::string& name,
            Call<Args> (*read)(Napi::Object), Result (*kernel)(const Args&),
            Napi::Value (*convert)(Napi::Env, const Result&)) {
  exports.Set(name, Napi::Function::New(env, [=](const Napi::CallbackInfo& info) -> Napi::Value {
                return guarded(info.Env(), [&] {
                  const Call<Args> call = read(object_argument(info, 0));
                  return convert(info.Env(), kernel(call.args));
                });
              }));
  exports.Set(
      name + "Async", Napi::Function::New(env, [=](const Napi::CallbackInfo& info) -> Napi::Value {
        return guarded(info.Env(), [&] {
          auto call = std::make_shared<Call<Args>>(read(object_argument(info, 0)));
          return PromiseWorker<Result>::run(
              info.Env(), "sjd2.kernel", [call, kernel] { return kernel(call->args); },
              [call, convert](Napi::Env env, Result& result) { return convert(env, result); });
        });
      }));
}

bool run_noise(const EnterAndNoise& args) {
  cpu::kernels.enter(args.enter);
  cpu::kernels.noise(args.noise);
  return true;
}

bool run_refine(const RefineArgs& args) {
  cpu::kernels.refine(args);
  return true;
}

VerifyResult run_verify(const VerifyArgs& args) { return cpu::kernels.verify(args); }

Napi::Value nothing(Napi::Env env, const bool&) { return env.Undefined(); }

}  // namespace

void define_kernels(Napi::Env env, Napi::Object exports) {
  define<EnterAndNoise, bool>(env, exports, "noise", read_noise, run_noise, nothing);
  define<VerifyArgs, VerifyResult>(env, exports, "verify", read_verify, run_verify, describe);
  define<RefineArgs, bool>(env, exports, "refine", read_refine, run_refine, nothing);
}

}  // namespace sjd2::addon
