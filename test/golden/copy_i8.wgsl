// copy_i8: test
// template test: test
// 0 bytes, 0 operations a launch

@group(0) @binding(0) var<storage, read> x0: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<atomic<u32>>;

fn pack_i8(x: i32) -> u32 { return bitcast<u32>(x) & 0xffu; }
fn unpack_i8(word: u32, i: i32) -> i32 { return bitcast<i32>(word << (24u - u32(i) * 8u)) >> 24u; }

@compute @workgroup_size(8)
fn copy_i8(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = i32(local);
  let groupX = i32(group.x);
  if ((8 * groupX + lane) < 37) {
    let at_0 = (8 * groupX + lane);
    let at_1 = (8 * groupX + lane);
    let shift_2 = u32(at_1 & 3) * 8u;
    atomicAnd(&y[at_1 / 4], ~(0xffu << shift_2));
    atomicOr(&y[at_1 / 4], pack_i8(unpack_i8(x0[at_0 / 4], at_0 & 3)) << shift_2);
  }
}
