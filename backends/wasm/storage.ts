import { add, type Dim, floorDiv, mod, mul } from '../../compiler/ir/dim.ts';
import { bitsOf, type DType, isFloat, isInteger, isSigned } from '../../compiler/ir/dtype.ts';
import { type Buffer, constant, dimValue, Expr, pack, type Width } from '../../compiler/ir/expr.ts';
import { decodeMinifloat, encodeMinifloat, isMinifloat } from '../../compiler/lower/minifloat.ts';

/** A value rounded or wrapped as storage would do, in operations that Wasm has. */
export function narrowed(a: Expr, to: DType): Expr {
  if (isMinifloat(to) && isFloat(a.type)) {
    const f = a.cast('f32');
    return decodeMinifloat(to, encodeMinifloat(to, f)).cast(a.type);
  }
  if (to === 'f32' && a.type === 'f64') return a.cast('f32').cast('f64');
  if (to === 'bool') return a.cast('bool').cast(a.type);
  if (isInteger(to) && bitsOf[to] < 32) {
    if (isFloat(a.type))
      return a
        .cast(isSigned(to) ? 'i32' : 'u32')
        .narrow(to)
        .cast(a.type);
    const size = a.type === 'i64' || a.type === 'u64' ? 64 : 32;
    const shift = size - bitsOf[to];
    const signed = size === 64 ? (isSigned(to) ? 'i64' : 'u64') : isSigned(to) ? 'i32' : 'u32';
    const by = constant(signed, shift);
    return a.cast(signed).shl(by).shr(by).cast(a.type);
  }
  if (isInteger(to) && bitsOf[to] === 32 && (a.type === 'i64' || a.type === 'u64'))
    return a.cast(isSigned(to) ? 'i32' : 'u32').cast(a.type);
  return a;
}

/** A load of a dtype that Wasm has no instruction for, as one of wider integers; undefined where there is one. */
export function widerLoad(buffer: Buffer, index: Dim, width: Width): Expr | undefined {
  const { storage } = buffer;
  const bits = bitsOf[storage];
  if (bits < 8) return subByte(buffer, index, width);
  if (storage === 'f16' && buffer.finite) {
    const raw: Buffer = { ...buffer, storage: 'i16' };
    return finiteHalf(new Expr('i32', width, { kind: 'load', buffer: raw, index }));
  }
  if (!isMinifloat(storage)) return undefined;
  const raw: Buffer = { ...buffer, storage: bits === 16 ? 'u16' : 'u8' };
  return decodeMinifloat(storage, new Expr('u32', width, { kind: 'load', buffer: raw, index }));
}

/** Elements of less than a byte, packed little end first. */
function subByte(buffer: Buffer, index: Dim, width: Width): Expr {
  if (width > 1) return pack(Array.from({ length: width }, (_, i) => subByte(buffer, add(index, i), 1)));
  const { storage } = buffer;
  const bits = bitsOf[storage];
  const per = 8 / bits;
  const raw: Buffer = { ...buffer, storage: 'u8' };
  const byte = new Expr('u32', 1, { kind: 'load', buffer: raw, index: floorDiv(index, per) });
  const shifted = byte.shr(dimValue(mul(mod(index, per), bits)).cast('u32'));
  const code = shifted.and(constant('u32', (1 << bits) - 1));
  if (isMinifloat(storage)) return decodeMinifloat(storage, code);
  if (!isSigned(storage)) return code;
  const up = constant('i32', 32 - bits);
  return code.cast('i32').shl(up).shr(up);
}

/** A sign-extended f16 that is finite as f32: its fields moved to their places, read with the exponent bias of f32 and scaled. */
const finiteHalf = (bits: Expr): Expr =>
  bits
    .shl(constant('i32', 13))
    .and(constant('i32', 0x8fffffff | 0))
    .bitcast('f32')
    .mul(2 ** 112);

/** Instructions that load and store one element. */
export const SCALAR_LOAD: Partial<Record<DType, string>> = {
  f64: 'f64.load',
  f32: 'f32.load',
  i64: 'i64.load',
  u64: 'i64.load',
  i16: 'i32.load16_s',
  u16: 'i32.load16_u',
  i8: 'i32.load8_s',
  u8: 'i32.load8_u',
  bool: 'i32.load8_u',
};

export const SCALAR_STORE: Partial<Record<DType, string>> = {
  f64: 'f64.store',
  f32: 'f32.store',
  i64: 'i64.store',
  u64: 'i64.store',
  i16: 'i32.store16',
  u16: 'i32.store16',
  i8: 'i32.store8',
  u8: 'i32.store8',
  bool: 'i32.store8',
};
