import type { Device, DeviceMemory, MemoryRange } from './devices/device.ts';
import { byteLength, type TypedArray, viewOf } from './dtype.ts';
import { InfcError } from './errors.ts';
import { chooseCase, Frame, sizeOf } from './frame.ts';
import type { HostOp, HostTensor, HostValue } from './host.ts';
import { type Interval, liveIntervals } from './memory.ts';
import type { Plan, PlanEntry, PlanStep } from './plan.ts';
import { bindShape } from './ports.ts';
import { elementsOf, type Tensor, toArray } from './tensor.ts';

/** One played step, for profiles. `name` is the kernel or host function. */
export interface StepTiming {
  readonly kind: 'kernel' | 'host';
  readonly name: string;
  readonly ms: number;
}

export interface PlayOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((timing: StepTiming) => void) | undefined;
}

const MAX_FRAMES = 32;
/** A run gives the event loop a turn this often, so that an abort can arrive. */
const YIELD_MS = 12;

export const aborted = (signal: AbortSignal): InfcError =>
  new InfcError('INFC6010', 'the run was aborted', { cause: signal.reason });

/** Plays one entry of a plan on a device. One run at a time. */
export class Executor {
  private readonly live: ReadonlyMap<number, Interval>;
  private readonly frames = new Map<string, Frame>();
  private readonly arena: { memory: DeviceMemory | undefined } = { memory: undefined };
  private options: PlayOptions = {};
  private yielded = 0;

  constructor(
    private readonly plan: Plan,
    private readonly entry: PlanEntry,
    private readonly device: Device,
    /** Ranges of weights and states, by buffer. */
    private readonly fixed: readonly (MemoryRange | undefined)[],
    private readonly hostOps: ReadonlyMap<string, HostOp>,
  ) {
    this.live = liveIntervals(plan.buffers, entry);
  }

  /** Plays the entry on inputs in port order and returns its outputs in port order (only those in `wanted`, when given). */
  async run(
    inputs: readonly Tensor[],
    values: ReadonlyMap<string, number>,
    options: PlayOptions,
    wanted?: ReadonlySet<string>,
  ): Promise<Record<string, HostValue>> {
    this.options = options;
    this.yielded = performance.now();
    const frame = this.frame(values);
    frame.start(this.arena);
    try {
      this.plan.buffers.forEach((b, i) => {
        if (b.strings) frame.host[i] = { dtype: 'string', shape: frame.shape(i), data: b.strings };
      });
      this.entry.inputs.forEach((port, k) => {
        const t = inputs[k];
        if (t) this.put(frame, port.buffer, t);
      });
      await this.play(frame.steps, frame);
      const outputs: Record<string, HostValue> = {};
      for (const port of this.entry.outputs) {
        if (!wanted || wanted.has(port.name)) outputs[port.name] = await this.output(frame, port.buffer);
      }
      await this.device.finish();
      return outputs;
    } finally {
      frame.finish();
    }
  }

  destroy(): void {
    if (this.arena.memory) this.device.free(this.arena.memory);
    this.arena.memory = undefined;
    this.frames.clear();
  }

  private frame(values: ReadonlyMap<string, number>): Frame {
    const key = [...values].map(([n, v]) => `${n}=${v}`).join();
    let frame = this.frames.get(key);
    if (frame) return frame;
    frame = new Frame(this.plan, this.entry, this.live, this.device, this.fixed, values);
    if (!this.arena.memory || this.arena.memory.bytes < frame.arenaBytes) {
      // Free first: a larger arena may then take the place of the old one.
      if (this.arena.memory) this.device.free(this.arena.memory);
      this.arena.memory = undefined;
      this.arena.memory = this.device.allocate(frame.arenaBytes);
    }
    const [oldest] = this.frames.keys();
    if (this.frames.size >= MAX_FRAMES && oldest !== undefined) this.frames.delete(oldest);
    this.frames.set(key, frame);
    return frame;
  }

