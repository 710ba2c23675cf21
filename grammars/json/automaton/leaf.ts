import type { Formula } from '../formula/formula.ts';

/** An interned set of branch numbers of the frame below: what a finished value satisfied. */
export type ResultId = number;

/** One demand of a state: while `state` is alive, finishing the value in it satisfies the branches `results` of the frame below. */
export interface Slot<State> {
  readonly state: State;
  readonly results: ResultId;
}

/** A slot whose state is a formula over the atoms of one type. */
export type FormulaSlot = Slot<Formula>;

/**
 * A state of the automaton local to one value or to one gap between values; what surrounds it is on the stack.
 * Transitions are codes, see {@link goTo}, {@link push}, {@link pop} and {@link popThen}; 0 is dead.
 */
export interface Leaf {
  readonly kind: string;
  /** The coded transition for a byte; `row[at .. at + 256)` takes those that are found on the way, see {@link prime}. */
  step(byte: number, row: Int32Array, at: number): number;
  /**
   * Fills what is cheaply known of the transitions in `row[at .. at + 256)`: {@link DEAD} or a code plus one; the rest stays 0.
   * Called once, before the first transition.
   */
  prime(row: Int32Array, at: number): void;
  /** The result when the value may end here without a further byte (numbers only, and the end of the document), or 0. */
  end(): ResultId;
}

/** Stay on the same level, in leaf `id`. */
export const goTo = (id: number): number => id << 2;
/** Put a frame on the stack (entry `id` of the push table). */
export const push = (id: number): number => (id << 2) | 1;
/** The value is complete with this result; the byte is consumed. */
export const pop = (result: ResultId): number => (result << 2) | 2;
/** The value was complete before this byte: resume the frame below and give it the byte. */
export const popThen = (result: ResultId): number => (result << 2) | 3;

/** A table entry for "no transition". */
export const DEAD = 1;

/** Marks every byte dead but the listed ones. */
export function onlyBytes(row: Int32Array, at: number, bytes: string): void {
  row.fill(DEAD, at, at + 256);
  for (let i = 0; i < bytes.length; i++) row[at + bytes.charCodeAt(i)] = 0;
}

/** JSON's whitespace. */
export const WHITESPACE = ' \n\t\r';
