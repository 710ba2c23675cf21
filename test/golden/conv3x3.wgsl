// conv_0: conv for conv3x3, conv3x3, conv3x3
// template gemm-regtile: large enough that both factors are used many times: tiles in workgroup memory, 4x4 sums a lane
// 32508 bytes, 115830 operations a launch

@group(0) @binding(0) var<storage, read> b0: array<f32>;
@group(0) @binding(1) var<storage, read> b1: array<f32>;
@group(0) @binding(2) var<storage, read> b2: array<f32>;
@group(0) @binding(3) var<storage, read_write> b3: array<f32>;
var<workgroup> left: array<f32, 512>;
var<workgroup> right: array<f32, 512>;
var<workgroup> sums: array<f32, 1024>;

@compute @workgroup_size(64)
fn conv_0(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = i32(local);
  let groupX = i32(group.x);
  var sum0: vec4<f32> = vec4<f32>(0.0, 0.0, 0.0, 0.0);
  var sum1: vec4<f32> = vec4<f32>(0.0, 0.0, 0.0, 0.0);
  var sum2: vec4<f32> = vec4<f32>(0.0, 0.0, 0.0, 0.0);
  var sum3: vec4<f32> = vec4<f32>(0.0, 0.0, 0.0, 0.0);
  for (var first4: i32 = 0; first4 < 45; first4 += 16) {
    for (var e5: i32 = lane; e5 < 512; e5 += 64) {
      if (((e5 / 16) < 9) & (((e5 % 16) + first4) < 45)) {
        let i6 = e5 / 16;
        let d7 = (e5 % 16) + first4;
        let u8 = d7 % 3;
        let u9 = d7 / 3;
        let u10 = u9 % 3;
        let u11 = u9 / 3;
        left[32 * (e5 % 16) + (e5 / 16)] = b0[45 * i6 + 3 * u10 + 9 * u11 + u8];
      } else {
        left[32 * (e5 % 16) + (e5 / 16)] = 0.0;
      }
    }
    for (var e12: i32 = lane; e12 < 512; e12 += 64) {
      if ((((e12 / 16) + 32 * groupX) < 143) & (((e12 % 16) + first4) < 45)) {
        let i13 = (e12 / 16) + 32 * groupX;
        let d14 = (e12 % 16) + first4;
        let u15 = d14 % 3;
        let u16 = d14 / 3;
        let u17 = u16 % 3;
        let u18 = u16 / 3;
        let u19 = i13 % 11;
        let u20 = i13 / 11;
        var g_0: f32 = 0.0;
        if (((((u17 + u20 - 1) >= 0) & ((u17 + u20 - 1) < 13)) & ((u15 + u19 - 1) >= 0)) & ((u15 + u19 - 1) < 11)) {
          g_0 = b1[u15 + 11 * u17 + 143 * u18 + u19 + 11 * u20 - 12];
        }
        right[32 * (e12 % 16) + (e12 / 16)] = g_0;
      } else {
        right[32 * (e12 % 16) + (e12 / 16)] = 0.0;
      }
    }
    workgroupBarrier();
    for (var d21: i32 = 0; d21 < 16; d21 += 1) {
      let at_1 = (4 * (lane / 8) + 32 * d21);
      let x22 = vec4<f32>(left[at_1], left[at_1 + 1], left[at_1 + 2], left[at_1 + 3]);
      let at_2 = (4 * (lane % 8) + 32 * d21);
      let y23 = vec4<f32>(right[at_2], right[at_2 + 1], right[at_2 + 2], right[at_2 + 3]);
      sum0 = fma(vec4<f32>(x22.x, x22.x, x22.x, x22.x), y23, sum0);
      sum1 = fma(vec4<f32>(x22.y, x22.y, x22.y, x22.y), y23, sum1);
      sum2 = fma(vec4<f32>(x22.z, x22.z, x22.z, x22.z), y23, sum2);
      sum3 = fma(vec4<f32>(x22.w, x22.w, x22.w, x22.w), y23, sum3);
    }
    workgroupBarrier();
  }
  let at_3 = (4 * (lane % 8) + 128 * (lane / 8));
  sums[at_3] = sum0.x;
  sums[at_3 + 1] = sum0.y;
  sums[at_3 + 2] = sum0.z;
  sums[at_3 + 3] = sum0.w;
  let at_4 = (4 * (lane % 8) + 128 * (lane / 8) + 32);
  sums[at_4] = sum1.x;
  sums[at_4 + 1] = sum1.y;
  sums[at_4 + 2] = sum1.z;
  sums[at_4 + 3] = sum1.w;
  let at_5 = (4 * (lane % 8) + 128 * (lane / 8) + 64);
  sums[at_5] = sum2.x;
  sums[at_5 + 1] = sum2.y;
  sums[at_5 + 2] = sum2.z;
  sums[at_5 + 3] = sum2.w;
  let at_6 = (4 * (lane % 8) + 128 * (lane / 8) + 96);
  sums[at_6] = sum3.x;
  sums[at_6 + 1] = sum3.y;
  sums[at_6 + 2] = sum3.z;
  sums[at_6 + 3] = sum3.w;
  workgroupBarrier();
  for (var e24: i32 = lane; e24 < 1024; e24 += 64) {
    if (((e24 / 32) < 9) & (((e24 % 32) + 32 * groupX) < 143)) {
      let row25 = e24 / 32;
      let col26 = (e24 % 32) + 32 * groupX;
      let u27 = col26 % 11;
      let u28 = col26 / 11;
      let t29 = sums[e24];
      let s_7 = (t29 + b2[row25]);
      b3[143 * row25 + u27 + 11 * u28] = select(s_7, 0.0, s_7 < 0.0);
    }
  }
}
