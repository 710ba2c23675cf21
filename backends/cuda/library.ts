/** CUDA device functions that printed kernels call where C++ has no operator of the exact meaning; each includes what it calls. */
const fn = (signature: string, body: string): string => `__device__ __forceinline__ ${signature} { ${body} }`;
const integer = (t: string, name: string): Record<string, string> => ({
  [`div_${name}`]: fn(`${t} div_${name}(${t} a, ${t} b)`, `return b == 0 ? 0 : ${divide(t)};`),
  [`rem_${name}`]: fn(
    `${t} rem_${name}(${t} a, ${t} b)`,
    `return b == 0${isSigned(t) ? ' || b == -1' : ''} ? 0 : a % b;`,
  ),
});
const isSigned = (t: string): boolean => !t.startsWith('unsigned');
/** The most negative value divided by -1 wraps to itself. */
const divide = (t: string): string =>
  isSigned(t) ? `b == -1 ? (${t})(0ull - (unsigned long long)a) : a / b` : 'a / b';
const warp = (name: string, combine: string): string =>
  `template <int N, typename T> __device__ __forceinline__ T ${name}(T v) {
  #pragma unroll
  for (int o = N / 2; o > 0; o >>= 1) { T w = __shfl_xor_sync(N == 32 ? 0xffffffffu : (1u << N) - 1u, v, o, N); v = ${combine}; }
  return v;
}`;

