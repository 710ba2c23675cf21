import { constant, type Expr, pack } from '../ir/expr.ts';
import { powF64 } from './math-f64.ts';
import { reduceHuge } from './math-reduce.ts';
import { polynomial } from './polynomial.ts';

/**
 * Elementary functions of f32 in plain arithmetic, for any vector width. Polynomials are those of Moshier's Cephes library unless
 * said otherwise. Errors are a few units in the last place over the whole range; see test/backends/wasm-math.test.ts for the figures.
 */

const i32 = (v: number): Expr => constant('i32', v);
const f32 = (v: number): Expr => constant('f32', v);

/** 2^k for an integer k in [-126, 127]. */
const power2 = (k: Expr): Expr => k.add(i32(127)).shl(i32(23)).bitcast('f32');

/** Rounds to an integer by adding 1.5 * 2^23, whose last bit weighs 1: the integer is then in the low bits too. */
function roundMagic(x: Expr): { float: Expr; int: Expr } {
  const magic = 12582912;
  const t = x.add(magic);
  return { float: t.sub(magic), int: t.bitcast('i32').sub(i32(0x4b40_0000)) };
}

/** p * 2^n in two exact steps, so that overflow and gradual underflow happen once, at the end. */
function scale(p: Expr, n: Expr): Expr {
  const half = n.shr(i32(1));
  return p.mul(power2(half)).mul(power2(n.sub(half)));
}

const EXP = [1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1];
const LN2_HIGH = 0.693359375;
const LN2_LOW = -2.1219444e-4;

/** e^r for |r| <= ln(2)/2. */
const expPolynomial = (r: Expr): Expr => polynomial(r, EXP).mul(r.mul(r)).add(r).add(1);

/** e^x * 2^shift. */
function expShifted(x: Expr, shift: number): Expr {
  const z = x.max(-105).min(90);
  const n = roundMagic(z.mul(Math.LOG2E));
  const r = z.sub(n.float.mul(LN2_HIGH)).sub(n.float.mul(LN2_LOW));
  return scale(expPolynomial(r), shift === 0 ? n.int : n.int.add(i32(shift)));
}

export const exp = (x: Expr): Expr => expShifted(x, 0);

export function exp2(x: Expr): Expr {
  const z = x.max(-151).min(129);
  const n = roundMagic(z);
  return scale(expPolynomial(z.sub(n.float).mul(Math.LN2)), n.int);
}

const LOG = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
  2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
];

/** x = 2^e * (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); y is log(1+f) - f. */
function logParts(x: Expr): { e: Expr; f: Expr; y: Expr } {
  const tiny = x.lt(1.1754943508222875e-38);
  const bits = tiny.select(x.mul(33554432), x).bitcast('i32');
  const k = bits.sub(i32(0x3f35_04f3)).shr(i32(23));
  const f = bits
    .sub(k.shl(i32(23)))
    .bitcast('f32')
    .sub(1);
  const e = tiny.select(k.sub(i32(25)), k).cast('f32');
  const z = f.mul(f);
  const y = polynomial(f, LOG).mul(f).mul(z).sub(z.mul(0.5));
  return { e, f, y };
}

/** log's answers at 0, infinity, below 0 and NaN around its value elsewhere. */
function logEdges(x: Expr, value: Expr): Expr {
  const positive = x.eq(Number.POSITIVE_INFINITY).select(x, value);
  const nonNegative = x.eq(0).select(f32(Number.NEGATIVE_INFINITY).splat(x.width), positive);
  return x.ge(0).select(nonNegative, Number.NaN);
}

export function log(x: Expr): Expr {
  const { e, f, y } = logParts(x);
  return logEdges(x, y.add(e.mul(LN2_LOW)).add(f).add(e.mul(LN2_HIGH)));
}

export function log2(x: Expr): Expr {
  const { e, f, y } = logParts(x);
  const rest = 0.4426950408889634; // log2(e) - 1
  return logEdges(x, y.mul(rest).add(f.mul(rest)).add(y).add(f).add(e));
}

/** log(1 + u) without losing the low bits of a small u (Kahan). */
function log1p(u: Expr): Expr {
  const w = u.add(1);
  const small = w.eq(1);
  const big = w.gt(1e10);
  const corrected = log(w).mul(u.div(small.or(big).select(f32(1).splat(u.width), w.sub(1))));
  return small.select(u, big.select(log(w), corrected));
}

const signOf = (x: Expr): Expr => x.bitcast('i32').and(i32(-0x8000_0000));
/** |magnitude| with the sign of x (magnitude is not negative). */
const withSign = (magnitude: Expr, x: Expr): Expr => magnitude.bitcast('i32').or(signOf(x)).bitcast('f32');

const SIN = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1];
const COS = [2.443315711809948e-5, -0.001388731625493765, 0.04166664568298827];
const sinPolynomial = (r: Expr): Expr => polynomial(r.mul(r), SIN).mul(r.mul(r)).mul(r).add(r);
function cosPolynomial(r: Expr): Expr {
  const z = r.mul(r);
  return polynomial(z, COS).mul(z).mul(z).sub(z.mul(0.5)).add(1);
}

