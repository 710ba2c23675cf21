import type { InputStatistics, Needs } from './quantizer.ts';

/** Collects what the inputs of one matrix product look like; k is their length. */
export interface Collector {
  /** `count` inputs of k values each, row-major. */
  add(rows: Float32Array, count: number): Promise<void> | void;
  /** What came together; called once, after the last input. */
  finish(): Partial<InputStatistics> | Promise<Partial<InputStatistics>>;
}

/** A kind of statistics. One file, one line in `calibrators`; algorithms say by `needs` which run. */
export interface Calibrator {
  readonly name: string;
  readonly does: string;
  /** Whether an algorithm with these needs reads what this one collects. */
  serves(needs: Needs): boolean;
  /** `product` computes x^T x [k, k] of inputs x [count, k] fast. */
  start(k: number, product: GramProduct): Collector;
}

/** x^T x of `count` rows of k values. */
export type GramProduct = (rows: Float32Array, count: number, k: number) => Promise<Float32Array>;

export const defineCalibrator = (calibrator: Calibrator): Calibrator => calibrator;
