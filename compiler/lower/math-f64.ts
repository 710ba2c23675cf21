import { constant, type Expr, pack } from '../ir/expr.ts';
import { reduceHugeF64, reduceMediumF64, type WideReduction } from './math-reduce.ts';
import { polynomial } from './polynomial.ts';

/** Elementary functions of f64 in plain arithmetic, for any vector width; coefficients and splittings after Sun's fdlibm. */

const i64 = (v: bigint): Expr => constant('i64', v);
const f64 = (v: number): Expr => constant('f64', v);
const like = (v: number, x: Expr): Expr => f64(v).splat(x.width);

const MAGIC = 6755399441055744; // 1.5 * 2^52: the last bit weighs 1
const MAGIC_BITS = 0x4338000000000000n;

function roundMagic(x: Expr): { float: Expr; int: Expr } {
  const t = x.add(MAGIC);
  return { float: t.sub(MAGIC), int: t.bitcast('i64').sub(i64(MAGIC_BITS)) };
}

/** Value of a small integer; vectors have no 64-bit conversion. */
const integerValue = (k: Expr): Expr => k.add(i64(MAGIC_BITS)).bitcast('f64').sub(MAGIC);

const power2 = (k: Expr): Expr => k.add(i64(1023n)).shl(i64(52n)).bitcast('f64');

function scale(p: Expr, n: Expr): Expr {
  const half = n.shr(i64(1n));
  return p.mul(power2(half)).mul(power2(n.sub(half)));
}

const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const EXP = [
  4.1381367970572385e-8, -1.6533902205465252e-6, 6.613756321437934e-5, -0.0027777777777015593, 0.16666666666666602,
];

/** e^(high - low) * 2^shift with the exponent already in range; `n` is added to the binary exponent. */
function expReduced(high: Expr, low: Expr, n: Expr): Expr {
  const r = high.sub(low);
  const t = r.mul(r);
  const c = r.sub(t.mul(polynomial(t, EXP)));
  const y = like(1, r).sub(low.sub(r.mul(c).div(like(2, r).sub(c))).sub(high));
  return scale(y, n);
}

function expShifted(x: Expr, shift: bigint): Expr {
  const z = x.max(-746).min(711);
  const n = roundMagic(z.mul(Math.LOG2E));
  const high = z.sub(n.float.mul(LN2_HIGH));
  return expReduced(high, n.float.mul(LN2_LOW), shift === 0n ? n.int : n.int.add(i64(shift)));
}

export const exp = (x: Expr): Expr => expShifted(x, 0n);

export function exp2(x: Expr): Expr {
  const z = x.max(-1076).min(1025);
  const n = roundMagic(z);
  const f = z.sub(n.float);
  return expReduced(f.mul(LN2_HIGH), f.mul(-LN2_LOW), n.int);
}

const LOG_ODD = [0.14798198605116586, 0.1818357216161805, 0.2857142874366239, 0.6666666666666735];
const LOG_EVEN = [0.15313837699209373, 0.22222198432149784, 0.3999999999940942];

/** x = 2^k (1 + f); `tail` is s * (f - R) so that log(1 + f) = f - tail. */
function logParts(x: Expr): { k: Expr; f: Expr; half: Expr; tail: Expr } {
  const tiny = x.lt(2.2250738585072014e-308);
  const bits = tiny.select(x.mul(18014398509481984), x).bitcast('i64');
  const e = bits.sub(i64(0x3fe6a09e667f3bcdn)).shr(i64(52n));
  const f = bits
    .sub(e.shl(i64(52n)))
    .bitcast('f64')
    .sub(1);
  const k = integerValue(tiny.select(e.sub(i64(54n)), e));
  const s = f.div(f.add(2));
  const z = s.mul(s);
  const w = z.mul(z);
  const r = polynomial(w, LOG_ODD).mul(z).add(polynomial(w, LOG_EVEN).mul(w));
  const half = f.mul(f).mul(0.5);
  return { k, f, half, tail: s.mul(half.add(r)) };
}

