import type { Target } from '../../backends/backend.ts';
import { decodeFloat } from '../../runtime/minifloat.ts';
import type { StorageFormat } from '../formats/format.ts';
import { type Dim, product, range } from '../ir/dim.ts';
import { bitsOf, byteLength, computeType, isComplex, isFloat, viewOf } from '../ir/dtype.ts';
import { constant, type Expr } from '../ir/expr.ts';
import type { Node, TensorType, Value } from '../ir/graph.ts';
import type { OpTable } from '../ir/graph-builder.ts';
import type { Template } from './template.ts';

/** Nodes that run as one step. Only `output` is used outside; its producer is the last node. */
export interface Region {
  readonly nodes: readonly Node[];
  readonly output: Value;
  /** The node a template schedules; the rest of the region is its epilogue. */
  readonly anchor?: Node;
}

/** What lowering needs besides the region. */
export interface LowerContext {
  readonly ops: OpTable;
  readonly target: Target;
  readonly templates: readonly Template[];
  /** Storage formats of weights, by name. */
  readonly formats?: { format(name: string): StorageFormat | undefined };
  /** Unique kernel names. */
  name(region: Region): string;
}

/** Templates that may schedule the node on this target, best first. */
export const legalTemplates = (node: Node, target: Target, templates: readonly Template[]): Template[] =>
  templates.filter((t) => t.op === node.op && t.when(node, target)).sort((a, b) => b.score - a.score);

export const isInRegion = (region: Region): ((v: Value) => boolean) => {
  const nodes = new Set(region.nodes);
  return (v) => v.producer !== undefined && nodes.has(v.producer);
};

export const typeOf = (v: Value): TensorType => v.type;

/** A representative value of a dim for choices of strategy: symbols count as 64 within their bounds. */
export function guess(d: Dim): number {
  if (typeof d === 'number') return d;
  const r = range(d);
  return Math.min(r.max, Math.max(r.min, 64));
}

/** A constant of one element, as the number it is: kernels then hold it in code. */
export function constantScalar(v: Value): Expr | undefined {
  const { dtype, shape, format } = v.type;
  if (
    !v.constant ||
    v.constant.strings ||
    format !== 'dense' ||
    bitsOf[dtype] < 8 ||
    isComplex(dtype) ||
    product(shape) !== 1
  )
    return undefined;
  const compute = computeType(dtype);
  const bytes = v.constant.read().slice(0, byteLength(dtype, 1));
  const [raw = 0] = viewOf(dtype, bytes.buffer, 0, 1);
  const narrow = isFloat(dtype) && bitsOf[dtype] < 32;
  return constant(compute, narrow ? decodeFloat(dtype, Number(raw)) : raw);
}
