template <typename T, int N> struct alignas(sizeof(T) * N) vec { T v[N]; };
template <int N, typename T> __device__ __forceinline__ vec<T, N> load_vec(const T* p) { return *reinterpret_cast<const vec<T, N>*>(p); }
template <int N, typename T> __device__ __forceinline__ void store_vec(T* p, vec<T, N> x) { *reinterpret_cast<vec<T, N>*>(p) = x; }

// vector_f32: test
// template test: test
// 0 bytes, 0 operations a launch
extern "C" __global__ void __launch_bounds__(4) vector_f32(const float* __restrict__ x, float* __restrict__ y) {
  const int lane = threadIdx.x;
  const int groupX = blockIdx.x;
  const int at_0 = (16 * groupX + 4 * lane);
  const vec<float, 4> t0 = load_vec<4>(x + at_0);
  const vec<float, 4> s_1 = vec<float, 4>{{t0.v[3], t0.v[2], t0.v[1], t0.v[0]}};
  const int at_2 = (16 * groupX + 4 * lane);
  store_vec<4>(y + at_2, vec<float, 4>{{s_1.v[0], s_1.v[1], s_1.v[2], s_1.v[3]}});
}
