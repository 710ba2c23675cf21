import type { DType, ScalarType } from '../../compiler/ir/dtype.ts';
import type { BinaryOp, Buffer, Expr, UnaryOp, Width } from '../../compiler/ir/expr.ts';
import { InfcError } from '../../runtime/errors.ts';
import { type KernelPrinter, shortestFloat, type Text, unwrap } from '../c-like-printer.ts';
import { isLegalized } from '../legalize.ts';

/** C++ types values are computed in. */
export const SCALAR: Partial<Record<ScalarType, string>> = {
  f64: 'double',
  f32: 'float',
  i64: 'long long',
  u64: 'unsigned long long',
  i32: 'int',
  u32: 'unsigned',
  bool: 'bool',
};

/** Element type in memory; 16-bit floats are kept as bits. */
export const STORAGE: Partial<Record<DType, string>> = {
  f64: 'double',
  f32: 'float',
  f16: 'unsigned short',
  bf16: 'unsigned short',
  i64: 'long long',
  u64: 'unsigned long long',
  i32: 'int',
  u32: 'unsigned',
  i16: 'short',
  u16: 'unsigned short',
  i8: 'signed char',
  u8: 'unsigned char',
  bool: 'unsigned char',
  // Below a byte: kernels that write whole bytes see bytes, others words.
  i4: 'unsigned char',
  u4: 'unsigned char',
  i2: 'unsigned char',
  u2: 'unsigned char',
};

/** dtypes whose elements kernels of this backend may load and store. */
export const storable = (dtype: DType): boolean => STORAGE[dtype] !== undefined || isLegalized(dtype);

const OPERATOR: Partial<Record<BinaryOp, string>> = {
  add: '+',
  sub: '-',
  mul: '*',
  and: '&',
  or: '|',
  xor: '^',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
  eq: '==',
  ne: '!=',
};

export const COMPARES: ReadonlySet<BinaryOp> = new Set(['lt', 'le', 'gt', 'ge', 'eq', 'ne']);
const MATH: Partial<Record<UnaryOp, string>> = { abs: 'fabs', round: 'rint' };
export const isFloat = (t: ScalarType): boolean => t === 'f32' || t === 'f64';
export const suffix = (t: ScalarType): string => (t === 'f32' ? 'f' : '');

/** C++ name of a scalar type. Throws INFC4021 for types kernels cannot compute in. */
export function scalarName(type: ScalarType): string {
  const s = SCALAR[type];
  if (!s)
    throw new InfcError('INFC4021', `CUDA kernels of this backend do not compute in ${type}`, {
      fix: 'Compute in f32',
    });
  return s;
}

export const typeName = (type: ScalarType, width: Width): string =>
  width === 1 ? scalarName(type) : `vec<${scalarName(type)}, ${width}>`;

/** Element type of a buffer. */
export function storageName(b: Buffer, p: KernelPrinter): string {
  const s = STORAGE[b.storage];
  if (!s) throw p.error(`buffer '${b.name}' is stored as ${b.storage}, which CUDA kernels cannot load`);
  return s;
}

/** Text of a unary operation on scalars. */
export function unaryScalar(op: UnaryOp, a: Text, p: KernelPrinter): string {
  const { type, text: x } = a;
  if (op === 'isnan') {
    if (!isFloat(type)) return 'false';
    const v = p.name(a);
    return `(${v} != ${v})`;
  }
  if (type === 'bool') {
    if (op === 'not') return `(!${x})`;
    throw p.error(`'${op}' has no meaning on bool`);
  }
  if (isFloat(type)) {
    if (op === 'neg') return `(-${x})`;
    if (op === 'not' || op === 'popcount' || op === 'clz') throw p.error(`'${op}' has no meaning on ${type}`);
    return `${MATH[op] ?? op}${suffix(type)}(${unwrap(x)})`;
  }
  const wide = type === 'i64' || type === 'u64';
  switch (op) {
    case 'neg':
      return `(${scalarName(type)})(0${wide ? 'ull' : 'u'} - (${wide ? 'unsigned long long' : 'unsigned'})${x})`;
    case 'abs': {
      if (type.startsWith('u')) return x;
      const v = p.name(a);
      return `(${v} < 0 ? ${unaryScalar('neg', { ...a, text: v }, p)} : ${v})`;
    }
    case 'not':
      return `(~${x})`;
    case 'popcount':
      return `(${scalarName(type)})${wide ? `__popcll(${x})` : `__popc(${x})`}`;
    case 'clz':
      return `(${scalarName(type)})${wide ? `__clzll(${x})` : `__clz(${x})`}`;
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'round':
      return x;
    default:
      throw p.error(`'${op}' has no meaning on ${type}`);
  }
}

