import { Graph, type Value } from '../../ir/graph.ts';
import { GraphBuilder } from '../../ir/graph-builder.ts';
import { type Layer, Scope } from './scope.ts';
import type { Projection } from './weights.ts';

/** A mixture of experts: each token goes through the `used` experts that its router scores highest (Shazeer et al. 2017). */
export interface Experts {
  /** Module path, for provenance. */
  readonly path: string;
  readonly router: Projection;
  readonly count: number;
  readonly used: number;
  readonly expert: (index: number) => Layer;
  /** The weights of the chosen experts sum to one (Mixtral); else they are what softmax over all experts gives. */
  readonly normalized: boolean;
}

/**
 * The sum of the chosen experts' results, weighted. An expert that no token of the run chose does not run, so a decode step reads the
 * weights of `used` experts only.
 */
export const mixtureOfExperts =
  (m: Experts): Layer =>
  (s, x) => {
    const weights = routing(s, x, m);
    let sum: Value | undefined;
    for (let e = 0; e < m.count; e++) sum = withExpert(s, x, m, e, weights, sum);
    return sum ?? x;
  };

/** Weight of every expert for every token, f32 [1, seq, experts]; zero for those not chosen. */
function routing(s: Scope, x: Value, { path, router, count, used, normalized }: Experts): Value {
  const logits = s.linear(x, router, count);
  const b = s.from(`${path}.gate`, 'Router');
  const all = b.node('softmax', [logits], { axis: 2 });
  // An expert is chosen when fewer than `used` are ahead of it; of equal ones the first is.
  const mine = b.node('reshape', [all], { shape: [1, s.seq, count, 1] });
  const others = b.node('reshape', [all], { shape: [1, s.seq, 1, count] });
  const numbers = Array.from({ length: count }, (_, i) => i);
  const earlier = b.node('lt', [b.constant('i32', [1, count], numbers), b.constant('i32', [count, 1], numbers)]);
  const tied = b.node('and', [b.node('eq', [others, mine]), earlier]);
  const ahead = b.node('cast', [b.node('or', [b.node('gt', [others, mine]), tied])], { to: 'i32' });
  const rank = b.node('reduce_sum', [ahead], { axes: [3] });
  const chosen = b.node('where', [b.node('lt', [rank, b.scalar('i32', used)]), all, b.scalar('f32', 0)]);
  if (!normalized) return chosen;
  const total = b.node('reduce_sum', [chosen], { axes: [2], keepDims: true });
  return b.node('div', [chosen, total]);
}

/** The sum so far and the share of one expert, if any token chose it. */
function withExpert(s: Scope, x: Value, m: Experts, e: number, weights: Value, sum: Value | undefined): Value {
  const b = s.from(`${m.path}.experts.${e}`, 'Expert');
  const weight = b.node('slice', [weights], { starts: [0, 0, e], steps: [1, 1, 1], shape: [1, s.seq, 1] });
  const most = b.node('reduce_max', [weight], { axes: [0, 1, 2] });
  const body = new Scope(s.model, `expert ${e}`, s.seq, () => s.run);
  const mine = m.expert(e)(body, x);
  const inner = body.from(`${m.path}.experts.${e}`, 'Expert');
  const share = inner.node('mul', [mine, weight]);
  body.graph.outputs.push(sum ? inner.node('add', [sum, share]) : share);
  const otherwise = new Graph(`no expert ${e}`);
  const rest = new GraphBuilder(otherwise, s.model.ops, s.b.source);
  otherwise.outputs.push(sum ?? rest.node('expand', [rest.scalar('f32', 0)], { shape: x.type.shape }));
  return b.node('if', [b.node('gt', [most, b.scalar('f32', 0)])], { body: body.graph, otherwise });
}
