import type { SparseSpeed } from '../compiler/formats/sparse-speed.ts';
import type { DType } from '../compiler/ir/dtype.ts';
import type { Kernel } from '../compiler/ir/kernel.ts';
import type { Template } from '../compiler/lower/template.ts';

/** What a target can do; templates and lowering choose by it. Closed per backend, open in names. */
export interface Target {
  readonly kind: string;
  readonly features: ReadonlySet<string>;
  /** Which kernels it runs: lanes in workgroups (simt) or one thread with vectors (simd). */
  readonly kernels: 'simt' | 'simd';
  readonly maxLanes: number;
  readonly sharedBytes: number;
  /** Bytes of the widest vector register (simd) or load (simt). */
  readonly vectorBytes: number;
  /** Buffers one kernel may bind; absent when there is no practical limit. Fusion keeps below it. */
  readonly maxBuffers?: number;
}

export interface MemoryRules {
  /** Alignment of buffers in an arena, bytes. */
  readonly align: number;
  /** Largest single binding, bytes. */
  readonly maxBinding: number;
  /** Whether one kernel may read and write the same arena through two bindings. */
  readonly readWriteAlias: boolean;
}

/** A printed kernel file: text (WGSL, CUDA, JavaScript) or bytes (Wasm); one file may hold many kernels. */
export interface KernelFile {
  readonly file: string;
  readonly content: string | Uint8Array;
  /** Entry name of each kernel in the file, by kernel name. */
  readonly entries: ReadonlyMap<string, string>;
}

/**
 * A target of compilation. `print` turns kernels into files; `device` names the runtime device that plays them.
 */
export interface Backend {
  readonly name: string;
  target(features?: readonly string[]): Target;
  /** Whether kernels may load and store this dtype; others run on the host or are refused at compile time. */
  supports(dtype: DType): boolean;
  readonly templates: readonly Template[];
  readonly memory: MemoryRules;
  print(kernels: readonly Kernel[], target: Target): readonly KernelFile[];
  /**
   * Further builds of the same kernels, with the same parameters, that the runtime prefers where its probes find every feature in `needs`
   * (for Wasm: `relaxed-madd`, `relaxed-dot`). `features` are those of `target()`.
   */
  readonly variants?: readonly {
    readonly name: string;
    readonly features: readonly string[];
    readonly needs: readonly string[];
    /** Whether this build of a kernel differs from the plain one; default: each does. */
    applies?(kernel: Kernel): boolean;
  }[];
  /** What sparse formats were measured to gain; others are not chosen by themselves. */
  readonly sparseSpeed?: readonly SparseSpeed[];
  /** Turns printed text into what the device loads, when a toolchain is there (nvcc to cubin). */
  build?(file: KernelFile, target: Target): Promise<KernelFile>;
  /**
   * Device of the runtime: `wasm`, `webgpu`, `cuda`; the file of a self-contained JavaScript module that exports `createDevice`, which
   * artifacts then carry; or a name, and users pass the device to `load`.
   */
  readonly device: string;
}

export const defineBackend = (backend: Backend): Backend => backend;