function logEdges(x: Expr, value: Expr): Expr {
  const positive = x.eq(Number.POSITIVE_INFINITY).select(x, value);
  const nonNegative = x.eq(0).select(like(Number.NEGATIVE_INFINITY, x), positive);
  return x.ge(0).select(nonNegative, Number.NaN);
}

export function log(x: Expr): Expr {
  const { k, f, half, tail } = logParts(x);
  const value = k.mul(LN2_HIGH).sub(half.sub(tail.add(k.mul(LN2_LOW))).sub(f));
  return logEdges(x, value);
}

const IVLN2_HIGH = 1.4426950407214463;
const IVLN2_LOW = 1.6751713164886512e-10;

/** The upper 32 bits of a double: products of two such are exact. */
const upperHalf = (x: Expr): Expr => x.bitcast('i64').and(i64(-0x1_0000_0000n)).bitcast('f64');

/** log2 of a positive finite x as an unevaluated sum high + low. */
function log2Parts(x: Expr): { high: Expr; low: Expr } {
  const { k, f, half, tail } = logParts(x);
  const hi = upperHalf(f.sub(half));
  const lo = f.sub(hi).sub(half).add(tail);
  const valueHigh = hi.mul(IVLN2_HIGH);
  const valueLow = lo.add(hi).mul(IVLN2_LOW).add(lo.mul(IVLN2_HIGH));
  const w = k.add(valueHigh);
  return { high: w, low: valueLow.add(k.sub(w).add(valueHigh)) };
}

export function log2(x: Expr): Expr {
  const { high, low } = log2Parts(x);
  return logEdges(x, high.add(low));
}

/** x^y = 2^(y log2 |x|), with the sign and the special cases of C's pow. */
export function powF64(x: Expr, y: Expr): Expr {
  const a = x.abs();
  const { high, low } = log2Parts(a);
  const l1 = upperHalf(high.add(low));
  const l2 = low.sub(l1.sub(high));
  const y1 = upperHalf(y);
  const big = y1.mul(l1);
  const small = y.sub(y1).mul(l1).add(y.mul(l2));
  const sum = big.add(small);
  const z = sum.max(-1100).min(1100);
  const n = roundMagic(z);
  // Beyond the clamp the result is 0 or infinity whatever the fraction.
  const fraction = sum.eq(z).select(big.sub(n.float).add(small), 0);
  const t = upperHalf(fraction);
  const rest = fraction.sub(t).add(sum.eq(z).select(big.sub(n.float).sub(fraction).add(small), 0));
  const finite = expReduced(t.mul(LN2_HIGH), t.mul(-LN2_LOW).sub(rest.mul(Math.LN2)), n.int);
  const whole = y.eq(y.trunc());
  const odd = whole.and(y.mul(0.5).trunc().ne(y.mul(0.5))).and(y.abs().lt(9007199254740992));
  const inf = Number.POSITIVE_INFINITY;
  const zeroBase = y.lt(0).select(like(inf, x), 0);
  const infBase = y.lt(0).select(like(0, x), inf);
  const grows = a.gt(1).eq(y.gt(0));
  const infPower = a.eq(1).select(like(1, x), grows.select(like(inf, x), 0));
  let magnitude = a.eq(0).select(zeroBase, a.eq(inf).select(infBase, finite));
  magnitude = y.abs().eq(inf).select(infPower, magnitude);
  const negative = x.bitcast('i64').lt(i64(0n));
  const signed = negative.and(odd).select(magnitude.neg(), magnitude);
  const invalid = negative.and(a.ne(0)).and(a.ne(inf)).and(whole.not());
  const value = invalid.or(x.isNan()).or(y.isNan()).select(like(Number.NaN, x), signed);
  return y.eq(0).or(x.eq(1)).select(like(1, x), value);
}

export const pow = powF64;

function log1p(u: Expr): Expr {
  const w = u.add(1);
  const small = w.eq(1);
  const big = w.gt(1e20);
  const corrected = log(w).mul(u.div(small.or(big).select(like(1, u), w.sub(1))));
  return small.select(u, big.select(log(w), corrected));
}

