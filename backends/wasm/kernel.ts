import { type Dim, isAtMost, lessThan, sub } from '../../compiler/ir/dim.ts';
import type { Buffer } from '../../compiler/ir/expr.ts';
import { type Kernel, type Stmt, sharedLayout } from '../../compiler/ir/kernel.ts';
import { InfcError } from '../../runtime/errors.ts';
import { DimLowering, type Loop } from './address.ts';
import { type Binding, ExprLowering, type Scope } from './expr.ts';
import { type Block, block, Machine, type MStmt, type Val } from './mir.ts';

interface Variable {
  readonly locals: readonly number[];
  since: Block;
  version: number;
}

/** Where a buffer starts and when its contents last changed. */
interface Memory {
  readonly base: Val;
  readonly mutable: boolean;
  since: Block;
  version: number;
}

/** Names that statements assign, and buffers they write. */
interface Effects {
  readonly variables: Set<string>;
  readonly buffers: Set<string>;
}

/** Turns the statements of one simd kernel into the machine graph of its function. */
export function lowerKernel(kernel: Kernel, fused: boolean): Machine {
  if (kernel.kind !== 'simd')
    throw new InfcError('INFC4005', `kernel '${kernel.name}' is written for lanes in workgroups`, {
      fix: 'Lower it for a simd target',
    });
  return new KernelLowering(kernel, fused).run();
}

class KernelLowering implements Scope {
  private readonly m: Machine;
  private readonly dims: DimLowering;
  private readonly exprs: ExprLowering;
  private readonly names = new Map<string, readonly Val[]>();
  private readonly variables = new Map<string, Variable>();
  private readonly memory = new Map<string, Memory>();
  private versions = 0;
  epoch = 0;

  constructor(
    private readonly kernel: Kernel,
    fused: boolean,
  ) {
    const { buffers, scalars, shared } = kernel;
    const params = [
      ...buffers.map((b) => b.name),
      ...scalars,
      ...(shared.length > 0 ? ['scratch'] : []),
      'begin',
      'end',
    ];
    this.m = new Machine(params);
    this.dims = new DimLowering(this.m);
    this.exprs = new ExprLowering(this.m, this.dims, this, fused);
    const param = (i: number) => this.m.read(i, this.m.entry);
    const written = new Set<string>();
    const read = new Set<string>();
    for (const b of [...buffers, ...shared]) {
      if (b.access !== 'read') written.add(b.name);
      if (b.access !== 'write') read.add(b.name);
    }
    const remember = (b: Buffer, base: Val) =>
      this.memory.set(b.name, {
        base,
        mutable: written.has(b.name) && read.has(b.name),
        since: this.m.entry,
        version: 0,
      });
    for (const [i, b] of buffers.entries()) remember(b, param(i));
    for (const [i, name] of scalars.entries()) this.define(name, [param(buffers.length + i)]);
    const layout = sharedLayout(kernel);
    shared.forEach((b, i) => {
      const scratch = param(buffers.length + scalars.length);
      remember(b, this.m.op('i32.add', [scratch, this.m.i32(layout.offsets[i] ?? 0)]));
    });
  }

  run(): Machine {
    const { m, kernel } = this;
    const begin = m.read(m.params.length - 2, m.entry);
    const end = m.read(m.params.length - 1, m.entry);
    if (kernel.grid[0] === 1) {
      this.when(m.op('i32.lt_s', [begin, end]), () => this.statements(kernel.body));
    } else {
      this.loop('groupX', begin, end, m.i32(1), false, kernel.body);
    }
    return m;
  }

  binding(name: string): Binding {
    const v = this.variables.get(name);
    if (v) return { parts: v.locals.map((l) => this.m.read(l, v.since, v.version)), mutable: true };
    const parts = this.names.get(name);
    if (!parts) throw new InfcError('INFC4006', `kernel '${this.kernel.name}' uses '${name}' before it is defined`);
    return { parts, mutable: false };
  }

  buffer(b: Buffer): Memory {
    const found = this.memory.get(b.name);
    if (!found) throw new InfcError('INFC4006', `kernel '${this.kernel.name}' has no buffer '${b.name}'`);
    return found;
  }

  private define(name: string, parts: readonly Val[]): void {
    this.names.set(name, parts);
    const [first] = parts;
    if (parts.length === 1 && first?.type === 'i32') this.dims.define(name, first);
  }

  private statements(list: readonly Stmt[]): void {
    for (const s of list) this.statement(s);
  }

