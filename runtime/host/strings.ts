import { bitsOf, type DType } from '../dtype.ts';
import type { HostContext, HostOp, HostTensor, HostValue } from '../host.ts';
import { decodeFloat, encodeFloat } from '../minifloat.ts';
import { emptyTensor, isTensor, numericData, sizeOf, stridesOf } from './values.ts';

function stringsAt(
  inputs: readonly HostValue[],
  i: number,
  c: HostContext,
): { shape: readonly number[]; data: readonly string[] } {
  const v = inputs[i];
  if (!isTensor(v) || ArrayBuffer.isView(v.data)) return c.fail(`input ${i} is not a tensor of strings`);
  return { shape: v.shape, data: v.data };
}

const strings = (shape: readonly number[], data: readonly string[]): HostTensor => ({ dtype: 'string', shape, data });
const numbers = (v: unknown): number[] => (Array.isArray(v) ? v.map(Number) : []);

function booleans(shape: readonly number[], data: readonly boolean[]): HostTensor {
  return { dtype: 'bool', shape, data: Uint8Array.from(data, Number) };
}

/** Shape of two broadcast tensors, and the positions in each for every element. */
function broadcast(a: readonly number[], b: readonly number[], c: HostContext) {
  const rank = Math.max(a.length, b.length);
  const shape = Array.from({ length: rank }, (_, i) => {
    const [x, y] = [a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1];
    return x === y || y === 1
      ? x
      : x === 1
        ? y
        : c.fail(`shapes [${a.join(', ')}] and [${b.join(', ')}] do not broadcast`);
  });
  const places = (from: readonly number[]): number[] =>
    placesIn(shape, (axis) =>
      (from[axis - rank + from.length] ?? 1) === 1 ? 0 : (stridesOf(from)[axis - rank + from.length] ?? 1),
    );
  return { shape, a: places(a), b: places(b) };
}

/** Position of each element of `shape` under the given strides. */
function placesIn(shape: readonly number[], stride: (axis: number) => number): number[] {
  let places = [0];
  shape.forEach((n, axis) => {
    const step = stride(axis);
    places = places.flatMap((p) => Array.from({ length: n }, (_, i) => p + i * step));
  });
  return places;
}

/** Elementwise concatenation of two broadcast tensors (StringConcat). */
export const stringJoin: HostOp = (inputs, _attrs, c) => {
  const [x, y] = [stringsAt(inputs, 0, c), stringsAt(inputs, 1, c)];
  const at = broadcast(x.shape, y.shape, c);
  return [
    strings(
      at.shape,
      at.a.map((p, i) => `${x.data[p] ?? ''}${y.data[at.b[i] ?? 0] ?? ''}`),
    ),
  ];
};

export const stringEqual: HostOp = (inputs, _attrs, c) => {
  const [x, y] = [stringsAt(inputs, 0, c), stringsAt(inputs, 1, c)];
  const at = broadcast(x.shape, y.shape, c);
  return [
    booleans(
      at.shape,
      at.a.map((p, i) => x.data[p] === y.data[at.b[i] ?? 0]),
    ),
  ];
};

/** Elements of input 1 where the condition holds, of input 2 elsewhere. */
export const stringWhere: HostOp = (inputs, _attrs, c) => {
  const condition = inputs[0];
  if (!isTensor(condition)) return c.fail('the condition is missing');
  const [x, y] = [stringsAt(inputs, 1, c), stringsAt(inputs, 2, c)];
  const inner = broadcast(x.shape, y.shape, c);
  const outer = broadcast(condition.shape, inner.shape, c);
  const choose = numericData(condition);
  const data = outer.a.map((p, i) => {
    const k = outer.b[i] ?? 0;
    return (choose[p] ? x.data[inner.a[k] ?? 0] : y.data[inner.b[k] ?? 0]) ?? '';
  });
  return [strings(outer.shape, data)];
};

/** Splits each string at a delimiter (runs of white space when empty), at most `maxSplit` times; rows are padded with empty strings. */
export const stringSplit: HostOp = (inputs, attrs, c) => {
  const x = stringsAt(inputs, 0, c);
  const delimiter = String(attrs.delimiter ?? '');
  const most = typeof attrs.maxSplit === 'number' ? attrs.maxSplit : Number.POSITIVE_INFINITY;
  const parts = x.data.map((s) => (delimiter === '' ? splitSpace(s, most) : splitAt(s, delimiter, most)));
  const width = parts.reduce((w, p) => Math.max(w, p.length), 0);
  const rows = parts.flatMap((p) => [...p, ...new Array<string>(width - p.length).fill('')]);
  return [
    strings([...x.shape, width], rows),
    { dtype: 'i64', shape: x.shape, data: BigInt64Array.from(parts, (p) => BigInt(p.length)) },
  ];
};