/** x = quadrant * pi/2 + r, |r| <= pi/4; in f64 with pi/2 in two parts, exact enough below 2^28. */
function reduceMedium(x: Expr): { quadrant: Expr; r: Expr } {
  const d = x.cast('f64');
  const n = d.mul(0.6366197723675814).round();
  const r = d.sub(n.mul(1.5707963109016418)).sub(n.mul(1.5893254773528196e-8));
  return { quadrant: n.cast('i32'), r: r.cast('f32') };
}

type Trig = 'sin' | 'cos' | 'tan';

function trigOf(kind: Trig, quadrant: Expr, r: Expr): Expr {
  const s = sinPolynomial(r);
  const c = cosPolynomial(r);
  const odd = quadrant.and(i32(1)).ne(i32(0));
  if (kind === 'tan') {
    const num = odd.select(c.neg(), s);
    return num.div(odd.select(s, c));
  }
  const q = kind === 'cos' ? quadrant.add(i32(1)) : quadrant;
  const value = q.and(i32(1)).ne(i32(0)).select(c, s);
  return value
    .bitcast('i32')
    .xor(q.and(i32(2)).shl(i32(30)))
    .bitcast('f32');
}

export function trig(kind: Trig, x: Expr): Expr {
  const medium = reduceMedium(x);
  const quick = trigOf(kind, medium.quadrant, medium.r);
  const huge = (v: Expr): Expr => v.bitcast('i32').and(i32(0x7fff_ffff)).gt(i32(0x4d80_0000)); // 2^28, or NaN
  const lane = (i: number): Expr => {
    const v = x.extract(i);
    const far = reduceHuge(v);
    return huge(v).guard(trigOf(kind, far.quadrant, far.r), quick.extract(i));
  };
  if (x.width === 1) return lane(0);
  const lanes = Array.from({ length: x.width }, (_, i) => i);
  const any = lanes.map((i) => huge(x).extract(i)).reduce((a, b) => a.or(b));
  return any.guard(pack(lanes.map(lane)), quick);
}

const ASIN = [4.2163199048e-2, 2.4181311049e-2, 4.5470025998e-2, 7.4953002686e-2, 1.6666752422e-1];
const asinPolynomial = (s: Expr, z: Expr): Expr => polynomial(z, ASIN).mul(z).mul(s).add(s);

export function asin(x: Expr): Expr {
  const a = x.abs();
  const big = a.gt(0.5);
  const half = f32(1).splat(x.width).sub(a).mul(0.5);
  const z = big.select(half, a.mul(a));
  const s = big.select(half.sqrt(), a);
  const p = asinPolynomial(s, z);
  const value = big.select(
    f32(Math.PI / 2)
      .splat(x.width)
      .sub(p.add(p)),
    p,
  );
  return withSign(value, x);
}

export function acos(x: Expr): Expr {
  const a = x.abs();
  const big = a.gt(0.5);
  const half = f32(1).splat(x.width).sub(a).mul(0.5);
  const z = big.select(half, x.mul(x));
  const p = asinPolynomial(big.select(half.sqrt(), x), z);
  const twice = p.add(p);
  const outer = x.lt(0).select(f32(Math.PI).splat(x.width).sub(twice), twice);
  return big.select(
    outer,
    f32(Math.PI / 2)
      .splat(x.width)
      .sub(p),
  );
}

const ATAN = [8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1];

export function atan(x: Expr): Expr {
  const a = x.abs();
  const far = a.gt(2.414213562373095);
  const mid = a.gt(0.414213562373095);
  const one = f32(1).splat(x.width);
  const top = far.select(one.neg(), mid.select(a.sub(1), a));
  const bottom = far.select(a, mid.select(a.add(1), one));
  const t = top.div(bottom);
  const z = t.mul(t);
  const base = far.select(f32(Math.PI / 2).splat(x.width), mid.select(f32(Math.PI / 4).splat(x.width), 0));
  return withSign(base.add(polynomial(z, ATAN).mul(z).mul(t).add(t)), x);
}

export function atan2(y: Expr, x: Expr): Expr {
  const ax = x.abs();
  const ay = y.abs();
  const inf = Number.POSITIVE_INFINITY;
  const bothInfinite = ax.eq(inf).and(ay.eq(inf));
  const swap = ay.gt(ax);
  const low = bothInfinite.select(f32(1).splat(x.width), swap.select(ax, ay));
  const high = bothInfinite.select(f32(1).splat(x.width), swap.select(ay, ax));
  const ratio = high.eq(0).select(high, low.div(high));
  const first = atan(ratio.abs());
  const octant = swap.select(
    f32(Math.PI / 2)
      .splat(x.width)
      .sub(first),
    first,
  );
  const left = signOf(x).ne(i32(0));
  const angle = left.select(f32(Math.PI).splat(x.width).sub(octant), octant);
  return x.isNan().or(y.isNan()).select(x.add(y), withSign(angle, y));
}

