// What a printed CUDA kernel sees when g++ compiles it for the CPU, for correctness only:
// g++ -std=c++17 -fPIC -shared -I<this folder> -include cuda-cpu.h kernels.cu
//
// No header of the C++ library: they would take twenty times as long to compile as the kernels. The threads themselves are in runtime.h,
// which the program that loads the kernels is built with. The types of cuda_fp16.h come from the small header of that name beside this
// file. LAUNCH(name) makes the entry by which the program calls a kernel.
#pragma once

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
extern "C" {
extern uint3 cuda_cpu_thread, cuda_cpu_block, cuda_cpu_block_size, cuda_cpu_grid_size;
void cuda_cpu_sync_threads();
unsigned cuda_cpu_lane();
// Every lane of the warp leaves a value; gives the slots of all lanes, 16 bytes each.
const unsigned char* cuda_cpu_exchange(const void* value, unsigned bytes, const char* where);
const char* cuda_cpu_launch(const unsigned* grid, unsigned lanes, void (*body)(void**), void** args, unsigned char* shared,
                            unsigned char* sharedEnd);
// Of this library; absent when its kernels share nothing.
extern unsigned char __start_cuda_shared[] __attribute__((weak, visibility("hidden")));
extern unsigned char __stop_cuda_shared[] __attribute__((weak, visibility("hidden")));
}
#define threadIdx cuda_cpu_thread
#define blockIdx cuda_cpu_block
#define blockDim cuda_cpu_block_size
#define gridDim cuda_cpu_grid_size

inline void __syncthreads() { cuda_cpu_sync_threads(); }
namespace cuda_cpu {
template <typename T>
T slot(const unsigned char* slots, unsigned lane) {
  T v;
  __builtin_memcpy(&v, slots + lane * 16, sizeof v);
  return v;
}
template <typename To, typename From>
To bits(From x) {
  static_assert(sizeof(To) == sizeof(From), "same size");
  To r;
  __builtin_memcpy(&r, &x, sizeof r);
  return r;
}
}  // namespace cuda_cpu

template <typename T>
T __shfl_sync(unsigned, T v, int from, int width = 32) {
  const unsigned char* slots = cuda_cpu_exchange(&v, sizeof v, "__shfl_sync");
  unsigned l = cuda_cpu_lane(), w = unsigned(width);
  return cuda_cpu::slot<T>(slots, (l & ~(w - 1)) + (unsigned(from) & (w - 1)));
}
template <typename T>
T __shfl_xor_sync(unsigned, T v, int mask, int width = 32) {
  const unsigned char* slots = cuda_cpu_exchange(&v, sizeof v, "__shfl_xor_sync");
  unsigned l = cuda_cpu_lane(), w = unsigned(width), inner = (l & (w - 1)) ^ unsigned(mask);
  return cuda_cpu::slot<T>(slots, inner < w ? (l & ~(w - 1)) + inner : l);
}

template <typename T>
T atomicAdd(T* p, T v) { T old = *p; *p = old + v; return old; }
inline unsigned atomicAnd(unsigned* p, unsigned v) { unsigned old = *p; *p &= v; return old; }
inline unsigned atomicOr(unsigned* p, unsigned v) { unsigned old = *p; *p |= v; return old; }

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

// The mathematics of the C library.
extern "C" {
#define F1(NAME) double NAME(double) noexcept; float NAME##f(float) noexcept;
#define F2(NAME) double NAME(double, double) noexcept; float NAME##f(float, float) noexcept;
F1(fabs) F1(floor) F1(ceil) F1(trunc) F1(rint) F1(sqrt) F1(exp) F1(exp2) F1(log) F1(log2) F1(erf)
F1(sin) F1(cos) F1(tan) F1(asin) F1(acos) F1(atan) F1(sinh) F1(cosh) F1(tanh) F1(asinh) F1(acosh) F1(atanh)
F2(pow) F2(fmod) F2(atan2) F2(fmin) F2(fmax)
double fma(double, double, double) noexcept;
float fmaf(float, float, float) noexcept;
#undef F1
#undef F2
}

namespace cuda_cpu {
template <unsigned... I> struct Indices {};
template <typename... A, unsigned... I>
void unpack(void (*kernel)(A...), void** args, Indices<I...>) {
  // Parameters are in memory of the launch, as the driver keeps them.
  kernel(*static_cast<A*>(args[I])...);
}
template <typename... A>
void call(void (*kernel)(A...), void** args) { unpack(kernel, args, Indices<__integer_pack(sizeof...(A))...>{}); }
template <typename... A>
constexpr unsigned parameters(void (*)(A...)) { return sizeof...(A); }
}  // namespace cuda_cpu

#define LAUNCH(NAME)                                                                                                          \
  extern "C" unsigned parameters_##NAME() { return cuda_cpu::parameters(NAME); }                                              \
  extern "C" const char* launch_##NAME(const unsigned* grid, unsigned lanes, void** args) {                                   \
    return cuda_cpu_launch(grid, lanes, [](void** a) { cuda_cpu::call(NAME, a); }, args, __start_cuda_shared, __stop_cuda_shared); \
  }
