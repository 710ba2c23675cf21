import type { Attributes, TensorType, Value } from '../compiler/ir/graph.ts';
import type { GraphBuilder } from '../compiler/ir/graph-builder.ts';

/** What a rewrite's condition may ask about the match. */
export interface Match {
  readonly holes: Readonly<Record<string, Value>>;
  /** Attributes of the matched root. */
  readonly attrs: Attributes;
}

/**
 * `from` and `to` are both graph-building functions over named holes: one generic property test instantiates both with random
 * tensors of the `sample` types and compares their values, so a rewrite is proven the moment it is written.
 */
export interface Rewrite {
  readonly name: string;
  readonly holes: readonly string[];
  from(b: GraphBuilder, holes: Readonly<Record<string, Value>>): Value;
  where?(match: Match): boolean;
  to(b: GraphBuilder, holes: Readonly<Record<string, Value>>, match: Match): Value;
  /** Types with which the property test tries the rewrite; several draws each. */
  readonly sample: readonly Readonly<Record<string, TensorType>>[];
}

export const rewrite = (r: Rewrite): Rewrite => r;
