import type { HostTensor } from '../../runtime/host.ts';
import type { Dim } from './dim.ts';
import type { Expr, Fold } from './expr.ts';
import type { Attributes, Node, TensorType, Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';

export type { HostTensor } from '../../runtime/host.ts';

/** What shape inference sees of a node. */
export interface InferContext {
  readonly inputs: readonly (TensorType | null)[];
  readonly attrs: Attributes;
  /** Symbolic contents of an integer input, when known. */
  known(input: number): readonly Dim[] | undefined;
  /** A dim that only the run decides; the same node always gives the same symbol. */
  dataDependent(hint: string, max: Dim): Dim;
  /** Throws INFC2xxx naming the node, the reason and a fix. */
  fail(reason: string, fix?: string): never;
}

/**
 * What a tensor expression sees: element `coords` of its inputs. Calling `at` on an input that is produced inside the same fused
 * region inlines the producer; otherwise it becomes a load.
 */
export interface ElementContext {
  readonly inputs: readonly (TensorType | null)[];
  readonly outputs: readonly TensorType[];
  readonly attrs: Attributes;
  /** Element of input `i` at `coords` (within bounds: use `guarded` otherwise), in compute type. */
  at(i: number, coords: readonly Dim[]): Expr;
  /** Element of input `i` at a row-major linear position. */
  linear(i: number, position: Dim): Expr;
  /** at(), or `otherwise` where some coordinate is outside [0, dim). Coordinates that are provably inside cost nothing. */
  guarded(i: number, coords: readonly Dim[], otherwise: Expr): Expr;
  /** An index computed from data. It is clamped into [0, extent): memory safety does not depend on data. */
  index(value: Expr, extent: Dim): Dim;
  /** Reduction over fresh loop symbols, in row-major order of the loops. */
  fold(
    monoid: Fold['monoid'],
    extents: readonly Dim[],
    init: readonly Expr[],
    next: (loops: readonly Dim[], state: readonly Expr[]) => readonly Expr[],
  ): Expr[];
}

/**
 * An operation of the graph IR. Exactly one of `scalar`, `element`, `decompose`, `reference`, `host`, `control` gives its meaning:
 * - scalar: one body over the broadcast inputs; it yields the reference value, folding, fusion and the kernels of every backend;
 * - element: each output element as an expression over input elements (movement, reduction, pooling, convolution, matmul);
 * - decompose: a graph of other ops;
 * - reference: plain JavaScript over whole tensors, for naturally sequential ops (recurrences). It serves the reference evaluator and
 *   constant folding; a backend runs the op through a template for it or as a host step of the same name;
 * - host: a runtime step by name (data-dependent results, strings); see runtime/host;
 * - control: if, loop, scan, region and the like, known to the plan.
 */
export interface OpDef {
  readonly name: string;
  /** Output types from input types. */
  infer(context: InferContext): TensorType | readonly TensorType[];
  /** Symbolic contents of the outputs for small integer tensors (shape arithmetic), where they follow from known inputs. */
  known?(context: InferContext): readonly (readonly Dim[] | undefined)[] | undefined;
  scalar?(
    inputs: readonly Expr[],
    attrs: Attributes,
    types: { readonly inputs: readonly TensorType[]; readonly output: TensorType },
  ): Expr;
  element?(context: ElementContext): (coords: readonly Dim[], output: number) => Expr;
  decompose?(
    builder: GraphBuilder,
    inputs: readonly (Value | null)[],
    attrs: Attributes,
    outputs: readonly TensorType[],
  ): readonly Value[];
  /** The decomposition waits until a target is known, and happens only where no template takes the op. */
  readonly lateDecompose?: true;
  /** Outputs from dense inputs; 16-bit and narrower floats are raw bits in `data`. `outputs` are types with concrete shapes where known. */
  reference?(
    inputs: readonly (HostTensor | null)[],
    attrs: Attributes,
    outputs: readonly TensorType[],
  ): readonly HostTensor[];
  host?: string;
  control?: true;
  /** False for ops whose result differs from run to run or that act on state; they are neither folded nor deduplicated. Default true. */
  readonly pure?: boolean;
  /** Reads the same bytes under another shape: becomes an alias, not a kernel (reshape, squeeze...). */
  readonly view?: true;
  /**
   * Real and imaginary parts can be computed apart: the op moves elements, or is linear with real factors. Only such ops take complex
   * numbers; nothing in ONNX computes with them otherwise.
   */
  readonly partwise?: true;
  /** Work per output element, for cost and roofline; default 1. */
  flops?(node: Node): Dim;
}

export const defineOp = (op: OpDef): OpDef => op;
