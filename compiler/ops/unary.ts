import { computeType, type DType, isFloat, isInteger } from '../ir/dtype.ts';
import { constant, type Expr, type UnaryOp } from '../ir/expr.ts';
import type { Attributes } from '../ir/graph.ts';
import { defineOp, type OpDef } from '../ir/op.ts';
import { inputType, isFloatType, numberAttr, only } from './shapes.ts';

type Body = (x: Expr, attrs: Attributes, dtype: DType) => Expr;

/** An elementwise op of one input whose output has the same type. */
function unaryOp(name: string, body: Body, accepts: (dtype: DType) => boolean = isFloat, flops = 1): OpDef {
  return defineOp({
    name,
    infer: (c) => {
      const x = inputType(c, 0);
      if (!accepts(x.dtype)) c.fail(`dtype ${x.dtype} is not supported`, 'Cast the input first');
      return x;
    },
    scalar: (inputs, attrs, types) => body(only(inputs), attrs, types.output.dtype),
    flops: () => flops,
  });
}

const isNumber = (d: DType): boolean => isFloat(d) || isInteger(d);

const mathOps: readonly UnaryOp[] = [
  ...(['sqrt', 'exp', 'log', 'sin', 'cos', 'tan', 'asin', 'acos', 'atan'] as const),
  ...(['sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh', 'erf'] as const),
];

const applyUnary = (x: Expr, op: UnaryOp): Expr => {
  switch (op) {
    case 'sqrt':
      return x.sqrt();
    case 'exp':
      return x.exp();
    case 'log':
      return x.log();
    case 'sin':
      return x.sin();
    case 'cos':
      return x.cos();
    case 'tan':
      return x.tan();
    case 'asin':
      return x.asin();
    case 'acos':
      return x.acos();
    case 'atan':
      return x.atan();
    case 'sinh':
      return x.sinh();
    case 'cosh':
      return x.cosh();
    case 'tanh':
      return x.tanh();
    case 'asinh':
      return x.asinh();
    case 'acosh':
      return x.acosh();
    case 'atanh':
      return x.atanh();
    default:
      return x.erf();
  }
};

const one = (x: Expr): Expr => constant(x.type, 1);
const zero = (x: Expr): Expr => constant(x.type, 0);

/** 1 / (1 + e^-x). Overflow of e^-x gives 0, as it should. */
export const sigmoid = (x: Expr): Expr => one(x).div(x.neg().exp().add(1));

/** log(1 + e^x), written so that large |x| neither overflows nor loses the small side. */
const softplus = (x: Expr): Expr => x.max(0).add(x.abs().neg().exp().add(1).log());

const elu = (x: Expr, alpha: number): Expr => x.lt(0).select(x.min(0).exp().sub(1).mul(alpha), x);

const geluErf = (x: Expr): Expr => x.mul(0.5).mul(x.mul(Math.SQRT1_2).erf().add(1));

const geluTanh = (x: Expr): Expr => {
  const inner = x
    .mul(x)
    .mul(x)
    .mul(0.044715)
    .add(x)
    .mul(Math.sqrt(2 / Math.PI));
  return x.mul(0.5).mul(inner.tanh().add(1));
};

/** Rounds to integers on floats and leaves integers alone. */
const rounding =
  (apply: (x: Expr) => Expr): Body =>
  (x) =>
    isFloatType(x.type) ? apply(x) : x;

