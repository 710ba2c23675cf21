import type { Dim } from '../ir/dim.ts';
import * as D from '../ir/dim.ts';
import type { DType } from '../ir/dtype.ts';
import { constant, type Expr } from '../ir/expr.ts';
import type { TensorType } from '../ir/graph.ts';
import { defineOp, type ElementContext, type InferContext, type OpDef } from '../ir/op.ts';
import { conv, tap, windowsOf } from './conv.ts';
import { matmul } from './matmul.ts';
import { broadcastCoords, flagAttr, formatShape, inputType, numberAttr, only } from './shapes.ts';

/** Codes of 8 bits or fewer: their products with 32-bit sums are exact up to 2^15 terms, and wrap beyond 2^31 as ONNX's do. */
const CODES: ReadonlySet<DType> = new Set(['i8', 'u8']);

function checkCodes(c: InferContext): void {
  for (const i of [0, 1]) {
    const { dtype } = inputType(c, i);
    const zero = c.inputs[i + 2];
    if (!CODES.has(dtype)) c.fail(`operand ${i} is ${dtype}, not i8 or u8`);
    if (zero && zero.dtype !== dtype) c.fail(`zero point ${i} is ${zero.dtype}, its operand ${dtype}`);
  }
}

/** Zero point of the element at `coords` of operand `i`: 0 where there is none, else broadcast to the operand. */
function zeroOf(c: ElementContext, i: number, coords: readonly Dim[]): Expr {
  const zero = c.inputs[i + 2];
  return zero ? c.at(i + 2, broadcastCoords(zero.shape, coords)).cast('i32') : constant('i32', 0);
}

const asSums = (type: TensorType | readonly TensorType[]): TensorType => ({
  ...only(Array.isArray(type) ? (type as readonly TensorType[]) : [type as TensorType]),
  dtype: 'i32',
});

/**
 * sum (a - aZero) * (b - bZero) in i32: a [..., m, k] and b [..., k, n] of i8 or u8 (`transposeB`: [..., n, k]). Inputs a, b, aZero?,
 * bZero?; a zero point broadcasts to [..., m, k] and [..., k, n] (one number, a column [m, 1], a row [n]).
 */
const matmulInteger = defineOp({
  name: 'matmul_integer',
  infer: (c) => {
    checkCodes(c);
    if (flagAttr(c.attrs, 'transposeA')) c.fail('transposeA is not supported');
    return asSums(matmul.infer({ ...c, attrs: { ...c.attrs, dtype: 'i32' } }));
  },
  element: (c) => {
    const [a, b] = [c.inputs[0]?.shape ?? [], c.inputs[1]?.shape ?? []];
    const tb = flagAttr(c.attrs, 'transposeB');
    const depth = a.at(-1) ?? 1;
    return (coords) => {
      const batch = coords.slice(0, -2);
      const [row = 0, column = 0] = coords.slice(-2);
      const aBatch = broadcastCoords(a.slice(0, -2), batch);
      const bBatch = broadcastCoords(b.slice(0, -2), batch);
      return only(
        c.fold('sum', [depth], [constant('i32', 0)], ([p = 0], state) => {
          const x = c.at(0, [...aBatch, row, p]).cast('i32');
          const y = c.at(1, [...bBatch, ...(tb ? [column, p] : [p, column])]).cast('i32');
          const left = x.sub(zeroOf(c, 0, [...aBatch, row, p]));
          return [only(state).add(left.mul(y.sub(zeroOf(c, 1, [...bBatch, p, column]))))];
        }),
      );
    };
  },
  flops: (node) => D.mul(2, node.inputs[0]?.type.shape.at(-1) ?? 1),
});

/**
 * Cross-correlation of i8 or u8 codes in i32: sum (x - xZero) * (w - wZero); padding counts as xZero. Inputs x, w, xZero? (one number),
 * wZero? (one number, or one for each output channel); geometry as for conv.
 */
const convInteger = defineOp({
  name: 'conv_integer',
  infer: (c) => {
    checkCodes(c);
    const [xZero, wZero] = [c.inputs[2], c.inputs[3]];
    if (xZero && D.product(xZero.shape) !== 1) c.fail(`the input has ${formatShape(xZero.shape)} zero points, not one`);
    const channels = c.inputs[1]?.shape[0] ?? 1;
    if (
      wZero &&
      D.product(wZero.shape) !== 1 &&
      !(wZero.shape.length === 1 && D.equals(wZero.shape[0] ?? 1, channels) !== false)
    )
      c.fail(`zero points ${formatShape(wZero.shape)} of the weights are neither one nor one a channel`);
    return asSums(conv.infer(c));
  },
  element: (c) => {
    const w = c.inputs[1]?.shape ?? [];
    const [m = 1, depth = 1] = w;
    const windows = windowsOf(c.attrs, w.slice(2));
    const group = numberAttr(c.attrs, 'group', 1);
    const perGroup = group === 1 ? m : D.floorDiv(m, group);
    const one = c.inputs[2]?.shape.map(() => 0) ?? [];
    return ([n = 0, channel = 0, ...spatial]) => {
      const first = group === 1 ? 0 : D.mul(D.floorDiv(channel, perGroup), depth);
      return only(
        c.fold('sum', [depth, ...w.slice(2)], [constant('i32', 0)], ([d = 0, ...taps], state) => {
          const from = spatial.map((i, axis) => tap(i, taps[axis] ?? 0, only(windows, axis)));
          const xZero = c.inputs[2] ? c.at(2, one) : constant(c.inputs[0]?.dtype === 'u8' ? 'u32' : 'i32', 0);
          const x = c.guarded(0, [n, D.add(first, d), ...from], xZero);
          const y = c.at(1, [channel, d, ...taps]).cast('i32');
          const wZero = c.inputs[3]?.shape[0] === 1 ? zeroOf(c, 1, [0]) : zeroOf(c, 1, [channel]);
          return [only(state).add(x.cast('i32').sub(xZero.cast('i32')).mul(y.sub(wZero)))];
        }),
      );
    };
  },
  flops: (node) => D.mul(2, D.product(node.inputs[1]?.type.shape.slice(1) ?? [])),
});

/** Products of 8-bit codes with their zero points taken off, summed in 32-bit integers. */
export const integerProductOps: readonly OpDef[] = [matmulInteger, convInteger];