const SIGN = -0x8000_0000_0000_0000n;
const withSign = (magnitude: Expr, x: Expr): Expr =>
  magnitude
    .bitcast('i64')
    .or(x.bitcast('i64').and(i64(SIGN)))
    .bitcast('f64');

const SIN = [
  1.58969099521155e-10, -2.5050760253406863e-8, 2.7557313707070068e-6, -0.0001984126982985795, 0.00833333333332249,
];
const COS = [
  -1.1359647557788195e-11, 2.087572321298175e-9, -2.7557314351390663e-7, 2.480158728947673e-5, -0.001388888888887411,
  0.0416666666666666,
];

/** sin(x + tail) for |x| <= pi/4. */
function sinKernel(x: Expr, tail: Expr): Expr {
  const z = x.mul(x);
  const v = z.mul(x);
  const r = polynomial(z, SIN);
  return x.sub(
    z
      .mul(tail.mul(0.5).sub(v.mul(r)))
      .sub(tail)
      .sub(v.mul(-0.16666666666666632)),
  );
}

function cosKernel(x: Expr, tail: Expr): Expr {
  const z = x.mul(x);
  const r = z.mul(polynomial(z, COS));
  const half = z.mul(0.5);
  const w = like(1, x).sub(half);
  return w.add(
    like(1, x)
      .sub(w)
      .sub(half)
      .add(z.mul(r).sub(x.mul(tail))),
  );
}

function trigOf(kind: 'sin' | 'cos' | 'tan', { quadrant, high, low }: WideReduction): Expr {
  const s = sinKernel(high, low);
  const c = cosKernel(high, low);
  const odd = quadrant.and(i64(1n)).ne(i64(0n));
  if (kind === 'tan') return odd.select(c.neg(), s).div(odd.select(s, c));
  const q = kind === 'cos' ? quadrant.add(i64(1n)) : quadrant;
  const value = q.and(i64(1n)).ne(i64(0n)).select(c, s);
  return value
    .bitcast('i64')
    .xor(q.and(i64(2n)).shl(i64(62n)))
    .bitcast('f64');
}

/** sin, cos and tan; lanes of 2^19 and more (rare) take the bit-by-bit reduction. */
export function trig(kind: 'sin' | 'cos' | 'tan', x: Expr): Expr {
  const quick = trigOf(kind, reduceMediumF64(x));
  const huge = (v: Expr): Expr => v.abs().lt(524288).not();
  const lane = (i: number): Expr =>
    huge(x.extract(i)).guard(trigOf(kind, reduceHugeF64(x.extract(i))), quick.extract(i));
  if (x.width === 1) return lane(0);
  const lanes = Array.from({ length: x.width }, (_, i) => i);
  const any = lanes.map((i) => huge(x).extract(i)).reduce((a, b) => a.or(b));
  return any.guard(pack(lanes.map(lane)), quick);
}

const ASIN_TOP = [
  3.479331075960212e-5, 0.0007915349942898145, -0.04005553450067941, 0.20121253213486293, -0.3255658186224009,
  0.16666666666666666,
];
const ASIN_BOTTOM = [0.07703815055590194, -0.6882839716054533, 2.0209457602335057, -2.403394911734414, 1];
const PIO2_HIGH = 1.5707963267948966;
const PIO2_LOW = 6.123233995736766e-17;

const asinRatio = (z: Expr): Expr => z.mul(polynomial(z, ASIN_TOP)).div(polynomial(z, ASIN_BOTTOM));

export function asin(x: Expr): Expr {
  const a = x.abs();
  const big = a.gt(0.5);
  const half = like(1, x).sub(a).mul(0.5);
  const z = big.select(half, a.mul(a));
  const ratio = asinRatio(z);
  const s = half.sqrt();
  const far = like(PIO2_HIGH, x).sub(s.add(s.mul(ratio)).mul(2).sub(PIO2_LOW));
  return withSign(big.select(far, a.add(a.mul(ratio))), x);
}

