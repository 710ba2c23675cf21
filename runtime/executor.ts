import type { Device, MemoryRange } from './devices/device.ts';
import { type TypedArray, viewOf } from './dtype.ts';
import { InfcError } from './errors.ts';
import { type Arena, chooseCase, Frame } from './frame.ts';
import type { HostOp, HostTensor, HostValue } from './host.ts';
import type { Interval, MemoryPlanner } from './memory.ts';
import type { Plan, PlanEntry, PlanStep } from './plan.ts';
import { elementsOf, toArray } from './tensor.ts';

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

/** Plays the steps that need the host: functions, branches, loops, and copies that fix a shape. */
export type Control = (executor: Executor, step: PlanStep, frame: Frame) => Promise<void>;

/** Plays one entry of a plan on a device. One run at a time. */
export class Executor {
  private readonly live: ReadonlyMap<number, Interval>;
  private readonly frames = new Map<string, Frame>();
  private options: PlayOptions = {};
  private yielded = 0;

  constructor(
    readonly plan: Plan,
    private readonly entry: PlanEntry,
    readonly device: Device,
    /** Shared by the entries of a model: one runs at a time. */
    private readonly arena: Arena,
    /** Ranges of weights and states, by buffer. */
    private readonly fixed: readonly (MemoryRange | undefined)[],
    readonly hostOps: ReadonlyMap<string, HostOp>,
    private readonly control: Control | undefined,
    private readonly planner: MemoryPlanner | undefined,
  ) {
    this.live = planner && entry.arena === undefined ? planner.liveIntervals(plan.buffers, entry) : new Map();
  }

  /** Plays the entry on inputs in port order and returns its outputs in port order (only those in `wanted`, when given). */
  async run(
    inputs: readonly HostValue[],
    values: ReadonlyMap<string, number>,
    options: PlayOptions,
    wanted?: ReadonlySet<string>,
  ): Promise<Record<string, HostValue>> {
    this.options = options;
    this.yielded = performance.now();
    const frame = this.frame(values);
    frame.start(this.arena, values);
    try {
      this.entry.inputs.forEach((port, k) => {
        const t = inputs[k];
        if (t !== undefined) this.put(frame, port.buffer, t);
      });
      await this.play(frame.steps, frame);
      const outputs: Record<string, HostValue> = {};
      for (const port of this.entry.outputs) {
        if (!wanted || wanted.has(port.name)) outputs[port.name] = await this.value(frame, port.buffer, true);
      }
      await this.device.finish();
      return outputs;
    } finally {
      frame.finish();
    }
  }

  private frame(values: ReadonlyMap<string, number>): Frame {
    const { free } = this.entry;
    const sizes = free ? new Map([...values].filter(([n]) => !free.includes(n))) : values;
    const key = JSON.stringify([...sizes]);
    const frame =
      this.frames.get(key) ?? new Frame(this.plan, this.entry, this.live, this.planner, this.device, this.fixed, sizes);
    const { arena, device } = this;
    if ((arena.memory?.bytes ?? -1) < frame.arenaBytes) {
      // Free first: a larger arena may then take the place of the old one.
      if (arena.memory) device.free(arena.memory);
      arena.memory = undefined;
      arena.memory = device.allocate(frame.arenaBytes);
    }
    this.frames.set(key, frame);
    const [oldest = key] = this.frames.keys();
    if (this.frames.size > MAX_FRAMES) this.frames.delete(oldest);
    return frame;
  }

  async play(steps: readonly PlanStep[], frame: Frame): Promise<void> {
    const { signal, onStep } = this.options;
    const launches = frame.launchesOf(steps);
    for (const [i, step] of steps.entries()) {
      if (signal) {
        if (performance.now() - this.yielded > YIELD_MS) {
          await new Promise((resolve) => setTimeout(resolve));
          this.yielded = performance.now();
        }
        if (signal.aborted) throw aborted(signal);
      }
      const launch = launches[i] ?? (step.kind === 'kernel' && frame.launch(step, launches, i));
      const started = onStep ? performance.now() : 0;
      let name: string | undefined;
      if (launch) {
        this.device.launch(launch);
        if (onStep) {
          await this.device.finish();
          name = this.plan.kernels[launch.kernel]?.name;
        }
      } else if (step.kind === 'choose') {
        const chosen = chooseCase(step, frame.values);
        if (chosen) await this.play(chosen, frame);
      } else if (step.kind === 'copy' && !step.defines && !this.onHost(step.from) && !this.onHost(step.to)) {
        const [from, to] = [frame.range(step.from), frame.range(step.to)];
        if (from.memory !== to.memory || from.offset !== to.offset)
          this.device.copy(from.memory, from.offset, to.memory, to.offset, to.bytes);
      } else {
        await this.control?.(this, step, frame);
        if (step.kind === 'host') name = step.op;
      }
      if (name) onStep?.({ kind: launch ? 'kernel' : 'host', name, ms: performance.now() - started });
    }
  }

  onHost(i: number): boolean {
    return this.plan.buffers[i]?.role === 'host';
  }

  /** A value for the host: a view of device memory where the device has such, unless `copy`. */
  async value(frame: Frame, i: number, copy: boolean): Promise<HostValue> {
    const { dtype = 'f32', strings } = this.plan.buffers[i] ?? {};
    const shape = frame.shape(i);
    if (this.onHost(i)) return frame.host[i] ?? (strings ? { dtype, shape, data: strings } : null);
    let bytes = await this.device.read(frame.range(i));
    if (copy || bytes.byteOffset % 8 !== 0) bytes = bytes.slice();
    const data = viewOf(dtype, bytes.buffer, bytes.byteOffset, elementsOf(shape));
    return { dtype, shape, data };
  }

  async copyOut(frame: Frame, i: number): Promise<HostTensor> {
    const v = await this.value(frame, i, true);
    if (!isTensor(v)) throw new InfcError('INFC6018', `buffer ${i} does not hold a tensor`);
    return v;
  }

  /** Stores a host value in a buffer whose place is known. */
  put(frame: Frame, i: number, value: HostValue): void {
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

export const isTensor = (v: HostValue | undefined): v is HostTensor =>
  v !== null && v !== undefined && !Array.isArray(v) && 'data' in v;
