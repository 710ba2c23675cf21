import { collectSyms, type Dim, sub, sym, upperBound } from './dim.ts';
import type { DType, ScalarType } from './dtype.ts';
import { computeType } from './dtype.ts';
import { type Buffer, constant, Expr, type Operand, variable, type Width } from './expr.ts';
import type { Alternative, Kernel, KernelNote, Stmt } from './kernel.ts';

/** A mutable kernel variable: read it as an expression, assign with `set`. */
export interface Variable {
  readonly value: Expr;
  set(value: Operand): void;
}

/**
 * The `k.` interface that templates and automatic lowering use to write a kernel. Statements are appended to the open block;
 * loop indices and lane indices are dims, so addresses stay canonical and provably in range.
 */
export class KernelBuilder {
  private readonly buffers: Buffer[] = [];
  private readonly sharedBuffers: Buffer[] = [];
  /** Open blocks, outermost first; statements go to the last. */
  private readonly blocks: Stmt[][] = [[]];
  private readonly alternatives: Alternative[] = [];
  private counter = 0;
  readonly lane: Dim;
  /** Workgroup index; for simd kernels only x is used. */
  readonly group: { readonly x: Dim; readonly y: Dim; readonly z: Dim };

  constructor(
    readonly name: string,
    readonly kind: Kernel['kind'],
    readonly lanes: number,
    readonly grid: readonly [Dim, Dim, Dim],
  ) {
    this.lane = lanes === 1 ? 0 : sym('lane', { max: lanes - 1 });
    const g = (axis: string, n: Dim): Dim => (n === 1 ? 0 : sym(axis, { max: sub(n, 1) }));
    this.group = { x: g('groupX', grid[0]), y: g('groupY', grid[1]), z: g('groupZ', grid[2]) };
  }

  private fresh(hint: string): string {
    return `${hint}${this.counter++}`;
  }

  private push(statement: Stmt): void {
    this.blocks.at(-1)?.push(statement);
  }

  /** How many blocks are open inside the kernel body. */
  get depth(): number {
    return this.blocks.length - 1;
  }

  /**
   * Appends what `write` builds to the open block at `depth` instead of the innermost one: it then runs before the inner block that
   * is still being built (hoisting).
   */
  at<T>(depth: number, write: () => T): T {
    const inner = this.blocks.splice(depth + 1);
    try {
      return write();
    } finally {
      this.blocks.push(...inner);
    }
  }

  buffer(
    name: string,
    storage: DType,
    access: Buffer['access'],
    elements: Dim,
    traits: Pick<Buffer, 'finite'> = {},
  ): Buffer {
    const b: Buffer = { name, storage, space: 'global', access, elements, ...traits };
    this.buffers.push(b);
    return b;
  }

  /** Workgroup memory (simt) or per-thread scratch (simd), uninitialised. */
  shared(name: string, storage: DType, elements: number): Buffer {
    const b: Buffer = { name, storage, space: 'shared', access: 'read_write', elements };
    this.sharedBuffers.push(b);
    return b;
  }

  load(buffer: Buffer, index: Dim, width: Width = 1): Expr {
    return new Expr(computeType(buffer.storage), width, { kind: 'load', buffer, index });
  }

  store(buffer: Buffer, index: Dim, value: Expr): void {
    this.push({ kind: 'store', buffer, index, value });
  }

  /** Names a value: computed once, here. `exact` uses the hint as the name; the caller keeps names unique. */
  let(value: Expr, hint = 't', exact = false): Expr {
    const name = exact ? hint : this.fresh(hint);
    this.push({ kind: 'let', name, value });
    return variable(name, value.type, value.width);
  }

  /** Turns a computed i32 into an index; `min` and `max` are facts the caller guarantees (clamp first when they come from data). */
  index(value: Expr, bounds: { min: number; max: Dim }, hint = 'x'): Dim {
    const name = this.fresh(hint);
    this.push({ kind: 'let', name, value: value.cast('i32') });
    return sym(name, bounds);
  }

  var(initial: Expr, hint = 'v', exact = false): Variable {
    const name = exact ? hint : this.fresh(hint);
    this.push({ kind: 'var', name, value: initial });
    const value = variable(name, initial.type, initial.width);
    return {
      value,
      set: (v) => {
        let e = v instanceof Expr ? v : constant(initial.type, v);
        if (e.width !== value.width) e = e.splat(value.width);
        this.push({ kind: 'set', name, value: e });
      },
    };
  }

  /** for (i = from; i < to; i += step) */
  for(from: Dim, to: Dim, step: Dim, body: (i: Dim) => void, hint = 'i', exact = false): void {
    const name = exact ? hint : this.fresh(hint);
    const low = typeof from === 'number' ? from : 0;
    const index = sym(name, {
      min: low,
      max: sub(to, 1),
      multipleOf: typeof step === 'number' && from === 0 ? step : 1,
    });
    const inner = this.collect(() => body(index));
    if (upperBound(sub(to, from)) <= 0) return;
    this.push({ kind: 'for', name, from, to, step, body: inner });
  }

