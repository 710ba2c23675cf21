import type { DType } from '../dtype.ts';
import type { HostOp, HostTensor } from '../host.ts';
import { tensor } from '../tensor.ts';
import { isTensor, toNumbers } from './values.ts';

/** One map of each row, from label to value, in the labels' order. */
export const zipMap: HostOp = ([x], attrs, { fail }) => {
  if (!isTensor(x)) return fail('input 0 is not a tensor');
  const labels = Array.isArray(attrs.labels) ? (attrs.labels as (string | number)[]) : [];
  const [columns = 0, rows = 1] = [...x.shape].reverse();
  if (columns !== labels.length) fail(`${labels.length} labels for ${columns} columns`);
  const values = toNumbers(x);
  const maps = Array.from({ length: rows }, (_, r) => new Map(labels.map((l, i) => [l, values[r * columns + i] ?? 0])));
  return [maps];
};

/** Values of a map as one row: those of `keys`, a missing one being 0 or empty, or all of them by ascending key. */
export const mapRow: HostOp = ([given], attrs, { fail }) => {
  if (!(given instanceof Map)) return fail('the input is not a map', 'Give a Map from key to value');
  // 64-bit keys may come as either kind of number.
  const entries = new Map([...given].map(([k, v]) => [typeof k === 'bigint' ? Number(k) : k, v]));
  const keys = Array.isArray(attrs.keys)
    ? (attrs.keys as (string | number)[])
    : [...entries.keys()].sort((a, b) => Number(a) - Number(b));
  const dtype = String(attrs.dtype) as DType;
  const values = keys.map((k) => entries.get(k));
  const shape = [1, keys.length];
  if (dtype === 'string') return [{ dtype, shape, data: values.map((v) => String(v ?? '')) }];
  const numbers = values.map((v) => {
    const n = Number(v ?? 0);
    if (Number.isNaN(n) && !Number.isNaN(v)) fail(`'${v}' is not a number`);
    return dtype === 'i64' ? Math.trunc(n) : n;
  });
  return [tensor(dtype, shape, numbers) as HostTensor];
};
