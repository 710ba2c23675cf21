import { bitsOf, computeType, type DType, isFloat, isInteger, isUnsigned } from '../ir/dtype.ts';
import { constant, type Expr } from '../ir/expr.ts';
import type { Attributes } from '../ir/graph.ts';
import { defineOp, type OpDef } from '../ir/op.ts';
import { broadcastInputs, flagAttr, inputType, isFloatType, only } from './shapes.ts';

type Body = (a: Expr, b: Expr, attrs: Attributes, dtype: DType) => Expr;

const isNumber = (d: DType): boolean => isFloat(d) || isInteger(d);
const isBool = (d: DType): boolean => d === 'bool';

/** An elementwise op of two broadcast inputs of one dtype; comparisons give bool. */
function binaryOp(name: string, body: Body, accepts: (dtype: DType) => boolean = isNumber, result?: DType): OpDef {
  return defineOp({
    name,
    infer: (c) => {
      const [a, b] = [inputType(c, 0), inputType(c, 1)];
      if (a.dtype !== b.dtype) c.fail(`operand dtypes ${a.dtype} and ${b.dtype} differ`, 'Cast one of them');
      if (!accepts(a.dtype)) c.fail(`dtype ${a.dtype} is not supported`, 'Cast the inputs first');
      return { dtype: result ?? a.dtype, shape: broadcastInputs(c), format: 'dense' };
    },
    scalar: (inputs, attrs, types) => body(only(inputs), only(inputs, 1), attrs, only(types.inputs).dtype),
  });
}

/** Integer division: truncates; by zero gives 0 and least / -1 wraps, so that no target traps. */
function divide(a: Expr, b: Expr): Expr {
  if (isFloatType(a.type)) return a.div(b);
  const zero = constant(a.type, 0);
  const one = constant(a.type, 1);
  if (a.type === 'u32' || a.type === 'u64') {
    const none = b.eq(0);
    return none.select(zero, a.div(none.select(one, b)));
  }
  const none = b.eq(0);
  const negative = b.eq(-1);
  return none.select(zero, negative.select(a.neg(), a.div(none.or(negative).select(one, b))));
}

function remainder(a: Expr, b: Expr): Expr {
  if (isFloatType(a.type)) return a.rem(b);
  const unsigned = a.type === 'u32' || a.type === 'u64';
  const trivial = unsigned ? b.eq(0) : b.eq(0).or(b.eq(-1));
  return trivial.select(constant(a.type, 0), a.rem(trivial.select(constant(a.type, 1), b)));
}

/** Remainder with the sign of the divisor (Python's %), or of the dividend (C's fmod) with attribute `fmod`. */
const modulo: Body = (a, b, attrs) => {
  const r = remainder(a, b);
  if (flagAttr(attrs, 'fmod') || a.type === 'u32' || a.type === 'u64') return r;
  const wrong = r.ne(0).and(r.lt(0).xor(b.lt(0)));
  return wrong.select(r.add(b), r);
};

function integerPower(base: Expr, exponent: Expr): Expr {
  // Binary exponentiation over every bit that can matter: exact, and wraps as multiplication does.
  const one = constant(base.type, 1);
  let result: Expr = one;
  let square = base;
  const bits = exponent.type === 'i64' || exponent.type === 'u64' ? 63 : 31;
  const used = Math.min(bits, 31);
  for (let bit = 0; bit < used; bit++) {
    const set = exponent.and(constant(exponent.type, 2 ** bit)).ne(0);
    result = set.select(result.mul(square), result);
    if (bit + 1 < used) square = square.mul(square);
  }
  if (exponent.type === 'u32' || exponent.type === 'u64') return result;
  const odd = exponent.and(constant(exponent.type, 1)).ne(0);
  const signed = base.type === 'i32' || base.type === 'i64';
  const reciprocal = base
    .eq(1)
    .select(
      one,
      signed
        ? base.eq(-1).select(odd.select(constant(base.type, -1), one), constant(base.type, 0))
        : constant(base.type, 0),
    );
  return exponent.lt(0).select(reciprocal, result);
}

/** Small whole exponents and roots need no logarithm; they agree with pow on every input, infinities and NaN included. */
function floatPower(base: Expr, exponent: Expr): Expr {
  switch (exponent.node.kind === 'const' ? Number(exponent.node.value) : undefined) {
    case 1:
      return base;
    case 2:
      return base.mul(base);
    case 3:
      return base.mul(base).mul(base);
    case -1:
      return constant(base.type, 1).div(base);
    default:
      return base.pow(exponent.cast(base.type));
  }
}

