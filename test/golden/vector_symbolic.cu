// matmul_0: matmul for vector_symbolic, vector_symbolic, vector_symbolic
// template gemv: one factor is read once: lanes share each sum and read it in order
// 4*k+4*k*n+4*n bytes, 2*k*n operations a launch
extern "C" __global__ void __launch_bounds__(64) matmul_0(const float* __restrict__ b0, const float* __restrict__ b1, const float* __restrict__ b2, float* __restrict__ b3, const int k, const int n) {
  __shared__ __align__(16) float partial[64];
  const int lane = threadIdx.x;
  const int groupX = blockIdx.x;
  float sum0 = 0.0f;
  if (((lane % 16) + 16 * groupX) < n) {
    const int col1 = (lane % 16) + 16 * groupX;
    for (int d2 = (lane / 16); d2 < k; d2 += 4) {
      sum0 = fmaf(b0[d2], b1[col1 + d2 * n], sum0);
    }
  }
  partial[4 * (lane % 16) + (lane / 16)] = sum0;
  __syncthreads();
  if ((lane / 16) < 2) {
    partial[4 * (lane % 16) + (lane / 16)] = partial[4 * (lane % 16) + (lane / 16)] + partial[4 * (lane % 16) + (lane / 16) + 2];
  }
  __syncthreads();
  if ((lane / 16) < 1) {
    partial[4 * (lane % 16) + (lane / 16)] = partial[4 * (lane % 16) + (lane / 16)] + partial[4 * (lane % 16) + (lane / 16) + 1];
  }
  __syncthreads();
  if (((lane / 16) == 0) && (((lane % 16) + 16 * groupX) < n)) {
    const int col3 = (lane % 16) + 16 * groupX;
    const float t4 = partial[4 * (lane % 16) + (lane / 16)];
    const float s_0 = (t4 + b2[col3]);
    b3[col3] = s_0 < 0.0f ? 0.0f : s_0;
  }
}
