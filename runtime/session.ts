import type { Device, MemoryRange } from './devices/device.ts';
import { evaluateDim } from './dims.ts';
import { byteLength, type TypedArray } from './dtype.ts';
import { InfcError } from './errors.ts';
import { aborted, type Control, Executor, type StepTiming } from './executor.ts';
import { type Arena, sizeOf } from './frame.ts';
import type { HostOp, HostValue } from './host.ts';
import type { MemoryPlanner } from './memory.ts';
import type { Plan, PlanEntry } from './plan.ts';
import { bindInputs } from './ports.ts';
import type { Tensor, TensorInput } from './tensor.ts';

export interface RunOptions {
  /** Which entry point; default the plan's first. */
  readonly entry?: string;
  /** Values of the symbols that the entry point takes beside its inputs, such as the tokens in a cache (`past`). */
  readonly symbols?: Readonly<Record<string, number>>;
  /** Names of the outputs to return; default all. */
  readonly outputs?: readonly string[];
  /** Arrays that take outputs, by name: an output of that class and length is written there, others get memory of their own. */
  readonly into?: Readonly<Record<string, TypedArray>>;
  readonly signal?: AbortSignal;
  /** Called after each kernel and host step with its time; waits for the device after each, so runs become slower. */
  readonly onStep?: (timing: StepTiming) => void;
}

/** Inputs and outputs of one entry point, as types. */
export interface EntryTypes {
  readonly inputs: object;
  readonly outputs: object;
}

/** Inputs and outputs by name, when nothing more is known about a model. */
export type AnyEntry = {
  readonly inputs: Readonly<
    Record<string, TensorInput | ArrayLike<number | bigint> | readonly boolean[] | readonly TensorInput[] | null>
  >;
  readonly outputs: Readonly<Record<string, Tensor>>;
};

/** A loaded model. `E` gives the types of its default entry point. */
export interface Model<E extends EntryTypes = AnyEntry> extends AsyncDisposable {
  readonly plan: Plan;
  readonly device: Device;
  /** Where the states (caches, recurrent state) are on the device. */
  readonly states: readonly MemoryRange[];
  /**
   * Runs an entry point; runs of one model take turns, and inputs are read when theirs comes. Throws INFC6003 to INFC6009 when the inputs do not fit and INFC6010 when aborted.
   */
  run(inputs: E['inputs'], options?: RunOptions): Promise<E['outputs']>;
  /** Sets all states (caches, recurrent state) to zero. */
  reset(): void;
  /** Waits for runs under way, then frees device memory and workers; later runs are refused. */
  dispose(): Promise<void>;
}

/** A plan on a device: owns weights, states and one executor an entry. */
export class Session implements Model {
  private readonly executors = new Map<string, Executor>();
  readonly states: MemoryRange[] = [];
  private readonly fixed: (MemoryRange | undefined)[];
  private readonly arena: Arena = { memory: undefined };
  private turn: Promise<unknown> = Promise.resolve();
  private disposed = false;

  constructor(
    readonly plan: Plan,
    readonly device: Device,
    weights: ReadonlyMap<string, MemoryRange>,
    private readonly hostOps: ReadonlyMap<string, HostOp>,
    symbols: Readonly<Record<string, number>>,
    private readonly control: Control | undefined,
    private readonly planner: MemoryPlanner | undefined,
  ) {
    const values = new Map(Object.entries(symbols));
    this.fixed = plan.buffers.map((b, i) => {
      if (b.role !== 'weight' && b.role !== 'state' && b.role !== 'derived') return undefined;
      const bytes = b.bytes === undefined ? byteLength(b.dtype, sizeOf(b.shape, values)) : evaluateDim(b.bytes, values);
      if (b.role === 'derived') return { memory: device.allocate(bytes), offset: 0, bytes };
      if (b.role === 'state') {
        if (Number.isNaN(bytes))
          throw new InfcError('INFC6007', `state '${b.name ?? i}' has a dimension without a value`, {
            fix: 'Give it in the symbols option of load',
          });
        const state = { memory: device.allocate(bytes), offset: 0, bytes };
        this.states.push(state);
        return state;
      }
      const range = weights.get(b.tensor ?? '');
      if (range?.bytes !== bytes)
        throw new InfcError(
          'INFC6013',
          `weight '${b.tensor}' has ${range?.bytes ?? 'no'} bytes, the plan says ${bytes}`,
          {
            fix: 'Keep the plan together with its own weights file',
          },
        );
      return range;
    });
    for (const s of this.states) if (!s.memory.fresh) device.fill(s, 0);
  }

  async run(inputs: AnyEntry['inputs'], options: RunOptions = {}): Promise<Record<string, Tensor>> {
    if (this.disposed) throw new InfcError('INFC6017', 'the model has been disposed', { fix: 'Load it again' });
    const name = options.entry ?? Object.keys(this.plan.entries)[0] ?? '';
    const entry = Object.hasOwn(this.plan.entries, name) ? this.plan.entries[name] : undefined;
    if (!entry)
      throw new InfcError('INFC6014', `there is no entry point '${name}'`, {
        fix: `This model has ${Object.keys(this.plan.entries).join(', ')}`,
      });
    const names = entry.outputs.map((o) => o.name);
    const unknown = options.outputs?.find((o) => !names.includes(o));
    if (unknown !== undefined)
      throw new InfcError('INFC6005', `there is no output '${unknown}'`, {
        fix: `This model gives ${names.join(', ')}`,
      });
    const { tensors, values } = bindInputs(this.plan, entry, inputs, options.symbols);
    const mine = this.turn.then(() => {
      if (options.signal?.aborted) throw aborted(options.signal);
      return this.executor(name, entry).run(tensors, values, options);
    });
    this.turn = mine.catch(() => undefined);
    // Sequences and absent optionals pass through as they are.
    return (await mine) as Record<string, Tensor & HostValue>;
  }

  private executor(name: string, entry: PlanEntry): Executor {
    const { plan, device, arena, fixed, hostOps, control, planner } = this;
    const known = this.executors.get(name);
    const made = known ?? new Executor(plan, entry, device, arena, fixed, hostOps, control, planner);
    this.executors.set(name, made);
    return made;
  }

  /** Fills the derived buffers. */
  async unpack(): Promise<void> {
    const { load } = this.plan;
    if (load) await this.executor('', load).run([], new Map(), {});
  }

  reset(): void {
    for (const s of this.states) this.device.fill(s, 0);
  }

  async dispose(): Promise<void> {
    if (this.disposed) return;
    this.disposed = true;
    await this.turn;
    this.executors.clear();
    await this.device.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
