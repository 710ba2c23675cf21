import type { DType, ScalarType } from '../../compiler/ir/dtype.ts';
import type { BinaryOp, UnaryOp } from '../../compiler/ir/expr.ts';
import { InfcError } from '../../runtime/errors.ts';
import { decodeFloat, encodeFloat, roundHalfEven } from '../../runtime/minifloat.ts';

/**
 * The meaning of every scalar operation, one function per operation and type. 64-bit integers are bigints, everything else numbers;
 * booleans are 0 and 1. Floats are rounded after each operation; transcendental functions are the correctly rounded-ish results of
 * JavaScript's 64-bit ones. Integers wrap; division by zero and its remainder give 0; shift amounts are taken modulo the width.
 */
export type Scalar = number | bigint;
export type Unary = (a: Scalar) => Scalar;
export type Binary = (a: Scalar, b: Scalar) => Scalar;

const mismatch = (): never => {
  throw new InfcError('INFC4001', 'a kernel mixes 64-bit integers with other numbers without a cast');
};
const num1 =
  (f: (a: number) => number): Unary =>
  (a) =>
    typeof a === 'number' ? f(a) : mismatch();
const num2 =
  (f: (a: number, b: number) => number): Binary =>
  (a, b) =>
    typeof a === 'number' && typeof b === 'number' ? f(a, b) : mismatch();
const big1 =
  (f: (a: bigint) => bigint): Unary =>
  (a) =>
    typeof a === 'bigint' ? f(a) : mismatch();
const big2 =
  (f: (a: bigint, b: bigint) => bigint): Binary =>
  (a, b) =>
    typeof a === 'bigint' && typeof b === 'bigint' ? f(a, b) : mismatch();

const i32 = (x: number): number => x | 0;
const u32 = (x: number): number => x >>> 0;
const i64 = (x: bigint): bigint => BigInt.asIntN(64, x);
const u64 = (x: bigint): bigint => BigInt.asUintN(64, x);
const f16 = (x: number): number => decodeFloat('f16', encodeFloat('f16', x));
const f64 = (x: number): number => x;

/** Brings an exact result into the range of a number type. */
export const rounderOf = (type: ScalarType): ((x: number) => number) =>
  type === 'f32' ? Math.fround : type === 'f64' ? f64 : type === 'f16' ? f16 : type === 'u32' ? u32 : i32;

const isFloatType = (t: ScalarType): boolean => t === 'f32' || t === 'f64' || t === 'f16';
export const isBig = (t: ScalarType): boolean => t === 'i64' || t === 'u64';

const FLOAT_UNARY: Partial<Record<UnaryOp, (a: number) => number>> = {
  neg: (a) => -a,
  abs: Math.abs,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  round: roundHalfEven,
  sqrt: Math.sqrt,
  exp: Math.exp,
  exp2: (a) => 2 ** a,
  log: Math.log,
  log2: Math.log2,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  erf,
};

const popcount = (x: number): number => {
  let n = 0;
  for (let v = x >>> 0; v !== 0; v &= v - 1) n++;
  return n;
};

/** The function a unary op denotes on a type. Rounding ops are the identity on integers. Throws INFC4002 when it has no meaning. */
export function unaryFunction(op: UnaryOp, type: ScalarType): Unary {
  if (op === 'isnan') return (a) => (typeof a === 'number' && Number.isNaN(a) ? 1 : 0);
  if (isFloatType(type)) {
    const f = FLOAT_UNARY[op];
    if (f) {
      const round = rounderOf(type);
      return num1((a) => round(f(a)));
    }
  } else if (op === 'floor' || op === 'ceil' || op === 'trunc' || op === 'round') return (a) => a;
  else if (type === 'bool') {
    if (op === 'not') return num1((a) => (a === 0 ? 1 : 0));
  } else if (isBig(type)) {
    const wrap = type === 'i64' ? i64 : u64;
    if (op === 'neg') return big1((a) => wrap(-a));
    if (op === 'abs') return big1((a) => wrap(a < 0n ? -a : a));
    if (op === 'not') return big1((a) => wrap(~a));
    if (op === 'popcount')
      return big1((a) => BigInt(popcount(Number(u64(a) & 0xffffffffn)) + popcount(Number(u64(a) >> 32n))));
    if (op === 'clz') return big1((a) => BigInt(u64(a) === 0n ? 64 : 64 - u64(a).toString(2).length));
  } else {
    const wrap = type === 'i32' ? i32 : u32;
    if (op === 'neg') return num1((a) => wrap(-a));
    if (op === 'abs') return num1((a) => wrap(Math.abs(a)));
    if (op === 'not') return num1((a) => wrap(~a));
    if (op === 'popcount') return num1(popcount);
    if (op === 'clz') return num1(Math.clz32);
  }
  throw new InfcError('INFC4002', `operation '${op}' has no meaning on ${type}`);
}

