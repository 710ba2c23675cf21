import { coefficientOf, collectSyms, type Dim, floorDiv, mul, sub, sym } from '../ir/dim.ts';
import { constant, dimValue, Expr, type Fold, pack, type Width } from '../ir/expr.ts';
import type { Variable } from '../ir/kernel-builder.ts';
import { visitExpr } from '../ir/kernel-builder.ts';
import { Blocks, type Scope } from './emit-blocks.ts';
import { combine, identity, monoidItem, SPLITTABLE } from './monoid.ts';
import { rebuild, substituteSyms, symbolsOf, symNamed } from './substitute.ts';
import { is32, isDirect, isVectorizable } from './vectorizable.ts';

/**
 * Writes element expressions as kernel statements. Folds become loops; values that do not change in a loop are computed before it;
 * values used more than once are named; guarded parts run only where their condition holds. The vector form computes `width`
 * consecutive values of one loop index at a time.
 */
export class Emitter extends Blocks {
  /** A variable that one of two lazily evaluated expressions sets. */
  private choose(condition: Expr, a: () => Expr, otherwise: Expr, b: () => Expr, width: Width): Expr {
    const isConstant = otherwise.node.kind === 'const';
    const start = isConstant ? otherwise : constant(otherwise.type, 0);
    const v = this.k.var(width === 1 ? start : start.splat(width), this.fresh('g'), true);
    this.if(this.value(condition), () => v.set(a()), isConstant ? undefined : () => v.set(b()));
    return v.value;
  }

  /** The expression with folds, data-derived indices and shared parts computed by statements emitted so far. */
  value(e: Expr): Expr {
    const n = e.node;
    if (n.kind === 'const') return e;
    const old = this.computedBefore(e);
    if (old) return old;
    if (n.kind === 'var') return e;
    if (n.kind === 'dim') {
      this.defineIndices(n.dim);
      return e;
    }
    const depth = this.depthOf(e);
    if (n.kind === 'foldResult') {
      this.atDepth(depth, () => this.emitFold(n.fold));
      return this.computedBefore(e) ?? e;
    }
    const shared = (this.uses.get(e) ?? 0) > 1 || depth < this.depth;
    if (!shared && n.kind !== 'guard') return this.plain(e);
    return this.atDepth(depth, () => {
      const again = this.computedBefore(e);
      if (again) return again;
      const made = n.kind === 'guard' ? this.emitGuard(e) : this.k.let(this.plain(e));
      this.scope.computed.set(e, made);
      return made;
    });
  }

  private plain(e: Expr): Expr {
    if (e.node.kind === 'load') {
      this.defineIndices(e.node.index);
      return e;
    }
    return rebuild(e, (x) => this.value(x));
  }

  /** Emits the definitions of data-derived index symbols that a dim uses and that are not in scope yet. */
  private defineIndices(d: Dim): void {
    for (const name of collectSyms(d).keys()) {
      const definition = this.indices.get(name);
      if (!definition || this.scopes.some((s) => s.names.has(name))) continue;
      this.atDepth(this.depthOf(definition), () => {
        this.k.let(this.value(definition), name, true);
        this.scope.names.add(name);
      });
    }
  }

  private emitGuard(e: Expr): Expr {
    const n = e.node;
    if (n.kind !== 'guard') throw new Error('not a guard');
    return this.choose(
      n.condition,
      () => this.value(n.a),
      n.otherwise,
      () => this.value(n.otherwise),
      e.width,
    );
  }

  private emitFold(fold: Fold): void {
    // A prefix may end at an index that data gives.
    for (const l of fold.loops) this.defineIndices(l.extent);
    if (this.results(fold)) return;
    // How far a loop goes may depend on data (a cumulative sum read through a gather).
    const own = new Set(fold.loops.map((l) => l.name));
    for (const l of fold.loops)
      if (![...collectSyms(l.extent).keys()].some((name) => this.dependsOn(name, own))) this.defineIndices(l.extent);
    const vars = this.foldVector(fold) ?? this.foldCooperative(fold) ?? this.foldScalar(fold);
    this.remember(fold, vars);
  }

  private results(fold: Fold): boolean {
    return this.foldsDone.some((done) => this.scopes[done.depth] === done.scope && done.fold === fold);
  }

