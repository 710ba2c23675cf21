// wide_grid: test
// template test: test
// 0 bytes, 0 operations a launch
extern "C" __global__ void __launch_bounds__(1) wide_grid(int* __restrict__ y, const int rows) {
  const int groupX = blockIdx.x;
  const int groupY = blockIdx.y;
  y[groupX + groupY * rows] = ((groupX + 1) % 3) + 100 * ((groupX + 1) / 3) - 200;
}
