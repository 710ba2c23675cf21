import { coefficientOf, collectSyms, type Dim } from '../ir/dim.ts';
import type { Expr } from '../ir/expr.ts';
import { visitExpr } from '../ir/kernel-builder.ts';
import { symbolsOf } from './substitute.ts';

const SIMPLE: ReadonlySet<string> = new Set(['neg', 'abs', 'not', 'floor', 'ceil', 'trunc', 'round', 'isnan']);
const VECTOR_NARROW: ReadonlySet<string> = new Set(['i8', 'u8', 'i16', 'u16', 'f16', 'bf16']);
/** Types of which a 128-bit vector holds four. */
export const is32 = (type: Expr['type']): boolean => type === 'f32' || type === 'i32' || type === 'u32';

/**
 * Whether `width` consecutive values of `e` along symbol `j` are worth computing side by side: 32-bit types, and at least one
 * contiguous load, with nothing that falls apart into single lanes.
 */
export function isVectorizable(e: Expr, j: string, indices: ReadonlyMap<string, Expr>): boolean {
  let loads = 0;
  let work = 0;
  let gathers = 0;
  let broken = false;
  const seen = new Set<Expr>();
  const visit = (x: Expr): void => {
    if (broken || seen.has(x)) return;
    seen.add(x);
    if (!symbolsOf(x, indices).has(j)) return;
    const n = x.node;
    if (!is32(x.type) && x.type !== 'bool') broken = true;
    else if (n.kind === 'load') {
      if (coefficientOf(n.index, j) === 1 && isDirect(n.index, j, indices)) loads++;
      else gathers++;
    } else if (n.kind === 'dim') {
      if (!isDirect(n.dim, j, indices) || typeof coefficientOf(n.dim, j) !== 'number') broken = true;
    } else if (n.kind === 'guard') {
      if (symbolsOf(n.condition, indices).has(j)) broken = true;
      visit(n.a);
      visit(n.otherwise);
    } else if (n.kind === 'foldResult') {
      if (n.fold.loops.some((l) => collectSyms(l.extent).has(j))) broken = true;
      n.fold.init.forEach(visit);
      n.fold.next.forEach(visit);
    } else if (n.kind === 'narrow' || n.kind === 'intrinsic' || n.kind === 'bitcast') {
      if (n.kind === 'narrow' && !VECTOR_NARROW.has(n.to)) broken = true;
      else visitExpr(x, visit, () => {});
    } else {
      if (n.kind === 'unary') work += SIMPLE.has(n.op) ? 1 : 12;
      else if (n.kind === 'binary') work += n.op === 'pow' || n.op === 'atan2' ? 16 : 1;
      else if (n.kind === 'fma' || n.kind === 'select') work++;
      visitExpr(x, visit, () => {});
    }
  };
  visit(e);
  // Four scalar loads for one vector pay when there is enough arithmetic on it.
  if (broken || work < 4 * gathers) return false;
  return loads + gathers > 0;
}

/** No data-derived index in the dim depends on `j`. */
export function isDirect(d: Dim, j: string, indices: ReadonlyMap<string, Expr>): boolean {
  for (const name of collectSyms(d).keys()) {
    const definition = indices.get(name);
    if (definition && symbolsOf(definition, indices).has(j)) return false;
  }
  return coefficientOf(d, j) !== undefined;
}
