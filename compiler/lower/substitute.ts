import { collectSyms, type Dim, sym as makeSym, type Sym, sub, substitute } from '../ir/dim.ts';
import { Expr, type Fold } from '../ir/expr.ts';
import { visitExpr } from '../ir/kernel-builder.ts';

/** Rewrites an expression bottom-up, sharing what does not change. `visit` may return a replacement for a node before its operands are seen. */
export function mapExpr(
  e: Expr,
  memo: Map<Expr, Expr>,
  visit: (e: Expr, go: (x: Expr) => Expr) => Expr | undefined,
): Expr {
  const old = memo.get(e);
  if (old) return old;
  const go = (x: Expr): Expr => mapExpr(x, memo, visit);
  const out = visit(e, go) ?? rebuild(e, go);
  memo.set(e, out);
  return out;
}

/** The same node over new operands; widths follow the operands (a scalar among vectors is splat). */
export function rebuild(e: Expr, go: (x: Expr) => Expr): Expr {
  const n = e.node;
  switch (n.kind) {
    case 'const':
    case 'var':
    case 'dim':
    case 'load':
    case 'foldResult':
      return e;
    case 'unary': {
      const a = go(n.a);
      return a === n.a ? e : new Expr(e.type, a.width, { ...n, a });
    }
    case 'cast':
    case 'bitcast':
    case 'narrow': {
      const a = go(n.a);
      return a === n.a ? e : new Expr(e.type, a.width, { ...n, a });
    }
    case 'splat':
    case 'halves':
    case 'extract':
    case 'subgroup': {
      const a = go(n.a);
      return a === n.a ? e : new Expr(e.type, e.width, { ...n, a });
    }
    case 'binary': {
      const a = go(n.a);
      const b = go(n.b);
      if (a === n.a && b === n.b) return e;
      const width = a.width > b.width ? a.width : b.width;
      return new Expr(e.type, width, { ...n, a: fit(a, width), b: fit(b, width) });
    }
    case 'shuffle': {
      const a = go(n.a);
      const b = go(n.b);
      return a === n.a && b === n.b ? e : new Expr(e.type, e.width, { ...n, a, b });
    }
    case 'fma':
    case 'dot2':
    case 'dot4': {
      const a = go(n.a);
      const b = go(n.b);
      const c = go(n.c);
      if (a === n.a && b === n.b && c === n.c) return e;
      const width = [a, b, c].reduce((w, x) => (x.width > w ? x.width : w), a.width);
      return new Expr(e.type, width, { ...n, a: fit(a, width), b: fit(b, width), c: fit(c, width) });
    }
    case 'select': {
      const condition = go(n.condition);
      const a = go(n.a);
      const b = go(n.b);
      if (condition === n.condition && a === n.a && b === n.b) return e;
      const width = [condition, a, b].reduce((w, x) => (x.width > w ? x.width : w), a.width);
      return new Expr(e.type, width, { ...n, condition: fit(condition, width), a: fit(a, width), b: fit(b, width) });
    }
    case 'guard': {
      const condition = go(n.condition);
      const a = go(n.a);
      const otherwise = go(n.otherwise);
      return condition === n.condition && a === n.a && otherwise === n.otherwise
        ? e
        : new Expr(e.type, e.width, { ...n, condition, a, otherwise });
    }
    case 'pack': {
      const elements = n.elements.map(go);
      return elements.every((x, i) => x === n.elements[i]) ? e : new Expr(e.type, e.width, { ...n, elements });
    }
    case 'intrinsic': {
      const args = n.args.map(go);
      return args.every((x, i) => x === n.args[i]) ? e : new Expr(e.type, e.width, { ...n, args });
    }
  }
}

const fit = (e: Expr, width: Expr['width']): Expr => (e.width === width ? e : e.splat(width));

const symbolCache = new WeakMap<Expr, ReadonlySet<string>>();

/**
 * Symbols and variables an expression depends on: loop indices, fold states of enclosing folds, graph symbols. Those bound inside its
 * own folds are left out; a data-derived index counts as itself and as all that its definition depends on.
 */
