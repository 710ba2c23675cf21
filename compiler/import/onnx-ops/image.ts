import { tapCount } from '../../../runtime/host/resample-table.ts';
import type { Dim } from '../../ir/dim.ts';
import * as D from '../../ir/dim.ts';
import { isComplex, isFloat } from '../../ir/dtype.ts';
import type { Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { integerRange } from '../../ops/shapes.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import { axisIn, cast, dimsOf, knownDims, rankOf, reshape, scalar, shapeVector } from './common.ts';
import { addBias, geometry, groupOf } from './linear.ts';

/** How one axis is resized. */
interface AxisPlan {
  readonly axis: number;
  readonly size: Dim;
  /** undefined: size / length, or what the run gives. */
  readonly scale: number | undefined;
  /** Place of the axis in the scales and regions the node is given. */
  readonly position: number;
  /** Scales that the run gives, and which of them is this axis's. */
  readonly scales?: Value;
  readonly scaleAt?: number;
}

/** floor(n * scale), exactly for scales that are ratios of small whole numbers; undefined when only the run can tell. */
function scaledLength(n: Dim, scale: number): Dim | undefined {
  if (D.isStatic(n)) return Math.floor(n * scale);
  for (let q = 1; q <= 64; q++) {
    const p = scale * q;
    // Scales are stored in 32 bits: 2/3 is as near as that gets.
    if (Math.abs(p - Math.round(p)) < 1e-6 * q) return D.floorDiv(D.mul(n, Math.round(p)), q);
  }
  return undefined;
}

interface ResizeInputs {
  readonly scales: Value | undefined;
  readonly sizes: Value | undefined;
  readonly roi: Value | undefined;
}

function resizeInputs(node: OnnxNode): ResizeInputs {
  const given = (i: number): Value | undefined => {
    const v = node.inputs[i];
    return v && v.type.shape[0] !== 0 ? v : undefined;
  };
  if (node.op === 'Upsample' || node.opset < 11) return { scales: given(1), sizes: undefined, roi: undefined };
  return { roi: given(1), scales: given(2), sizes: given(3) };
}

function planAxes(
  node: OnnxNode,
  b: GraphBuilder,
  x: Value,
  axes: readonly number[],
  { scales, sizes }: ResizeInputs,
): AxisPlan[] {
  const lengths = axes.map((a) => x.type.shape[a] ?? 1);
  if (sizes) {
    const policy = node.choice('keep_aspect_ratio_policy', ['stretch', 'not_larger', 'not_smaller'], 'stretch');
    if (policy === 'stretch') {
      const wanted = dimsOf(b, sizes, 'size');
      return axes.map((axis, i) => ({ axis, size: wanted[i] ?? 1, scale: undefined, position: i }));
    }
    // One scale for all axes: the smallest or largest of those asked for.
    const floats = cast(b, shapeVector(b, lengths), 'f32');
    const ratios = b.node('div', [cast(b, sizes, 'f32'), floats]);
    const op = policy === 'not_larger' ? 'reduce_min' : 'reduce_max';
    const scale = b.node(op, [ratios], { axes: [0], keepDims: true });
    const rounded = b.node('floor', [b.node('add', [b.node('mul', [floats, scale]), scalar(b, 'f32', 0.5)])]);
    const kept = dimsOf(b, cast(b, rounded, 'i64'), 'size');
    return axes.map((axis, i) => ({
      axis,
      size: kept[i] ?? 1,
      scale: undefined,
      position: i,
      scales: scale,
      scaleAt: 0,
    }));
  }
  const attribute = node.has('scales') ? node.floats('scales') : upsampleScales(node);
  const known = attribute ?? (scales ? knownDims(scales) : node.fail('neither scales nor sizes are given'));
  const plans = axes.map((axis, i) => {
    const s = known?.[i];
    const size = D.isStatic(s ?? D.sym('x')) ? scaledLength(lengths[i] ?? 1, Number(s)) : undefined;
    return { axis, size, scale: size === undefined ? undefined : Number(s), position: i };
  });
  if (plans.every((p) => p.size !== undefined)) return plans.map((p) => ({ ...p, size: p.size ?? 1 }));
  if (!scales) return node.fail('its scales do not give whole lengths');
  const product = b.node('mul', [cast(b, shapeVector(b, lengths), 'f32'), cast(b, scales, 'f32')]);
  const lengthsThen = dimsOf(b, cast(b, b.node('floor', [product]), 'i64'), 'size');
  return plans.map((p, i) => ({ ...p, size: lengthsThen[i] ?? 1, scale: undefined, scales, scaleAt: i }));
}

/** Scales of Upsample before opset 7. */
function upsampleScales(node: OnnxNode): readonly number[] | undefined {
  if (!node.has('height_scale')) return undefined;
  return [1, 1, node.float('height_scale'), node.float('width_scale')];
}

const COORDINATES = [
  'half_pixel',
  'half_pixel_symmetric',
  'pytorch_half_pixel',
  'align_corners',
  'asymmetric',
  'tf_half_pixel_for_nn',
  'tf_crop_and_resize',
] as const;
const NEAREST = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'] as const;
const SAMPLINGS = ['linear', 'bilinear', 'nearest', 'cubic', 'bicubic'] as const;

function buildResize(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const mode = node.choice('mode', ['nearest', 'linear', 'bilinear', 'cubic'], 'nearest').replace('bilinear', 'linear');
  const old = node.op === 'Upsample' || node.opset < 11;
  const coordinates = old ? 'asymmetric' : node.choice('coordinate_transformation_mode', COORDINATES, 'half_pixel');
  const nearestMode = old ? 'floor' : node.choice('nearest_mode', NEAREST, 'round_prefer_floor');
  const antialias = node.int('antialias', 0) !== 0;
  const inputs = resizeInputs(node);
  const axes = node
    .ints(
      'axes',
      x.type.shape.map((_, i) => i),
    )
    .map((a) => axisIn(node, a, rankOf(x)));
  const crop = coordinates === 'tf_crop_and_resize';
  const plans = planAxes(node, b, x, axes, inputs).filter(
    (p) => crop || p.size !== x.type.shape[p.axis] || (p.scale !== undefined && Math.abs(p.scale - 1) > 1e-9),
  );
  const repeats = wholeRepeats(x, plans, mode, coordinates, nearestMode);
  if (repeats) return [repeats.every((r) => r === 1) ? b.node('identity', [x]) : b.node('repeat', [x], { repeats })];
  const attrs = {
    mode,
    nearestMode,
    coordinates,
    antialias,
    cubicA: node.float('cubic_coeff_a', -0.75),
    excludeOutside: node.int('exclude_outside', 0) !== 0,
    extrapolation: node.float('extrapolation_value', 0),
  };
  const { dtype } = x.type;
  const mixes = mode !== 'nearest' || crop;
  let y = mixes && !isFloat(dtype) && !isComplex(dtype) ? cast(b, x, 'f32') : x;
  const tables: Value[] = [];
  // An image is interpolated along both axes at once.
  const both = mode === 'linear' && !antialias && !crop && plans.length === 2;
  for (const p of plans) {
    const length = y.type.shape[p.axis] ?? 1;
    const scale = p.scale ?? (D.isStatic(length) && D.isStatic(p.size) && !p.scales ? p.size / length : undefined);
    const taps =
      !antialias || mode === 'nearest'
        ? tapCount(mode, false, 1)
        : scale === undefined
          ? 0
          : tapCount(mode, true, scale);
    const [indices, weights, fill] = b.nodes(
      'resample_table',
      [shapeVector(b, [length, p.size]), p.scales ?? null, crop ? (inputs.roi ?? null) : null],
      {
        ...attrs,
        axis: p.axis,
        taps,
        ...(scale === undefined ? {} : { scale }),
        scaleAt: p.scaleAt ?? 0,
        startAt: p.position,
        endAt: p.position + axes.length,
      },
    );
    if (!indices || !weights || !fill) return node.fail('its tables cannot be built');
    if (both) {
      tables.push(indices, weights);
      continue;
    }
    y = mixes
      ? b.node('resample', crop ? [y, indices, weights, fill] : [y, indices, weights], { axis: p.axis })
      : b.node('gather', [y, reshape(b, indices, [p.size])], { axis: p.axis });
  }
  if (both) y = b.node('bilinear', [y, ...tables], { axes: plans.map((p) => p.axis) });
  if (y.type.dtype === dtype) return [y === x ? b.node('identity', [x]) : y];
  const { min, max } = integerRange(dtype);
  const rounded = b.node('round', [y]);
  return [cast(b, b.node('clip', [rounded, scalar(b, 'f32', Number(min)), scalar(b, 'f32', Number(max))]), dtype)];
}

/** Whole-numbered nearest upscaling repeats elements: every index then stays in the Dim algebra. */
function wholeRepeats(
  x: Value,
  plans: readonly AxisPlan[],
  mode: string,
  coordinates: string,
  nearestMode: string,
): number[] | undefined {
  const asymmetric = coordinates === 'asymmetric' && nearestMode === 'floor';
  const centred = /^(pytorch_)?half_pixel(_symmetric)?$/.test(coordinates) && nearestMode.startsWith('round');
  if (plans.length > 0 && (mode !== 'nearest' || !(asymmetric || centred))) return undefined;
  const repeats = x.type.shape.map(() => 1);
  for (const p of plans) {
    const factor = D.divideExactly(p.size, x.type.shape[p.axis] ?? 1);
    if (factor === undefined || !D.isStatic(factor) || factor < 1 || (p.scale !== undefined && p.scale !== factor))
      return undefined;
    repeats[p.axis] = factor;
  }
  return repeats;
}

function buildGridSample(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const mode = node.choice('mode', SAMPLINGS, node.opset < 20 ? 'bilinear' : 'linear').replace(/^bi/, '');
  const attrs = {
    mode,
    padding: node.choice('padding_mode', ['zeros', 'border', 'reflection'], 'zeros'),
    alignCorners: node.int('align_corners', 0) !== 0,
  };
  return [b.node('grid_sample', [node.input(0), node.input(1)], attrs)];
}

function buildAffineGrid(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const size = dimsOf(b, node.input(1), 'size').slice(2);
  return [b.node('affine_grid', [node.input(0)], { size, alignCorners: node.int('align_corners', 0) !== 0 })];
}

function buildRoiAlign(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const attrs = {
    height: node.int('output_height', 1),
    width: node.int('output_width', 1),
    samplingRatio: node.int('sampling_ratio', 0),
    spatialScale: node.float('spatial_scale', 1),
    mode: node.choice('mode', ['avg', 'max'], 'avg'),
    halfPixel:
      node.opset >= 16 &&
      node.choice('coordinate_transformation_mode', ['half_pixel', 'output_half_pixel'], 'half_pixel') === 'half_pixel',
  };
  return [b.node('roi_align', [node.input(0), node.input(1), node.input(2)], attrs)];
}

function buildMaxRoiPool(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [height, width] = node.ints('pooled_shape');
  const attrs = { height: height ?? 1, width: width ?? 1, spatialScale: node.float('spatial_scale', 1) };
  return [b.node('max_roi_pool', [node.input(0), node.input(1)], attrs)];
}

function buildDeformConv(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [x, w, offset] = [node.input(0), node.input(1), node.input(2)];
  const mask = node.inputs[4];
  const attrs = {
    ...geometry(node, x, w.type.shape.slice(2)),
    group: groupOf(node),
    offsetGroup: node.int('offset_group', 1),
  };
  const y = b.node('deform_conv', mask ? [x, w, offset, mask] : [x, w, offset], attrs);
  return [addBias(b, y, node.inputs[3])];
}

/** Operators of ai.onnx that sample images. */
export const imageOnnxOps: readonly OnnxOp[] = [
  onnxOp('Resize', buildResize, { since: 10 }),
  onnxOp('Upsample', buildResize, { until: 9 }),
  onnxOp('GridSample', buildGridSample),
  onnxOp('AffineGrid', buildAffineGrid),
  onnxOp('RoiAlign', buildRoiAlign),
  onnxOp('MaxRoiPool', buildMaxRoiPool),
  onnxOp('DeformConv', buildDeformConv),
];
