import { asSym, type Dim, formatDim, sym } from '../../ir/dim.ts';
import { commonContainer, discard, formatType, Graph, type TensorType, tensor, type Value } from '../../ir/graph.ts';
import { contentsOf, GraphBuilder } from '../../ir/graph-builder.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';

const I64 = tensor('i64', []);
const BOOL = tensor('bool', []);

/** If; a condition that is known while importing picks its branch there. */
const buildIf: OnnxOp['build'] = (node, b) => {
  const condition = node.input(0);
  const known = node.constantInts(0);
  if (known?.length === 1) return node.inline(known[0] ? 'then_branch' : 'else_branch', []);
  const body = node.subgraph('then_branch', []);
  const otherwise = node.subgraph('else_branch', []);
  joinSingles(body, otherwise, b);
  const ranksDiffer = body.outputs.some((v, i) => v.type.shape.length !== otherwise.outputs[i]?.type.shape.length);
  const equal = ranksDiffer ? equalDims(condition) : undefined;
  if (equal) {
    // "Squeeze if the axis has length 1", as traced by exporters: only one branch can fit what follows. Its condition becomes a check.
    discard(body);
    discard(otherwise);
    const [x, y] = equal;
    b.node('assume', [], { a: x, b: y, why: `'${node.name}' needs ${formatDim(x)} = ${formatDim(y)}` });
    return node.inline('then_branch', []);
  }
  return b.nodes('if', [scalar(condition, node, b)], { body, otherwise }, node.outputs);
};

/** Where one branch gives a scalar and the other one element under more axes, both give the latter's shape: it broadcasts alike. */
function joinSingles(a: Graph, c: Graph, b: GraphBuilder): void {
  const isSingle = (v: Value | undefined): v is Value =>
    v !== undefined && !v.type.container && v.type.shape.every((d) => d === 1);
  a.outputs.forEach((x, i) => {
    const y = c.outputs[i];
    if (!isSingle(x) || !isSingle(y)) return;
    const shape = x.type.shape.length > y.type.shape.length ? x.type.shape : y.type.shape;
    for (const [g, v] of [
      [a, x],
      [c, y],
    ] as const) {
      if (v.type.shape.length === shape.length) continue;
      g.outputs[i] = new GraphBuilder(g, b.ops, b.source).node('reshape', [v], { shape });
    }
  });
}

/** The two dims a condition compares for equality, when it is such a comparison. */
function equalDims(condition: Value): readonly [Dim, Dim] | undefined {
  const p = condition.producer;
  const [x, y] = p?.inputs ?? [];
  if (!p || !x) return undefined;
  if (p.op === 'cast' || p.op === 'reshape' || p.op === 'identity') return equalDims(x);
  if (p.op !== 'eq' || !y) return undefined;
  const [a, ...moreA] = contentsOf(x) ?? [];
  const [b, ...moreB] = contentsOf(y) ?? [];
  return a === undefined || b === undefined || moreA.length + moreB.length > 0 ? undefined : [a, b];
}

/** Conditions and trip counts may come as [1]. */
function scalar(v: Value, node: OnnxNode, b: GraphBuilder): Value {
  const { shape } = v.type;
  if (shape.length === 0) return v;
  if (shape.length === 1 && (shape[0] === 1 || typeof shape[0] !== 'number'))
    return b.node('reshape', [v], { shape: [] });
  return node.fail(`${formatType(v.type)} is not a scalar`);
}

/** The type a carried value has in every iteration: dims that an iteration changes become symbols of the body. */
function widen(before: TensorType, after: TensorType, name: string, i: number, node: OnnxNode): TensorType {
  const both = commonContainer(before.container, after.container);
  if (before.dtype !== after.dtype || !both)
    return node.fail(`carried value ${i} is ${formatType(before)} before and ${formatType(after)} after an iteration`);
  const held = both.container ? { container: both.container } : {};
  if (before.unranked) return { ...after, ...held };
  if (after.unranked) return { ...before, ...held };
  if (before.shape.length !== after.shape.length)
    node.fail(
      `carried value ${i} changes its rank: ${formatType(before)} before, ${formatType(after)} after an iteration`,
      'Reshape it to one rank',
    );
  const shape = before.shape.map((d, axis): Dim => {
    const own = `carried${i}_${axis}@${name}`;
    return after.shape[axis] === d || asSym(d)?.name === own ? d : sym(own);
  });
  return { ...before, ...held, shape };
}

const sameType = (a: TensorType, b: TensorType): boolean =>
  a.container === b.container &&
  a.unranked === b.unranked &&
  a.shape.length === b.shape.length &&
  a.shape.every((d, i) => d === b.shape[i]);

/** Imports a body until the types of what it carries settle: each round only turns dims into symbols. */
function settle(
  initial: readonly TensorType[],
  node: OnnxNode,
  body: (carried: readonly TensorType[]) => { readonly graph: Graph; readonly results: readonly Value[] },
): Graph {
  let types = initial;
  for (;;) {
    const { graph, results } = body(types);
    if (results.length < types.length) node.fail(`its body has too few outputs for ${types.length} carried values`);
    const next = types.map((t, i) => widen(t, results[i]?.type ?? t, node.name, i, node));
    if (next.every((t, i) => sameType(t, types[i] ?? t))) return graph;
    discard(graph);
    types = next;
  }
}

