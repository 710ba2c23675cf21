import type { ScalarType } from '../../compiler/ir/dtype.ts';
import type { BinaryOp, Expr, UnaryOp, Width } from '../../compiler/ir/expr.ts';
import type { Machine, Val } from './mir.ts';
import type { WasmType } from './opcodes.ts';

/** Bits of one lane of a vector; a mask of 2 belongs to 64-bit lanes. */
export const laneBits = (type: ScalarType, width: Width): 32 | 64 =>
  type === 'f64' || type === 'i64' || type === 'u64' || (type === 'bool' && width === 2) ? 64 : 32;

/** How many machine values hold an expression of this type: one scalar, or v128 registers. */
export const partCount = (type: ScalarType, width: Width): number =>
  width === 1 ? 1 : Math.max(1, (width * laneBits(type, width)) / 128);

export const scalarType = (type: ScalarType): WasmType =>
  type === 'f32' || type === 'f64' ? type : type === 'i64' || type === 'u64' ? 'i64' : 'i32';

/** Shape of the vectors that hold lanes of a type. */
export const vectorShape = (type: ScalarType, width: Width): 'f32x4' | 'f64x2' | 'i32x4' | 'i64x2' =>
  type === 'f32' ? 'f32x4' : type === 'f64' ? 'f64x2' : laneBits(type, width) === 64 ? 'i64x2' : 'i32x4';

const isUnsigned = (type: ScalarType): boolean => type === 'u32' || type === 'u64' || type === 'bool';
const isFloat = (type: ScalarType): boolean => type === 'f32' || type === 'f64';

const FLOAT_UNARY: Partial<Record<UnaryOp, string>> = {
  neg: 'neg',
  abs: 'abs',
  floor: 'floor',
  ceil: 'ceil',
  trunc: 'trunc',
  round: 'nearest',
  sqrt: 'sqrt',
};

/** One lane of a unary op, or undefined when it is not an instruction (or a few). */
export function scalarUnary(m: Machine, op: UnaryOp, type: ScalarType, a: Val): Val | undefined {
  const t = scalarType(type);
  if (isFloat(type)) {
    if (op === 'isnan') return m.op(`${t}.ne`, [a, a]);
    const name = FLOAT_UNARY[op];
    return name ? m.op(`${t}.${name}`, [a]) : undefined;
  }
  const zero = t === 'i64' ? m.constant('i64', 0n) : m.i32(0);
  switch (op) {
    case 'not':
      if (type === 'bool') return m.op('i32.eqz', [a]);
      return m.op(`${t}.xor`, [a, t === 'i64' ? m.constant('i64', -1n) : m.i32(-1)]);
    case 'neg':
      return m.op(`${t}.sub`, [zero, a]);
    case 'abs':
      if (isUnsigned(type)) return a;
      return m.op('select', [m.op(`${t}.sub`, [zero, a]), a, m.op(`${t}.lt_s`, [a, zero])]);
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'round':
      return a;
    case 'isnan':
      return m.i32(0);
    case 'popcount':
      return m.op(`${t}.popcnt`, [a]);
    case 'clz':
      return m.op(`${t}.clz`, [a]);
  }
  return undefined;
}

/** One register of a unary op; undefined sends it lane by lane. */
export function vectorUnary(m: Machine, op: UnaryOp, type: ScalarType, width: Width, a: Val): Val | undefined {
  const shape = vectorShape(type, width);
  if (isFloat(type)) {
    if (op === 'isnan') return m.op(`${shape}.ne`, [a, a]);
    const name = FLOAT_UNARY[op];
    return name ? m.op(`${shape}.${name}`, [a]) : undefined;
  }
  switch (op) {
    case 'not':
      return m.op('v128.not', [a]);
    case 'neg':
      return m.op(`${shape}.neg`, [a]);
    case 'abs':
      return isUnsigned(type) ? a : m.op(`${shape}.abs`, [a]);
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'round':
      return a;
    case 'isnan':
      return m.constant('v128', new Uint8Array(16));
  }
  return undefined;
}

