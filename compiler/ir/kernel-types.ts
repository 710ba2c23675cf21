import type { ScalarType } from './dtype.ts';
import { Expr } from './expr.ts';
import type { Kernel, Stmt } from './kernel.ts';
import { visitExpr } from './kernel-builder.ts';

/** Whether some value inside a kernel is of this type. */
export function computesIn(kernel: Kernel, type: ScalarType): boolean {
  const seen = new Set<Expr>();
  let found = false;
  const look = (e: Expr): void => {
    if (found || seen.has(e)) return;
    seen.add(e);
    found ||= e.type === type;
    visitExpr(e, look, () => {});
  };
  const statement = (s: Stmt): void => {
    if ('value' in s) look(s.value);
    if (s.kind === 'if') look(s.condition);
    if (s.kind === 'intrinsic') for (const a of s.args) if (a instanceof Expr) look(a);
    if ('body' in s) s.body.forEach(statement);
    if (s.kind === 'if') s.otherwise.forEach(statement);
  };
  kernel.body.forEach(statement);
  return found;
}
