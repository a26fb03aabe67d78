#include "simt/grid.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "simt/fiber.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif
// This file and fiber.cc are compiled without the thread sanitizer (native/cuda.cmake), or it would
// see all fibers at their common book-keeping; they tell it what orders the kernels' own accesses.
#ifdef SJD2_TSAN
#include <sanitizer/tsan_interface.h>
extern "C" void AnnotateIgnoreReadsBegin(const char*, int);
extern "C" void AnnotateIgnoreReadsEnd(const char*, int);
extern "C" void AnnotateIgnoreWritesBegin(const char*, int);
extern "C" void AnnotateIgnoreWritesEnd(const char*, int);
#endif

namespace simt {
namespace {

enum class State : uint8_t { Ready, AtBlock, AtWarp, Done };

struct Thread {
  Index index;
  State state = State::Ready;
  int barriers = 0;
  int parity = 0;  // which of the warp's two exchange buffers comes next
};

struct Warp {
  std::vector<unsigned> ready;  // thread ids
  uint64_t priority = 0;
  uint64_t values[2][32];
  unsigned arrived = 0, size = 0;
  char order[2];  // two addresses for the thread sanitizer: who waits acquires what all released
};

// One fiber per thread of a block; kept for the next launch, as stacks cost more than switches.
struct Machine {
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::unique_ptr<char[]> shared_storage;
  char* shared = nullptr;
  size_t shared_bytes = 0;
  Index block, size;
  unsigned waiting = 0, alive = 0;
  int generation = 0;
  char order[2];
  char launched, done;  // what the host did before a block, what blocks did before the host goes on
  // Under the thread sanitizer blocks have memory of their own until the grid ends, or accesses to
  // the memory they share here and not on a GPU would have to be ordered, and order all the rest.
  std::vector<std::unique_ptr<Fiber>> retired;
  std::vector<std::unique_ptr<char[]>> storages;
  Schedule schedule;
  std::mt19937_64 random;
  const std::function<void()>* body = nullptr;
  std::exception_ptr failure;
  Thread* current = nullptr;
  unsigned current_id = 0;
  int most_barriers = 0;
};

Machine& machine() {
  static thread_local Machine instance;
  return instance;
}

// Two sync variables per barrier, alternating by generation: with one, a thread that leaves early
// would release into the barrier that slower threads have yet to acquire, and hide a race.
void release([[maybe_unused]] char* order) {
#ifdef SJD2_TSAN
  __tsan_release(order);
#endif
}
void acquire([[maybe_unused]] char* order) {
#ifdef SJD2_TSAN
  __tsan_acquire(order);
#endif
}

// Inside, templates of the C++ library may come from a file that is compiled with the sanitizer.
struct OutOfSight {
#ifdef SJD2_TSAN
  OutOfSight() {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~OutOfSight() {
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
#else
  ~OutOfSight() {}
#endif
};

void make_ready(Machine& m, State from, unsigned first, unsigned end) {
  for (unsigned id = first; id < end; ++id) {
    if (m.threads[id].state != from) continue;
    m.threads[id].state = State::Ready;
    m.warps[id / 32].ready.push_back(id);
  }
}

// Takes a thread that can run; none are left when it returns -1.
int next_thread(Machine& m) {
  if (m.schedule.seed && m.schedule.seed % 2 == 0 && m.random() % 256 == 0) {
    for (Warp& warp : m.warps) warp.priority = m.random();
  }
  Warp* chosen = nullptr;
  size_t seen = 0;
  for (Warp& warp : m.warps) {
    if (warp.ready.empty()) continue;
    const bool random = m.schedule.seed % 2 == 1;
    if (!chosen || (random ? m.random() % ++seen == 0 : warp.priority > chosen->priority)) {
      chosen = &warp;
      seen = std::max<size_t>(seen, 1);
    }
  }
  if (!chosen) return -1;
  std::vector<unsigned>& ready = chosen->ready;
  if (m.schedule.seed) std::swap(ready[m.random() % ready.size()], ready.back());
  const unsigned id = ready.back();
  ready.pop_back();
  return static_cast<int>(id);
}

void suspend(Machine& m) { m.fibers[m.current_id]->suspend(); }

void thread_main(void*) {
  Machine& m = machine();
  const unsigned id = m.current_id;
  acquire(&m.launched);
  try {
    (*m.body)();
  } catch (...) {
    if (!m.failure) m.failure = std::current_exception();
  }
  release(&m.done);
  m.threads[id].state = State::Done;
  --m.alive;
  m.most_barriers = std::max(m.most_barriers, m.threads[id].barriers);
}

std::string divergence(const Machine& m) {
  for (unsigned id = 0; id < m.threads.size(); ++id) {
    if (m.threads[id].state == State::Done) continue;
    const char* where =
        m.threads[id].state == State::AtBlock ? "__syncthreads" : "a warp operation";
    return "divergent barrier: thread " + std::to_string(id) + " of block " +
           std::to_string(m.block.x) + " waits at " + where + " for threads that never come";
  }
  return "divergent barrier";
}

// A fresh allocation, so that the address sanitizer sees its end.
void allocate_shared(Machine& m, size_t bytes) {
#ifdef SJD2_TSAN
  m.storages.push_back(std::move(m.shared_storage));
#endif
  m.shared_storage = std::make_unique<char[]>(bytes + 16);
  const size_t misaligned = reinterpret_cast<uintptr_t>(m.shared_storage.get()) % 16;
  m.shared = m.shared_storage.get() + (misaligned ? 16 - misaligned : 0);
  m.shared_bytes = bytes;
}

void run_block(Machine& m) {
  const unsigned count = m.size.x;
#ifdef SJD2_TSAN
  allocate_shared(m, m.shared_bytes);
  for (std::unique_ptr<Fiber>& fiber : m.fibers) {
    m.retired.push_back(std::move(fiber));
    fiber = std::make_unique<Fiber>();
  }
#endif
  // Shared memory starts as garbage: 0xFF bytes read as NaN and as -1.
  std::memset(m.shared, 0xFF, m.shared_bytes);
  m.waiting = 0;
  m.alive = count;
  for (unsigned w = 0; w < m.warps.size(); ++w) {
    m.warps[w].ready.clear();
    m.warps[w].ready.reserve(32);
    m.warps[w].priority = m.schedule.seed ? m.random() : 0;
    m.warps[w].arrived = 0;
    m.warps[w].size = std::min(32u, count - 32 * w);
  }
  for (unsigned id = 0; id < count; ++id) {
    m.threads[id] = Thread{{id, 0, 0}, State::Ready, 0, 0};
    m.fibers[id]->start(thread_main, nullptr);
    m.warps[id / 32].ready.push_back(id);
  }
  release(&m.launched);
  for (int id; (id = next_thread(m)) >= 0;) {
    m.current_id = static_cast<unsigned>(id);
    m.current = &m.threads[m.current_id];
    m.fibers[m.current_id]->resume();
    if (m.failure) std::rethrow_exception(m.failure);
  }
  if (m.alive) throw LaunchError(divergence(m));
}

}  // namespace

void run_grid(const Launch& launch, const Schedule& schedule, const std::function<void()>& thread) {
  Machine& m = machine();
  m.schedule = schedule;
  m.random.seed(schedule.seed);
  m.body = &thread;
  m.failure = nullptr;
  m.most_barriers = 0;
  m.size = {launch.block, 1, 1};
  m.threads.resize(launch.block);
  m.warps.resize((launch.block + 31) / 32);
  while (m.fibers.size() < launch.block) m.fibers.push_back(std::make_unique<Fiber>());
  allocate_shared(m, launch.shared_bytes);
#if defined(__SANITIZE_ADDRESS__)
  const size_t slack = static_cast<size_t>(m.shared_storage.get() + launch.shared_bytes + 16 -
                                           (m.shared + launch.shared_bytes));
  __asan_poison_memory_region(m.shared + launch.shared_bytes, slack);
#endif
  std::vector<unsigned> blocks(launch.grid);
  for (unsigned i = 0; i < launch.grid; ++i) blocks[i] = i;
  if (schedule.seed) std::shuffle(blocks.begin(), blocks.end(), m.random);
  try {
    for (const unsigned block : blocks) {
      m.block = {block, 0, 0};
      run_block(m);
    }
    acquire(&m.done);
    m.retired.clear();
    m.storages.clear();
  } catch (...) {
    m.fibers.clear();  // some are stuck in the middle; drop their stacks
    throw;
  }
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(m.shared + launch.shared_bytes, slack);
#endif
}

int barriers_of_last_grid() { return machine().most_barriers; }

const Index& thread_index() { return machine().current->index; }
const Index& block_index() { return machine().block; }
const Index& block_size() { return machine().size; }

void* shared_memory(size_t bytes) {
  Machine& m = machine();
  if (bytes > m.shared_bytes) {
    throw LaunchError("the kernel uses " + std::to_string(bytes) +
                      " bytes of shared memory but was launched with " +
                      std::to_string(m.shared_bytes));
  }
  return m.shared;
}

void sync_threads() {
  const OutOfSight quiet;
  Machine& m = machine();
  Thread& self = *m.current;
  if (self.barriers++ == m.schedule.skip_barrier) return;
  const unsigned count = static_cast<unsigned>(m.threads.size());
  char* order = &m.order[m.generation & 1];
  release(order);
  if (++m.waiting < count) {
    self.state = State::AtBlock;
    suspend(m);
  } else {
    m.waiting = 0;
    ++m.generation;
    // The last one queues with the others, so that anyone may go first.
    self.state = State::AtBlock;
    make_ready(m, State::AtBlock, 0, count);
    suspend(m);
  }
  acquire(order);
}

const uint64_t* warp_exchange(uint32_t mask, uint64_t value) {
  const OutOfSight quiet;
  Machine& m = machine();
  Thread& self = *m.current;
  const unsigned id = self.index.x, w = id / 32;
  Warp& warp = m.warps[w];
  if (mask != 0xffffffffu || warp.size != 32) {
    throw LaunchError("warp operations are emulated for whole warps only");
  }
  const int parity = self.parity;
  self.parity ^= 1;
  warp.values[parity][id % 32] = value;
  char* order = &warp.order[parity];
  release(order);
  self.state = State::AtWarp;
  if (++warp.arrived == warp.size) {
    warp.arrived = 0;
    make_ready(m, State::AtWarp, 32 * w, 32 * w + 32);
  }
  suspend(m);
  acquire(order);
  return warp.values[parity];
}

}  // namespace simt
