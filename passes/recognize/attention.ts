import { type TensorType, tensor, type Value } from '../../compiler/ir/graph.ts';
import type { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { definePass } from '../pass.ts';
import { type Rewrite, rewrite } from '../rewrite.ts';
import { scalarOf } from './norm.ts';

type Scale = 'none' | 'mul' | 'div';

const hole = (holes: Readonly<Record<string, Value>>, name: string): Value => {
  const v = holes[name];
  if (!v) throw new TypeError(`hole '${name}' is not bound`);
  return v;
};

function sample(rank: number, scale: Scale, masked: boolean): Record<string, TensorType> {
  const batch = [2, 3].slice(4 - rank);
  return {
    q: tensor('f32', [...batch, 4, 5]),
    k: tensor('f32', [...batch, 5, 6]),
    v: tensor('f32', [...batch, 6, 3]),
    ...(scale === 'none' ? {} : { scale: tensor('f32', []) }),
    ...(masked ? { mask: tensor('f32', [...batch, 4, 6]) } : {}),
  };
}

function attention(rank: number, scale: Scale, masked: boolean): Rewrite {
  const types = sample(rank, scale, masked);
  return rewrite({
    name: `attention-${rank}d-scale-${scale}${masked ? '-mask' : ''}`,
    holes: Object.keys(types),
    sample: [types],
    from: (b: GraphBuilder, h) => {
      let scores = b.node('matmul', [hole(h, 'q'), hole(h, 'k')]);
      if (scale !== 'none') scores = b.node(scale, [scores, hole(h, 'scale')]);
      if (masked) scores = b.node('add', [scores, hole(h, 'mask')]);
      return b.node('matmul', [b.node('softmax', [scores], { axis: rank - 1 }), hole(h, 'v')]);
    },
    where: ({ holes: { q, k, v, scale: s } }) =>
      [q, k, v].every((x) => x?.type.shape.length === rank) && (scale === 'none' || (scalarOf(s) ?? 0) > 0),
    to: (b, h) => {
      const s = scale === 'none' ? 1 : (scalarOf(h.scale) ?? 1);
      return b.node(
        'dot_product_attention',
        [hole(h, 'q'), hole(h, 'k'), hole(h, 'v'), masked ? hole(h, 'mask') : null],
        {
          keysTransposed: true,
          scale: scale === 'div' ? 1 / s : s,
        },
      );
    },
  });
}

/** softmax(q k^T * s + mask) v becomes one op; what no template takes is decomposed again. */
export const recognizeAttention = definePass({
  name: 'recognize-attention',
  phase: 'recognize',
  does: 'turns matmul, scale, mask, softmax, matmul into attention',
  rewrites: [3, 4].flatMap((rank) =>
    (['mul', 'div', 'none'] as const).flatMap((s) => [attention(rank, s, true), attention(rank, s, false)]),
  ),
});
