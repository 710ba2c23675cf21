// The threads of kernels that run on the CPU (cuda-cpu.h): included by the one file of a program that loads them.
//
// Threads of a block run on fibers with their own stacks: a fiber takes one thread after the other until one has to wait, then the next
// fiber goes on. __syncthreads and the warp operations park a fiber until every partner has arrived; when nobody can move, that is
// reported as a deadlock. __shared__ variables are ordinary statics that are filled with garbage before each block. Threads run in
// forward, reverse or shuffled order (orderMode), so that a missing barrier shows as a wrong answer.
#pragma once
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

struct uint3 { unsigned x, y, z; };
#define KERNEL_API extern "C" __attribute__((visibility("default")))
KERNEL_API uint3 cuda_cpu_thread, cuda_cpu_block, cuda_cpu_block_size, cuda_cpu_grid_size;
uint3 cuda_cpu_thread, cuda_cpu_block, cuda_cpu_block_size, cuda_cpu_grid_size;

namespace cuda_cpu {

constexpr unsigned kMaxThreads = 1024;
constexpr size_t kStackBytes = 64 * 1024;

// A saved point of execution on some stack.
struct Context {
#if defined(__x86_64__)
  void* stackPointer = nullptr;
#else
  ucontext_t saved;
#endif
};

#if defined(__x86_64__)
// System V: the callee keeps rbx, rbp and r12 to r15; everything else is dead across a call.
extern "C" void cuda_cpu_switch(void** from, void* to);
asm(".text\n.weak cuda_cpu_switch\ncuda_cpu_switch:\n"
    "push %rbx\npush %rbp\npush %r12\npush %r13\npush %r14\npush %r15\n"
    "mov %rsp, (%rdi)\nmov %rsi, %rsp\n"
    "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbp\npop %rbx\nret\n");
inline void switchTo(Context& from, Context& to) { cuda_cpu_switch(&from.stackPointer, to.stackPointer); }
inline void makeContext(Context& c, char* stack, size_t bytes, void (*entry)()) {
  // Room for six registers, the entry as return address, and a null return address that keeps the stack aligned for a call.
  void** top = reinterpret_cast<void**>(reinterpret_cast<uintptr_t>(stack + bytes) & ~uintptr_t(15));
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; i++) *--top = nullptr;
  c.stackPointer = top;
}
#else
inline void switchTo(Context& from, Context& to) { swapcontext(&from.saved, &to.saved); }
inline void makeContext(Context& c, char* stack, size_t bytes, void (*entry)()) {
  getcontext(&c.saved);
  c.saved.uc_stack.ss_sp = stack;
  c.saved.uc_stack.ss_size = bytes;
  c.saved.uc_link = nullptr;
  makecontext(&c.saved, entry, 0);
}
#endif

// One rendezvous of a group of threads: `arrived` reaches `expected`, then everyone moves on.
struct Gate {
  unsigned arrived = 0;
  uint64_t generation = 0;
};

struct Fiber {
  Context context;
  // Thread it runs now.
  unsigned index = 0;
  // Number of the exchange the thread takes part in next.
  uint64_t round = 0;
  // What it waits for: the gate to leave this generation.
  const Gate* gate = nullptr;
  uint64_t generation = 0;
  const char* where = "";
  bool done = false;
};

struct Warp {
  Gate gate;
  // Two sets of slots: a fast fiber may start the next exchange while a slow one still reads this one.
  alignas(16) unsigned char slots[2][32][16];
};

struct Block {
  std::vector<Fiber> fibers;
  // Left as they come: clearing them would take longer than most kernels.
  std::unique_ptr<char[]> stacks;
  size_t stackBytes = 0;
  std::vector<Warp> warps;
  // Order in which threads start, and in which waiting fibers get their turn.
  std::vector<unsigned> order, turns;
  void (*body)(void**) = nullptr;
  void** args = nullptr;
  unsigned char *shared = nullptr, *sharedEnd = nullptr;
  Context scheduler;
  Gate gate;
  unsigned threads = 0, live = 0, next = 0;
  Fiber* current = nullptr;
  std::string error;
};

inline Block block;
inline int orderMode = 0;
inline std::mt19937 random{12345};

inline void show(const Fiber& f) { cuda_cpu_thread.x = f.index; }

inline void pass(Gate& gate, unsigned expected, const char* where) {
  uint64_t mine = gate.generation;
  if (++gate.arrived >= expected) {
    gate.arrived = 0;
    gate.generation++;
    return;
  }
  Fiber& me = *block.current;
  me.gate = &gate;
  me.generation = mine;
  me.where = where;
  switchTo(me.context, block.scheduler);
  me.gate = nullptr;
}

