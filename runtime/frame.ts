import type { Device, DeviceMemory, Launch, LaunchSizes, MemoryRange } from './devices/device.ts';
import { evaluateCondition, evaluateDim, formatShape, type SymbolValues } from './dims.ts';
import { byteLength } from './dtype.ts';
import { InfcError } from './errors.ts';
import type { HostValue } from './host.ts';
import { type Interval, type MemoryPlanner, planMemory, rootOf } from './memory.ts';
import type { DimCode, KernelStep, Plan, PlanEntry, PlanStep } from './plan.ts';

/** Elements of a shape; NaN while a symbol has no value. Throws INFC6008 when an axis comes out negative. */
export const sizeOf = (shape: readonly DimCode[], values: SymbolValues): number =>
  shape.reduce<number>((n, d) => {
    const size = evaluateDim(d, values);
    if (size < 0)
      throw new InfcError('INFC6008', `with these inputs an axis of ${formatShape(shape)} has ${size} elements`, {
        fix: 'Give larger inputs',
      });
    return n * size;
  }, 1);

type Launches = (Launch | undefined)[];

/** Launches of one kernel with one grid. */
interface Alike {
  readonly step: KernelStep;
  readonly sizes: LaunchSizes;
}

/** Device memory that all frames share: it grows to the largest. */
export interface Arena {
  memory: DeviceMemory | undefined;
}

/**
 * One entry with its sizes resolved: where every buffer is and which launches to make. Kept per tuple of the symbols that decide sizes, so
 * that a repeated shape costs no resolving; sizes of launches that depend on other symbols are found when a run starts. Buffers whose size only the run decides are placed by {@link define}, in memory of their own.
 */
export class Frame {
  /** Steps with every choice that is known by now already made. */
  readonly steps: readonly PlanStep[];
  readonly host: (HostValue | undefined)[] = [];
  /** All values: those bound from the inputs, and data-dependent ones as the run finds them. */
  values: Map<string, number>;
  /** Bytes the arena needs. */
  readonly arenaBytes: number;
  /** Of late buffers. */
  readonly ranges: (MemoryRange | undefined)[] = [];
  /**
   * The launches of each list of steps, as far as they are resolved. Weights pass through all caches between two launches, so that what
   * the host looks at comes from memory: for each step of a language model that is its launch and nothing else.
   */
  private readonly launches = new Map<readonly PlanStep[], Launches>();
  /** Sizes that launches share, by grid: plans of files have one object for all steps of a kernel that have the same. */
  private readonly alike = new Map<KernelStep['grid'], Alike>();
  /** Those of them that depend on symbols of the run. */
  private readonly following: Alike[] = [];
  private given: SymbolValues = new Map();
  readonly late = new Set<number>();
  private placedIn: DeviceMemory | undefined;
  /** Where buffers are in the arena, when not where the compiler says. */
  private readonly offsets: ReadonlyMap<number, number> | undefined;
  /** Places in the arena, made when asked for. */
  private readonly places: (MemoryRange | undefined)[] = [];
  /** Memory of late buffers, by the step that placed them. */
  readonly lateMemory = new Map<object, DeviceMemory>();

  constructor(
    readonly plan: Plan,
    entry: PlanEntry,
    readonly live: ReadonlyMap<number, Interval>,
    planner: MemoryPlanner | undefined,
    readonly device: Device,
    /** Weights and states. */
    private readonly fixed: readonly (MemoryRange | undefined)[],
    /** Values of the symbols that decide sizes. */
    private readonly early: SymbolValues,
  ) {
    this.values = new Map(early);
    this.steps = this.flatten(entry.steps);
    if (entry.arena !== undefined || !planner) {
      this.arenaBytes = entry.arena ?? 0;
      return;
    }
    const known = [...live].filter(([i]) => {
      if (!Number.isNaN(this.bytes(i))) return true;
      this.late.add(i);
      return false;
    });
    const placed = planner.planMemory(
      known.map(([i, at]) => ({ ...at, bytes: this.bytes(i) })),
      device.align,
    );
    this.offsets = new Map(known.map(([i], k) => [i, placed.offsets[k] ?? 0]));
    this.arenaBytes = placed.bytes;
  }

  /** Forgets what an earlier run found out, and where the arena was. `values` are those of all symbols known before the run. */
  start(arena: Arena, values: SymbolValues): void {
    this.values = new Map(values);
    this.given = values;
    this.host.length = 0;
    const memory = arena.memory;
    if (!memory || memory === this.placedIn) {
      for (const { step, sizes } of this.following) Object.assign(sizes, this.sizes(step, values));
      return;
    }
    this.placedIn = memory;
    this.places.length = 0;
    this.launches.clear();
    this.alike.clear();
    this.following.length = 0;
  }

  /** Frees the memory of late buffers. */
  finish(): void {
    for (const memory of this.lateMemory.values()) this.device.free(memory);
    this.lateMemory.clear();
    for (const i of this.late) this.ranges[i] = undefined;
  }

  bytes(i: number): number {
    const b = this.plan.buffers[i];
    if (!b) return 0;
    return b.bytes === undefined
      ? byteLength(b.dtype, sizeOf(b.shape, this.values))
      : evaluateDim(b.bytes, this.values);
  }

  shape(i: number): number[] {
    return (this.plan.buffers[i]?.shape ?? []).map((d) => evaluateDim(d, this.values));
  }