function splitAt(text: string, delimiter: string, most: number): string[] {
  const all = text.split(delimiter);
  return all.length - 1 <= most ? all : [...all.slice(0, most), all.slice(most).join(delimiter)];
}

function splitSpace(text: string, most: number): string[] {
  const out: string[] = [];
  let rest = text.trimStart();
  while (rest !== '') {
    const end = out.length < most ? rest.search(/\s/) : -1;
    if (end < 0) {
      out.push(rest);
      break;
    }
    out.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return out;
}

/** Case change and removal of stop words; words that become empty are dropped (StringNormalizer). */
export const stringNormalize: HostOp = (inputs, attrs, c) => {
  const x = stringsAt(inputs, 0, c);
  const action = String(attrs.case ?? 'NONE');
  const change = (s: string): string =>
    action === 'LOWER' ? s.toLowerCase() : action === 'UPPER' ? s.toUpperCase() : s;
  const sensitive = attrs.caseSensitive === true;
  const given = Array.isArray(attrs.stopWords) ? attrs.stopWords.map(String) : [];
  // Without case sensitivity words are compared after folding both sides.
  const stop = new Set(sensitive ? given : given.map((s) => s.toLowerCase()));
  const kept = x.data.filter((s) => !stop.has(sensitive ? s : s.toLowerCase())).map(change);
  const words = kept.length === 0 ? [''] : kept;
  return [strings(x.shape.length === 2 ? [1, words.length] : [words.length], words)];
};

/** Whether each string matches a pattern from start to end (RE2 syntax, through JavaScript's own matcher). */
export const regexFullMatch: HostOp = (inputs, attrs, c) => {
  const x = stringsAt(inputs, 0, c);
  let pattern = String(attrs.pattern ?? '');
  let flags = 'u';
  const leading = /^\(\?([imsU]+)\)/.exec(pattern);
  if (leading) {
    pattern = pattern.slice(leading[0].length);
    flags += (leading[1] ?? '').replace(/[mU]/g, '');
  }
  pattern = pattern.replaceAll('(?P<', '(?<').replaceAll('\\A', '^').replaceAll('\\z', '$');
  let matcher: RegExp;
  try {
    matcher = new RegExp(`^(?:${pattern})$`, flags);
  } catch {
    return c.fail(`the pattern '${pattern}' is not understood`, 'Use a simpler regular expression');
  }
  return [
    booleans(
      x.shape,
      x.data.map((s) => matcher.test(s)),
    ),
  ];
};

/** Strings to numbers and back (Cast). */
export const stringCast: HostOp = (inputs, attrs, c) => {
  const to = String(attrs.to) as DType;
  const v = inputs[0];
  if (!isTensor(v)) return c.fail('the input is missing');
  if (to === 'string') return [strings(v.shape, formatNumbers(v))];
  const x = stringsAt(inputs, 0, c);
  const out = emptyTensor(to, x.shape);
  const { data } = out;
  x.data.forEach((s, i) => {
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = parseInteger(s, c);
    else if (to === 'bool') data[i] = /^(0|false|)$/i.test(s.trim()) ? 0 : 1;
    else data[i] = bitsOf[to] <= 16 && /^b?f\d/.test(to) ? encodeFloat(to, parseNumber(s, c)) : parseNumber(s, c);
  });
  return [out];
};

function parseInteger(s: string, c: HostContext): bigint {
  return /^\s*[+-]?\d+\s*$/.test(s) ? BigInt(s.trim().replace('+', '')) : BigInt(Math.trunc(parseNumber(s, c)));
}

function parseNumber(s: string, c: HostContext): number {
  const t = s.trim().toLowerCase();
  if (/^[+-]?inf(inity)?$/.test(t)) return t.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^[+-]?nan$/.test(t)) return Number.NaN;
  const v = Number(t);
  return t === '' || Number.isNaN(v) ? c.fail(`'${s}' is not a number`) : v;
}

function formatNumbers(t: HostTensor): string[] {
  const narrow = bitsOf[t.dtype] <= 16 && /^b?f\d/.test(t.dtype);
  const decimals = t.dtype === 'f64' ? undefined : t.dtype === 'f32' ? 9 : 5;
  const format = (v: number | bigint): string => {
    if (typeof v === 'bigint') return String(v);
    const x = narrow ? decodeFloat(t.dtype, v) : v;
    if (!/^b?f\d/.test(t.dtype)) return t.dtype === 'bool' ? String(x !== 0) : String(x);
    if (!Number.isFinite(x)) return Number.isNaN(x) ? 'NaN' : x > 0 ? 'INF' : '-INF';
    return shortest(x, decimals);
  };
  return Array.from(numericData(t) as ArrayLike<number | bigint>, format);
}