  private async play(steps: readonly PlanStep[], frame: Frame): Promise<void> {
    const { signal, onStep } = this.options;
    for (const step of steps) {
      if (signal) {
        if (signal.aborted) throw aborted(signal);
        if (performance.now() - this.yielded > YIELD_MS) {
          await new Promise((resolve) => setTimeout(resolve));
          this.yielded = performance.now();
          if (signal.aborted) throw aborted(signal);
        }
      }
      switch (step.kind) {
        case 'kernel': {
          const launch = frame.launch(step);
          const started = onStep ? performance.now() : 0;
          this.device.launch(launch);
          if (onStep) {
            await this.device.finish();
            const name = this.plan.kernels[step.kernel]?.name ?? '';
            onStep({ kind: 'kernel', name, ms: performance.now() - started });
          }
          break;
        }
        case 'choose': {
          const chosen = chooseCase(step, frame.values);
          if (chosen) await this.play(chosen, frame);
          break;
        }
        case 'copy':
          await this.move(frame, [step], step);
          break;
        case 'host': {
          const started = onStep ? performance.now() : 0;
          await this.host(step, frame);
          onStep?.({ kind: 'host', name: step.op, ms: performance.now() - started });
          break;
        }
        case 'if':
          await this.play((await this.scalar(frame, step.condition)) ? step.body : step.otherwise, frame);
          break;
        case 'loop':
          await this.loop(step, frame);
          break;
      }
    }
  }

  /**
   * Moves bytes (or host values) all at once: sources are taken first, then the symbols that their shapes fix are bound, then targets
   * are placed and filled.
   */
  private async move(frame: Frame, moves: readonly Move[], event: object): Promise<void> {
    const sources: (HostValue | { range: MemoryRange; shape: readonly number[] })[] = [];
    for (const { from, to } of moves) {
      if (this.onHost(from) || this.onHost(to)) sources.push(await this.output(frame, from));
      else sources.push({ range: frame.range(from), shape: frame.shape(from) });
    }
    const names = new Set(moves.flatMap((m) => m.defines ?? []));
    const old = this.define(
      frame,
      event,
      names,
      moves.map(({ to }, k) => ({ to, shape: shapeOf(sources[k]) })),
    );
    moves.forEach(({ to }, k) => {
      const source = sources[k];
      if (source && 'range' in source) {
        const { memory, offset } = source.range;
        const target = frame.range(to);
        if (memory !== target.memory || offset !== target.offset)
          this.device.copy(memory, offset, target.memory, target.offset, target.bytes);
      } else this.put(frame, to, source ?? null);
    });
    if (old) this.device.free(old);
  }

  /** Binds `names` from the actual shapes of values and places what depends on them; returns memory to free afterwards. */
  private define(
    frame: Frame,
    event: object,
    names: ReadonlySet<string>,
    results: readonly { to: number; shape: readonly number[] | undefined }[],
  ): DeviceMemory | undefined {
    for (const n of names) frame.values.delete(n);
    for (const { to, shape } of results) {
      const b = this.plan.buffers[to];
      if (b && b.role !== 'host' && shape)
        bindShape(this.plan, frame.values, `value '${b.name ?? to}'`, b.shape, shape, names);
    }
    return names.size > 0 ? frame.define(event, [...names]) : undefined;
  }

  private onHost(i: number): boolean {
    return this.plan.buffers[i]?.role === 'host';
  }