  /** Where the bytes of buffer `i` are. Throws INFC6018 when nothing has fixed its size yet. */
  range(i: number): MemoryRange {
    const b = this.plan.buffers[i];
    const root = rootOf(this.plan.buffers, i);
    const range = this.fixed[root] ?? this.ranges[root] ?? this.placed(root);
    if (!b || !range || range.offset + range.bytes > range.memory.bytes)
      throw new InfcError('INFC6018', `buffer ${b?.name ?? i} ${formatShape(b?.shape ?? [])} has no place`, {
        fix: 'Report this: the plan is inconsistent',
      });
    if (b.role !== 'alias') return range;
    let offset = range.offset;
    for (let at = i, a = b; a.role === 'alias' && a.of !== undefined; at = a.of, a = this.plan.buffers[at] ?? b)
      offset += a.at === undefined ? 0 : evaluateDim(a.at, this.values);
    return { memory: range.memory, offset, bytes: this.bytes(i) };
  }

  private placed(root: number): MemoryRange | undefined {
    const memory = this.placedIn;
    const offset = this.offsets ? this.offsets.get(root) : this.plan.buffers[root]?.offset;
    if (!memory || offset === undefined) return undefined;
    return (this.places[root] ??= { memory, offset, bytes: this.bytes(root) });
  }

  /** Where the launches of a list of steps are kept. */
  launchesOf(steps: readonly PlanStep[]): Launches {
    const list = this.launches.get(steps) ?? [];
    this.launches.set(steps, list);
    return list;
  }

  /** The launch of a kernel step; kept at its place in the list unless it depends on what the run finds out. */
  launch(step: KernelStep, list: Launches, at: number): Launch {
    const { kernel } = step;
    const known = this.alike.get(step.grid);
    let alike = known?.step.kernel === kernel ? known : undefined;
    const early = alike ? undefined : this.sizes(step, this.early);
    const keeps =
      (alike || early || (this.device.followsSizes && this.sizes(step, this.given))) &&
      !step.bind.some((i) => this.late.has(rootOf(this.plan.buffers, i)) || this.lateAlias(i));
    const sizes = (keeps && alike?.sizes) || (early ?? this.sizes(step, this.values));
    if (!sizes)
      throw new InfcError('INFC6018', `kernel ${kernel} has no size`, {
        fix: 'Report this: the plan is inconsistent',
      });
    const launch = this.device.prepare({ kernel, bindings: step.bind.map((i) => this.range(i)), ...sizes, sizes });
    if (!keeps) return launch;
    if (!alike) {
      alike = { step, sizes };
      this.alike.set(step.grid, alike);
      if (!early) this.following.push(alike);
    }
    list[at] = launch;
    return launch;
  }

  /** Sizes of a launch; undefined while a symbol that they need has no value. */
  private sizes({ kernel, grid: [x, y, z] }: KernelStep, values: SymbolValues): LaunchSizes | undefined {
    const { note, scalars: codes = [] } = this.plan.kernels[kernel] ?? {};
    const value = (code: DimCode): number => evaluateDim(code, values);
    const scalars = codes.map(value);
    const grid = [value(x), value(y), value(z)] as const;
    if (scalars.some(Number.isNaN) || grid.some(Number.isNaN)) return undefined;
    return { scalars, grid, work: note ? value(note.bytes) + value(note.flops) : 0 };
  }

  /** An alias whose shape or place only the run decides. */
  private lateAlias(i: number): boolean {
    const b = this.plan.buffers[i];
    return (
      b?.role === 'alias' &&
      (Number.isNaN(evaluateDim(b.at ?? 0, this.early)) || Number.isNaN(sizeOf(b.shape, this.early)))
    );
  }

  private flatten(steps: readonly PlanStep[]): readonly PlanStep[] {
    const out: PlanStep[] = [];
    for (const step of steps) {
      const chosen = step.kind === 'choose' ? chooseCase(step, this.early) : undefined;
      if (chosen) out.push(...this.flatten(chosen));
      else out.push(step);
    }
    return out;
  }
}

/** The steps of the case that applies; undefined while that is not known. */
export function chooseCase(step: PlanStep & { kind: 'choose' }, values: SymbolValues): readonly PlanStep[] | undefined {
  for (const c of step.cases) {
    const holds = c.when === undefined || evaluateCondition(c.when, values);
    if (holds === undefined) return undefined;
    if (holds) return c.steps;
  }
  return [];
}

/**
 * Places the late buffers whose sizes follow from `names`, which just got values. Their old memory is returned: the caller frees it when
 * nothing reads it any more.
 */
export function define(frame: Frame, step: object, names: readonly string[]): DeviceMemory | undefined {
  const changed = new Set(names);
  const uses = (code: DimCode): boolean =>
    typeof code === 'string'
      ? changed.has(code)
      : typeof code === 'object' && code.slice(1).some((c) => uses(c as DimCode));
  const place = [...frame.late].filter((i) => {
    const b = frame.plan.buffers[i];
    return b && (b.bytes === undefined ? b.shape.some(uses) : uses(b.bytes)) && !Number.isNaN(frame.bytes(i));
  });
  const placed = planMemory(
    place.map((i) => ({ ...(frame.live.get(i) ?? { first: 0, last: 0 }), bytes: frame.bytes(i) })),
    frame.device.align,
  );
  const memory = frame.device.allocate(placed.bytes);
  place.forEach((i, k) => {
    frame.ranges[i] = { memory, offset: placed.offsets[k] ?? 0, bytes: frame.bytes(i) };
  });
  const old = frame.lateMemory.get(step);
  frame.lateMemory.set(step, memory);
  return old;
}
