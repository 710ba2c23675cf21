import type { HostContext, HostOp, HostTensor, HostValue } from '../host.ts';
import { emptyTensor, isTensor, numericData, sizeOf } from './values.ts';

const sequenceOf = (v: HostValue | undefined, c: HostContext): readonly HostValue[] =>
  Array.isArray(v) ? v : c.fail('the input is not a sequence');

const tensorOf = (v: HostValue | undefined, c: HostContext): HostTensor =>
  isTensor(v) ? v : c.fail('the input is not a tensor');

/** An index from the front; `last` is the largest that counts. */
function position(v: HostValue | undefined, length: number, last: number, c: HostContext): number {
  const i = Number(tensorOf(v, c).data[0] ?? 0);
  if (!(i >= -length && i <= last))
    return c.fail(`position ${i} is outside a sequence of ${length}`, `Use a position from ${-length} to ${last}`);
  return i < 0 ? i + length : i;
}

/** Sequences outlive the step that makes them: inputs are views that do not. */
const kept = (t: HostTensor): HostTensor => ({ ...t, data: t.data.slice() });

const scalar = (dtype: 'i64' | 'bool', value: number): HostTensor => {
  const t = emptyTensor(dtype, []);
  if (t.data instanceof BigInt64Array) t.data[0] = BigInt(value);
  else t.data[0] = value;
  return t;
};

export const sequenceConstruct: HostOp = (inputs, _attrs, c) => [inputs.map((v) => kept(tensorOf(v, c)))];
export const sequenceEmpty: HostOp = () => [[]];

export const sequenceAt: HostOp = ([s, at], _attrs, c) => {
  const list = sequenceOf(s, c);
  return [list[position(at, list.length, list.length - 1, c)] ?? null];
};

export const sequenceInsert: HostOp = ([s, t, at], _attrs, c) => {
  const list = [...sequenceOf(s, c)];
  const where = at ? position(at, list.length, list.length, c) : list.length;
  list.splice(where, 0, kept(tensorOf(t, c)));
  return [list];
};

export const sequenceErase: HostOp = ([s, at], _attrs, c) => {
  const list = [...sequenceOf(s, c)];
  if (list.length === 0) c.fail('nothing can be erased from an empty sequence');
  list.splice(at ? position(at, list.length, list.length - 1, c) : list.length - 1, 1);
  return [list];
};

export const sequenceLength: HostOp = ([s], _attrs, c) => [scalar('i64', sequenceOf(s, c).length)];

/** `count` slices of `t` along an axis, from `start`. */
function part(t: HostTensor, axis: number, start: number, count: number): HostTensor {
  const shape = t.shape.map((d, i) => (i === axis ? count : d));
  const inner = sizeOf(t.shape.slice(axis + 1));
  const outer = sizeOf(t.shape.slice(0, axis));
  const length = t.shape[axis] ?? 1;
  if (!ArrayBuffer.isView(t.data)) {
    const strings = t.data;
    const rows = Array.from({ length: outer }, (_, o) =>
      strings.slice((o * length + start) * inner, (o * length + start + count) * inner),
    );
    return { dtype: t.dtype, shape, data: rows.flat() };
  }
  const out = emptyTensor(t.dtype, shape);
  const from = bytesOf(t);
  const to = bytesOf(out);
  const size = to.byteLength / Math.max(1, sizeOf(shape));
  for (let o = 0; o < outer; o++) {
    const begin = (o * length + start) * inner * size;
    to.set(from.subarray(begin, begin + count * inner * size), o * count * inner * size);
  }
  return out;
}

function bytesOf(t: HostTensor): Uint8Array {
  const data = numericData(t);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

export const splitToSequence: HostOp = ([x, split], attrs, c) => {
  const t = tensorOf(x, c);
  const axis = Number(attrs.axis ?? 0);
  const length = t.shape[axis] ?? 1;
  const sizes: number[] = [];
  if (isTensor(split) && split.shape.length > 0) sizes.push(...Array.from(split.data, Number));
  else {
    const piece = isTensor(split) ? Number(split.data[0] ?? 0) : 1;
    if (!(piece > 0)) c.fail(`pieces of ${piece}`);
    for (let at = 0; at < length; at += piece) sizes.push(Math.min(piece, length - at));
  }
  const total = sizes.reduce((a, b) => a + b, 0);
  if (total !== length || sizes.some((s) => s < 0))
    c.fail(`pieces of ${sizes.join(', ')} do not make up ${length} along axis ${axis}`);
  let at = 0;
  const pieces = sizes.map((size) => {
    const p = part(t, axis, at, size);
    at += size;
    const drop = !isTensor(split) && attrs.keepdims === 0;
    return drop ? { ...p, shape: p.shape.filter((_, i) => i !== axis) } : p;
  });
  return [pieces];
};

export const concatFromSequence: HostOp = ([s], attrs, c) => {
  const axis = Number(attrs.axis ?? 0);
  const list = sequenceOf(s, c).map((v) => {
    const t = tensorOf(v, c);
    return attrs.new_axis === 1 ? { ...t, shape: [...t.shape.slice(0, axis), 1, ...t.shape.slice(axis)] } : t;
  });
  const [first] = list;
  if (!first) return c.fail('an empty sequence has no concatenation');
  const clash = list.find(
    (t) => t.shape.length !== first.shape.length || t.shape.some((d, i) => i !== axis && d !== first.shape[i]),
  );
  if (clash) c.fail(`shapes [${first.shape.join(', ')}] and [${clash.shape.join(', ')}] differ outside axis ${axis}`);
  const total = list.reduce((n, t) => n + (t.shape[axis] ?? 1), 0);
  const shape = first.shape.map((d, i) => (i === axis ? total : d));
  const outer = sizeOf(shape.slice(0, axis));
  const row = (t: HostTensor): number => sizeOf(t.shape.slice(axis));
  if (!ArrayBuffer.isView(first.data)) {
    const strings: string[] = [];
    for (let o = 0; o < outer; o++)
      for (const t of list) strings.push(...Array.from(t.data, String).slice(o * row(t), (o + 1) * row(t)));
    return [{ dtype: first.dtype, shape, data: strings }];
  }
  const out = emptyTensor(first.dtype, shape);
  const to = bytesOf(out);
  const size = to.byteLength / Math.max(1, sizeOf(shape));
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (const t of list) {
      const bytes = row(t) * size;
      to.set(bytesOf(t).subarray(o * bytes, (o + 1) * bytes), at);
      at += bytes;
    }
  }
  return [out];
};

/** Optionals are the value itself, or null. */
export const optional: HostOp = ([v]) => [isTensor(v) ? kept(v) : (v ?? null)];
export const optionalEmpty: HostOp = () => [null];
export const optionalGetElement: HostOp = ([v], _attrs, c) => [v ?? c.fail('the optional has no value')];
export const optionalHasElement: HostOp = ([v]) => [scalar('bool', v === null || v === undefined ? 0 : 1)];
export const containerIdentity: HostOp = ([v]) => [v ?? null];
