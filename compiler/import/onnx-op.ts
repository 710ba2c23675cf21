import type { Dim } from '../ir/dim.ts';
import type { Constant, Graph, TensorType, Value } from '../ir/graph.ts';
import type { GraphBuilder } from '../ir/graph-builder.ts';
import type { HostTensor } from '../ir/op.ts';

/** What an adapter sees of one ONNX node. Omitted optional inputs are null. Attribute readers throw INFC1xxx on a wrong kind. */
export interface OnnxNode {
  /** Unique in the model; made up from the op where the file gives none. */
  readonly name: string;
  readonly op: string;
  readonly domain: string;
  /** Opset version of the node's domain in this model. */
  readonly opset: number;
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly string[]; // '' when unused
  /** Integer attribute (ints up to 2^53); throws when absent and there is no fallback. */
  int(name: string, fallback?: number): number;
  /** All 64 bits of an integer attribute. */
  bigint(name: string): bigint;
  bigints(name: string): readonly bigint[];
  float(name: string, fallback?: number): number;
  string(name: string, fallback?: string): string;
  /** A string attribute that is one of a few words; any other is refused. */
  choice<T extends string>(name: string, words: readonly T[], fallback?: T): T;
  ints(name: string, fallback?: readonly number[]): readonly number[];
  floats(name: string, fallback?: readonly number[]): readonly number[];
  strings(name: string, fallback?: readonly string[]): readonly string[];
  tensor(name: string): Constant | undefined;
  tensors(name: string): readonly Constant[];
  /** A type attribute (Optional). */
  type(name: string): TensorType | undefined;
  has(name: string): boolean;
  /**
   * Imports a body with inputs of the given types (and contents, where shape arithmetic may use them); outer values are captured.
   * May be called again with other types.
   */
  subgraph(name: string, inputs: readonly TensorType[], known?: readonly (readonly Dim[] | undefined)[]): Graph;
  /** Imports a body into the current graph, or where `into` builds, and returns its outputs. */
  inline(name: string, inputs: readonly Value[], into?: GraphBuilder): readonly Value[];
  /** Input that must be there. */
  input(index: number): Value;
  /** Numbers of a constant or shape-computed integer or bool input; undefined when it is only known at run time. */
  constantInts(index: number): readonly number[] | undefined;
  /** Values of a constant float input. */
  constantFloats(index: number): readonly number[] | undefined;
  /** Contents of any input whose value is known while importing. */
  constantTensor(index: number): HostTensor | undefined;
  /** Throws INFC1xxx naming the node, the reason and a fix. */
  fail(reason: string, fix?: string): never;
}

/** How one ONNX operator, in all its opset versions, becomes nodes of the graph IR. Returns its outputs (fewer than declared if the rest is unused). */
export interface OnnxOp {
  readonly domain: string; // '' for ai.onnx
  readonly name: string;
  /** First opset that has it (default 1), and the last (removed afterwards). */
  readonly since?: number;
  readonly until?: number;
  build(node: OnnxNode, builder: GraphBuilder): readonly (Value | null)[];
}

export const onnxOp = (
  name: string,
  build: OnnxOp['build'],
  more: Partial<Omit<OnnxOp, 'name' | 'build'>> = {},
): OnnxOp => ({ domain: '', name, build, ...more });
