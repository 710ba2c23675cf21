import { constant, type Expr } from '../ir/expr.ts';

/** Horner's rule; coefficients from the highest power down. */
export function polynomial(x: Expr, coefficients: readonly number[]): Expr {
  const [first = 0, ...rest] = coefficients;
  let p: Expr = constant(x.type, first);
  for (const c of rest) p = p.mul(x).add(c);
  return p;
}
