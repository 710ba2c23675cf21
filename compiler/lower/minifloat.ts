import type { DType } from '../ir/dtype.ts';
import type { Expr } from '../ir/expr.ts';
import { constant } from '../ir/expr.ts';

/** Layout of a 16-bit or narrower float; the same numbers as runtime/minifloat.ts, used here to build expressions. */
interface Layout {
  readonly exponent: number;
  readonly mantissa: number;
  readonly bias: number;
  readonly largest: number;
  /** Code of magnitudes that are too large. */
  readonly overflow: number;
  readonly nan: number;
  readonly hasInfinity: boolean;
  readonly unsignedZero: boolean;
}

const layout = (
  exponent: number,
  mantissa: number,
  bias: number,
  largest: number,
  overflow: number,
  nan: number,
  more: Partial<Layout> = {},
): Layout => ({ exponent, mantissa, bias, largest, overflow, nan, hasInfinity: false, unsignedZero: false, ...more });

const LAYOUTS: Partial<Record<DType, Layout>> = {
  f16: layout(5, 10, 15, 0x7bff, 0x7c00, 0x7e00, { hasInfinity: true }),
  f8e4m3fn: layout(4, 3, 7, 0x7e, 0x7f, 0x7f),
  f8e4m3fnuz: layout(4, 3, 8, 0x7f, 0x80, 0x80, { unsignedZero: true }),
  f8e5m2: layout(5, 2, 15, 0x7b, 0x7c, 0x7f, { hasInfinity: true }),
  f8e5m2fnuz: layout(5, 2, 16, 0x7f, 0x80, 0x80, { unsignedZero: true }),
  f4e2m1: layout(2, 1, 1, 0x7, 0x7, 0x7),
};

/** Whether a dtype is stored as raw bits of a float narrower than 32 bits. */
export const isMinifloat = (dtype: DType): boolean =>
  dtype === 'bf16' || dtype === 'f8e8m0' || LAYOUTS[dtype] !== undefined;

/** f32 value of raw bits (u32, any width). `flushing` avoids f32 subnormals on the way, for targets that may take them for zero. */
export function decodeMinifloat(dtype: DType, bits: Expr, flushing = false): Expr {
  const u = (v: number) => constant('u32', v);
  if (dtype === 'bf16') return bits.shl(u(16)).bitcast('f32');
  if (dtype === 'f8e8m0') {
    // 2^-127 is subnormal in f32: exponent field 0 has half a unit of the next one.
    const value = bits.eq(u(0)).select(u(0x0040_0000).splat(bits.width), bits.shl(u(23)));
    return bits.eq(u(255)).select(u(0x7fc0_0000).splat(bits.width), value).bitcast('f32');
  }
  const t = layoutOf(dtype);
  const size = t.exponent + t.mantissa;
  const magnitude = bits.and(u((1 << size) - 1));
  // Read with f32's bias and scale: subnormals come out right too, the product is exact.
  const raised = magnitude.shl(u(23 - t.mantissa));
  const scaled = flushing
    ? magnitude.lt(u(1 << t.mantissa)).select(
        magnitude
          .cast('f32')
          .mul(2 ** (1 - t.bias - t.mantissa))
          .bitcast('u32'),
        raised.add(u((127 - t.bias) << 23)),
      )
    : raised
        .bitcast('f32')
        .mul(2 ** (127 - t.bias))
        .bitcast('u32');
  const special = t.hasInfinity
    ? magnitude.gt(u(t.largest)).select(scaled.or(u(0x7f80_0000)), scaled)
    : t.nan === (1 << size) - 1 && t.largest < t.nan
      ? magnitude.eq(u(t.nan)).select(u(0x7fc0_0000).splat(bits.width), scaled)
      : scaled;
  const sign = bits.shr(u(size)).shl(u(31));
  const signed = special.or(sign);
  return (t.unsignedZero ? bits.eq(u(t.nan)).select(u(0x7fc0_0000).splat(bits.width), signed) : signed).bitcast('f32');
}

function layoutOf(dtype: DType): Layout {
  const t = LAYOUTS[dtype];
  if (!t) throw new TypeError(`${dtype} is not a narrow float`);
  return t;
}

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);
const bitsOfFloat = (v: number): number => {
  float[0] = v;
  return word[0] ?? 0;
};

/** Raw bits (u32) of an f32 value rounded to a narrow float: to nearest, ties to even; see runtime/minifloat.ts. */
export function encodeMinifloat(dtype: DType, value: Expr): Expr {
  const u = (v: number) => constant('u32', v);
  const all = value.bitcast('u32');
  const magnitude = all.and(u(0x7fff_ffff));
  const isNan = magnitude.gt(u(0x7f80_0000));
  if (dtype === 'bf16') {
    const even = all.shr(u(16)).and(u(1));
    const rounded = all.add(u(0x7fff)).add(even).shr(u(16));
    return isNan.select(u(0x7fc0).splat(value.width), rounded);
  }
  if (dtype === 'f8e8m0') {
    const up = magnitude.add(u(0x7f_ffff)).shr(u(23)).min(u(254));
    const tiny = magnitude.le(u(0x0040_0000)).select(u(0).splat(value.width), up);
    return isNan.select(u(255).splat(value.width), tiny);
  }
  const t = layoutOf(dtype);
  const shift = 23 - t.mantissa;
  const even = magnitude.shr(u(shift)).and(u(1));
  const normal = magnitude
    .add(u((1 << (shift - 1)) - 1))
    .add(even)
    .shr(u(shift))
    .sub(u((127 - t.bias) << t.mantissa));
  // Adding a number whose last bit weighs one subnormal unit rounds to such units.
  const magic = 2 ** (1 - t.bias - t.mantissa + 23);
  const subnormal = magnitude
    .bitcast('f32')
    .add(magic)
    .bitcast('u32')
    .sub(u(bitsOfFloat(magic)));
  const smallest = bitsOfFloat(2 ** (1 - t.bias));
  const code = magnitude.lt(u(smallest)).select(subnormal, normal);
  const fits = code.gt(u(t.largest)).select(u(t.overflow).splat(value.width), code);
  const size = t.exponent + t.mantissa;
  const sign = all.shr(u(31)).shl(u(size));
  if (t.unsignedZero) {
    const signed = code.eq(u(0)).select(code, fits.or(sign));
    return isNan.or(code.gt(u(t.largest))).select(u(t.nan).splat(value.width), signed);
  }
  return isNan.select(u(t.nan).splat(value.width), fits.or(sign));
}