  private async host(step: PlanStep & { kind: 'host' }, frame: Frame): Promise<void> {
    const fail = (reason: string, fix?: string): never => {
      throw new InfcError('INFC6016', reason, { node: step.op, ...(fix ? { fix } : {}) });
    };
    const op = this.hostOps.get(step.op);
    if (!op) return fail(`host function '${step.op}' is not loaded`, 'Pass it in the hostOps option');
    const inputs: HostValue[] = [];
    for (const i of step.inputs) inputs.push(i === null ? null : await this.value(frame, i, step.inputs.length > 1));
    const outputs = step.outputs.map((i) => {
      const b = this.plan.buffers[i];
      return { dtype: b?.dtype ?? 'f32', rank: b?.shape.length ?? 0 };
    });
    const results = await op(inputs, step.attrs, { outputs, fail });
    if (results.length !== step.outputs.length)
      fail(`it returned ${results.length} values, not ${step.outputs.length}`);
    const old = this.define(
      frame,
      step,
      new Set(step.defines ?? []),
      step.outputs.map((to, k) => ({ to, shape: shapeOf(results[k]) })),
    );
    if (old) this.device.free(old);
    step.outputs.forEach((i, k) => {
      this.put(frame, i, results[k] ?? null);
    });
  }

  private async loop(step: PlanStep & { kind: 'loop' }, frame: Frame): Promise<void> {
    const trip = step.trip === undefined ? Number.POSITIVE_INFINITY : await this.scalar(frame, step.trip);
    // Gathered values of unknown length wait on the host until the loop ends.
    const gathered = step.collect.map((): HostTensor[] => []);
    let count = 0;
    for (; count < trip; count++) {
      if (step.condition !== undefined && !(await this.scalar(frame, step.condition))) break;
      if (step.iteration !== undefined)
        this.put(frame, step.iteration, { dtype: 'i64', shape: [], data: BigInt64Array.of(BigInt(count)) });
      for (const s of step.slice) this.part(frame, s.from, s.to, s.axis, count, s.reverse ?? false, true);
      await this.play(step.body, frame);
      for (const [k, c] of step.collect.entries()) {
        if (c.defines || this.onHost(c.to)) gathered[k]?.push(await this.copyOut(frame, c.from));
        else this.part(frame, c.to, c.from, c.axis ?? 0, count, c.reverse ?? false, false);
      }
      if (step.carry.length > 0) await this.move(frame, step.carry, step);
    }
    for (const [k, c] of step.collect.entries()) {
      if (!c.defines && !this.onHost(c.to)) continue;
      const all = stack(gathered[k] ?? [], c.axis ?? 0, c.reverse ?? false, this.emptyLike(frame, c.from));
      const old = this.define(frame, c, new Set(c.defines ?? []), [{ to: c.to, shape: all.shape }]);
      if (old) this.device.free(old);
      this.put(frame, c.to, all);
    }
  }

  /** Copies slice `index` of `whole` along `axis` to or from `slice`. */
  private part(
    frame: Frame,
    whole: number,
    slice: number,
    axis: number,
    index: number,
    reverse: boolean,
    out: boolean,
  ) {
    const shape = frame.shape(whole);
    const count = shape[axis] ?? 0;
    const a = frame.range(whole);
    const b = frame.range(slice);
    const outer = elementsOf(shape.slice(0, axis));
    const bytes = outer === 0 ? 0 : b.bytes / outer;
    const at = reverse ? count - 1 - index : index;
    if (at < 0 || at >= count)
      throw new InfcError('INFC6018', `a loop runs past the ${count} slices of its input`, { fix: 'Check the model' });
    for (let o = 0; o < outer; o++) {
      const far = a.offset + (o * count + at) * bytes;
      const near = b.offset + o * bytes;
      if (out) this.device.copy(a.memory, far, b.memory, near, bytes);
      else this.device.copy(b.memory, near, a.memory, far, bytes);
    }
  }

  private emptyLike(frame: Frame, i: number): HostTensor {
    const shape = frame.shape(i).map((d) => (Number.isNaN(d) ? 0 : d));
    const dtype = this.plan.buffers[i]?.dtype ?? 'f32';
    return { dtype, shape, data: viewOf(dtype, new ArrayBuffer(0), 0, 0) };
  }

