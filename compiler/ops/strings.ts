import type { Dim } from '../ir/dim.ts';
import * as D from '../ir/dim.ts';
import type { DType } from '../ir/dtype.ts';
import type { TensorType } from '../ir/graph.ts';
import { defineOp, type InferContext, type OpDef } from '../ir/op.ts';
import {
  broadcastInputs,
  dimAttr,
  dimsAttr,
  dtypeAttr,
  inputType,
  numberAttr,
  numbersAttr,
  withCoord,
} from './shapes.ts';

const dense = (dtype: DType, shape: readonly Dim[]): TensorType => ({ dtype, shape, format: 'dense' });

/** A host step whose runtime function has the op's name; its first input must hold strings unless `any`. */
const stringOp = (name: string, infer: (c: InferContext) => TensorType | readonly TensorType[], any = false): OpDef =>
  defineOp({
    name,
    infer: (c) => {
      if (!any && inputType(c, 0).dtype !== 'string') c.fail('the input must hold strings');
      return infer(c);
    },
    host: name,
  });

const shapeOf = (c: InferContext): readonly Dim[] => inputType(c, 0).shape;

/** Ops on strings: they live on the host. */
export const stringOps: readonly OpDef[] = [
  stringOp('string_join', (c) => dense('string', broadcastInputs(c))),
  stringOp('string_equal', (c) => dense('bool', broadcastInputs(c))),
  stringOp('string_where', (c) => dense('string', broadcastInputs(c)), true),
  stringOp('string_split', (c) => {
    const parts = c.dataDependent('parts', 2147483647);
    return [dense('string', [...shapeOf(c), parts]), dense('i64', shapeOf(c))];
  }),
  stringOp('string_normalize', (c) => {
    const words = c.dataDependent('words', 2147483647);
    return dense('string', shapeOf(c).length === 2 ? [1, words] : [words]);
  }),
  stringOp('regex_full_match', (c) => dense('bool', shapeOf(c))),
  stringOp('string_cast', (c) => dense(dtypeAttr(c.attrs, 'to', 'string'), shapeOf(c)), true),
  stringOp('string_reshape', (c) => dense('string', dimsAttr(c.attrs, 'shape'))),
  stringOp('string_expand', (c) => dense('string', dimsAttr(c.attrs, 'shape'))),
  stringOp('string_transpose', (c) =>
    dense(
      'string',
      numbersAttr(c.attrs, 'permutation').map((p) => shapeOf(c)[p] ?? 1),
    ),
  ),
  stringOp('string_tile', (c) => {
    const repeats = dimsAttr(c.attrs, 'repeats');
    return dense(
      'string',
      shapeOf(c).map((n, i) => D.mul(n, repeats[i] ?? 1)),
    );
  }),
  stringOp('string_slice', (c) =>
    dense('string', withCoord(shapeOf(c), numberAttr(c.attrs, 'axis', 0), dimAttr(c.attrs, 'size', 0))),
  ),
  stringOp('string_concat', (c) => {
    const axis = numberAttr(c.attrs, 'axis', 0);
    const length = c.inputs.map((_, i) => inputType(c, i).shape[axis] ?? 0).reduce(D.add, 0);
    return dense('string', withCoord(shapeOf(c), axis, length));
  }),
  stringOp('string_gather', (c) => {
    const axis = numberAttr(c.attrs, 'axis', 0);
    return dense('string', [...shapeOf(c).slice(0, axis), ...inputType(c, 1).shape, ...shapeOf(c).slice(axis + 1)]);
  }),
  stringOp('label_encode', (c) => dense(dtypeAttr(c.attrs, 'dtype', 'i64'), shapeOf(c)), true),
  stringOp(
    'tf_idf',
    (c) => {
      const size = numbersAttr(c.attrs, 'indexes').reduce((m, i) => Math.max(m, i), -1) + 1;
      return dense('f32', shapeOf(c).length === 2 ? [shapeOf(c)[0] ?? 1, size] : [size]);
    },
    true,
  ),
  stringOp('couple_probabilities', (c) => dense('f32', [shapeOf(c)[0] ?? 1, numberAttr(c.attrs, 'classes', 1)]), true),
  stringOp(
    'tree_ensemble',
    (c) => {
      const x = inputType(c, 0);
      return dense(x.dtype === 'f64' ? 'f64' : 'f32', [x.shape[0] ?? 1, numberAttr(c.attrs, 'targets', 1)]);
    },
    true,
  ),
];
