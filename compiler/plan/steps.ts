import { InfcError } from '../../runtime/errors.ts';
import { rootOf } from '../../runtime/memory.ts';
import type { PlanStep } from '../../runtime/plan.ts';
import { mul } from '../ir/dim.ts';
import { bitsOf } from '../ir/dtype.ts';
import { formatType, type Value } from '../ir/graph.ts';
import type { Kernel } from '../ir/kernel.ts';
import { type BufferTable, livesOnHost, symbolsOf } from './buffers.ts';
import { toConditionCode, toDimCode } from './codes.ts';
import type { EntrySchedule, ScheduledItem } from './schedule.ts';

type Item<K extends ScheduledItem['kind']> = ScheduledItem & { readonly kind: K };

/** Turns one entry's scheduled items into plan steps. */
export class StepWriter {
  /** Symbols that have a value at the point reached. */
  private readonly bound = new Set<string>();
  private readonly outputs: ReadonlySet<Value>;

  constructor(
    private readonly entry: EntrySchedule,
    private readonly table: BufferTable,
    /** Number of a kernel in the plan. */
    private readonly kernelOf: (kernel: Kernel) => number,
    private readonly hostOps: Set<string>,
    /** A bool scalar that is true. */
    private readonly constantTrue: () => number,
  ) {
    table.beginEntry();
    this.outputs = new Set(entry.outputs.map((o) => o.value));
    for (const v of entry.inputs) {
      table.define(v, 'input');
      for (const s of symbolsOf(v.type)) this.bound.add(s);
    }
    for (const s of entry.given ?? []) this.bound.add(s);
  }

  write(): PlanStep[] {
    return this.items(this.entry.items);
  }

  private items(items: readonly ScheduledItem[]): PlanStep[] {
    const steps: PlanStep[] = [];
    for (const item of items) this.item(item, steps);
    return steps;
  }

  private item(item: ScheduledItem, steps: PlanStep[]): void {
    switch (item.kind) {
      case 'kernel':
        steps.push(this.kernel(item));
        break;
      case 'choose':
        steps.push({
          kind: 'choose',
          cases: item.cases.map((c) => ({
            ...(c.when ? { when: toConditionCode(c.when) } : {}),
            steps: this.items(c.items),
          })),
        });
        break;
      case 'host':
        steps.push(this.host(item));
        break;
      case 'alias':
        this.alias(item, steps);
        break;
      case 'copy':
        steps.push(this.copy(this.table.read(item.from), item.to));
        break;
      case 'state_read':
        this.table.alias(item.to, this.table.state(item.state));
        break;
      case 'state_write':
        steps.push({ kind: 'copy', from: this.table.read(item.from), to: this.table.state(item.state) });
        break;
      case 'if':
        this.branch(item, steps);
        break;
      case 'loop':
        this.loop(item, steps);
        break;
    }
  }

  private role(value: Value): 'output' | 'arena' {
    return this.outputs.has(value) ? 'output' : 'arena';
  }

  private place(value: Value): number {
    return this.table.define(value, this.role(value));
  }

  /** Symbols of a value's shape that its producer has to bind; they count as bound from here on. */
  private defines(value: Value): string[] {
    if (value.type.container) return [];
    const fresh = [...symbolsOf(value.type)].filter((s) => !this.bound.has(s)).sort();
    for (const s of fresh) this.bound.add(s);
    return fresh;
  }

  private kernel({ lowered: { kernel, args } }: Item<'kernel'>): PlanStep {
    const bind = args.map((arg, i) => {
      const buffer = kernel.buffers[i];
      const written = buffer !== undefined && buffer.access !== 'read';
      if (arg.kind === 'value' && written) {
        const unknown = [...symbolsOf(arg.value.type)].find((s) => !this.bound.has(s));
        if (unknown !== undefined)
          throw new InfcError(
            'INFC3902',
            `kernel ${kernel.name} writes ${formatType(arg.value.type)} before '${unknown}' is known`,
            {
              node: kernel.note.sources[0] ?? kernel.name,
              fix: 'Report this: a data-dependent shape must come from a host step',
            },
          );
      }
      return this.table.argument(arg, written, (v) => this.role(v));
    });
    const [x, y, z] = kernel.grid;
    return {
      kind: 'kernel',
      kernel: this.kernelOf(kernel),
      bind,
      grid: [toDimCode(x), toDimCode(y), toDimCode(z)],
    };
  }

  private host({ op, inputs, outputs, attrs }: Item<'host'>): PlanStep {
    this.hostOps.add(op);
    const read = inputs.map((v) => (v ? this.table.read(v) : null));
    const defines = outputs.flatMap((v) => this.defines(v));
    return {
      kind: 'host',
      op,
      inputs: read,
      outputs: outputs.map((v) => this.place(v)),
      attrs,
      ...(defines.length > 0 ? { defines } : {}),
    };
  }

  private alias({ from, to, offset = 0 }: Item<'alias'>, steps: PlanStep[]): void {
    const of = this.table.read(from);
    if (livesOnHost(from.type)) {
      if (formatType(from.type) === formatType(to.type)) this.table.assign(to, of);
      else steps.push(this.copy(of, to));
      return;
    }
    const bits = bitsOf[to.type.dtype];
    if (offset !== 0 && bits < 8)
      throw new InfcError('INFC3903', `'${to.name}' would start inside a byte of '${from.name}'`, {
        fix: 'Report this: such a value needs its own kernel',
      });
    if ([...symbolsOf(to.type)].every((s) => this.bound.has(s))) this.table.alias(to, of, mul(offset, bits / 8));
    else steps.push(this.copy(of, to));
  }

