import type { CudaAddon } from './devices/cuda.ts';
import type { Device, DeviceMemory, MemoryRange } from './devices/device.ts';
import { InfcError } from './errors.ts';
import type { Control } from './executor.ts';
import { type FileSource, readAll, toUrl } from './files.ts';
import type { HostOp } from './host.ts';
import type { MemoryPlanner } from './memory.ts';
import { type KernelStep, PLAN_MAJOR, type Plan } from './plan.ts';
import { type AnyEntry, type EntryTypes, type Model, Session } from './session.ts';
import { uploadWeights } from './weights.ts';

/** The parts of an artifact: the plan (its address, bytes or contents) and where its files are. */
export interface Artifact {
  readonly plan: URL | Uint8Array | Plan;
  /** By name as in the plan; names not listed are beside the plan. */
  readonly files?: Readonly<Record<string, FileSource>>;
  readonly hostOps?: Readonly<Record<string, HostOp>>;
}

export interface LoadProgress {
  readonly phase: 'weights' | 'kernels';
  readonly bytes: number;
  readonly totalBytes: number;
}

/** What devices may be told. */
export interface DeviceOptions {
  /** Threads of the Wasm device, the calling one included; default the number of cores, at most 8; 1 where memory cannot be shared. */
  readonly threads?: number;
  /** Relaxed SIMD: 'auto' (default) uses it where a probe that executes passes; true also switches it on in Node 20. */
  readonly relaxedSimd?: boolean | 'auto';
  /** Address of the worker script, for bundlers that move it. */
  readonly worker?: string | URL;
  /** The WebGPU to use; default `navigator.gpu`. In Node: `create([])` of the npm package `webgpu` (keep it reachable). */
  readonly gpu?: GPU;
  readonly powerPreference?: GPUPowerPreference;
  /** The CUDA addon, or where it lies; default the environment variable INFC_CUDA_ADDON. */
  readonly cuda?: CudaAddon | string;
  /** Number of the CUDA GPU; default 0. */
  readonly gpuIndex?: number;
}

export interface LoadOptions extends DeviceOptions {
  /** Device to play the plan; default the one for the plan's target. It is destroyed with the model. */
  readonly device?: Device | DeviceFactory;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Functions for host steps beyond those built in. */
  readonly hostOps?: Readonly<Record<string, HostOp>>;
  /** Values of symbols that states need. */
  readonly symbols?: Readonly<Record<string, number>>;
}

export type DeviceFactory = (options: DeviceOptions) => Device | Promise<Device>;

/** Parses a plan, in place where it is the caller's `own`. Throws INFC6001 for a newer major version and INFC6002 when it is no plan. */
export function parsePlan(json: unknown, own = false): Plan {
  const plan = json as Partial<Plan> | null;
  const major: unknown = plan && typeof plan === 'object' ? plan.infc : undefined;
  if (typeof major !== 'number')
    throw new InfcError('INFC6002', 'this is not an infc plan', { fix: 'Load the plan.json that infc wrote' });
  if (major > PLAN_MAJOR)
    throw new InfcError('INFC6001', `the plan is of version ${major}, this runtime plays up to ${PLAN_MAJOR}`, {
      fix: 'Update infc',
    });
  const { buffers, kernels, weights, entries, symbols, target } = plan as Plan;
  const lists = [buffers, kernels, weights].every(Array.isArray);
  if (!lists || !entries || !symbols || !target)
    throw new InfcError('INFC6002', 'the plan is incomplete', { fix: 'Compile the model again' });
  for (const b of buffers)
    if (b.of !== undefined && !(b.of >= 0 && b.of < buffers.indexOf(b)))
      throw new InfcError('INFC6002', 'an alias of the plan does not point back', { fix: 'Compile the model again' });
  const { deltas, ...rest } = plan as Plan & { readonly deltas?: boolean };
  return deltas ? { ...rest, entries: absolute(own ? entries : structuredClone(entries)) } : (plan as Plan);
}

/**
 * Entries whose kernel steps say how they differ from the step before with the same kernel, by bindings and by a grid of their own: undone, in
 * place.
 */
function absolute(entries: Plan['entries']): Plan['entries'] {
  const last: KernelStep[] = [];
  for (const { steps } of Object.values(entries))
    for (const s of steps) {
      if (s.kind !== 'kernel') continue;
      const before = last[s.kernel];
      const bind = s.bind as number[]; // as JSON gave it
      for (let i = 0; i < bind.length; i++) bind[i] = (bind[i] ?? 0) + (before?.bind[i] ?? 0);
      if (!s.grid && before) Object.assign(s, { grid: before.grid });
      last[s.kernel] = s;
    }
  return entries;
}