/** Elementwise ops of one input, named after their function; activations take their ONNX parameters as attributes. */
export const unaryOps: readonly OpDef[] = [
  ...mathOps.map((op) => unaryOp(op, (x) => applyUnary(x, op), isFloat, 8)),
  unaryOp('neg', (x) => x.neg(), isNumber),
  unaryOp('abs', (x, _, d) => (d.startsWith('u') ? x : x.abs()), isNumber),
  unaryOp(
    'floor',
    rounding((x) => x.floor()),
    isNumber,
  ),
  unaryOp(
    'ceil',
    rounding((x) => x.ceil()),
    isNumber,
  ),
  unaryOp(
    'trunc',
    rounding((x) => x.trunc()),
    isNumber,
  ),
  unaryOp(
    'round',
    rounding((x) => x.round()),
    isNumber,
  ),
  unaryOp('reciprocal', (x) => one(x).div(x)),
  unaryOp('rsqrt', (x) => one(x).div(x.sqrt()), isFloat, 4),
  unaryOp('sign', (x, _, d) => sign(x, d), isNumber),
  unaryOp(
    'not',
    (x) => x.not(),
    (d) => d === 'bool',
  ),
  unaryOp('bitwise_not', (x) => x.xor(allBits(x)), isInteger),
  {
    ...unaryOp(
      'identity',
      (x) => x,
      () => true,
    ),
    partwise: true,
  },
  // NaN passes through, as max does in Expr.
  unaryOp('relu', (x) => x.max(0), isNumber),
  unaryOp('leaky_relu', (x, a) => x.lt(0).select(x.mul(numberAttr(a, 'alpha', 0.01)), x)),
  unaryOp('elu', (x, a) => elu(x, numberAttr(a, 'alpha', 1)), isFloat, 8),
  unaryOp(
    'celu',
    (x, a) => {
      const alpha = numberAttr(a, 'alpha', 1);
      return x.max(0).add(x.div(alpha).exp().sub(1).mul(alpha).min(0));
    },
    isFloat,
    8,
  ),
  unaryOp(
    'selu',
    (x, a) => elu(x, numberAttr(a, 'alpha', 1.6732631921768188)).mul(numberAttr(a, 'gamma', 1.0507010221481323)),
    isFloat,
    8,
  ),
  unaryOp('sigmoid', sigmoid, isFloat, 8),
  unaryOp('hard_sigmoid', (x, a) =>
    x
      .mul(numberAttr(a, 'alpha', 0.2))
      .add(numberAttr(a, 'beta', 0.5))
      .max(0)
      .min(1),
  ),
  unaryOp('hard_swish', (x) =>
    x.mul(
      x
        .mul(1 / 6)
        .add(0.5)
        .max(0)
        .min(1),
    ),
  ),
  unaryOp('softplus', softplus, isFloat, 16),
  unaryOp('softsign', (x) => x.div(x.abs().add(1))),
  unaryOp('silu', (x, a) => x.mul(sigmoid(x.mul(numberAttr(a, 'alpha', 1)))), isFloat, 8),
  unaryOp('mish', (x) => x.mul(softplus(x).tanh()), isFloat, 24),
  unaryOp('gelu', (x, a) => (a.approximate === 'tanh' ? geluTanh(x) : geluErf(x)), isFloat, 16),
  unaryOp('thresholded_relu', (x, a) => x.gt(numberAttr(a, 'alpha', 1)).select(x, zero(x))),
  unaryOp(
    'shrink',
    (x, a) => {
      const lambd = numberAttr(a, 'lambd', 0.5);
      const bias = numberAttr(a, 'bias', 0);
      const f = isFloatType(x.type) ? x : x.cast('f32');
      const y = f.lt(-lambd).select(f.add(bias), f.gt(lambd).select(f.sub(bias), constant(f.type, 0)));
      return y.cast(x.type);
    },
    isNumber,
  ),
  defineOp({
    name: 'is_nan',
    infer: (c) => ({ ...inputType(c, 0), dtype: 'bool' }),
    scalar: (inputs) => (isFloatType(only(inputs).type) ? only(inputs).isNan() : constant('bool', false)),
  }),
  defineOp({
    name: 'is_inf',
    infer: (c) => ({ ...inputType(c, 0), dtype: 'bool' }),
    scalar: (inputs, a) => {
      const x = only(inputs);
      if (!isFloatType(x.type)) return constant('bool', false);
      const positive = a.positive === false ? constant('bool', false) : x.eq(Number.POSITIVE_INFINITY);
      return a.negative === false ? positive : positive.or(x.eq(Number.NEGATIVE_INFINITY));
    },
  }),
];

/** All bits set. */
function allBits(x: Expr): Expr {
  return x.type === 'u64'
    ? constant('u64', 0xffffffffffffffffn)
    : x.type === 'u32'
      ? constant('u32', 0xffffffff)
      : constant(x.type, -1);
}

function sign(x: Expr, dtype: DType): Expr {
  const type = computeType(dtype);
  const below = dtype.startsWith('u') ? constant(type, 0) : constant(type, -1);
  const y = x.gt(0).select(constant(type, 1), dtype.startsWith('u') ? below : x.lt(0).select(below, constant(type, 0)));
  return isFloat(dtype) ? x.isNan().select(x, y) : y;
}