const COMPARE: Partial<Record<BinaryOp, Binary>> = {
  lt: (a, b) => (a < b ? 1 : 0),
  le: (a, b) => (a <= b ? 1 : 0),
  gt: (a, b) => (a > b ? 1 : 0),
  ge: (a, b) => (a >= b ? 1 : 0),
  eq: (a, b) => (a === b ? 1 : 0),
  ne: (a, b) => (a !== b ? 1 : 0),
};

const FLOAT_BINARY: Partial<Record<BinaryOp, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  rem: (a, b) => a % b,
  min: (a, b) => Math.min(a, b),
  max: (a, b) => Math.max(a, b),
  // C's pow: 1 to any power and any number to the 0 are 1, and (-1)^inf is 1; JavaScript says NaN.
  pow: (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Number.POSITIVE_INFINITY) ? 1 : a ** b),
  atan2: Math.atan2,
};

/** The function a binary op denotes on operands of a type. Throws INFC4002 when it has no meaning. */
export function binaryFunction(op: BinaryOp, type: ScalarType): Binary {
  const compare = COMPARE[op];
  if (compare) return compare;
  if (isFloatType(type)) {
    const f = FLOAT_BINARY[op];
    if (f) {
      const round = rounderOf(type);
      return num2((a, b) => round(f(a, b)));
    }
  } else if (type === 'bool') {
    if (op === 'and' || op === 'min' || op === 'mul') return num2((a, b) => a & b);
    if (op === 'or' || op === 'max' || op === 'add') return num2((a, b) => a | b);
    if (op === 'xor') return num2((a, b) => a ^ b);
  } else if (isBig(type)) {
    const wrap = type === 'i64' ? i64 : u64;
    switch (op) {
      case 'add':
        return big2((a, b) => wrap(a + b));
      case 'sub':
        return big2((a, b) => wrap(a - b));
      case 'mul':
        return big2((a, b) => wrap(a * b));
      case 'div':
        return big2((a, b) => (b === 0n ? 0n : wrap(a / b)));
      case 'rem':
        return big2((a, b) => (b === 0n ? 0n : wrap(a % b)));
      case 'min':
        return big2((a, b) => pick(a, b, a < b));
      case 'max':
        return big2((a, b) => pick(a, b, b < a));
      case 'and':
        return big2((a, b) => wrap(a & b));
      case 'or':
        return big2((a, b) => wrap(a | b));
      case 'xor':
        return big2((a, b) => wrap(a ^ b));
      case 'shl':
        return big2((a, b) => wrap(a << (b & 63n)));
      case 'shr':
        return big2((a, b) => wrap(a >> (b & 63n)));
      case 'pow':
        return big2((a, b) => wrap(powBig(a, b)));
    }
  } else {
    const wrap = type === 'i32' ? i32 : u32;
    switch (op) {
      case 'add':
        return num2((a, b) => wrap(a + b));
      case 'sub':
        return num2((a, b) => wrap(a - b));
      case 'mul':
        return num2((a, b) => wrap(Math.imul(a, b)));
      case 'div':
        return num2((a, b) => (b === 0 ? 0 : wrap(Math.trunc(a / b))));
      case 'rem':
        return num2((a, b) => (b === 0 ? 0 : wrap(a % b)));
      case 'min':
        return num2(Math.min);
      case 'max':
        return num2(Math.max);
      case 'and':
        return num2((a, b) => wrap(a & b));
      case 'or':
        return num2((a, b) => wrap(a | b));
      case 'xor':
        return num2((a, b) => wrap(a ^ b));
      case 'shl':
        return num2((a, b) => wrap(a << (b & 31)));
      case 'shr':
        return num2(type === 'i32' ? (a, b) => a >> (b & 31) : (a, b) => a >>> (b & 31));
      case 'pow':
        return num2((a, b) => wrap(Number(BigInt.asIntN(32, powBig(BigInt(a), BigInt(b))))));
    }
  }
  throw new InfcError('INFC4002', `operation '${op}' has no meaning on ${type}`);
}

