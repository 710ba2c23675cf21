import { constant, type Expr } from '../ir/expr.ts';

/** 2/pi as 64-bit words, most significant first (the first word holds the 64 bits after the binary point). */
export const TWO_OVER_PI: readonly bigint[] = [
  0xa2f9836e4e441529n,
  0xfc2757d1f534ddc0n,
  0xdb6295993c439041n,
  0xfe5163abdebbc561n,
  0xb7246e3a424dd2e0n,
  0x06492eea09d1921cn,
  0xfe1deb1cb129a73en,
  0xe88235f52ebb4484n,
  0xe99c7026b45f7e41n,
  0x3991d639835339f4n,
  0x9c845f8bbdf9283bn,
  0x1ff897ffde05980fn,
  0xef2f118b5a0a6d1fn,
  0x6d367ecf27cb09b7n,
  0x4f463f669e5fea2dn,
  0x7527bac7ebe5f17bn,
  0x3d0739f78a5292ean,
  0x6bfb5fb11f8d5d08n,
];

const u64 = (v: bigint | number): Expr => constant('u64', v);

/** 64 bits of 2/pi that start `bit` bits after the binary point (bit may be negative down to -63: zeros come first). */
export function twoOverPiBits(bit: Expr, last: number): Expr {
  const shifted = bit.add(64n);
  const word = shifted.shr(u64(6)); // 0 stands for the zero word before the first
  const within = shifted.and(u64(63));
  const pick = (offset: number): Expr => {
    let v: Expr = u64(0);
    for (let i = 0; i <= last; i++) {
      const value = TWO_OVER_PI[i + offset - 1] ?? 0n;
      v = i === 0 ? u64(value) : word.eq(u64(i)).select(u64(value), v);
    }
    return v;
  };
  const high = pick(0).shl(within);
  const low = within.eq(u64(0)).select(u64(0), pick(1).shr(u64(64).sub(within)));
  return high.or(low);
}

/**
 * Payne and Hanek's reduction of one f32 of magnitude at least 2^24 (smaller ones come out right too while their exponent allows):
 * the 24-bit mantissa times the 96 bits of 2/pi that matter. Infinity and NaN give NaN.
 */
export function reduceHuge(x: Expr): { quadrant: Expr; r: Expr } {
  const bits = x.bitcast('u32');
  const exponent = bits.shr(constant('u32', 23)).and(constant('u32', 255));
  const mantissa = bits.and(constant('u32', 0x7f_ffff)).or(constant('u32', 0x80_0000)).cast('u64');
  // x = mantissa * 2^(exponent - 150); the product's bits of weight 4 and more are whole turns and are shifted out.
  const start = exponent.cast('u64').sub(u64(152));
  const high = twoOverPiBits(start, 3);
  const next = twoOverPiBits(start.add(u64(64)), 4);
  const product = mantissa.mul(high).add(mantissa.mul(next.shr(u64(32))).shr(u64(32)));
  // The top two bits count quarter turns; rounding to nearest leaves a signed fraction.
  const quadrant = product.add(u64(1n << 61n)).shr(u64(62));
  const fraction = product
    .sub(quadrant.shl(u64(62)))
    .bitcast('i64')
    .cast('f64');
  const r = fraction.mul((Math.PI / 2) * 2 ** -62).cast('f32');
  const negative = bits.shr(constant('u32', 31)).ne(constant('u32', 0));
  const q = quadrant.cast('i32');
  const wild = exponent.eq(constant('u32', 255));
  return {
    quadrant: negative.select(q.neg(), q),
    r: wild.select(constant('f32', Number.NaN), negative.select(r.neg(), r)),
  };
}

/** High 64 bits of the product of a 53-bit and a 64-bit number, to within 1. */
function multiplyHigh(a: Expr, b: Expr): Expr {
  const low = (v: Expr) => v.and(u64(0xffff_ffffn));
  const high = (v: Expr) => v.shr(u64(32));
  const middle = high(a)
    .mul(low(b))
    .add(high(low(a).mul(low(b))));
  const other = low(a).mul(high(b)).add(low(middle));
  return high(a).mul(high(b)).add(high(middle)).add(high(other));
}

