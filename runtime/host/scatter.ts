import type { HostOp, HostTensor, HostValue } from '../host.ts';
import { decodeFloat, encodeFloat } from '../minifloat.ts';
import { isTensor, numericData, sizeOf, stridesOf, toNumbers } from './values.ts';

function tensors(inputs: readonly HostValue[]): [HostTensor, HostTensor, HostTensor] {
  const [data, indices, updates] = inputs;
  if (!isTensor(data) || !isTensor(indices) || !isTensor(updates)) throw new TypeError('a scatter takes three tensors');
  return [data, indices, updates];
}

/** A copy of `data` whose element `at` is combined with element `from` of `updates` by the reduction. */
function combiner(data: HostTensor, updates: HostTensor, reduction: string) {
  if (!ArrayBuffer.isView(data.data)) {
    const out = [...data.data];
    const source = updates.data;
    return { data: out, put: (at: number, from: number) => void (out[at] = String(source[from])) };
  }
  const out = numericData(data).slice();
  const source = numericData(updates);
  if (data.dtype === 'f16' || data.dtype === 'bf16') {
    const { dtype } = data;
    const put = (at: number, from: number) => {
      const [a, b] = [decodeFloat(dtype, Number(out[at])), decodeFloat(dtype, Number(source[from]))];
      out[at] = reduction === 'none' ? Number(source[from]) : encodeFloat(dtype, reduced(reduction, a, b));
    };
    return { data: out, put };
  }
  const put = (at: number, from: number) => {
    const [a, b] = [out[at], source[from]];
    if (a === undefined || b === undefined) return;
    out[at] =
      typeof a === 'bigint' || typeof b === 'bigint'
        ? reducedBig(reduction, BigInt(a), BigInt(b))
        : reduced(reduction, a, b);
  };
  return { data: out, put };
}

function reduced(reduction: string, a: number, b: number): number {
  switch (reduction) {
    case 'add':
      return a + b;
    case 'mul':
      return a * b;
    case 'max':
      return Math.max(a, b);
    case 'min':
      return Math.min(a, b);
    default:
      return b;
  }
}

function reducedBig(reduction: string, a: bigint, b: bigint): bigint {
  switch (reduction) {
    case 'add':
      return a + b;
    case 'mul':
      return a * b;
    case 'max':
      return a > b ? a : b;
    case 'min':
      return a < b ? a : b;
    default:
      return b;
  }
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
  const at = toNumbers(indices);
  const count = sizeOf(indices.shape);
  const position = new Array<number>(indices.shape.length).fill(0);
  for (let i = 0; i < count; i++) {
    let to = 0;
    for (let d = 0; d < position.length; d++)
      to += (d === axis ? inside(at[i] ?? 0, extent, fail) : (position[d] ?? 0)) * (strides[d] ?? 1);
    out.put(to, i);
    for (let d = position.length - 1; d >= 0; d--) {
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
  const at = toNumbers(indices);
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
