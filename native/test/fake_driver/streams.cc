// The fake driver's asynchronous half: copies, streams, events and launches. A stream is a queue
// that runs when someone waits for it, and not before.
#include <cstring>

#include "fake_driver/state.h"

using namespace fake;

namespace {

FakeStream* find(Stream stream) {
  for (const auto& known : state().streams) {
    if (known.get() == reinterpret_cast<FakeStream*>(stream)) return known.get();
  }
  return nullptr;
}

Result drain(FakeStream& stream) {
  while (!stream.queue.empty()) {
    const Work work = std::move(stream.queue.front());
    stream.queue.pop_front();
    const Result result = work.run();
    if (result != kSuccess) return state().sticky = result;
  }
  const std::string damage = state().memory.damage();
  if (!damage.empty()) return state().sticky = fail(kIllegalAddress, damage);
  return kSuccess;
}

Result queue(Stream stream, std::function<Result()> run) {
  FakeStream* known = find(stream);
  if (!known) return fail(kInvalidValue, "work is queued on a stream that does not exist");
  known->queue.push_back({std::move(run)});
  return kSuccess;
}

void* host(DevicePointer pointer) { return reinterpret_cast<void*>(pointer); }

Result copy(void* to, const void* from, size_t bytes, const void* device, Stream stream) {
  if (!state().memory.holds(device, bytes)) {
    return fail(kInvalidValue, "a copy leaves the bounds of its device memory");
  }
  return queue(stream, [=] {
    std::memmove(to, from, bytes);
    return kSuccess;
  });
}

}  // namespace

EXPORT Result cuMemcpyHtoDAsync_v2(DevicePointer to, const void* from, size_t bytes,
                                   Stream stream) {
  ENTER();
  return copy(host(to), from, bytes, host(to), stream);
}
EXPORT Result cuMemcpyDtoHAsync_v2(void* to, DevicePointer from, size_t bytes, Stream stream) {
  ENTER();
  return copy(to, host(from), bytes, host(from), stream);
}
EXPORT Result cuMemcpyDtoDAsync_v2(DevicePointer to, DevicePointer from, size_t bytes,
                                   Stream stream) {
  ENTER();
  if (!state().memory.holds(host(to), bytes)) {
    return fail(kInvalidValue, "a copy leaves the bounds of its device memory");
  }
  return copy(host(to), host(from), bytes, host(from), stream);
}
EXPORT Result cuMemsetD8Async(DevicePointer pointer, unsigned char value, size_t bytes,
                              Stream stream) {
  ENTER();
  if (!state().memory.holds(host(pointer), bytes)) {
    return fail(kInvalidValue, "memset leaves the bounds of its memory");
  }
  return queue(stream, [=] {
    std::memset(host(pointer), value, bytes);
    return kSuccess;
  });
}

EXPORT Result cuStreamCreate(Stream* stream, unsigned) {
  ENTER();
  state().streams.push_back(std::make_unique<FakeStream>());
  *stream = reinterpret_cast<Stream>(state().streams.back().get());
  return kSuccess;
}
EXPORT Result cuStreamDestroy_v2(Stream stream) {
  ENTER();
  if (!find(stream)) return fail(kInvalidValue, "a stream is destroyed that does not exist");
  std::erase_if(state().streams, [&](const auto& known) {
    return known.get() == reinterpret_cast<FakeStream*>(stream);
  });
  return kSuccess;
}
EXPORT Result cuStreamSynchronize(Stream stream) {
  ENTER();
  FakeStream* known = find(stream);
  return known ? drain(*known) : fail(kInvalidValue, "a stream that does not exist");
}
EXPORT Result cuEventCreate(Event* event, unsigned) {
  ENTER();
  *event = reinterpret_cast<Event>(new FakeEvent);
  return kSuccess;
}
EXPORT Result cuEventDestroy_v2(Event event) {
  ENTER();
  if (!reinterpret_cast<FakeEvent*>(event)->reached) {
    return fail(kInvalidValue, "an event is destroyed with work queued");
  }
  delete reinterpret_cast<FakeEvent*>(event);
  return kSuccess;
}
EXPORT Result cuEventRecord(Event event, Stream stream) {
  ENTER();
  FakeEvent* fake = reinterpret_cast<FakeEvent*>(event);
  fake->reached = false;
  return queue(stream, [fake] {
    fake->reached = true;
    fake->time = std::chrono::steady_clock::now();
    return kSuccess;
  });
}
EXPORT Result cuEventQuery(Event event) {
  ENTER();
  return reinterpret_cast<FakeEvent*>(event)->reached ? kSuccess : kNotReady;
}
EXPORT Result cuEventElapsedTime(float* milliseconds, Event begin, Event end) {
  ENTER();
  const FakeEvent& from = *reinterpret_cast<FakeEvent*>(begin);
  const FakeEvent& to = *reinterpret_cast<FakeEvent*>(end);
  if (!from.reached || !to.reached) return kNotReady;
  *milliseconds = std::chrono::duration<float, std::milli>(to.time - from.time).count();
  return kSuccess;
}

EXPORT Result cuLaunchKernel(Function function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                             unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                             Stream stream, void** parameters, void**) {
  ENTER();
  const FakeFunction* fake = reinterpret_cast<FakeFunction*>(function);
  const sjd2::test::EmulatedKernel& kernel = *fake->kernel;
  const std::string name = kernel.name;
  if (grid_x == 0 || block_x == 0 || grid_y != 1 || grid_z != 1 || block_y != 1 || block_z != 1) {
    return fail(kInvalidValue, name + " is launched with an empty grid or one of two dimensions");
  }
  if (static_cast<int>(shared) > fake->shared_limit) {
    return fail(kInvalidValue, name + " is launched with " + std::to_string(shared) +
                                   " bytes of shared memory; its attribute allows " +
                                   std::to_string(fake->shared_limit));
  }
  if (static_cast<int>(block_x) > kernel.max_threads) {
    return fail(kOutOfResources, name + " is launched with " + std::to_string(block_x) +
                                     " threads; its launch bounds are " +
                                     std::to_string(kernel.max_threads));
  }
  // By value, at the launch: what the host does to the struct afterwards is none of the kernel's
  // business.
  const char* bytes = static_cast<const char*>(parameters[0]);
  auto params = std::make_shared<std::vector<char>>(bytes, bytes + kernel.params_bytes);
  return queue(stream, [=, run = kernel.run] {
    try {
      static uint64_t launches = 0;
      simt::run_grid({grid_x, block_x, shared}, {++launches}, [&] { run(params->data()); });
    } catch (const std::exception& error) {
      return fail(kLaunchFailed, name + ": " + error.what());
    }
    return static_cast<Result>(kSuccess);
  });
}
