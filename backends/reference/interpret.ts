import { collectSyms, type Dim, evaluate, type Sym } from '../../compiler/ir/dim.ts';
import { bitsOf, byteLength, type TypedArray, viewOf } from '../../compiler/ir/dtype.ts';
import { type Buffer, Expr } from '../../compiler/ir/expr.ts';
import type { Kernel, Stmt } from '../../compiler/ir/kernel.ts';
import { visitExpr } from '../../compiler/ir/kernel-builder.ts';
import { InfcError } from '../../runtime/errors.ts';
import {
  brokenSlot,
  bufferOf,
  type CompiledExpr,
  compileDim,
  compileExpr,
  compileIndex,
  type Frame,
  type IntrinsicMeaning,
  slotOf,
  type Value,
} from './interpret-expr.ts';
import { AccessFault, CheckedBuffer, type Clock } from './memory.ts';
import { binaryFunction } from './scalar.ts';

export interface InterpretOptions {
  /** Lanes in a subgroup, 4 to 128: a kernel must give the same result at each. Default 32. */
  readonly subgroupSize?: number;
  /** Check for data races; costs memory in proportion to the buffers. Default true. */
  readonly races?: boolean;
  /** Meanings of backend intrinsics the kernel uses. */
  readonly intrinsics?: ReadonlyMap<string, IntrinsicMeaning>;
  /** Restricts a simd kernel to work items [begin, end). */
  readonly range?: readonly [number, number];
}

type Run = (active: readonly number[]) => void;

/**
 * Runs a kernel in lockstep: the definition of Kernel IR. `data` holds the buffers in binding order and is written in place; `scalars`
 * gives the model dims. Throws INFC4010..INFC4019, naming kernel, statement and lane, on an out-of-bounds access, an access against the
 * declared mode, a read of uninitialised shared memory, a data race, a divergent barrier or subgroup operation, an index that breaks
 * the bounds its symbol declares, or a 32-bit overflow of an index.
 */
export function interpret(
  kernel: Kernel,
  data: readonly TypedArray[],
  scalars: Readonly<Record<string, number>> = {},
  options: InterpretOptions = {},
): void {
  const { subgroupSize = 32, races = true, intrinsics = new Map() } = options;
  const values = new Map<string, number>();
  for (const name of kernel.scalars) {
    const v = scalars[name];
    if (v === undefined) throw new InfcError('INFC4008', `kernel '${kernel.name}' needs a value for '${name}'`);
    values.set(name, v);
  }
  const clock: Clock = { epoch: 0, group: 0 };
  const buffers = new Map<string, CheckedBuffer>();
  kernel.buffers.forEach((b, i) => {
    const array = data[i];
    const elements = evaluate(b.elements, values);
    if (!array || array.length * (bitsOf[b.storage] < 8 ? 8 / bitsOf[b.storage] : 1) < elements)
      throw new InfcError(
        'INFC4009',
        `buffer '${b.name}' of kernel '${kernel.name}' needs ${elements} elements, got ${array?.length ?? 'none'}`,
      );
    const slack = kernel.kind === 'simd' ? 128 / bitsOf[b.storage] : 0;
    buffers.set(b.name, new CheckedBuffer(b, array, elements, clock, races && b.access !== 'read', slack));
  });
  for (const b of kernel.shared) {
    const elements = evaluate(b.elements, values);
    const bytes = new ArrayBuffer(Math.ceil(byteLength(b.storage, elements) / 8) * 8);
    buffers.set(b.name, new CheckedBuffer(b, viewOf(b.storage, bytes, 0, elements), elements, clock, races, 0));
  }
  const frame: Frame = {
    lanes: kernel.lanes,
    subgroupSize,
    values: new Map(),
    broken: new Map(),
    buffers,
    scalars: values,
    intrinsics,
    stamp: 0,
  };
  const program = new Program(kernel, frame, clock);
  const [gx, gy, gz] = [
    evaluate(kernel.grid[0], values),
    evaluate(kernel.grid[1], values),
    evaluate(kernel.grid[2], values),
  ];
  const [begin, end] = kernel.kind === 'simd' ? (options.range ?? [0, gx]) : [0, gx];
  for (let z = 0; z < gz; z++)
    for (let y = 0; y < gy; y++) for (let x = begin; x < end; x++) program.workgroup(x, y, z);
}

/** A kernel compiled to closures, run one workgroup at a time. */
class Program {
  private readonly body: Run;
  private readonly everyLane: readonly number[];
  private readonly symbols = new Map<string, Sym>();