const ARITHMETIC: Partial<Record<BinaryOp, string>> = { add: 'add', sub: 'sub', mul: 'mul' };
const BITS: Partial<Record<BinaryOp, string>> = { and: 'and', or: 'or', xor: 'xor' };
const COMPARE: Partial<Record<BinaryOp, string>> = { lt: 'lt', le: 'le', gt: 'gt', ge: 'ge', eq: 'eq', ne: 'ne' };

/** One lane of a binary op, or undefined when it needs a longer expansion. Integer division by zero gives 0, as does its remainder. */
export function scalarBinary(m: Machine, op: BinaryOp, type: ScalarType, a: Val, b: Val): Val | undefined {
  const t = scalarType(type);
  const sign = isUnsigned(type) ? '_u' : '_s';
  const compare = COMPARE[op];
  if (compare) {
    const signed = isFloat(type) || op === 'eq' || op === 'ne' ? '' : sign;
    return m.op(`${t}.${compare}${signed}`, [a, b]);
  }
  if (isFloat(type)) {
    if (op === 'div' || op === 'min' || op === 'max' || ARITHMETIC[op]) return m.op(`${t}.${op}`, [a, b]);
    return undefined;
  }
  if (type === 'bool') {
    if (op === 'max' || op === 'add') return m.op('i32.or', [a, b]);
    if (op === 'min' || op === 'mul') return m.op('i32.and', [a, b]);
  }
  const plain = ARITHMETIC[op] ?? BITS[op];
  if (plain) return m.op(`${t}.${plain}`, [a, b]);
  switch (op) {
    case 'min':
      return m.op('select', [a, b, m.op(`${t}.lt${sign}`, [a, b])]);
    case 'max':
      return m.op('select', [a, b, m.op(`${t}.gt${sign}`, [a, b])]);
    case 'shl':
      return m.op(`${t}.shl`, [a, b]);
    case 'shr':
      return m.op(`${t}.shr${sign}`, [a, b]);
    case 'div':
    case 'rem':
      return integerDivision(m, op, t, sign, a, b);
  }
  return undefined;
}

function integerDivision(m: Machine, op: 'div' | 'rem', t: WasmType, sign: string, a: Val, b: Val): Val {
  const number = (v: number) => (t === 'i64' ? m.constant('i64', BigInt(v)) : m.i32(v));
  const known = b.op === 'i32.const' || b.op === 'i64.const' ? Number(b.imm) : undefined;
  if (known !== undefined && known !== 0 && known !== -1) return m.op(`${t}.${op}${sign}`, [a, b]);
  const zero = number(0);
  const isZero = m.op(`${t}.eqz`, [b]);
  const minusOne = sign === '_s' ? m.op(`${t}.eq`, [b, number(-1)]) : m.i32(0);
  const unsafe = m.op('i32.or', [isZero, minusOne]);
  // With divisor 1 the quotient is a and the remainder 0: right for remainders by -1 too.
  const q = m.op(`${t}.${op}${sign}`, [a, m.op('select', [number(1), b, unsafe])]);
  if (op === 'rem') return m.op('select', [zero, q, isZero]);
  const negated = m.op('select', [m.op(`${t}.sub`, [zero, a]), q, minusOne]);
  return m.op('select', [zero, negated, isZero]);
}

const VECTOR_SIGN = 0x8000_0000_0000_0000n;

