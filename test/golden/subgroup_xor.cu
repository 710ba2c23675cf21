template <int N, typename T> __device__ __forceinline__ T warp_xor(T v, int mask) { return __shfl_xor_sync(N == 32 ? 0xffffffffu : (1u << N) - 1u, v, mask, N); }

// subgroup_xor: test
// template test: test
// 0 bytes, 0 operations a launch
extern "C" __global__ void __launch_bounds__(64) subgroup_xor(const float* __restrict__ x, float* __restrict__ y) {
  const int lane = threadIdx.x;
  const int groupX = blockIdx.x;
  const float t0 = x[64 * groupX + lane];
  const float s_0 = warp_xor<32>(t0, 1);
  const float t1 = t0 + s_0;
  const float s_1 = warp_xor<32>(t1, 2);
  const float t2 = t1 + s_1;
  y[64 * groupX + lane] = t2;
}