  constructor(
    private readonly kernel: Kernel,
    private readonly frame: Frame,
    private readonly clock: Clock,
  ) {
    this.everyLane = Array.from({ length: kernel.lanes }, (_, i) => i);
    collectKernelSyms(kernel, this.symbols);
    for (const name of frame.scalars.keys()) this.boundsCheck(name, '')?.(this.everyLane);
    this.body = this.block(kernel.body, '');
  }

  workgroup(x: number, y: number, z: number): void {
    this.clock.epoch++;
    this.clock.group++;
    for (const b of this.frame.buffers.values()) b.forget();
    const fill = (name: string, of: (lane: number) => number) => {
      const slot = slotOf(this.frame, name);
      for (const lane of this.everyLane) slot[lane] = [of(lane)];
    };
    for (const name of this.frame.values.keys()) this.frame.values.get(name)?.fill(undefined);
    fill('lane', (lane) => lane);
    fill('groupX', () => x);
    fill('groupY', () => y);
    fill('groupZ', () => z);
    this.body(this.everyLane);
  }

  private block(list: readonly Stmt[], path: string): Run {
    const runs = list.map((s, i) => this.statement(s, `${path}/${i}`));
    return (active) => {
      for (const run of runs) run(active);
    };
  }

  /** Runs `f` for each active lane; faults gain kernel, statement and lane. */
  private each(active: readonly number[], path: string, what: string, f: (lane: number) => void): void {
    for (const lane of active) this.guarded(path, what, lane, () => f(lane));
  }

  private guarded(path: string, what: string, lane: number | undefined, f: () => void): void {
    try {
      f();
    } catch (e) {
      if (!(e instanceof AccessFault)) throw e;
      throw this.error(e.code, e.reason, path, what, lane);
    }
  }

  private error(code: string, reason: string, path: string, what: string, lane?: number): InfcError {
    const g = ['groupX', 'groupY', 'groupZ'].map((n) => this.frame.values.get(n)?.[0]?.[0]).join(',');
    return new InfcError(
      code,
      `kernel '${this.kernel.name}', statement ${path} (${what}), ${lane === undefined ? '' : `lane ${lane}, `}workgroup (${g}): ${reason}`,
      { pointer: `/body${path}` },
    );
  }

  private expr(e: Expr, path: string, what: string): CompiledExpr {
    try {
      return compileExpr(e, this.frame);
    } catch (error) {
      if (error instanceof InfcError) throw this.error(error.code, error.reason, path, what);
      throw error;
    }
  }

  /**
   * Notes where a freshly defined symbol breaks the bounds that its uses rely on. That is an error only once an address depends on it:
   * an index may be computed first and compared with its limit afterwards.
   */
  private boundsCheck(name: string, path: string): ((lanes: readonly number[]) => void) | undefined {
    const s = this.symbols.get(name);
    if (!s) return undefined;
    const max = compileDim(s.max, this.frame);
    const slot = slotOf(this.frame, name);
    const broken = brokenSlot(this.frame, name);
    const fixed = this.frame.scalars.get(name);
    const multiple = s.multipleOf > 1 ? `, a multiple of ${s.multipleOf}` : '';
    return (lanes) =>
      this.each(lanes, path, name, (lane) => {
        const v = fixed ?? Number(slot[lane]?.[0]);
        const high = max(lane);
        broken[lane] =
          v < s.min || v > high || v % s.multipleOf !== 0
            ? `'${name}' is ${v}, but its uses rely on ${s.min} <= ${name} <= ${high}${multiple}`
            : undefined;
      });
  }

