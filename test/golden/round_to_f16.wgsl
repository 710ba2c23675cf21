// round_to_f16: test
// template test: test
// 0 bytes, 0 operations a launch

@group(0) @binding(0) var<storage, read> x0: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<atomic<u32>>;

fn pack_f16(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let sign = (bits >> 16u) & 0x8000u;
  let a = bits & 0x7fffffffu;
  if (a > 0x7f800000u) { return sign | 0x7e00u; }
  if (a >= 0x477ff000u) { return sign | 0x7c00u; }
  if (a < 0x33000001u) { return sign; }
  var shift = 13u;
  var m = a - 0x38000000u;
  if (a < 0x38800000u) {
    shift = 126u - (a >> 23u);
    m = (a & 0x7fffffu) | 0x800000u;
  }
  let half = 1u << (shift - 1u);
  let low = m & ((1u << shift) - 1u);
  m = m >> shift;
  if (low > half || (low == half && (m & 1u) == 1u)) { m = m + 1u; }
  return sign | m;
}

@compute @workgroup_size(8)
fn round_to_f16(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = i32(local);
  let groupX = i32(group.x);
  if ((8 * groupX + lane) < 18) {
    let at_0 = (8 * groupX + lane);
    let shift_1 = u32(at_0 & 1) * 16u;
    atomicAnd(&y[at_0 / 2], ~(0xffffu << shift_1));
    atomicOr(&y[at_0 / 2], pack_f16(x0[8 * groupX + lane]) << shift_1);
  }
}
