import { isFloat } from '../../ir/dtype.ts';
import type { Attributes, Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import { cast } from './common.ts';
import { contents } from './ml.ts';
import { classify, classLabels, postTransform, TRANSFORMS, transformOf } from './ml-scores.ts';

const AGGREGATES = ['AVERAGE', 'SUM', 'MIN', 'MAX'] as const;
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
    modes: modes.map((m) =>
      m === 'LEAF' || MODES.includes(m)
        ? Math.max(0, MODES.indexOf(m))
        : node.fail(`mode '${m}' of a tree node is unknown`, `Use LEAF, ${MODES.join(', ')}`),
    ),
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
    aggregate: node.choice('aggregate_function', AGGREGATES, 'SUM'),
  };
}

/** Sums of the leaves that each row reaches, as f32. */
function ensemble(b: GraphBuilder, x: Value, attrs: Attributes): Value {
  return cast(b, b.node('tree_ensemble', [isFloat(x.type.dtype) ? x : cast(b, x, 'f32')], attrs), 'f32');
}

function buildTreeRegressor(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const attrs = { ...oldTrees(node, 'target'), targets: node.int('n_targets', 1) };
  return [postTransform(b, transformOf(node), ensemble(b, node.input(0), attrs))];
}

function buildTreeClassifier(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const trees = oldTrees(node, 'class');
  const count = classLabels(node).length;
  // Two classes whose weights all name one class: a single score, that of the second class.
  const single = count === 2 && trees.base.length < 2 && new Set(trees.leafTargets).size === 1;
  const attrs = single
    ? { ...trees, leafTargets: trees.leafTargets.map(() => 0), targets: 1 }
    : { ...trees, targets: count };
  return classify(
    node,
    b,
    ensemble(b, node.input(0), attrs),
    trees.leafWeights.every((w) => w >= 0),
  );
}

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
  const transform = TRANSFORMS[node.int('post_transform', 0)] ?? node.fail('its post_transform is unknown');
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
  return [postTransform(b, transform, b.node('tree_ensemble', [node.input(0)], attrs))];
}

const ML = { domain: 'ai.onnx.ml' };

/** Trees of ai.onnx.ml. */
export const treeOnnxOps: readonly OnnxOp[] = [
  onnxOp('TreeEnsembleRegressor', buildTreeRegressor, ML),
  onnxOp('TreeEnsembleClassifier', buildTreeClassifier, ML),
  onnxOp('TreeEnsemble', buildTrees, ML),
];