export function symbolsOf(e: Expr, indices: ReadonlyMap<string, Expr>): ReadonlySet<string> {
  const old = symbolCache.get(e);
  if (old) return old;
  const out = new Set<string>();
  const addAll = (names: Iterable<string>) => {
    for (const n of names) out.add(n);
  };
  if (e.node.kind === 'var') out.add(e.node.name);
  visitExpr(
    e,
    (x) => addAll(symbolsOf(x, indices)),
    (d) => {
      for (const name of collectSyms(d).keys()) {
        out.add(name);
        const definition = indices.get(name);
        if (definition) addAll(symbolsOf(definition, indices));
      }
    },
  );
  if (e.node.kind === 'foldResult') {
    for (const l of e.node.fold.loops) out.delete(l.name);
    for (const s of e.node.fold.state) out.delete(s);
  }
  symbolCache.set(e, out);
  return out;
}

/**
 * Replaces symbols inside the dims of an expression, folds included (whose loops and states get fresh names so that both copies can be
 * emitted in one kernel). `indices` are definitions of data-derived index symbols: those that depend on a replaced symbol are copied too.
 */
export function substituteSyms(
  e: Expr,
  replace: ReadonlyMap<string, Dim>,
  indices: Map<string, Expr>,
  fresh: (hint: string) => string,
): Expr {
  const depends = (x: Expr): boolean => {
    const names = symbolsOf(x, indices);
    for (const name of replace.keys()) if (names.has(name)) return true;
    return false;
  };
  const renamed = new Map<string, Dim>();
  const states = new Map<string, string>();
  const memo = new Map<Expr, Expr>();
  const sym = (s: Sym): Dim | undefined => {
    const done = renamed.get(s.name);
    if (done !== undefined) return done;
    const definition = indices.get(s.name);
    if (definition) {
      if (!depends(definition)) return undefined;
      const copy = walk(definition);
      const name = fresh('x');
      indices.set(name, copy);
      const d = symLike(s, name);
      renamed.set(s.name, d);
      return d;
    }
    return replace.get(s.name);
  };
  const dim = (d: Dim): Dim => substitute(d, sym);
  const walk = (x: Expr): Expr =>
    mapExpr(x, memo, (y, go) => {
      const n = y.node;
      switch (n.kind) {
        case 'dim': {
          const d = dim(n.dim);
          return d === n.dim ? y : new Expr(y.type, y.width, { kind: 'dim', dim: d });
        }
        case 'load': {
          const index = dim(n.index);
          return index === n.index ? y : new Expr(y.type, y.width, { ...n, index });
        }
        case 'var': {
          const name = states.get(n.name);
          return name ? new Expr(y.type, y.width, { kind: 'var', name }) : y;
        }
        case 'foldResult': {
          if (!depends(y)) return y;
          const fold = folds.get(n.fold) ?? copyFold(n.fold, go);
          return fold === n.fold ? y : new Expr(y.type, y.width, { ...n, fold });
        }
        default:
          return undefined;
      }
    });
  const folds = new Map<Fold, Fold>();
  const copyFold = (f: Fold, go: (x: Expr) => Expr): Fold => {
    const loops = f.loops.map((l) => {
      const name = fresh('r');
      const extent = dim(l.extent);
      renamed.set(l.name, loopSym(name, extent));
      return { name, extent };
    });
    for (const s of f.state) states.set(s, fresh('s'));
    const copy: Fold = {
      ...f,
      loops,
      init: f.init.map(go),
      state: f.state.map((s) => states.get(s) ?? s),
      next: f.next.map(go),
    };
    folds.set(f, copy);
    return copy;
  };
  return walk(e);
}

const symLike = (s: Sym, name: string): Dim => makeSym(name, { min: s.min, max: s.max, multipleOf: s.multipleOf });
const loopSym = (name: string, extent: Dim): Dim => makeSym(name, { max: sub(extent, 1) });

/** The dim of symbol `j` as it stands in an expression. */
export function symNamed(e: Expr, j: string, indices: ReadonlyMap<string, Expr>): Dim | undefined {
  let found: Dim | undefined;
  const seen = new Set<Expr>();
  const dims = (d: Dim): void => {
    const s = collectSyms(d).get(j);
    if (s) found = makeSym(s.name, { min: s.min, max: s.max, multipleOf: s.multipleOf });
    for (const name of collectSyms(d).keys()) {
      const definition = indices.get(name);
      if (definition && !found) visit(definition);
    }
  };
  const visit = (x: Expr): void => {
    if (found || seen.has(x)) return;
    seen.add(x);
    visitExpr(x, visit, dims);
  };
  visit(e);
  return found;
}