  private readonly foldsDone: { fold: Fold; depth: number; scope: Scope }[] = [];

  private remember(fold: Fold, vars: readonly Variable[]): void {
    // Every foldResult node of this fold resolves to the variable; nodes are found by identity of fold and index.
    const scope = this.scope;
    for (const e of this.foldNodes(fold)) {
      const n = e.node;
      const v = n.kind === 'foldResult' ? vars[n.index] : undefined;
      if (v) scope.computed.set(e, v.value);
    }
    this.foldsDone.push({ fold, depth: this.depth, scope });
  }

  /** From here on, monoid folds at kernel level are shared by all lanes of the workgroup. */
  cooperate(lanes: number): void {
    this.lanesTogether = lanes;
  }

  private lanesTogether = 1;

  /** Emits, at kernel level, every fold of `e` that does not depend on an inner loop; afterwards lanes may diverge. */
  prepareFolds(e: Expr): void {
    const seen = new Set<Expr>();
    const visit = (x: Expr): void => {
      if (seen.has(x)) return;
      seen.add(x);
      visitExpr(x, visit, (d) => {
        for (const name of collectSyms(d).keys()) {
          const definition = this.indices.get(name);
          if (definition) visit(definition);
        }
      });
      if (x.node.kind === 'foldResult' && !this.dependsOnOpenName(x)) this.value(x);
    };
    visit(e);
    this.lanesTogether = 1;
  }

  /** A monoid fold whose last loop is dealt to the lanes, then combined through shared memory; else undefined. */
  private foldCooperative(fold: Fold): Variable[] | undefined {
    const lanes = this.lanesTogether;
    const inner = fold.loops.at(-1);
    const init = fold.init[0];
    if (lanes === 1 || this.depth !== 0 || !inner || !init || fold.init.length !== 1 || !SPLITTABLE.has(fold.monoid))
      return undefined;
    const item = monoidItem(fold, this.indices);
    const state = fold.state[0];
    if (!item || state === undefined || !is32(init.type)) return undefined;
    const part = this.k.var(identity(fold.monoid, init.type), this.fresh('part'), true);
    const outer = fold.loops.slice(0, -1);
    this.loops(
      outer,
      0,
      () => {
        this.k.for(
          this.k.lane,
          inner.extent,
          lanes,
          () => {
            this.nested([inner.name, state], false, () => part.set(combine(fold.monoid, part.value, this.value(item))));
          },
          inner.name,
          true,
        );
      },
      [state],
    );
    const shared = this.k.shared(this.fresh('shared'), storageOf(init.type), lanes);
    const lane = this.k.lane;
    this.k.store(shared, lane, part.value);
    this.k.barrier();
    for (let stride = lanes / 2; stride >= 1; stride /= 2) {
      this.k.if(dimValue(lane).lt(stride), () => {
        this.k.store(
          shared,
          lane,
          combine(fold.monoid, this.k.load(shared, lane), this.k.load(shared, addDim(lane, stride))),
        );
      });
      this.k.barrier();
    }
    const total = this.k.var(combine(fold.monoid, this.value(init), this.k.load(shared, 0)), state, true);
    this.k.barrier();
    return [total];
  }

  private foldScalar(fold: Fold): Variable[] {
    const vars = fold.init.map((x, i) => this.k.var(this.value(x), fold.state[i] ?? this.fresh('s'), true));
    this.loops(
      fold.loops,
      0,
      () => {
        // All next values are computed from the old state before any is assigned.
        const next = fold.next.map((x) => this.value(x));
        if (vars.length === 1) vars[0]?.set(next[0] ?? constant('f32', 0));
        else {
          const held = next.map((x) => (x.node.kind === 'var' || x.node.kind === 'const' ? x : this.k.let(x)));
          const frozen = held.map((x) =>
            fold.state.some((s) => x.node.kind === 'var' && x.node.name === s) ? this.k.let(x) : x,
          );
          vars.forEach((v, i) => {
            const x = frozen[i];
            if (x) v.set(x);
          });
        }
      },
      fold.state,
    );
    return vars;
  }

