import type { Dim } from '../../ir/dim.ts';
import * as D from '../../ir/dim.ts';
import type { Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { broadcastDim, lateBroadcastDim } from '../../ops/shapes.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import {
  attributeOrInput,
  axisIn,
  dimsOf,
  knownDims,
  knownNumbers,
  rankOf,
  reshape,
  scalar,
  sliceAxis,
  variant,
} from './common.ts';

/** Shape with 0 (copy, unless allowzero) and -1 (the rest) resolved. */
function resolveShape(node: OnnxNode, x: Value, wanted: readonly Dim[], allowZero: boolean): Dim[] {
  const from = x.type.shape;
  const shape = wanted.map((d, i) =>
    d === 0 && !allowZero ? (from[i] ?? node.fail(`shape entry ${i} copies a missing dimension`)) : d,
  );
  const open = shape.indexOf(-1);
  if (open < 0) return shape;
  if (shape.indexOf(-1, open + 1) >= 0) return node.fail('the shape has more than one -1');
  const rest = D.product(shape.filter((_, i) => i !== open));
  const total = D.product(from);
  if (rest === 0) {
    shape[open] = 0;
    return shape;
  }
  const exact = D.divideExactly(total, rest);
  if (exact === undefined && D.isStatic(total) && D.isStatic(rest))
    return node.fail(`${total} elements do not divide into ${rest}`, 'Correct the target shape');
  shape[open] = exact ?? D.floorDiv(total, rest);
  return shape;
}

function buildReshape(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const wanted = node.has('shape') ? node.ints('shape') : knownDims(node.input(1));
  const allowZero = node.int('allowzero', 0) !== 0;
  if (!wanted) return [b.node('reshape_to', [x, node.input(1)], { allowZero })];
  return [b.node(variant('reshape', x), [x], { shape: resolveShape(node, x, wanted, allowZero) })];
}

function buildFlatten(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const axis = node.int('axis', 1);
  const at = axis < 0 ? axis + rankOf(x) : axis;
  const shape = [D.product(x.type.shape.slice(0, at)), D.product(x.type.shape.slice(at))];
  return [b.node(variant('reshape', x), [x], { shape })];
}

function buildSqueeze(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const axes = attributeOrInput(node, 'axes', 1);
  if (axes !== undefined && 'type' in axes) return [b.node('squeeze', [x, axes])];
  const gone = axes?.map((a) => axisIn(node, a, rankOf(x)));
  gone?.forEach((a) => {
    if (D.equals(x.type.shape[a] ?? 1, 1) === false)
      node.fail(`axis ${a} has length ${D.formatDim(x.type.shape[a] ?? 1)}, not 1`);
  });
  const shape = x.type.shape.filter((d, i) => (gone ? !gone.includes(i) : d !== 1));
  return [b.node(variant('reshape', x), [x], { shape })];
}

function buildUnsqueeze(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const axes = attributeOrInput(node, 'axes', 1);
  if (axes === undefined) return node.fail('axes are missing');
  if ('type' in axes) return [b.node('unsqueeze', [x, axes])];
  const rank = rankOf(x) + axes.length;
  const added = new Set(axes.map((a) => axisIn(node, a, rank)));
  if (added.size !== axes.length) return node.fail(`axes [${axes.join(', ')}] name an axis twice`);
  const rest = [...x.type.shape];
  const shape = Array.from({ length: rank }, (_, i) => (added.has(i) ? 1 : (rest.shift() ?? 1)));
  return [b.node(variant('reshape', x), [x], { shape })];
}

function buildTranspose(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const permutation = node.ints('perm', x.type.shape.map((_, i) => i).reverse());
  if (x.type.dtype === 'string') return [b.node('string_transpose', [x], { permutation })];
  return [b.node('transpose', [x], { permutation })];
}

/** An axis of the first input that is really there: a scalar has none. */
function realAxis(node: OnnxNode, axis: number): number {
  const rank = rankOf(node.input(0));
  return rank === 0 ? node.fail('its input is a scalar and has no axes') : axisIn(node, axis, rank);
}

function buildConcat(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const all = node.inputs.map((_, i) => node.input(i));
  const axis = realAxis(node, node.int('axis', node.opset < 4 ? 1 : undefined));
  return [b.node(variant('concat', node.input(0)), all, { axis })];
}

/** 1 where a dim is negative, else 0; as a dim. */
const negativeFlag = (d: Dim): Dim => D.max(0, D.min(1, D.sub(0, d)));