  private async scalar(frame: Frame, i: number): Promise<number> {
    const v = await this.value(frame, i, false);
    return isTensor(v) ? Number(v.data[0]) : 0;
  }

  /** A value for the host: a view of device memory where the device has such, unless `copy`. */
  private async value(frame: Frame, i: number, copy: boolean): Promise<HostValue> {
    if (this.onHost(i)) return frame.host[i] ?? null;
    const dtype = this.plan.buffers[i]?.dtype ?? 'f32';
    const shape = frame.shape(i);
    const range = frame.range(i);
    const read = this.device.read(range);
    let bytes = read instanceof Promise ? await read : read;
    if (copy || bytes.byteOffset % 8 !== 0) bytes = bytes.slice();
    const data = viewOf(dtype, bytes.buffer, bytes.byteOffset, sizeOf(this.plan.buffers[i]?.shape ?? [], frame.values));
    return { dtype, shape, data };
  }

  private async copyOut(frame: Frame, i: number): Promise<HostTensor> {
    const v = await this.value(frame, i, true);
    if (!isTensor(v)) throw new InfcError('INFC6018', `buffer ${i} does not hold a tensor`);
    return v;
  }

  private async output(frame: Frame, i: number): Promise<HostValue> {
    return this.onHost(i) ? (frame.host[i] ?? null) : this.copyOut(frame, i);
  }

  /** Stores a host value in a buffer whose place is known. */
  private put(frame: Frame, i: number, value: HostValue): void {
    if (this.onHost(i)) {
      frame.host[i] = value;
      return;
    }
    const b = this.plan.buffers[i];
    if (!b || !isTensor(value)) throw new InfcError('INFC6018', `buffer ${b?.name ?? i} needs a tensor`);
    const shape = frame.shape(i);
    if (value.dtype !== b.dtype || value.shape.length !== shape.length || value.shape.some((d, k) => d !== shape[k]))
      throw new InfcError(
        'INFC6018',
        `value '${b.name ?? i}' came as ${value.dtype}[${value.shape.join(', ')}], the plan says ${b.dtype}[${shape.join(', ')}]`,
        { fix: 'Report this: the plan is inconsistent' },
      );
    const data = toArray(`value '${b.name ?? i}'`, b.dtype, elementsOf(shape), value.data) as TypedArray;
    const { memory, offset } = frame.range(i);
    this.device.write(memory, offset, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
}

interface Move {
  readonly from: number;
  readonly to: number;
  readonly defines?: readonly string[];
}

const shapeOf = (v: object | null | undefined): readonly number[] | undefined =>
  v && 'shape' in v ? (v.shape as readonly number[]) : undefined;

const isTensor = (v: HostValue | undefined): v is HostTensor =>
  v !== null && v !== undefined && !Array.isArray(v) && 'data' in v;

/** Joins equal-shaped tensors along a new axis; `empty` gives dtype and shape when there is none. */
function stack(parts: readonly HostTensor[], axis: number, reverse: boolean, empty: HostTensor): HostTensor {
  const list = reverse ? [...parts].reverse() : parts;
  const { dtype, shape } = list[0] ?? empty;
  const full = [...shape.slice(0, axis), list.length, ...shape.slice(axis)];
  if (dtype === 'string') return { dtype, shape: full, data: list.flatMap((p) => p.data as readonly string[]) };
  const outer = elementsOf(shape.slice(0, axis));
  const all = new Uint8Array(byteLength(dtype, elementsOf(full)));
  const each = list.length === 0 || outer === 0 ? 0 : all.length / list.length / outer;
  list.forEach((p, k) => {
    const data = p.data as TypedArray; // not strings, by dtype
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    for (let o = 0; o < outer; o++) all.set(bytes.subarray(o * each, (o + 1) * each), (o * list.length + k) * each);
  });
  return { dtype, shape: full, data: viewOf(dtype, all.buffer, 0, elementsOf(full)) };
}
