import type { Backend, KernelFile, Target } from '../../backends/backend.ts';
import { InfcError } from '../../runtime/errors.ts';
import {
  type DimCode,
  PLAN_MAJOR,
  PLAN_MINOR,
  type Plan,
  type PlanEntry,
  type PlanKernel,
  type PlanPort,
} from '../../runtime/plan.ts';
import { type Constant, tensor, type Value } from '../ir/graph.ts';
import { type Kernel, sharedLayout } from '../ir/kernel.ts';
import { placeArenas } from './arenas.ts';
import { BufferTable } from './buffers.ts';
import { toConditionCode, toDimCode } from './codes.ts';
import { kernelKey } from './kernel-key.ts';
import { planText } from './plan-text.ts';
import type { EntrySchedule, Schedule } from './schedule.ts';
import { sizeSymbols } from './size-symbols.ts';
import { StepWriter } from './steps.ts';
import { type ArtifactFile, fileOf, WeightsWriter } from './weights-file.ts';

export interface AssembleOptions {
  readonly backend: Backend;
  readonly target: Target;
  /** Largest weights file; default 1 GiB. */
  readonly maxFileBytes?: number;
}

/** A plan and the files it names. */
export interface Assembled {
  readonly plan: Plan;
  /** plan.json, weights and kernels; same input, same bytes. */
  readonly files: readonly ArtifactFile[];
  /** Name of the value a buffer holds, by buffer number: for verification and views; not part of the artifact. */
  readonly names?: ReadonlyMap<number, string>;
}

const MAX_FILE_BYTES = 2 ** 30;

/**
 * Turns a schedule into a plan with its files: values get buffers, dims become codes, kernels are printed, weights are gathered (equal
 * ones once), and arenas whose sizes are static are laid out. Throws INFC39xx when the schedule is inconsistent.
 */
export async function assemblePlan(schedule: Schedule, options: AssembleOptions): Promise<Assembled> {
  const { backend, target } = options;
  const writer = new WeightsWriter();
  const table = new BufferTable(writer, target.kernels);
  const kernels = new KernelList();
  const hostOps = new Set<string>();
  const constantTrue = () => table.constant(TRUE, TRUE.type, TRUE.name);
  for (const s of schedule.states) table.state(s);
  const entries: Record<string, PlanEntry> = {};
  for (const e of schedule.entries) {
    const steps = new StepWriter(e, table, (k) => kernels.number(k), hostOps, constantTrue).write();
    const entry: PlanEntry = {
      inputs: e.inputs.map((v) => portOf(v.name, v, table)),
      ...(e.given && e.given.length > 0 ? { symbols: e.given } : {}),
      outputs: portsOf(e, table),
      guards: e.guards.map((g) => ({ condition: toConditionCode(g.condition), why: g.why })),
      steps,
    };
    const sizes = sizeSymbols(table.buffers, entry);
    const free = e.given?.filter((s) => !sizes.has(s)) ?? [];
    entries[e.name] = free.length > 0 ? { ...entry, free } : entry;
  }
  const load = table.expansions.map(({ kernel, bind }) => ({
    kind: 'kernel' as const,
    kernel: kernels.number(kernel),
    bind,
    grid: kernel.grid.map(toDimCode) as [DimCode, DimCode, DimCode],
  }));
  const align = Math.max(64, backend.memory.align);
  const symbols = planSymbols(schedule);
  const placed = placeArenas(table.buffers, entries, align, symbols, schedule.generation);
  const printed = await printAll(kernels.list, backend, target);
  const files: ArtifactFile[] = printed.map((f) => fileOf(f.file, f.content));
  const variants: NonNullable<Plan['variants']>[number][] = [];
  for (const v of backend.variants ?? []) {
    const changed = v.applies ? kernels.list.filter((k) => v.applies?.(k)) : kernels.list;
    for (const f of await printAll(changed, backend, backend.target([...target.features, ...v.features]))) {
      const base = printed.find((p) => p.file === f.file);
      if (base && sameContent(base.content, f.content)) continue;
      const use = f.file.replace(/(\.[a-z]+)$/, `.${v.name}$1`);
      files.push(fileOf(use, f.content));
      const inside = [...kernels.list.keys()].filter((i) => f.entries.has(kernels.list[i]?.name ?? ''));
      variants.push({ file: f.file, use, features: v.needs, ...(v.applies ? { kernels: inside } : {}) });
    }
  }
  const weights = writer.files(align, options.maxFileBytes ?? MAX_FILE_BYTES);
  const plan: Plan = {
    infc: PLAN_MAJOR,
    minor: PLAN_MINOR,
    name: schedule.name,
    target: { kind: target.kind, features: [...target.features].sort() },
    symbols,
    buffers: placed.buffers,
    kernels: kernels.list.map((k, i) => planKernel(k, kernels.sources(i), printed)),
    ...(variants.length > 0 ? { variants } : {}),
    weights: weights.map((f) => ({
      file: f.name,
      bytes: f.bytes,
      ...(f.transient ? { transient: true as const } : {}),
    })),
    ...(load.length > 0 ? { load: { inputs: [], outputs: [], guards: [], steps: load, arena: 0 } } : {}),
    entries: placed.entries,
    host: [...hostOps].sort(),
    ...(schedule.generation ? { generation: schedule.generation } : {}),
  };
  return {
    plan,
    files: [fileOf('plan.json', planText(plan)), ...files, ...weights],
    names: table.names(),
  };
}

