// tanh_float: test
// template test: test
// 0 bytes, 0 operations a launch
extern "C" __global__ void __launch_bounds__(8) tanh_float(const float* __restrict__ x0, float* __restrict__ y) {
  const int lane = threadIdx.x;
  const int groupX = blockIdx.x;
  if ((8 * groupX + lane) < 30) {
    y[8 * groupX + lane] = tanhf(x0[8 * groupX + lane]);
  }
}
