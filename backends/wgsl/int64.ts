/**
 * 64-bit integers as vec2<u32>, low word first: WGSL has none. Exact for every value, two's complement; division is bit by bit,
 * so kernels that divide 64-bit values are slow, but index arithmetic never does: it is 32-bit.
 */
export const int64: Readonly<Record<string, string>> = {
  add_64: `fn add_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let low = a.x + b.x;
  return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}`,
  sub_64: `fn sub_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return vec2<u32>(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x)); }`,
  neg_64: `fn neg_64(a: vec2<u32>) -> vec2<u32> { return sub_64(vec2<u32>(0u, 0u), a); }`,
  mul_64: `fn mul_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
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
}`,
  lt_u64: `fn lt_u64(a: vec2<u32>, b: vec2<u32>) -> bool { return a.y < b.y || (a.y == b.y && a.x < b.x); }`,
  lt_i64: `fn lt_i64(a: vec2<u32>, b: vec2<u32>) -> bool { return bitcast<i32>(a.y) < bitcast<i32>(b.y) || (a.y == b.y && a.x < b.x); }`,
  min_i64: `fn min_i64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return select(a, b, lt_i64(b, a)); }`,
  max_i64: `fn max_i64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return select(a, b, lt_i64(a, b)); }`,
  min_u64: `fn min_u64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return select(a, b, lt_u64(b, a)); }`,
  max_u64: `fn max_u64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return select(a, b, lt_u64(a, b)); }`,
  abs_i64: `fn abs_i64(a: vec2<u32>) -> vec2<u32> { return select(a, neg_64(a), bitcast<i32>(a.y) < 0); }`,
  shl_64: `fn shl_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let n = b.x & 63u;
  if (n == 0u) { return a; }
  if (n >= 32u) { return vec2<u32>(0u, a.x << (n - 32u)); }
  return vec2<u32>(a.x << n, (a.y << n) | (a.x >> (32u - n)));
}`,
  shr_u64: `fn shr_u64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let n = b.x & 63u;
  if (n == 0u) { return a; }
  if (n >= 32u) { return vec2<u32>(a.y >> (n - 32u), 0u); }
  return vec2<u32>((a.x >> n) | (a.y << (32u - n)), a.y >> n);
}`,
  shr_i64: `fn shr_i64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let n = b.x & 63u;
  let high = bitcast<i32>(a.y);
  if (n == 0u) { return a; }
  if (n >= 32u) { return vec2<u32>(bitcast<u32>(high >> (n - 32u)), bitcast<u32>(high >> 31u)); }
  return vec2<u32>((a.x >> n) | (a.y << (32u - n)), bitcast<u32>(high >> n));
}`,
  // Quotient and remainder (x, y and z, w) by shift and subtract; both 0 for a zero divisor.
  divide_u64: `fn divide_u64(a: vec2<u32>, b: vec2<u32>) -> vec4<u32> {
  var q = vec2<u32>(0u, 0u);
  var r = vec2<u32>(0u, 0u);
  if (b.x == 0u && b.y == 0u) { return vec4<u32>(q, r); }
  for (var i = 63; i >= 0; i--) {
    let carry = r.y >> 31u;
    r = vec2<u32>((r.x << 1u) | (shr_u64(a, vec2<u32>(u32(i), 0u)).x & 1u), (r.y << 1u) | (r.x >> 31u));
    if (carry != 0u || !lt_u64(r, b)) {
      r = sub_64(r, b);
      q = vec2<u32>(select(q.x, q.x | (1u << u32(i & 31)), i < 32), select(q.y, q.y | (1u << u32(i & 31)), i >= 32));
    }
  }
  return vec4<u32>(q, r);
}`,
  div_u64: `fn div_u64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return divide_u64(a, b).xy; }`,
  rem_u64: `fn rem_u64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return divide_u64(a, b).zw; }`,
  div_i64: `fn div_i64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let q = divide_u64(abs_i64(a), abs_i64(b)).xy;
  return select(q, neg_64(q), ((a.y ^ b.y) >> 31u) == 1u);
}`,
  rem_i64: `fn rem_i64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let r = divide_u64(abs_i64(a), abs_i64(b)).zw;
  return select(r, neg_64(r), (a.y >> 31u) == 1u);
}`,
  pow_64: `fn pow_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  if ((b.y >> 31u) == 1u) {
    let one = vec2<u32>(1u, 0u);
    if (all(a == one)) { return one; }
    if (all(a == vec2<u32>(0xffffffffu, 0xffffffffu))) { return select(one, a, (b.x & 1u) == 1u); }
    return vec2<u32>(0u, 0u);
  }
  var result = vec2<u32>(1u, 0u);
  var base = a;
  for (var e = b; e.x != 0u || e.y != 0u; e = shr_u64(e, vec2<u32>(1u, 0u))) {
    if ((e.x & 1u) == 1u) { result = mul_64(result, base); }
    base = mul_64(base, base);
  }
  return result;
}`,
  i32_to_64: `fn i32_to_64(x: i32) -> vec2<u32> { return vec2<u32>(bitcast<u32>(x), bitcast<u32>(x >> 31u)); }`,
  u32_to_64: `fn u32_to_64(x: u32) -> vec2<u32> { return vec2<u32>(x, 0u); }`,
  f32_to_i64: `fn f32_to_i64(x: f32) -> vec2<u32> {
  if (is_nan(x)) { return vec2<u32>(0u, 0u); }
  let a = trunc(abs(x));
  if (a >= 9223372036854775808.0) { return select(vec2<u32>(0xffffffffu, 0x7fffffffu), vec2<u32>(0u, 0x80000000u), x < 0.0); }
  let high = floor(a / 4294967296.0);
  let m = vec2<u32>(u32(a - high * 4294967296.0), u32(high));
  return select(m, neg_64(m), x < 0.0);
}`,
  f32_to_u64: `fn f32_to_u64(x: f32) -> vec2<u32> {
  if (is_nan(x) || x <= 0.0) { return vec2<u32>(0u, 0u); }
  let a = trunc(x);
  if (a >= 18446744073709551616.0) { return vec2<u32>(0xffffffffu, 0xffffffffu); }
  let high = floor(a / 4294967296.0);
  return vec2<u32>(u32(a - high * 4294967296.0), u32(high));
}`,
  // One rounding: bits below the 32 most significant are folded into a sticky bit.
  u64_to_f32: `fn u64_to_f32(a: vec2<u32>) -> f32 {
  if (a.y == 0u) { return f32(a.x); }
  let n = countLeadingZeros(a.y);
  let top = shl_64(a, vec2<u32>(n, 0u));
  let word = top.y | select(0u, 1u, top.x != 0u);
  return f32(word) * exp2(f32(32u - n));
}`,
  i64_to_f32: `fn i64_to_f32(a: vec2<u32>) -> f32 {
  let m = u64_to_f32(abs_i64(a));
  return select(m, -m, (a.y >> 31u) == 1u);
}`,
};
