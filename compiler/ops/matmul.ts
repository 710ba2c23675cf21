import type { Dim } from '../ir/dim.ts';
import * as D from '../ir/dim.ts';
import { computeType } from '../ir/dtype.ts';
import { constant } from '../ir/expr.ts';
import { defineOp, type InferContext, type OpDef } from '../ir/op.ts';
import {
  broadcastCoords,
  broadcastShapes,
  dtypeAttr,
  flagAttr,
  formatShape,
  inputType,
  multiplyAdd,
  only,
  stringAttr,
} from './shapes.ts';

function inferMatmul(c: InferContext) {
  const [a, b] = [inputType(c, 0), inputType(c, 1)];
  if (a.shape.length < 2 || b.shape.length < 2) c.fail('operands must have rank 2 or more');
  const [ar = 1, ac = 1] = a.shape.slice(-2);
  const [br = 1, bc = 1] = b.shape.slice(-2);
  const [m, ka] = flagAttr(c.attrs, 'transposeA') ? [ac, ar] : [ar, ac];
  const [kb, n] = flagAttr(c.attrs, 'transposeB') ? [bc, br] : [br, bc];
  if (D.equals(ka, kb) === false)
    c.fail(
      `inner dimensions ${D.formatDim(ka)} and ${D.formatDim(kb)} of ${formatShape(a.shape)} x ${formatShape(b.shape)} differ`,
    );
  if (a.dtype !== b.dtype && c.attrs.dtype === undefined) c.fail(`operand dtypes ${a.dtype} and ${b.dtype} differ`);
  const batch = broadcastShapes([a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  if (!batch) return c.fail(`batch dimensions of ${formatShape(a.shape)} and ${formatShape(b.shape)} do not broadcast`);
  return { dtype: dtypeAttr(c.attrs, 'dtype', a.dtype), shape: [...batch, m, n], format: 'dense' };
}

/**
 * Batched matrix product: a [..., m, k] by b [..., k, n] (attributes `transposeA`, `transposeB` swap an operand's last two axes).
 * Accumulates in the compute type of the output dtype (attribute `dtype`, default that of a).
 */
export const matmul = defineOp({
  name: 'matmul',
  infer: inferMatmul,
  element: (c) => {
    const [a, b] = [c.inputs[0]?.shape ?? [], c.inputs[1]?.shape ?? []];
    const ta = flagAttr(c.attrs, 'transposeA');
    const tb = flagAttr(c.attrs, 'transposeB');
    const k = (ta ? a[a.length - 2] : a[a.length - 1]) ?? 1;
    const type = computeType(only(c.outputs).dtype);
    return (coords) => {
      const batch = coords.slice(0, -2);
      const [row = 0, column = 0] = coords.slice(-2);
      const aBatch = broadcastCoords(a.slice(0, -2), batch);
      const bBatch = broadcastCoords(b.slice(0, -2), batch);
      return only(
        c.fold('sum', [k], [constant(type, 0)], ([p = 0], state) => {
          const x = c.at(0, [...aBatch, ...(ta ? [p, row] : [row, p])]).cast(type);
          const y = c.at(1, [...bBatch, ...(tb ? [column, p] : [p, column])]).cast(type);
          return [multiplyAdd(x, y, only(state))];
        }),
      );
    };
  },
  flops: (node) => {
    const shape = node.inputs[0]?.type.shape ?? [];
    return D.mul(2, (flagAttr(node.attrs, 'transposeA') ? shape[shape.length - 2] : shape[shape.length - 1]) ?? 1);
  },
});

/** Labels of one operand; each letter is an axis. */
function einsumParts(attrs: { readonly equation?: unknown }): { operands: string[]; output: string } {
  const [left = '', output = ''] = String(attrs.equation ?? '').split('->');
  return { operands: left.split(','), output };
}

function einsumExtents(operands: readonly string[], shapes: readonly (readonly Dim[])[]): Map<string, Dim> {
  const extents = new Map<string, Dim>();
  operands.forEach((labels, i) => {
    [...labels].forEach((label, axis) => {
      const d = shapes[i]?.[axis] ?? 1;
      const old = extents.get(label);
      if (old === undefined || old === 1) extents.set(label, d);
    });
  });
  return extents;
}

/** Einstein summation; attribute `equation` is explicit (with ->) and free of ellipses. Dimensions of length 1 broadcast. */
const einsum = defineOp({
  name: 'einsum',
  infer: (c) => {
    const { operands, output } = einsumParts({ equation: stringAttr(c.attrs, 'equation', '') });
    if (operands.length !== c.inputs.length) c.fail(`the equation has ${operands.length} operands`);
    const shapes = c.inputs.map((_, i) => inputType(c, i).shape);
    operands.forEach((labels, i) => {
      if (labels.length !== shapes[i]?.length) c.fail(`term '${labels}' does not fit ${formatShape(shapes[i] ?? [])}`);
    });
    const extents = einsumExtents(operands, shapes);
    operands.forEach((labels, i) => {
      [...labels].forEach((label, axis) => {
        const d = shapes[i]?.[axis] ?? 1;
        if (d !== 1 && D.equals(d, extents.get(label) ?? 1) === false) c.fail(`label '${label}' has two lengths`);
      });
    });
    return { dtype: inputType(c, 0).dtype, shape: [...output].map((l) => extents.get(l) ?? 1), format: 'dense' };
  },
  element: (c) => {
    const { operands, output } = einsumParts(c.attrs);
    const shapes = c.inputs.map((t) => t?.shape ?? []);
    const extents = einsumExtents(operands, shapes);
    const summed = [...extents.keys()].filter((l) => !output.includes(l));
    const type = computeType(only(c.outputs).dtype);
    return (coords) =>
      only(
        c.fold(
          'sum',
          summed.map((l) => extents.get(l) ?? 1),
          [constant(type, 0)],
          (loops, state) => {
            const value = (label: string): Dim =>
              output.includes(label) ? (coords[output.indexOf(label)] ?? 0) : (loops[summed.indexOf(label)] ?? 0);
            const factors = operands.map((labels, i) =>
              c.at(
                i,
                [...labels].map((l, axis) => (shapes[i]?.[axis] === 1 ? 0 : value(l))),
              ),
            );
            return [only(state).add(factors.reduce((p, q) => p.mul(q)))];
          },
        ),
      );
  },
  flops: (node) => {
    const { operands, output } = einsumParts(node.attrs);
    const extents = einsumExtents(
      operands,
      node.inputs.map((v) => v?.type.shape ?? []),
    );
    return D.product([2, ...[...extents].filter(([l]) => !output.includes(l)).map(([, d]) => d)]);
  },
});

/** Determinant of the last two axes, by elimination; small square matrices. */
const det = defineOp({
  name: 'det',
  infer: (c) => {
    const x = inputType(c, 0);
    return { dtype: x.dtype, shape: x.shape.slice(0, -2), format: 'dense' };
  },
  host: 'det',
});

/** Products of matrices. */
export const matmulOps: readonly OpDef[] = [matmul, einsum, det];
