import { entriesOf } from '../dtype.ts';
import type { HostContext, HostOp, HostTensor, HostValue } from '../host.ts';
import { emptyTensor, isTensor, numericData, sizeOf, stridesOf, toNumbers } from './values.ts';

const tensorAt = (inputs: readonly HostValue[], i: number, c: HostContext): HostTensor => {
  const v = inputs[i];
  return isTensor(v) ? v : c.fail(`input ${i} is not a tensor`);
};

/** An i64 tensor of whole numbers. */
function integers(shape: readonly number[], values: readonly number[]): HostTensor {
  return { dtype: 'i64', shape, data: BigInt64Array.from(values, BigInt) };
}

/** Whole slices of t along `axis`, in the order of `picks`. */
export function takeSlices(t: HostTensor, axis: number, picks: readonly number[]): HostTensor {
  const shape = t.shape.map((d, i) => (i === axis ? picks.length : d));
  const inner = sizeOf(t.shape.slice(axis + 1));
  const outer = sizeOf(t.shape.slice(0, axis));
  const length = t.shape[axis] ?? 1;
  const place = (o: number, p: number): number => (o * length + p) * inner;
  if (!ArrayBuffer.isView(t.data)) {
    const strings: string[] = [];
    for (let o = 0; o < outer; o++)
      for (const p of picks) strings.push(...t.data.slice(place(o, p), place(o, p) + inner));
    return { dtype: t.dtype, shape, data: strings };
  }
  const out = emptyTensor(t.dtype, shape);
  const source = t.data;
  const entries = entriesOf(t.dtype);
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (const p of picks) {
      for (let i = 0; i < inner * entries; i++) {
        const v = source[place(o, p) * entries + i];
        if (v !== undefined) out.data[at++] = v;
      }
    }
  }
  return out;
}

/** Coordinates of the elements that are not zero, one column each: i64 [rank, count]. */
export const nonZero: HostOp = (inputs, _attrs, c) => {
  const t = tensorAt(inputs, 0, c);
  const entries = entriesOf(t.dtype);
  const found: number[] = [];
  toNumbers(t).forEach((v, i) => {
    const at = Math.floor(i / entries);
    if (v !== 0 && found.at(-1) !== at) found.push(at);
  });
  const shape = t.shape.length === 0 ? [1] : t.shape;
  const strides = stridesOf(shape);
  const rows = shape.flatMap((d, axis) => found.map((p) => Math.floor(p / (strides[axis] ?? 1)) % d));
  return [integers([t.shape.length === 0 ? 1 : shape.length, found.length], rows)];
};

/** Slices along `axis` (or elements of the flattened tensor) where the condition holds. */
export const compress: HostOp = (inputs, attrs, c) => {
  const t = tensorAt(inputs, 0, c);
  const keep = toNumbers(tensorAt(inputs, 1, c)).flatMap((v, i) => (v !== 0 ? [i] : []));
  const flat = attrs.axis === undefined;
  const source = flat ? { ...t, shape: [sizeOf(t.shape)] } : t;
  const axis = flat ? 0 : Number(attrs.axis);
  const length = source.shape[axis] ?? 0;
  if (keep.some((i) => i >= length)) c.fail(`the condition is longer than axis ${axis}, which has ${length}`);
  return [takeSlices(source, axis, keep)];
};

/** Orders numbers with NaN last, and strings by code units. */
function compare(a: number | bigint | string, b: number | bigint | string): number {
  if (a === b) return 0;
  if (typeof a === 'number' && Number.isNaN(a)) return typeof b === 'number' && Number.isNaN(b) ? 0 : 1;
  if (typeof b === 'number' && Number.isNaN(b)) return -1;
  return a < b ? -1 : 1;
}

