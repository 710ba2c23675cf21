import type { Dim } from '../ir/dim.ts';
import * as D from '../ir/dim.ts';
import { computeType } from '../ir/dtype.ts';
import { constant, dimValue } from '../ir/expr.ts';
import type { Attributes, TensorType } from '../ir/graph.ts';
import { defineOp, type InferContext, type OpDef } from '../ir/op.ts';
import { dimsAttr, dtypeAttr, formatShape, inputType, multiplyAdd, numberAttr, numbersAttr, only } from './shapes.ts';

/** Window geometry of one spatial axis. */
export interface Window {
  readonly kernel: Dim;
  readonly stride: number;
  readonly dilation: number;
  readonly begin: Dim;
  readonly end: Dim;
}

/** Geometry of each spatial axis from `strides`, `dilations` and `pads` ([begin..., end...]). */
export function windowsOf(attrs: Attributes, kernel: readonly Dim[]): Window[] {
  const strides = numbersAttr(attrs, 'strides');
  const dilations = numbersAttr(attrs, 'dilations');
  const pads = dimsAttr(attrs, 'pads');
  return kernel.map((k, i) => ({
    kernel: k,
    stride: strides[i] ?? 1,
    dilation: dilations[i] ?? 1,
    begin: pads[i] ?? 0,
    end: pads[i + kernel.length] ?? 0,
  }));
}

/** Distance the dilated kernel spans: d*(k - 1) + 1. */
export const spanOf = (w: Window): Dim => D.add(D.mul(w.dilation, D.sub(w.kernel, 1)), 1);

/** floor((n + pads - span) / stride) + 1 */
export const windowCount = (n: Dim, w: Window): Dim =>
  D.add(D.floorDiv(D.sub(D.add(n, D.add(w.begin, w.end)), spanOf(w)), w.stride), 1);

/** Input position of tap `k` for output position `i`. */
export const tap = (i: Dim, k: Dim, w: Window): Dim => D.sub(D.add(D.mul(i, w.stride), D.mul(k, w.dilation)), w.begin);

function checkChannels(c: InferContext, x: TensorType, w: TensorType): number {
  const group = numberAttr(c.attrs, 'group', 1);
  if (x.shape.length < 3 || w.shape.length !== x.shape.length)
    c.fail(`input ${formatShape(x.shape)} and weights ${formatShape(w.shape)} must have the same rank, 3 or more`);
  return group;
}

/**
 * Cross-correlation: x [n, c, ...spatial] with w [m, c/group, ...kernel]; attributes strides, dilations, pads, group. The bias is a
 * separate add, so that every consumer fuses the same way. Attribute `dtype` widens the accumulator and the result (integers).
 */
export const conv = defineOp({
  name: 'conv',
  infer: (c) => {
    const [x, w] = [inputType(c, 0), inputType(c, 1)];
    const group = checkChannels(c, x, w);
    if (D.equals(x.shape[1] ?? 1, D.mul(w.shape[1] ?? 1, group)) === false)
      c.fail(
        `input ${formatShape(x.shape)} has ${D.formatDim(x.shape[1] ?? 1)} channels; weights ${formatShape(w.shape)} with group ${group} need ${D.formatDim(D.mul(w.shape[1] ?? 1, group))}`,
      );
    const windows = windowsOf(c.attrs, w.shape.slice(2));
    const spatial = windows.map((win, i) => windowCount(x.shape[i + 2] ?? 1, win));
    if (spatial.some((n) => D.range(n).max < 0))
      c.fail(`the kernel ${formatShape(w.shape)} is larger than the padded input ${formatShape(x.shape)}`);
    return {
      dtype: dtypeAttr(c.attrs, 'dtype', x.dtype),
      shape: [x.shape[0] ?? 1, w.shape[0] ?? 1, ...spatial],
      format: 'dense',
    };
  },
  element: (c) => {
    const w = c.inputs[1]?.shape ?? [];
    const [m = 1, depth = 1] = w;
    const windows = windowsOf(c.attrs, w.slice(2));
    const group = numberAttr(c.attrs, 'group', 1);
    const perGroup = group === 1 ? m : D.floorDiv(m, group);
    const type = computeType(only(c.outputs).dtype);
    return ([n = 0, channel = 0, ...spatial]) => {
      const first = group === 1 ? 0 : D.mul(D.floorDiv(channel, perGroup), depth);
      return only(
        c.fold('sum', [depth, ...w.slice(2)], [constant(type, 0)], ([d = 0, ...taps], state) => {
          const from = spatial.map((i, axis) => tap(i, taps[axis] ?? 0, only(windows, axis)));
          const x = c.guarded(0, [n, D.add(first, d), ...from], constant(computeType(c.inputs[0]?.dtype ?? 'f32'), 0));
          return [multiplyAdd(x.cast(type), c.at(1, [channel, d, ...taps]).cast(type), only(state))];
        }),
      );
    };
  },
  flops: (node) => D.mul(2, D.product(node.inputs[1]?.type.shape.slice(1) ?? [])),
});

