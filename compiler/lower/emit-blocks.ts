import { collectSyms, type Dim } from '../ir/dim.ts';
import type { Expr, Fold, Width } from '../ir/expr.ts';
import { type KernelBuilder, visitExpr } from '../ir/kernel-builder.ts';
import { symbolsOf } from './substitute.ts';

/** One open block: what it defines, and what has been computed in it. */
export interface Scope {
  readonly names: Set<string>;
  readonly computed: Map<Expr, Expr>;
  /** Inside a conditional: what is computed here may not move out, its loads may be out of bounds there. */
  readonly conditional: boolean;
}

/** The open blocks of a kernel that expressions are written into: what is known in each, and in which a value belongs. */
export abstract class Blocks {
  protected readonly scopes: Scope[] = [{ names: new Set(), computed: new Map(), conditional: false }];
  protected readonly uses = new Map<Expr, number>();
  private counter = 0;
  /** Blocks of the kernel that were open before this emitter began: nothing is hoisted out of them. */
  private readonly base: number;

  constructor(
    protected readonly k: KernelBuilder,
    /** Definitions of data-derived index symbols (grows when lanes are split). */
    protected readonly indices: Map<string, Expr>,
    /** Vector lanes for loops inside folds; 1 keeps the written order of every sum. */
    protected readonly foldWidth: Width = 1,
    private readonly prefix = '',
  ) {
    this.base = k.depth;
  }

  protected fresh = (hint: string): string => `${this.prefix}${hint}_${this.counter++}`;

  protected get depth(): number {
    return this.scopes.length - 1;
  }

  protected get scope(): Scope {
    const s = this.scopes.at(-1);
    if (!s) throw new Error('no open scope');
    return s;
  }

  protected nested(names: readonly string[], conditional: boolean, write: () => void): void {
    this.scopes.push({ names: new Set(names), computed: new Map(), conditional });
    try {
      write();
    } finally {
      this.scopes.pop();
    }
  }

  protected atDepth<T>(depth: number, write: () => T): T {
    if (depth === this.depth) return write();
    const inner = this.scopes.splice(depth + 1);
    try {
      return this.k.at(this.base + depth, write);
    } finally {
      this.scopes.push(...inner);
    }
  }

  /** Opens a loop; `body` gets the index as a dim and may emit into it. */
  for(from: Dim, to: Dim, step: Dim, body: (i: Dim) => void, name = this.fresh('i')): void {
    this.k.for(from, to, step, (i) => this.nested([...collectSyms(i).keys()], false, () => body(i)), name, true);
  }

  /** Opens a conditional block. */
  if(condition: Expr, body: () => void, otherwise?: () => void): void {
    this.k.if(condition, () => this.nested([], true, body), otherwise && (() => this.nested([], true, otherwise)));
  }

  /** Call before emitting: expressions reached more than once from these roots are computed once. */
  count(roots: readonly Expr[]): void {
    const visit = (e: Expr): void => {
      const n = (this.uses.get(e) ?? 0) + 1;
      this.uses.set(e, n);
      if (n > 1) return;
      visitExpr(e, visit, (d) => {
        for (const name of collectSyms(d).keys()) {
          const definition = this.indices.get(name);
          if (definition && !this.uses.has(definition)) visit(definition);
        }
      });
    };
    roots.forEach(visit);
  }

  /** Innermost scope that defines something `e` depends on, not above the last conditional. */
  protected depthOf(e: Expr): number {
    return this.depthOfNames(symbolsOf(e, this.indices));
  }

  protected depthOfNames(names: ReadonlySet<string>): number {
    for (let d = this.depth; d > 0; d--) {
      const s = this.scopes[d];
      if (!s) continue;
      if (s.conditional) return d;
      for (const n of s.names) if (names.has(n)) return d;
    }
    return 0;
  }

  protected computedBefore(e: Expr): Expr | undefined {
    for (let d = this.depth; d >= 0; d--) {
      const found = this.scopes[d]?.computed.get(e);
      if (found) return found;
    }
    return undefined;
  }

  /** Whether a symbol is one of `names`, or is computed from one. */
  protected dependsOn(symbol: string, names: ReadonlySet<string>): boolean {
    const definition = this.indices.get(symbol);
    return (
      names.has(symbol) ||
      (definition !== undefined && [...symbolsOf(definition, this.indices)].some((n) => names.has(n)))
    );
  }

  /** The results of a fold among the counted expressions. */
  protected foldNodes(fold: Fold): Expr[] {
    const out: Expr[] = [];
    for (const e of this.uses.keys()) if (e.node.kind === 'foldResult' && e.node.fold === fold) out.push(e);
    return out;
  }

  /** Whether it names something no open block defines yet: it belongs to a loop still to come. */
  protected dependsOnOpenName(e: Expr): boolean {
    const names = symbolsOf(e, this.indices);
    return names.has('f') || [...names].some((n) => this.foldLocals.has(n));
  }

  /** Loop and state names of all counted folds. */
  protected get foldLocals(): ReadonlySet<string> {
    const out = new Set<string>();
    for (const e of this.uses.keys()) {
      if (e.node.kind !== 'foldResult') continue;
      for (const l of e.node.fold.loops) out.add(l.name);
      for (const s of e.node.fold.state) out.add(s);
    }
    return out;
  }
}
