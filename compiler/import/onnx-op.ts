import type { Constant, Graph, Value } from '../ir/graph.ts';
import type { GraphBuilder } from '../ir/graph-builder.ts';

/** A decoded ONNX attribute. Graph attributes are imported already; tensors are constants. */
export type OnnxAttribute =
  | number
  | bigint
  | string
  | Uint8Array
  | readonly number[]
  | readonly bigint[]
  | readonly string[]
  | Constant
  | readonly Constant[]
  | Graph
  | readonly Graph[];

/** What an adapter sees of one ONNX node. Omitted optional inputs are null. */
export interface OnnxNode {
  readonly name: string;
  readonly op: string;
  readonly domain: string;
  /** Opset version of the node's domain in this model. */
  readonly opset: number;
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly string[]; // '' when unused
  /** Integer attribute (ints up to 2^53). */
  int(name: string, fallback?: number): number;
  float(name: string, fallback?: number): number;
  string(name: string, fallback?: string): string;
  ints(name: string, fallback?: readonly number[]): readonly number[];
  floats(name: string, fallback?: readonly number[]): readonly number[];
  strings(name: string, fallback?: readonly string[]): readonly string[];
  tensor(name: string): Constant | undefined;
  graph(name: string): Graph | undefined;
  has(name: string): boolean;
  /** Input that must be there. */
  input(index: number): Value;
  /** Numbers of a constant or shape-computed integer input; undefined when it is only known at run time. */
  constantInts(index: number): readonly number[] | undefined;
  /** Values of a constant float input. */
  constantFloats(index: number): readonly number[] | undefined;
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
