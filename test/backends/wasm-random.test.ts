import { describe, expect, it } from 'vitest';
import { interpret } from '../../backends/reference/interpret.ts';
import { add, type Dim, floorDiv, mod, mul, sym } from '../../compiler/ir/dim.ts';
import { type Buffer, constant, dimValue, type Expr, type Width } from '../../compiler/ir/expr.ts';
import type { Kernel } from '../../compiler/ir/kernel.ts';
import { KernelBuilder, type Variable } from '../../compiler/ir/kernel-builder.ts';
import { instantiate } from '../kernels/run-wasm.ts';

/** Elements of each buffer; indices are taken modulo it, less a vector's width. */
const SIZE = 48;

/**
 * Random kernels: nested loops with constant and run-time bounds, conditionals, variables, guards, shared subexpressions, buffers that
 * are read and written, so that every rule of the code motion (what may leave a loop, what a store or an assignment invalidates) is met.
 */
class Generator {
  private seed: number;
  private readonly loops: Dim[] = [];
  private variables: { v: Variable; width: Width }[] = [];
  private shared: Expr[] = [];

  constructor(
    seed: number,
    readonly k: KernelBuilder,
    readonly input: Buffer,
    readonly both: Buffer,
    readonly scratch: Buffer,
    readonly n: Dim,
  ) {
    this.seed = seed;
  }

  pick(n: number): number {
    this.seed = (Math.imul(this.seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.seed / 4294967296) * n);
  }

  index(width: Width): Dim {
    let d: Dim = this.pick(SIZE);
    for (const l of [...this.loops, this.k.group.x])
      if (this.pick(2)) d = add(d, mul(l, [1, 3, 4, 7, -2][this.pick(5)] ?? 1));
    if (this.pick(4) === 0) d = add(d, floorDiv(d, 3));
    return mod(d, SIZE - width + 1);
  }

  value(width: Width, depth: number): Expr {
    const { k } = this;
    if (depth === 0) {
      switch (this.pick(6)) {
        case 0:
          return constant('i32', this.pick(9) - 4).splat(width);
        case 1: {
          const own = this.variables.filter((x) => x.width === width);
          const chosen = own[this.pick(own.length)];
          return chosen ? chosen.v.value : constant('i32', 3).splat(width);
        }
        case 2:
          return dimValue(this.index(1)).splat(width);
        case 3:
          return k.load(this.both, this.index(width), width);
        case 4:
          return k.load(this.scratch, this.index(width), width);
        default:
          return k.load(this.input, this.index(width), width);
      }
    }
    const a = () => this.value(width, depth - 1);
    switch (this.pick(8)) {
      case 0:
        return a().sub(a());
      case 1:
        return a().mul(a());
      case 2:
        return a().lt(a()).select(a(), a());
      case 3:
        return this.value(1, depth - 1)
          .lt(this.value(1, depth - 1))
          .guard(a(), a());
      case 4:
        return a().max(a());
      case 5: {
        const old = this.shared.filter((e) => e.width === width);
        return old[this.pick(old.length)] ?? a();
      }
      case 6: {
        const x = a();
        return x.xor(x.shr(3));
      }
      default: {
        const e = a().add(a());
        if (this.pick(2) === 0) return e;
        const named = this.k.let(e);
        this.shared.push(named);
        return named;
      }
    }
  }

  block(depth: number): void {
    const [outerVariables, outerShared] = [this.variables, this.shared];
    this.variables = [...outerVariables];
    this.shared = [...outerShared];
    for (let i = 1 + this.pick(4); i > 0; i--) this.statement(depth);
    this.variables = outerVariables;
    this.shared = outerShared;
  }

  private statement(depth: number): void {
    const { k } = this;
    const width: Width = this.pick(3) === 0 ? 4 : 1;
    switch (this.pick(depth > 0 ? 8 : 4)) {
      case 0:
        this.variables.push({ v: k.var(this.value(width, 2)), width });
        return;
      case 1: {
        const own = this.variables[this.pick(this.variables.length)];
        if (own) own.v.set(this.value(own.width, 2));
        return;
      }
      case 2:
      case 3:
        k.store([this.both, this.scratch][this.pick(2)] ?? this.both, this.index(width), this.value(width, 2));
        return;
      case 4:
        k.if(
          this.value(1, 1).lt(this.value(1, 1)),
          () => this.block(depth - 1),
          this.pick(2) ? () => this.block(depth - 1) : undefined,
        );
        return;
      default: {
        const to: Dim = this.pick(2) ? 1 + this.pick(4) : add(this.n, this.pick(3));
        const from: Dim = this.pick(3) === 0 ? floorDiv(this.n, 2) : 0;
        k.for(from, to, 1 + this.pick(2), (i) => {
          this.loops.push(i);
          this.block(depth - 1);
          this.loops.pop();
        });
      }
    }
  }
}

function randomKernel(seed: number): Kernel {
  const k = new KernelBuilder('k', 'simd', 1, [seed % 3 === 0 ? 1 : 3, 1, 1]);
  const n = sym('n', { min: 0, max: 4 });
  const input = k.buffer('input', 'i32', 'read', SIZE);
  const both = k.buffer('both', 'i32', 'read_write', SIZE);
  const scratch = k.shared('scratch', 'i32', SIZE);
  k.for(0, SIZE, 1, (i) => k.store(scratch, i, dimValue(i).mul(5)));
  const g = new Generator(seed, k, input, both, scratch, n);
  g.block(3);
  g.block(2);
  return k.done({ op: 'test', sources: [], template: 'test', why: 'test', bytes: 0, flops: 0 });
}

describe('Wasm printer on random kernels', () => {
  it.each([1, 2, 3, 4].map((part) => [part] as const))('does what the interpreter does, part %d', (part) => {
    for (let i = 0; i < 100; i++) {
      const seed = part * 1000 + i;
      const kernel = randomKernel(seed);
      for (const n of [0, 2]) {
        const make = () => [
          new Int32Array(SIZE).map((_, j) => Math.imul(j, 2654435761) >> 20),
          new Int32Array(SIZE).map((_, j) => j - 20),
        ];
        const expected = make();
        const scalars = Object.fromEntries(kernel.scalars.map((s) => [s, n]));
        interpret(kernel, expected, scalars, { races: false });
        const running = instantiate(kernel, make(), scalars);
        running.run();
        expect([...(running.views[1] ?? [])], `seed ${seed}, n = ${n}`).toEqual([...(expected[1] ?? [])]);
      }
    }
  });
});