/** Distinct slices along `axis` (or elements): values, first positions, position of each in the result, counts. */
export const unique: HostOp = (inputs, attrs, c) => {
  const t = tensorAt(inputs, 0, c);
  const flat = attrs.axis === undefined;
  const source = flat ? { ...t, shape: [sizeOf(t.shape)] } : t;
  const axis = flat ? 0 : Number(attrs.axis);
  const length = source.shape[axis] ?? 0;
  const rows = Array.from({ length }, (_, i): (number | bigint | string)[] => {
    const slice = takeSlices(source, axis, [i]);
    return ArrayBuffer.isView(slice.data) &&
      !(slice.data instanceof BigInt64Array || slice.data instanceof BigUint64Array)
      ? toNumbers(slice)
      : [...(slice.data as readonly (bigint | string)[])];
  });
  const order = (i: number, j: number): number => {
    const [a, b] = [rows[i] ?? [], rows[j] ?? []];
    for (let k = 0; k < a.length; k++) {
      const d = compare(a[k] ?? 0, b[k] ?? 0);
      if (d !== 0) return d;
    }
    return 0;
  };
  const sorted = rows.map((_, i) => i).sort((i, j) => order(i, j) || i - j);
  const groups: number[][] = [];
  for (const i of sorted) {
    const last = groups[groups.length - 1];
    if (last && order(last[0] ?? 0, i) === 0) last.push(i);
    else groups.push([i]);
  }
  if (attrs.sorted === false) groups.sort((p, q) => (p[0] ?? 0) - (q[0] ?? 0));
  const inverse = new Array<number>(length).fill(0);
  groups.forEach((g, at) => {
    for (const i of g) inverse[i] = at;
  });
  const first = groups.map((g) => g[0] ?? 0);
  const n = groups.length;
  return [
    takeSlices(source, axis, first),
    integers([n], first),
    integers([length], inverse),
    integers(
      [n],
      groups.map((g) => g.length),
    ),
  ];
};

/** The k largest (smallest) elements along `axis` and their positions, best first; equal ones keep their order, NaN counts as largest. */
export const topK: HostOp = (inputs, attrs, c) => {
  const t = tensorAt(inputs, 0, c);
  const k = toNumbers(tensorAt(inputs, 1, c))[0] ?? 0;
  const axis = Number(attrs.axis);
  const length = t.shape[axis] ?? 1;
  if (!(k >= 0 && k <= length)) c.fail(`k = ${k} of ${length} elements`, 'Ask for at most as many as there are');
  const shape = t.shape.map((d, i) => (i === axis ? k : d));
  const inner = sizeOf(t.shape.slice(axis + 1));
  const outer = sizeOf(t.shape.slice(0, axis));
  const source = numericData(t);
  const wide = source instanceof BigInt64Array || source instanceof BigUint64Array;
  const keys: ArrayLike<number | bigint> = wide ? source : toNumbers(t);
  const values = emptyTensor(t.dtype, shape);
  const positions = new BigInt64Array(sizeOf(shape));
  const sign = attrs.largest === false ? 1 : -1;
  const at = (o: number, j: number, i: number): number => (o * length + j) * inner + i;
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const order = Array.from({ length }, (_, j) => j);
      order.sort((p, q) => sign * compare(keys[at(o, p, i)] ?? 0, keys[at(o, q, i)] ?? 0) || p - q);
      for (let j = 0; j < k; j++) {
        const from = order[j] ?? 0;
        const v = source[at(o, from, i)];
        const to = (o * k + j) * inner + i;
        if (v !== undefined) values.data[to] = v;
        positions[to] = BigInt(from);
      }
    }
  }
  return [values, { dtype: 'i64', shape, data: positions }];
};