const pick = (a: bigint, b: bigint, takeFirst: boolean): bigint => (takeFirst ? a : b);

/** Integer power modulo 2^64; a negative exponent truncates toward zero. */
function powBig(a: bigint, b: bigint): bigint {
  if (b < 0n) return a === 1n ? 1n : a === -1n ? (b % 2n === 0n ? 1n : -1n) : 0n;
  let result = 1n;
  let base = a;
  for (let e = b; e > 0n; e >>= 1n) {
    if (e & 1n) result = BigInt.asIntN(64, result * base);
    base = BigInt.asIntN(64, base * base);
  }
  return result;
}

/** a*b+c with one rounding (f32 and f16: the product is exact in 64 bits, so the sum is rounded at most once more than a true fma). */
export function fmaFunction(type: ScalarType): (a: Scalar, b: Scalar, c: Scalar) => Scalar {
  if (isFloatType(type)) {
    const round = rounderOf(type);
    return (a, b, c) =>
      typeof a === 'number' && typeof b === 'number' && typeof c === 'number' ? round(a * b + c) : mismatch();
  }
  const mul = binaryFunction('mul', type);
  const add = binaryFunction('add', type);
  return (a, b, c) => add(mul(a, b), c);
}

const LIMITS: Partial<Record<ScalarType, readonly [number, number]>> = {
  i32: [-2147483648, 2147483647],
  u32: [0, 4294967295],
};

/** Conversion between scalar types: float to integer truncates and saturates with NaN to 0, integers wrap, anything to bool is `!= 0`. */
export function castFunction(from: ScalarType, to: ScalarType): Unary {
  if (from === to) return (a) => a;
  if (to === 'bool') return (a) => (typeof a === 'bigint' ? (a === 0n ? 0 : 1) : a === 0 ? 0 : 1);
  if (isBig(to)) {
    const wrap = to === 'i64' ? i64 : u64;
    const low = to === 'i64' ? -(2n ** 63n) : 0n;
    const high = to === 'i64' ? 2n ** 63n - 1n : 2n ** 64n - 1n;
    if (isBig(from)) return big1(wrap);
    if (!isFloatType(from)) return num1ToBig((a) => wrap(BigInt(a)));
    return num1ToBig((a) => {
      if (Number.isNaN(a)) return 0n;
      if (a >= 2 ** 64) return high;
      if (a <= -(2 ** 64)) return low;
      const x = BigInt(Math.trunc(a));
      return x < low ? low : x > high ? high : x;
    });
  }
  if (isFloatType(to)) {
    const round = rounderOf(to);
    return (a) => round(typeof a === 'bigint' ? bigToNumber(a, to) : a);
  }
  if (isBig(from)) {
    return (a) =>
      typeof a === 'bigint'
        ? to === 'i32'
          ? Number(BigInt.asIntN(32, a))
          : Number(BigInt.asUintN(32, a))
        : mismatch();
  }
  const limits = LIMITS[to];
  if (isFloatType(from) && limits) {
    const [low, high] = limits;
    return num1((a) => (Number.isNaN(a) ? 0 : a <= low ? low : a >= high ? high : Math.trunc(a) + 0));
  }
  return num1(to === 'u32' ? u32 : i32);
}

const num1ToBig =
  (f: (a: number) => bigint): Unary =>
  (a) =>
    typeof a === 'number' ? f(a) : mismatch();