/** Symbols by name, in order; a largest value that is none is left out. */
const planSymbols = ({ symbols }: Schedule): Plan['symbols'] =>
  Object.fromEntries(
    [...symbols]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, s]) => {
        const bounded = typeof s.max === 'number' && s.max < 2147483647;
        return [
          name,
          {
            min: s.min,
            ...(bounded ? { max: s.max } : {}),
            ...(s.multipleOf > 1 ? { multipleOf: s.multipleOf } : {}),
          },
        ];
      }),
  );

/** Kernels of a plan in order of first use; equal ones count once and remember the sources of all. */
class KernelList {
  readonly list: Kernel[] = [];
  private readonly numbers = new Map<Kernel, number>();
  private readonly byKey = new Map<string, number>();
  private readonly names = new Set<string>();
  private readonly allSources: Set<string>[] = [];

  number(kernel: Kernel): number {
    const known = this.numbers.get(kernel);
    if (known !== undefined) return known;
    const key = kernelKey(kernel);
    let at = this.byKey.get(key);
    if (at === undefined) {
      if (this.names.has(kernel.name))
        throw new InfcError('INFC3904', `two kernels are named '${kernel.name}'`, { fix: 'Report this' });
      this.names.add(kernel.name);
      at = this.list.push(kernel) - 1;
      this.byKey.set(key, at);
      this.allSources.push(new Set());
    }
    this.numbers.set(kernel, at);
    for (const s of kernel.note.sources) this.allSources[at]?.add(s);
    return at;
  }

  /** Source nodes of kernel `i`, over all its uses. */
  sources(i: number): string[] {
    return [...(this.allSources[i] ?? [])];
  }
}

const TRUE: Constant = { name: 'true', type: tensor('bool', []), bytes: 1, read: () => Uint8Array.of(1) };

function portsOf(e: EntrySchedule, table: BufferTable): PlanEntry['outputs'] {
  return e.outputs.map(({ name, value }) => portOf(name, value, table));
}

const portOf = (name: string, value: Value, table: BufferTable): PlanPort => ({
  name,
  buffer: table.read(value),
  dtype: value.type.dtype,
  shape: value.type.shape.map(toDimCode),
  ...(value.type.container ? { container: value.type.container } : {}),
});

const sameContent = (a: string | Uint8Array, b: string | Uint8Array): boolean =>
  typeof a === 'string' || typeof b === 'string' ? a === b : a.length === b.length && a.every((v, i) => v === b[i]);

async function printAll(kernels: readonly Kernel[], backend: Backend, target: Target): Promise<KernelFile[]> {
  if (kernels.length === 0) return [];
  const files = [...backend.print(kernels, target)];
  return backend.build ? Promise.all(files.map(async (f) => (await backend.build?.(f, target)) ?? f)) : files;
}

function planKernel(k: Kernel, sources: readonly string[], files: readonly KernelFile[]): PlanKernel {
  const file = files.find((f) => f.entries.has(k.name));
  const entry = file?.entries.get(k.name);
  if (!file || entry === undefined)
    throw new InfcError('INFC3905', `the backend printed no kernel '${k.name}'`, {
      fix: 'Report this to the author of the backend',
    });
  const { op, template, why, bytes, flops, codes } = k.note;
  const scratch = k.kind === 'simd' ? sharedLayout(k).bytes : 0;
  return {
    name: k.name,
    file: file.file,
    entry,
    scalars: k.scalars,
    lanes: k.lanes,
    ...(scratch > 0 ? { scratch } : {}),
    note: { op, sources, template, why, bytes: toDimCode(bytes), flops: toDimCode(flops), ...(codes ? { codes } : {}) },
  };
}
