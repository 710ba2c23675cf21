import { add, ceilDiv, type Dim, floorDiv, isMultipleOf, min, mul, product, sub, sym } from '../ir/dim.ts';
import { bitsOf, type DType } from '../ir/dtype.ts';
import { type Buffer, constant, dimValue, type Expr } from '../ir/expr.ts';
import { KernelBuilder } from '../ir/kernel-builder.ts';
import { ElementEvaluator, unravel } from './element.ts';
import { Emitter } from './emit.ts';
import { Bindings, bytesOf } from './loops.ts';
import { encodeMinifloat, isMinifloat } from './minifloat.ts';
import { constantScalar, isInRegion, type LowerContext, type Region, typeOf } from './region.ts';
import type { LoweredKernel } from './template.ts';

/** Whether several elements of a dtype share a byte. */
export const isSubByte = (dtype: DType): boolean => bitsOf[dtype] > 0 && bitsOf[dtype] < 8;

/** Bytes a work item writes. */
const BLOCK = 256;
const LANES = 64;

/**
 * Lowers a region whose output packs several elements into a byte: each byte is computed whole by one work item, so that no two of them
 * write the same byte.
 */
export function lowerSubByte(region: Region, context: LowerContext): LoweredKernel {
  const { output } = region;
  const { dtype, shape } = output.type;
  const total = product(shape);
  const bits = bitsOf[dtype];
  const per = 8 / bits;
  const bytes = ceilDiv(total, per);
  const simd = context.target.kernels === 'simd';
  const groups = ceilDiv(bytes, simd ? BLOCK : LANES);
  const k = new KernelBuilder(context.name(region), context.target.kernels, simd ? 1 : LANES, [groups, 1, 1]);
  const bindings = new Bindings(k);
  const evaluator = new ElementEvaluator(
    context.ops,
    {
      read: (v, position) => constantScalar(v) ?? k.load(bindings.read(v), position),
      isInside: isInRegion(region),
      typeOf,
    },
    '',
  );
  const word = (byte: Dim): Expr => {
    let packed: Expr = constant('u32', 0);
    for (let i = 0; i < per; i++) {
      const position = add(mul(byte, per), i);
      const code = codeOf(dtype, evaluator.at(output, unravel(position, shape))).and((1 << bits) - 1);
      const there = isMultipleOf(total, per) ? code : dimValue(position).lt(dimValue(total)).guard(code, 0);
      packed = packed.or(i === 0 ? there : there.shl(i * bits));
    }
    return packed;
  };
  const emitter = new Emitter(k, evaluator.indices, 1);
  const store = (byte: Dim, value: Expr): void => {
    const raw: Buffer = { ...bindings.write(output), storage: 'u8', elements: bytes };
    k.store(raw, byte, emitter.value(value));
  };
  if (simd) {
    const from = mul(k.group.x, BLOCK);
    const to = min(bytes, add(from, BLOCK));
    const byte = sym('f', { max: sub(bytes, 1) });
    const value = word(byte);
    emitter.count([value]);
    emitter.for(from, to, 1, () => store(byte, value), 'f');
  } else {
    const byte = add(mul(k.group.x, LANES), k.lane);
    const value = word(byte);
    emitter.count([value]);
    k.if(dimValue(byte).lt(dimValue(bytes)), () => store(byte, value));
  }
  const read = bindings.args.reduce<Dim>((sum, a) => add(sum, a.kind === 'value' ? bytesOf(a.value.type) : 0), 0);
  const kernel = k.done({
    op: output.producer?.op ?? 'copy',
    sources: region.nodes.map((n) => n.source.name),
    template: 'auto-packed',
    why: `${floorDiv(8, bits)} elements share a byte: one work item writes whole bytes`,
    bytes: read,
    flops: mul(total, region.nodes.length),
  });
  return { kernel, args: bindings.args };
}

/** Bits of a value in its narrow type, in the low end of a u32. */
const codeOf = (dtype: DType, value: Expr): Expr =>
  isMinifloat(dtype) ? encodeMinifloat(dtype, value.cast('f32')) : value.cast('u32');
