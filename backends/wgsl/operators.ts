import type { ScalarType } from '../../compiler/ir/dtype.ts';
import { type BinaryOp, type Expr, transcendentalOps, type UnaryOp, type Width } from '../../compiler/ir/expr.ts';
import { InfcError } from '../../runtime/errors.ts';
import { type KernelPrinter, shortestFloat, type Text } from '../c-like-printer.ts';

const OPERATOR: Partial<Record<BinaryOp, string>> = {
  add: '+',
  sub: '-',
  mul: '*',
  div: '/',
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

/** Types kept as two words. */
export const is64 = (t: ScalarType): boolean => t === 'i64' || t === 'u64';

/** Unary functions of WGSL whose precision and domain suit; the rest come from the library. */
const NATIVE: ReadonlySet<UnaryOp> = new Set(['abs', 'floor', 'ceil', 'trunc', 'round', 'sqrt', 'exp', 'exp2', 'log2']);
const FROM_LIBRARY: ReadonlySet<UnaryOp> = new Set(transcendentalOps);

/** WGSL's name of a type. Throws INFC4021 for types kernels cannot compute in. */
export function typeName(type: ScalarType, width: Width): string {
  const scalar = is64(type) ? 'vec2<u32>' : type;
  if (type === 'f64' || type === 'f16')
    throw new InfcError('INFC4021', `WGSL kernels cannot compute in ${type}`, {
      fix: 'Compute in f32, or run the op on the host',
    });
  if (width === 1) return scalar;
  if ((width === 2 || width === 4) && !is64(type)) return `vec${width}<${type}>`;
  throw new InfcError('INFC4021', `WGSL has no vector of ${width} ${type} values`, {
    fix: 'Use width 1, 2 or 4 of a 32-bit type',
  });
}

/** Text of a unary operation. */
export function unary(op: UnaryOp, a: Text, p: KernelPrinter): string {
  const x = a.text;
  if (is64(a.type)) {
    if (op === 'neg') return `${p.need('neg_64')}(${x})`;
    if (op === 'not') return `(~${x})`;
    if (op === 'abs') return a.type === 'u64' ? x : `${p.need('abs_i64')}(${x})`;
    if (op === 'isnan') return 'false';
    if (op === 'floor' || op === 'ceil' || op === 'trunc' || op === 'round') return x;
    throw p.error(`'${op}' of a 64-bit integer is not available in WGSL`);
  }
  if (a.type === 'bool') {
    if (op === 'not') return `(!${x})`;
    throw p.error(`'${op}' has no meaning on bool`);
  }
  if (a.type !== 'f32') {
    if (op === 'neg') return a.type === 'u32' ? `(~${x} + 1u)` : `(-${x})`;
    if (op === 'not') return `(~${x})`;
    if (op === 'abs') return `abs(${x})`;
    if (op === 'popcount') return `countOneBits(${x})`;
    if (op === 'clz') return `countLeadingZeros(${x})`;
    if (op === 'isnan') return a.width === 1 ? 'false' : `vec${a.width}<bool>(false)`;
    if (op === 'floor' || op === 'ceil' || op === 'trunc' || op === 'round') return x;
    throw p.error(`'${op}' has no meaning on ${a.type}`);
  }
  if (op === 'neg') return `(-${x})`;
  if (NATIVE.has(op)) return `${op}(${x})`;
  const call = (name: string, type: ScalarType): string =>
    p.componentwise([a], type, ([v]) => `${p.need(name)}(${v?.text ?? ''})`);
  if (op === 'isnan') return call('is_nan', 'bool');
  if (FROM_LIBRARY.has(op)) return call(`${op}_f32`, 'f32');
  throw p.error(`'${op}' has no meaning on f32`);
}

const constantOf = (e: Expr): number | bigint | undefined =>
  e.node.kind === 'const' ? e.node.value : e.node.kind === 'splat' ? constantOf(e.node.a) : undefined;

/** Text of a binary operation. */
export function binary(
  op: BinaryOp,
  a: Text,
  b: Text,
  nodes: { readonly a: Expr; readonly b: Expr },
  p: KernelPrinter,
): string {
  const type = a.type;
  const call = (name: string, result: ScalarType = type): string =>
    p.componentwise([a, b], result, ([x, y]) => `${p.need(name)}(${x?.text ?? ''}, ${y?.text ?? ''})`);
  if (is64(type)) return binary64(op, a, b, p);
  const divisor = constantOf(nodes.b);
  switch (op) {
    case 'div':
    case 'rem':
      if (type === 'f32') return op === 'div' ? `(${a.text} / ${b.text})` : call('rem_f32');
      if (divisor !== undefined && Number(divisor) > 0) return `(${a.text} ${op === 'div' ? '/' : '%'} ${b.text})`;
      return call(`${op}_${type}`);
    case 'min':
    case 'max':
      if (type === 'bool') return `(${a.text} ${op === 'min' ? '&' : '|'} ${b.text})`;
      if (type !== 'f32') return `${op}(${a.text}, ${b.text})`;
      return floatMinMax(op, a, b, nodes, p);
    case 'pow':
      return type === 'f32' ? power(a, divisor, call, p) : call(`pow_${type}`);
    case 'atan2':
      return call('atan2_f32');
    case 'shl':
    case 'shr': {
      const word = a.width === 1 ? 'u32' : `vec${a.width}<u32>`;
      const amount =
        divisor !== undefined && a.width === 1 ? `${Number(divisor) & 31}u` : `(${word}(${b.text}) & ${word}(31u))`;
      return `(${a.text} ${op === 'shl' ? '<<' : '>>'} ${amount})`;
    }
    case 'xor':
      if (type === 'bool') return `(${a.text} != ${b.text})`;
      break;
    case 'mul':
      if (type === 'bool') return `(${a.text} & ${b.text})`;
      break;
    case 'add':
      if (type === 'bool') return `(${a.text} | ${b.text})`;
      break;
    case 'lt':
    case 'le':
    case 'gt':
    case 'ge':
      if (type === 'bool') {
        const u = (t: Text) => (t.width === 1 ? `u32(${t.text})` : `vec${t.width}<u32>(${t.text})`);
        return `(${u(a)} ${OPERATOR[op]} ${u(b)})`;
      }
      break;
  }
  // Compilers print != as an ordered comparison, false for NaN.
  if (op === 'ne' && type === 'f32') return `!(${a.text} == ${b.text})`;
  const symbol = OPERATOR[op];
  if (!symbol) throw p.error(`'${op}' has no meaning on ${type}`);
  return `(${a.text} ${symbol} ${b.text})`;
}

/** One comparison suffices against a constant: it keeps the other operand when that is NaN. */
function floatMinMax(
  op: 'min' | 'max',
  a: Text,
  b: Text,
  nodes: { readonly a: Expr; readonly b: Expr },
  p: KernelPrinter,
): string {
  const compare = op === 'min' ? '>' : '<';
  const isNumber = (e: Expr): boolean => {
    const c = constantOf(e);
    return c !== undefined && !Number.isNaN(Number(c));
  };
  if (isNumber(nodes.b)) {
    const x = p.name(a);
    return `select(${x}, ${b.text}, ${x} ${compare} ${b.text})`;
  }
  if (isNumber(nodes.a)) {
    const y = p.name(b);
    return `select(${y}, ${a.text}, ${y} ${compare} ${a.text})`;
  }
  return p.componentwise([a, b], 'f32', ([x, y]) => `${p.need(`${op}_f32`)}(${x?.text ?? ''}, ${y?.text ?? ''})`);
}

function power(
  a: Text,
  exponent: number | bigint | undefined,
  call: (name: string) => string,
  p: KernelPrinter,
): string {
  if (a.width === 1 && exponent !== undefined) {
    const x = p.name(a);
    if (exponent === 1) return x;
    if (exponent === 2) return `(${x} * ${x})`;
    if (exponent === 3) return `(${x} * ${x} * ${x})`;
    if (exponent === 4) return `((${x} * ${x}) * (${x} * ${x}))`;
    if (exponent === 0.5) return `sqrt(${x})`;
    if (exponent === -1) return `(1.0 / ${x})`;
    if (exponent === -0.5) return `(1.0 / sqrt(${x}))`;
    if (exponent === -2) return `(1.0 / (${x} * ${x}))`;
  }
  return call('pow_f32');
}

function binary64(op: BinaryOp, a: Text, b: Text, p: KernelPrinter): string {
  const [x, y] = [a.text, b.text];
  const sign = a.type;
  switch (op) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'shl':
    case 'pow':
      return `${p.need(`${op}_64`)}(${x}, ${y})`;
    case 'div':
    case 'rem':
    case 'min':
    case 'max':
    case 'shr':
    case 'lt':
      return `${p.need(`${op}_${sign}`)}(${x}, ${y})`;
    case 'gt':
      return `${p.need(`lt_${sign}`)}(${y}, ${x})`;
    case 'le':
      return `(!${p.need(`lt_${sign}`)}(${y}, ${x}))`;
    case 'ge':
      return `(!${p.need(`lt_${sign}`)}(${x}, ${y}))`;
    case 'eq':
      return `all(${x} == ${y})`;
    case 'ne':
      return `any(${x} != ${y})`;
    case 'and':
    case 'or':
    case 'xor':
      return `(${x} ${OPERATOR[op]} ${y})`;
    case 'atan2':
      throw p.error("'atan2' has no meaning on 64-bit integers");
  }
}

