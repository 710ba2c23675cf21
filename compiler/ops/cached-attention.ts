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
 *
 * The rows are those of the cache from row `first` on, `rows` of them (default: all). With integers [seq] as inputs 5 and 6 every query
 * belongs to another sequence: input 5 is its position, input 6 the first row of its sequence, and it sees none of the other queries' keys.
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
    if (!c.inputs[5] !== !c.inputs[6]) c.fail('positions and first rows come together');
    return { dtype: q.dtype, shape: [1, seq, heads, v.shape[2] ?? 1], format: 'dense' };
  },
  decompose: (b, [q, keys, values, keyScales, valueScales, positions, firsts], attrs) => {
    if (!q || !keys || !values) throw new TypeError('infer has checked the inputs');
    const [, seq = 1, heads = 1, depth = 1] = q.type.shape;
    const [kvHeads = 1, all = 1, width = 1] = values.type.shape;
    const rows = numberAttr(attrs, 'rows', Number(all));
    const group = Number(heads) / Number(kvHeads);
    const i32 = (d: D.Dim): Value => b.node('dims', [], { dims: [d], scalar: true, dtype: 'i32' });
    const upTo = (n: D.Dim): Value => b.node('range', [i32(0), b.scalar('i32', 1)], { length: n });
    const end = D.add(dimAttr(attrs, 'past', 0), seq);
    const used = positions ? rows : numberAttr(attrs, 'ring', 0) > 0 ? D.min(end, rows) : end;
    // Axes: heads of keys, what they are shared by, rows. Each sequence has its own keys, or all queries have the same.
    const sets = positions ? seq : 1;
    const place = firsts && b.node('add', [b.node('reshape', [toI32(b, firsts)], { shape: [seq, 1] }), upTo(used)]);
    const first = dimAttr(attrs, 'first', 0);
    const cut = (t: Value, d: D.Dim): Value => {
      const slice = { starts: [0, first, 0], steps: [1, 1, 1], shape: [kvHeads, used, d] };
      const some = place ? b.node('gather', [t, place], { axis: 1 }) : b.node('slice', [t], slice);
      return t.type.dtype === 'f32' ? some : b.node('cast', [some], { to: 'f32' });
    };
    const part = (t: Value, d: D.Dim, scales: Value | null | undefined): Value => {
      let x = cut(t, d);
      if (scales) {
        const groups = scales.type.shape[2] ?? 1;
        const units = b.node('reshape', [cut(scales, groups)], { shape: [kvHeads, sets, used, groups, 1] });
        const codes = b.node('reshape', [x], { shape: [kvHeads, sets, used, groups, D.floorDiv(d, groups)] });
        x = b.node('mul', [codes, units]);
      }
      return b.node('reshape', [x], { shape: [kvHeads, sets, used, d] });
    };
    // Heads that share keys and values, or the queries of a sequence, are an axis along which those repeat.
    const split = b.node('reshape', [q], { shape: [seq, kvHeads, group, depth] });
    const queries = b.node('transpose', [split], { permutation: positions ? [1, 0, 2, 3] : [1, 2, 0, 3] });
    let scores = b.node('matmul', [queries, part(keys, depth, keyScales)], { transposeB: true, dtype: 'f32' });
    scores = b.node('mul', [scores, b.scalar('f32', numberAttr(attrs, 'scale', 1))]);
    const cap = numberAttr(attrs, 'softCap', 0);
    if (cap > 0) {
      const capped = b.node('tanh', [b.node('div', [scores, b.scalar('f32', cap)])]);
      scores = b.node('mul', [capped, b.scalar('f32', cap)]);
    }
    // [queries, rows], or [sequences, 1, rows]
    const shape = positions ? [seq, 1, 1] : [seq, 1];
    const column = positions ? toI32(b, positions) : b.node('add', [upTo(seq), i32(D.sub(end, seq))]);
    const at = b.node('reshape', [column], { shape });
    const visible = seen(b, attrs, upTo(used), at, positions ? at : i32(D.sub(end, 1)));
    const masked = b.node('where', [visible, scores, b.scalar('f32', Number.NEGATIVE_INFINITY)]);
    const weights = b.node('softmax', [masked], { axis: 3 });
    const mixed = b.node('matmul', [weights, part(values, width, valueScales)], { dtype: q.type.dtype });
    const byToken = b.node('transpose', [mixed], { permutation: positions ? [1, 0, 2, 3] : [2, 0, 1, 3] });
    return [b.node('reshape', [byToken], { shape: [1, seq, heads, width] })];
  },
  flops: (node) => {
    const [k, v] = [node.inputs[1]?.type.shape, node.inputs[2]?.type.shape];
    const end = D.add(dimAttr(node.attrs, 'past', 0), node.inputs[0]?.type.shape[1] ?? 1);
    // Per output element: its share of the scores, and its own sum.
    return D.mul(end, 2 + Math.ceil((2 * Number(k?.[2] ?? 1)) / Number(v?.[2] ?? 1)));
  },
});

/** Whether the query at position `at` may see what is in row `row`, when `last` is the newest position of its sequence. */
function seen(b: GraphBuilder, attrs: Readonly<Record<string, unknown>>, row: Value, at: Value, last: Value): Value {
  const [ring = 0, sinks = 0, window = 0] = ['ring', 'sinks', 'window'].map((n) => Number(attrs[n] ?? 0));
  const i32 = (n: number): Value => b.scalar('i32', n);
  let position = row;
  if (ring) {
    // Of the positions that share a row behind the sinks, the last one is there.
    const turned = b.node('sub', [last, b.node('mod', [b.node('sub', [last, row]), i32(ring)])]);
    position = sinks ? b.node('where', [b.node('lt', [row, i32(sinks)]), row, turned]) : turned;
  }
  let visible = b.node('le', [position, at]);
  if (window) {
    let near = b.node('gt', [position, b.node('sub', [at, i32(window)])]);
    if (sinks) near = b.node('or', [near, b.node('lt', [position, i32(sinks)])]);
    visible = b.node('and', [visible, near]);
  }
  // A ring that is not full yet holds nothing behind its last position.
  return ring ? b.node('and', [visible, b.node('le', [row, last])]) : visible;
}

const toI32 = (b: GraphBuilder, x: Value): Value => (x.type.dtype === 'i32' ? x : b.node('cast', [x], { to: 'i32' }));

/** Attention over a KV cache. */
export const cachedAttentionOps: readonly OpDef[] = [cachedAttention];
