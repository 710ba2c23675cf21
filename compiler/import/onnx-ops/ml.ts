import { type DType, isFloat, viewOf } from '../../ir/dtype.ts';
import type { Constant, Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import { cast, numbers, rankOf, reshape, scalar } from './common.ts';

const ML = { domain: 'ai.onnx.ml' };

/** Contents of a tensor attribute as numbers or strings; NaN as the word, so that a plan in JSON can hold it. */
function contents(c: Constant): (number | string)[] {
  if (c.strings) return [...c.strings];
  const count = c.type.shape.reduce<number>((n, d) => n * Number(d), 1);
  const bytes = c.read().slice();
  const values = Array.from(viewOf(c.type.dtype, bytes.buffer, 0, count) as ArrayLike<number | bigint>, Number);
  return values.map((v) => (Number.isNaN(v) ? 'NaN' : v));
}

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
  return [b.node(x.type.dtype === 'string' ? 'string_gather' : 'gather', [x, flat], { axis: rankOf(x) - 1 })];
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
  const norm = node.string('norm', 'MAX');
  const keepDims = true;
  const size =
    norm === 'MAX'
      ? b.node('reduce_max', [b.node('abs', [x])], { axes, keepDims })
      : b.node(norm === 'L1' ? 'reduce_l1' : 'reduce_l2', [x], { axes, keepDims });
  return [b.node('div', [x, b.node('max', [size, scalar(b, 'f32', 1e-30)])])];
}

