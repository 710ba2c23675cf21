template <typename T, int N> struct alignas(sizeof(T) * N) vec { T v[N]; };

// matmul_0: matmul for ragged, ragged, ragged
// template gemm-regtile: large enough that both factors are used many times: tiles in workgroup memory, 4x4 sums a lane
// 20108 bytes, 136530 operations a launch
extern "C" __global__ void __launch_bounds__(64) matmul_0(const float* __restrict__ b0, const float* __restrict__ b1, const float* __restrict__ b2, float* __restrict__ b3) {
  __shared__ __align__(16) float left[512];
  __shared__ __align__(16) float right[512];
  __shared__ __align__(16) float sums[1024];
  const int lane = threadIdx.x;
  const int groupX = blockIdx.x;
  const int groupY = blockIdx.y;
  vec<float, 4> sum0 = vec<float, 4>{{0.0f, 0.0f, 0.0f, 0.0f}};
  vec<float, 4> sum1 = vec<float, 4>{{0.0f, 0.0f, 0.0f, 0.0f}};
  vec<float, 4> sum2 = vec<float, 4>{{0.0f, 0.0f, 0.0f, 0.0f}};
  vec<float, 4> sum3 = vec<float, 4>{{0.0f, 0.0f, 0.0f, 0.0f}};
  for (int first4 = 0; first4 < 45; first4 += 16) {
    for (int e5 = lane; e5 < 512; e5 += 64) {
      if ((((e5 / 16) + 32 * groupY) < 37) && (((e5 % 16) + first4) < 45)) {
        const int i6 = (e5 / 16) + 32 * groupY;
        const int d7 = (e5 % 16) + first4;
        left[32 * (e5 % 16) + (e5 / 16)] = b0[d7 + 45 * i6];
      } else {
        left[32 * (e5 % 16) + (e5 / 16)] = 0.0f;
      }
    }
    for (int e8 = lane; e8 < 512; e8 += 64) {
      if ((((e8 % 32) + 32 * groupX) < 41) && (((e8 / 32) + first4) < 45)) {
        const int i9 = (e8 % 32) + 32 * groupX;
        const int d10 = (e8 / 32) + first4;
        right[e8] = b1[41 * d10 + i9];
      } else {
        right[e8] = 0.0f;
      }
    }
    __syncthreads();
    for (int d11 = 0; d11 < 16; d11 += 1) {
      const int at_0 = (4 * (lane / 8) + 32 * d11);
      const vec<float, 4> x12 = vec<float, 4>{{left[at_0 + 0], left[at_0 + 1], left[at_0 + 2], left[at_0 + 3]}};
      const int at_1 = (4 * (lane % 8) + 32 * d11);
      const vec<float, 4> y13 = vec<float, 4>{{right[at_1 + 0], right[at_1 + 1], right[at_1 + 2], right[at_1 + 3]}};
      const float s_2 = x12.v[0];
      const vec<float, 4> s_3 = vec<float, 4>{{s_2, s_2, s_2, s_2}};
      const vec<float, 4> s_4 = vec<float, 4>{{fmaf(s_3.v[0], y13.v[0], sum0.v[0]), fmaf(s_3.v[1], y13.v[1], sum0.v[1]), fmaf(s_3.v[2], y13.v[2], sum0.v[2]), fmaf(s_3.v[3], y13.v[3], sum0.v[3])}};
      sum0 = s_4;
      const float s_5 = x12.v[1];
      const vec<float, 4> s_6 = vec<float, 4>{{s_5, s_5, s_5, s_5}};
      const vec<float, 4> s_7 = vec<float, 4>{{fmaf(s_6.v[0], y13.v[0], sum1.v[0]), fmaf(s_6.v[1], y13.v[1], sum1.v[1]), fmaf(s_6.v[2], y13.v[2], sum1.v[2]), fmaf(s_6.v[3], y13.v[3], sum1.v[3])}};
      sum1 = s_7;
      const float s_8 = x12.v[2];
      const vec<float, 4> s_9 = vec<float, 4>{{s_8, s_8, s_8, s_8}};
      const vec<float, 4> s_10 = vec<float, 4>{{fmaf(s_9.v[0], y13.v[0], sum2.v[0]), fmaf(s_9.v[1], y13.v[1], sum2.v[1]), fmaf(s_9.v[2], y13.v[2], sum2.v[2]), fmaf(s_9.v[3], y13.v[3], sum2.v[3])}};
      sum2 = s_10;
      const float s_11 = x12.v[3];
      const vec<float, 4> s_12 = vec<float, 4>{{s_11, s_11, s_11, s_11}};
      const vec<float, 4> s_13 = vec<float, 4>{{fmaf(s_12.v[0], y13.v[0], sum3.v[0]), fmaf(s_12.v[1], y13.v[1], sum3.v[1]), fmaf(s_12.v[2], y13.v[2], sum3.v[2]), fmaf(s_12.v[3], y13.v[3], sum3.v[3])}};
      sum3 = s_13;
    }
    __syncthreads();
  }
  const int at_14 = (4 * (lane % 8) + 128 * (lane / 8));
  sums[at_14 + 0] = sum0.v[0];
  sums[at_14 + 1] = sum0.v[1];
  sums[at_14 + 2] = sum0.v[2];
  sums[at_14 + 3] = sum0.v[3];
  const int at_15 = (4 * (lane % 8) + 128 * (lane / 8) + 32);
  sums[at_15 + 0] = sum1.v[0];
  sums[at_15 + 1] = sum1.v[1];
  sums[at_15 + 2] = sum1.v[2];
  sums[at_15 + 3] = sum1.v[3];
  const int at_16 = (4 * (lane % 8) + 128 * (lane / 8) + 64);
  sums[at_16 + 0] = sum2.v[0];
  sums[at_16 + 1] = sum2.v[1];
  sums[at_16 + 2] = sum2.v[2];
  sums[at_16 + 3] = sum2.v[3];
  const int at_17 = (4 * (lane % 8) + 128 * (lane / 8) + 96);
  sums[at_17 + 0] = sum3.v[0];
  sums[at_17 + 1] = sum3.v[1];
  sums[at_17 + 2] = sum3.v[2];
  sums[at_17 + 3] = sum3.v[3];
  __syncthreads();
  for (int e14 = lane; e14 < 1024; e14 += 64) {
    if ((((e14 / 32) + 32 * groupY) < 37) && (((e14 % 32) + 32 * groupX) < 41)) {
      const int row15 = (e14 / 32) + 32 * groupY;
      const int col16 = (e14 % 32) + 32 * groupX;
      const float t17 = sums[e14];
      const float s_18 = (t17 + b2[col16]);
      b3[col16 + 41 * row15] = s_18 < 0.0f ? 0.0f : s_18;
    }
  }
}