/** Corners of a box, smaller first. */
function corners(boxes: readonly number[], at: number, centre: boolean): [number, number, number, number] {
  const [a = 0, b = 0, c = 0, d = 0] = boxes.slice(at, at + 4);
  // Centred boxes are x, y, width, height; the others y1, x1, y2, x2 with any two opposite corners.
  if (centre) return [b - d / 2, a - c / 2, b + d / 2, a + c / 2];
  return [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
}

function overlap(p: readonly [number, number, number, number], q: readonly [number, number, number, number]): number {
  const height = Math.min(p[2], q[2]) - Math.max(p[0], q[0]);
  const width = Math.min(p[3], q[3]) - Math.max(p[1], q[1]);
  if (height <= 0 || width <= 0) return 0;
  const shared = height * width;
  const union = (p[2] - p[0]) * (p[3] - p[1]) + (q[2] - q[0]) * (q[3] - q[1]) - shared;
  return union <= 0 ? 0 : shared / union;
}

/** Boxes [n, b, 4] and scores [n, classes, b] to [count, 3] of (batch, class, box): best scores first, dropping what overlaps one kept. */
export const nonMaxSuppression: HostOp = (inputs, attrs, c) => {
  const [boxes, scores] = [tensorAt(inputs, 0, c), tensorAt(inputs, 1, c)];
  const option = (i: number): number | undefined => {
    const v = inputs[i];
    return isTensor(v) ? toNumbers(v)[0] : undefined;
  };
  const most = option(2) ?? 0;
  const iou = option(3) ?? 0;
  const least = option(4);
  const [batches = 0, classes = 0, count = 0] = scores.shape;
  const [places, points] = [toNumbers(boxes), toNumbers(scores)];
  const out: number[] = [];
  for (let n = 0; n < batches; n++) {
    const box = Array.from({ length: count }, (_, i) => corners(places, (n * count + i) * 4, attrs.center === true));
    for (let k = 0; k < classes; k++) {
      const score = points.slice((n * classes + k) * count, (n * classes + k + 1) * count);
      const order = score.map((_, i) => i).filter((i) => least === undefined || (score[i] ?? 0) > least);
      order.sort((p, q) => (score[q] ?? 0) - (score[p] ?? 0) || p - q);
      const kept: number[] = [];
      for (const i of order) {
        if (kept.length >= most) break;
        const mine = box[i];
        if (!mine || kept.some((j) => overlap(mine, box[j] ?? mine) > iou)) continue;
        kept.push(i);
        out.push(n, k, i);
      }
    }
  }
  return [integers([out.length / 3, 3], out)];
};

/** Determinants of the matrices in the last two axes, by elimination with the largest pivot. */
export const det: HostOp = (inputs, _attrs, c) => {
  const t = tensorAt(inputs, 0, c);
  const n = t.shape[t.shape.length - 1] ?? 1;
  if (t.shape[t.shape.length - 2] !== n) c.fail(`[${t.shape.join(', ')}] does not hold square matrices`);
  const all = toNumbers(t);
  const shape = t.shape.slice(0, -2);
  const out = emptyTensor(t.dtype, shape);
  for (let m = 0; m < sizeOf(shape); m++) {
    const rows = Array.from({ length: n }, (_, i) => all.slice((m * n + i) * n, (m * n + i + 1) * n));
    let value = 1;
    for (let k = 0; k < n; k++) {
      let pivot = k;
      for (let i = k + 1; i < n; i++) if (Math.abs(rows[i]?.[k] ?? 0) > Math.abs(rows[pivot]?.[k] ?? 0)) pivot = i;
      const [top = [], old = []] = [rows[pivot], rows[k]];
      if (pivot !== k) {
        rows[pivot] = old;
        rows[k] = top;
        value = -value;
      }
      const lead = top[k] ?? 0;
      value *= lead;
      if (lead === 0) break;
      for (let i = k + 1; i < n; i++) {
        const row = rows[i] ?? [];
        const factor = (row[k] ?? 0) / lead;
        for (let j = k; j < n; j++) row[j] = (row[j] ?? 0) - factor * (top[j] ?? 0);
      }
    }
    out.data[m] = value;
  }
  return [out];
};

/** The same bytes as another dtype of the same width. */
export const bitcast: HostOp = (inputs, attrs, c) => {
  const t = tensorAt(inputs, 0, c);
  const source = numericData(t);
  const dtype = String(attrs.to) as HostTensor['dtype'];
  const out = emptyTensor(dtype, t.shape);
  new Uint8Array(out.data.buffer).set(new Uint8Array(source.buffer, source.byteOffset, source.byteLength));
  return [out];
};

/** `update` written into a copy of the cache along `axis` from each batch entry's position on; `circular` wraps round. */
export const tensorScatter: HostOp = (inputs, attrs, c) => {
  const [cache, update] = [tensorAt(inputs, 0, c), tensorAt(inputs, 1, c)];
  const starts = isTensor(inputs[2]) ? toNumbers(inputs[2]) : [];
  const axis = Number(attrs.axis);
  const [length, count] = [cache.shape[axis] ?? 1, update.shape[axis] ?? 1];
  const inner = sizeOf(cache.shape.slice(axis + 1)) * entriesOf(cache.dtype);
  const outer = sizeOf(cache.shape.slice(0, axis));
  const perBatch = sizeOf(cache.shape.slice(1, axis));
  const [out, source] = [numericData(cache).slice(), numericData(update)];
  for (let o = 0; o < outer; o++) {
    const start = starts[Math.floor(o / perBatch)] ?? 0;
    for (let s = 0; s < count; s++) {
      const to = attrs.circular === true ? (start + s) % length : start + s;
      if (to < 0 || to >= length) c.fail(`position ${to} is outside a cache of ${length}`);
      for (let i = 0; i < inner; i++) {
        const v = source[(o * count + s) * inner + i];
        if (v !== undefined) out[(o * length + to) * inner + i] = v;
      }
    }
  }
  return [{ dtype: cache.dtype, shape: cache.shape, data: out }];
};
