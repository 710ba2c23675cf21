import type { DecodedGroup } from '../../compiler/formats/format.ts';
import { add, coefficientOf, collectSyms, type Dim, floorDiv, mod, product, sub, sym } from '../../compiler/ir/dim.ts';
import { computeType, type ScalarType } from '../../compiler/ir/dtype.ts';
import { type Buffer, dimValue, Expr, type Fold } from '../../compiler/ir/expr.ts';
import type { Value } from '../../compiler/ir/graph.ts';
import { type KernelBuilder, visitExpr } from '../../compiler/ir/kernel-builder.ts';
import { ElementEvaluator, elementsOf } from '../../compiler/lower/element.ts';
import { mapExpr, substituteSyms, symbolsOf } from '../../compiler/lower/substitute.ts';
import type { TemplateRequest } from '../../compiler/lower/template.ts';

/**
 * An op seen as a contraction: `out[batch, rows, columns] = sum over depth of left * right`, read off its element expression. Matrix
 * products, convolutions (as implicit GEMM: the patches are never stored) and einsums all have this form, so one schedule serves them.
 * Axes are positions in the output shape; `columns` holds the last axis that the operands do not share.
 */
export interface Contraction {
  readonly type: ScalarType;
  readonly shape: readonly Dim[];
  readonly batch: readonly number[];
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  /** Extents of the loops that are summed over. */
  readonly depth: readonly Dim[];
  readonly init: Expr;
  /** Whether neighbours along the depth (else along rows or columns) are neighbours in memory. */
  readonly leftAlongDepth: boolean;
  readonly rightAlongDepth: boolean;
  /** The factors at output coordinates and loop indices that are within bounds, in the accumulator's type. */
  left(k: KernelBuilder, coords: readonly Dim[], depth: readonly Dim[]): Expr;
  right(k: KernelBuilder, coords: readonly Dim[], depth: readonly Dim[]): Expr;
  /** Set when the right factor is kept in a storage format: its values come a block at a time. */
  readonly rightBlocks?: WeightBlocks;
}

/** Weights of a column in a storage format, `length` consecutive depths at a time. */
export interface WeightBlocks {
  readonly length: number;
  /** Groups of a block. */
  readonly parts: number;
  /** Whether some blocks of depths are left out. */
  readonly someLeftOut: boolean;
  /** The blocks stored for a column, by number: those from `from` up to `to` lie at rising depths. */
  range(k: KernelBuilder, column: Dim): { readonly from: Dim; readonly to: Dim };
  /** Depth at which a stored block begins. */
  depthOf(k: KernelBuilder, column: Dim, block: Dim): Dim;
  /** Weights of one stored block, or of one part of it: groups as the format decodes them, and where in the block they begin. */
  groups(
    k: KernelBuilder,
    column: Dim,
    block: Dim,
    part?: number,
  ): Iterable<{ readonly group: DecodedGroup; readonly at: number }>;
}

/** Where in its block code number `i` of a group lies. */
export function placeOf(
  k: KernelBuilder,
  { group, at }: { group: DecodedGroup; at: number },
  i: number,
  length: number,
): Dim {
  const column = group.columns?.[i];
  return column ? add(k.index(column, { min: 0, max: length - 1 - at }, 'col'), at) : at + i;
}

interface Product {
  readonly fold: Fold;
  readonly a: Expr;
  readonly b: Expr;
}

