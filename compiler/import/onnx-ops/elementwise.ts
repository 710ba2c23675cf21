import { isFloat } from '../../ir/dtype.ts';
import type { Attributes, Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import { axisIn, dtypeOf, rankOf, reshape, scalar, sliceAxis } from './common.ts';

/** ONNX ops of one input that are one op of the IR. */
const unary: Readonly<Record<string, string>> = {
  Abs: 'abs',
  Acos: 'acos',
  Acosh: 'acosh',
  Asin: 'asin',
  Asinh: 'asinh',
  Atan: 'atan',
  Atanh: 'atanh',
  BitwiseNot: 'bitwise_not',
  Ceil: 'ceil',
  Cos: 'cos',
  Cosh: 'cosh',
  Erf: 'erf',
  Exp: 'exp',
  Floor: 'floor',
  HardSwish: 'hard_swish',
  IsNaN: 'is_nan',
  Log: 'log',
  Mish: 'mish',
  Neg: 'neg',
  Not: 'not',
  Reciprocal: 'reciprocal',
  Relu: 'relu',
  Round: 'round',
  Sigmoid: 'sigmoid',
  Sign: 'sign',
  Sin: 'sin',
  Sinh: 'sinh',
  Softplus: 'softplus',
  Softsign: 'softsign',
  Sqrt: 'sqrt',
  Tan: 'tan',
  Tanh: 'tanh',
};

/** Activations with float attributes. */
const activations: Readonly<Record<string, readonly [op: string, parameters: Readonly<Record<string, number>>]>> = {
  LeakyRelu: ['leaky_relu', { alpha: 0.01 }],
  Elu: ['elu', { alpha: 1 }],
  Celu: ['celu', { alpha: 1 }],
  HardSigmoid: ['hard_sigmoid', { alpha: 0.2, beta: 0.5 }],
  ThresholdedRelu: ['thresholded_relu', { alpha: 1 }],
  Shrink: ['shrink', { lambd: 0.5, bias: 0 }],
  Swish: ['silu', { alpha: 1 }],
};

function floatAttributes(node: OnnxNode, defaults: Readonly<Record<string, number>>): Attributes {
  return Object.fromEntries(Object.entries(defaults).map(([k, v]) => [k, node.float(k, v)]));
}

const seluDefaults = (opset: number): Readonly<Record<string, number>> =>
  opset < 6 ? { alpha: 1.6732, gamma: 1.0507 } : { alpha: 1.6732631921768188, gamma: 1.0507010221481323 };

const binary: Readonly<Record<string, string>> = {
  Add: 'add',
  Sub: 'sub',
  Mul: 'mul',
  Div: 'div',
  And: 'and',
  Or: 'or',
  Xor: 'xor',
  Less: 'lt',
  LessOrEqual: 'le',
  Greater: 'gt',
  GreaterOrEqual: 'ge',
  BitwiseAnd: 'bitwise_and',
  BitwiseOr: 'bitwise_or',
  BitwiseXor: 'bitwise_xor',
  Pow: 'pow',
};

/** Both operands; before opset 7 the second one was placed by `axis` when `broadcast` was set. */
function operands(node: OnnxNode, b: GraphBuilder): [Value, Value] {
  const [x, y] = [node.input(0), node.input(1)];
  if (node.opset >= 7 || node.int('broadcast', 0) === 0 || !node.has('axis')) return [x, y];
  const axis = axisIn(node, node.int('axis'), rankOf(x));
  const trailing = rankOf(x) - axis - rankOf(y);
  return [x, trailing > 0 ? reshape(b, y, [...y.type.shape, ...new Array<number>(trailing).fill(1)]) : y];
}

function buildPRelu(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [x, slope] = [node.input(0), node.input(1)];
  // Before opset 7 a slope vector meant one value a channel.
  const perChannel = node.opset < 7 && rankOf(slope) === 1 && slope.type.shape[0] !== 1 && rankOf(x) > 1;
  const shaped = perChannel
    ? reshape(b, slope, [slope.type.shape[0] ?? 1, ...new Array<number>(rankOf(x) - 2).fill(1)])
    : slope;
  if (isFloat(x.type.dtype)) return [b.node('prelu', [x, shaped])];
  const negative = b.node('lt', [x, scalar(b, x.type.dtype, 0)]);
  return [b.node('where', [negative, b.node('mul', [x, shaped]), x])];
}

function chain(op: string) {
  return (node: OnnxNode, b: GraphBuilder): readonly Value[] => {
    const all = node.inputs.map((_, i) => node.input(i));
    if (all.length === 0) return node.fail('it has no inputs');
    return [all.reduce((x, y) => b.node(op, [x, y]))];
  };
}

function buildMean(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [total] = chain('add')(node, b);
  if (!total) return node.fail('it has no inputs');
  return [b.node('div', [total, scalar(b, total.type.dtype, node.inputs.length)])];
}

/** Bounds as attributes before opset 11, as optional inputs since. */
function buildClip(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const { dtype } = x.type;
  const bound = (input: number, attribute: string): Value | undefined => {
    if (node.opset >= 11) return node.inputs[input] ?? undefined;
    return node.has(attribute) ? scalar(b, dtype, node.float(attribute)) : undefined;
  };
  const [low, high] = [bound(1, 'min'), bound(2, 'max')];
  const shaped = (v: Value): Value => (rankOf(v) === 0 ? v : reshape(b, v, []));
  if (low && high) return [b.node('clip', [x, shaped(low), shaped(high)])];
  if (low) return [b.node('max', [x, shaped(low)])];
  return [high ? b.node('min', [x, shaped(high)]) : b.node('identity', [x])];
}

function buildCast(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const to =
    node.op === 'CastLike'
      ? node.input(1).type.dtype
      : node.opset < 6
        ? dtypeByName(node)
        : dtypeOf(node, node.int('to'));
  const x = node.input(0);
  if (x.type.dtype === to) return [b.node('identity', [x])];
  if (x.type.dtype === 'string' || to === 'string') return [b.node('string_cast', [x], { to })];
  return [
    b.node('cast', [x], {
      to,
      noSaturate: node.int('saturate', 1) === 0,
      roundMode: node.choice('round_mode', ['up', 'down', 'nearest'], 'up'),
    }),
  ];
}

/** Cast named its target by a string before opset 6. */
function dtypeByName(node: OnnxNode) {
  const names = [
    'UNDEFINED',
    'FLOAT',
    'UINT8',
    'INT8',
    'UINT16',
    'INT16',
    'INT32',
    'INT64',
    'STRING',
    'BOOL',
    'FLOAT16',
    'DOUBLE',
    'UINT32',
    'UINT64',
  ];
  return dtypeOf(node, names.indexOf(node.string('to').toUpperCase()));
}

function buildEqual(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [x, y] = operands(node, b);
  return [b.node(x.type.dtype === 'string' ? 'string_equal' : 'eq', [x, y])];
}

function buildWhere(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [c, x, y] = [node.input(0), node.input(1), node.input(2)];
  return [b.node(x.type.dtype === 'string' ? 'string_where' : 'where', [c, x, y])];
}

function buildIsInf(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const flags = { negative: node.int('detect_negative', 1) !== 0, positive: node.int('detect_positive', 1) !== 0 };
  return [b.node('is_inf', [node.input(0)], flags)];
}

/** x * gate of the halves of x along `axis`; the first half goes through silu. */
function buildSwiGlu(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const axis = axisIn(node, node.int('axis', -1), rankOf(x));
  const length = x.type.shape[axis];
  if (typeof length !== 'number' || length % 2 !== 0) return node.fail(`axis ${axis} has no even, known length`);
  const gate = sliceAxis(b, x, axis, 0, length / 2);
  const up = sliceAxis(b, x, axis, length / 2, length / 2);
  return [b.node('mul', [b.node('silu', [gate], floatAttributes(node, { alpha: 1 })), up])];
}

/** Elementwise operators of ai.onnx. */
export const elementwiseOnnxOps: readonly OnnxOp[] = [
  ...Object.entries(unary).map(([name, op]) => onnxOp(name, (node, b) => [b.node(op, [node.input(0)])])),
  ...Object.entries(activations).map(([name, [op, parameters]]) =>
    onnxOp(name, (node, b) => [b.node(op, [node.input(0)], floatAttributes(node, parameters))]),
  ),
  ...Object.entries(binary).map(([name, op]) => onnxOp(name, (node, b) => [b.node(op, operands(node, b))])),
  onnxOp('Selu', (node, b) => [b.node('selu', [node.input(0)], floatAttributes(node, seluDefaults(node.opset)))]),
  onnxOp('Gelu', (node, b) => [
    b.node('gelu', [node.input(0)], { approximate: node.choice('approximate', ['none', 'tanh'], 'none') }),
  ]),
  onnxOp('PRelu', buildPRelu),
  onnxOp('Max', chain('max')),
  onnxOp('Min', chain('min')),
  onnxOp('Sum', chain('add')),
  onnxOp('Mean', buildMean),
  onnxOp('Clip', buildClip),
  onnxOp('Mod', (node, b) => [b.node('mod', [node.input(0), node.input(1)], { fmod: node.int('fmod', 0) !== 0 })]),
  onnxOp('BitShift', (node, b) => [
    b.node(node.choice('direction', ['LEFT', 'RIGHT']) === 'LEFT' ? 'shift_left' : 'shift_right', [
      node.input(0),
      node.input(1),
    ]),
  ]),
  onnxOp('Equal', buildEqual),
  onnxOp('Where', buildWhere),
  onnxOp('IsInf', buildIsInf),
  onnxOp('Cast', buildCast),
  onnxOp('CastLike', buildCast),
  onnxOp('BitCast', (node, b) => [b.node('bitcast', [node.input(0)], { to: dtypeOf(node, node.int('to')) })]),
  onnxOp('Identity', (node, b) => {
    const x = node.input(0);
    return [x.type.container || x.type.dtype === 'string' ? x : b.node('identity', [x])];
  }),
  onnxOp('SwiGLU', buildSwiGlu),
];
