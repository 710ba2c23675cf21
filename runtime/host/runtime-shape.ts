import { entriesOf } from '../dtype.ts';
import type { HostOp, HostTensor } from '../host.ts';
import { emptyTensor, isTensor, numericData, sizeOf, stridesOf, toNumbers } from './values.ts';

function tensorAt(inputs: Parameters<HostOp>[0], i: number, fail: (reason: string) => never): HostTensor {
  const v = inputs[i];
  return isTensor(v) ? v : fail(`input ${i} is not a tensor`);
}

const integers = (v: Parameters<HostOp>[0][number] | undefined): number[] | undefined =>
  isTensor(v) ? toNumbers(v) : undefined;

const withShape = (t: HostTensor, shape: readonly number[]): HostTensor => ({
  dtype: t.dtype,
  shape,
  data: ArrayBuffer.isView(t.data) ? t.data.slice() : t.data,
});

/** Contents of an integer tensor as a shape: output 1 has shape [values..., 0]. */
export const readDims: HostOp = (inputs, _attrs, { fail }) => {
  const t = tensorAt(inputs, 0, fail);
  const dims = toNumbers(t);
  const bad = dims.find((d) => !(d >= 0 && d <= 2147483647));
  if (bad !== undefined) fail(`${bad} is not a length`, 'Give non-negative lengths');
  return [withShape(t, t.shape), emptyTensor('u8', [...dims, 0])];
};

/** Input 0 under the shape in input 1; 0 copies a dimension (unless allowZero), -1 takes the rest. */
export const reshapeTo: HostOp = (inputs, attrs, { fail }) => {
  const t = tensorAt(inputs, 0, fail);
  const shape = (integers(inputs[1]) ?? []).map((d, i) =>
    d === 0 && attrs.allowZero !== true ? (t.shape[i] ?? 0) : d,
  );
  const open = shape.indexOf(-1);
  const rest = sizeOf(shape.filter((_, i) => i !== open));
  const total = sizeOf(t.shape);
  if (open >= 0) shape[open] = rest === 0 ? 0 : total / rest;
  if (shape.some((d) => !Number.isInteger(d) || d < 0) || sizeOf(shape) !== total)
    fail(
      `a tensor of shape [${t.shape.join(', ')}] cannot take shape [${shape.join(', ')}]`,
      'Give a shape with as many elements',
    );
  return [withShape(t, shape)];
};

/** Drops the axes in input 1. */
export const squeeze: HostOp = (inputs, _attrs, { fail }) => {
  const t = tensorAt(inputs, 0, fail);
  const axes = (integers(inputs[1]) ?? []).map((a) => (a < 0 ? a + t.shape.length : a));
  for (const a of axes) if (t.shape[a] !== 1) fail(`axis ${a} of [${t.shape.join(', ')}] has not length 1`);
  return [
    withShape(
      t,
      t.shape.filter((_, i) => !axes.includes(i)),
    ),
  ];
};

/** Inserts axes of length 1 at the places in input 1. */
export const unsqueeze: HostOp = (inputs, _attrs, { fail }) => {
  const t = tensorAt(inputs, 0, fail);
  const given = integers(inputs[1]) ?? [];
  const rank = t.shape.length + given.length;
  const axes = new Set(given.map((a) => (a < 0 ? a + rank : a)));
  if (axes.size !== given.length || [...axes].some((a) => a < 0 || a >= rank))
    fail(`axes [${given.join(', ')}] do not fit rank ${rank}`);
  const rest = [...t.shape];
  return [
    withShape(
      t,
      Array.from({ length: rank }, (_, i) => (axes.has(i) ? 1 : (rest.shift() ?? 1))),
    ),
  ];
};

