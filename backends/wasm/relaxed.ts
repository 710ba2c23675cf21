import type { Expr } from '../../compiler/ir/expr.ts';
import type { Kernel, Stmt } from '../../compiler/ir/kernel.ts';
import { visitExpr } from '../../compiler/ir/kernel-builder.ts';

/** The product of integers that every engine has: where it does the work, floats only scale its sums. */
const INTEGER_PRODUCT = 'i32x4.dot_i16x8_s';

/**
 * Whether relaxed SIMD makes a kernel faster: whether it has another body for it, or multiplies and adds in one and is no product of
 * integers. Measured on a 135M model in q8: with fused scaling of the sums prefill and decode took what they take without, and the kernels
 * were there twice.
 */
export function gainsFromRelaxed(kernel: Kernel): boolean {
  if (kernel.alternatives) return true;
  const seen = new Set<Expr>();
  let [fuses, multiplies] = [false, false];
  const inExpr = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    fuses ||= e.node.kind === 'fma';
    multiplies ||= e.node.kind === 'intrinsic' && e.node.name === INTEGER_PRODUCT;
    visitExpr(e, inExpr, () => {});
  };
  const inStatement = (s: Stmt): void => {
    if ('value' in s) inExpr(s.value);
    if (s.kind === 'for') s.body.forEach(inStatement);
    if (s.kind === 'if') {
      inExpr(s.condition);
      s.body.forEach(inStatement);
      s.otherwise.forEach(inStatement);
    }
  };
  kernel.body.forEach(inStatement);
  return fuses && !multiplies;
}
