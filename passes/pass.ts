import type { StorageFormat } from '../compiler/formats/format.ts';
import type { FormatRecipe } from '../compiler/formats/recipe.ts';
import type { MatrixSize, Planes } from '../compiler/formats/rows.ts';
import type { Constant, Graph, Node, Program, Value } from '../compiler/ir/graph.ts';
import { GraphBuilder, type OpTable } from '../compiler/ir/graph-builder.ts';
import type { Steps } from '../compiler/steps.ts';
import type { HostTensor } from '../runtime/host.ts';
import type { RoundingError } from './format/rounding-error.ts';
import type { AddProduct } from './precision/add-product.ts';
import type { Pruner } from './precision/pruner.ts';
import type { Equalizer, InputStatistics, Quantizer } from './precision/quantizer.ts';
import type { Rewrite } from './rewrite.ts';

/** Phases run in this order; within a phase, in the order of the list, adjusted by `after` and `before`. */
export const phases = ['canonicalize', 'recognize', 'precision', 'format', 'fuse'] as const;
export type Phase = (typeof phases)[number];

/** A fact about a program that a pass needs or gives. */
export type Fact = string;

/** Compression algorithms by name. */
export interface Algorithms {
  readonly quantizers: ReadonlyMap<string, Quantizer>;
  readonly equalizers: ReadonlyMap<string, Equalizer>;
  readonly pruners: ReadonlyMap<string, Pruner>;
}

/** Something to compute before the weights are written. */
export interface DeferredWork {
  /** Name of the weight. */
  readonly name: string;
  /** What takes long stops now and then, or reports itself. */
  run(onProgress: (share: number) => void, signal: AbortSignal | undefined): Steps<void>;
}

/** What became of a weight that a node reads, told before anything stores, joins or fuses it: what a checker needs to make it again. */
export interface RoundedWeight {
  /** Name of the node in the model, and its op: a table and the head tied to it may have one name. */
  readonly node: string;
  readonly op: string;
  /** Name of the weight. */
  readonly weight: string;
  /** The storage format or dtype that it was rounded to. */
  readonly to: string;
  /** The weight as rounding found it; rows of `as` are its columns when `transposed`. */
  readonly from: Constant;
  /** The values that it was rounded to. */
  readonly as: Constant;
  readonly transposed: boolean;
  /** Rounds another constant of the same type as this one was; absent where an algorithm chose the values. */
  readonly again?: (from: Constant) => Constant;
}

/** Storage formats, and how a compilation uses them. */
export interface WeightStorage {
  format(name: string): StorageFormat | undefined;
  formats(): Iterable<StorageFormat>;
  /**
   * Time of a product in a sparse format, in times that of its dense one, at this share of zeros: on the target where it gains least.
   * Undefined where some target's was not measured.
   */
  sparseSpeed(format: string, zeros: number): number | undefined;
  /** How weights are to be stored; absent: formats that the model file came with are kept. */
  readonly recipe?: FormatRecipe;
  readonly algorithms: Algorithms;
  /** Products of matrices, for algorithms. */
  readonly addProduct: AddProduct;
  /** Statistics of the inputs of products, by the name of the weight. Passes that change the inputs change these too. */
  readonly calibration?: Map<string, InputStatistics>;
  /** Work on weights that may take long: done after the passes, one by one, with progress. */
  readonly later: DeferredWork[];
  /** Where what plain rounding did is noted; absent when nobody asks. */
  readonly errors?: RoundingError[];
  /** Where each weight that is rounded is noted; absent when nobody asks. */
  readonly rounded?: RoundedWeight[];
  /** The weights that planes of a format stand for. */
  decode(format: StorageFormat, planes: Planes, size: MatrixSize): Float32Array;
}

/** What became of a value that the user asked to keep narrower or sparse: counted and told after a compilation. */
export interface Fate {
  /** The dtype or format it is kept in now; absent: it stays as it was. */
  readonly to?: string;
  /** Why it was chosen, or stays. */
  readonly why?: string;
  /** What became of its zeros, and why. */
  readonly zeros?: string;
}

export interface PassContext {
  readonly ops: OpTable;
  readonly program: Program;
  /** Value of something that depends on constants only, by the reference meaning of its ops; undefined when it does not. */
  evaluate(value: Value): HostTensor | undefined;
  /** What passes need that choose how weights are stored. */
  readonly storage?: WeightStorage;
  /** Records that a pass changed something, for `infc explain`; with the `fate` of what a recipe asked for, also for the summary. */
  changed(node: Node, what: string, fate?: Fate): void;
}

/** A transformation of every graph of a program (bodies included): either rewrites run to a fixpoint, or a function. */
export interface Pass {
  readonly name: string;
  readonly phase: Phase;
  /** What it does, for `infc explain pipeline`. */
  readonly does: string;
  /** Order among passes of the same phase, by pass name. Unknown names and cycles are errors. */
  readonly after?: readonly string[];
  readonly before?: readonly string[];
  readonly requires?: readonly Fact[];
  readonly establishes?: readonly Fact[];
  /**
   * Of passes in the phase `precision`, what a change of theirs touches: values of weights alone, the form of the graph though not its results,
   * or (default) the results. `infc verify` needs to know what can still be compared with the model as it was imported.
   */
  readonly alters?: 'weights' | 'form';
  readonly rewrites?: readonly Rewrite[];
  run?(graph: Graph, context: PassContext): void;
}

export const definePass = (pass: Pass): Pass => pass;

/** Builds nodes in place of `node`, keeping its provenance. */
export const builderAt = (graph: Graph, node: Node, context: PassContext): GraphBuilder =>
  new GraphBuilder(graph, context.ops, node.source, node);
