// matmul_0: matmul for vector_symbolic, vector_symbolic, vector_symbolic
// template gemv: one factor is read once: lanes share each sum and read it in order
// 4*k+4*k*n+4*n bytes, 2*k*n operations a launch

@group(0) @binding(0) var<storage, read> b0: array<f32>;
@group(0) @binding(1) var<storage, read> b1: array<f32>;
@group(0) @binding(2) var<storage, read> b2: array<f32>;
@group(0) @binding(3) var<storage, read_write> b3: array<f32>;
struct Scalars {
  k: i32,
  n: i32,
}
@group(0) @binding(4) var<uniform> scalars: Scalars;
var<workgroup> partial_: array<f32, 64>;

@compute @workgroup_size(64)
fn matmul_0(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = scalars.k;
  let n = scalars.n;
  let lane = i32(local);
  let groupX = i32(group.x);
  var sum0: f32 = 0.0;
  if (((lane % 16) + 16 * groupX) < n) {
    let col1 = (lane % 16) + 16 * groupX;
    for (var d2: i32 = (lane / 16); d2 < k; d2 += 4) {
      sum0 = fma(b0[d2], b1[col1 + d2 * n], sum0);
    }
  }
  partial_[4 * (lane % 16) + (lane / 16)] = sum0;
  workgroupBarrier();
  if ((lane / 16) < 2) {
    partial_[4 * (lane % 16) + (lane / 16)] = partial_[4 * (lane % 16) + (lane / 16)] + partial_[4 * (lane % 16) + (lane / 16) + 2];
  }
  workgroupBarrier();
  if ((lane / 16) < 1) {
    partial_[4 * (lane % 16) + (lane / 16)] = partial_[4 * (lane % 16) + (lane / 16)] + partial_[4 * (lane % 16) + (lane / 16) + 1];
  }
  workgroupBarrier();
  if (((lane / 16) == 0) & (((lane % 16) + 16 * groupX) < n)) {
    let col3 = (lane % 16) + 16 * groupX;
    let t4 = partial_[4 * (lane % 16) + (lane / 16)];
    let s_0 = (t4 + b2[col3]);
    b3[col3] = select(s_0, 0.0, s_0 < 0.0);
  }
}
