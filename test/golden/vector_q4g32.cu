#include <cuda_fp16.h>

__device__ __forceinline__ float load_f16(unsigned short x) { return __half2float(__ushort_as_half(x)); }

// matmul_0: matmul for vector_q4g32, vector_q4g32, vector_q4g32
// template gemv-format: few rows: codes are multiplied straight from the weights
// 19796 bytes, 9408 operations a launch
extern "C" __global__ void __launch_bounds__(64) matmul_0(const unsigned* __restrict__ b0, const unsigned short* __restrict__ b1, const float* __restrict__ b2, const float* __restrict__ b3, float* __restrict__ b4) {
  __shared__ __align__(16) float partial[64];
  const int lane = threadIdx.x;
  const int groupX = blockIdx.x;
  float sum0 = 0.0f;
  if (((lane / 16) + 4 * groupX) < 21) {
    const int col1 = (lane / 16) + 4 * groupX;
    const int col2 = (lane / 16) + 4 * groupX;
    for (int i3 = (lane % 16); i3 < 7; i3 += 16) {
      const unsigned w4 = b0[28 * col2 + 4 * i3];
      const unsigned w5 = b0[28 * col2 + 4 * i3 + 1];
      const unsigned w6 = b0[28 * col2 + 4 * i3 + 2];
      const unsigned w7 = b0[28 * col2 + 4 * i3 + 3];
      const float w8 = load_f16(b1[7 * col2 + i3]);
      const float t9 = b2[32 * i3];
      const float t10 = b2[32 * i3 + 1];
      const float t11 = b2[32 * i3 + 2];
      const float t12 = b2[32 * i3 + 3];
      const float t13 = b2[32 * i3 + 4];
      const float t14 = b2[32 * i3 + 5];
      const float t15 = b2[32 * i3 + 6];
      const float t16 = b2[32 * i3 + 7];
      const float t17 = b2[32 * i3 + 8];
      const float t18 = b2[32 * i3 + 9];
      const float t19 = b2[32 * i3 + 10];
      const float t20 = b2[32 * i3 + 11];
      const float t21 = b2[32 * i3 + 12];
      const float t22 = b2[32 * i3 + 13];
      const float t23 = b2[32 * i3 + 14];
      const float t24 = b2[32 * i3 + 15];
      const float t25 = b2[32 * i3 + 16];
      const float t26 = b2[32 * i3 + 17];
      const float t27 = b2[32 * i3 + 18];
      const float t28 = b2[32 * i3 + 19];
      const float t29 = b2[32 * i3 + 20];
      const float t30 = b2[32 * i3 + 21];
      const float t31 = b2[32 * i3 + 22];
      const float t32 = b2[32 * i3 + 23];
      const float t33 = b2[32 * i3 + 24];
      const float t34 = b2[32 * i3 + 25];
      const float t35 = b2[32 * i3 + 26];
      const float t36 = b2[32 * i3 + 27];
      const float t37 = b2[32 * i3 + 28];
      const float t38 = b2[32 * i3 + 29];
      const float t39 = b2[32 * i3 + 30];
      const float t40 = b2[32 * i3 + 31];
      const float s_0 = fmaf((float)(int)((w4 >> 12) & 15u), t12, fmaf((float)(int)((w4 >> 8) & 15u), t11, fmaf((float)(int)((w4 >> 4) & 15u), t10, fmaf((float)(int)(w4 & 15u), t9, 0.0f))));
      const float s_1 = fmaf((float)(int)(w4 >> 28), t16, fmaf((float)(int)((w4 >> 24) & 15u), t15, fmaf((float)(int)((w4 >> 20) & 15u), t14, fmaf((float)(int)((w4 >> 16) & 15u), t13, s_0))));
      const float s_2 = fmaf((float)(int)((w5 >> 12) & 15u), t20, fmaf((float)(int)((w5 >> 8) & 15u), t19, fmaf((float)(int)((w5 >> 4) & 15u), t18, fmaf((float)(int)(w5 & 15u), t17, s_1))));
      const float s_3 = fmaf((float)(int)(w5 >> 28), t24, fmaf((float)(int)((w5 >> 24) & 15u), t23, fmaf((float)(int)((w5 >> 20) & 15u), t22, fmaf((float)(int)((w5 >> 16) & 15u), t21, s_2))));
      const float s_4 = fmaf((float)(int)((w6 >> 12) & 15u), t28, fmaf((float)(int)((w6 >> 8) & 15u), t27, fmaf((float)(int)((w6 >> 4) & 15u), t26, fmaf((float)(int)(w6 & 15u), t25, s_3))));
      const float s_5 = fmaf((float)(int)(w6 >> 28), t32, fmaf((float)(int)((w6 >> 24) & 15u), t31, fmaf((float)(int)((w6 >> 20) & 15u), t30, fmaf((float)(int)((w6 >> 16) & 15u), t29, s_4))));
      const float s_6 = fmaf((float)(int)((w7 >> 12) & 15u), t36, fmaf((float)(int)((w7 >> 8) & 15u), t35, fmaf((float)(int)((w7 >> 4) & 15u), t34, fmaf((float)(int)(w7 & 15u), t33, s_5))));
      const float s_7 = fmaf((float)(int)(w7 >> 28), t40, fmaf((float)(int)((w7 >> 24) & 15u), t39, fmaf((float)(int)((w7 >> 20) & 15u), t38, fmaf((float)(int)((w7 >> 16) & 15u), t37, s_6))));
      const float t41 = s_7;
      const float s_8 = (((((((((((((((((t9 + t10) + t11) + t12) + t13) + t14) + t15) + t16) + t17) + t18) + t19) + t20) + t21) + t22) + t23) + t24) + t25) + t26) + t27;
      const float s_9 = sum0 + ((t41 * w8) - ((w8 * 8.0f) * (((((((((((((s_8 + t28) + t29) + t30) + t31) + t32) + t33) + t34) + t35) + t36) + t37) + t38) + t39) + t40)));
      sum0 = s_9;
    }
  }
  partial[lane] = sum0;
  __syncthreads();
  if ((lane % 16) < 8) {
    partial[lane] = partial[lane] + partial[lane + 8];
  }
  __syncthreads();
  if ((lane % 16) < 4) {
    partial[lane] = partial[lane] + partial[lane + 4];
  }
  __syncthreads();
  if ((lane % 16) < 2) {
    partial[lane] = partial[lane] + partial[lane + 2];
  }
  __syncthreads();
  if ((lane % 16) < 1) {
    partial[lane] = partial[lane] + partial[lane + 1];
  }
  __syncthreads();
  if (((lane % 16) == 0) && (((lane / 16) + 4 * groupX) < 21)) {
    const int col42 = (lane / 16) + 4 * groupX;
    const float t43 = partial[lane];
    const float s_10 = (t43 + b3[col42]);
    b4[col42] = s_10 < 0.0f ? 0.0f : s_10;
  }
}
