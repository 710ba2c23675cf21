import { type Atom, type Dim, type DimCall, range, sub } from '../../compiler/ir/dim.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { Block, Machine, MStmt, Val } from './mir.ts';

/** A loop being lowered: what its pointers advance with. */
export interface Loop {
  readonly name: string;
  readonly body: Block;
  readonly from: Val;
  readonly step: Val;
  readonly statement: Extract<MStmt, { kind: 'do' }>;
  /** Pointers that advance with the loop, by start and stride. */
  readonly pointers: Map<string, Val>;
}

/** Where a byte is: `address + offset`, the offset being an immediate of the access. */
export interface Address {
  readonly address: Val;
  readonly offset: number;
}

/** Turns dims into i32 arithmetic in which what is constant in a loop stays outside of it. */
export class DimLowering {
  private readonly symbols = new Map<string, Val>();
  private readonly loops = new Map<Block, Loop>();

  constructor(private readonly m: Machine) {}

  define(name: string, value: Val): void {
    this.symbols.set(name, value);
  }

  enter(loop: Loop): void {
    this.loops.set(loop.body, loop);
  }

  /** The i32 value of a dim. */
  value(d: Dim): Val {
    if (typeof d === 'number') return this.m.i32(d);
    const sum = this.sum(d, 1, undefined);
    return this.m.op('i32.add', [sum, this.m.i32(d.constant)]);
  }

  /** Address of element `index` of a buffer of `bytes`-byte elements that starts at `base`. */
  address(base: Val, index: Dim, bytes: number): Address {
    if (typeof index === 'number') return { address: base, offset: index * bytes };
    const constant = index.constant * bytes;
    // The immediate is added without wrapping, so it must not help a negative sum back above zero.
    const separate = constant >= 0 && range(sub(index, index.constant)).min >= 0;
    const start = separate ? base : this.m.op('i32.add', [base, this.m.i32(constant)]);
    return { address: this.sum(index, bytes, start), offset: separate ? constant : 0 };
  }

  /** start + scale * (d without its constant), terms of outer loops first. */
  private sum(d: Exclude<Dim, number>, scale: number, start: Val | undefined): Val {
    const byDepth = new Map<Block, Product[]>();
    for (const t of d.terms) {
      const factors = t.factors.map((f) => this.atom(f)).sort(outerFirst);
      const innermost = factors.at(-1);
      if (!innermost) continue;
      const p: Product = { coefficient: t.coefficient * scale, factors, innermost };
      const list = byDepth.get(innermost.block);
      if (list) list.push(p);
      else byDepth.set(innermost.block, [p]);
    }
    const groups = [...byDepth].sort(([a], [b]) => a.depth - b.depth);
    let sum = start;
    groups.forEach(([at, products], i) => {
      const last = i === groups.length - 1;
      const pointer = last && sum ? this.pointer(at, products, sum) : undefined;
      if (pointer) sum = pointer;
      else {
        const group = products.map((p) => this.product(p)).reduce((a, b) => this.m.op('i32.add', [a, b]));
        sum = sum ? this.m.op('i32.add', [sum, group]) : group;
      }
    });
    return sum ?? this.m.i32(0);
  }

  private product(p: { readonly coefficient: number; readonly factors: readonly Val[] }): Val {
    const [first, ...rest] = p.factors;
    if (!first) return this.m.i32(p.coefficient);
    let v = this.m.op('i32.mul', [first, this.m.i32(p.coefficient)]);
    for (const f of rest) v = this.m.op('i32.mul', [v, f]);
    return v;
  }

  /** A pointer that starts at `start + from * stride` and advances by `step * stride`, where the terms are linear in the loop's index. */
  private pointer(at: Block, products: readonly Product[], start: Val): Val | undefined {
    const loop = this.loops.get(at);
    const index = loop && this.symbols.get(loop.name);
    if (!loop || !index) return undefined;
    if (!products.every((p) => p.innermost === index && p.factors.filter((f) => f === index).length === 1))
      return undefined;
    if (products.some((p) => p.factors.some((f) => f !== index && f.block === at))) return undefined;
    const stride = products
      .map((p) => this.product({ coefficient: p.coefficient, factors: p.factors.filter((f) => f !== index) }))
      .reduce((a, b) => this.m.op('i32.add', [a, b]));
    if (stride.op === 'i32.const' && [1, 2, 4, 8].includes(Number(stride.imm))) return undefined;
    const key = `${start.id} ${stride.id}`;
    let v = loop.pointers.get(key);
    if (!v) {
      const local = this.m.local('i32');
      const first = this.m.op('i32.add', [start, this.m.op('i32.mul', [loop.from, stride])]);
      loop.statement.inits.push({ local, value: first });
      loop.statement.steps.push({ local, by: this.m.op('i32.mul', [loop.step, stride]) });
      v = this.m.read(local, loop.body);
      loop.pointers.set(key, v);
    }
    return v;
  }

  private atom(a: Atom): Val {
    if (a.kind !== 'sym') return this.call(a);
    const v = this.symbols.get(a.name);
    if (!v) throw new InfcError('INFC4002', `symbol '${a.name}' is used before the kernel defines it`);
    return v;
  }

  private call(c: DimCall): Val {
    const m = this.m;
    const a = this.value(c.a);
    const b = this.value(c.b);
    const i32 = (op: string, ...args: Val[]) => m.op(`i32.${op}`, args);
    switch (c.kind) {
      case 'min':
        return m.op('select', [a, b, i32('lt_s', a, b)]);
      case 'max':
        return m.op('select', [b, a, i32('lt_s', a, b)]);
      case 'div': {
        const log2 = powerOfTwo(c.b);
        if (log2 !== undefined) return i32('shr_s', a, m.i32(log2));
        if (range(c.a).min >= 0) return i32('div_u', a, b);
        const q = i32('div_s', a, b);
        return i32('sub', q, i32('lt_s', i32('sub', a, i32('mul', q, b)), m.i32(0)));
      }
      case 'mod': {
        if (powerOfTwo(c.b) !== undefined) return i32('and', a, m.i32(Number(c.b) - 1));
        if (range(c.a).min >= 0) return i32('rem_u', a, b);
        const r = i32('rem_s', a, b);
        return i32('add', r, m.op('select', [b, m.i32(0), i32('lt_s', r, m.i32(0))]));
      }
    }
  }
}

interface Product {
  readonly coefficient: number;
  readonly factors: readonly Val[];
  readonly innermost: Val;
}

const outerFirst = (a: Val, b: Val): number => a.block.depth - b.block.depth || a.id - b.id;

function powerOfTwo(d: Dim): number | undefined {
  return typeof d === 'number' && (d & (d - 1)) === 0 ? 31 - Math.clz32(d) : undefined;
}
