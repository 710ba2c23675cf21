// matmul_0: matmul for ragged, ragged, ragged
// template gemm-regtile: large enough that both factors are used many times: tiles in workgroup memory, 4x4 sums a lane
// 20108 bytes, 136530 operations a launch

@group(0) @binding(0) var<storage, read> b0: array<f32>;
@group(0) @binding(1) var<storage, read> b1: array<f32>;
@group(0) @binding(2) var<storage, read> b2: array<f32>;
@group(0) @binding(3) var<storage, read_write> b3: array<f32>;
var<workgroup> left: array<f32, 512>;
var<workgroup> right: array<f32, 512>;
var<workgroup> sums: array<f32, 1024>;

@compute @workgroup_size(64)
fn matmul_0(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = i32(local);
  let groupX = i32(group.x);
  let groupY = i32(group.y);
  var sum0: vec4<f32> = vec4<f32>(0.0, 0.0, 0.0, 0.0);
  var sum1: vec4<f32> = vec4<f32>(0.0, 0.0, 0.0, 0.0);
  var sum2: vec4<f32> = vec4<f32>(0.0, 0.0, 0.0, 0.0);
  var sum3: vec4<f32> = vec4<f32>(0.0, 0.0, 0.0, 0.0);
  for (var first4: i32 = 0; first4 < 45; first4 += 16) {
    for (var e5: i32 = lane; e5 < 512; e5 += 64) {
      if ((((e5 / 16) + 32 * groupY) < 37) & (((e5 % 16) + first4) < 45)) {
        let i6 = (e5 / 16) + 32 * groupY;
        let d7 = (e5 % 16) + first4;
        left[32 * (e5 % 16) + (e5 / 16)] = b0[d7 + 45 * i6];
      } else {
        left[32 * (e5 % 16) + (e5 / 16)] = 0.0;
      }
    }
    for (var e8: i32 = lane; e8 < 512; e8 += 64) {
      if ((((e8 % 32) + 32 * groupX) < 41) & (((e8 / 32) + first4) < 45)) {
        let i9 = (e8 % 32) + 32 * groupX;
        let d10 = (e8 / 32) + first4;
        right[e8] = b1[41 * d10 + i9];
      } else {
        right[e8] = 0.0;
      }
    }
    workgroupBarrier();
    for (var d11: i32 = 0; d11 < 16; d11 += 1) {
      let at_0 = (4 * (lane / 8) + 32 * d11);
      let x12 = vec4<f32>(left[at_0], left[at_0 + 1], left[at_0 + 2], left[at_0 + 3]);
      let at_1 = (4 * (lane % 8) + 32 * d11);
      let y13 = vec4<f32>(right[at_1], right[at_1 + 1], right[at_1 + 2], right[at_1 + 3]);
      sum0 = fma(vec4<f32>(x12.x, x12.x, x12.x, x12.x), y13, sum0);
      sum1 = fma(vec4<f32>(x12.y, x12.y, x12.y, x12.y), y13, sum1);
      sum2 = fma(vec4<f32>(x12.z, x12.z, x12.z, x12.z), y13, sum2);
      sum3 = fma(vec4<f32>(x12.w, x12.w, x12.w, x12.w), y13, sum3);
    }
    workgroupBarrier();
  }
  let at_2 = (4 * (lane % 8) + 128 * (lane / 8));
  sums[at_2] = sum0.x;
  sums[at_2 + 1] = sum0.y;
  sums[at_2 + 2] = sum0.z;
  sums[at_2 + 3] = sum0.w;
  let at_3 = (4 * (lane % 8) + 128 * (lane / 8) + 32);
  sums[at_3] = sum1.x;
  sums[at_3 + 1] = sum1.y;
  sums[at_3 + 2] = sum1.z;
  sums[at_3 + 3] = sum1.w;
  let at_4 = (4 * (lane % 8) + 128 * (lane / 8) + 64);
  sums[at_4] = sum2.x;
  sums[at_4 + 1] = sum2.y;
  sums[at_4 + 2] = sum2.z;
  sums[at_4 + 3] = sum2.w;
  let at_5 = (4 * (lane % 8) + 128 * (lane / 8) + 96);
  sums[at_5] = sum3.x;
  sums[at_5 + 1] = sum3.y;
  sums[at_5 + 2] = sum3.z;
  sums[at_5 + 3] = sum3.w;
  workgroupBarrier();
  for (var e14: i32 = lane; e14 < 1024; e14 += 64) {
    if ((((e14 / 32) + 32 * groupY) < 37) & (((e14 % 32) + 32 * groupX) < 41)) {
      let row15 = (e14 / 32) + 32 * groupY;
      let col16 = (e14 % 32) + 32 * groupX;
      let t17 = sums[e14];
      let s_6 = (t17 + b2[col16]);
      b3[col16 + 41 * row15] = select(s_6, 0.0, s_6 < 0.0);
    }
  }
}
