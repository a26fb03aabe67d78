// Cooperative threads: a stack each, switched by hand on x86-64 (about 5 ns, where ucontext makes
// two system calls and takes six times as long for a whole kernel), by ucontext elsewhere. Address
// and thread sanitizer are told about every switch.
#pragma once

#include <cstddef>
#include <memory>

namespace simt {

class Fiber {
 public:
  static constexpr size_t kStackBytes = 64 * 1024;

  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Next resume() runs `entry(argument)` from its start.
  void start(void (*entry)(void*), void* argument);
  // From the scheduler: runs the fiber until it suspends or its entry returns.
  void resume();
  // From inside the fiber: back to whoever resumed it.
  void suspend();
  bool finished() const { return finished_; }

 private:
  struct Machine;
  friend struct Machine;
  static void run(Fiber* fiber);

  std::unique_ptr<Machine> machine_;
  void (*entry_)(void*) = nullptr;
  void* argument_ = nullptr;
  bool finished_ = true;
};

}  // namespace simt
