import { entriesOf } from '../dtype.ts';
import type { HostOp, HostTensor, HostValue } from '../host.ts';
import { decodeFloat, encodeFloat } from '../minifloat.ts';
import { isTensor, numericData, sizeOf, stridesOf } from './values.ts';

function tensors(inputs: readonly HostValue[]): [HostTensor, HostTensor, HostTensor] {
  const [data, indices, updates] = inputs;
  if (!isTensor(data) || !isTensor(indices) || !isTensor(updates)) throw new TypeError('a scatter takes three tensors');
  return [data, indices, updates];
}

type Reductions<T> = Readonly<Record<string, (a: T, b: T) => T>>;
/** How an element is combined; without a reduction the last one stays. */
const replace = <T>(_: T, b: T): T => b;
const numbers: Reductions<number> = {
  add: (a, b) => a + b,
  mul: (a, b) => a * b,
  max: Math.max,
  min: Math.min,
};
const integers: Reductions<bigint> = {
  add: (a, b) => a + b,
  mul: (a, b) => a * b,
  max: (a, b) => (a > b ? a : b),
  min: (a, b) => (a < b ? a : b),
};

const isBig = (data: ArrayBufferView): data is BigInt64Array | BigUint64Array =>
  data instanceof BigInt64Array || data instanceof BigUint64Array;

/** A copy of `data` whose element `at` is combined with element `from` of `updates` by the reduction. */
function combiner(data: HostTensor, updates: HostTensor, reduction: string) {
  if (!ArrayBuffer.isView(data.data)) {
    const out = [...data.data];
    const source = updates.data;
    return { data: out, put: (at: number, from: number) => void (out[at] = String(source[from])) };
  }
  const out = numericData(data).slice();
  const source = numericData(updates);
  if (isBig(out) || isBig(source)) {
    const reduce = integers[reduction] ?? replace;
    const put = (at: number, from: number) => void (out[at] = reduce(BigInt(out[at] ?? 0), BigInt(source[from] ?? 0)));
    return { data: out, put };
  }
  const { dtype } = data;
  const reduce = numbers[reduction] ?? replace;
  if (entriesOf(dtype) === 2) {
    const put = (at: number, from: number): void => {
      for (const part of [0, 1]) out[2 * at + part] = reduce(out[2 * at + part] ?? 0, source[2 * from + part] ?? 0);
    };
    return { data: out, put };
  }
  const put =
    reduction !== 'none' && (dtype === 'f16' || dtype === 'bf16')
      ? (at: number, from: number) =>
          void (out[at] = encodeFloat(
            dtype,
            reduce(decodeFloat(dtype, out[at] ?? 0), decodeFloat(dtype, source[from] ?? 0)),
          ))
      : (at: number, from: number) => void (out[at] = reduce(out[at] ?? 0, source[from] ?? 0));
  return { data: out, put };
}

const LIMIT = 2 ** 31 - 1;

/** Indices as small integers; what is too large for one stays out of range. */
function indicesOf(t: HostTensor): Int32Array {
  const data = numericData(t);
  if (data instanceof Int32Array) return data;
  const out = new Int32Array(data.length);
  if (data instanceof BigInt64Array)
    for (let i = 0; i < out.length; i++) out[i] = Math.max(-LIMIT, Math.min(LIMIT, Number(data[i])));
  else for (let i = 0; i < out.length; i++) out[i] = Math.max(-LIMIT, Math.min(LIMIT, Number(data[i])));
  return out;
}

function inside(index: number, extent: number, fail: (reason: string) => never): number {
  const at = index < 0 ? index + extent : index;
  return at >= 0 && at < extent ? at : fail(`index ${index} is outside a dimension of ${extent}`);
}

/** data with data[..., indices[i], ...] combined with updates[i] along `axis` (inputs: data, indices, updates). */
export const scatterElements: HostOp = (inputs, attrs, { fail }) => {
  const [data, indices, updates] = tensors(inputs);
  const axis = Number(attrs.axis ?? 0);
  const out = combiner(data, updates, String(attrs.reduction ?? 'none'));
  const strides = stridesOf(data.shape);
  if (sizeOf(updates.shape) !== sizeOf(indices.shape))
    fail(`updates [${updates.shape.join(', ')}] do not have the shape of the indices [${indices.shape.join(', ')}]`);
  if (indices.shape.some((d, i) => i !== axis && d > (data.shape[i] ?? 0)))
    fail(`indices [${indices.shape.join(', ')}] reach out of data [${data.shape.join(', ')}]`);
  const extent = data.shape[axis] ?? 1;
  const at = indicesOf(indices);
  // Row by row: only along the axis do the indices say where an element goes.
  const last = indices.shape.length - 1;
  const length = indices.shape[last] ?? 1;
  const along = strides[axis] ?? 1;
  const position = new Array<number>(indices.shape.length).fill(0);
  for (let i = 0; i < at.length; ) {
    let base = 0;
    for (let d = 0; d < last; d++) if (d !== axis) base += (position[d] ?? 0) * (strides[d] ?? 1);
    for (let j = 0; j < length; j++, i++)
      out.put(base + (axis === last ? 0 : j) + inside(at[i] ?? 0, extent, fail) * along, i);
    for (let d = last - 1; d >= 0; d--) {
      const next = (position[d] ?? 0) + 1;
      position[d] = next < (indices.shape[d] ?? 1) ? next : 0;
      if (position[d] !== 0) break;
    }
  }
  return [{ dtype: data.dtype, shape: data.shape, data: out.data }];
};

/** data with slices at data[indices[i]] combined with updates[i]; the last axis of `indices` holds coordinates. */
export const scatterNd: HostOp = (inputs, attrs, { fail }) => {
  const [data, indices, updates] = tensors(inputs);
  const out = combiner(data, updates, String(attrs.reduction ?? 'none'));
  const depth = indices.shape[indices.shape.length - 1] ?? 0;
  const strides = stridesOf(data.shape);
  const length = sizeOf(data.shape.slice(depth));
  const at = indicesOf(indices);
  const count = sizeOf(indices.shape.slice(0, -1));
  if (sizeOf(updates.shape) !== count * length)
    fail(
      `updates [${updates.shape.join(', ')}] do not fit indices [${indices.shape.join(', ')}] into [${data.shape.join(', ')}]`,
    );
  for (let i = 0; i < count; i++) {
    let to = 0;
    for (let d = 0; d < depth; d++) to += inside(at[i * depth + d] ?? 0, data.shape[d] ?? 1, fail) * (strides[d] ?? 1);
    for (let j = 0; j < length; j++) out.put(to + j, i * length + j);
  }
  return [{ dtype: data.dtype, shape: data.shape, data: out.data }];
};