  /** A copy into the (new) buffer of `to`. */
  private copy(from: number, to: Value): PlanStep {
    const defines = this.defines(to);
    return { kind: 'copy', from, to: this.place(to), ...(defines.length > 0 ? { defines } : {}) };
  }

  private branch({ condition, body: taken, otherwise, outputs }: Item<'if'>, steps: PlanStep[]): void {
    const read = this.table.read(condition);
    const before = new Set(this.bound);
    const defined: string[][] = outputs.map(({ to }) => this.defines(to));
    const after = new Set(this.bound);
    const side = (items: readonly ScheduledItem[], pick: (o: (typeof outputs)[number]) => Value): PlanStep[] => {
      this.bound.clear();
      for (const s of before) this.bound.add(s);
      // A value that the branch makes for this one output is written where the output is.
      outputs.forEach((o, k) => {
        const v = pick(o);
        const once = outputs.filter((p) => pick(p) === v).length === 1;
        if (once && defined[k]?.length === 0 && madeBy(items, v) && formatType(v.type) === formatType(o.to.type))
          this.table.assign(v, this.place(o.to));
      });
      const inner = this.items(items);
      outputs.forEach((o, k) => {
        const from = this.table.read(pick(o));
        const to = this.place(o.to);
        const names = defined[k] ?? [];
        if (from !== to) inner.push({ kind: 'copy', from, to, ...(names.length > 0 ? { defines: names } : {}) });
      });
      return inner;
    };
    const body = side(taken, (o) => o.body);
    const rest = side(otherwise, (o) => o.otherwise);
    this.bound.clear();
    for (const s of after) this.bound.add(s);
    steps.push({ kind: 'if', condition: read, body, otherwise: rest });
  }

  private loop(item: Item<'loop'>, steps: PlanStep[]): void {
    const { trip, condition, next, iteration } = item;
    const carry: { from: number; to: number; defines?: string[] }[] = [];
    const definesOf: string[][] = [];
    for (const c of item.carry) {
      const start = this.copy(this.table.read(c.initial), c.inner);
      definesOf.push(start.kind === 'copy' ? [...(start.defines ?? [])] : []);
      steps.push(start);
    }
    let test: number | undefined;
    if (next) {
      // The condition is a carried value of its own.
      test = this.table.buffers.push({ role: 'arena', dtype: 'bool', shape: [] }) - 1;
      steps.push({ kind: 'copy', from: condition ? this.table.read(condition) : this.constantTrue(), to: test });
    } else if (condition) test = this.table.read(condition);
    const slice = item.slice.map((s) => ({
      from: this.table.read(s.from),
      to: this.place(s.to),
      axis: s.axis,
      ...(s.reverse ? { reverse: true } : {}),
    }));
    const count = iteration && this.place(iteration);
    const body = this.items(item.body);
    const targets = new Set(item.carry.map((c) => rootOf(this.table.buffers, this.table.read(c.inner))));
    item.carry.forEach((c, k) => {
      const to = this.table.read(c.inner);
      let from = this.table.read(c.result);
      if (from === to) return;
      if (targets.has(rootOf(this.table.buffers, from))) {
        // Another carried value: it is replaced in the same step, so it is put aside first.
        const aside =
          this.table.buffers.push({
            ...roleless(this.table, from),
            role: livesOnHost(c.result.type) ? 'host' : 'arena',
          }) - 1;
        body.push({ kind: 'copy', from, to: aside });
        from = aside;
      }
      const names = definesOf[k] ?? [];
      carry.push({ from, to, ...(names.length > 0 ? { defines: names } : {}) });
    });
    if (next && test !== undefined) carry.push({ from: this.table.read(next), to: test });
    const collect = item.collect.map((c) => {
      const from = this.table.read(c.from);
      const defines = this.defines(c.to);
      return {
        from,
        to: this.place(c.to),
        ...(c.axis ? { axis: c.axis } : {}),
        ...(c.reverse ? { reverse: true } : {}),
        ...(defines.length > 0 ? { defines } : {}),
      };
    });
    steps.push({
      kind: 'loop',
      ...(trip ? { trip: this.table.read(trip) } : {}),
      ...(test === undefined ? {} : { condition: test }),
      ...(count === undefined ? {} : { iteration: count }),
      body,
      carry,
      collect,
      slice,
    });
    for (const c of item.carry) {
      const inner = this.table.read(c.inner);
      if (formatType(c.to.type) === formatType(c.inner.type)) this.table.assign(c.to, inner);
      else steps.push(this.copy(inner, c.to));
    }
  }
}

const roleless = (table: BufferTable, at: number) => {
  const { dtype = 'f32', shape = [] } = table.buffers[at] ?? {};
  return { dtype, shape };
};

/** Whether `value` is written by an item directly in `items` (not by an alias, and not deeper inside). */
const madeBy = (items: readonly ScheduledItem[], value: Value): boolean =>
  items.some(
    (i) =>
      (i.kind === 'host' && i.outputs.includes(value)) ||
      (i.kind === 'kernel' &&
        i.lowered.args.some(
          (a, k) => a.kind === 'value' && a.value === value && i.lowered.kernel.buffers[k]?.access !== 'read',
        )),
  );
