import type { Expr } from '../ir/expr.ts';
import { constant } from '../ir/expr.ts';
import * as f32 from './math-f32.ts';
import * as f64 from './math-f64.ts';

/**
 * Elementary functions as plain arithmetic, for targets without them: undefined for operations that every target has. The expansion
 * works for any width; `pow` and `rem` expand on floats, `pow` on integers too.
 */
export function expandMath(e: Expr): Expr | undefined {
  const n = e.node;
  if (n.kind === 'unary') {
    const x = n.a;
    if (x.type !== 'f32' && x.type !== 'f64') return undefined;
    const m = x.type === 'f32' ? f32 : f64;
    switch (n.op) {
      case 'sin':
      case 'cos':
      case 'tan':
        return m.trig(n.op, x);
      case 'exp':
      case 'exp2':
      case 'log':
      case 'log2':
      case 'asin':
      case 'acos':
      case 'atan':
      case 'sinh':
      case 'cosh':
      case 'tanh':
      case 'asinh':
      case 'acosh':
      case 'atanh':
      case 'erf':
        return m[n.op](x);
    }
    return undefined;
  }
  if (n.kind !== 'binary') return undefined;
  if (n.a.type === 'f32' || n.a.type === 'f64') {
    const m = n.a.type === 'f32' ? f32 : f64;
    if (n.op === 'pow' || n.op === 'atan2' || n.op === 'rem') return m[n.op](n.a, n.b);
    return undefined;
  }
  return n.op === 'pow' ? integerPower(n.a, n.b) : undefined;
}

/** Integer power by repeated squaring, wrapping; a negative exponent truncates toward zero. */
function integerPower(a: Expr, b: Expr): Expr {
  const c = (v: number) => constant(a.type, v);
  const unsigned = a.type === 'u32' || a.type === 'u64';
  const bits = (a.type === 'i64' || a.type === 'u64' ? 64 : 32) - (unsigned ? 0 : 1);
  let result = c(1).splat(a.width);
  let base = a;
  for (let i = 0; i < bits; i++) {
    result = b.shr(c(i)).and(c(1)).ne(c(0)).select(result.mul(base), result);
    base = base.mul(base);
  }
  if (unsigned) return result;
  const odd = b.and(c(1)).ne(c(0));
  const minusOne = a.eq(c(-1));
  const negative = a
    .eq(c(1))
    .select(c(1).splat(a.width), minusOne.select(odd.select(c(-1).splat(a.width), c(1)), c(0)));
  return b.lt(c(0)).select(negative, result);
}