/** Looks at the anchor of a request; undefined when its element expression is no sum of products. */
export function contractionOf(request: Pick<TemplateRequest, 'anchor' | 'ops' | 'bind'>): Contraction | undefined {
  const { anchor } = request;
  const out = anchor.outputs[0];
  if (!out) return undefined;
  const shape = out.type.shape;
  // Loads name placeholders first: a factor binds only the values that it reads itself.
  const placeholders = new Map<Buffer, Value>();
  const byValue = new Map<Value, Buffer>();
  const placeholder = (v: Value): Buffer => {
    const old = byValue.get(v);
    if (old) return old;
    const elements = elementsOf(v.type);
    const b: Buffer = { name: v.name, storage: v.type.dtype, space: 'global', access: 'read', elements };
    byValue.set(v, b);
    placeholders.set(b, v);
    return b;
  };
  const read = (v: Value, index: Dim): Expr =>
    new Expr(computeType(v.type.dtype), 1, { kind: 'load', buffer: placeholder(v), index });
  const evaluator = new ElementEvaluator(request.ops, { read, isInside: (v) => v === out, typeOf: (v) => v.type }, 'p');
  let counter = 0;
  const fresh = (hint: string): string => `q${hint}${counter++}`;
  const bound = (k: KernelBuilder, e: Expr): Expr =>
    mapExpr(e, new Map(), (x) => {
      const v = x.node.kind === 'load' ? placeholders.get(x.node.buffer) : undefined;
      return v && x.node.kind === 'load' ? k.load(request.bind(k, v), x.node.index) : undefined;
    });
  const names = shape.map((_, i) => `c${i}`);
  const probe = evaluator.at(
    out,
    shape.map((d, i) => (d === 1 ? 0 : sym(names[i] ?? '', { max: sub(d, 1) }))),
  );
  const found = productOf(probe, evaluator.indices);
  if (!found) return undefined;
  const inLeft = symbolsOf(found.a, evaluator.indices);
  const inRight = symbolsOf(found.b, evaluator.indices);
  const axes = shape.map((_, i) => i);
  const only = (mine: ReadonlySet<string>, other: ReadonlySet<string>) =>
    axes.filter((i) => mine.has(names[i] ?? '') && !other.has(names[i] ?? ''));
  const [leftOnly, rightOnly] = [only(inLeft, inRight), only(inRight, inLeft)];
  // The operand with the later own axis gives the columns: neighbouring lanes then store neighbouring elements.
  const swap = (leftOnly.at(-1) ?? -1) > (rightOnly.at(-1) ?? -1);
  const [rows, columns] = swap ? [rightOnly, leftOnly] : [leftOnly, rightOnly];
  const batch = axes.filter((i) => shape[i] !== 1 && !rows.includes(i) && !columns.includes(i));
  const loops = found.fold.loops;
  const init = found.fold.init[0];
  if (init?.node.kind !== 'const') return undefined;
  const factor = (wantLeft: boolean) => (k: KernelBuilder, coords: readonly Dim[], depth: readonly Dim[]) => {
    const p = productOf(evaluator.at(out, coords), evaluator.indices);
    if (!p) throw new TypeError('an element expression changed its form');
    const replace = new Map(p.fold.loops.map((l, i) => [l.name, depth[i] ?? 0]));
    const side = wantLeft !== swap ? p.a : p.b;
    return bound(k, substituteSyms(side, replace, new Map(evaluator.indices), fresh));
  };
  const lastLoop = loops.at(-1)?.name;
  const alongDepth = (e: Expr): boolean => lastLoop !== undefined && isContiguous(e, lastLoop);
  return {
    type: init.type,
    shape,
    batch,
    rows,
    columns,
    depth: loops.map((l) => l.extent),
    init,
    leftAlongDepth: alongDepth(swap ? found.b : found.a),
    rightAlongDepth: alongDepth(swap ? found.a : found.b),
    left: factor(true),
    right: factor(false),
  };
}

/** `fold sum of a * b`, when the expression is that and its factors do not look at the running sum or at data-derived indices. */
function productOf(e: Expr, indices: ReadonlyMap<string, Expr>): Product | undefined {
  if (e.node.kind !== 'foldResult' || indices.size > 0) return undefined;
  const { fold } = e.node;
  const state = fold.state[0];
  const next = fold.next[0]?.node;
  if (fold.monoid !== 'sum' || fold.next.length !== 1 || state === undefined || !next) return undefined;
  const isState = (x: Expr): boolean => x.node.kind === 'var' && x.node.name === state;
  const free = (a: Expr, b: Expr): Product | undefined =>
    symbolsOf(a, indices).has(state) || symbolsOf(b, indices).has(state) ? undefined : { fold, a, b };
  if (next.kind === 'fma' && isState(next.c)) return free(next.a, next.b);
  if (next.kind === 'binary' && next.op === 'add') {
    const rest = isState(next.a) ? next.b : isState(next.b) ? next.a : undefined;
    if (rest?.node.kind === 'binary' && rest.node.op === 'mul') return free(rest.node.a, rest.node.b);
  }
  return undefined;
}

/** Whether some load's address grows by one element with the symbol. */
function isContiguous(e: Expr, name: string): boolean {
  let yes = false;
  const visit = (x: Expr): void => {
    if (x.node.kind === 'load' && collectSyms(x.node.index).has(name) && coefficientOf(x.node.index, name) === 1)
      yes = true;
    visitExpr(x, visit, () => undefined);
  };
  visit(e);
  return yes;
}

/** Coordinates along some axes of a flat index over them, each division named once. */
export function split(k: KernelBuilder, flat: Dim, extents: readonly Dim[]): Dim[] {
  const coords: Dim[] = new Array<Dim>(extents.length).fill(0);
  let rest = flat;
  for (let i = extents.length - 1; i >= 0; i--) {
    const d = extents[i] ?? 1;
    if (product(extents.slice(0, i)) === 1) {
      coords[i] = rest;
      break;
    }
    if (d === 1) continue;
    const name = (x: Dim, max: Dim): Dim =>
      typeof x === 'number' ? x : k.index(dimValue(x), { min: 0, max: sub(max, 1) }, 'u');
    coords[i] = name(mod(rest, d), d);
    rest = name(floorDiv(rest, d), product(extents.slice(0, i)));
  }
  return coords;
}

/** Output coordinates with the given axes set from flat indices; the other axes are 0. */
export function place(
  k: KernelBuilder,
  c: Contraction,
  parts: readonly { readonly axes: readonly number[]; readonly flat: Dim }[],
): Dim[] {
  const coords: Dim[] = c.shape.map(() => 0);
  for (const { axes, flat } of parts) {
    const at = split(
      k,
      flat,
      axes.map((a) => c.shape[a] ?? 1),
    );
    axes.forEach((a, i) => {
      coords[a] = at[i] ?? 0;
    });
  }
  return coords;
}

export const extentOf = (c: Contraction, axes: readonly number[]): Dim => product(axes.map((a) => c.shape[a] ?? 1));
