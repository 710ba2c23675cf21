// mul_i64: test
// template test: test
// 0 bytes, 0 operations a launch

@group(0) @binding(0) var<storage, read> x0: array<vec2<u32>>;
@group(0) @binding(1) var<storage, read> x1: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec2<u32>>;

fn mul_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let a0 = a.x & 0xffffu;
  let a1 = a.x >> 16u;
  let b0 = b.x & 0xffffu;
  let b1 = b.x >> 16u;
  let p00 = a0 * b0;
  let p01 = a0 * b1;
  let p10 = a1 * b0;
  let middle = (p00 >> 16u) + (p01 & 0xffffu) + (p10 & 0xffffu);
  let high = a1 * b1 + (p01 >> 16u) + (p10 >> 16u) + (middle >> 16u);
  return vec2<u32>((p00 & 0xffffu) | (middle << 16u), high + a.x * b.y + a.y * b.x);
}

@compute @workgroup_size(8)
fn mul_i64(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = i32(local);
  let groupX = i32(group.x);
  if ((8 * groupX + lane) < 625) {
    y[8 * groupX + lane] = mul_64(x0[8 * groupX + lane], x1[8 * groupX + lane]);
  }
}
