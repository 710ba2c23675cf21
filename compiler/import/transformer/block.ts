import type { Value } from '../../ir/graph.ts';
import { type Norm, normalize } from './norm.ts';
import type { Layer, Scope } from './scope.ts';

/** A residual block: attention (or another mixer) and an MLP. */
export interface Block {
  /** Module path, for provenance. */
  readonly path: string;
  readonly mixer: Layer;
  readonly mlp: Layer;
  /** Before the mixer, and after it (before its result is added). */
  readonly inputNorm?: Norm;
  readonly mixerNorm?: Norm;
  /** Before the MLP, and after it. */
  readonly mlpNorm?: Norm;
  readonly outputNorm?: Norm;
  /** The MLP reads the block's input rather than the mixer's sum; without `mlpNorm`, what the mixer reads (GPT-J, NeoX). */
  readonly parallel?: boolean;
  /** The norms come after the sums: x = norm(x + f(x)) (BERT, the first GPT); `mixerNorm` and `outputNorm` are those norms. */
  readonly postNorm?: boolean;
  /** What mixer and MLP give is multiplied by this before it is added (Granite). */
  readonly residualScale?: number;
}

/** x + mixer(norm(x)), then x + mlp(norm(x)), in the published orders of norms and sums. */
export const block =
  (block: Block): Layer =>
  (s, x) => {
    const { mixer, mlp, inputNorm, mixerNorm, mlpNorm, outputNorm, parallel, postNorm } = block;
    const normed = (y: Value, norm: Norm | undefined): Value => (norm ? normalize(s, y, norm) : y);
    const plus = (y: Value, more: Value): Value => sum(s, block, y, more);
    const read = normed(x, inputNorm);
    if (postNorm) {
      const mixed = normed(plus(x, mixer(s, read)), mixerNorm);
      return normed(plus(mixed, mlp(s, normed(mixed, mlpNorm))), outputNorm);
    }
    const mixed = normed(mixer(s, read), mixerNorm);
    if (parallel) return plus(plus(x, mixed), normed(mlp(s, mlpNorm ? normed(x, mlpNorm) : read), outputNorm));
    const middle = plus(x, mixed);
    return plus(middle, normed(mlp(s, normed(middle, mlpNorm)), outputNorm));
  };

function sum(s: Scope, { path, residualScale = 1 }: Block, x: Value, more: Value): Value {
  const b = s.from(path, 'Block');
  const scaled = residualScale === 1 ? more : b.node('mul', [more, b.scalar('f32', residualScale)]);
  return b.node('add', [x, scaled]);
}
