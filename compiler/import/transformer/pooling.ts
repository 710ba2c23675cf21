import { type Dim, sub } from '../../ir/dim.ts';
import type { Value } from '../../ir/graph.ts';
import type { Scope } from './scope.ts';

/** How the vectors of a text's tokens become one: their mean, that of the first or last token, or not at all. */
export const poolings = ['mean', 'cls', 'last', 'none'] as const;
export type Pooling = (typeof poolings)[number];

/** [1, seq, hidden] to [1, hidden] (or, with `none`, as it is), of length 1 where `normalize` asks for that. */
export const pooled =
  ({ pooling, normalize }: { readonly pooling: Pooling; readonly normalize: boolean }) =>
  (s: Scope, x: Value): Value => {
    const b = s.from('pooling', 'Pooling');
    const [, seq = 1, hidden = 1] = x.type.shape;
    const token = (at: Dim): Value => {
      const one = b.node('slice', [x], { starts: [0, at, 0], steps: [1, 1, 1], shape: [1, 1, hidden] });
      return b.node('reshape', [one], { shape: [1, hidden] });
    };
    const y = {
      mean: () => b.node('reduce_mean', [x], { axes: [1] }),
      cls: () => token(0),
      last: () => token(sub(seq, 1)),
      none: () => b.node('identity', [x]),
    }[pooling]();
    if (!normalize) return y;
    const axis = y.type.shape.length - 1;
    const squares = b.node('reduce_sum', [b.node('mul', [y, y])], { axes: [axis], keepDims: true });
    return b.node('div', [y, b.node('sqrt', [b.node('max', [squares, b.scalar('f32', 1e-24)])])]);
  };
