import type { Dim } from '../ir/dim.ts';
import * as D from '../ir/dim.ts';
import { bitsOf, computeType, type DType, isFloat } from '../ir/dtype.ts';
import { constant, dimValue, type Expr } from '../ir/expr.ts';
import { defineOp, type ElementContext, type OpDef } from '../ir/op.ts';
import { castValue } from './cast.ts';
import { dtypeAttr, inputType, integerRange, numberAttr, only } from './shapes.ts';

/**
 * Coordinates of the scale (or zero point) of an element: one for all, one along `axis`, or with `block` one for each run of that many
 * elements along the axis.
 */
function groupOf(c: ElementContext, input: number, coords: readonly Dim[]): readonly Dim[] {
  const shape = c.inputs[input]?.shape ?? [];
  const axis = numberAttr(c.attrs, 'axis', 0);
  const block = numberAttr(c.attrs, 'block', 0);
  if (block > 0) return coords.map((i, at) => (at === axis ? D.floorDiv(i, block) : i));
  if (shape.length === 0) return [];
  return [shape[0] === 1 ? 0 : (coords[axis] ?? 0)];
}

const floatType = (dtype: DType): 'f64' | 'f32' => (dtype === 'f64' ? 'f64' : 'f32');

/** (x - zero) * scale; inputs x, scale, zero?; attributes axis, block, dtype. */
const dequantizeLinear = defineOp({
  name: 'dequantize_linear',
  infer: (c) => ({ ...inputType(c, 0), dtype: dtypeAttr(c.attrs, 'dtype', inputType(c, 1).dtype), format: 'dense' }),
  element: (c) => {
    const out = only(c.outputs).dtype;
    const type = floatType(out);
    return (coords) => {
      const x = c.at(0, coords);
      const scale = c.at(1, groupOf(c, 1, coords)).cast(type);
      const zero = c.inputs[2] && !isFloat(c.inputs[2].dtype) ? c.at(2, groupOf(c, 2, coords)) : undefined;
      return difference(x, zero, type).mul(scale).cast(computeType(out));
    };
  },
  flops: () => 2,
});

/** x - zero as a float: in 32-bit integers where both have 16 bits or fewer. */
function difference(x: Expr, zero: Expr | undefined, type: 'f64' | 'f32'): Expr {
  if (!zero) return x.cast(type);
  return x.cast('i32').sub(zero.cast('i32')).cast(type);
}

/**
 * round(x / scale) + zero within the range of the output dtype; inputs x, scale, zero?; attributes axis, block, dtype, precision (dtype
 * of the division), noSaturate (8-bit floats).
 */
const quantizeLinear = defineOp({
  name: 'quantize_linear',
  infer: (c) => ({ ...inputType(c, 0), dtype: dtypeAttr(c.attrs, 'dtype', 'u8'), format: 'dense' }),
  element: (c) => {
    const out = only(c.outputs).dtype;
    const precision = dtypeAttr(c.attrs, 'precision', 'f32');
    const type = floatType(precision);
    return (coords) => {
      const narrow = (e: Expr): Expr => (bitsOf[precision] < 32 ? e.narrow(precision) : e);
      const ratio = narrow(narrow(c.at(0, coords).cast(type)).div(narrow(c.at(1, groupOf(c, 1, coords)).cast(type))));
      if (isFloat(out)) return castValue(ratio, 'f32', out, c.attrs).narrow(out);
      const zero = c.inputs[2] ? c.at(2, groupOf(c, 2, coords)).cast(type) : constant(type, 0);
      const { min, max } = integerRange(out);
      return ratio.round().add(zero).max(Number(min)).min(Number(max)).cast('i32').cast(computeType(out));
    };
  },
  flops: () => 4,
});

/**
 * Weights packed `bits` a value in bytes, rows of blocks: input packed [n, blocks, bytes], scales [n * blocks], zeros? (packed alike, or
 * floats); output [n, k] of the scales' dtype (MatMulNBits of com.microsoft).
 */