inline void enter() {
  Fiber& me = *block.current;
  while (block.next < block.threads) {
    me.index = block.order[block.next++];
    me.round = 0;
    show(me);
    block.body(block.args);
    block.live--;
  }
  me.done = true;
  switchTo(me.context, block.scheduler);
}

inline unsigned lanesOf(unsigned warp) {
  unsigned left = block.threads - warp * 32;
  return left < 32 ? left : 32;
}

inline void resume(Fiber& f) {
  block.current = &f;
  show(f);
  switchTo(block.scheduler, f.context);
}

inline void runBlock() {
  Block& b = block;
  memset(b.shared, 0xcb, size_t(b.sharedEnd - b.shared));
  b.gate = {};
  for (Warp& w : b.warps) w.gate = {};
  b.live = b.threads;
  b.next = 0;
  for (unsigned i = 0; i < b.threads; i++) b.order[i] = orderMode == 1 ? b.threads - 1 - i : i;
  if (orderMode == 2) std::shuffle(b.order.begin(), b.order.begin() + b.threads, random);
  unsigned active = 0;
  while (b.live > 0) {
    if (b.next < b.threads) {
      Fiber& f = b.fibers[active];
      f.done = false;
      makeContext(f.context, b.stacks.get() + size_t(active) * kStackBytes, kStackBytes, enter);
      b.turns[active] = active;
      active++;
      resume(f);
      continue;
    }
    if (orderMode == 2) std::shuffle(b.turns.begin(), b.turns.begin() + active, random);
    bool moved = false;
    for (unsigned k = 0; k < active; k++) {
      Fiber& f = b.fibers[b.turns[k]];
      if (f.done || (f.gate && f.gate->generation == f.generation)) continue;
      moved = true;
      resume(f);
    }
    if (!moved) {
      for (unsigned k = 0; k < active; k++) {
        Fiber& f = b.fibers[k];
        if (f.done) continue;
        b.error = "deadlock: thread " + std::to_string(f.index) + " waits in " + f.where + " with " + std::to_string(b.live) +
                  " of " + std::to_string(b.threads) + " threads alive";
        return;
      }
    }
  }
}

}  // namespace cuda_cpu

KERNEL_API void cuda_cpu_sync_threads() { cuda_cpu::pass(cuda_cpu::block.gate, cuda_cpu::block.live, "__syncthreads"); }
KERNEL_API unsigned cuda_cpu_lane() { return cuda_cpu::block.current->index % 32; }
KERNEL_API const unsigned char* cuda_cpu_exchange(const void* value, unsigned bytes, const char* where) {
  cuda_cpu::Fiber& me = *cuda_cpu::block.current;
  unsigned w = me.index / 32;
  cuda_cpu::Warp& warp = cuda_cpu::block.warps[w];
  // Kernels use full masks only.
  unsigned set = me.round++ & 1;
  memcpy(warp.slots[set][me.index % 32], value, bytes);
  cuda_cpu::pass(warp.gate, cuda_cpu::lanesOf(w), where);
  return warp.slots[set][0];
}

// Runs a whole grid; the text of the error is empty when all went well.
KERNEL_API const char* cuda_cpu_launch(const unsigned* grid, unsigned lanes, void (*body)(void**), void** args, unsigned char* shared,
                                       unsigned char* sharedEnd) {
  cuda_cpu::Block& b = cuda_cpu::block;
  if (lanes == 0 || lanes > cuda_cpu::kMaxThreads) return "bad number of threads";
  cuda_cpu_grid_size = {grid[0], grid[1], grid[2]};
  cuda_cpu_block_size = {lanes, 1, 1};
  b.threads = lanes;
  b.body = body;
  b.args = args;
  b.shared = shared;
  b.sharedEnd = sharedEnd;
  b.error.clear();
  b.fibers.resize(cuda_cpu::kMaxThreads);
  b.order.resize(cuda_cpu::kMaxThreads);
  b.turns.resize(cuda_cpu::kMaxThreads);
  b.warps.resize((lanes + 31) / 32);
  if (b.stackBytes < lanes * cuda_cpu::kStackBytes) {
    b.stackBytes = lanes * cuda_cpu::kStackBytes;
    b.stacks.reset(new char[b.stackBytes]);
  }
  uint3& at = cuda_cpu_block;
  for (at.z = 0; at.z < grid[2] && b.error.empty(); at.z++)
    for (at.y = 0; at.y < grid[1] && b.error.empty(); at.y++)
      for (at.x = 0; at.x < grid[0] && b.error.empty(); at.x++) cuda_cpu::runBlock();
  return b.error.c_str();
}