/**
 * Transposed convolution: x [n, c, ...spatial] with w [c, m/group, ...kernel]; `outputPadding` adds to the end. Written as a gather:
 * output position o takes tap k from input (o + begin - k*dilation) / stride where that divides.
 */
const convTranspose = defineOp({
  name: 'conv_transpose',
  infer: (c) => {
    const [x, w] = [inputType(c, 0), inputType(c, 1)];
    const group = checkChannels(c, x, w);
    if (D.equals(x.shape[1] ?? 1, w.shape[0] ?? 1) === false)
      c.fail(`input ${formatShape(x.shape)} and weights ${formatShape(w.shape)} differ in channels`);
    const extra = dimsAttr(c.attrs, 'outputPadding');
    const spatial = windowsOf(c.attrs, w.shape.slice(2)).map((win, i) => {
      const full = D.add(D.mul(D.sub(x.shape[i + 2] ?? 1, 1), win.stride), spanOf(win));
      return D.add(D.sub(full, D.add(win.begin, win.end)), extra[i] ?? 0);
    });
    return { dtype: x.dtype, shape: [x.shape[0] ?? 1, D.mul(w.shape[1] ?? 1, group), ...spatial], format: 'dense' };
  },
  element: (c) => {
    const w = c.inputs[1]?.shape ?? [];
    const [channels = 1, perGroup = 1] = w;
    const windows = windowsOf(c.attrs, w.slice(2));
    const group = numberAttr(c.attrs, 'group', 1);
    const depth = group === 1 ? channels : D.floorDiv(channels, group);
    const type = computeType(only(c.outputs).dtype);
    const zero = constant(type, 0);
    return ([n = 0, channel = 0, ...spatial]) => {
      const first = group === 1 ? 0 : D.mul(D.floorDiv(channel, perGroup), depth);
      const inGroup = group === 1 ? channel : D.mod(channel, perGroup);
      return only(
        c.fold('sum', [depth, ...w.slice(2)], [zero], ([d = 0, ...taps], state) => {
          const offsets = spatial.map((o, i) => {
            const win = only(windows, i);
            return D.sub(D.add(o, win.begin), D.mul(taps[i] ?? 0, win.dilation));
          });
          const source = offsets.map((o, i) => D.floorDiv(o, only(windows, i).stride));
          let x = c.guarded(0, [n, D.add(first, d), ...source], zero);
          offsets.forEach((o, i) => {
            const rest = D.mod(o, only(windows, i).stride);
            if (rest !== 0) x = dimValue(rest).eq(0).guard(x, zero);
          });
          return [multiplyAdd(x, c.at(1, [D.add(first, d), inGroup, ...taps]), only(state))];
        }),
      );
    };
  },
  flops: (node) =>
    D.mul(2, D.product([node.inputs[1]?.type.shape[0] ?? 1, ...(node.inputs[1]?.type.shape.slice(2) ?? [])])),
});

/** Image from columns: the sum of overlapping blocks (inverse of unfolding). Input [n, c*prod(block), blocks]. */
const col2im = defineOp({
  name: 'col2im',
  partwise: true,
  infer: (c) => {
    const x = inputType(c, 0);
    const [columns = 1, block] = [x.shape[1], D.product(dimsAttr(c.attrs, 'kernel'))];
    if (D.isStatic(columns) && D.isStatic(block) && columns % block !== 0)
      c.fail(`${columns} rows are not divisible by a block of ${block}`);
    return {
      dtype: x.dtype,
      shape: [x.shape[0] ?? 1, D.floorDiv(columns, block), ...dimsAttr(c.attrs, 'shape')],
      format: 'dense',
    };
  },
  element: (c) => {
    const kernel = dimsAttr(c.attrs, 'kernel');
    const windows = windowsOf(c.attrs, kernel);
    const image = dimsAttr(c.attrs, 'shape');
    const counts = windows.map((w, i) => windowCount(image[i] ?? 1, w));
    const zero = constant(computeType(only(c.outputs).dtype), 0);
    return ([n = 0, channel = 0, ...spatial]) =>
      only(
        c.fold('sum', kernel, [zero], (taps, state) => {
          let row: Dim = channel;
          let column: Dim = 0;
          let x = undefined as ReturnType<typeof c.at> | undefined;
          const conditions = spatial.map((o, i) => {
            const w = only(windows, i);
            const offset = D.sub(D.add(o, w.begin), D.mul(taps[i] ?? 0, w.dilation));
            const block = D.floorDiv(offset, w.stride);
            row = D.add(D.mul(row, kernel[i] ?? 1), taps[i] ?? 0);
            column = D.add(D.mul(column, counts[i] ?? 1), block);
            const inside = dimValue(block)
              .ge(0)
              .and(dimValue(block).lt(dimValue(counts[i] ?? 1)));
            return inside.and(dimValue(D.mod(offset, w.stride)).eq(0));
          });
          x = c.at(0, [n, row, column]);
          return [only(state).add(conditions.reduce((p, q) => p.and(q)).guard(x, zero))];
        }),
      );
  },
});

/** Convolutions; geometry stays in the Dim algebra. */
export const convOps: readonly OpDef[] = [conv, convTranspose, col2im];
