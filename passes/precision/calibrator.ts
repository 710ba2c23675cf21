import type { AddProduct } from './add-product.ts';
import type { InputStatistics, Needs } from './quantizer.ts';

/** Collects what the inputs of one matrix product look like; k is their length. */
export interface Collector {
  /** `count` inputs of k values each, row-major. */
  add(rows: Float32Array, count: number): void;
  /** What came together; called once, after the last input. */
  finish(): Partial<InputStatistics>;
}

/** A kind of statistics. One file, one line in `calibrators`; algorithms say by `needs` which run. */
export interface Calibrator {
  readonly name: string;
  readonly does: string;
  /** Whether an algorithm with these needs reads what this one collects. */
  serves(needs: Needs): boolean;
  /** `addProduct` multiplies matrices fast. */
  start(k: number, addProduct: AddProduct): Collector;
}

export const defineCalibrator = (calibrator: Calibrator): Calibrator => calibrator;