function power(base: Expr, exponent: Expr): Expr {
  if (isFloatType(base.type)) return floatPower(base, exponent);
  if (!isFloatType(exponent.type)) return integerPower(base, exponent);
  const wide = base.type === 'i64' || base.type === 'u64' || exponent.type === 'f64' ? 'f64' : 'f32';
  return base.cast(wide).pow(exponent.cast(wide)).cast(base.type);
}

/** Shifts by the width or more give 0. */
const shift =
  (apply: (a: Expr, b: Expr) => Expr): Body =>
  (a, b, _, dtype) =>
    b.lt(bitsOf[dtype]).select(apply(a, b.min(bitsOf[dtype] - 1)), constant(a.type, 0));

const smaller: Body = (a, b, _, d) => (isBool(d) ? a.and(b) : a.min(b));
const larger: Body = (a, b, _, d) => (isBool(d) ? a.or(b) : a.max(b));
const isOrdered = (d: DType): boolean => isNumber(d) || isBool(d);
const anyNumeric = (d: DType): boolean => d !== 'string';

/** Elementwise ops of two or more inputs, with numpy broadcasting. */
export const binaryOps: readonly OpDef[] = [
  binaryOp('add', (a, b) => a.add(b)),
  binaryOp('sub', (a, b) => a.sub(b)),
  binaryOp('mul', (a, b) => a.mul(b)),
  binaryOp('div', divide),
  binaryOp('mod', modulo),
  binaryOp('min', smaller, isOrdered),
  binaryOp('max', larger, isOrdered),
  binaryOp('and', (a, b) => a.and(b), isBool),
  binaryOp('or', (a, b) => a.or(b), isBool),
  binaryOp('xor', (a, b) => a.xor(b), isBool),
  binaryOp('bitwise_and', (a, b) => a.and(b), isInteger),
  binaryOp('bitwise_or', (a, b) => a.or(b), isInteger),
  binaryOp('bitwise_xor', (a, b) => a.xor(b), isInteger),
  binaryOp(
    'shift_left',
    shift((a, b) => a.shl(b)),
    isUnsigned,
  ),
  binaryOp(
    'shift_right',
    shift((a, b) => a.shr(b)),
    isUnsigned,
  ),
  binaryOp('eq', (a, b) => a.eq(b), anyNumeric, 'bool'),
  binaryOp('lt', (a, b) => a.lt(b), isNumber, 'bool'),
  binaryOp('le', (a, b) => a.le(b), isNumber, 'bool'),
  binaryOp('gt', (a, b) => a.gt(b), isNumber, 'bool'),
  binaryOp('ge', (a, b) => a.ge(b), isNumber, 'bool'),
  // Slope of the negative side per channel or element.
  binaryOp('prelu', (a, b) => a.lt(0).select(a.mul(b), a)),
  defineOp({
    name: 'pow',
    infer: (c) => ({ dtype: inputType(c, 0).dtype, shape: broadcastInputs(c), format: 'dense' }),
    scalar: (inputs) => power(only(inputs), only(inputs, 1)),
    flops: () => 16,
  }),
  defineOp({
    name: 'where',
    partwise: true,
    infer: (c) => {
      const [a, b] = [inputType(c, 1), inputType(c, 2)];
      if (inputType(c, 0).dtype !== 'bool') c.fail('the condition must be bool');
      if (a.dtype !== b.dtype) c.fail(`branch dtypes ${a.dtype} and ${b.dtype} differ`);
      return { dtype: a.dtype, shape: broadcastInputs(c), format: 'dense' };
    },
    scalar: (inputs) => only(inputs).select(only(inputs, 1), only(inputs, 2)),
  }),
  defineOp({
    // min(max(x, low), high) with scalar or broadcast bounds.
    name: 'clip',
    infer: (c) => {
      const x = inputType(c, 0);
      if (inputType(c, 1).dtype !== x.dtype || inputType(c, 2).dtype !== x.dtype)
        c.fail('bounds must have the dtype of the input');
      return { dtype: x.dtype, shape: broadcastInputs(c), format: 'dense' };
    },
    scalar: (inputs, _, types) => {
      const [x, low, high] = [only(inputs), only(inputs, 1), only(inputs, 2)];
      return computeType(types.output.dtype) === 'bool' ? x : x.max(low).min(high);
    },
  }),
];
