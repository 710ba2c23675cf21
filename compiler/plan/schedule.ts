import type { PlanGeneration } from '../../runtime/plan.ts';
import type { Dim, Sym } from '../ir/dim.ts';
import type { State, Value } from '../ir/graph.ts';
import type { LoweredKernel } from '../lower/template.ts';

/** A comparison of dims that picks a case or guards an entry. */
export type DimCondition =
  | { readonly kind: 'eq' | 'ne' | 'lt' | 'le'; readonly a: Dim; readonly b: Dim }
  | { readonly kind: 'and'; readonly all: readonly DimCondition[] };

/**
 * One item of an entry's schedule, in execution order. Values are SSA: `assemblePlan` gives each a buffer.
 *
 * A value whose shape uses a data-dependent symbol is placed when the item that writes it runs: the symbols of that value's type that
 * have no value yet are bound from the actual shape.
 */
export type ScheduledItem =
  | { readonly kind: 'kernel'; readonly lowered: LoweredKernel }
  /** Exactly one case runs: the first whose condition holds; the last has none. */
  | {
      readonly kind: 'choose';
      readonly cases: readonly { readonly when?: DimCondition; readonly items: readonly ScheduledItem[] }[];
    }
  /** A function of runtime/host (or of a plugin) by name; attributes must be JSON. Constants may be inputs. */
  | {
      readonly kind: 'host';
      readonly op: string;
      readonly inputs: readonly (Value | null)[];
      readonly outputs: readonly Value[];
      readonly attrs: Readonly<Record<string, unknown>>;
      readonly source: string;
    }
  /** `to` is the bytes of `from` from element `offset` on (default 0), under its own shape: no work at run time. */
  | { readonly kind: 'alias'; readonly from: Value; readonly to: Value; readonly offset?: Dim }
  /** `to` gets its own bytes: for values that a loop overwrites. Same byte size. */
  | { readonly kind: 'copy'; readonly from: Value; readonly to: Value }
  /** `to` is the contents of a state: its bytes, so a kernel that writes `to` writes the state. */
  | { readonly kind: 'state_read'; readonly state: State; readonly to: Value }
  /** Replaces the contents of a state by `from`. Items that read the old contents come before. */
  | { readonly kind: 'state_write'; readonly state: State; readonly from: Value }
  | {
      readonly kind: 'if';
      /** bool scalar. */
      readonly condition: Value;
      readonly body: readonly ScheduledItem[];
      readonly otherwise: readonly ScheduledItem[];
      /** After the branch that ran, its value becomes `to`. Branch values may come from outside the branch. */
      readonly outputs: readonly { readonly body: Value; readonly otherwise: Value; readonly to: Value }[];
    }
  | {
      readonly kind: 'loop';
      /** i64 scalar: most iterations; absent = unbounded. */
      readonly trip?: Value;
      /** bool scalar before the first iteration; absent = true. */
      readonly condition?: Value;
      /** i64 scalar the body reads: the iteration number. */
      readonly iteration?: Value;
      readonly body: readonly ScheduledItem[];
      /** bool scalar of the body that decides on the next iteration; absent = true. */
      readonly next?: Value;
      /** The body reads `inner`: `initial` in the first iteration, then the previous iteration's `result`; `to` is the final value. */
      readonly carry: readonly {
        readonly initial: Value;
        readonly inner: Value;
        readonly result: Value;
        readonly to: Value;
      }[];
      /** `to` gathers each iteration's `from` along axis `axis` (default 0; the iterations' own axis). */
      readonly collect: readonly {
        readonly from: Value;
        readonly to: Value;
        readonly axis?: number;
        readonly reverse?: boolean;
      }[];
      /** The body reads `to`: slice number `iteration` of `from` along `axis`. */
      readonly slice: readonly {
        readonly from: Value;
        readonly to: Value;
        readonly axis: number;
        readonly reverse?: boolean;
      }[];
    };

/** One entry point: what runs, and under which assumptions. */
export interface EntrySchedule {
  readonly name: string;
  readonly inputs: readonly Value[];
  /** Symbols whose values the caller gives with each run. */
  readonly given?: readonly string[];
  /** Names of the outputs are the names users see. A value may be an input or a constant. */
  readonly outputs: readonly { readonly name: string; readonly value: Value }[];
  readonly items: readonly ScheduledItem[];
  readonly guards: readonly { readonly condition: DimCondition; readonly why: string }[];
}

/** A scheduled program: all that `assemblePlan` needs besides the backend. */
export interface Schedule {
  readonly name: string;
  readonly entries: readonly EntrySchedule[];
  readonly states: readonly State[];
  /** Symbols of the model's shapes, with bounds; data-dependent ones included. */
  readonly symbols: ReadonlyMap<string, Sym>;
  readonly generation?: PlanGeneration;
}
