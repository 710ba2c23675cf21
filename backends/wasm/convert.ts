import type { ScalarType } from '../../compiler/ir/dtype.ts';
import type { Width } from '../../compiler/ir/expr.ts';
import { laneBits, splat } from './lanes.ts';
import type { Machine, Val } from './mir.ts';

const isFloat = (t: ScalarType): boolean => t === 'f32' || t === 'f64';
const suffix = (t: ScalarType): string => (t === 'u32' || t === 'u64' || t === 'bool' ? '_u' : '_s');

/** Conversion of one lane; floats to integers truncate and saturate (NaN to 0), integers wrap. */
export function castScalar(m: Machine, from: ScalarType, to: ScalarType, a: Val): Val | undefined {
  if (from === to) return a;
  const wasm = (t: ScalarType) => (t === 'i64' || t === 'u64' ? 'i64' : isFloat(t) ? t : 'i32');
  const f = wasm(from);
  const t = wasm(to);
  if (to === 'bool') {
    if (f === 'f32' || f === 'f64') return m.op(`${f}.ne`, [a, m.constant(f, 0)]);
    return f === 'i64' ? m.op('i64.ne', [a, m.constant('i64', 0n)]) : m.op('i32.ne', [a, m.i32(0)]);
  }
  if (f === t) return a;
  if (isFloat(from)) {
    if (t === 'f32') return m.op('f32.demote_f64', [a]);
    if (t === 'f64') return m.op('f64.promote_f32', [a]);
    return m.op(`${t}.trunc_sat_${f}${suffix(to)}`, [a]);
  }
  if (isFloat(to)) return m.op(`${t}.convert_${f}${suffix(from)}`, [a]);
  return t === 'i64' ? m.op(`i64.extend_i32${suffix(from)}`, [a]) : m.op('i32.wrap_i64', [a]);
}

/** Conversion of whole registers; undefined sends it lane by lane. */
export function castVector(
  m: Machine,
  from: ScalarType,
  to: ScalarType,
  width: Width,
  parts: readonly Val[],
): Val[] | undefined {
  const f = laneBits(from, width);
  const t = laneBits(to, width);
  if (f === t) return castSameSize(m, from, to, f, parts);
  if (f === 32) return widen(m, from, to, parts);
  return narrow(m, from, to, width, parts);
}

const bytesOf = (words: readonly number[]): Uint8Array => new Uint8Array(new Uint32Array(words).buffer);

function castSameSize(
  m: Machine,
  from: ScalarType,
  to: ScalarType,
  bits: 32 | 64,
  parts: readonly Val[],
): Val[] | undefined {
  const each = (one: (v: Val) => Val) => parts.map(one);
  const zero = m.constant('v128', new Uint8Array(16));
  if (bits === 64) {
    if (to === 'bool') return each((v) => m.op(`${from === 'f64' ? 'f64x2' : 'i64x2'}.ne`, [v, zero]));
    if (from === 'bool') {
      const one = to === 'f64' ? splat(m, 'f64x2', m.constant('f64', 1)) : m.constant('v128', bytesOf([1, 0, 1, 0]));
      return each((v) => m.op('v128.and', [v, one]));
    }
    return isFloat(from) || isFloat(to) ? undefined : [...parts];
  }
  if (to === 'bool') return each((v) => m.op(`${from === 'f32' ? 'f32x4' : 'i32x4'}.ne`, [v, zero]));
  if (from === 'bool') {
    const one = to === 'f32' ? splat(m, 'f32x4', m.constant('f32', 1)) : splat(m, 'i32x4', m.i32(1));
    return each((v) => m.op('v128.and', [v, one]));
  }
  if (from === 'f32') return each((v) => m.op(`i32x4.trunc_sat_f32x4${suffix(to)}`, [v]));
  if (to === 'f32') return each((v) => m.op(`f32x4.convert_i32x4${suffix(from)}`, [v]));
  return [...parts];
}

/** The upper 64 bits moved down. */
const high = (m: Machine, v: Val): Val =>
  m.op(
    'i8x16.shuffle',
    [v, v],
    Uint8Array.from({ length: 16 }, (_, i) => 8 + (i & 7)),
  );

function widen(m: Machine, from: ScalarType, to: ScalarType, parts: readonly Val[]): Val[] | undefined {
  if (from === 'f32') {
    if (to !== 'f64') return undefined;
    return parts.flatMap((v) => [m.op('f64x2.promote_low_f32x4', [v]), m.op('f64x2.promote_low_f32x4', [high(m, v)])]);
  }
  const sign = suffix(from);
  if (to === 'f64') {
    const ints = from === 'bool' ? parts.map((v) => m.op('v128.and', [v, splat(m, 'i32x4', m.i32(1))])) : parts;
    return ints.flatMap((v) => [
      m.op(`f64x2.convert_low_i32x4${sign}`, [v]),
      m.op(`f64x2.convert_low_i32x4${sign}`, [high(m, v)]),
    ]);
  }
  const ints = from === 'bool' ? parts.map((v) => m.op('v128.and', [v, splat(m, 'i32x4', m.i32(1))])) : parts;
  return ints.flatMap((v) => [m.op(`i64x2.extend_low_i32x4${sign}`, [v]), m.op(`i64x2.extend_high_i32x4${sign}`, [v])]);
}

/** The even 32-bit words of two registers. */
export const evenWords = (m: Machine, a: Val, b: Val): Val =>
  m.op(
    'i8x16.shuffle',
    [a, b],
    Uint8Array.from({ length: 16 }, (_, i) => (i >> 2) * 8 + (i & 3)),
  );

/** The low halves of two registers. */
const lowHalves = (m: Machine, a: Val, b: Val): Val =>
  m.op(
    'i8x16.shuffle',
    [a, b],
    Uint8Array.from({ length: 16 }, (_, i) => (i < 8 ? i : i + 8)),
  );

function narrow(m: Machine, from: ScalarType, to: ScalarType, width: Width, parts: readonly Val[]): Val[] | undefined {
  if (width < 4) return undefined;
  const pairs: [Val, Val][] = [];
  for (let i = 0; i + 1 < parts.length; i += 2) {
    const a = parts[i];
    const b = parts[i + 1];
    if (a && b) pairs.push([a, b]);
  }
  if (from === 'f64') {
    if (to === 'bool') return pairs.map(([a, b]) => evenWords(m, isTrue(m, a), isTrue(m, b)));
    const name = to === 'f32' ? 'f32x4.demote_f64x2_zero' : `i32x4.trunc_sat_f64x2${suffix(to)}_zero`;
    return pairs.map(([a, b]) => lowHalves(m, m.op(name, [a]), m.op(name, [b])));
  }
  if (to === 'bool') {
    const zero = m.constant('v128', new Uint8Array(16));
    return pairs.map(([a, b]) => evenWords(m, m.op('i64x2.ne', [a, zero]), m.op('i64x2.ne', [b, zero])));
  }
  return to === 'f32' ? undefined : pairs.map(([a, b]) => evenWords(m, a, b));
}

const isTrue = (m: Machine, v: Val): Val => m.op('f64x2.ne', [v, m.constant('v128', new Uint8Array(16))]);

/** A mask over 32-bit lanes as masks over the 64-bit lanes it governs. */
export const widenMask = (m: Machine, parts: readonly Val[]): Val[] =>
  parts.flatMap((v) => [m.op('i64x2.extend_low_i32x4_s', [v]), m.op('i64x2.extend_high_i32x4_s', [v])]);
