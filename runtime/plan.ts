import type { DType } from './dtype.ts';

/**
 * The plan: everything a runtime needs to play a compiled model, as JSON. The runtime owns this schema; the compiler writes it.
 * A runtime plays every `infc` (major) up to its own and refuses newer ones (INFC6001). `minor` grows with fields that an older runtime may
 * ignore and still compute the same; whatever an older one would misread, or miss, is a new major. 2: kernel steps of plan.json are
 * written as what differs from the step before with the same kernel, bindings and grid.
 */
export const PLAN_MAJOR = 2;
export const PLAN_MINOR = 0;

/** A dimension expression in prefix form: a number, a symbol's name, or an operation. Division floors. */
export type DimCode = number | string | readonly ['add' | 'mul' | 'div' | 'mod' | 'min' | 'max', ...DimCode[]];

/** A condition on dims. */
export type ConditionCode =
  | readonly ['eq' | 'ne' | 'lt' | 'le', DimCode, DimCode]
  | readonly ['and', ...ConditionCode[]];

export interface PlanSymbol {
  readonly min: number;
  /** Largest value allowed; absent when unbounded. */
  readonly max?: number;
  readonly multipleOf?: number;
}

/**
 * A run-time tensor. `bytes` follow from dtype and shape unless given (packed weights).
 * Roles: weight (in a file), input, output, arena (lives between its first and last step), state (outlives runs),
 * derived (computed from weights once, when the model is loaded), alias (the same bytes as another buffer), host (a JavaScript value: strings, sequences).
 */
export interface PlanBuffer {
  readonly name?: string;
  readonly role: 'weight' | 'input' | 'output' | 'arena' | 'state' | 'derived' | 'alias' | 'host';
  readonly dtype: DType;
  readonly shape: readonly DimCode[];
  /** Storage size in bytes when it is not dense(dtype, shape). */
  readonly bytes?: DimCode;
  /** weight: tensor name in the weights file. */
  readonly tensor?: string;
  /** alias: the buffer whose bytes these are. */
  readonly of?: number;
  /** alias: first byte within that buffer; default 0. */
  readonly at?: DimCode;
  /** host: the value, when it is a constant. */
  readonly strings?: readonly string[];
  /** arena, input, output: byte offset, where the entry has an `arena`. Otherwise the runtime plans at run time with the same algorithm. */
  readonly offset?: number;
}

export interface PlanKernel {
  readonly name: string;
  /** Text or binary that holds it, relative to the plan; several kernels may share one file. */
  readonly file: string;
  readonly entry: string;
  /** Symbols passed as i32 scalars, in order. */
  readonly scalars: readonly string[];
  /** simt: lanes in a workgroup. simd: 1. */
  readonly lanes: number;
  /** simd: bytes of scratch each thread needs. */
  readonly scratch?: number;
  readonly note?: {
    readonly op: string;
    /** Nodes of the model that it comes from; in a file the first few. */
    readonly sources: readonly string[];
    readonly template: string;
    readonly why: string;
    readonly bytes: DimCode;
    readonly flops: DimCode;
    readonly codes?: true | 'relaxed';
  };
}

export type PlanStep =
  | {
      readonly kind: 'kernel';
      readonly kernel: number;
      readonly bind: readonly number[];
      readonly grid: readonly [DimCode, DimCode, DimCode];
    }
  /** Exactly one branch runs: the first whose condition holds; the last has none. */
  | {
      readonly kind: 'choose';
      readonly cases: readonly { readonly when?: ConditionCode; readonly steps: readonly PlanStep[] }[];
    }
  /** Bytes of `from` to `to` (same byte size); `defines` are symbols that the shape of `from` fixes through the shape of `to`. */
  | { readonly kind: 'copy'; readonly from: number; readonly to: number; readonly defines?: readonly string[] }
  /**
   * A function of runtime/host by name; `defines` are symbols whose values its output shapes fix. In `attrs`, `{ dim: DimCode }` stands
   * for the number that it has in this run.
   */
  | {
      readonly kind: 'host';
      readonly op: string;
      readonly inputs: readonly (number | null)[];
      readonly outputs: readonly number[];
      readonly attrs: Readonly<Record<string, unknown>>;
      readonly defines?: readonly string[];
    }
  | {
      readonly kind: 'if';
      readonly condition: number;
      readonly body: readonly PlanStep[];
      readonly otherwise: readonly PlanStep[];
    }
  | {
      readonly kind: 'loop';
      /** i64 scalar: most iterations; absent = unbounded. */
      readonly trip?: number;
      /** bool scalar read before each iteration; absent = true. */
      readonly condition?: number;
      /** i64 scalar buffer that receives the iteration number. */
      readonly iteration?: number;
      readonly body: readonly PlanStep[];
      /** After the body, bytes of `from` become the next iteration's `to`, all at once; no `from` is another's `to`. */
      readonly carry: readonly { readonly from: number; readonly to: number; readonly defines?: readonly string[] }[];
      /** `to` gathers each iteration's `from` along `axis` (default 0); `defines` as for copy, bound when the loop ends. */
      readonly collect: readonly {
        readonly from: number;
        readonly to: number;
        readonly axis?: number;
        readonly reverse?: boolean;
        readonly defines?: readonly string[];
      }[];
      /** Before the body, slice number `iteration` of `from` along `axis` goes to `to`. */
      readonly slice: readonly {
        readonly from: number;
        readonly to: number;
        readonly axis: number;
        readonly reverse?: boolean;
      }[];
    };

