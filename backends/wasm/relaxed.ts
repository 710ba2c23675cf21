import type { Expr } from '../../compiler/ir/expr.ts';
import type { Kernel, Stmt } from '../../compiler/ir/kernel.ts';
import { visitExpr } from '../../compiler/ir/kernel-builder.ts';

/** Whether relaxed SIMD changes the code of a kernel: whether it multiplies and adds in one, or has another body for it. */
export function gainsFromRelaxed(kernel: Kernel): boolean {
  if (kernel.alternatives) return true;
  const seen = new Set<Expr>();
  const inExpr = (e: Expr): boolean => {
    if (seen.has(e)) return false;
    seen.add(e);
    if (e.node.kind === 'fma') return true;
    let found = false;
    visitExpr(
      e,
      (operand) => {
        found ||= inExpr(operand);
      },
      () => {},
    );
    return found;
  };
  const inStatement = (s: Stmt): boolean => {
    switch (s.kind) {
      case 'let':
      case 'var':
      case 'set':
      case 'store':
      case 'atomicAdd':
        return inExpr(s.value);
      case 'for':
        return s.body.some(inStatement);
      case 'if':
        return inExpr(s.condition) || s.body.some(inStatement) || s.otherwise.some(inStatement);
      default:
        return false;
    }
  };
  return kernel.body.some(inStatement);
}