  private statement(s: Stmt, path: string): Run {
    const { frame, clock } = this;
    switch (s.kind) {
      case 'comment':
        return () => undefined;
      case 'let':
      case 'var':
      case 'set': {
        const what = `${s.kind} ${s.name}`;
        const value = this.expr(s.value, path, what);
        const slot = slotOf(frame, s.name);
        const check = s.kind === 'let' ? this.boundsCheck(s.name, path) : undefined;
        return (active) => {
          frame.stamp++;
          this.guarded(path, what, undefined, () => value.prepare(active));
          const fresh: Value[] = [];
          this.each(active, path, what, (lane) => fresh.push(value.of(lane)));
          active.forEach((lane, i) => {
            slot[lane] = fresh[i];
          });
          check?.(active);
        };
      }
      case 'store': {
        const what = `store ${s.buffer.name}`;
        const buffer = bufferOf(frame, s.buffer.name);
        const index = compileIndex(s.index, frame);
        const value = this.expr(s.value, path, what);
        return (active) => {
          frame.stamp++;
          this.guarded(path, what, undefined, () => value.prepare(active));
          this.each(active, path, what, (lane) => {
            const v = value.of(lane);
            const i = index(lane);
            v.forEach((x, k) => {
              buffer.write(i + k, x, lane);
            });
          });
        };
      }
      case 'atomicAdd': {
        const what = `atomicAdd ${s.buffer.name}`;
        const buffer = bufferOf(frame, s.buffer.name);
        const index = compileIndex(s.index, frame);
        const value = this.expr(s.value, path, what);
        const add = binaryFunction('add', s.value.type);
        return (active) => {
          frame.stamp++;
          this.guarded(path, what, undefined, () => value.prepare(active));
          this.each(active, path, what, (lane) => {
            const v = value.of(lane)[0];
            if (v !== undefined) buffer.atomicAdd(index(lane), v, lane, add);
          });
        };
      }
      case 'for':
        return this.loop(s, path);
      case 'if': {
        const what = 'if';
        const condition = this.expr(s.condition, path, what);
        const body = this.block(s.body, `${path}/body`);
        const otherwise = this.block(s.otherwise, `${path}/otherwise`);
        return (active) => {
          frame.stamp++;
          this.guarded(path, what, undefined, () => condition.prepare(active));
          const yes: number[] = [];
          const no: number[] = [];
          this.each(active, path, what, (lane) => (condition.of(lane)[0] !== 0 ? yes : no).push(lane));
          if (yes.length > 0) body(yes);
          if (no.length > 0) otherwise(no);
        };
      }
      case 'barrier':
        return (active) => {
          if (this.kernel.kind === 'simd')
            throw this.error('INFC4017', 'a simd kernel has no barriers', path, 'barrier');
          if (active.length !== this.kernel.lanes)
            throw this.error(
              'INFC4017',
              `barrier reached by ${active.length} of ${this.kernel.lanes} lanes`,
              path,
              'barrier',
            );
          clock.epoch++;
        };
      case 'intrinsic':
        throw this.error('INFC4005', `intrinsic statement '${s.name}' has no meaning here`, path, s.name);
    }
  }

  private loop(s: Extract<Stmt, { kind: 'for' }>, path: string): Run {
    const { frame } = this;
    const what = `for ${s.name}`;
    const from = compileDim(s.from, frame);
    const to = compileDim(s.to, frame);
    const step = compileDim(s.step, frame);
    const slot = slotOf(frame, s.name);
    const check = this.boundsCheck(s.name, path);
    const body = this.block(s.body, `${path}/body`);
    return (active) => {
      this.each(active, path, what, (lane) => {
        slot[lane] = [from(lane)];
        if (step(lane) <= 0)
          throw new AccessFault('INFC4016', `step ${step(lane)} of loop '${s.name}' is not positive`);
      });
      for (;;) {
        const running: number[] = [];
        this.each(active, path, what, (lane) => {
          if (Number(slot[lane]?.[0]) < to(lane)) running.push(lane);
        });
        if (running.length === 0) return;
        check?.(running);
        body(running);
        this.each(running, path, what, (lane) => {
          slot[lane] = [Number(slot[lane]?.[0]) + step(lane)];
        });
      }
    };
  }
}

/** Every symbol the kernel's index expressions mention, with the bounds they rely on. */
function collectKernelSyms(kernel: Kernel, into: Map<string, Sym>): void {
  const dim = (d: Dim): void => void collectSyms(d, into);
  const seen = new Set<Expr>();
  const expr = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    visitExpr(e, expr, dim);
  };
  const argument = (a: Expr | Buffer | Dim): void => {
    if (a instanceof Expr) expr(a);
    else if (typeof a === 'number' || 'terms' in a) dim(a);
  };
  const visit = (list: readonly Stmt[]): void => {
    for (const s of list) {
      if (s.kind === 'let' || s.kind === 'var' || s.kind === 'set') expr(s.value);
      else if (s.kind === 'store' || s.kind === 'atomicAdd') {
        dim(s.index);
        expr(s.value);
      } else if (s.kind === 'for') {
        for (const d of [s.from, s.to, s.step]) dim(d);
        visit(s.body);
      } else if (s.kind === 'if') {
        expr(s.condition);
        visit(s.body);
        visit(s.otherwise);
      } else if (s.kind === 'intrinsic') s.args.forEach(argument);
    }
  };
  for (const d of kernel.grid) dim(d);
  for (const b of kernel.buffers) dim(b.elements);
  visit(kernel.body);
}
