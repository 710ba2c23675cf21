import type { Plan, PlanKernel } from '../plan.ts';

/** A block of memory that a device owns; only its device looks inside. */
export interface DeviceMemory {
  readonly bytes: number;
  /** Nothing was ever written to it: it holds zeros, and may not even be there yet. */
  readonly fresh?: boolean;
}

/** `bytes` bytes of `memory` from `offset`. */
export interface MemoryRange {
  readonly memory: DeviceMemory;
  readonly offset: number;
  readonly bytes: number;
}

/** A kernel with its bindings, scalars and grid resolved; kept by the session and launched many times. */
export interface Launch {
  readonly kernel: number;
}

/** What the symbols of a run decide about launches. */
export interface LaunchSizes {
  readonly scalars: readonly number[];
  readonly grid: readonly [number, number, number];
  /** Bytes moved plus arithmetic operations, by the compiler's estimate: devices split only what is worth it. */
  readonly work: number;
}

/** One launch as the executor describes it, ranges in binding order. */
export interface LaunchRequest extends LaunchSizes {
  readonly kernel: number;
  readonly bindings: readonly MemoryRange[];
  /** The same sizes, as an object that launches share. */
  readonly sizes?: LaunchSizes;
}

/** What a device gets to load a plan's kernels. */
export interface KernelSource {
  readonly kernels: readonly PlanKernel[];
  readonly variants: NonNullable<Plan['variants']>;
  /** Contents of a file of the artifact; each is read once. */
  read(file: string): Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * A machine that plays kernels. Operations take effect in the order they are called; only `read` and `finish` wait. All blocks
 * come from `allocate`, aligned to `align`; ranges of one block may be read and written by the same launch (they do not overlap unless
 * they are equal), so a device that cannot mix access modes on one block binds all of it read-write.
 */
export interface Device {
  readonly kind: string;
  /** Alignment of ranges inside a block, bytes: a power of two. */
  readonly align: number;
  /** Compiles the kernels of a plan. Throws INFC6xxx when one cannot be loaded. */
  load(source: KernelSource): Promise<void>;
  /** Bytes of memory that there are in all, when that is known. */
  readonly capacity?: number | undefined;
  /** Announces that about `bytes` more will be allocated, so that memory can grow in one go. */
  reserve?(bytes: number): void;
  /** Throws INFC6xxx, with the bytes asked for, when there is no such room. Contents are unspecified. */
  allocate(bytes: number): DeviceMemory;
  free(memory: DeviceMemory): void;
  write(memory: DeviceMemory, offset: number, data: Uint8Array): void;
  fill(range: MemoryRange, value: number): void;
  /** Copies `bytes` from one place to another; the ranges do not overlap. */
  copy(from: DeviceMemory, fromOffset: number, to: DeviceMemory, toOffset: number, bytes: number): void;
  /** Set where `read` gives the memory itself, which may be written until more is allocated. */
  readonly inPlace?: true;
  /** Contents after everything queued so far; a view or a copy, valid until the next call on the device. */
  read(range: MemoryRange): Uint8Array | Promise<Uint8Array>;
  /** Set where launches read `sizes` of their request when they are launched: these then change from run to run. */
  readonly followsSizes?: true;
  prepare(request: LaunchRequest): Launch;
  launch(launch: Launch): void;
  /** Waits for everything queued so far and reports errors of it. */
  finish(): void | Promise<void>;
  destroy(): void | Promise<void>;
}