export function acos(x: Expr): Expr {
  const a = x.abs();
  const big = a.gt(0.5);
  const half = like(1, x).sub(a).mul(0.5);
  const ratio = asinRatio(big.select(half, x.mul(x)));
  const s = half.sqrt();
  const d = upperHalf(s);
  const c = s.eq(0).select(s, half.sub(d.mul(d)).div(s.add(d)));
  const right = d.add(ratio.mul(s).add(c)).mul(2);
  const left = like(PIO2_HIGH, x)
    .sub(s.add(ratio.mul(s).sub(PIO2_LOW)))
    .mul(2);
  const middle = like(PIO2_HIGH, x).sub(x.sub(like(PIO2_LOW, x).sub(x.mul(ratio))));
  return big.select(x.lt(0).select(left, right), middle);
}

const ATAN = [
  0.016285820115365782, -0.036531572744216916, 0.049768779946159324, -0.058335701337905735, 0.06661073137387531,
  -0.0769187620504483, 0.09090887133436507, -0.11111110405462356, 0.14285714272503466, -0.19999999999876483,
  0.3333333333333293,
];
const ATAN_STEPS: readonly { from: number; at: number; high: number; low: number }[] = [
  { from: 7 / 16, at: 0.5, high: 0.4636476090008061, low: 2.2698777452961687e-17 },
  { from: 11 / 16, at: 1, high: 0.7853981633974483, low: 3.061616997868383e-17 },
  { from: 19 / 16, at: 1.5, high: 0.982793723247329, low: 1.3903311031230998e-17 },
  { from: 39 / 16, at: Number.POSITIVE_INFINITY, high: 1.5707963267948966, low: 6.123233995736766e-17 },
];

export function atan(x: Expr): Expr {
  const a = x.abs();
  let top = a;
  let bottom = like(1, x);
  let high = like(0, x);
  let low = like(0, x);
  for (const s of ATAN_STEPS) {
    const here = a.ge(s.from);
    top = here.select(Number.isFinite(s.at) ? a.sub(s.at) : like(-1, x), top);
    bottom = here.select(Number.isFinite(s.at) ? a.mul(s.at).add(1) : a, bottom);
    high = here.select(like(s.high, x), high);
    low = here.select(like(s.low, x), low);
  }
  const t = top.div(bottom);
  const z = t.mul(t);
  const p = t.mul(z.mul(polynomial(z, ATAN)));
  return withSign(high.sub(p.sub(low).sub(t)), x);
}

export function atan2(y: Expr, x: Expr): Expr {
  const ax = x.abs();
  const ay = y.abs();
  const inf = Number.POSITIVE_INFINITY;
  const both = ax.eq(inf).and(ay.eq(inf));
  const swap = ay.gt(ax);
  const low = both.select(like(1, x), swap.select(ax, ay));
  const high = both.select(like(1, x), swap.select(ay, ax));
  const first = atan(high.eq(0).select(high, low.div(high)).abs());
  const octant = swap.select(like(PIO2_HIGH, x).sub(first.sub(PIO2_LOW)), first);
  const left = x.bitcast('i64').lt(i64(0n));
  const angle = left.select(like(Math.PI, x).sub(octant.sub(2 * PIO2_LOW)), octant);
  return x.isNan().or(y.isNan()).select(x.add(y), withSign(angle, y));
}

/** sinh's Taylor series in x^2 to x^23, without the leading 1. */
const SINH = [23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3].map((n) => {
  let f = 1;
  for (let i = 2; i <= n; i++) f *= i;
  return 1 / f;
});
const sinhNear = (x: Expr): Expr => {
  const z = x.mul(x);
  return polynomial(z, SINH).mul(z).mul(x).add(x);
};

export function sinh(x: Expr): Expr {
  const a = x.abs();
  const e = expShifted(a, -1n);
  return a.gt(1).select(withSign(e.sub(like(0.25, x).div(e)), x), sinhNear(x));
}

export function cosh(x: Expr): Expr {
  const e = expShifted(x.abs(), -1n);
  return e.add(like(0.25, x).div(e));
}

export function tanh(x: Expr): Expr {
  const a = x.abs();
  const far = like(1, x).sub(like(2, x).div(exp(a.add(a)).add(1)));
  return a.gt(0.5).select(withSign(far, x), sinhNear(x).div(cosh(x)));
}

