// pad_guard: test
// template test: test
// 0 bytes, 0 operations a launch

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
struct Scalars {
  w: i32,
}
@group(0) @binding(2) var<uniform> scalars: Scalars;

@compute @workgroup_size(16)
fn pad_guard(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let w = scalars.w;
  let lane = i32(local);
  var g_1: f32 = (-1.0);
  if (((lane - 3) >= 0) & ((lane - 3) < w)) {
    let s_0 = x[lane - 3];
    g_1 = (s_0 * s_0) + 1.0;
  }
  y[lane] = g_1;
}
