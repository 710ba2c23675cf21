import { viewOf } from '../../ir/dtype.ts';
import type { GgufCursor } from './cursor.ts';

/** Numbers of an array; booleans are bytes of 0 and 1. */
export type GgufNumbers = ArrayLike<number> | ArrayLike<bigint>;
/** A metadata value: 64-bit integers beyond 2^53 stay big. */
export type GgufValue = number | bigint | boolean | string | GgufArray;
export interface GgufArray {
  readonly type: string;
  readonly values: ArrayLike<number | bigint | string | GgufArray>;
}

/** `enum gguf_metadata_value_type`; names are those of the scalar kinds. */
const TYPES = ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32', 'bool', 'string', 'array', 'u64', 'i64', 'f64'] as const;
type ValueType = (typeof TYPES)[number];
const STRING_LEAST = 8;
const ARRAY_LEAST = 12;
const BYTES: Readonly<Record<Exclude<ValueType, 'string' | 'array'>, number>> = {
  u8: 1,
  i8: 1,
  bool: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  u64: 8,
  i64: 8,
  f64: 8,
};
/** Arrays of arrays deeper than this are nobody's metadata. */
const MAX_DEPTH = 8;
/** Bytes of one array of numbers; the largest real ones have a number per token. */
const MAX_ARRAY = 2 ** 28;

/** The key-value section. Throws INFC1130 and INFC1131. */
export function readMetadata(cursor: GgufCursor, count: number): Map<string, GgufValue> {
  const values = new Map<string, GgufValue>();
  for (let i = 0; i < count; i++) {
    const at = cursor.at;
    const key = cursor.string(`metadata key ${i}`);
    if (values.has(key)) throw cursor.bad('INFC1131', `metadata key '${key}' appears twice`, at);
    values.set(key, scalarOrArray(cursor, typeAt(cursor, key), key, 0));
  }
  return values;
}

function typeAt(cursor: GgufCursor, key: string): ValueType {
  const at = cursor.at;
  const id = cursor.u32(`the type of '${key}'`);
  const type = TYPES[id];
  if (type === undefined) throw cursor.bad('INFC1131', `metadata key '${key}' has unknown value type ${id}`, at);
  return type;
}

function scalarOrArray(cursor: GgufCursor, type: ValueType, key: string, depth: number): GgufValue {
  const what = `the value of '${key}'`;
  switch (type) {
    case 'array':
      return arrayAt(cursor, key, depth);
    case 'bool': {
      const at = cursor.at;
      const v = cursor.u8(what);
      if (v > 1) throw cursor.bad('INFC1131', `${what} is the boolean ${v}`, at);
      return v === 1;
    }
    case 'u64':
    case 'i64': {
      const v = cursor[type](what);
      return Number.isSafeInteger(Number(v)) ? Number(v) : v;
    }
    case 'f32':
      return shortest(cursor.f32(what));
    default:
      return cursor[type](what);
  }
}

/** The shortest decimal that an f32 stands for: a writer that stored 1e-5 meant 1e-5, as config.json says it. */
function shortest(v: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const decimal = Number(v.toPrecision(digits));
    if (Math.fround(decimal) === v) return decimal;
  }
  return v;
}

function arrayAt(cursor: GgufCursor, key: string, depth: number): GgufArray {
  const at = cursor.at;
  const type = typeAt(cursor, key);
  const what = `the array of '${key}'`;
  if (depth >= MAX_DEPTH) throw cursor.bad('INFC1131', `${what} is nested deeper than ${MAX_DEPTH}`, at);
  if (type === 'string') {
    const count = cursor.count(`the length of ${what}`, STRING_LEAST);
    return { type, values: Array.from({ length: count }, () => cursor.string(what)) };
  }
  if (type === 'array') {
    const count = cursor.count(`the length of ${what}`, ARRAY_LEAST);
    return { type, values: Array.from({ length: count }, () => arrayAt(cursor, key, depth + 1)) };
  }
  const count = cursor.count(`the length of ${what}`, BYTES[type]);
  if (count * BYTES[type] > MAX_ARRAY) throw cursor.bad('INFC1131', `${what} has ${count} elements`, at);
  const bytes = cursor.copy(count * BYTES[type], what);
  if (type === 'bool') {
    const wrong = bytes.find((b) => b > 1);
    if (wrong !== undefined) throw cursor.bad('INFC1131', `${what} has the boolean ${wrong}`, at);
    return { type, values: bytes };
  }
  return { type, values: viewOf(type, bytes.buffer, 0, count) };
}
