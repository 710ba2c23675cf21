// subgroup_xor: test
// template test: test
// 0 bytes, 0 operations a launch
enable subgroups;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn subgroup_xor(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = i32(local);
  let groupX = i32(group.x);
  let t0 = x[64 * groupX + lane];
  let s_0 = subgroupShuffleXor(t0, 1u);
  let t1 = t0 + s_0;
  let s_1 = subgroupShuffleXor(t1, 2u);
  let t2 = t1 + s_1;
  y[64 * groupX + lane] = t2;
}