  private loops(loops: Fold['loops'], at: number, body: () => void, states: readonly string[]): void {
    const l = loops[at];
    if (!l) {
      body();
      return;
    }
    this.defineIndices(l.extent);
    this.k.for(
      0,
      l.extent,
      1,
      () => this.nested([l.name, ...states], false, () => this.loops(loops, at + 1, body, states)),
      l.name,
      true,
    );
  }

  // ---- vectors -----------------------------------------------------------------------------------------------------------------

  /** A sum, product, max or min over a contiguous innermost loop, four (foldWidth) partial results at a time; else undefined. */
  private foldVector(fold: Fold): Variable[] | undefined {
    const width = this.foldWidth;
    const inner = fold.loops.at(-1);
    const init = fold.init[0];
    const next = fold.next[0];
    if (width === 1 || !inner || !init || !next || fold.init.length !== 1 || !SPLITTABLE.has(fold.monoid))
      return undefined;
    if (!is32(init.type) || (typeof inner.extent === 'number' && inner.extent < 2 * width)) return undefined;
    const item = monoidItem(fold, this.indices);
    if (!item || !isVectorizable(item, inner.name, this.indices)) return undefined;
    const state = fold.state[0] ?? 's';
    const total = this.k.var(this.value(init), state, true);
    const accumulator = this.k.var(identity(fold.monoid, init.type).splat(width), this.fresh('acc'), true);
    const whole = mul(floorDiv(inner.extent, width), width);
    const outer = fold.loops.slice(0, -1);
    this.loops(
      outer,
      0,
      () => {
        this.k.for(
          0,
          whole,
          width,
          () => {
            this.nested([inner.name, state], false, () =>
              accumulator.set(combine(fold.monoid, accumulator.value, this.vector(item, inner.name, width))),
            );
          },
          inner.name,
          true,
        );
        if (typeof inner.extent !== 'number' || inner.extent % width !== 0) {
          const name = this.fresh('t');
          const tail = substituteSyms(
            item,
            new Map([[inner.name, sym(name, { max: sub(inner.extent, 1) })]]),
            this.indices,
            this.fresh,
          );
          this.count([tail]);
          this.k.for(
            whole,
            inner.extent,
            1,
            () => {
              this.nested([name, state], false, () => total.set(combine(fold.monoid, total.value, this.value(tail))));
            },
            name,
            true,
          );
        }
      },
      [state],
    );
    let sum = accumulator.value.extract(0);
    for (let l = 1; l < width; l++) sum = combine(fold.monoid, sum, accumulator.value.extract(l));
    total.set(combine(fold.monoid, total.value, sum));
    return [total];
  }

  /** `width` values of `e` for j, j+1, ... side by side. Shared vectors are named in the innermost scope. */
  vector(e: Expr, j: string, width: Width): Expr {
    if (!symbolsOf(e, this.indices).has(j)) {
      const same = this.value(e);
      return same.width === width ? same : same.splat(width);
    }
    const done = this.vectors(j).get(e);
    if (done && this.scopes.includes(done.scope)) return done.value;
    let v = this.vectorNode(e, j, width);
    if ((this.uses.get(e) ?? 0) > 1 && v.node.kind !== 'var') v = this.k.let(v);
    this.vectors(j).set(e, { value: v, scope: this.scope });
    return v;
  }

  private readonly vectorMemos = new Map<string, Map<Expr, { value: Expr; scope: Scope }>>();

  private vectors(j: string): Map<Expr, { value: Expr; scope: Scope }> {
    let m = this.vectorMemos.get(j);
    if (!m) {
      m = new Map();
      this.vectorMemos.set(j, m);
    }
    return m;
  }