/** What a `load` can do: an artifact's own has only what its plan needs. */
export interface LoadParts {
  /** Devices by the target they play. */
  readonly devices: Readonly<Record<string, DeviceFactory>>;
  /** Plays steps that need the host; see {@link Control}. */
  readonly control?: Control;
  /** Lays out memory for plans with symbolic sizes. */
  readonly planner?: MemoryPlanner;
  /** Built-in host functions. */
  readonly host?: (name: string) => HostOp | undefined | Promise<HostOp | undefined>;
}

/** Makes a `load` of these parts. */
export function createLoad({ devices, control, planner, host = () => undefined }: LoadParts) {
  /**
   * Loads a compiled model. `from` is the artifact's folder or plan.json (address or path), or its parts.
   * Throws INFC6xxx: unreadable or damaged files, a plan that is too new, no device, not enough memory, INFC6010 when aborted.
   */
  return async function load<E extends EntryTypes = AnyEntry>(
    from: string | URL | Artifact,
    options: LoadOptions = {},
  ): Promise<Model<E>> {
    const { signal } = options;
    let device: Device | undefined;
    try {
      signal?.throwIfAborted();
      const artifact = typeof from === 'string' || from instanceof URL ? { plan: planUrl(from) } : from;
      const source = artifact.plan;
      const isFile = source instanceof URL || source instanceof Uint8Array;
      const plan = parsePlan(isFile ? parseJson(await readAll(source, signal)) : source, isFile);
      const locate = (name: string): FileSource => {
        const listed = artifact.files && Object.hasOwn(artifact.files, name) ? artifact.files[name] : undefined;
        if (listed) return listed;
        if (source instanceof URL) return new URL(name, source);
        throw new InfcError('INFC6012', `the file '${name}' was not given`, { file: name, fix: 'Pass it in files' });
      };
      const given = new Map(Object.entries({ ...artifact.hostOps, ...options.hostOps }));
      const hostOps = new Map<string, HostOp>();
      for (const name of plan.host) {
        const op = given.get(name) ?? (await host(name));
        if (!op)
          throw new InfcError('INFC6015', `host function '${name}' is not loaded`, {
            fix: 'Pass it in the hostOps option',
          });
        hostOps.set(name, op);
      }
      const chosen = options.device ?? devices[plan.target.kind];
      if (!chosen)
        throw new InfcError('INFC6020', `no device here plays '${plan.target.kind}' plans`, {
          fix: `Known: ${Object.keys(devices).join(', ')}. Pass the device option`,
        });
      device = typeof chosen === 'function' ? await chosen(options) : chosen;
      const totalBytes = plan.weights.reduce((n, w) => n + w.bytes, 0);
      const arenas = Object.values(plan.entries).map((e) => e.arena ?? 0);
      const need = totalBytes + (plan.generation?.stateBytes ?? 0) + Math.max(0, ...arenas);
      if (need > (device.capacity ?? need))
        throw new InfcError('INFC6025', `the model needs ${need} bytes of memory, there are ${device.capacity}`, {
          fix: 'Compile with --quant q8 or q4, or a smaller --context',
        });
      device.reserve?.(need + (plan.buffers.length + 4) * 256);
      const ranges = new Map<string, MemoryRange>();
      const transient: DeviceMemory[] = [];
      let bytes = 0;
      for (const w of plan.weights) {
        const progress = (n: number) => options.onProgress?.({ phase: 'weights', bytes: (bytes += n), totalBytes });
        const uploaded = await uploadWeights(device, w, locate(w.file), progress, signal);
        for (const [name, range] of uploaded.ranges) ranges.set(name, range);
        if (w.transient) transient.push(uploaded.memory);
      }
      await device.load({
        kernels: plan.kernels,
        variants: plan.variants ?? [],
        read: (file) => readAll(locate(file), signal),
      });
      signal?.throwIfAborted();
      options.onProgress?.({ phase: 'kernels', bytes: totalBytes, totalBytes });
      const session = new Session(plan, device, ranges, hostOps, options.symbols ?? {}, control, planner);
      await session.unpack();
      for (const memory of transient) device.free(memory);
      return session as unknown as Model<E>;
    } catch (error) {
      await device?.destroy();
      if (signal?.aborted) throw new InfcError('INFC6010', 'loading was aborted', { cause: signal.reason });
      throw error;
    }
  };
}

/** Address of the plan of an artifact: the file itself, or the one in a folder. */
export function planUrl(place: string | URL): URL {
  const url = toUrl(place);
  if (url.pathname.endsWith('.json')) return url;
  return new URL(url.pathname.replace(/\/?$/, '/plan.json'), url);
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new InfcError('INFC6002', 'the plan is not JSON', { fix: 'Load the plan.json that infc wrote' });
  }
}