  if(condition: Expr, then: () => void, otherwise?: () => void): void {
    const a = this.collect(then);
    const b = otherwise ? this.collect(otherwise) : [];
    this.push({ kind: 'if', condition, body: a, otherwise: b });
  }

  barrier(): void {
    this.push({ kind: 'barrier' });
  }

  atomicAdd(buffer: Buffer, index: Dim, value: Expr): void {
    this.push({ kind: 'atomicAdd', buffer, index, value });
  }

  comment(text: string): void {
    this.push({ kind: 'comment', text });
  }

  intrinsic(name: string, type: ScalarType, width: Width, ...args: Expr[]): Expr {
    return new Expr(type, width, { kind: 'intrinsic', name, args });
  }

  intrinsicStatement(name: string, ...args: (Expr | Buffer | Dim)[]): void {
    this.push({ kind: 'intrinsic', name, args });
  }

  /** Writes another body of the kernel, for targets with a feature. Call it between top-level statements. */
  alternative(feature: string, write: () => void): void {
    this.alternatives.push({ feature, body: this.collect(write) });
  }

  private collect(write: () => void): Stmt[] {
    const inner: Stmt[] = [];
    this.blocks.push(inner);
    try {
      write();
    } finally {
      this.blocks.pop();
    }
    return inner;
  }

  /** Closes the kernel. Scalars are all symbols used that nothing inside the kernel defines. */
  done(note: KernelNote): Kernel {
    const body = this.blocks[0] ?? [];
    const all = [...body, ...this.alternatives.flatMap((a) => a.body)];
    const free = freeSymbols(all, [...this.buffers.map((b) => b.elements), ...this.grid]);
    return {
      name: this.name,
      kind: this.kind,
      buffers: this.buffers,
      shared: this.sharedBuffers,
      scalars: free,
      lanes: this.lanes,
      grid: this.grid,
      body,
      ...(this.alternatives.length > 0 ? { alternatives: this.alternatives } : {}),
      note,
    };
  }
}

const PREDEFINED: ReadonlySet<string> = new Set(['lane', 'groupX', 'groupY', 'groupZ']);

/** Names of symbols that statements and dims use but do not define, sorted. */
export function freeSymbols(body: readonly Stmt[], dims: readonly Dim[]): string[] {
  const used = new Set<string>();
  const defined = new Set<string>(PREDEFINED);
  const dim = (d: Dim) => {
    for (const name of collectSyms(d).keys()) used.add(name);
  };
  const seen = new Set<Expr>();
  const expr = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    visitExpr(e, expr, dim);
  };
  const statements = (list: readonly Stmt[]) => {
    for (const s of list) {
      switch (s.kind) {
        case 'let':
        case 'var':
          defined.add(s.name);
          expr(s.value);
          break;
        case 'set':
          expr(s.value);
          break;
        case 'store':
        case 'atomicAdd':
          dim(s.index);
          expr(s.value);
          break;
        case 'for':
          defined.add(s.name);
          dim(s.from);
          dim(s.to);
          dim(s.step);
          statements(s.body);
          break;
        case 'if':
          expr(s.condition);
          statements(s.body);
          statements(s.otherwise);
          break;
        case 'intrinsic':
          for (const a of s.args) {
            if (a instanceof Expr) expr(a);
            else if (typeof a === 'number' || 'terms' in a) dim(a);
          }
          break;
      }
    }
  };
  for (const d of dims) dim(d);
  statements(body);
  return [...used].filter((n) => !defined.has(n)).sort();
}

/** Calls back on each direct operand and each dim of one expression. */
export function visitExpr(e: Expr, operand: (x: Expr) => void, dim: (d: Dim) => void): void {
  const n = e.node;
  switch (n.kind) {
    case 'const':
    case 'var':
      break;
    case 'dim':
      dim(n.dim);
      break;
    case 'load':
      dim(n.index);
      break;
    case 'unary':
    case 'cast':
    case 'bitcast':
    case 'narrow':
    case 'splat':
    case 'halves':
    case 'extract':
    case 'subgroup':
      operand(n.a);
      break;
    case 'binary':
    case 'shuffle':
      operand(n.a);
      operand(n.b);
      break;
    case 'fma':
    case 'dot2':
    case 'dot4':
      operand(n.a);
      operand(n.b);
      operand(n.c);
      break;
    case 'select':
      operand(n.condition);
      operand(n.a);
      operand(n.b);
      break;
    case 'guard':
      operand(n.condition);
      operand(n.a);
      operand(n.otherwise);
      break;
    case 'pack':
      n.elements.forEach(operand);
      break;
    case 'intrinsic':
      n.args.forEach(operand);
      break;
    case 'foldResult':
      for (const l of n.fold.loops) dim(l.extent);
      n.fold.init.forEach(operand);
      n.fold.next.forEach(operand);
      break;
  }
}