export function asinh(x: Expr): Expr {
  const a = x.abs();
  const big = a.gt(1e20);
  const near = big.select(like(1, x), a);
  const s = near.mul(near);
  return withSign(big.select(log(a).add(Math.LN2), log1p(near.add(s.div(s.add(1).sqrt().add(1))))), x);
}

export function acosh(x: Expr): Expr {
  const t = x.sub(1);
  const far = x.gt(1e20).select(log(x).add(Math.LN2), log1p(t.add(t.mul(t).add(t.add(t)).sqrt())));
  return x.ge(1).select(far, Number.NaN);
}

export function atanh(x: Expr): Expr {
  const a = x.abs();
  return withSign(log1p(a.add(a).div(like(1, x).sub(a))).mul(0.5), x);
}

const ERF_NEAR_TOP = [
  -2.3763016656650163e-5, -0.005770270296489442, -0.02848174957559851, -0.3250421072470015, 0.12837916709551256,
];
const ERF_NEAR_BOTTOM = [
  -3.960228278775368e-6, 0.00013249473800432164, 0.005081306281875766, 0.0650222499887673, 0.39791722395915535, 1,
];
const ERF_ONE_TOP = [
  -0.002166375594868791, 0.035478304325618236, -0.11089469428239668, 0.31834661990116175, -0.3722078760357013,
  0.41485611868374833, -0.0023621185607526594,
];
const ERF_ONE_BOTTOM = [
  0.011984499846799107, 0.01363708391202905, 0.12617121980876164, 0.07182865441419627, 0.540397917702171,
  0.10642088040084423, 1,
];
const ERF_MID_TOP = [
  -9.814329344169145, -81.2874355063066, -184.60509290671104, -162.39666946257347, -62.375332450326006,
  -10.558626225323291, -0.6938585727071818, -0.009864944034847148,
];
const ERF_MID_BOTTOM = [
  -0.0604244152148581, 6.570249770319282, 108.63500554177944, 429.00814002756783, 645.3872717332679, 434.56587747522923,
  137.65775414351904, 19.651271667439257, 1,
];
const ERF_FAR_TOP = [
  -483.5191916086514, -1025.0951316110772, -637.5664433683896, -160.63638485582192, -17.757954917754752,
  -0.799283237680523, -0.0098649429247001,
];
const ERF_FAR_BOTTOM = [
  -22.44095244658582, 474.52854120695537, 2553.0504064331644, 3199.8582195085955, 1536.729586084437, 325.7925129965739,
  30.33806074348246, 1,
];

export function erf(x: Expr): Expr {
  const a = x.abs();
  const z = x.mul(x);
  const near = x.add(x.mul(polynomial(z, ERF_NEAR_TOP).div(polynomial(z, ERF_NEAR_BOTTOM))));
  const s = a.sub(1);
  const one = polynomial(s, ERF_ONE_TOP).div(polynomial(s, ERF_ONE_BOTTOM)).add(0.8450629115104675);
  const t = a.min(6);
  const w = like(1, x).div(t.mul(t));
  const mid = t.lt(1 / 0.35);
  const ratio = mid.select(
    polynomial(w, ERF_MID_TOP).div(polynomial(w, ERF_MID_BOTTOM)),
    polynomial(w, ERF_FAR_TOP).div(polynomial(w, ERF_FAR_BOTTOM)),
  );
  const h = upperHalf(t);
  const e = exp(h.mul(h).neg().sub(0.5625)).mul(exp(h.sub(t).mul(h.add(t)).add(ratio)));
  const far = like(1, x).sub(e.div(t));
  const value = a.lt(1.25).select(one, far);
  return x.isNan().select(x, a.lt(0.84375).select(near, withSign(value, x)));
}

/** Remainder by truncated division; exact while the quotient is below 2^53. */
export function rem(x: Expr, y: Expr): Expr {
  const r = x.sub(x.div(y).trunc().mul(y));
  const exact = x.abs().lt(y.abs()).select(x, r);
  return withSign(exact.abs(), x);
}