/** An index counted from the end when negative. */
const fromEnd = (d: Dim, n: Dim): Dim =>
  D.isStatic(d) ? (d < 0 ? D.add(d, n) : d) : D.add(d, D.mul(negativeFlag(d), n));

const clamp = (d: Dim, low: Dim, high: Dim): Dim => D.max(low, D.min(d, high));

function buildSlice(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const attributes = node.opset < 10;
  const starts = attributes ? node.ints('starts') : knownDims(node.input(1));
  const ends = attributes ? node.ints('ends') : knownDims(node.input(2));
  const axes = attributes
    ? node.ints(
        'axes',
        starts?.map((_, i) => (D.isStatic(i) ? i : 0)),
      )
    : node.inputs[3]
      ? knownNumbers(node.inputs[3])
      : starts?.map((_, i) => i);
  const steps = attributes || !node.inputs[4] ? starts?.map(() => 1) : knownNumbers(node.inputs[4]);
  if (x.type.dtype === 'string' || !starts || !ends || !axes || !steps) {
    if (attributes) return node.fail('slices of strings need opset 10');
    return [b.node('slice_by', [x, ...node.inputs.slice(1)])];
  }
  const { shape } = x.type;
  const from: Dim[] = shape.map(() => 0);
  const by: Dim[] = shape.map(() => 1);
  const size = [...shape];
  axes.forEach((a, i) => {
    const axis = axisIn(node, a, shape.length);
    const n = shape[axis] ?? 1;
    const step = steps[i] ?? 1;
    if (step === 0) node.fail('a step is 0', 'Use a step other than 0');
    const start = fromEnd(starts[i] ?? 0, n);
    const end = fromEnd(ends[i] ?? n, n);
    by[axis] = step;
    if (step > 0) {
      const first = clamp(start, 0, n);
      from[axis] = first;
      size[axis] = D.max(0, D.ceilDiv(D.sub(clamp(end, 0, n), first), step));
    } else {
      // The standard clamps starts to 0 here, unlike numpy.
      const first = D.min(D.max(start, 0), D.sub(n, 1));
      from[axis] = D.max(first, 0);
      size[axis] = D.max(0, D.ceilDiv(D.sub(first, clamp(end, -1, D.sub(n, 1))), -step));
    }
  });
  const whole = shape.every((d, i) => from[i] === 0 && by[i] === 1 && size[i] === d);
  return [whole ? b.node('identity', [x]) : b.node('slice', [x], { starts: from, steps: by, shape: size })];
}

function buildPad(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const rank = rankOf(x);
  const mode = node.choice('mode', ['constant', 'reflect', 'edge', 'wrap'], 'constant');
  const attribute = node.has('pads') ? node.ints('pads') : node.has('paddings') ? node.ints('paddings') : undefined;
  const pads = attribute ?? knownDims(node.input(1));
  const axes = node.inputs[3] ? knownNumbers(node.inputs[3]) : Array.from({ length: rank }, (_, i) => i);
  const given = attribute
    ? node.float('value', 0) === 0
      ? null
      : scalar(b, x.type.dtype, node.float('value', 0))
    : (node.inputs[2] ?? null);
  if (!pads || !axes) return [b.node('pad_by', [x, node.input(1), given, node.inputs[3] ?? null], { mode })];
  if (pads.length !== 2 * axes.length) return node.fail(`${pads.length} pads do not fit ${axes.length} axes`);
  const begins: Dim[] = x.type.shape.map(() => 0);
  const ends: Dim[] = x.type.shape.map(() => 0);
  axes.forEach((a, i) => {
    const axis = axisIn(node, a, rank);
    begins[axis] = pads[i] ?? 0;
    ends[axis] = pads[i + axes.length] ?? 0;
  });
  if ([...begins, ...ends].every((p) => p === 0)) return [b.node('identity', [x])];
  return [b.node('pad', given ? [x, given] : [x], { begins, ends, mode })];
}

/** Numpy broadcasting of x against a shape, in both directions. */
export function expandTo(node: OnnxNode, b: GraphBuilder, x: Value, wanted: readonly Dim[], runtime = false): Value {
  const rank = Math.max(wanted.length, rankOf(x));
  const shape = Array.from({ length: rank }, (_, i) => {
    const d = x.type.shape[i - rank + rankOf(x)] ?? 1;
    const w = wanted[i - rank + wanted.length] ?? 1;
    if (runtime && d !== 1 && !D.isStatic(w)) return lateBroadcastDim(d, w);
    return broadcastDim(d, w) ?? node.fail(`dimension ${D.formatDim(d)} does not broadcast to ${D.formatDim(w)}`);
  });
  return b.node(variant('expand', x), [x], { shape });
}

