import { byteLength } from '../../runtime/dtype.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { Dim } from './dim.ts';
import type { Buffer, Expr } from './expr.ts';

/** Structured statements. Names are unique within a kernel; a `let` of type i32 may be used as a Dim symbol of the same name. */
export type Stmt =
  | { readonly kind: 'let'; readonly name: string; readonly value: Expr }
  | { readonly kind: 'var'; readonly name: string; readonly value: Expr }
  | { readonly kind: 'set'; readonly name: string; readonly value: Expr }
  | { readonly kind: 'store'; readonly buffer: Buffer; readonly index: Dim; readonly value: Expr }
  | {
      readonly kind: 'for';
      readonly name: string; // i32 index, also a Dim symbol
      readonly from: Dim;
      readonly to: Dim; // exclusive
      readonly step: Dim; // positive
      readonly body: readonly Stmt[];
    }
  | {
      readonly kind: 'if';
      readonly condition: Expr;
      readonly body: readonly Stmt[];
      readonly otherwise: readonly Stmt[];
    }
  | { readonly kind: 'barrier' } // all lanes of the workgroup; shared and global memory
  | { readonly kind: 'atomicAdd'; readonly buffer: Buffer; readonly index: Dim; readonly value: Expr }
  | { readonly kind: 'intrinsic'; readonly name: string; readonly args: readonly (Expr | Buffer | Dim)[] }
  | { readonly kind: 'comment'; readonly text: string };

/**
 * One kernel.
 *
 * `simt`: a grid of workgroups of `lanes` lanes; symbols `lane`, `groupX`, `groupY`, `groupZ` are predefined.
 * `simd`: one thread runs work items `groupX` in [0, grid[0]) one after the other with vectors; the runtime may split the range over threads;
 * `lanes` is 1, shared buffers are per-thread scratch, there are no barriers.
 */
export interface Kernel {
  readonly name: string;
  readonly kind: 'simt' | 'simd';
  readonly buffers: readonly Buffer[]; // global, in binding order
  readonly shared: readonly Buffer[];
  /** Symbols passed as i32 scalars, in order: the model dims the kernel depends on. */
  readonly scalars: readonly string[];
  readonly lanes: number;
  readonly grid: readonly [Dim, Dim, Dim];
  readonly body: readonly Stmt[];
  /** Other ways to compute the same from the same buffers, better where the target has a feature; the first that fits is printed. */
  readonly alternatives?: readonly Alternative[];
  readonly note: KernelNote;
}

/** A body for targets with a feature. */
export interface Alternative {
  readonly feature: string;
  readonly body: readonly Stmt[];
}

/** The kernel as a target with these features runs it. */
export function forFeatures(kernel: Kernel, features: ReadonlySet<string>): Kernel {
  const { alternatives, ...plain } = kernel;
  const found = alternatives?.find((a) => features.has(a.feature));
  return found ? { ...plain, body: found.body } : plain;
}

/** What `infc explain` tells about a kernel. */
export interface KernelNote {
  readonly op: string;
  readonly sources: readonly string[];
  readonly template: string;
  readonly why: string;
  /** Bytes read and written, and arithmetic operations, for one launch (may depend on symbols). */
  readonly bytes: Dim;
  readonly flops: Dim;
  /** The kernel makes codes of 8 bits of activations, always or with relaxed SIMD: what comes of them is as exact as these. */
  readonly codes?: true | 'relaxed';
}

/** Byte offset of each shared buffer in a simd kernel's scratch, 16-byte aligned and readable 16 bytes past its end, and the whole size. */
export function sharedLayout(kernel: Pick<Kernel, 'name' | 'shared'>): {
  readonly offsets: readonly number[];
  readonly bytes: number;
} {
  let bytes = 0;
  const offsets = kernel.shared.map((b) => {
    if (typeof b.elements !== 'number')
      throw new InfcError('INFC4007', `scratch buffer '${b.name}' of kernel '${kernel.name}' has no fixed size`);
    const at = bytes;
    bytes += Math.ceil((byteLength(b.storage, b.elements) + 16) / 16) * 16;
    return at;
  });
  return { offsets, bytes };
}