export const library: Readonly<Record<string, string>> = {
  ...integer('int', 'i32'),
  ...integer('unsigned', 'u32'),
  ...integer('long long', 'i64'),
  ...integer('unsigned long long', 'u64'),
  vec: `template <typename T, int N> struct alignas(sizeof(T) * N) vec { T v[N]; };`,
  load_vec: `template <int N, typename T> __device__ __forceinline__ vec<T, N> load_vec(const T* p) { return *reinterpret_cast<const vec<T, N>*>(p); }`,
  store_vec: `template <int N, typename T> __device__ __forceinline__ void store_vec(T* p, vec<T, N> x) { *reinterpret_cast<vec<T, N>*>(p) = x; }`,
  // min and max propagate NaN.
  min_float: `template <typename T> __device__ __forceinline__ T min_float(T a, T b) { return a != a ? a : (b < a || b != b) ? b : a; }`,
  max_float: `template <typename T> __device__ __forceinline__ T max_float(T a, T b) { return a != a ? a : (a < b || b != b) ? b : a; }`,
  // Float to integer: truncates, saturates, NaN gives 0.
  f32_to_i32: fn(
    'int f32_to_i32(float x)',
    'return x != x ? 0 : x >= 2147483648.0f ? 2147483647 : x <= -2147483648.0f ? (int)0x80000000u : (int)x;',
  ),
  f32_to_u32: fn(
    'unsigned f32_to_u32(float x)',
    'return !(x > 0.0f) ? 0u : x >= 4294967296.0f ? 4294967295u : (unsigned)x;',
  ),
  f32_to_i64: fn(
    'long long f32_to_i64(float x)',
    'return x != x ? 0 : x >= 9223372036854775808.0f ? 0x7fffffffffffffffll : x <= -9223372036854775808.0f ? (long long)0x8000000000000000ull : (long long)x;',
  ),
  f32_to_u64: fn(
    'unsigned long long f32_to_u64(float x)',
    'return !(x > 0.0f) ? 0ull : x >= 18446744073709551616.0f ? ~0ull : (unsigned long long)x;',
  ),
  f64_to_i32: fn(
    'int f64_to_i32(double x)',
    'return x != x ? 0 : x >= 2147483647.0 ? 2147483647 : x <= -2147483648.0 ? (int)0x80000000u : (int)x;',
  ),
  f64_to_u32: fn(
    'unsigned f64_to_u32(double x)',
    'return !(x > 0.0) ? 0u : x >= 4294967295.0 ? 4294967295u : (unsigned)x;',
  ),
  f64_to_i64: fn(
    'long long f64_to_i64(double x)',
    'return x != x ? 0 : x >= 9223372036854775808.0 ? 0x7fffffffffffffffll : x <= -9223372036854775808.0 ? (long long)0x8000000000000000ull : (long long)x;',
  ),
  f64_to_u64: fn(
    'unsigned long long f64_to_u64(double x)',
    'return !(x > 0.0) ? 0ull : x >= 18446744073709551616.0 ? ~0ull : (unsigned long long)x;',
  ),
  floor_div: fn('int floor_div(int a, int b)', 'return a >= 0 ? a / b : -((b - 1 - a) / b);'),
  floor_mod: fn('int floor_mod(int a, int b)', 'return a - floor_div(a, b) * b;'),
  pow_integer: `template <typename T> __device__ T pow_integer(T a, T b) {
  if (b < 0) return a == 1 ? 1 : a == (T)-1 ? (b & 1 ? a : 1) : 0;
  unsigned long long result = 1, base = (unsigned long long)a;
  for (unsigned long long e = (unsigned long long)b; e; e >>= 1) { if (e & 1) result *= base; base *= base; }
  return (T)result;
}`,
  // Elements below a byte, inside words: a store clears, then sets, only its own bits, whichever threads share the word.
  load_signed: `template <int B> __device__ __forceinline__ int load_signed(const unsigned char* bytes, int i) {
  const unsigned* p = reinterpret_cast<const unsigned*>(bytes);
  return (int)(p[i / (32 / B)] << (32 - B - i % (32 / B) * B)) >> (32 - B);
}`,
  load_unsigned: `template <int B> __device__ __forceinline__ unsigned load_unsigned(const unsigned char* bytes, int i) {
  const unsigned* p = reinterpret_cast<const unsigned*>(bytes);
  return (p[i / (32 / B)] >> (i % (32 / B) * B)) & ((1u << B) - 1u);
}`,
  store_bits: `template <int B> __device__ __forceinline__ void store_bits(unsigned char* bytes, int i, unsigned x) {
  unsigned* p = reinterpret_cast<unsigned*>(bytes);
  const unsigned mask = (1u << B) - 1u, shift = i % (32 / B) * B;
  atomicAnd(p + i / (32 / B), ~(mask << shift));
  atomicOr(p + i / (32 / B), (x & mask) << shift);
}`,
  load_f16: fn('float load_f16(unsigned short x)', 'return __half2float(__ushort_as_half(x));'),
  store_f16: fn('unsigned short store_f16(float x)', 'return __half_as_ushort(__float2half_rn(x));'),
  load_bf16: fn('float load_bf16(unsigned short x)', 'return __uint_as_float((unsigned)x << 16);'),
  store_bf16: fn(
    'unsigned short store_bf16(float x)',
    'unsigned b = __float_as_uint(x); return x != x ? 0x7fc0 : (unsigned short)((b + 0x7fffu + ((b >> 16) & 1u)) >> 16);',
  ),
  narrow_f16: fn('float narrow_f16(float x)', 'return load_f16(store_f16(x));'),
  narrow_bf16: fn('float narrow_bf16(float x)', 'return load_bf16(store_bf16(x));'),
  warp_add: warp('warp_add', 'v + w'),
  warp_max: warp('warp_max', 'v < w ? w : v'),
  warp_min: warp('warp_min', 'w < v ? w : v'),
  warp_first: `template <int N, typename T> __device__ __forceinline__ T warp_first(T v) { return __shfl_sync(N == 32 ? 0xffffffffu : (1u << N) - 1u, v, 0, N); }`,
  warp_xor: `template <int N, typename T> __device__ __forceinline__ T warp_xor(T v, int mask) { return __shfl_xor_sync(N == 32 ? 0xffffffffu : (1u << N) - 1u, v, mask, N); }`,
};
