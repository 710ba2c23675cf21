import type { Target } from '../../backends/backend.ts';
import type { StorageFormat } from '../formats/format.ts';
import type { Dim } from '../ir/dim.ts';
import type { DType } from '../ir/dtype.ts';
import type { Buffer, Expr } from '../ir/expr.ts';
import type { Constant, Node, TensorType, Value } from '../ir/graph.ts';
import type { OpTable } from '../ir/graph-builder.ts';
import type { Kernel, KernelNote } from '../ir/kernel.ts';
import type { KernelBuilder } from '../ir/kernel-builder.ts';

/** Where a kernel's buffer comes from: a value of the graph, or bytes packed from a constant at compile time. */
export type KernelArgument =
  | { readonly kind: 'value'; readonly value: Value }
  | {
      readonly kind: 'packed';
      readonly key: string;
      readonly from: Value;
      readonly constant: Constant;
      /** What made it of the value's constant, where that needs nothing else: the same kernel then serves other weights. */
      readonly pack?: (source: Constant) => Constant;
    }
  | { readonly kind: 'scratch'; readonly type: TensorType; readonly key: string; readonly of?: Value };

/** How a kernel reads packed bytes. */
export interface PackedTraits extends Pick<Buffer, 'finite'> {
  readonly dtype?: DType;
}

/** A kernel together with what its buffers are, in binding order. */
export interface LoweredKernel {
  readonly kernel: Kernel;
  readonly args: readonly KernelArgument[];
  /** A kernel that prepares an operand for others: within one graph, those with an equal key and value run once, before their first user. */
  readonly once?: { readonly key: string; readonly of: Value };
}

/**
 * A fused region with one anchor (matmul, conv...) seen by a template. The template computes the anchor's output element by element
 * and passes each accumulator through `epilogue`, which also says what is stored where.
 */
export interface TemplateRequest {
  readonly anchor: Node;
  /** Definitions of ops, for templates that read the anchor's element expression. */
  readonly ops: OpTable;
  readonly target: Target;
  /** Type of the region's output; same shape as the anchor's output. */
  readonly output: TensorType;
  /** Name for the kernel. */
  readonly name: string;
  /** The storage format of that name. Throws INFC3012 when no plugin defines it. */
  format(name: string): StorageFormat;
  /** Binds a value of the graph as a buffer of the kernel under construction (each value once). */
  bind(k: KernelBuilder, value: Value): Buffer;
  /**
   * Binds bytes derived from a constant value; `key` names the layout. `packed` is the result, or makes it of the constant and depends on
   * nothing else of it, so that the kernel serves all weights of a shape; `dtype` reads its bytes as elements of another type.
   */
  bindPacked(
    k: KernelBuilder,
    from: Value,
    key: string,
    packed: Constant | ((source: Constant) => Constant),
    traits?: PackedTraits,
  ): Buffer;
  /** Binds memory that one kernel of the template fills for others; equal keys, values (`of`) and types are the same memory. */
  bindScratch(k: KernelBuilder, key: string, type: TensorType, access: 'read' | 'write', of?: Value): Buffer;
  /**
   * Applies the fused consumers to an accumulator for the output element at `coords` and stores it. With a vector accumulator the
   * elements are consecutive along the last axis. With fewer coordinates than axes, the last coordinate counts
   * over the remaining axes as one.
   */
  finish(k: KernelBuilder, accumulator: Expr, coords: readonly Dim[]): void;
  /** Closes a kernel: for templates that need several. */
  close(k: KernelBuilder, note: KernelNote): LoweredKernel;
}

/** A hand-authored schedule for one op family: explicit loops over Kernel IR, parameterised by format and epilogue. */
export interface Template {
  readonly name: string;
  readonly op: string;
  /** Whether the template is legal for this node on this target (shared memory, features, static dims it needs). */
  when(anchor: Node, target: Target): boolean;
  /** Why it is chosen, for `infc explain`; higher `score` wins among legal candidates. */
  readonly score: number;
  readonly why: string;
  build(request: TemplateRequest): readonly LoweredKernel[] | Kernel;
}

export const defineTemplate = (template: Template): Template => template;
