import type { Partition } from './charset.ts';
import type { Uncounted } from './counters.ts';
import type { CostModel } from './decisions.ts';

/** Interned id of a language over Unicode scalar values. Equal ids mean equal languages; the converse holds only up to rewriting. */
export type Lang = number;

export type NodeKind =
  | 'empty'
  | 'epsilon'
  | 'class'
  | 'concat'
  | 'union'
  | 'intersect'
  | 'one'
  | 'not'
  | 'repeat'
  | 'behind'
  | 'context'
  | 'loop'
  | 'rule';

/**
 * One interned node. Which of the fields mean something depends on the kind:
 * class `a` = set; one: exactly one of `kids`; concat `a b`; repeat `a{min,max}`; not `a`; behind `a` = index, `b` = 1 when negated;
 * context `kids` = [expression, history, history, ...]; loop: see {@link Expand}; rule `a` = index of its {@link RuleDefinition}.
 */
export interface LanguageNode {
  readonly kind: NodeKind;
  readonly a: number;
  readonly b: number;
  readonly min: number;
  readonly max: number;
  readonly kids: readonly Lang[];
  /** True, false, or undefined when it depends on look-behind bits. */
  readonly nullable: boolean | undefined;
  /** Bounds on the number of code points of a member; exact where no Boolean operator is below. */
  readonly minLength: number;
  readonly maxLength: number;
  /** True when nothing below intersects, complements, looks behind or loops: then the bounds are exact. */
  readonly plain: boolean;
  /** True when the language can be empty without being the node `empty`. */
  readonly opaque: boolean;
  /** Bit i set when look-behind i of the enclosing context decides something below. */
  readonly behinds: number;
  /** True when a recursive loop is below. */
  readonly looping: boolean;
}

/** Defines a loop node: the language of one unrolling. */
export type Expand = () => Lang;

/** A language known by how it derives: a nonterminal of a context-free grammar, or a language of another engine. It must not be empty. */
export interface RuleDefinition {
  readonly nullable: boolean;
  /** A lower bound on the number of code points of a member. */
  readonly minLength: number;
  /** An upper bound on the same; without it the language may recur without end, as nonterminals do. */
  readonly maxLength?: number | undefined;
  /** Both bounds are exact. */
  readonly plain?: boolean | undefined;
  /** True when the language followed by itself is itself. */
  readonly idempotent: boolean;
  classes(): Partition;
  derive(codePoint: number): Lang;
  shortest(cost: CostModel): number;
  /** The same for all engines that borrow the language. */
  readonly origin?: string;
  cardinality?(): number;
  need?(): number;
  uncounted?(): Uncounted;
  /** See `partsOf`. */
  parts?(): readonly Lang[];
}

export const EMPTY: Lang = 0;
export const EPSILON: Lang = 1;

export const UNBOUNDED = Number.POSITIVE_INFINITY;
