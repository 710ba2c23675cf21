template <typename T, int N> struct alignas(sizeof(T) * N) vec { T v[N]; };

// conv_0: conv for conv3x3, conv3x3, conv3x3
// template gemm-regtile: large enough that both factors are used many times: tiles in workgroup memory, 4x4 sums a lane
// 32508 bytes, 115830 operations a launch
extern "C" __global__ void __launch_bounds__(64) conv_0(const float* __restrict__ b0, const float* __restrict__ b1, const float* __restrict__ b2, float* __restrict__ b3) {
  __shared__ __align__(16) float left[512];
  __shared__ __align__(16) float right[512];
  __shared__ __align__(16) float sums[1024];
  const int lane = threadIdx.x;
  const int groupX = blockIdx.x;
  vec<float, 4> sum0 = vec<float, 4>{{0.0f, 0.0f, 0.0f, 0.0f}};
  vec<float, 4> sum1 = vec<float, 4>{{0.0f, 0.0f, 0.0f, 0.0f}};
  vec<float, 4> sum2 = vec<float, 4>{{0.0f, 0.0f, 0.0f, 0.0f}};
  vec<float, 4> sum3 = vec<float, 4>{{0.0f, 0.0f, 0.0f, 0.0f}};
  for (int first4 = 0; first4 < 45; first4 += 16) {
    for (int e5 = lane; e5 < 512; e5 += 64) {
      if (((e5 / 16) < 9) && (((e5 % 16) + first4) < 45)) {
        const int i6 = e5 / 16;
        const int d7 = (e5 % 16) + first4;
        const int u8 = d7 % 3;
        const int u9 = d7 / 3;
        const int u10 = u9 % 3;
        const int u11 = u9 / 3;
        left[32 * (e5 % 16) + (e5 / 16)] = b0[45 * i6 + 3 * u10 + 9 * u11 + u8];
      } else {
        left[32 * (e5 % 16) + (e5 / 16)] = 0.0f;
      }
    }
    for (int e12 = lane; e12 < 512; e12 += 64) {
      if ((((e12 / 16) + 32 * groupX) < 143) && (((e12 % 16) + first4) < 45)) {
        const int i13 = (e12 / 16) + 32 * groupX;
        const int d14 = (e12 % 16) + first4;
        const int u15 = d14 % 3;
        const int u16 = d14 / 3;
        const int u17 = u16 % 3;
        const int u18 = u16 / 3;
        const int u19 = i13 % 11;
        const int u20 = i13 / 11;
        const float s_0 = (((((u17 + u20 - 1) >= 0) && ((u17 + u20 - 1) < 13)) && ((u15 + u19 - 1) >= 0)) && ((u15 + u19 - 1) < 11)) ? b1[u15 + 11 * u17 + 143 * u18 + u19 + 11 * u20 - 12] : 0.0f;
        right[32 * (e12 % 16) + (e12 / 16)] = s_0;
      } else {
        right[32 * (e12 % 16) + (e12 / 16)] = 0.0f;
      }
    }
    __syncthreads();
    for (int d21 = 0; d21 < 16; d21 += 1) {
      const int at_1 = (4 * (lane / 8) + 32 * d21);
      const vec<float, 4> x22 = vec<float, 4>{{left[at_1 + 0], left[at_1 + 1], left[at_1 + 2], left[at_1 + 3]}};
      const int at_2 = (4 * (lane % 8) + 32 * d21);
      const vec<float, 4> y23 = vec<float, 4>{{right[at_2 + 0], right[at_2 + 1], right[at_2 + 2], right[at_2 + 3]}};
      const float s_3 = x22.v[0];
      const vec<float, 4> s_4 = vec<float, 4>{{s_3, s_3, s_3, s_3}};
      const vec<float, 4> s_5 = vec<float, 4>{{fmaf(s_4.v[0], y23.v[0], sum0.v[0]), fmaf(s_4.v[1], y23.v[1], sum0.v[1]), fmaf(s_4.v[2], y23.v[2], sum0.v[2]), fmaf(s_4.v[3], y23.v[3], sum0.v[3])}};
      sum0 = s_5;
      const float s_6 = x22.v[1];
      const vec<float, 4> s_7 = vec<float, 4>{{s_6, s_6, s_6, s_6}};
      const vec<float, 4> s_8 = vec<float, 4>{{fmaf(s_7.v[0], y23.v[0], sum1.v[0]), fmaf(s_7.v[1], y23.v[1], sum1.v[1]), fmaf(s_7.v[2], y23.v[2], sum1.v[2]), fmaf(s_7.v[3], y23.v[3], sum1.v[3])}};
      sum1 = s_8;
      const float s_9 = x22.v[2];
      const vec<float, 4> s_10 = vec<float, 4>{{s_9, s_9, s_9, s_9}};
      const vec<float, 4> s_11 = vec<float, 4>{{fmaf(s_10.v[0], y23.v[0], sum2.v[0]), fmaf(s_10.v[1], y23.v[1], sum2.v[1]), fmaf(s_10.v[2], y23.v[2], sum2.v[2]), fmaf(s_10.v[3], y23.v[3], sum2.v[3])}};
      sum2 = s_11;
      const float s_12 = x22.v[3];
      const vec<float, 4> s_13 = vec<float, 4>{{s_12, s_12, s_12, s_12}};
      const vec<float, 4> s_14 = vec<float, 4>{{fmaf(s_13.v[0], y23.v[0], sum3.v[0]), fmaf(s_13.v[1], y23.v[1], sum3.v[1]), fmaf(s_13.v[2], y23.v[2], sum3.v[2]), fmaf(s_13.v[3], y23.v[3], sum3.v[3])}};
      sum3 = s_14;
    }
    __syncthreads();
  }
  const int at_15 = (4 * (lane % 8) + 128 * (lane / 8));
  sums[at_15 + 0] = sum0.v[0];
  sums[at_15 + 1] = sum0.v[1];
  sums[at_15 + 2] = sum0.v[2];
  sums[at_15 + 3] = sum0.v[3];
  const int at_16 = (4 * (lane % 8) + 128 * (lane / 8) + 32);
  sums[at_16 + 0] = sum1.v[0];
  sums[at_16 + 1] = sum1.v[1];
  sums[at_16 + 2] = sum1.v[2];
  sums[at_16 + 3] = sum1.v[3];
  const int at_17 = (4 * (lane % 8) + 128 * (lane / 8) + 64);
  sums[at_17 + 0] = sum2.v[0];
  sums[at_17 + 1] = sum2.v[1];
  sums[at_17 + 2] = sum2.v[2];
  sums[at_17 + 3] = sum2.v[3];
  const int at_18 = (4 * (lane % 8) + 128 * (lane / 8) + 96);
  sums[at_18 + 0] = sum3.v[0];
  sums[at_18 + 1] = sum3.v[1];
  sums[at_18 + 2] = sum3.v[2];
  sums[at_18 + 3] = sum3.v[3];
  __syncthreads();
  for (int e24 = lane; e24 < 1024; e24 += 64) {
    if (((e24 / 32) < 9) && (((e24 % 32) + 32 * groupX) < 143)) {
      const int row25 = e24 / 32;
      const int col26 = (e24 % 32) + 32 * groupX;
      const int u27 = col26 % 11;
      const int u28 = col26 / 11;
      const float t29 = sums[e24];
      const float s_19 = (t29 + b2[row25]);
      b3[143 * row25 + u27 + 11 * u28] = s_19 < 0.0f ? 0.0f : s_19;
    }
  }
}
