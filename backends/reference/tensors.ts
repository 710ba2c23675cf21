import { byteLength, entriesOf, viewOf } from '../../compiler/ir/dtype.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { HostTensor, HostValue } from '../../runtime/host.ts';

/** Whether a value is a tensor, not a sequence or an absent optional. */
export const isTensor = (v: HostValue | undefined): v is HostTensor => v !== null && v !== undefined && 'data' in v;

/** The condition that a tensor of one element is. */
export const truth = (t: HostTensor): boolean => Number(t.data[0] ?? 0) !== 0;

export type NumericData = Exclude<HostTensor['data'], readonly string[]>;

/** Contents of a tensor that holds no strings. Throws INFC2011. */
export function numeric(t: HostTensor): NumericData {
  if (ArrayBuffer.isView(t.data)) return t.data;
  throw new InfcError('INFC2011', 'strings where numbers are expected');
}

/** Copies entries of arrays of one class. */
export function copyElements(from: NumericData, at: number, to: NumericData, where: number, count: number): void {
  const size = from.BYTES_PER_ELEMENT;
  new Uint8Array(to.buffer, to.byteOffset + where * size, count * size).set(
    new Uint8Array(from.buffer, from.byteOffset + at * size, count * size),
  );
}

/** The part at one position of an axis, without that axis. */
export function sliceAt(t: HostTensor, axis: number, index: number): HostTensor {
  const from = numeric(t);
  const shape = t.shape.filter((_, i) => i !== axis);
  const length = t.shape[axis] ?? 1;
  const inner = t.shape.slice(axis + 1).reduce((n, d) => n * d, 1);
  const outer = t.shape.slice(0, axis).reduce((n, d) => n * d, 1);
  const row = inner * entriesOf(t.dtype);
  const data = viewOf(t.dtype, new ArrayBuffer(byteLength(t.dtype, outer * inner)), 0, outer * inner);
  for (let o = 0; o < outer; o++) copyElements(from, (o * length + index) * row, data, o * row, row);
  return { dtype: t.dtype, shape, data };
}

/** Tensors of one shape side by side along a new axis. */
export function stack(list: readonly [HostTensor, ...HostTensor[]], axis: number): HostTensor {
  const [first] = list;
  const shape = [...first.shape.slice(0, axis), list.length, ...first.shape.slice(axis)];
  const count = shape.reduce((n, d) => n * d, 1);
  const inner = first.shape.slice(axis).reduce((n, d) => n * d, entriesOf(first.dtype));
  const outer = first.shape.slice(0, axis).reduce((n, d) => n * d, 1);
  const data = viewOf(first.dtype, new ArrayBuffer(byteLength(first.dtype, count)), 0, count);
  list.forEach((t, i) => {
    const from = numeric(t);
    for (let o = 0; o < outer; o++) copyElements(from, o * inner, data, (o * list.length + i) * inner, inner);
  });
  return { dtype: first.dtype, shape, data };
}
