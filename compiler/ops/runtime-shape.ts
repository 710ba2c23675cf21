import type { Dim } from '../ir/dim.ts';
import * as D from '../ir/dim.ts';
import { defineOp, type InferContext, type OpDef } from '../ir/op.ts';
import { inputType } from './shapes.ts';

/** Largest length a dimension that only the run knows may have. */
const MOST = 2147483647;

const lengthOf = (c: InferContext, input: number): number => {
  const n = D.product(inputType(c, input).shape);
  return D.isStatic(n) ? n : c.fail(`input ${input} must have a known number of values`, 'Give it a static shape');
};

const fresh = (c: InferContext, rank: number, dtype = inputType(c, 0).dtype) => ({
  dtype,
  shape: Array.from({ length: rank }, (_, i): Dim => c.dataDependent(`dim${i}`, MOST)),
  format: 'dense',
});

/**
 * Movement whose parameters are tensors that only the run knows: host steps. Importers use the ops of movement.ts wherever the
 * parameters follow from shapes or constants.
 */
export const runtimeShapeOps: readonly OpDef[] = [
  defineOp({ name: 'reshape_to', partwise: true, infer: (c) => fresh(c, lengthOf(c, 1)), host: 'reshape_to' }),
  defineOp({
    name: 'squeeze',
    partwise: true,
    infer: (c) => fresh(c, inputType(c, 0).shape.length - lengthOf(c, 1)),
    host: 'squeeze',
  }),
  defineOp({
    name: 'unsqueeze',
    partwise: true,
    infer: (c) => fresh(c, inputType(c, 0).shape.length + lengthOf(c, 1)),
    host: 'unsqueeze',
  }),
  defineOp({
    name: 'slice_by',
    partwise: true,
    infer: (c) => fresh(c, inputType(c, 0).shape.length),
    host: 'slice_by',
  }),
  defineOp({ name: 'pad_by', partwise: true, infer: (c) => fresh(c, inputType(c, 0).shape.length), host: 'pad_by' }),
];
