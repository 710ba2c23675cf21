#include <cuda_fp16.h>

__device__ __forceinline__ unsigned short store_f16(float x) { return __half_as_ushort(__float2half_rn(x)); }

// round_to_f16: test
// template test: test
// 0 bytes, 0 operations a launch
extern "C" __global__ void __launch_bounds__(8) round_to_f16(const float* __restrict__ x0, unsigned short* __restrict__ y) {
  const int lane = threadIdx.x;
  const int groupX = blockIdx.x;
  if ((8 * groupX + lane) < 18) {
    y[8 * groupX + lane] = store_f16(x0[8 * groupX + lane]);
  }
}