/** The shortest decimal that rounds back to the same value of at most `digits` significant digits. */
function shortest(x: number, digits: number | undefined): string {
  if (digits === undefined) return String(x);
  for (let n = 1; n < digits; n++) {
    const s = Number(x.toPrecision(n));
    if (Math.fround(s) === x) return String(s);
  }
  return String(Number(x.toPrecision(digits)));
}

/** Moves strings: the elements at `places` under a new shape. */
const moved = (
  x: { readonly data: readonly string[] },
  shape: readonly number[],
  places: readonly number[],
): HostTensor[] => [
  strings(
    shape,
    places.map((p) => x.data[p] ?? ''),
  ),
];

export const stringReshape: HostOp = (inputs, attrs, c) => [
  strings(numbers(attrs.shape), stringsAt(inputs, 0, c).data),
];

export const stringTranspose: HostOp = (inputs, attrs, c) => {
  const x = stringsAt(inputs, 0, c);
  const permutation = numbers(attrs.permutation);
  const from = stridesOf(x.shape);
  const shape = permutation.map((p) => x.shape[p] ?? 1);
  return moved(
    x,
    shape,
    placesIn(shape, (axis) => from[permutation[axis] ?? 0] ?? 1),
  );
};

export const stringExpand: HostOp = (inputs, attrs, c) => {
  const x = stringsAt(inputs, 0, c);
  const at = broadcast(x.shape, numbers(attrs.shape), c);
  return moved(x, at.shape, at.a);
};

export const stringTile: HostOp = (inputs, attrs, c) => {
  const x = stringsAt(inputs, 0, c);
  const repeats = numbers(attrs.repeats);
  const from = stridesOf(x.shape);
  let places = [0];
  x.shape.forEach((n, axis) => {
    const length = n * (repeats[axis] ?? 1);
    places = places.flatMap((p) => Array.from({ length }, (_, i) => p + (i % n) * (from[axis] ?? 1)));
  });
  return moved(
    x,
    x.shape.map((n, i) => n * (repeats[i] ?? 1)),
    places,
  );
};

export const stringSlice: HostOp = (inputs, attrs, c) => {
  const x = stringsAt(inputs, 0, c);
  const [axis, start, size] = [Number(attrs.axis), Number(attrs.start), Number(attrs.size)];
  const from = stridesOf(x.shape);
  const shape = x.shape.map((n, i) => (i === axis ? size : n));
  const offset = start * (from[axis] ?? 1);
  return moved(
    x,
    shape,
    placesIn(shape, (i) => from[i] ?? 1).map((p) => p + offset),
  );
};

export const stringConcat: HostOp = (inputs, attrs, c) => {
  const all = inputs.map((_, i) => stringsAt(inputs, i, c));
  const axis = Number(attrs.axis);
  const first = all[0] ?? c.fail('nothing to concatenate');
  const outer = sizeOf(first.shape.slice(0, axis));
  const data: string[] = [];
  for (let o = 0; o < outer; o++) {
    for (const x of all) {
      const run = sizeOf(x.shape.slice(axis));
      data.push(...x.data.slice(o * run, (o + 1) * run));
    }
  }
  const length = all.reduce((n, x) => n + (x.shape[axis] ?? 0), 0);
  return [
    strings(
      first.shape.map((n, i) => (i === axis ? length : n)),
      data,
    ),
  ];
};

export const stringGather: HostOp = (inputs, attrs, c) => {
  const x = stringsAt(inputs, 0, c);
  const picks = inputs[1];
  if (!isTensor(picks)) return c.fail('the indices are missing');
  const axis = Number(attrs.axis);
  const n = x.shape[axis] ?? 1;
  const index = Array.from(numericData(picks) as ArrayLike<number | bigint>, (v) => {
    const i = Number(v) < 0 ? Number(v) + n : Number(v);
    return i >= 0 && i < n ? i : c.fail(`index ${v} is outside a dimension of ${n}`);
  });
  const inner = sizeOf(x.shape.slice(axis + 1));
  const outer = sizeOf(x.shape.slice(0, axis));
  const data: string[] = [];
  for (let o = 0; o < outer; o++)
    for (const i of index) data.push(...x.data.slice((o * n + i) * inner, (o * n + i + 1) * inner));
  return [strings([...x.shape.slice(0, axis), ...picks.shape, ...x.shape.slice(axis + 1)], data)];
};