  private vectorNode(e: Expr, j: string, width: Width): Expr {
    const n = e.node;
    const go = (x: Expr): Expr => (symbolsOf(x, this.indices).has(j) ? this.vector(x, j, width) : this.value(x));
    switch (n.kind) {
      case 'load':
        if (coefficientOf(n.index, j) === 1 && isDirect(n.index, j, this.indices)) {
          this.defineIndices(n.index);
          return new Expr(e.type, width, n);
        }
        return this.lanes(e, j, width);
      case 'dim': {
        const c = coefficientOf(n.dim, j);
        if (typeof c !== 'number' || !isDirect(n.dim, j, this.indices)) return this.lanes(e, j, width);
        this.defineIndices(n.dim);
        const steps = pack(Array.from({ length: width }, (_, l) => constant('i32', c * l)));
        return dimValue(n.dim).splat(width).add(steps);
      }
      case 'unary':
      case 'binary':
      case 'fma':
      case 'select':
      case 'cast':
        if (!is32(e.type) && e.type !== 'bool') return this.lanes(e, j, width);
        if ((n.kind === 'cast' || n.kind === 'binary' || n.kind === 'unary') && !is32(n.a.type) && n.a.type !== 'bool')
          return this.lanes(e, j, width);
        return rebuild(e, go);
      case 'bitcast':
      case 'narrow':
        return rebuild(e, go);
      case 'splat':
        return go(n.a);
      case 'guard': {
        if (symbolsOf(n.condition, this.indices).has(j)) return this.lanes(e, j, width);
        return this.choose(
          n.condition,
          () => this.vector(n.a, j, width),
          n.otherwise,
          () => this.vector(n.otherwise, j, width),
          width,
        );
      }
      case 'foldResult':
        return this.vectorFold(e, n.fold, n.index, j, width);
      default:
        return this.lanes(e, j, width);
    }
  }

  private lanes(e: Expr, j: string, width: Width): Expr {
    const s = symNamed(e, j, this.indices);
    const lanes: Expr[] = [];
    for (let l = 0; l < width; l++) {
      const one = l === 0 || !s ? e : substituteSyms(e, new Map([[j, addDim(s, l)]]), this.indices, this.fresh);
      if (l > 0) this.count([one]);
      lanes.push(this.value(one));
    }
    return pack(lanes);
  }

  private vectorFold(e: Expr, fold: Fold, index: number, j: string, width: Width): Expr {
    if (fold.loops.some((l) => collectSyms(l.extent).has(j)) || fold.init.some((x) => !is32(x.type)))
      return this.lanes(e, j, width);
    const memo = this.vectors(j);
    const vars = fold.init.map((x) => this.k.var(this.vector(x, j, width), this.fresh('vs'), true));
    fold.state.forEach((s, i) => {
      const v = vars[i];
      if (v) this.vectorStates.set(s, v.value);
    });
    this.loops(
      fold.loops,
      0,
      () => {
        const next = fold.next.map((x) => this.vectorWithStates(x, j, width, fold.state));
        const held = vars.length === 1 ? next : next.map((x) => this.k.let(x));
        vars.forEach((v, i) => {
          const x = held[i];
          if (x) v.set(x);
        });
      },
      fold.state,
    );
    for (const node of this.foldNodes(fold)) {
      const n = node.node;
      const v = n.kind === 'foldResult' ? vars[n.index] : undefined;
      if (v) memo.set(node, { value: v.value, scope: this.scope });
    }
    return vars[index]?.value ?? e;
  }

  private readonly vectorStates = new Map<string, Expr>();

  /** Like vector(), in a fold's body: the running states are vectors although they do not name `j`. */
  private vectorWithStates(e: Expr, j: string, width: Width, states: readonly string[]): Expr {
    if (e.node.kind === 'var') {
      const v = this.vectorStates.get(e.node.name);
      if (v) return v;
    }
    const names = symbolsOf(e, this.indices);
    if (!states.some((s) => names.has(s))) return this.vector(e, j, width);
    const n = e.node;
    switch (n.kind) {
      case 'unary':
      case 'binary':
      case 'fma':
      case 'select':
      case 'cast':
      case 'narrow':
      case 'bitcast':
        return rebuild(e, (x) => this.vectorWithStates(x, j, width, states));
      case 'guard': {
        return this.choose(
          n.condition,
          () => this.vectorWithStates(n.a, j, width, states),
          n.otherwise,
          () => this.vectorWithStates(n.otherwise, j, width, states),
          width,
        );
      }
      default:
        return this.vector(e, j, width);
    }
  }
}

const storageOf = (type: Expr['type']): 'f32' | 'i32' | 'u32' => (type === 'i32' || type === 'u32' ? type : 'f32');
const addDim = (d: Dim, n: number): Dim => sub(d, -n);
