#include "addon/kernels.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "addon/arguments.h"
#include "addon/arrays.h"
#include "addon/law_check.h"
#include "addon/promise_worker.h"
#include "kernels/kernels.h"

namespace sjd2::addon {
namespace {

// What a kernel gets, and the memory it points into.
template <typename Args>
struct Call {
  Args args;
  Arrays arrays;
  std::unique_ptr<float[]> scratch;
  std::unique_ptr<uint8_t[]> kept;  // where the caller does not ask
};

Window read_window(Napi::Object from) {
  const Napi::Object window = object_field(from, "window");
  const Window w{integer_field(window, "first"), integer_field(window, "count"),
                 integer_field(window, "capacity")};
  if (w.first < 0 || w.count < 1 || w.capacity < w.count || w.first > INT32_MAX - w.count) {
    wrong(from.Env(), "window", "{first >= 0, 1 <= count <= capacity}");
  }
  return w;
}

// The slots of a window in a ring of rows of `width`: the ring may end inside the window.
Spans slots_of(const Window& window, size_t width) {
  const size_t first = window.slot(0), count = window.count;
  const size_t whole = std::min(count, window.capacity - first);
  return {{first * width, whole * width}, {0, (count - whole) * width}};
}

// @throws ERR_ARGUMENT "Expected <name> <what> but ..."
[[noreturn]] void refuse(Napi::Env env, const std::string& message) {
  throw to_js(env, codes::kArgument, message);
}

std::string at(const Window& window, int32_t offset) {
  return " at position " + std::to_string(window.first + offset) + " (slot " +
         std::to_string(window.slot(offset)) + ")";
}

// Indices into tables and rows. `lowest` is -1 where a position may have no draft.
void check_index(Napi::Env env, const char* name, const Window& window, int32_t offset,
                 int32_t value, int32_t lowest, int32_t highest) {
  if (value >= lowest && value <= highest) return;
  refuse(env, std::string("Expected ") + name + at(window, offset) + " to be between " +
                  std::to_string(lowest) + " and " + std::to_string(highest) + " but received " +
                  std::to_string(value));
}

void check_positive(Napi::Env env, const char* name, const float* values, int32_t from,
                    int32_t count) {
  for (int32_t i = from; i < count; ++i) {
    if (values[i] > 0 && std::isfinite(values[i])) continue;
    refuse(env, std::string("Expected ") + name + "[" + std::to_string(i) +
                    "] to be finite and above 0 but received " + std::to_string(values[i]));
  }
}

// Table, levels and rings of noise and refine; drafts and levels are checked before the rows of
// the table that they name are touched.
template <typename Args>
void read_positions(Napi::Object from, Args& a, Arrays& arrays, bool draft_above_0) {
  const Napi::Env env = from.Env();
  const Window& window = a.window;
  const size_t hidden = arrays.length<float>("table.mean");
  const size_t cells = arrays.length<float>("table.embedding");
  const size_t levels = arrays.length<float>("schedule.alpha");
  if (hidden < 1 || hidden > INT32_MAX || cells < hidden || cells % hidden != 0 ||
      cells / hidden > INT32_MAX) {
    refuse(env,
           "Expected table.embedding to be a positive multiple of hidden (the length of "
           "table.mean, " +
               std::to_string(hidden) + ") long but it has " + std::to_string(cells) + " elements");
  }
  if (levels < 1 || levels > INT32_MAX) wrong(env, "schedule.alpha", "of at least one element");
  a.table.hidden = static_cast<int32_t>(hidden);
  a.table.vocabulary = static_cast<int32_t>(cells / hidden);
  a.schedule.steps = static_cast<int32_t>(levels - 1);

  const Spans slots = slots_of(window, 1);
  a.drafts = arrays.read<int32_t>("drafts", window.capacity, Values::Index, slots);
  Spans rows;
  for (int32_t j = 0; j < window.count; ++j) {
    const int32_t slot = window.slot(j), level = a.level[slot], draft = a.drafts[slot];
    check_index(env, "level", window, j, level, 0, a.schedule.steps);
    const bool none_allowed = level > 0 && !draft_above_0;
    check_index(env, "drafts", window, j, draft, none_allowed ? kNoDraft : 0,
                a.table.vocabulary - 1);
    if (draft != kNoDraft) rows.push_back({draft * hidden, hidden});
  }

  a.table.embedding = arrays.read<float>("table.embedding", cells, Values::Arithmetic, rows);
  a.table.mean = arrays.read<float>("table.mean", hidden, Values::Arithmetic);
  a.table.std = arrays.read<float>("table.std", hidden, Values::Arithmetic);
  a.schedule.alpha = arrays.read<float>("schedule.alpha", levels, Values::Arithmetic);
  a.schedule.sigma = arrays.read<float>("schedule.sigma", levels, Values::Arithmetic);
  a.schedule.tau = arrays.read<float>("schedule.tau", Size(levels) * hidden, Values::Arithmetic);
  a.z = arrays.write<float>("z", Size(window.capacity) * hidden, Values::Arithmetic,
                            slots_of(window, hidden));
  // Both are divided by.
  check_positive(env, "table.std", a.table.std, 0, a.table.hidden);
  check_positive(env, "schedule.sigma", a.schedule.sigma, 1, a.schedule.steps + 1);
}

// `noise` of JavaScript is two kernels: the noise of all positions that enter, then the input rows
// of those that are fed.
struct EnterAndNoise {
  EnterArgs enter;
  NoiseArgs noise;
};

Call<EnterAndNoise> read_noise(Napi::Object from, bool asynchronous) {
  const Napi::Env env = from.Env();
  Call<EnterAndNoise> call{{}, Arrays(from, asynchronous), {}, {}};
  EnterArgs& e = call.args.enter;
  const Window window = e.window = read_window(from);
  e.seed = seed_field(from, "seed");
  e.level = call.arrays.read<int32_t>("level", window.capacity, Values::Index, slots_of(window, 1));
  read_positions(from, e, call.arrays, false);
  const int32_t fed = integer_field(from, "fed"), fresh_from = integer_field(from, "freshFrom");
  if (fed < 0 || fed > window.count) wrong(env, "fed", "between 0 and window.count");
  if (fresh_from < 0) wrong(env, "freshFrom", "at least 0");
  const int32_t old = std::clamp(fresh_from - window.first, 0, window.count);
  e.window = {window.first + old, window.count - old, window.capacity};

  NoiseArgs& n = call.args.noise;
  n.window = {window.first, fed, window.capacity};
  n.table = e.table;
  n.schedule = e.schedule;
  n.drafts = e.drafts;
  n.level = e.level;
  n.z = e.z;
  n.rows = integer_field(from, "rows");
  if (n.rows < 1) wrong(env, "rows", "at least 1");
  const Size row = Size(fed) * n.table.hidden;
  const Size stride = from.Get("rowStride").IsUndefined()
                          ? row
                          : Size(static_cast<int64_t>(number_field(from, "rowStride")));
  const Size needed = Size(n.rows - 1) * stride + row;
  const size_t length = row.or_throw(codes::kArgument, "A copy of the rows");
  n.row_stride = static_cast<int64_t>(stride.or_throw(codes::kArgument, "rowStride"));
  if (static_cast<size_t>(n.row_stride) < length) wrong(env, "rowStride", "at least fed * hidden");
  Spans copies;
  for (int32_t r = 0; needed.fits() && r < n.rows; ++r) {
    copies.push_back({static_cast<size_t>(r) * n.row_stride, length});
  }
  n.out = call.arrays.write<float>("out", needed, Values::Arithmetic, copies);
  call.arrays.check_overlaps();
  return call;
}

Call<RefineArgs> read_refine(Napi::Object from, bool asynchronous) {
  Call<RefineArgs> call{{}, Arrays(from, asynchronous), {}, {}};
  RefineArgs& a = call.args;
  a.window = read_window(from);
  a.level =
      call.arrays.write<int32_t>("level", a.window.capacity, Values::Index, slots_of(a.window, 1));
  read_positions(from, a, call.arrays, true);
  call.arrays.check_overlaps();
  return call;
}

// A row of NaN is found when the rows before it have their new laws: the old ones are kept. The
// couplings that compare p with q read those of the drafts, except at temperature 0.
void read_laws(Napi::Env env, VerifyArgs& a, Arrays& arrays) {
  const size_t vocabulary = a.vocabulary;
  a.laws =
      arrays.write_or_restore<float>("laws", Size(a.window.capacity) * vocabulary, Values::Choice);
  const bool reads = a.coupling != Coupling::Gumbel && a.sampler.temperature > 0;
  for (int32_t j = 0; j < a.window.count; ++j) {
    const int32_t slot = a.window.slot(j), draft = a.drafts[slot];
    const float* q = arrays.keep<float>({slot * vocabulary, vocabulary});
    if (!reads || draft == kNoDraft) continue;
    const std::string fault = law_fault(q, a.vocabulary, draft);
    if (fault.empty()) continue;
    refuse(env, "Expected laws" + at(a.window, j) +
                    " to be the law that the draft was drawn from"
                    " (finite, at least 0, sum 1, above 0 for the draft) but " +
                    fault + "; initialLaw writes the law of a first guess");
  }
}

Call<VerifyArgs> read_verify(Napi::Object from, bool asynchronous) {
  const Napi::Env env = from.Env();
  Call<VerifyArgs> call{{}, Arrays(from, asynchronous), {}, {}};
  Arrays& arrays = call.arrays;
  VerifyArgs& a = call.args;
  a.window = read_window(from);
  a.relaxed = integer_field(from, "relaxed");
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
  if (a.rows < 1 || a.rows > 2) wrong(env, "rows", "1 or 2");
  if (a.vocabulary < 1) wrong(env, "vocabulary", "at least 1");
  if (a.coupling < Coupling::Independent || a.coupling > Coupling::Gumbel) {
    wrong(env, "coupling", "0, 1 or 2");
  }
  if (a.type < ElementType::F32 || a.type > ElementType::BF16) wrong(env, "type", "0 to 2");

  const Size logits = Size(a.rows) * a.window.count * a.vocabulary;
  const Spans slots = slots_of(a.window, 1);
  if (a.type == ElementType::F32) {
    a.logits = arrays.read<float>("logits", logits, Values::Choice);
  } else {
    a.logits = arrays.read<uint16_t>("logits", logits, Values::Choice);
  }
  a.drafts = arrays.write<int32_t>("drafts", a.window.capacity, Values::Index, slots);
  a.level = arrays.read<int32_t>("level", a.window.capacity, Values::Index, slots);
  for (int32_t j = 0; j < a.window.count; ++j) {
    const int32_t slot = a.window.slot(j);
    check_index(env, "drafts", a.window, j, a.drafts[slot], kNoDraft, a.vocabulary - 1);
    check_index(env, "level", a.window, j, a.level[slot], 0, INT32_MAX);
  }
  const size_t count = a.window.count;
  if (from.Get("kept").IsUndefined()) {
    call.kept.reset(new uint8_t[count]);
    a.kept = call.kept.get();
  } else {
    a.kept = arrays.write<uint8_t>("kept", count, Values::Index, {{0, count}});
  }
  if (!from.Get("laws").IsUndefined()) {
    read_laws(env, a, arrays);
  } else if (a.coupling != Coupling::Gumbel) {
    wrong(env, "laws", "a Float32Array with this coupling");
  }
  arrays.check_overlaps();
  call.scratch.reset(new float[verify_scratch_floats(a.vocabulary, a.window.count)]);
  a.scratch = call.scratch.get();
  return call;
}

// One kernel as a synchronous and an asynchronous function.
template <typename Args, typename Result>
void define(Napi::Env env, Napi::Object exports, const std::string& name,
            Call<Args> (*read)(Napi::Object, bool), Result (*kernel)(const Args&),
            Napi::Value (*convert)(Napi::Env, const Result&)) {
  exports.Set(name, Napi::Function::New(env, [=](const Napi::CallbackInfo& info) -> Napi::Value {
                return guarded(info.Env(), [&] {
                  Call<Args> call = read(object_argument(info, 0), false);
                  const Result result = kernel(call.args);
                  call.arrays.commit(info.Env());
                  return convert(info.Env(), result);
                });
              }));
  exports.Set(name + "Async",
              Napi::Function::New(env, [=](const Napi::CallbackInfo& info) -> Napi::Value {
                return guarded(info.Env(), [&] {
                  auto call = std::make_shared<Call<Args>>(read(object_argument(info, 0), true));
                  return PromiseWorker<Result>::run(
                      info.Env(), "sjd2.kernel", [call, kernel] { return kernel(call->args); },
                      [call, convert](Napi::Env env, Result& result) {
                        call->arrays.commit(env);
                        return convert(env, result);
                      });
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

VerifyResult run_verify(const VerifyArgs& args) {
  const VerifyResult result = cpu::kernels.verify(args);
  if (result.fault != VerifyFault::None) {
    throw Error(codes::kNumerics, "The logits of window row " + std::to_string(result.bad_row) +
                                      (result.fault == VerifyFault::NotANumber
                                           ? " hold NaN or +infinity"
                                           : " are all masked: no token can follow"));
  }
  return result;
}

Napi::Value nothing(Napi::Env env, const bool&) { return env.Undefined(); }

Napi::Value describe(Napi::Env env, const VerifyResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("accepted", result.accepted);
  object.Set("kept", result.kept);
  return object;
}

}  // namespace

void define_kernels(Napi::Env env, Napi::Object exports) {
  define<EnterAndNoise, bool>(env, exports, "noise", read_noise, run_noise, nothing);
  define<VerifyArgs, VerifyResult>(env, exports, "verify", read_verify, run_verify, describe);
  define<RefineArgs, bool>(env, exports, "refine", read_refine, run_refine, nothing);
}

}  // namespace sjd2::addon
