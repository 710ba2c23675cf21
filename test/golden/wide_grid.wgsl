// wide_grid: test
// template test: test
// 0 bytes, 0 operations a launch

@group(0) @binding(0) var<storage, read_write> y: array<i32>;
struct Scalars {
  rows: i32,
}
@group(0) @binding(1) var<uniform> scalars: Scalars;

@compute @workgroup_size(1)
fn wide_grid(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let rows = scalars.rows;
  let linear = i32(group.x + groups.x * (group.y + groups.y * group.z));
  if (linear >= rows * 3 * 1) { return; }
  let groupX = linear % rows;
  let groupY = linear / rows % 3;
  let groupZ = linear / (rows * 3);
  y[groupX + groupY * rows] = ((groupX + 1) % 3) + 100 * ((groupX + 1) / 3) - 200;
}
