import { type DType, isFloat, viewOf } from '../../ir/dtype.ts';
import type { Constant, Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import { cast, numbers, rankOf, reshape, scalar, variant } from './common.ts';
import { checkIndices } from './movement.ts';

const ML = { domain: 'ai.onnx.ml' };

const nanAsWord = (v: number): number | string => (Number.isNaN(v) ? 'NaN' : v);

interface Table {
  readonly items: readonly (number | string)[];
  readonly dtype: DType;
}

/** Keys or values of a label encoder, whichever attribute holds them. */
function table(node: OnnxNode, prefix: 'keys' | 'values'): Table {
  if (node.has(`${prefix}_strings`)) return { items: node.strings(`${prefix}_strings`), dtype: 'string' };
  if (node.has(`${prefix}_int64s`)) return { items: node.ints(`${prefix}_int64s`), dtype: 'i64' };
  if (node.has(`${prefix}_floats`)) return { items: node.floats(`${prefix}_floats`).map(nanAsWord), dtype: 'f32' };
  const tensor = node.tensor(`${prefix}_tensor`) ?? node.fail(`its ${prefix} are missing`);
  return { items: contents(tensor), dtype: tensor.type.dtype };
}

function buildLabelEncoder(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  if (node.has('classes_strings')) {
    // Version 1: strings to their positions, or back.
    const classes = node.strings('classes_strings');
    const places = classes.map((_, i) => i);
    const toNumbers = x.type.dtype === 'string';
    const attrs = toNumbers
      ? { keys: classes, values: places, fallback: node.int('default_int64', -1), dtype: 'i64' }
      : { keys: places, values: classes, fallback: node.string('default_string', '_Unused'), dtype: 'string' };
    return [b.node('label_encode', [x], attrs)];
  }
  const [keys, values] = [table(node, 'keys'), table(node, 'values')];
  if (keys.items.length !== values.items.length)
    return node.fail(`${keys.items.length} keys and ${values.items.length} values`);
  const given = node.tensor('default_tensor');
  const fallback = given
    ? contents(given)[0]
    : values.dtype === 'string'
      ? node.string('default_string', '_Unused')
      : values.dtype === 'f32'
        ? nanAsWord(node.float('default_float', 0))
        : node.int('default_int64', -1);
  const attrs = {
    keys: keys.items,
    values: values.items,
    fallback,
    dtype: values.dtype,
    numericKeys: keys.dtype !== 'string',
  };
  return [b.node('label_encode', [x], attrs)];
}

function buildBinarizer(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  return [cast(b, b.node('gt', [x, scalar(b, x.type.dtype, node.float('threshold', 0))]), x.type.dtype)];
}

/** Picks columns: a vector counts as one row. */
function buildArrayFeatureExtractor(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x =
    rankOf(node.input(0)) === 1 ? reshape(b, node.input(0), [1, node.input(0).type.shape[0] ?? 1]) : node.input(0);
  const y = node.input(1);
  const flat = rankOf(y) === 1 ? y : reshape(b, y, [y.type.shape.reduce<number>((n, d) => n * Number(d), 1)]);
  const axis = rankOf(x) - 1;
  if (x.type.dtype !== 'string') checkIndices(node, b, flat, [x.type.shape[axis] ?? 1]);
  return [b.node(variant('gather', x), [x, flat], { axis })];
}

const floats = (b: GraphBuilder, values: readonly number[]): Value => numbers(b, 'f32', [values.length], values);

function buildScaler(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = cast(b, node.input(0), 'f32');
  return [
    b.node('mul', [b.node('sub', [x, floats(b, node.floats('offset', [0]))]), floats(b, node.floats('scale', [1]))]),
  ];
}

function buildNormalizer(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = cast(b, node.input(0), 'f32');
  const axes = [rankOf(x) - 1];
  const norm = node.choice('norm', ['MAX', 'L1', 'L2'], 'MAX');
  const keepDims = true;
  const reduce = { MAX: 'reduce_max', L1: 'reduce_l1', L2: 'reduce_l2' }[norm];
  const size = b.node(reduce, [x], { axes, keepDims });
  const nothing = b.node('eq', [size, scalar(b, 'f32', 0)]);
  return [b.node('div', [x, b.node('where', [nothing, scalar(b, 'f32', 1), size])])];
}

function buildOneHotEncoder(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const given = node.input(0);
  // Categories are whole: floats lose their fractions, as in onnxruntime.
  const x = isFloat(given.type.dtype) ? cast(b, given, 'i64') : given;
  const keys = node.has('cats_strings') ? node.strings('cats_strings') : node.ints('cats_int64s');
  const places = keys.map((_, i) => i);
  const codes = b.node('label_encode', [x], { keys, values: places, fallback: keys.length, dtype: 'i64' });
  const values = numbers(b, 'f32', [2], [0, 1]);
  return [b.node('one_hot', [codes, values], { axis: rankOf(x), depth: keys.length })];
}

function buildImputer(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const whole = node.has('imputed_value_int64s');
  const values = whole ? node.ints('imputed_value_int64s') : node.floats('imputed_value_floats');
  const replaced = whole ? node.int('replaced_value_int64', 0) : node.float('replaced_value_float', 0);
  const { dtype } = x.type;
  const missing =
    isFloat(dtype) && Number.isNaN(replaced) ? b.node('is_nan', [x]) : b.node('eq', [x, scalar(b, dtype, replaced)]);
  return [b.node('where', [missing, numbers(b, dtype, [values.length], values), x])];
}

/** Strings to whole numbers or back by a list of pairs. */
function buildCategoryMapper(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const [words, codes] = [node.strings('cats_strings'), node.ints('cats_int64s')];
  const attrs =
    x.type.dtype === 'string'
      ? { keys: words, values: codes, fallback: node.int('default_int64', -1), dtype: 'i64' }
      : { keys: codes, values: words, fallback: node.string('default_string', '_Unused'), dtype: 'string' };
  return [b.node('label_encode', [x], attrs)];
}

/** Columns of all inputs side by side, as floats. */
function buildFeatureVectorizer(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const columns = node.inputs.map((_, i) => {
    const x = cast(b, node.input(i), 'f32');
    return rankOf(x) === 2 ? x : reshape(b, x, [1, x.type.shape[0] ?? 1]);
  });
  return [b.node('concat', columns, { axis: 1 })];
}

/** Contents of a tensor attribute as numbers or strings; NaN as the word, so that a plan in JSON can hold it. */
export function contents(c: Constant): (number | string)[] {
  if (c.strings) return [...c.strings];
  const count = c.type.shape.reduce<number>((n, d) => n * Number(d), 1);
  const bytes = c.read().slice();
  const values = Array.from(viewOf(c.type.dtype, bytes.buffer, 0, count) as ArrayLike<number | bigint>, Number);
  return values.map((v) => (Number.isNaN(v) ? 'NaN' : v));
}

/** Encoders and scalers of ai.onnx.ml. */
export const mlOnnxOps: readonly OnnxOp[] = [
  onnxOp('LabelEncoder', buildLabelEncoder, ML),
  onnxOp('Binarizer', buildBinarizer, ML),
  onnxOp('ArrayFeatureExtractor', buildArrayFeatureExtractor, ML),
  onnxOp('Scaler', buildScaler, ML),
  onnxOp('Normalizer', buildNormalizer, ML),
  onnxOp('OneHotEncoder', buildOneHotEncoder, ML),
  onnxOp('Imputer', buildImputer, ML),
  onnxOp('CategoryMapper', buildCategoryMapper, ML),
  onnxOp('FeatureVectorizer', buildFeatureVectorizer, ML),
];
