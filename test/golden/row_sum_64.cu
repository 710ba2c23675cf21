// row_sum_64: test
// template test: test
// 0 bytes, 0 operations a launch
extern "C" __global__ void __launch_bounds__(64) row_sum_64(const float* __restrict__ x, float* __restrict__ y, const int n, const int rows) {
  __shared__ __align__(16) float partial[64];
  const int lane = threadIdx.x;
  const int groupX = blockIdx.x;
  float sum0 = 0.0f;
  for (int i1 = lane; i1 < n; i1 += 64) {
    sum0 = sum0 + x[groupX * n + i1];
  }
  partial[lane] = sum0;
  __syncthreads();
  if (lane < 32) {
    partial[lane] = partial[lane] + partial[lane + 32];
  }
  __syncthreads();
  if (lane < 16) {
    partial[lane] = partial[lane] + partial[lane + 16];
  }
  __syncthreads();
  if (lane < 8) {
    partial[lane] = partial[lane] + partial[lane + 8];
  }
  __syncthreads();
  if (lane < 4) {
    partial[lane] = partial[lane] + partial[lane + 4];
  }
  __syncthreads();
  if (lane < 2) {
    partial[lane] = partial[lane] + partial[lane + 2];
  }
  __syncthreads();
  if (lane < 1) {
    partial[lane] = partial[lane] + partial[lane + 1];
  }
  __syncthreads();
  if (lane == 0) {
    y[groupX] = partial[0];
  }
}