  private statement(s: Stmt): void {
    const { m } = this;
    switch (s.kind) {
      case 'let': {
        const before = this.exprs.parts(s.value);
        this.define(s.name, this.exprs.isMutable(s.value) ? this.keep(before) : before);
        break;
      }
      case 'var': {
        const parts = this.exprs.parts(s.value);
        const locals = parts.map((v) => m.local(v.type));
        for (const [i, value] of parts.entries()) m.current.stmts.push({ kind: 'set', local: locals[i] ?? 0, value });
        this.variables.set(s.name, { locals, since: m.current, version: ++this.versions });
        break;
      }
      case 'set': {
        const v = this.variables.get(s.name);
        if (!v) throw new InfcError('INFC4006', `kernel '${this.kernel.name}' sets '${s.name}', which is no variable`);
        const parts = this.exprs.parts(s.value);
        const values = parts.length > 1 ? this.keep(parts) : parts;
        for (const [i, value] of values.entries())
          m.current.stmts.push({ kind: 'set', local: v.locals[i] ?? 0, value });
        this.touch({ variables: new Set([s.name]), buffers: new Set() }, m.current);
        break;
      }
      case 'store':
        this.exprs.store(s.buffer, s.index, s.value);
        this.touch({ variables: new Set(), buffers: new Set([s.buffer.name]) }, m.current);
        break;
      case 'for': {
        const value = (d: Dim) => this.dims.value(d);
        const runs = lessThan(s.from, s.to) === true;
        if (runs && isAtMost(sub(s.to, s.from), s.step)) {
          // One round: no loop.
          this.define(s.name, [value(s.from)]);
          this.statements(s.body);
          break;
        }
        this.loop(s.name, value(s.from), value(s.to), value(s.step), runs, s.body);
        break;
      }
      case 'if':
        this.when(
          this.exprs.one(s.condition),
          () => this.statements(s.body),
          () => this.statements(s.otherwise),
        );
        break;
      case 'comment':
        break;
      case 'barrier':
      case 'atomicAdd':
      case 'intrinsic':
        throw new InfcError('INFC4005', `kernel '${this.kernel.name}': '${s.kind}' has no meaning in a simd kernel`);
    }
  }

  /** Copies of values that the statements to come may change. */
  private keep(parts: readonly Val[]): Val[] {
    const { m } = this;
    return parts.map((value) => {
      const local = m.local(value.type);
      m.current.stmts.push({ kind: 'set', local, value });
      return m.read(local, m.current);
    });
  }

  private touch(e: Effects, since: Block): void {
    for (const name of e.variables) {
      const v = this.variables.get(name);
      if (!v) continue;
      v.since = since;
      v.version = ++this.versions;
      this.epoch++;
    }
    for (const name of e.buffers) {
      const b = this.memory.get(name);
      if (!b?.mutable) continue;
      b.since = since;
      b.version = ++this.versions;
      this.epoch++;
    }
  }

  private when(condition: Val, then: () => void, otherwise: () => void = () => {}): void {
    const { m } = this;
    const outer = m.current;
    const body = block(outer, 'conditional');
    const other = block(outer, 'conditional');
    outer.stmts.push({ kind: 'if', condition, body, otherwise: other });
    const before = this.snapshot();
    m.current = body;
    then();
    const changed = this.changedSince(before);
    this.touch(changed, other);
    const middle = this.snapshot();
    m.current = other;
    otherwise();
    m.current = outer;
    const more = this.changedSince(middle);
    for (const v of more.variables) changed.variables.add(v);
    for (const b of more.buffers) changed.buffers.add(b);
    this.touch(changed, outer);
  }

  private loop(name: string, from: Val, to: Val, step: Val, runs: boolean, list: readonly Stmt[]): void {
    if (!runs) {
      this.when(this.m.op('i32.lt_s', [from, to]), () => this.loop(name, from, to, step, true, list));
      return;
    }
    const { m } = this;
    const outer = m.current;
    const index = m.local('i32');
    const body = block(outer, 'loop');
    const statement: Extract<MStmt, { kind: 'do' }> = {
      kind: 'do',
      body,
      index,
      step,
      to,
      inits: [{ local: index, value: from }],
      steps: [],
    };
    const effects = effectsOf(list);
    this.touch(effects, body);
    outer.stmts.push(statement);
    const loop: Loop = { name, body, from, step, statement, pointers: new Map() };
    this.dims.enter(loop);
    m.current = body;
    this.define(name, [m.read(index, body)]);
    this.statements(list);
    m.current = outer;
    this.touch(effects, outer);
  }

  private snapshot(): Map<string, number> {
    const all = new Map<string, number>();
    for (const [name, v] of this.variables) all.set(`v ${name}`, v.version);
    for (const [name, b] of this.memory) all.set(`b ${name}`, b.version);
    return all;
  }

  private changedSince(before: ReadonlyMap<string, number>): Effects {
    const variables = new Set<string>();
    const buffers = new Set<string>();
    for (const [name, v] of this.variables) if (before.get(`v ${name}`) !== v.version) variables.add(name);
    for (const [name, b] of this.memory) if (before.get(`b ${name}`) !== b.version) buffers.add(name);
    return { variables, buffers };
  }
}

function effectsOf(list: readonly Stmt[], into: Effects = { variables: new Set(), buffers: new Set() }): Effects {
  for (const s of list) {
    if (s.kind === 'set') into.variables.add(s.name);
    else if (s.kind === 'store') into.buffers.add(s.buffer.name);
    else if (s.kind === 'for') effectsOf(s.body, into);
    else if (s.kind === 'if') {
      effectsOf(s.body, into);
      effectsOf(s.otherwise, into);
    }
  }
  return into;
}
