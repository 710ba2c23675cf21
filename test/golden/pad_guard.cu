// pad_guard: test
// template test: test
// 0 bytes, 0 operations a launch
extern "C" __global__ void __launch_bounds__(16) pad_guard(const float* __restrict__ x, float* __restrict__ y, const int w) {
  const int lane = threadIdx.x;
  float g_1 = (-1.0f);
  if (((lane - 3) >= 0) && ((lane - 3) < w)) {
    const float s_0 = x[lane - 3];
    g_1 = (s_0 * s_0) + 1.0f;
  }
  y[lane] = g_1;
}