/** Gathers the elements at offsets that `from` gives for each output index, or `fill` where it gives -1. */
function gatherElements(
  t: HostTensor,
  shape: readonly number[],
  offset: (axis: number, i: number) => number,
  fill?: HostTensor,
): HostTensor {
  const strides = stridesOf(t.shape);
  const tables = shape.map((n, axis) =>
    Array.from({ length: n }, (_, i) => {
      const at = offset(axis, i);
      return at < 0 ? Number.NaN : at * (strides[axis] ?? 1);
    }),
  );
  const count = sizeOf(shape);
  const places = new Array<number>(count);
  const index = new Array<number>(shape.length).fill(0);
  for (let k = 0; k < count; k++) {
    let at = 0;
    for (let d = 0; d < index.length; d++) at += tables[d]?.[index[d] ?? 0] ?? 0;
    places[k] = at;
    for (let d = index.length - 1; d >= 0; d--) {
      const next = (index[d] ?? 0) + 1;
      index[d] = next < (shape[d] ?? 1) ? next : 0;
      if (index[d] !== 0) break;
    }
  }
  if (!ArrayBuffer.isView(t.data)) {
    const { data } = t;
    const blank = fill && !ArrayBuffer.isView(fill.data) ? (fill.data[0] ?? '') : '';
    return { dtype: t.dtype, shape, data: places.map((p) => (Number.isNaN(p) ? blank : (data[p] ?? ''))) };
  }
  const out = emptyTensor(t.dtype, shape);
  const source = t.data;
  const entries = entriesOf(t.dtype);
  const blank = fill ? numericData(fill) : [];
  places.forEach((p, k) => {
    for (let e = 0; e < entries; e++) {
      const v = Number.isNaN(p) ? blank[e] : source[p * entries + e];
      if (v !== undefined) out.data[k * entries + e] = v;
    }
  });
  return out;
}

/** numpy slicing: inputs data, starts, ends, axes?, steps?. */
export const sliceBy: HostOp = (inputs, _attrs, { fail }) => {
  const t = tensorAt(inputs, 0, fail);
  const starts = integers(inputs[1]) ?? [];
  const ends = integers(inputs[2]) ?? [];
  const axes = integers(inputs[3]) ?? starts.map((_, i) => i);
  const steps = integers(inputs[4]) ?? starts.map(() => 1);
  const shape = [...t.shape];
  const from = shape.map(() => 0);
  const by = shape.map(() => 1);
  for (const [i, a] of axes.entries()) {
    const axis = a < 0 ? a + shape.length : a;
    const n = t.shape[axis] ?? fail(`axis ${a} is outside rank ${shape.length}`);
    const step = steps[i] ?? 1;
    if (step === 0) fail('a step is 0');
    const wrap = (v: number) => (v < 0 ? v + n : v);
    const [low, high] = step > 0 ? [0, n] : [-1, n - 1];
    const start = Math.min(high, Math.max(0, wrap(starts[i] ?? 0)));
    const end = Math.max(low, Math.min(high, wrap(ends[i] ?? n)));
    from[axis] = start;
    by[axis] = step;
    shape[axis] = Math.max(0, Math.ceil((end - start) / step));
  }
  return [gatherElements(t, shape, (axis, i) => (from[axis] ?? 0) + i * (by[axis] ?? 1))];
};

/** Padding: inputs data, pads ([begins..., ends...]), value?, axes?; attribute mode. */
export const padBy: HostOp = (inputs, attrs, { fail }) => {
  const t = tensorAt(inputs, 0, fail);
  const pads = integers(inputs[1]) ?? [];
  const fill = isTensor(inputs[2]) ? inputs[2] : undefined;
  const axes = integers(inputs[3]) ?? t.shape.map((_, i) => i);
  const begins = t.shape.map(() => 0);
  const shape = [...t.shape];
  axes.forEach((a, i) => {
    const axis = a < 0 ? a + shape.length : a;
    begins[axis] = pads[i] ?? 0;
    shape[axis] = (shape[axis] ?? 0) + (pads[i] ?? 0) + (pads[i + axes.length] ?? 0);
  });
  if (shape.some((d) => d < 0)) fail(`pads [${pads.join(', ')}] remove more than there is of [${t.shape.join(', ')}]`);
  const source = (axis: number, i: number): number => {
    const n = t.shape[axis] ?? 1;
    const at = i - (begins[axis] ?? 0);
    if (at >= 0 && at < n) return at;
    switch (attrs.mode) {
      case 'edge':
        return Math.max(0, Math.min(n - 1, at));
      case 'wrap':
        return ((at % n) + n) % n;
      case 'reflect': {
        const period = Math.max(1, 2 * (n - 1));
        const m = ((at % period) + period) % period;
        return Math.min(m, period - m);
      }
      default:
        return -1;
    }
  };
  return [gatherElements(t, shape, source, fill)];
};
