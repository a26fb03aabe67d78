// A generation as JavaScript sees it: passes in trips to a worker thread, one trip at a time.
#pragma once

#include <memory>

#include "addon/model.h"
#include "addon/setup.h"
#include "decode/generation.h"

namespace sjd2::addon {

class GenerationHandle : public Tagged<GenerationHandle> {
 public:
  static constexpr napi_type_tag kTag = {0x67656e65726174f0, 0x2c8f5a7714be4d0a};
  static constexpr const char* kName = "Generation";
  static Napi::Function define(Napi::Env env);
  static Napi::Value create(Napi::Env env, std::shared_ptr<ModelCore> model, Napi::Object settings,
                            std::shared_ptr<ort::Interrupt> interrupt);

  // What a generation with these settings takes of memory. Throws ERR_MODEL where the manifest's
  // sizes multiply to more than any machine has.
  static size_t bytes(Napi::Env env, ModelCore& model, Napi::Object settings);

  explicit GenerationHandle(const Napi::CallbackInfo& info);
  ~GenerationHandle() { forget(); }

 private:
  // The model outlives the generation that points into its tables.
  struct Core {
    std::shared_ptr<ModelCore> model;
    std::shared_ptr<ort::Interrupt> interrupt;
    std::unique_ptr<Generation> generation;
  };

  // The decoder graph that was loaded with them.
  struct Loaded {
    int32_t rows, threads;
    static Loaded of(Napi::Object options);
  };

  static size_t bytes(ModelCore& model, const Settings& settings, Loaded loaded);
  void check_idle(const Napi::CallbackInfo& info) const;  // throws when disposed or in mid-pass
  // One piece of work at a time, on a worker thread: `work(Core&)` gives a Result.
  template <typename Result, typename Work, typename Describe>
  Napi::Value start(Napi::Env env, const char* name, Work work, Describe describe);
  Napi::Value passes(const Napi::CallbackInfo& info);
  Napi::Value score(const Napi::CallbackInfo& info);
  Napi::Value trace(const Napi::CallbackInfo& info);
  Napi::Value drafts(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  void forget();

  std::shared_ptr<Core> core_;
  // Told to the garbage collector, which sees a small object: who drops many streams without
  // leaving them has their memory back in time.
  int64_t external_bytes_ = 0;
  bool busy_ = false;
};

}  // namespace sjd2::addon
