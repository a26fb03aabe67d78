#include "simt/fiber.h"

#include <cstdlib>
#include <new>

#if !defined(__x86_64__) || defined(SJD2_SIMT_UCONTEXT)
#define SJD2_UCONTEXT 1
#include <ucontext.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef SJD2_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace simt {

#ifndef SJD2_UCONTEXT
// Saves the callee-saved registers on the current stack, leaves its pointer in *from and continues
// where `to` was left. The x87 and SSE control words are the same for all fibers.
extern "C" void sjd2_switch_stack(void** from, void* to);
asm(R"(
.text
.globl sjd2_switch_stack
.type sjd2_switch_stack, @function
sjd2_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size sjd2_switch_stack, .-sjd2_switch_stack
)");
#endif

struct Fiber::Machine {
  char* stack = static_cast<char*>(std::aligned_alloc(64, kStackBytes));
#ifdef SJD2_UCONTEXT
  ucontext_t inside{}, outside{};
#else
  void *inside = nullptr, *outside = nullptr;
#endif
  // What the sanitizers want to know about both sides.
  void *fake_inside = nullptr, *fake_outside = nullptr;
  const void* outside_stack = nullptr;
  size_t outside_bytes = 0;
  void *tsan_inside = nullptr, *tsan_outside = nullptr;

  ~Machine() {
#ifdef SJD2_TSAN
    if (tsan_inside) __tsan_destroy_fiber(tsan_inside);
#endif
    std::free(stack);
  }

  void enter() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&fake_outside, stack, kStackBytes);
#endif
#ifdef SJD2_TSAN
    // No synchronisation by the switch itself: only barriers order what two CUDA threads do.
    tsan_outside = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(tsan_inside, __tsan_switch_to_fiber_no_sync);
#endif
#ifdef SJD2_UCONTEXT
    swapcontext(&outside, &inside);
#else
    sjd2_switch_stack(&outside, inside);
#endif
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake_outside, nullptr, nullptr);
#endif
  }

  void arrive() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake_inside, &outside_stack, &outside_bytes);
#endif
  }

  void leave(bool for_good) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(for_good ? nullptr : &fake_inside, outside_stack, outside_bytes);
#else
    (void)for_good;
#endif
#ifdef SJD2_TSAN
    __tsan_switch_to_fiber(tsan_outside, __tsan_switch_to_fiber_no_sync);
#endif
#ifdef SJD2_UCONTEXT
    swapcontext(&inside, &outside);
#else
    sjd2_switch_stack(&inside, outside);
#endif
  }

  // The first frame on a new stack takes no argument, so it finds its fiber here.
  static inline thread_local Fiber* starting = nullptr;
  static void first_frame() { Fiber::run(starting); }
};

Fiber::Fiber() : machine_(std::make_unique<Machine>()) {
  if (!machine_->stack) throw std::bad_alloc();
}
Fiber::~Fiber() = default;

void Fiber::run(Fiber* fiber) {
  fiber->machine_->arrive();
  fiber->entry_(fiber->argument_);
  fiber->finished_ = true;
  fiber->machine_->leave(true);
  std::abort();  // a finished fiber is never resumed
}

void Fiber::start(void (*entry)(void*), void* argument) {
  entry_ = entry;
  argument_ = argument;
  finished_ = false;
  Machine& m = *machine_;
#ifdef SJD2_TSAN
  if (m.tsan_inside) __tsan_destroy_fiber(m.tsan_inside);
  m.tsan_inside = __tsan_create_fiber(0);
#endif
#ifdef SJD2_UCONTEXT
  getcontext(&m.inside);
  m.inside.uc_stack.ss_sp = m.stack;
  m.inside.uc_stack.ss_size = kStackBytes;
  m.inside.uc_link = nullptr;
  makecontext(&m.inside, Machine::first_frame, 0);
#else
  // What sjd2_switch_stack will pop: six registers and the return address. The ABI wants the stack
  // 16-byte aligned before a call, so 8 bytes off at the first instruction of first_frame.
  void** top = reinterpret_cast<void**>(m.stack + kStackBytes) - 2;
  *--top = nullptr;  // no caller
  *--top = reinterpret_cast<void*>(Machine::first_frame);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  m.inside = top;
#endif
}

void Fiber::resume() {
  Machine::starting = this;
  machine_->enter();
}

void Fiber::suspend() {
  machine_->leave(false);
  machine_->arrive();
}

}  // namespace simt