/** Text of a binary operation on scalars. */
export function binaryScalar(
  op: BinaryOp,
  a: Text,
  b: Text,
  divisor: number | bigint | undefined,
  p: KernelPrinter,
): string {
  const { type } = a;
  const [x, y] = [a.text, b.text];
  if (type === 'bool') {
    if (op === 'mul' || op === 'min') return `(${x} && ${y})`;
    if (op === 'add' || op === 'max') return `(${x} || ${y})`;
    if (op === 'xor') return `(${x} != ${y})`;
    if (op === 'and' || op === 'or') return `(${x} ${op === 'and' ? '&&' : '||'} ${y})`;
  }
  const name = scalarName(type);
  // Signed overflow is undefined in C++: arithmetic wraps through the unsigned type.
  const wraps = type === 'i32' || type === 'i64';
  const unsigned = type === 'i32' ? 'unsigned' : 'unsigned long long';
  switch (op) {
    case 'div':
    case 'rem':
      if (isFloat(type)) return op === 'div' ? `(${x} / ${y})` : `fmod${suffix(type)}(${unwrap(x)}, ${unwrap(y)})`;
      if (divisor !== undefined && Number(divisor) > 0) return `(${x} ${op === 'div' ? '/' : '%'} ${y})`;
      return `${p.need(`${op}_${type}`)}(${unwrap(x)}, ${unwrap(y)})`;
    case 'min':
    case 'max': {
      if (!isFloat(type)) {
        const u = p.name(a);
        const v = p.name(b);
        return `(${u} ${op === 'min' ? '<' : '>'} ${v} ? ${u} : ${v})`;
      }
      if (divisor !== undefined && !Number.isNaN(Number(divisor))) {
        const u = p.name(a);
        return `(${u} ${op === 'min' ? '>' : '<'} ${y} ? ${y} : ${u})`;
      }
      return `${p.need(`${op}_float`)}(${unwrap(x)}, ${unwrap(y)})`;
    }
    case 'pow':
      if (!isFloat(type)) return `${p.need('pow_integer')}(${unwrap(x)}, ${unwrap(y)})`;
      if (divisor === 2) {
        const u = p.name(a);
        return `(${u} * ${u})`;
      }
      return `pow${suffix(type)}(${unwrap(x)}, ${unwrap(y)})`;
    case 'atan2':
      return `atan2${suffix(type)}(${unwrap(x)}, ${unwrap(y)})`;
    case 'shl':
    case 'shr': {
      const mask = type === 'i64' || type === 'u64' ? 63 : 31;
      const amount = divisor !== undefined ? String(Number(divisor) & mask) : `(${y} & ${mask})`;
      return op === 'shl' && wraps
        ? `(${name})((${unsigned})${x} << ${amount})`
        : `(${x} ${op === 'shl' ? '<<' : '>>'} ${amount})`;
    }
    case 'add':
    case 'sub':
    case 'mul':
      if (wraps) return `(${name})((${unsigned})${x} ${OPERATOR[op]} (${unsigned})${y})`;
  }
  const symbol = OPERATOR[op];
  if (!symbol) throw p.error(`'${op}' has no meaning on ${type}`);
  return `(${x} ${symbol} ${y})`;
}

export const constantOf = (e: Expr): number | bigint | undefined =>
  e.node.kind === 'const' ? e.node.value : e.node.kind === 'splat' ? constantOf(e.node.a) : undefined;

/** Text of a conversion. */
export function castScalar(to: ScalarType, a: Text, p: KernelPrinter): string {
  if (a.type === to) return a.text;
  if (to === 'bool') return `(${a.text} != 0)`;
  if (isFloat(a.type) && !isFloat(to)) return `${p.need(`${a.type}_to_${to}`)}(${unwrap(a.text)})`;
  return `(${scalarName(to)})${a.text}`;
}

/** Text of a constant. */
export function constant(type: ScalarType, value: number | bigint): string {
  switch (type) {
    case 'bool':
      return Number(value) !== 0 ? 'true' : 'false';
    case 'i32': {
      const v = Number(value) | 0;
      return v === -2147483648 ? '(int)0x80000000u' : v < 0 ? `(${v})` : String(v);
    }
    case 'u32':
      return `${Number(value) >>> 0}u`;
    case 'i64': {
      const v = BigInt.asIntN(64, BigInt(value));
      return v === -(2n ** 63n) ? '(long long)0x8000000000000000ull' : v < 0n ? `(${v}ll)` : `${v}ll`;
    }
    case 'u64':
      return `${BigInt.asUintN(64, BigInt(value))}ull`;
    case 'f32':
    case 'f64': {
      const v = type === 'f32' ? Math.fround(Number(value)) : Number(value);
      if (Number.isNaN(v))
        return type === 'f32' ? '__int_as_float(0x7fc00000)' : '__longlong_as_double(0x7ff8000000000000ll)';
      const negative = v < 0 || Object.is(v, -0);
      const m = Math.abs(v);
      const text = !Number.isFinite(m)
        ? type === 'f32'
          ? '__int_as_float(0x7f800000)'
          : '__longlong_as_double(0x7ff0000000000000ll)'
        : type === 'f32'
          ? `${shortestFloat(m)}f`
          : /[.e]/.test(String(m))
            ? String(m)
            : `${m}.0`;
      return negative ? `(-${text})` : text;
    }
    case 'f16':
      return scalarName(type);
  }
}

export const BITCAST: Partial<Record<`${ScalarType} ${ScalarType}`, string>> = {
  'f32 i32': '__float_as_int',
  'f32 u32': '__float_as_uint',
  'i32 f32': '__int_as_float',
  'u32 f32': '__uint_as_float',
  'i32 u32': '(unsigned)',
  'u32 i32': '(int)',
  'f64 i64': '__double_as_longlong',
  'i64 f64': '__longlong_as_double',
  'i64 u64': '(unsigned long long)',
  'u64 i64': '(long long)',
};