/** A 64-bit integer as a double that rounds to `to` as if in one step: low bits are folded into a sticky bit. */
function bigToNumber(a: bigint, to: ScalarType): number {
  const m = a < 0n ? -a : a;
  if (to === 'f64' || m < 2n ** 53n) return Number(a);
  const kept = (m >> 12n) << 12n;
  const sticky = kept === m ? kept : kept | (1n << 12n);
  return Number(a < 0n ? -sticky : sticky);
}

const INTEGER_BITS: Partial<Record<DType, number>> = {
  i32: 32,
  i16: 16,
  i8: 8,
  i4: 4,
  i2: 2,
  u32: 32,
  u16: 16,
  u8: 8,
  u4: 4,
  u2: 2,
};

/** The value after a round trip through storage of `to`, in the type it had. */
export function narrowFunction(type: ScalarType, to: DType): Unary {
  if (to === 'bool') return (a) => (typeof a === 'bigint' ? (a === 0n ? 0n : 1n) : a === 0 ? 0 : 1);
  if (to === 'f64') return (a) => a;
  if (to === 'f32') return num1(Math.fround);
  const bits = INTEGER_BITS[to];
  if (bits !== undefined) {
    const signed = to.startsWith('i');
    if (isBig(type)) return big1((a) => (signed ? BigInt.asIntN(bits, a) : BigInt.asUintN(bits, a)));
    if (isFloatType(type)) {
      const cast = castFunction(type, signed ? 'i32' : 'u32');
      return num1((a) => Number(wrapNarrow(Number(cast(a)), bits, signed)));
    }
    const back = rounderOf(type);
    return num1((a) => back(wrapNarrow(a, bits, signed)));
  }
  if (to === 'i64' || to === 'u64') return (a) => a;
  return num1((a) => decodeFloat(to, encodeFloat(to, a)));
}

/** The low `bits` bits of an integer, sign- or zero-extended. */
export function wrapNarrow(a: number, bits: number, signed: boolean): number {
  const s = 32 - bits;
  return signed ? (a << s) >> s : (a << s) >>> s;
}

const bytes = new DataView(new ArrayBuffer(8));

/** The bits of a value read as another type of the same width. */
export function bitcastFunction(from: ScalarType, to: ScalarType): Unary {
  const put: Partial<Record<ScalarType, (a: Scalar) => void>> = {
    f32: (a) => bytes.setFloat32(0, Number(a)),
    i32: (a) => bytes.setInt32(0, Number(a)),
    u32: (a) => bytes.setUint32(0, Number(a)),
    f64: (a) => bytes.setFloat64(0, Number(a)),
    i64: (a) => bytes.setBigInt64(0, BigInt(a)),
    u64: (a) => bytes.setBigUint64(0, BigInt(a)),
  };
  const get: Partial<Record<ScalarType, () => Scalar>> = {
    f32: () => bytes.getFloat32(0),
    i32: () => bytes.getInt32(0),
    u32: () => bytes.getUint32(0),
    f64: () => bytes.getFloat64(0),
    i64: () => bytes.getBigInt64(0),
    u64: () => bytes.getBigUint64(0),
  };
  const write = put[from];
  const read = get[to];
  const wide = (t: ScalarType) => t === 'f64' || isBig(t);
  if (!write || !read || wide(from) !== wide(to)) throw new InfcError('INFC4002', `no bitcast from ${from} to ${to}`);
  return (a) => {
    write(a);
    return read();
  };
}

/**
 * The error function in double precision: Taylor series below 2.5, continued fraction (Lentz) above
 * (Abramowitz and Stegun 7.1.6 and 7.1.14); absolute error below 1e-15.
 */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (a === 0) return x;
  let r: number;
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; n < 200 && term > sum * 1e-17; n++) {
      term *= (2 * a * a) / (2 * n + 1);
      sum += term;
    }
    r = (2 / Math.sqrt(Math.PI)) * Math.exp(-a * a) * sum;
  } else if (a > 6) {
    r = 1;
  } else {
    let f = 0;
    for (let k = 60; k > 0; k--) f = k / 2 / (a + f);
    r = 1 - Math.exp(-a * a) / ((a + f) * Math.sqrt(Math.PI));
  }
  return x < 0 ? -r : r;
}