function buildExpand(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const known = knownDims(node.input(1));
  return [expandTo(node, b, node.input(0), known ?? dimsOf(b, node.input(1), 'shape'), !known)];
}

function buildTile(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  if (node.opset >= 6) return [b.node(variant('tile', x), [x], { repeats: dimsOf(b, node.input(1), 'repeat') })];
  const count = dimsOf(b, node.input(1), 'repeat')[0] ?? 1;
  const axis = axisIn(node, knownNumbers(node.input(2))?.[0] ?? node.fail('the axis is not known'), rankOf(x));
  return [b.node('tile', [x], { repeats: x.type.shape.map((_, i) => (i === axis ? count : 1)) })];
}

function buildSplit(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const axis = realAxis(node, node.int('axis', 0));
  const n = x.type.shape[axis] ?? 1;
  const given = node.has('split') ? node.ints('split') : node.inputs[1] ? dimsOf(b, node.inputs[1], 'part') : undefined;
  const count = node.int('num_outputs', node.outputs.length);
  const total = given?.reduce(D.add, 0) ?? n;
  if (D.equals(total, n) === false)
    return node.fail(`its parts sum to ${D.formatDim(total)}, axis ${axis} has ${D.formatDim(n)}`);
  if (given && total !== n) b.node('assume', [], { a: total, b: n, why: `'${node.name}' splits ${D.formatDim(n)}` });
  const part = D.ceilDiv(n, count);
  let start: Dim = 0;
  return Array.from({ length: given?.length ?? count }, (_, i) => {
    const left = D.sub(n, start);
    const size = given
      ? (given[i] ?? 0)
      : D.isStatic(n) || D.divideExactly(n, count) === undefined
        ? D.max(0, D.min(part, left))
        : part;
    const y =
      x.type.dtype === 'string'
        ? b.node('string_slice', [x], { axis, start, size })
        : sliceAxis(b, x, axis, start, size);
    start = D.add(start, size);
    return y === x ? b.node('identity', [x]) : y;
  });
}

/** Crops or pads with zeros around the centre of the named axes. */
function buildCenterCropPad(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const axes = node
    .ints(
      'axes',
      x.type.shape.map((_, i) => i),
    )
    .map((a) => axisIn(node, a, rankOf(x)));
  const wanted = dimsOf(b, node.input(1), 'size');
  const begins: Dim[] = x.type.shape.map(() => 0);
  const ends: Dim[] = x.type.shape.map(() => 0);
  axes.forEach((axis, i) => {
    const n = x.type.shape[axis] ?? 1;
    const gap = D.sub(wanted[i] ?? 0, n);
    // Half of the padding, rounded down, goes first; of a crop, half of what is cut, rounded down, is cut first.
    const begin = D.sub(D.floorDiv(D.max(gap, 0), 2), D.floorDiv(D.max(D.sub(0, gap), 0), 2));
    begins[axis] = begin;
    ends[axis] = D.sub(gap, begin);
  });
  return [b.node('pad', [x], { begins, ends, mode: 'constant' })];
}

function buildDepthToSpace(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  return [
    b.node('depth_to_space', [node.input(0)], {
      block: node.int('blocksize'),
      mode: node.choice('mode', ['DCR', 'CRD'], 'DCR'),
    }),
  ];
}

/** Indices must lie in the dimensions they index: certain ones are checked now, the others by the run. */
export function checkIndices(node: OnnxNode, b: GraphBuilder, indices: Value, extents: readonly Dim[]): void {
  const known = knownNumbers(indices) ?? (indices.constant ? node.constantInts(1) : undefined);
  if (known && extents.every(D.isStatic)) {
    known.forEach((v, i) => {
      const extent = Number(extents[i % extents.length] ?? 0);
      if (v < -extent || v >= extent)
        node.fail(`index ${v} is outside a dimension of ${extent}`, `Use indices from ${-extent} to ${extent - 1}`);
    });
    return;
  }
  if (extents.length > 0) b.node('check_index', [indices], { extents });
}

function buildGather(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [x, indices] = [node.input(0), node.input(1)];
  const axis = realAxis(node, node.int('axis', 0));
  if (x.type.dtype !== 'string') checkIndices(node, b, indices, [x.type.shape[axis] ?? 1]);
  return [b.node(variant('gather', x), [x, indices], { axis })];
}