/** One register of a binary op; undefined sends it lane by lane. */
export function vectorBinary(
  m: Machine,
  op: BinaryOp,
  type: ScalarType,
  width: Width,
  a: Val,
  b: Val,
): Val | undefined {
  const shape = vectorShape(type, width);
  if (type === 'bool') return maskBinary(m, op, a, b);
  const compare = COMPARE[op];
  if (isFloat(type)) {
    if (compare) return m.op(`${shape}.${compare}`, [a, b]);
    // Where one side is a known number the one-instruction form gives the same, NaN of the other side included.
    if (op === 'min' || op === 'max') {
      if (isNumber(b, type)) return m.op(`${shape}.p${op}`, [a, b]);
      if (isNumber(a, type)) return m.op(`${shape}.p${op}`, [b, a]);
      return m.op(`${shape}.${op}`, [a, b]);
    }
    return op === 'div' || ARITHMETIC[op] ? m.op(`${shape}.${op}`, [a, b]) : undefined;
  }
  if (BITS[op]) return m.op(`v128.${op}`, [a, b]);
  if (ARITHMETIC[op]) return m.op(`${shape}.${op}`, [a, b]);
  const sign = isUnsigned(type) ? '_u' : '_s';
  if (op === 'shl' || op === 'shr') {
    const by = splatOf(m, b, shape === 'i64x2' ? 64 : 32);
    if (!by) return undefined;
    const amount = by.type === 'i64' ? m.op('i32.wrap_i64', [by]) : by;
    return m.op(op === 'shl' ? `${shape}.shl` : `${shape}.shr${sign}`, [a, amount]);
  }
  if (shape === 'i32x4') {
    if (op === 'min' || op === 'max') return m.op(`i32x4.${op}${sign}`, [a, b]);
    if (compare) return m.op(`i32x4.${compare}${op === 'eq' || op === 'ne' ? '' : sign}`, [a, b]);
    return undefined;
  }
  if (op === 'min' || op === 'max') {
    const less = vectorBinary(m, 'lt', type, width, a, b);
    return less && m.op('v128.bitselect', op === 'min' ? [a, b, less] : [b, a, less]);
  }
  if (!compare) return undefined;
  if (op === 'eq' || op === 'ne') return m.op(`i64x2.${compare}`, [a, b]);
  if (sign === '_s') return m.op(`i64x2.${compare}_s`, [a, b]);
  const flip = m.op('i64x2.splat', [m.constant('i64', VECTOR_SIGN)]);
  return m.op(`i64x2.${compare}_s`, [m.op('v128.xor', [a, flip]), m.op('v128.xor', [b, flip])]);
}

function maskBinary(m: Machine, op: BinaryOp, a: Val, b: Val): Val | undefined {
  const not = (v: Val) => m.op('v128.not', [v]);
  switch (op) {
    case 'and':
    case 'min':
    case 'mul':
      return m.op('v128.and', [a, b]);
    case 'or':
    case 'max':
    case 'add':
      return m.op('v128.or', [a, b]);
    case 'xor':
    case 'ne':
      return m.op('v128.xor', [a, b]);
    case 'eq':
      return not(m.op('v128.xor', [a, b]));
    case 'lt':
      return m.op('v128.andnot', [b, a]);
    case 'gt':
      return m.op('v128.andnot', [a, b]);
    case 'le':
      return not(m.op('v128.andnot', [a, b]));
    case 'ge':
      return not(m.op('v128.andnot', [b, a]));
  }
  return undefined;
}

/** The scalar every lane of a splat (or of a constant with equal lanes) of integers holds. */
function splatOf(m: Machine, v: Val, bits: 32 | 64): Val | undefined {
  if (/^i(32|64)x\d\.splat$/.test(v.op)) return v.args[0];
  if (v.op !== 'v128.const' || !(v.imm instanceof Uint8Array)) return undefined;
  const view = new DataView(v.imm.buffer, v.imm.byteOffset, 16);
  const wide = [0, 8].map((at) => view.getBigInt64(at, true));
  const lanes = bits === 64 ? wide : [0, 4, 8, 12].map((at) => view.getInt32(at, true));
  const [first] = lanes;
  return first !== undefined && lanes.every((x) => x === first) ? m.i32(Number(first)) : undefined;
}