/** Text of a conversion. */
export function cast(to: ScalarType, a: Text, p: KernelPrinter): string {
  const x = a.text;
  const wide = typeName(to, a.width);
  if (a.type === to) return x;
  if (is64(to)) {
    if (a.width !== 1) throw p.error('vectors of 64-bit integers are not available in WGSL');
    if (is64(a.type)) return x;
    if (a.type === 'f32') return `${p.need(`f32_to_${to}`)}(${x})`;
    return a.type === 'i32'
      ? `${p.need('i32_to_64')}(${x})`
      : `${p.need('u32_to_64')}(${a.type === 'bool' ? `u32(${x})` : x})`;
  }
  if (is64(a.type)) {
    if (to === 'bool') return `any(${x} != vec2<u32>(0u))`;
    if (to === 'f32') return `${p.need(`${a.type}_to_f32`)}(${x})`;
    const word = `${p.name(a)}.x`;
    return to === 'i32' ? `bitcast<i32>(${word})` : word;
  }
  if (a.type === 'f32' && (to === 'i32' || to === 'u32'))
    return p.componentwise([a], to, ([v]) => `${p.need(`f32_to_${to}`)}(${v?.text ?? ''})`);
  return `${wide}(${x})`;
}

/** Text of a constant. */
export function constant(type: ScalarType, value: number | bigint, p: KernelPrinter): string {
  switch (type) {
    case 'bool':
      return Number(value) !== 0 ? 'true' : 'false';
    case 'i32': {
      const v = Number(value) | 0;
      return v === -2147483648 ? 'i32(-2147483648)' : v < 0 ? `(${v})` : String(v);
    }
    case 'u32':
      return `${Number(value) >>> 0}u`;
    case 'i64':
    case 'u64': {
      const v = BigInt.asUintN(64, BigInt(value));
      return `vec2<u32>(${v & 0xffffffffn}u, ${v >> 32n}u)`;
    }
    case 'f32': {
      const v = Math.fround(Number(value));
      if (Number.isNaN(v)) return `bitcast<f32>(${p.need('special_bits')}.y)`;
      if (!Number.isFinite(v))
        return v > 0 ? `bitcast<f32>(${p.need('special_bits')}.x)` : `(-bitcast<f32>(${p.need('special_bits')}.x))`;
      const text = shortestFloat(Math.abs(v));
      return v < 0 || Object.is(v, -0) ? `(-${text})` : text;
    }
    default:
      return typeName(type, 1);
  }
}
