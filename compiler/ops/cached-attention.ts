import * as D from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import type { GraphBuilder } from '../ir/graph-builder.ts';
import { defineOp, type OpDef } from '../ir/op.ts';
import { dimAttr, formatShape, inputType, numberAttr } from './shapes.ts';

/**
 * Attention of new tokens over a cache they are already in (Vaswani et al. 2017, with grouped queries of Ainslie et al. 2023). Inputs: q
 * [1, seq, heads, d], keys [kvHeads, rows, d], values [kvHeads, rows, e]; output [1, seq, heads, e]. Heads in a row share keys. Keys and values
 * may be i8 codes, with inputs 3 and 4 their scales [kvHeads, rows, groups]: each multiplies d / groups (e / groups) codes of its row.
 *
 * Query i stands at position p = `past` + i and sees the positions from max(0, p - window + 1) (attribute `window`, 0: all) to p, and the
 * first `sinks` positions always. Scores are q k * `scale`, then capped: c * tanh(score / c) with attribute `softCap`. Position j lies in
 * row j, or with `ring` as {@link slotOf} says; a position whose row a later one has taken is not seen.
 */
const cachedAttention = defineOp({
  name: 'cached_attention',
  lateDecompose: true,
  infer: (c) => {
    const [q, k, v] = [inputType(c, 0), inputType(c, 1), inputType(c, 2)];
    const [, seq = 1, heads = 1, depth = 1] = q.shape;
    if (q.shape.length !== 4 || k.shape.length !== 3 || v.shape.length !== 3)
      c.fail(
        `q ${formatShape(q.shape)}, keys ${formatShape(k.shape)} or values ${formatShape(v.shape)} have a wrong rank`,
      );
    const kvHeads = k.shape[0] ?? 1;
    if (!D.isStatic(heads) || !D.isStatic(kvHeads) || heads % kvHeads !== 0)
      c.fail(`${D.formatDim(heads)} heads cannot share ${D.formatDim(kvHeads)}`);
    if (D.equals(depth, k.shape[2] ?? 1) === false) c.fail('queries and keys differ in depth');
    if ((k.dtype === 'i8') !== !!c.inputs[3] || (v.dtype === 'i8') !== !!c.inputs[4])
      c.fail('codes need scales, and only they do');
    return { dtype: q.dtype, shape: [1, seq, heads, v.shape[2] ?? 1], format: 'dense' };
  },
  decompose: (b, [q, keys, values, keyScales, valueScales], attrs) => {
    if (!q || !keys || !values) throw new TypeError('infer has checked the inputs');
    const [, seq = 1, heads = 1, depth = 1] = q.type.shape;
    const [kvHeads = 1, rows = 1, width = 1] = values.type.shape;
    const group = Number(heads) / Number(kvHeads);
    const end = D.add(dimAttr(attrs, 'past', 0), seq);
    const ring = numberAttr(attrs, 'ring', 0);
    const used = ring > 0 ? D.min(end, rows) : end;
    const cut = (t: Value, d: D.Dim): Value => {
      const shape = [kvHeads, used, d];
      const some = b.node('slice', [t], { starts: [0, 0, 0], steps: [1, 1, 1], shape });
      return t.type.dtype === 'f32' ? some : b.node('cast', [some], { to: 'f32' });
    };
    const part = (t: Value, d: D.Dim, scales: Value | null | undefined): Value => {
      let x = cut(t, d);
      if (scales) {
        const groups = scales.type.shape[2] ?? 1;
        const units = b.node('reshape', [cut(scales, groups)], { shape: [kvHeads, used, groups, 1] });
        const codes = b.node('reshape', [x], { shape: [kvHeads, used, groups, D.floorDiv(d, groups)] });
        x = b.node('mul', [codes, units]);
      }
      return b.node('reshape', [x], { shape: [kvHeads, 1, used, d] });
    };
    // Heads that share keys and values are an axis of their own, along which those repeat.
    const split = b.node('reshape', [q], { shape: [seq, kvHeads, group, depth] });
    const queries = b.node('transpose', [split], { permutation: [1, 2, 0, 3] });
    let scores = b.node('matmul', [queries, part(keys, depth, keyScales)], { transposeB: true, dtype: 'f32' });
    scores = b.node('mul', [scores, b.scalar('f32', numberAttr(attrs, 'scale', 1))]);
    const cap = numberAttr(attrs, 'softCap', 0);
    if (cap > 0) {
      const capped = b.node('tanh', [b.node('div', [scores, b.scalar('f32', cap)])]);
      scores = b.node('mul', [capped, b.scalar('f32', cap)]);
    }
    const visible = seen(b, attrs, seq, used, end);
    const masked = b.node('where', [visible, scores, b.scalar('f32', Number.NEGATIVE_INFINITY)]);
    const weights = b.node('softmax', [masked], { axis: 3 });
    const mixed = b.node('matmul', [weights, part(values, width, valueScales)], { dtype: q.type.dtype });
    const byToken = b.node('transpose', [mixed], { permutation: [2, 0, 1, 3] });
    return [b.node('reshape', [byToken], { shape: [1, seq, heads, width] })];
  },
  flops: (node) => {
    const [k, v] = [node.inputs[1]?.type.shape, node.inputs[2]?.type.shape];
    const end = D.add(dimAttr(node.attrs, 'past', 0), node.inputs[0]?.type.shape[1] ?? 1);
    // Per output element: its share of the scores, and its own sum.
    return D.mul(end, 2 + Math.ceil((2 * Number(k?.[2] ?? 1)) / Number(v?.[2] ?? 1)));
  },
});

/** bool [seq, rows]: whether query i may see what is in row j. */
function seen(b: GraphBuilder, attrs: Readonly<Record<string, unknown>>, seq: D.Dim, rows: D.Dim, end: D.Dim): Value {
  const [ring, sinks, window] = ['ring', 'sinks', 'window'].map((n) => Number(attrs[n] ?? 0));
  const i32 = (d: D.Dim): Value => b.node('dims', [], { dims: [d], scalar: true, dtype: 'i32' });
  const one = b.scalar('i32', 1);
  const column = b.node('reshape', [b.node('range', [i32(D.sub(end, seq)), one], { length: seq })], {
    shape: [seq, 1],
  });
  const row = b.node('reshape', [b.node('range', [i32(0), one], { length: rows })], { shape: [1, rows] });
  let position = row;
  if (ring) {
    // Of the positions that share a row behind the sinks, the last one is there.
    const last = D.sub(end, 1);
    const turned = b.node('sub', [i32(last), b.node('mod', [b.node('sub', [i32(last), row]), i32(ring)])]);
    position = sinks ? b.node('where', [b.node('lt', [row, i32(sinks)]), row, turned]) : turned;
  }
  let visible = b.node('le', [position, column]);
  if (window) {
    let near = b.node('gt', [position, b.node('sub', [column, i32(window)])]);
    if (sinks) near = b.node('or', [near, b.node('lt', [position, i32(sinks)])]);
    visible = b.node('and', [visible, near]);
  }
  return visible;
}

/** Attention over a KV cache. */
export const cachedAttentionOps: readonly OpDef[] = [cachedAttention];
