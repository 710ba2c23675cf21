/**
 * WGSL functions that printed kernels call where the language has no operator of the exact meaning. Bodies call each other by name;
 * the printer includes what is needed. NaN tests look at bits: shader compilers may assume that floats are never NaN.
 */
export const library: Readonly<Record<string, string>> = {
  special_bits: `var<private> special_bits: vec2<u32> = vec2<u32>(0x7f800000u, 0x7fc00000u);`,
  is_nan: `fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }`,
  // min and max propagate NaN.
  min_f32: `fn min_f32(a: f32, b: f32) -> f32 { return select(select(b, a, a < b || is_nan(a)), b, is_nan(b)); }`,
  max_f32: `fn max_f32(a: f32, b: f32) -> f32 { return select(select(b, a, a > b || is_nan(a)), b, is_nan(b)); }`,
  f32_to_i32: `fn f32_to_i32(x: f32) -> i32 {
  if (is_nan(x)) { return 0; }
  if (x >= 2147483648.0) { return 2147483647; }
  return i32(max(x, -2147483648.0));
}`,
  f32_to_u32: `fn f32_to_u32(x: f32) -> u32 {
  if (is_nan(x)) { return 0u; }
  if (x >= 4294967296.0) { return 4294967295u; }
  return u32(max(x, 0.0));
}`,
  div_i32: `fn div_i32(a: i32, b: i32) -> i32 { if (b == 0) { return 0; } return a / b; }`,
  rem_i32: `fn rem_i32(a: i32, b: i32) -> i32 { if (b == 0 || b == -1) { return 0; } return a % b; }`,
  div_u32: `fn div_u32(a: u32, b: u32) -> u32 { if (b == 0u) { return 0u; } return a / b; }`,
  rem_u32: `fn rem_u32(a: u32, b: u32) -> u32 { if (b == 0u) { return 0u; } return a % b; }`,
  floor_div: `fn floor_div(a: i32, b: i32) -> i32 { return select(a / b, -((b - 1 - a) / b), a < 0); }`,
  floor_mod: `fn floor_mod(a: i32, b: i32) -> i32 { return a - floor_div(a, b) * b; }`,
  pow_u32: `fn pow_u32(a: u32, b: u32) -> u32 {
  var result = 1u;
  var base = a;
  for (var e = b; e > 0u; e = e >> 1u) {
    if ((e & 1u) != 0u) { result = result * base; }
    base = base * base;
  }
  return result;
}`,
  pow_i32: `fn pow_i32(a: i32, b: i32) -> i32 {
  if (b < 0) { return select(select(0, select(1, -1, (b & 1) != 0), a == -1), 1, a == 1); }
  var result = 1;
  var base = a;
  for (var e = b; e > 0; e = e >> 1u) {
    if ((e & 1) != 0) { result = result * base; }
    base = base * base;
  }
  return result;
}`,
  // Remainder with the sign of the dividend, exact: long division by doubling.
  rem_f32: `fn rem_f32(a: f32, b: f32) -> f32 {
  var x = abs(a);
  let y = abs(b);
  if (is_nan(x) || is_nan(y) || y == 0.0 || x > 3.4028234e38) { return bitcast<f32>(special_bits.y); }
  if (x < y) { return a; }
  var t = y;
  while (t <= x * 0.5) { t = t * 2.0; }
  while (t >= y) {
    if (x >= t) { x = x - t; }
    t = t * 0.5;
  }
  return select(x, -x, a < 0.0);
}`,
  // C's pow for any sign of the base.
  pow_f32: `fn pow_f32(a: f32, b: f32) -> f32 {
  if (b == 0.0 || a == 1.0) { return 1.0; }
  if (is_nan(a) || is_nan(b)) { return bitcast<f32>(special_bits.y); }
  let whole = floor(b) == b;
  let odd = whole && abs(b) < 16777216.0 && floor(b * 0.5) != b * 0.5;
  if (a == 0.0) { return select(bitcast<f32>(special_bits.x), 0.0, b > 0.0); }
  if (a < 0.0 && !whole) { return bitcast<f32>(special_bits.y); }
  let m = pow(abs(a), b);
  return select(m, -m, a < 0.0 && odd);
}`,
  // Odd polynomial near 0 (Cephes tanhf), 1 - 2/(e^2x + 1) elsewhere; saturates.
  tanh_f32: `fn tanh_f32(x: f32) -> f32 {
  let a = abs(x);
  if (a < 0.625) {
    let z = x * x;
    return x + x * z * ((((-5.70498872745e-3 * z + 2.06390887954e-2) * z - 5.37397155531e-2) * z + 1.33314422036e-1) * z - 3.33332819422e-1);
  }
  let r = 1.0 - 2.0 / (exp(2.0 * min(a, 10.0)) + 1.0);
  return select(select(r, -r, x < 0.0), x, is_nan(x));
}`,
  // x - x^3/6 ... below 1, where the difference of exponentials would cancel.
  sinh_f32: `fn sinh_f32(x: f32) -> f32 {
  if (abs(x) < 1.0) {
    let z = x * x;
    return x + x * z * (1.66666667e-1 + z * (8.33333333e-3 + z * (1.98412698e-4 + z * 2.75573192e-6)));
  }
  let e = exp(abs(x) * 0.5);
  let r = 0.5 * e * e - 0.5 / (e * e);
  return select(r, -r, x < 0.0);
}`,
  cosh_f32: `fn cosh_f32(x: f32) -> f32 {
  let e = exp(abs(x) * 0.5);
  return 0.5 * e * e + 0.5 / (e * e);
}`,
  // Cephes logf: polynomial over [sqrt(1/2), sqrt(2)), exponent times log 2 in two parts. WGSL's own is exact to 2^-21 only near 1.
  log_f32: `fn log_f32(x: f32) -> f32 {
  if (x == 0.0) { return -bitcast<f32>(special_bits.x); }
  if (!(x > 0.0) || x > 3.4028234e38) { return select(bitcast<f32>(special_bits.y), x, x > 0.0); }
  let f = frexp(x);
  let low = f.fract < 0.70710678;
  let e = f32(f.exp) - select(0.0, 1.0, low);
  let m = select(f.fract, f.fract + f.fract, low) - 1.0;
  let z = m * m;
  let p = ((((((((7.0376836292e-2 * m - 1.1514610310e-1) * m + 1.1676998740e-1) * m - 1.2420140846e-1) * m + 1.4249322787e-1) * m
    - 1.6668057665e-1) * m + 2.0000714765e-1) * m - 2.4999993993e-1) * m + 3.3333331174e-1) * m * z;
  return (m + (p - 2.12194440e-4 * e - 0.5 * z)) + 0.693359375 * e;
}`,
  // log(1 + x): series below 0.1. (The usual correction by (1 + x) - 1 is undone by compilers that reassociate.)
  log1p_f32: `fn log1p_f32(x: f32) -> f32 {
  if (abs(x) < 0.1) {
    return x * (1.0 + x * (-0.5 + x * (3.33333333e-1 + x * (-0.25 + x * (0.2 + x * (-1.66666667e-1 + x * 1.42857143e-1))))));
  }
  return log_f32(1.0 + x);
}`,
  asinh_f32: `fn asinh_f32(x: f32) -> f32 {
  let a = abs(x);
  var r = log_f32(a) + 0.69314718;
  if (a < 1.0e4) { r = log1p_f32(a + a * a / (1.0 + sqrt(a * a + 1.0))); }
  return select(r, -r, x < 0.0);
}`,
  acosh_f32: `fn acosh_f32(x: f32) -> f32 {
  if (x > 1.0e4) { return log_f32(x) + 0.69314718; }
  let t = x - 1.0;
  if (t < 0.0) { return bitcast<f32>(special_bits.y); }
  return log1p_f32(t + sqrt(2.0 * t + t * t));
}`,
  atanh_f32: `fn atanh_f32(x: f32) -> f32 { return 0.5 * log1p_f32(2.0 * x / (1.0 - x)); }`,
  // Abramowitz and Stegun 7.1.6 (series) below 2, 7.1.26-like exponential with a Chebyshev fit (Numerical Recipes erfc) above.
  erf_f32: `fn erf_f32(x: f32) -> f32 {
  let a = abs(x);
  if (a < 1.0) {
    let z = x * x;
    return x * (1.12837917 + z * (-3.76126389e-1 + z * (1.12837917e-1 + z * (-2.68661706e-2 + z * (5.22397762e-3 + z * (-8.54832702e-4 + z * (1.20553330e-4 + z * (-1.49256504e-5 + z * 1.64621141e-6))))))));
  }
  let t = 1.0 / (1.0 + 0.5 * min(a, 10.0));
  let b = min(a, 10.0);
  let p = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
  let r = 1.0 - t * exp(p - b * b);
  return select(select(r, -r, x < 0.0), x, is_nan(x));
}`,
  // Reduction to [-pi/4, pi/4] by a three-part pi/2 (Cody and Waite), then the Cephes sinf and cosf polynomials. Exact parts up to |x| of
  // about 1e5; larger arguments keep the hardware's error.
  sincos_f32: `fn sincos_f32(x: f32) -> vec2<f32> {
  let q = round(x * 0.63661977);
  let r = fma(-q, 7.5497899549e-8, fma(-q, 4.837512969970703e-4, fma(-q, 1.5703125, x)));
  let z = r * r;
  let s = r + r * z * (-1.6666654611e-1 + z * (8.3321608736e-3 + z * -1.9515295891e-4));
  let c = 1.0 - 0.5 * z + z * z * (4.166664568298827e-2 + z * (-1.388731625493765e-3 + z * 2.443315711809948e-5));
  let n = f32_to_i32(q) & 3;
  let swap = (n & 1) != 0;
  let a = select(s, c, swap);
  let b = select(c, s, swap);
  return vec2<f32>(select(a, -a, n >= 2), select(b, -b, n == 1 || n == 2));
}`,
  sin_f32: `fn sin_f32(x: f32) -> f32 { return sincos_f32(x).x; }`,
  cos_f32: `fn cos_f32(x: f32) -> f32 { return sincos_f32(x).y; }`,
  tan_f32: `fn tan_f32(x: f32) -> f32 { let v = sincos_f32(x); return v.x / v.y; }`,
  // Reduction to |t| <= tan(pi/8), then the Cephes atanf polynomial.
  atan_f32: `fn atan_f32(x: f32) -> f32 {
  let a = abs(x);
  var base = 0.0;
  var t = a;
  if (a > 2.414213562373095) { base = 1.5707963; t = -1.0 / a; }
  else if (a > 0.4142135623730950) { base = 0.78539816; t = (a - 1.0) / (a + 1.0); }
  let z = t * t;
  let r = base + (t + t * z * (((8.05374449538e-2 * z - 1.38776856032e-1) * z + 1.99777106478e-1) * z - 3.33329491539e-1));
  return select(r, -r, x < 0.0);
}`,
  atan2_f32: `fn atan2_f32(y: f32, x: f32) -> f32 {
  if (x == 0.0 && y == 0.0) { return select(0.0, 3.1415927, (bitcast<u32>(x) >> 31u) == 1u) * select(1.0, -1.0, (bitcast<u32>(y) >> 31u) == 1u); }
  if (x == 0.0) { return select(-1.5707963, 1.5707963, y > 0.0); }
  let r = atan_f32(y / x);
  return select(r, r + select(3.1415927, -3.1415927, (bitcast<u32>(y) >> 31u) == 1u), x < 0.0);
}`,
  asin_f32: `fn asin_f32(x: f32) -> f32 { return atan2_f32(x, sqrt((1.0 - x) * (1.0 + x))); }`,
  acos_f32: `fn acos_f32(x: f32) -> f32 { return atan2_f32(sqrt((1.0 - x) * (1.0 + x)), x); }`,

  // Narrow elements inside a 32-bit word.
  unpack_i4: `fn unpack_i4(word: u32, i: i32) -> i32 { return bitcast<i32>(word << (28u - u32(i) * 4u)) >> 28u; }`,
  unpack_u4: `fn unpack_u4(word: u32, i: i32) -> u32 { return (word >> (u32(i) * 4u)) & 0xfu; }`,
  pack_i4: `fn pack_i4(x: i32) -> u32 { return bitcast<u32>(x) & 0xfu; }`,
  pack_u4: `fn pack_u4(x: u32) -> u32 { return x & 0xfu; }`,
  narrow_i4: `fn narrow_i4(x: i32) -> i32 { return (x << 28u) >> 28u; }`,
  narrow_u4: `fn narrow_u4(x: u32) -> u32 { return x & 0xfu; }`,
  unpack_i2: `fn unpack_i2(word: u32, i: i32) -> i32 { return bitcast<i32>(word << (30u - u32(i) * 2u)) >> 30u; }`,
  unpack_u2: `fn unpack_u2(word: u32, i: i32) -> u32 { return (word >> (u32(i) * 2u)) & 0x3u; }`,
  pack_i2: `fn pack_i2(x: i32) -> u32 { return bitcast<u32>(x) & 0x3u; }`,
  pack_u2: `fn pack_u2(x: u32) -> u32 { return x & 0x3u; }`,
  narrow_i2: `fn narrow_i2(x: i32) -> i32 { return (x << 30u) >> 30u; }`,
  narrow_u2: `fn narrow_u2(x: u32) -> u32 { return x & 0x3u; }`,
  unpack_bool: `fn unpack_bool(word: u32, i: i32) -> bool { return ((word >> (u32(i) * 8u)) & 0xffu) != 0u; }`,
  unpack_i8: `fn unpack_i8(word: u32, i: i32) -> i32 { return bitcast<i32>(word << (24u - u32(i) * 8u)) >> 24u; }`,
  unpack_u8: `fn unpack_u8(word: u32, i: i32) -> u32 { return (word >> (u32(i) * 8u)) & 0xffu; }`,
  unpack_i16: `fn unpack_i16(word: u32, i: i32) -> i32 { return bitcast<i32>(word << (16u - u32(i) * 16u)) >> 16u; }`,
  unpack_u16: `fn unpack_u16(word: u32, i: i32) -> u32 { return (word >> (u32(i) * 16u)) & 0xffffu; }`,
  unpack_f16: `fn unpack_f16(word: u32, i: i32) -> f32 { return unpack2x16float(word >> (u32(i) * 16u)).x; }`,
  unpack_bf16: `fn unpack_bf16(word: u32, i: i32) -> f32 { return bitcast<f32>((word >> (u32(i) * 16u)) << 16u); }`,
  pack_bool: `fn pack_bool(x: bool) -> u32 { return select(0u, 1u, x); }`,
  pack_i8: `fn pack_i8(x: i32) -> u32 { return bitcast<u32>(x) & 0xffu; }`,
  pack_u8: `fn pack_u8(x: u32) -> u32 { return x & 0xffu; }`,
  pack_i16: `fn pack_i16(x: i32) -> u32 { return bitcast<u32>(x) & 0xffffu; }`,
  pack_u16: `fn pack_u16(x: u32) -> u32 { return x & 0xffffu; }`,
  // To nearest even; pack2x16float may round otherwise.
  pack_f16: `fn pack_f16(x: f32) -> u32 {
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
}`,
  pack_bf16: `fn pack_bf16(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  if (is_nan(x)) { return 0x7fc0u; }
  return (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
}`,
  narrow_i8: `fn narrow_i8(x: i32) -> i32 { return (x << 24u) >> 24u; }`,
  narrow_u8: `fn narrow_u8(x: u32) -> u32 { return x & 0xffu; }`,
  narrow_i16: `fn narrow_i16(x: i32) -> i32 { return (x << 16u) >> 16u; }`,
  narrow_u16: `fn narrow_u16(x: u32) -> u32 { return x & 0xffffu; }`,
  narrow_f16: `fn narrow_f16(x: f32) -> f32 { return unpack_f16(pack_f16(x), 0); }`,
  narrow_bf16: `fn narrow_bf16(x: f32) -> f32 { return unpack_bf16(pack_bf16(x), 0); }`,
  add_f32: `fn add_f32(at: ptr<storage, atomic<u32>, read_write>, x: f32) {
  var old = atomicLoad(at);
  loop {
    let r = atomicCompareExchangeWeak(at, old, bitcast<u32>(bitcast<f32>(old) + x));
    if (r.exchanged) { break; }
    old = r.old_value;
  }
}`,
};