export type KernelStep = PlanStep & { readonly kind: 'kernel' };

/** Values that live on the host: sequences, values that may be absent, maps by the type of their keys, sequences of maps. */
export type Container =
  | 'sequence'
  | 'optional'
  | 'optional-sequence'
  | 'string-map'
  | 'i64-map'
  | 'string-maps'
  | 'i64-maps';

export interface PlanPort {
  readonly name: string;
  readonly buffer: number;
  readonly dtype: DType;
  /** Symbols are bound from the shapes of the inputs. */
  readonly shape: readonly DimCode[];
  /** Not a plain tensor: dtype is that of the elements; their shapes are free. */
  readonly container?: Container;
}

export interface PlanEntry {
  readonly inputs: readonly PlanPort[];
  /** Symbols that no input's shape fixes: the caller gives their values with the run. */
  readonly symbols?: readonly string[];
  /** Those of `symbols` that decide no buffer's size or place: a run with others of their values reuses what is prepared. */
  readonly free?: readonly string[];
  readonly outputs: readonly PlanPort[];
  /** Facts the compiler relied on; a run that breaks one is refused with INFC6xxx. */
  readonly guards: readonly { readonly condition: ConditionCode; readonly why: string }[];
  readonly steps: readonly PlanStep[];
  /** Arena bytes, where the compiler has laid it out: sizes are static, or the offsets do for every run of a language model. */
  readonly arena?: number;
}

export interface PlanWeights {
  /** A safetensors file beside the plan. */
  readonly file: string;
  readonly bytes: number;
  /** Only the `load` steps read it: its memory is free afterwards. */
  readonly transient?: true;
}

/**
 * How a language model's entries are driven. Every entry takes `input_ids` [1, seq]; those that decode give `logits` (f32).
 * Without a `policy` the caches are no states: they go in as `past.N` (or `past_key_values.N`) and come out as `present.N`.
 */
export interface PlanGeneration {
  readonly kind: 'decoder' | 'recurrent' | 'encoder';
  /** Names of entries. `verify` gives the logits of every token of a short run. */
  readonly entries: {
    readonly prefill: string;
    readonly decode: string;
    readonly verify?: string;
    readonly batch?: string;
  };
  /**
   * Sequences that the states have room for, default 1. With more, every entry takes `slot`, the sequence's number, as a symbol, and `batch`
   * takes the next tokens of several: `slots` and `positions` [seq] beside `input_ids`. States hold the sequences one after the other
   * along axis 1 (`decoder`) or 0 (`recurrent`).
   */
  readonly slots?: number;
  /** Most tokens that one run of `prefill` takes. */
  readonly chunk?: number;
  /** Most tokens that one run of `verify` takes. */
  readonly verifyChunk?: number;
  /** Most tokens that the model attends to. */
  readonly context: number;
  readonly vocabulary: number;
  /** Most of the last tokens that the states can forget and go on before; absent: any number. */
  readonly rewind?: number;
  /** Name of the KV policy. */
  readonly policy?: string;
  /** Tokens that end a text, begin one, and fill a batch. */
  readonly eos: readonly number[];
  readonly bos?: number;
  readonly pad?: number;
  /** Bytes of all states. */
  readonly stateBytes: number;
  /** tokenizer.json and tokenizer_config.json lie beside the plan. */
  readonly tokenizer?: true;
  /** Sampling that the model's authors recommend. */
  readonly sampling?: {
    readonly temperature?: number;
    readonly topK?: number;
    readonly topP?: number;
    readonly minP?: number;
    readonly repetitionPenalty?: number;
  };
}

export interface Plan {
  readonly infc: number;
  readonly minor: number;
  readonly name: string;
  readonly target: { readonly kind: string; readonly features: readonly string[] };
  readonly symbols: Readonly<Record<string, PlanSymbol>>;
  readonly buffers: readonly PlanBuffer[];
  readonly kernels: readonly PlanKernel[];
  /** Other builds of kernels, with the same entries and parameters, for devices that pass a probe of every named feature; first match wins. */
  readonly variants?: readonly {
    readonly file: string;
    readonly use: string;
    readonly features: readonly string[];
    /** Numbers of the kernels in `use`; absent = all of `file`. */
    readonly kernels?: readonly number[];
  }[];
  readonly weights: readonly PlanWeights[];
  /** Runs once when the model is loaded, to fill the `derived` buffers; no inputs, no outputs. */
  readonly load?: PlanEntry;
  readonly entries: Readonly<Record<string, PlanEntry>>;
  /** Names of runtime/host functions the plan needs. */
  readonly host: readonly string[];
  /** Present when the model generates text. */
  readonly generation?: PlanGeneration;
}
