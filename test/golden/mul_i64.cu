// mul_i64: test
// template test: test
// 0 bytes, 0 operations a launch
extern "C" __global__ void __launch_bounds__(8) mul_i64(const long long* __restrict__ x0, const long long* __restrict__ x1, long long* __restrict__ y) {
  const int lane = threadIdx.x;
  const int groupX = blockIdx.x;
  if ((8 * groupX + lane) < 625) {
    y[8 * groupX + lane] = (long long)((unsigned long long)x0[8 * groupX + lane] * (unsigned long long)x1[8 * groupX + lane]);
  }
}