function buildOneHotEncoder(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
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

/** What ai.onnx.ml does to scores at the end. */
function postTransform(node: OnnxNode, b: GraphBuilder, scores: Value): Value {
  const kind = node.string('post_transform', 'NONE');
  switch (kind) {
    case 'NONE':
      return scores;
    case 'LOGISTIC':
      return b.node('sigmoid', [scores]);
    case 'SOFTMAX':
      return b.node('softmax', [scores], { axis: 1 });
    case 'SOFTMAX_ZERO': {
      // Zeros stay zeros and take no part.
      const nothing = b.node('eq', [scores, scalar(b, scores.type.dtype, 0)]);
      const rest = b.node('where', [nothing, scalar(b, scores.type.dtype, Number.NEGATIVE_INFINITY), scores]);
      return b.node('softmax', [rest], { axis: 1, masked: true });
    }
    default:
      return node.fail(`post_transform '${kind}' is not supported`, 'Use NONE, LOGISTIC, SOFTMAX or SOFTMAX_ZERO');
  }
}

function linearScores(node: OnnxNode, b: GraphBuilder, targets: number): Value {
  const x = cast(b, node.input(0), 'f32');
  const coefficients = node.floats('coefficients');
  const w = numbers(b, 'f32', [targets, coefficients.length / targets], coefficients);
  const y = b.node('matmul', [x, w], { transposeB: true });
  const intercepts = node.floats('intercepts', []);
  return intercepts.length === 0 ? y : b.node('add', [y, floats(b, intercepts)]);
}

/** Labels of the best scores; one score for two classes is that of the second. */
function classify(node: OnnxNode, b: GraphBuilder, raw: Value): readonly Value[] {
  const names = node.has('classlabels_strings') && node.strings('classlabels_strings').length > 0;
  const attribute = node.has('classlabels_int64s') ? 'classlabels_int64s' : 'classlabels_ints';
  const labels = names ? node.strings('classlabels_strings') : node.ints(attribute);
  let scores = postTransform(node, b, raw);
  if (raw.type.shape[1] === 1 && labels.length === 2) {
    const kind = node.string('post_transform', 'NONE');
    const other =
      node.op === 'LinearClassifier' && kind === 'NONE'
        ? b.node('neg', [scores])
        : b.node('sub', [scalar(b, scores.type.dtype, 1), scores]);
    scores = b.node('concat', [other, scores], { axis: 1 });
  }
  const best = b.node('arg_max', [scores], { axes: [1], keepDims: false });
  const places = labels.map((_, i) => i);
  if (names)
    return [b.node('label_encode', [best], { keys: places, values: labels, fallback: '', dtype: 'string' }), scores];
  const values = numbers(b, 'i64', [labels.length], labels.map(Number));
  return [b.node('gather', [values, best], { axis: 0 }), scores];
}

function buildLinearClassifier(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const width = Number(node.input(0).type.shape[1] ?? 1);
  return classify(node, b, linearScores(node, b, node.floats('coefficients').length / width));
}

const MODES = ['BRANCH_LEQ', 'BRANCH_LT', 'BRANCH_GTE', 'BRANCH_GT', 'BRANCH_EQ', 'BRANCH_NEQ', 'BRANCH_MEMBER'];

/** Trees of versions 1 to 4: nodes named by tree and number, leaves among them, weights by node. */
function oldTrees(node: OnnxNode, prefix: 'target' | 'class') {
  const treeIds = node.ints('nodes_treeids');
  const nodeIds = node.ints('nodes_nodeids');
  const modes = node.strings('nodes_modes');
  const [yesIds, noIds] = [node.ints('nodes_truenodeids'), node.ints('nodes_falsenodeids')];
  const place = new Map(treeIds.map((t, i) => [`${t}:${nodeIds[i]}`, i]));
  const weights = new Map<number, { target: number; weight: number }[]>();
  const given = (name: string): readonly number[] => {
    const tensor = node.has(`${name}_as_tensor`) ? node.tensor(`${name}_as_tensor`) : undefined;
    return tensor ? contents(tensor).map(Number) : node.floats(name, []);
  };
  const targets = node.ints(`${prefix}_ids`);
  const weightValues = given(`${prefix}_weights`);
  node.ints(`${prefix}_treeids`).forEach((t, i) => {
    const at = place.get(`${t}:${node.ints(`${prefix}_nodeids`)[i]}`) ?? node.fail('a weight belongs to no node');
    weights.set(at, [...(weights.get(at) ?? []), { target: targets[i] ?? 0, weight: weightValues[i] ?? 0 }]);
  });
  const leafStart: number[] = [];
  const leafTargets: number[] = [];
  const leafWeights: number[] = [];
  const leafOf = new Map<number, number>();
  modes.forEach((m, i) => {
    if (m !== 'LEAF') return;
    leafOf.set(i, leafStart.length);
    leafStart.push(leafTargets.length);
    for (const w of weights.get(i) ?? []) {
      leafTargets.push(w.target);
      leafWeights.push(w.weight);
    }
  });
  leafStart.push(leafTargets.length);
  const code = (i: number | undefined): number => {
    if (i === undefined) return node.fail('a branch leads nowhere');
    const leaf = leafOf.get(i);
    return leaf === undefined ? i : -1 - leaf;
  };
  const link = (ids: readonly number[]): number[] =>
    modes.map((m, i) => (m === 'LEAF' ? 0 : code(place.get(`${treeIds[i]}:${ids[i]}`))));
  const children = new Set<string>();
  modes.forEach((m, i) => {
    if (m === 'LEAF') return;
    for (const ids of [yesIds, noIds]) children.add(`${treeIds[i]}:${ids[i]}`);
  });
  const roots = modes.flatMap((_, i) => (children.has(`${treeIds[i]}:${nodeIds[i]}`) ? [] : [code(i)]));
  return {
    modes: modes.map((m) => Math.max(0, MODES.indexOf(m))),
    splits: given('nodes_values'),
    features: node.ints('nodes_featureids'),
    missing: node.ints('nodes_missing_value_tracks_true', []),
    yes: link(yesIds),
    no: link(noIds),
    members: [],
    roots,
    leafStart,
    leafTargets,
    leafWeights,
    base: given('base_values'),
    aggregate: node.string('aggregate_function', 'SUM'),
  };
}

function buildTreeRegressor(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const attrs = { ...oldTrees(node, 'target'), targets: node.int('n_targets', 1) };
  return [postTransform(node, b, b.node('tree_ensemble', [isFloat(x.type.dtype) ? x : cast(b, x, 'f32')], attrs))];
}

function buildTreeClassifier(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const trees = oldTrees(node, 'class');
  const labels = node.has('classlabels_strings')
    ? node.strings('classlabels_strings')
    : node.ints('classlabels_int64s');
  // Two classes whose weights all name one class: a single score, that of the second class.
  const single = labels.length === 2 && new Set(trees.leafTargets).size === 1;
  const attrs = single
    ? { ...trees, leafTargets: trees.leafTargets.map(() => 0), targets: 1 }
    : { ...trees, targets: labels.length };
  return classify(node, b, b.node('tree_ensemble', [isFloat(x.type.dtype) ? x : cast(b, x, 'f32')], attrs));
}

const AGGREGATES = ['AVERAGE', 'SUM', 'MIN', 'MAX'];
const TRANSFORMS = ['NONE', 'SOFTMAX', 'LOGISTIC', 'SOFTMAX_ZERO', 'PROBIT'];

/** Trees of version 5: branches and leaves in separate arrays. */
function buildTrees(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const values = (name: string): number[] => contents(node.tensor(name) ?? node.fail(`${name} is missing`)).map(Number);
  const modes = values('nodes_modes');
  const [yes, no] = [node.ints('nodes_truenodeids'), node.ints('nodes_falsenodeids')];
  const [yesLeaf, noLeaf] = [node.ints('nodes_trueleafs'), node.ints('nodes_falseleafs')];
  const link = (ids: readonly number[], leafs: readonly number[]): number[] =>
    ids.map((i, at) => (leafs[at] ? -1 - i : i));
  const targets = node.ints('leaf_targetids');
  // Members of all set nodes in a row, a NaN after each set.
  const members: number[][] = modes.map(() => []);
  const all = node.has('membership_values') ? values('membership_values') : [];
  let at = 0;
  modes.forEach((m, i) => {
    if (m !== 6) return;
    while (at < all.length && !Number.isNaN(all[at])) members[i]?.push(all[at++] ?? 0);
    at++;
  });
  const roots = node
    .ints('tree_roots')
    .map((r) => (yesLeaf[r] && noLeaf[r] && yes[r] === no[r] ? -1 - (yes[r] ?? 0) : r));
  const aggregate = AGGREGATES[node.int('aggregate_function', 1)] ?? node.fail('its aggregate_function is unknown');
  const transform = TRANSFORMS[node.int('post_transform', 0)];
  if (transform !== 'NONE') return node.fail(`post_transform ${transform} is not supported`, 'Use NONE');
  const attrs = {
    modes,
    splits: values('nodes_splits'),
    features: node.ints('nodes_featureids'),
    missing: node.ints('nodes_missing_value_tracks_true', []),
    yes: link(yes, yesLeaf),
    no: link(no, noLeaf),
    members,
    roots,
    leafStart: [...targets.map((_, i) => i), targets.length],
    leafTargets: targets,
    leafWeights: values('leaf_weights'),
    targets: node.int('n_targets', 1),
    base: [],
    aggregate,
  };
  return [b.node('tree_ensemble', [node.input(0)], attrs)];
}

/** Operators of ai.onnx.ml. */
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
  onnxOp('LinearRegressor', (node, b) => [postTransform(node, b, linearScores(node, b, node.int('targets', 1)))], ML),
  onnxOp('LinearClassifier', buildLinearClassifier, ML),
  onnxOp('TreeEnsembleRegressor', buildTreeRegressor, ML),
  onnxOp('TreeEnsembleClassifier', buildTreeClassifier, ML),
  onnxOp('TreeEnsemble', buildTrees, ML),
];