function buildGatherElements(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [x, indices] = [node.input(0), node.input(1)];
  const axis = realAxis(node, node.int('axis', 0));
  checkIndices(node, b, indices, [x.type.shape[axis] ?? 1]);
  return [b.node('gather_elements', [x, indices], { axis })];
}

function buildGatherNd(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [x, indices] = [node.input(0), node.input(1)];
  const batchDims = node.int('batch_dims', 0);
  const depth = indices.type.shape[rankOf(indices) - 1];
  if (D.isStatic(depth ?? 0)) checkIndices(node, b, indices, x.type.shape.slice(batchDims, batchDims + Number(depth)));
  return [b.node('gather_nd', [x, indices], { batchDims })];
}

function buildScatterElements(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const attrs = {
    axis: axisIn(node, node.int('axis', 0), rankOf(x)),
    reduction: node.choice('reduction', ['none', 'add', 'mul', 'max', 'min'], 'none'),
  };
  return [b.node('scatter_elements', [x, node.input(1), node.input(2)], attrs)];
}

function buildScatterNd(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const inputs = [node.input(0), node.input(1), node.input(2)];
  return [
    b.node('scatter_nd', inputs, { reduction: node.choice('reduction', ['none', 'add', 'mul', 'max', 'min'], 'none') }),
  ];
}

function buildOneHot(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [indices, depth, values] = [node.input(0), node.input(1), node.input(2)];
  const axis = axisIn(node, node.int('axis', -1), rankOf(indices) + 1);
  return [b.node('one_hot', [indices, values], { axis, depth: dimsOf(b, reshape(b, depth, [1]), 'depth')[0] ?? 0 })];
}

function buildTrilu(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const k = node.inputs[1];
  return [b.node('trilu', k ? [node.input(0), k] : [node.input(0)], { upper: node.int('upper', 1) !== 0 })];
}

function buildReverseSequence(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const attrs = { timeAxis: node.int('time_axis', 0), batchAxis: node.int('batch_axis', 1) };
  const extent = D.add(node.input(0).type.shape[attrs.timeAxis] ?? 0, 1);
  b.node('check_index', [node.input(1)], { extents: [extent], signed: false });
  return [b.node('reverse_sequence', [node.input(0), node.input(1)], attrs)];
}

/** Writes `update` into `past` along `axis` from `write_indices[batch]` on, for a static key-value cache. */
function buildTensorScatter(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [past, update] = [node.input(0), node.input(1)];
  const axis = axisIn(node, node.int('axis', -2), rankOf(past));
  const inputs = node.inputs[2] ? [past, update, node.inputs[2]] : [past, update];
  return [
    b.node('tensor_scatter', inputs, {
      axis,
      circular: node.choice('mode', ['linear', 'circular'], 'linear') === 'circular',
    }),
  ];
}

/** Operators of ai.onnx that move elements. */
export const movementOnnxOps: readonly OnnxOp[] = [
  onnxOp('Reshape', buildReshape),
  onnxOp('Flatten', buildFlatten),
  onnxOp('Squeeze', buildSqueeze),
  onnxOp('Unsqueeze', buildUnsqueeze),
  onnxOp('Transpose', buildTranspose),
  onnxOp('Concat', buildConcat),
  onnxOp('Slice', buildSlice),
  onnxOp('Pad', buildPad),
  onnxOp('Expand', buildExpand),
  onnxOp('Tile', buildTile),
  onnxOp('Split', buildSplit),
  onnxOp('CenterCropPad', buildCenterCropPad),
  onnxOp('DepthToSpace', buildDepthToSpace),
  onnxOp('SpaceToDepth', (node, b) => [b.node('space_to_depth', [node.input(0)], { block: node.int('blocksize') })]),
  onnxOp('Gather', buildGather),
  onnxOp('GatherElements', buildGatherElements),
  onnxOp('GatherND', buildGatherNd),
  onnxOp('ScatterElements', buildScatterElements),
  onnxOp('Scatter', buildScatterElements, { until: 10 }),
  onnxOp('ScatterND', buildScatterNd),
  onnxOp('TensorScatter', buildTensorScatter),
  onnxOp('OneHot', buildOneHot),
  onnxOp('Trilu', buildTrilu),
  onnxOp('ReverseSequence', buildReverseSequence),
];