const dequantizeBits = defineOp({
  name: 'dequantize_bits',
  infer: (c) => ({
    dtype: inputType(c, 1).dtype,
    shape: [inputType(c, 0).shape[0] ?? 1, numberAttr(c.attrs, 'k', 1)],
    format: 'dense',
  }),
  element: (c) => {
    const bits = numberAttr(c.attrs, 'bits', 4);
    const block = numberAttr(c.attrs, 'block', 32);
    const per = 8 / bits;
    const blocks = c.inputs[0]?.shape[1] ?? 1;
    const type = floatType(only(c.outputs).dtype);
    const mask = 2 ** bits - 1;
    return ([row = 0, column = 0]) => {
      const at = D.floorDiv(column, block);
      const inBlock = D.mod(column, block);
      const unpack = (word: Expr, position: Dim): Expr =>
        bits === 8 ? word : word.shr(dimValue(D.mul(D.mod(position, per), bits)).cast('u32')).and(mask);
      const code = unpack(c.at(0, [row, at, D.floorDiv(inBlock, per)]), inBlock).cast('i32');
      const scale = c.linear(1, D.add(D.mul(row, blocks), at)).cast(type);
      const zeros = c.inputs[2];
      if (!zeros)
        return code
          .sub(2 ** (bits - 1))
          .cast(type)
          .mul(scale);
      if (isFloat(zeros.dtype))
        return code
          .cast(type)
          .sub(c.linear(2, D.add(D.mul(row, blocks), at)).cast(type))
          .mul(scale);
      const rowBytes = D.ceilDiv(blocks, per);
      const zero = unpack(c.linear(2, D.add(D.mul(row, rowBytes), D.floorDiv(at, per))), at).cast('i32');
      return code.sub(zero).cast(type).mul(scale);
    };
  },
  flops: () => 4,
});

/** Codes of `bits` bits out of bytes, low end first: the last axis grows by 8 / bits. */
const unpackBits = defineOp({
  name: 'unpack_bits',
  infer: (c) => {
    const x = inputType(c, 0);
    const per = 8 / numberAttr(c.attrs, 'bits', 4);
    return { ...x, shape: x.shape.map((n, i) => (i === x.shape.length - 1 ? D.mul(n, per) : n)) };
  },
  element: (c) => {
    const bits = numberAttr(c.attrs, 'bits', 4);
    const per = 8 / bits;
    return (coords) => {
      const last = coords[coords.length - 1] ?? 0;
      const byte = c.at(0, [...coords.slice(0, -1), D.floorDiv(last, per)]);
      return byte.shr(dimValue(D.mul(D.mod(last, per), bits)).cast('u32')).and(2 ** bits - 1);
    };
  },
});

/** f32 [2]: the least and the greatest of 0 and all elements (NaN where there is one): what dynamic quantization spans. */
const valueRange = defineOp({
  name: 'value_range',
  infer: () => ({ dtype: 'f32', shape: [2], format: 'dense' }),
  element: (c) => {
    const shape = c.inputs[0]?.shape ?? [];
    const side = (monoid: 'min' | 'max'): Expr =>
      only(
        c.fold(monoid, [D.product(shape)], [constant('f32', 0)], ([i = 0], [best]) => {
          const x = c.linear(0, i).cast('f32');
          return [best ? (monoid === 'min' ? best.min(x) : best.max(x)) : x];
        }),
      );
    return ([i = 0]) =>
      i === 0 ? side('min') : i === 1 ? side('max') : dimValue(i).eq(0).guard(side('min'), side('max'));
  },
  flops: (node) => D.product(node.inputs[0]?.type.shape ?? []),
});

/** Conversions between floats and quantized codes. */
export const quantizeOps: readonly OpDef[] = [dequantizeLinear, quantizeLinear, dequantizeBits, unpackBits, valueRange];
