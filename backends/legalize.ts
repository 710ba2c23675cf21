import { bitsOf, type DType, type ScalarType } from '../compiler/ir/dtype.ts';
import { type Buffer, constant, Expr } from '../compiler/ir/expr.ts';
import type { Kernel, Stmt } from '../compiler/ir/kernel.ts';
import { decodeMinifloat, encodeMinifloat } from '../compiler/lower/minifloat.ts';
import { mapExpr } from '../compiler/lower/substitute.ts';

/** 8- and 4-bit floats and the unsigned integers that hold their bits. */
const CARRIER: Partial<Record<DType, 'u8' | 'u4'>> = {
  f8e4m3fn: 'u8',
  f8e4m3fnuz: 'u8',
  f8e5m2: 'u8',
  f8e5m2fnuz: 'u8',
  f8e8m0: 'u8',
  f4e2m1: 'u4',
};

const SUB_BYTE: ReadonlySet<DType> = new Set(['i4', 'i2', 'u4', 'u2']);

/** dtypes that {@link legalizeNarrow} turns into others. */
export const isLegalized = (dtype: DType): boolean => CARRIER[dtype] !== undefined;

/**
 * Writes the narrow floats that no GPU language knows as integer operations: their buffers hold raw bits, loads decode and stores encode.
 * Round trips through narrow floats and through integers below a byte become arithmetic too. Other kernels come back as they are.
 */
export function legalizeNarrow(kernel: Kernel): Kernel {
  const replaced = new Map<string, Buffer>();
  const replace = (b: Buffer): Buffer => {
    const storage = CARRIER[b.storage];
    if (!storage) return b;
    const old = replaced.get(b.name);
    if (old) return old;
    const made: Buffer = { ...b, storage };
    replaced.set(b.name, made);
    return made;
  };
  const buffers = kernel.buffers.map(replace);
  const shared = kernel.shared.map(replace);
  const memo = new Map<Expr, Expr>();
  let changed = replaced.size > 0;
  const rewrite = (e: Expr): Expr =>
    mapExpr(e, memo, (x, go) => {
      const n = x.node;
      if (n.kind === 'load' && CARRIER[n.buffer.storage])
        return decodeMinifloat(
          n.buffer.storage,
          new Expr('u32', x.width, { kind: 'load', buffer: replace(n.buffer), index: n.index }),
          true,
        );
      if (n.kind === 'narrow' && CARRIER[n.to]) {
        changed = true;
        return decodeMinifloat(n.to, encodeMinifloat(n.to, go(n.a).cast('f32')), true).cast(x.type);
      }
      if (n.kind === 'narrow' && SUB_BYTE.has(n.to)) {
        changed = true;
        return wrap(go(n.a), n.to);
      }
      return undefined;
    });
  const statement = (s: Stmt): Stmt => {
    switch (s.kind) {
      case 'let':
      case 'var':
      case 'set':
        return { ...s, value: rewrite(s.value) };
      case 'store': {
        const value = rewrite(s.value);
        return CARRIER[s.buffer.storage]
          ? { ...s, buffer: replace(s.buffer), value: encodeMinifloat(s.buffer.storage, value) }
          : { ...s, value };
      }
      case 'atomicAdd':
        return { ...s, value: rewrite(s.value) };
      case 'for':
        return { ...s, body: s.body.map(statement) };
      case 'if':
        return {
          ...s,
          condition: rewrite(s.condition),
          body: s.body.map(statement),
          otherwise: s.otherwise.map(statement),
        };
      default:
        return s;
    }
  };
  const body = kernel.body.map(statement);
  return changed ? { ...kernel, buffers, shared, body } : kernel;
}

/** A value wrapped to an integer of fewer than 8 bits, in the type it had. */
function wrap(e: Expr, to: DType): Expr {
  const signed = to.startsWith('i');
  const type: ScalarType = signed ? 'i32' : 'u32';
  const spare = constant(type, 32 - bitsOf[to]);
  return e.cast(type).shl(spare).shr(spare).cast(e.type);
}