const SINH = [2.03721912945e-4, 8.33028376239e-3, 1.66667160211e-1];

export function sinh(x: Expr): Expr {
  const a = x.abs();
  const z = x.mul(x);
  const small = polynomial(z, SINH).mul(z).mul(x).add(x);
  const e = expShifted(a, -1);
  const big = e.sub(f32(0.25).splat(x.width).div(e));
  return a.gt(1).select(withSign(big, x), small);
}

export function cosh(x: Expr): Expr {
  const e = expShifted(x.abs(), -1);
  return e.add(f32(0.25).splat(x.width).div(e));
}

const TANH_TOP = [
  -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-8, 1.48572235717979e-5,
  0.000637261928875436, 0.00489352455891786,
];
const TANH_BOTTOM = [1.19825839466702e-6, 0.000118534705686654, 2.268434632439e-3, 0.00489352518554385];

/** Rational approximation of degree 13 over 6 (the coefficients widely used in vector libraries), up to 4.5 units off near 1. */
export function tanh(x: Expr): Expr {
  const z = x.max(-7.905311107635498).min(7.905311107635498);
  const s = z.mul(z);
  const value = polynomial(s, TANH_TOP).mul(z).div(polynomial(s, TANH_BOTTOM));
  return x.abs().lt(0.0004).select(x, value);
}

export function asinh(x: Expr): Expr {
  const a = x.abs();
  const big = a.gt(1e10);
  const near = big.select(f32(1).splat(x.width), a);
  const s = near.mul(near);
  const value = log1p(near.add(s.div(s.add(1).sqrt().add(1))));
  return withSign(big.select(log(a).add(Math.LN2), value), x);
}

export function acosh(x: Expr): Expr {
  const t = x.sub(1);
  const value = log1p(t.add(t.mul(t).add(t.add(t)).sqrt()));
  const far = x.gt(1e10).select(log(x).add(Math.LN2), value);
  return x.ge(1).select(far, Number.NaN);
}

export function atanh(x: Expr): Expr {
  const a = x.abs();
  return withSign(log1p(a.add(a).div(f32(1).splat(x.width).sub(a))).mul(0.5), x);
}

const ERF_NEAR = [-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1];

/** Minimax polynomials after N. Juffa: of erf below 0.92, of log(1 - erf) above. */
export function erf(x: Expr): Expr {
  const t = x.abs().min(4);
  const s = t.mul(t);
  const near = polynomial(s, ERF_NEAR).mul(x).add(x);
  const high = polynomial(t, [-1.7285347e-5, 3.83197126e-4]);
  const low = polynomial(t, [-3.88396438e-3, 2.42546219e-2]);
  const p = high.mul(s).add(low).mul(t).add(-1.06777877e-1).mul(t).add(-6.34846687e-1).mul(t).add(-1.28717512e-1);
  const far = f32(1)
    .splat(x.width)
    .sub(exp(p.mul(t).sub(t)));
  return t.gt(0.921875).select(withSign(far, x), near);
}

/** x^y by way of f64, whose logarithm is precise enough for every f32 result. */
export function pow(x: Expr, y: Expr): Expr {
  const c = constantOf(y);
  if (c === 2) return x.mul(x);
  if (c === 1) return x;
  if (c === 3) return x.mul(x).mul(x);
  if (c === -1) return f32(1).splat(x.width).div(x);
  return powF64(x.cast('f64'), y.cast('f64')).cast('f32');
}

function constantOf(e: Expr): number | undefined {
  const n = e.node;
  if (n.kind === 'splat') return constantOf(n.a);
  return n.kind === 'const' && typeof n.value === 'number' ? n.value : undefined;
}

/** Exact remainder with the sign of the dividend: subtracts multiples of the divisor that fit 28 bits, largest first. */
export function rem(x: Expr, y: Expr): Expr {
  const one = (a: Expr, b: Expr): Expr => {
    const divisor = b.cast('f64').abs();
    let r = a.cast('f64').abs();
    for (let s = 252; s >= 0; s -= 28) {
      const d = divisor.mul(2 ** s);
      const next = r.sub(r.div(d).trunc().mul(d));
      // The rounded quotient may be one too large.
      const fixed = next.lt(0).select(next.add(d), next);
      r = s === 0 ? fixed : r.ge(d).guard(fixed, r);
    }
    const value = withSign(r.cast('f32'), a);
    const wild = a.abs().eq(Number.POSITIVE_INFINITY).or(b.eq(0)).or(a.isNan()).or(b.isNan());
    const plain = b.abs().eq(Number.POSITIVE_INFINITY).select(a, value);
    return wild.select(f32(Number.NaN), plain);
  };
  if (x.width === 1) return one(x, y);
  return pack(Array.from({ length: x.width }, (_, i) => one(x.extract(i), y.extract(i))));
}
