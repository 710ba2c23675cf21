// Runs CUDA C++ kernels on the CPU, for correctness only: g++ -std=c++17 -x c++ -I<this folder> -include cuda-cpu.h kernels.cu
//
// Threads of a block run on fibers with their own stacks: a fiber takes one thread after the other until one has to wait, then the next
// fiber goes on. __syncthreads and the warp operations park a fiber until every partner has arrived; when nobody can move, that is
// reported as a deadlock. __shared__ variables are ordinary statics that are filled with garbage before each block. Threads run in
// forward, reverse or shuffled order (orderMode), so that a missing barrier shows as a wrong answer. The types of cuda_fp16.h come from
// the small header of that name beside this file.
#pragma once
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
// All shared variables sit in one section, so that the launcher can dirty them between blocks.
#define __shared__ static __attribute__((section("cuda_shared")))

struct uint3 { unsigned x, y, z; };
struct dim3 { unsigned x = 1, y = 1, z = 1; };

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
  std::vector<char> stacks;
  std::vector<Warp> warps;
  // Order in which threads start, and in which waiting fibers get their turn.
  std::vector<unsigned> order, turns;
  std::function<void()> body;
  Context scheduler;
  Gate gate;
  unsigned threads = 0, live = 0, next = 0;
  Fiber* current = nullptr;
  std::string error;
};

inline Block block;
inline uint3 blockIndex;
inline dim3 blockSize, gridSize;
inline int orderMode = 0;
inline std::mt19937 random{12345};

inline uint3 threadIndex() {
  unsigned i = block.current->index;
  return {i % blockSize.x, i / blockSize.x % blockSize.y, i / blockSize.x / blockSize.y};
}

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
    block.body();
    block.live--;
  }
  me.done = true;
  switchTo(me.context, block.scheduler);
}

inline unsigned lanesOf(unsigned warp) {
  unsigned left = block.threads - warp * 32;
  return left < 32 ? left : 32;
}

// Every lane of the warp leaves a value; returns the set of slots to read. Kernels use full masks only.
inline unsigned exchange(const void* value, size_t bytes, const char* where) {
  Fiber& me = *block.current;
  unsigned w = me.index / 32;
  Warp& warp = block.warps[w];
  unsigned set = me.round++ & 1;
  memcpy(warp.slots[set][me.index % 32], value, bytes);
  pass(warp.gate, lanesOf(w), where);
  return set;
}

template <typename T>
T slot(unsigned set, unsigned lane) {
  T v;
  memcpy(&v, block.warps[block.current->index / 32].slots[set][lane], sizeof v);
  return v;
}

extern "C" unsigned char __start_cuda_shared[] __attribute__((weak));
extern "C" unsigned char __stop_cuda_shared[] __attribute__((weak));

inline void dirtyShared() {
  if (__start_cuda_shared)
    for (unsigned char* p = __start_cuda_shared; p < __stop_cuda_shared; p++) *p = 0xcb;
}

inline void resume(Fiber& f) {
  block.current = &f;
  switchTo(block.scheduler, f.context);
}

inline void runBlock() {
  Block& b = block;
  dirtyShared();
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
      makeContext(f.context, b.stacks.data() + size_t(active) * kStackBytes, kStackBytes, enter);
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

// Runs a whole grid; the error text is empty when all went well.
inline std::string launch(dim3 grid, dim3 threads, std::function<void()> body) {
  Block& b = block;
  unsigned n = threads.x * threads.y * threads.z;
  if (n == 0 || n > kMaxThreads) return "bad number of threads";
  gridSize = grid;
  blockSize = threads;
  b.threads = n;
  b.body = std::move(body);
  b.error.clear();
  b.fibers.resize(kMaxThreads);
  b.order.resize(kMaxThreads);
  b.turns.resize(kMaxThreads);
  b.warps.resize((n + 31) / 32);
  if (b.stacks.size() < n * kStackBytes) b.stacks.resize(n * kStackBytes);
  for (unsigned z = 0; z < grid.z && b.error.empty(); z++)
    for (unsigned y = 0; y < grid.y && b.error.empty(); y++)
      for (unsigned x = 0; x < grid.x && b.error.empty(); x++) {
        blockIndex = {x, y, z};
        runBlock();
      }
  // The kernel's library may be unloaded before the next launch.
  b.body = nullptr;
  return b.error;
}

template <typename T, typename F>
T shuffle(T v, int width, const char* where, F source) {
  unsigned set = exchange(&v, sizeof v, where);
  unsigned lane = block.current->index % 32;
  return slot<T>(set, source(lane, unsigned(width)));
}

}  // namespace cuda_cpu

#define threadIdx (cuda_cpu::threadIndex())
#define blockIdx (cuda_cpu::blockIndex)
#define blockDim (cuda_cpu::blockSize)
#define gridDim (cuda_cpu::gridSize)

inline void __syncthreads() { cuda_cpu::pass(cuda_cpu::block.gate, cuda_cpu::block.live, "__syncthreads"); }
template <typename T>
T __shfl_sync(unsigned, T v, int from, int width = 32) {
  return cuda_cpu::shuffle(v, width, "__shfl_sync", [=](unsigned l, unsigned w) { return (l & ~(w - 1)) + (unsigned(from) & (w - 1)); });
}
template <typename T>
T __shfl_xor_sync(unsigned, T v, int mask, int width = 32) {
  return cuda_cpu::shuffle(v, width, "__shfl_xor_sync", [=](unsigned l, unsigned w) {
    unsigned inner = (l & (w - 1)) ^ unsigned(mask);
    return inner < w ? (l & ~(w - 1)) + inner : l;
  });
}

template <typename T>
T atomicAdd(T* p, T v) { T old = *p; *p = old + v; return old; }

inline unsigned atomicAnd(unsigned* p, unsigned v) { unsigned old = *p; *p &= v; return old; }
inline unsigned atomicOr(unsigned* p, unsigned v) { unsigned old = *p; *p |= v; return old; }

namespace cuda_cpu {
template <typename To, typename From>
To bits(From x) { To r; static_assert(sizeof r == sizeof x, "same size"); memcpy(&r, &x, sizeof r); return r; }
}
inline int __float_as_int(float x) { return cuda_cpu::bits<int>(x); }
inline unsigned __float_as_uint(float x) { return cuda_cpu::bits<unsigned>(x); }
inline float __int_as_float(int x) { return cuda_cpu::bits<float>(x); }
inline float __uint_as_float(unsigned x) { return cuda_cpu::bits<float>(x); }
inline long long __double_as_longlong(double x) { return cuda_cpu::bits<long long>(x); }
inline double __longlong_as_double(long long x) { return cuda_cpu::bits<double>(x); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(unsigned(x)) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
inline int __dp4a(int a, int b, int c) {
  for (int i = 0; i < 32; i += 8) c += int((signed char)(a >> i)) * int((signed char)(b >> i));
  return c;
}
template <typename T>
T min(T a, T b) { return b < a ? b : a; }
template <typename T>
T max(T a, T b) { return a < b ? b : a; }