/** x = quadrant * pi/2 + high + low; the quadrant (i64) counts modulo 4. */
export interface WideReduction {
  readonly quadrant: Expr;
  readonly high: Expr;
  readonly low: Expr;
}

/** The upper 32 bits of a double. */
const upperHalf = (x: Expr): Expr => x.bitcast('i64').and(constant('i64', -0x1_0000_0000n)).bitcast('f64');

/** Reduction of one huge f64: the 53-bit mantissa times 192 bits of 2/pi. Infinity and NaN give NaN. */
export function reduceHugeF64(x: Expr): WideReduction {
  const bits = x.bitcast('u64');
  const exponent = bits.shr(u64(52)).and(u64(2047));
  const mantissa = bits.and(u64(0xf_ffff_ffff_ffffn)).or(u64(0x10_0000_0000_0000n));
  const start = exponent.sub(u64(1077));
  const word = (i: number) => twoOverPiBits(start.add(u64(64 * i)), 17);
  const middle = mantissa.mul(word(1));
  const low = middle.add(multiplyHigh(mantissa, word(2)));
  const carry = low.lt(middle).select(u64(1), u64(0));
  const product = mantissa
    .mul(word(0))
    .add(multiplyHigh(mantissa, word(1)))
    .add(carry);
  const quadrant = product
    .add(u64(1n << 61n))
    .shr(u64(62))
    .bitcast('i64');
  const fraction = product.sub(quadrant.bitcast('u64').shl(u64(62))).bitcast('i64');
  const unit = 2 ** -62;
  const f = fraction.cast('f64');
  const rest = fraction
    .sub(f.cast('i64'))
    .cast('f64')
    .add(low.cast('f64').mul(2 ** -64));
  // f * pi/2 with its rounding error: both factors in two halves.
  const turn = 1.5707963267948966;
  const turnHigh = 1.570796012878418;
  const turnLow = turn - turnHigh;
  const h = f.mul(turn);
  const a = upperHalf(f);
  const b = f.sub(a);
  const error = a.mul(turnHigh).sub(h).add(a.mul(turnLow)).add(b.mul(turnHigh)).add(b.mul(turnLow));
  const tail = error.add(rest.mul(turn)).add(f.mul(6.123233995736766e-17));
  const wild = exponent.eq(u64(2047));
  const sign = bits.shr(u64(63)).ne(u64(0)).select(constant('f64', -unit), unit);
  return {
    quadrant: bits.shr(u64(63)).ne(u64(0)).select(quadrant.neg(), quadrant),
    high: wild.select(constant('f64', Number.NaN), h.mul(sign)),
    low: tail.mul(sign),
  };
}

/** Cody and Waite's reduction with pi/2 in three parts of 33 bits and their tails (fdlibm), for magnitudes below 2^20. */
export function reduceMediumF64(x: Expr): WideReduction {
  const magic = 6755399441055744;
  const t = x.mul(0.6366197723675814).add(magic);
  const n = t.sub(magic);
  const quadrant = t.bitcast('i64');
  const first = x.sub(n.mul(1.5707963267341256));
  const second = n.mul(6.077100506303966e-11);
  const r2 = first.sub(second);
  const w2 = n.mul(2.0222662487959506e-21).sub(first.sub(r2).sub(second));
  const third = n.mul(2.0222662487111665e-21);
  const r3 = r2.sub(third);
  const w3 = n.mul(8.4784276603689e-32).sub(r2.sub(r3).sub(third));
  // The first two parts (66 bits) do unless x is within 2^-30 or so of a multiple of pi/2.
  const close = r2.abs().lt(1e-9);
  const base = close.select(r3, r2);
  const tail = close.select(w3, w2);
  const high = base.sub(tail);
  return { quadrant, high, low: base.sub(high).sub(tail) };
}
