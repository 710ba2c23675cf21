import { binaryCodes } from './binary-coded.ts';
import { vectorCodebooks } from './codebooks.ts';
import { denseBf16, denseF16, denseF32 } from './dense.ts';
import type { StorageFormat } from './format.ts';
import { fp8e4m3, fp8e5m2 } from './fp8.ts';
import { integers } from './integers.ts';
import { kQuants } from './k-quants.ts';
import { mxfp4 } from './mxfp4.ts';
import { nf4 } from './nf4.ts';
import { nvfp4 } from './nvfp4.ts';
import { progressives } from './progressive.ts';
import { q4g32 } from './q4g32.ts';
import { q8g32 } from './q8g32.ts';
import { sparseBitmap } from './sparse-bitmap.ts';
import { sparseBlocks } from './sparse-blocks.ts';
import { sparseNm } from './sparse-nm.ts';
import { ternary, ternaryMedian } from './ternary.ts';

/** The storage formats infc ships. */
export const formats: readonly StorageFormat[] = [
  denseF32,
  denseF16,
  denseBf16,
  q8g32,
  q4g32,
  ...integers,
  ...progressives,
  ...kQuants,
  nf4,
  fp8e4m3,
  fp8e5m2,
  mxfp4,
  nvfp4,
  ternary,
  ternaryMedian,
  ...binaryCodes,
  ...vectorCodebooks,
  ...sparseNm,
  ...sparseBitmap,
  ...sparseBlocks,
];
