// matmul_0: matmul for vector_q4g32, vector_q4g32, vector_q4g32
// template gemv-format: few rows: codes are multiplied straight from the weights
// 19796 bytes, 9408 operations a launch

@group(0) @binding(0) var<storage, read> b0: array<u32>;
@group(0) @binding(1) var<storage, read> b1: array<u32>;
@group(0) @binding(2) var<storage, read> b2: array<f32>;
@group(0) @binding(3) var<storage, read> b3: array<f32>;
@group(0) @binding(4) var<storage, read_write> b4: array<f32>;
var<workgroup> partial_: array<f32, 64>;

fn unpack_f16(word: u32, i: i32) -> f32 { return unpack2x16float(word >> (u32(i) * 16u)).x; }

@compute @workgroup_size(64)
fn matmul_0(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = i32(local);
  let groupX = i32(group.x);
  var sum0: f32 = 0.0;
  if (((lane / 16) + 4 * groupX) < 21) {
    let col1 = (lane / 16) + 4 * groupX;
    let col2 = (lane / 16) + 4 * groupX;
    for (var i3: i32 = (lane % 16); i3 < 7; i3 += 16) {
      let w4 = b0[28 * col2 + 4 * i3];
      let w5 = b0[28 * col2 + 4 * i3 + 1];
      let w6 = b0[28 * col2 + 4 * i3 + 2];
      let w7 = b0[28 * col2 + 4 * i3 + 3];
      let at_0 = (7 * col2 + i3);
      let w8 = unpack_f16(b1[at_0 / 2], at_0 & 1);
      let t9 = b2[32 * i3];
      let t10 = b2[32 * i3 + 1];
      let t11 = b2[32 * i3 + 2];
      let t12 = b2[32 * i3 + 3];
      let t13 = b2[32 * i3 + 4];
      let t14 = b2[32 * i3 + 5];
      let t15 = b2[32 * i3 + 6];
      let t16 = b2[32 * i3 + 7];
      let t17 = b2[32 * i3 + 8];
      let t18 = b2[32 * i3 + 9];
      let t19 = b2[32 * i3 + 10];
      let t20 = b2[32 * i3 + 11];
      let t21 = b2[32 * i3 + 12];
      let t22 = b2[32 * i3 + 13];
      let t23 = b2[32 * i3 + 14];
      let t24 = b2[32 * i3 + 15];
      let t25 = b2[32 * i3 + 16];
      let t26 = b2[32 * i3 + 17];
      let t27 = b2[32 * i3 + 18];
      let t28 = b2[32 * i3 + 19];
      let t29 = b2[32 * i3 + 20];
      let t30 = b2[32 * i3 + 21];
      let t31 = b2[32 * i3 + 22];
      let t32 = b2[32 * i3 + 23];
      let t33 = b2[32 * i3 + 24];
      let t34 = b2[32 * i3 + 25];
      let t35 = b2[32 * i3 + 26];
      let t36 = b2[32 * i3 + 27];
      let t37 = b2[32 * i3 + 28];
      let t38 = b2[32 * i3 + 29];
      let t39 = b2[32 * i3 + 30];
      let t40 = b2[32 * i3 + 31];
      let s_1 = fma(f32(i32(((w4 >> 12u) & 15u))), t12, fma(f32(i32(((w4 >> 8u) & 15u))), t11, fma(f32(i32(((w4 >> 4u) & 15u))), t10, fma(f32(i32((w4 & 15u))), t9, 0.0))));
      let s_2 = fma(f32(i32((w4 >> 28u))), t16, fma(f32(i32(((w4 >> 24u) & 15u))), t15, fma(f32(i32(((w4 >> 20u) & 15u))), t14, fma(f32(i32(((w4 >> 16u) & 15u))), t13, s_1))));
      let s_3 = fma(f32(i32(((w5 >> 12u) & 15u))), t20, fma(f32(i32(((w5 >> 8u) & 15u))), t19, fma(f32(i32(((w5 >> 4u) & 15u))), t18, fma(f32(i32((w5 & 15u))), t17, s_2))));
      let s_4 = fma(f32(i32((w5 >> 28u))), t24, fma(f32(i32(((w5 >> 24u) & 15u))), t23, fma(f32(i32(((w5 >> 20u) & 15u))), t22, fma(f32(i32(((w5 >> 16u) & 15u))), t21, s_3))));
      let s_5 = fma(f32(i32(((w6 >> 12u) & 15u))), t28, fma(f32(i32(((w6 >> 8u) & 15u))), t27, fma(f32(i32(((w6 >> 4u) & 15u))), t26, fma(f32(i32((w6 & 15u))), t25, s_4))));
      let s_6 = fma(f32(i32((w6 >> 28u))), t32, fma(f32(i32(((w6 >> 24u) & 15u))), t31, fma(f32(i32(((w6 >> 20u) & 15u))), t30, fma(f32(i32(((w6 >> 16u) & 15u))), t29, s_5))));
      let s_7 = fma(f32(i32(((w7 >> 12u) & 15u))), t36, fma(f32(i32(((w7 >> 8u) & 15u))), t35, fma(f32(i32(((w7 >> 4u) & 15u))), t34, fma(f32(i32((w7 & 15u))), t33, s_6))));
      let s_8 = fma(f32(i32((w7 >> 28u))), t40, fma(f32(i32(((w7 >> 24u) & 15u))), t39, fma(f32(i32(((w7 >> 20u) & 15u))), t38, fma(f32(i32(((w7 >> 16u) & 15u))), t37, s_7))));
      let t41 = s_8;
      let s_9 = (((((((((((((((((t9 + t10) + t11) + t12) + t13) + t14) + t15) + t16) + t17) + t18) + t19) + t20) + t21) + t22) + t23) + t24) + t25) + t26) + t27;
      let s_10 = sum0 + ((t41 * w8) - ((w8 * 8.0) * (((((((((((((s_9 + t28) + t29) + t30) + t31) + t32) + t33) + t34) + t35) + t36) + t37) + t38) + t39) + t40)));
      sum0 = s_10;
    }
  }
  partial_[lane] = sum0;
  workgroupBarrier();
  if ((lane % 16) < 8) {
    partial_[lane] = partial_[lane] + partial_[lane + 8];
  }
  workgroupBarrier();
  if ((lane % 16) < 4) {
    partial_[lane] = partial_[lane] + partial_[lane + 4];
  }
  workgroupBarrier();
  if ((lane % 16) < 2) {
    partial_[lane] = partial_[lane] + partial_[lane + 2];
  }
  workgroupBarrier();
  if ((lane % 16) < 1) {
    partial_[lane] = partial_[lane] + partial_[lane + 1];
  }
  workgroupBarrier();
  if (((lane % 16) == 0) & (((lane / 16) + 4 * groupX) < 21)) {
    let col42 = (lane / 16) + 4 * groupX;
    let t43 = partial_[lane];
    let s_11 = (t43 + b3[col42]);
    b4[col42] = select(s_11, 0.0, s_11 < 0.0);
  }
}