const buildLoop: OnnxOp['build'] = (node, b) => {
  const trip = node.inputs[0] ? scalar(node.inputs[0], node, b) : null;
  const condition = node.inputs[1] ? scalar(node.inputs[1], node, b) : null;
  const carried = node.inputs.slice(2).map((_, i) => node.input(i + 2));
  const body = settle(
    carried.map((v) => v.type),
    node,
    (types) => {
      // Inside an iteration the condition holds, or it would not run.
      const graph = node.subgraph('body', [I64, BOOL, ...types], [undefined, [1]]);
      return { graph, results: graph.outputs.slice(1) };
    },
  );
  return b.nodes('loop', [trip, condition, ...carried], { body, carried: carried.length }, node.outputs);
};

const removed = (shape: readonly Dim[], axis: number): Dim[] => shape.filter((_, i) => i !== axis);

const buildScan: OnnxOp['build'] = (node, b) => (node.opset < 9 ? buildScan8(node, b) : buildScan9(node, b));

function buildScan9(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const scanned = node.int('num_scan_inputs');
  const states = node.inputs.length - scanned;
  if (scanned < 1 || states < 0) node.fail(`num_scan_inputs is ${scanned} for ${node.inputs.length} inputs`);
  const values = node.inputs.map((_, i) => node.input(i));
  const zeros = (n: number): number[] => new Array<number>(n).fill(0);
  const inputAxes = node.ints('scan_input_axes', zeros(scanned)).map((axis, i) => {
    const rank = values[states + i]?.type.shape.length ?? 0;
    if (axis < -rank || axis >= rank) node.fail(`scan input ${i} has no axis ${axis}`);
    return axis < 0 ? axis + rank : axis;
  });
  const slices = values.slice(states).map((v, i) => tensor(v.type.dtype, removed(v.type.shape, inputAxes[i] ?? 0)));
  const body = settle(
    values.slice(0, states).map((v) => v.type),
    node,
    (types) => {
      const graph = node.subgraph('body', [...types, ...slices]);
      return { graph, results: graph.outputs.slice(0, states) };
    },
  );
  const gathered = body.outputs.slice(states);
  const outputAxes = node.ints('scan_output_axes', zeros(gathered.length)).map((axis, i) => {
    const rank = (gathered[i]?.type.shape.length ?? 0) + 1;
    if (axis < -rank || axis >= rank) node.fail(`scan output ${i} has no axis ${axis}`);
    return axis < 0 ? axis + rank : axis;
  });
  const attrs = {
    body,
    states,
    inputAxes,
    outputAxes,
    inputReverse: node.ints('scan_input_directions', zeros(scanned)),
    outputReverse: node.ints('scan_output_directions', zeros(gathered.length)),
  };
  return b.nodes('scan', values, attrs, node.outputs);
}

/** Opset 8: everything has a batch axis first and the sequence axis second; a scan over the batch of a scan over the sequence. */
function buildScan8(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  if (node.inputs[0]) node.fail('sequence_lens is not supported', 'Export the model with opset 9 or newer');
  const values = node.inputs.slice(1).map((_, i) => node.input(i + 1));
  const scanned = node.int('num_scan_inputs');
  const states = values.length - scanned;
  if (scanned < 1 || states < 0) node.fail(`num_scan_inputs is ${scanned} for ${values.length} values`);
  const perBatch = values.map((v) => tensor(v.type.dtype, removed(v.type.shape, 0)));
  const slices = perBatch.slice(states).map((t) => tensor(t.dtype, removed(t.shape, 0)));
  const inner = node.subgraph('body', [...perBatch.slice(0, states), ...slices]);
  const gathered = inner.outputs.length - states;
  const zeros = (n: number): number[] => new Array<number>(n).fill(0);
  const outer = new Graph(`${node.name}.batch`);
  const inputs = perBatch.map((t, i) => outer.input(`item_${i}`, t));
  const into = new GraphBuilder(outer, b.ops, b.source);
  outer.outputs = [
    ...into.nodes('scan', inputs, {
      body: inner,
      states,
      inputAxes: zeros(scanned),
      outputAxes: zeros(gathered),
      inputReverse: node.ints('directions', zeros(scanned)),
      outputReverse: zeros(gathered),
    }),
  ];
  const attrs = {
    body: outer,
    states: 0,
    inputAxes: zeros(values.length),
    outputAxes: zeros(outer.outputs.length),
    inputReverse: zeros(values.length),
    outputReverse: zeros(outer.outputs.length),
  };
  return b.nodes('scan', values, attrs, node.outputs);
}

/** If, Loop and Scan. */
export const controlOnnxOps: readonly OnnxOp[] = [
  onnxOp('If', buildIf),
  onnxOp('Loop', buildLoop),
  onnxOp('Scan', buildScan),
];