/** A splat of a constant that is not NaN. */
function isNumber(v: Val, type: ScalarType): boolean {
  if (v.op !== 'v128.const' || !(v.imm instanceof Uint8Array)) return false;
  const view = new DataView(v.imm.buffer, v.imm.byteOffset, 16);
  return type === 'f32'
    ? [0, 4, 8, 12].every((at) => !Number.isNaN(view.getFloat32(at, true)))
    : [0, 8].every((at) => !Number.isNaN(view.getFloat64(at, true)));
}

/** All lanes of a register set to one scalar. */
export function splat(m: Machine, shape: string, scalar: Val): Val {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  const value = scalar.imm;
  if (scalar.op === 'f32.const') for (let i = 0; i < 16; i += 4) view.setFloat32(i, Number(value), true);
  else if (scalar.op === 'f64.const') for (let i = 0; i < 16; i += 8) view.setFloat64(i, Number(value), true);
  else if (scalar.op === 'i32.const' && shape === 'i32x4')
    for (let i = 0; i < 16; i += 4) view.setInt32(i, Number(value), true);
  else return m.splatLoad(scalar, shape) ?? m.op(`${shape}.splat`, [scalar]);
  return m.constant('v128', bytes);
}

/** Lane `lane` of a register as a scalar; masks become 0 or 1. */
export function extractLane(m: Machine, type: ScalarType, width: Width, parts: readonly Val[], lane: number): Val {
  const shape = vectorShape(type, width);
  const per = 128 / laneBits(type, width);
  const part = parts[Math.floor(lane / per)];
  if (!part) throw new RangeError(`lane ${lane} of ${type} x ${width}`);
  const v = m.op(`${shape}.extract_lane`, [part], lane % per);
  if (type !== 'bool') return v;
  return m.op('i32.and', [shape === 'i64x2' ? m.op('i32.wrap_i64', [v]) : v, m.i32(1)]);
}

/** Registers from scalars, one a lane; 0 or 1 becomes a mask. */
export function packLanes(m: Machine, type: ScalarType, width: Width, lanes: readonly Val[]): Val[] {
  const shape = vectorShape(type, width);
  const per = 128 / laneBits(type, width);
  const lift = (v: Val): Val => {
    if (type !== 'bool') return v;
    const mask = m.op('i32.sub', [m.i32(0), v]);
    return shape === 'i64x2' ? m.op('i64.extend_i32_s', [mask]) : mask;
  };
  const parts: Val[] = [];
  for (let at = 0; at < lanes.length; at += per) {
    let part: Val | undefined;
    lanes.slice(at, at + per).forEach((v, i) => {
      part =
        part && i > 0
          ? lanes[at] === v
            ? part
            : m.op(`${shape}.replace_lane`, [part, lift(v)], i)
          : splat(m, shape, lift(v));
    });
    if (part) parts.push(part);
  }
  return parts;
}

/** Lanes of two vectors side by side, picked by number: those of `b` follow those of `a`. */
export function shuffleLanes(
  m: Machine,
  to: Expr,
  a: Expr,
  xs: readonly Val[],
  b: Expr,
  ys: readonly Val[],
  lanes: readonly number[],
): Val[] {
  const [x] = xs;
  const [y] = ys;
  if (xs.length === 1 && ys.length === 1 && x && y) {
    const size = laneBits(to.type, to.width) / 8;
    const bytes = new Uint8Array(16);
    lanes.forEach((lane, i) => {
      for (let k = 0; k < size; k++) bytes[i * size + k] = lane * size + k;
    });
    return [m.op('i8x16.shuffle', [x, y], bytes)];
  }
  const picked = lanes.map((lane) =>
    lane < a.width ? extractLane(m, a.type, a.width, xs, lane) : extractLane(m, b.type, b.width, ys, lane - a.width),
  );
  return packLanes(m, to.type, to.width, picked);
}
