// vector_f32: test
// template test: test
// 0 bytes, 0 operations a launch

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(4)
fn vector_f32(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = i32(local);
  let groupX = i32(group.x);
  let t0 = x[(16 * groupX + 4 * lane) / 4];
  y[(16 * groupX + 4 * lane) / 4] = vec4<f32>(t0.w, t0.z, t0.y, t0.x);
}
