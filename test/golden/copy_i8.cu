// copy_i8: test
// template test: test
// 0 bytes, 0 operations a launch
extern "C" __global__ void __launch_bounds__(8) copy_i8(const signed char* __restrict__ x0, signed char* __restrict__ y) {
  const int lane = threadIdx.x;
  const int groupX = blockIdx.x;
  if ((8 * groupX + lane) < 37) {
    y[8 * groupX + lane] = (signed char)((int)x0[8 * groupX + lane]);
  }
}
