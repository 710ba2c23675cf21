import { constant, type Expr, type Fold } from '../ir/expr.ts';
import { symbolsOf } from './substitute.ts';

/** Monoids whose partial results may be computed side by side, in lanes or vectors, and combined later. */
export const SPLITTABLE: ReadonlySet<Fold['monoid']> = new Set(['sum', 'prod', 'max', 'min']);

/** The item a monoid fold combines into its state, if `next` has that form. */
export function monoidItem(fold: Fold, indices: ReadonlyMap<string, Expr>): Expr | undefined {
  const next = fold.next[0];
  const state = fold.state[0];
  const isState = (x: Expr): boolean => x.node.kind === 'var' && x.node.name === state;
  const n = next?.node;
  const wanted = { sum: 'add', prod: 'mul', max: 'max', min: 'min' }[fold.monoid as 'sum'];
  if (n?.kind === 'binary' && n.op === wanted) {
    const item = isState(n.a) ? n.b : isState(n.b) ? n.a : undefined;
    return item && state !== undefined && !symbolsOf(item, indices).has(state) ? item : undefined;
  }
  if (n?.kind === 'fma' && fold.monoid === 'sum' && isState(n.c)) return n.a.mul(n.b);
  return undefined;
}

/** Both values combined; products of floats accumulate with a fused multiply-add. */
export function combine(monoid: Fold['monoid'], a: Expr, b: Expr): Expr {
  switch (monoid) {
    case 'prod':
      return a.mul(b);
    case 'max':
      return a.max(b);
    case 'min':
      return a.min(b);
    default:
      return b.node.kind === 'binary' && b.node.op === 'mul' && b.type === 'f32' ? b.node.a.fma(b.node.b, a) : a.add(b);
  }
}

/** The value that changes nothing. */
export function identity(monoid: Fold['monoid'], type: Expr['type']): Expr {
  const float = type === 'f32';
  switch (monoid) {
    case 'prod':
      return constant(type, 1);
    case 'max':
      return constant(type, float ? Number.NEGATIVE_INFINITY : type === 'u32' ? 0 : -2147483648);
    case 'min':
      return constant(type, float ? Number.POSITIVE_INFINITY : type === 'u32' ? 4294967295 : 2147483647);
    default:
      return constant(type, 0);
  }
}
