// row_sum_64: test
// template test: test
// 0 bytes, 0 operations a launch

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
struct Scalars {
  n: i32,
  rows: i32,
}
@group(0) @binding(2) var<uniform> scalars: Scalars;
var<workgroup> partial_: array<f32, 64>;

@compute @workgroup_size(64)
fn row_sum_64(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let n = scalars.n;
  let rows = scalars.rows;
  let lane = i32(local);
  let groupX = i32(group.x);
  var sum0: f32 = 0.0;
  for (var i1: i32 = lane; i1 < n; i1 += 64) {
    sum0 = sum0 + x[groupX * n + i1];
  }
  partial_[lane] = sum0;
  workgroupBarrier();
  if (lane < 32) {
    partial_[lane] = partial_[lane] + partial_[lane + 32];
  }
  workgroupBarrier();
  if (lane < 16) {
    partial_[lane] = partial_[lane] + partial_[lane + 16];
  }
  workgroupBarrier();
  if (lane < 8) {
    partial_[lane] = partial_[lane] + partial_[lane + 8];
  }
  workgroupBarrier();
  if (lane < 4) {
    partial_[lane] = partial_[lane] + partial_[lane + 4];
  }
  workgroupBarrier();
  if (lane < 2) {
    partial_[lane] = partial_[lane] + partial_[lane + 2];
  }
  workgroupBarrier();
  if (lane < 1) {
    partial_[lane] = partial_[lane] + partial_[lane + 1];
  }
  workgroupBarrier();
  if (lane == 0) {
    y[groupX] = partial_[0];
  }
}
