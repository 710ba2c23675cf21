import type { Graph, Program } from '../compiler/ir/graph.ts';
import type { OpTable } from '../compiler/ir/graph-builder.ts';
import type { Rewrite } from './rewrite.ts';

/** Phases run in this order; within a phase, in the order of the list, adjusted by `after` and `before`. */
export const phases = ['canonicalize', 'recognize', 'precision', 'format', 'fuse', 'plan'] as const;
export type Phase = (typeof phases)[number];

/** A fact about a program that a pass needs or gives. */
export type Fact = string;

export interface PassContext {
  readonly ops: OpTable;
  /** Evaluates pure nodes on constants (the reference meaning); used by constant folding. */
  readonly program: Program;
  /** Records that a pass changed something, for `infc explain`. */
  changed(pass: string, node: string, what: string): void;
}

/** A transformation of every graph of a program: either a set of rewrites run to a fixpoint, or a function. */
export interface Pass {
  readonly name: string;
  readonly phase: Phase;
  /** Order among passes of the same phase, by pass name. Unknown names and cycles are errors. */
  readonly after?: readonly string[];
  readonly before?: readonly string[];
  readonly requires?: readonly Fact[];
  readonly establishes?: readonly Fact[];
  readonly rewrites?: readonly Rewrite[];
  run?(graph: Graph, context: PassContext): void;
}

export const definePass = (pass: Pass): Pass => pass;
