import * as D from '../ir/dim.ts';
import { defineOp, type OpDef } from '../ir/op.ts';
import { flagAttr, formatShape, inputType, numberAttr } from './shapes.ts';

/**
 * softmax(q k^T * scale + mask) v over the last two axes (Vaswani et al. 2017, equation 1). Inputs q [..., m, d], k [..., n, d] (or
 * [..., d, n] with `keysTransposed`), v [..., n, e], mask broadcastable to [..., m, n] or null. Output [..., m, e].
 */
const dotProductAttention = defineOp({
  name: 'dot_product_attention',
  infer: (c) => {
    const [q, k, v] = [inputType(c, 0), inputType(c, 1), inputType(c, 2)];
    const rank = q.shape.length;
    if (rank < 2 || k.shape.length !== rank || v.shape.length !== rank)
      c.fail(`q ${formatShape(q.shape)}, k ${formatShape(k.shape)} and v ${formatShape(v.shape)} differ in rank`);
    const depth = k.shape[flagAttr(c.attrs, 'keysTransposed') ? rank - 2 : rank - 1] ?? 1;
    if (D.equals(q.shape[rank - 1] ?? 1, depth) === false)
      c.fail(`queries ${formatShape(q.shape)} and keys ${formatShape(k.shape)} differ in depth`);
    return { ...q, shape: [...q.shape.slice(0, -1), v.shape[rank - 1] ?? 1] };
  },
  decompose: (b, [q = null, k = null, v = null, mask = null], attrs) => {
    let scores = b.node('matmul', [q, k], { transposeB: !flagAttr(attrs, 'keysTransposed') });
    const scale = numberAttr(attrs, 'scale', 1);
    if (scale !== 1) scores = b.node('mul', [scores, b.scalar('f32', scale)]);
    if (mask) scores = b.node('add', [scores, mask]);
    const weights = b.node('softmax', [scores], { axis: scores.type.shape.length - 1 });
    return [b.node('matmul', [weights, v])];
  },
});

/** Attention as one op, so that passes and templates can see it. */
export const dotProductAttentionOps: readonly OpDef[] = [dotProductAttention];
