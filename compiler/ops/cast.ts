import { bitsOf, computeType, type DType, isFloat } from '../ir/dtype.ts';
import { constant, type Expr } from '../ir/expr.ts';
import type { Attributes } from '../ir/graph.ts';
import { defineOp, type OpDef } from '../ir/op.ts';
import { dtypeAttr, flagAttr, inputType, isFloatType, only } from './shapes.ts';

/** Largest finite value and behaviour beyond it of the 8-bit floats. `tie` is the last input that still rounds to the largest value. */
const FP8: Partial<Record<DType, { max: number; tie: number; beyond: number; signed: boolean }>> = {
  f8e4m3fn: { max: 448, tie: 464, beyond: Number.NaN, signed: true },
  f8e4m3fnuz: { max: 240, tie: 247.99998, beyond: Number.NaN, signed: true },
  f8e5m2: { max: 57344, tie: 61439.996, beyond: Number.POSITIVE_INFINITY, signed: true },
  f8e5m2fnuz: { max: 57344, tie: 61439.996, beyond: Number.NaN, signed: true },
};

/** x as a value of an 8-bit or narrower float dtype: saturating, or NaN or infinity beyond the range. */
export function toNarrowFloat(x: Expr, to: DType, attrs: Attributes): Expr {
  const f = x.cast('f32');
  if (to === 'f4e2m1') return f.isNan().select(constant('f32', 0), f).max(-6).min(6);
  if (to === 'f8e8m0') return toPowerOfTwo(f, attrs);
  const limits = FP8[to];
  if (!limits) return f;
  if (!flagAttr(attrs, 'noSaturate')) {
    // Infinity saturates too; the formats without infinity have no other choice.
    return f.isNan().select(f, f.max(-limits.max).min(limits.max));
  }
  const over = f.abs().gt(limits.tie);
  const beyond = Number.isNaN(limits.beyond)
    ? constant('f32', Number.NaN)
    : f.lt(0).select(constant('f32', -limits.beyond), constant('f32', limits.beyond));
  return f.isNan().select(f, over.select(beyond, f.max(-limits.max).min(limits.max)));
}

/** E8M0 holds powers of two from 2^-127 to 2^127 and NaN; zero and negative numbers have no image and become NaN or the least value. */
function toPowerOfTwo(x: Expr, attrs: Attributes): Expr {
  const bits = x.bitcast('u32').and(0x7fffffff);
  const exponent = bits.shr(23);
  const fraction = bits.and(0x7fffff);
  const mode = attrs.roundMode ?? 'up';
  const up = mode === 'down' ? constant('bool', false) : mode === 'nearest' ? fraction.ge(0x400000) : fraction.gt(0);
  const raised = up.select(exponent.add(1), exponent);
  // Saturate: exponent 255 is NaN.
  const top = flagAttr(attrs, 'noSaturate') ? raised : raised.min(254);
  const special = exponent.eq(255).and(fraction.ne(0));
  const value = special.select(constant('u32', 255), exponent.eq(255).select(constant('u32', 254), top));
  // Value 2^(e - 127) as an f32: subnormal for e = 0.
  const asFloat = value.eq(0).select(constant('f32', 2 ** -127), value.shl(23).bitcast('f32'));
  return value.ge(255).select(constant('f32', Number.NaN), asFloat);
}

/** The value of x (of dtype `from`) in dtype `to`, in the compute type of `to`. */
export function castValue(x: Expr, from: DType, to: DType, attrs: Attributes = {}): Expr {
  const type = computeType(to);
  if (to === 'bool') return from === 'bool' ? x : x.ne(0);
  if (bitsOf[to] <= 8 && isFloat(to)) return toNarrowFloat(x, to, attrs);
  if (isFloatType(x.type) && !isFloat(to) && type !== 'i64' && type !== 'u64') {
    // Through i32, so that -1 becomes 255 in u8 as it does from an integer.
    return bitsOf[to] < 32 ? x.cast('i32').cast(type).narrow(to) : x.cast(type);
  }
  return bitsOf[to] < bitsOf[from] ? x.cast(type).narrow(to) : x.cast(type);
}

/** Conversions between numeric dtypes, by value (`cast`) and by bits (`bitcast`). Strings are converted on the host. */
export const castOps: readonly OpDef[] = [
  defineOp({
    name: 'cast',
    infer: (c) => {
      const x = inputType(c, 0);
      if (x.dtype === 'string' || c.attrs.to === 'string') c.fail('strings are cast on the host (op string_cast)');
      return { ...x, dtype: dtypeAttr(c.attrs, 'to', x.dtype), format: 'dense' };
    },
    scalar: (inputs, attrs, types) => castValue(only(inputs), only(types.inputs).dtype, types.output.dtype, attrs),
  }),
  defineOp({
    // The same bits as another dtype of the same width.
    name: 'bitcast',
    view: true,
    infer: (c) => {
      const x = inputType(c, 0);
      const to = dtypeAttr(c.attrs, 'to', x.dtype);
      if (bitsOf[to] !== bitsOf[x.dtype]) c.fail(`${x.dtype} and ${to} have different widths`);
      return { ...x, dtype: to };
    },
    host: 'bitcast',
  }),
];
