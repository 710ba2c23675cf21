import type { Allocator } from './allocator.ts';
import { aqlm } from './aqlm.ts';
import { awq } from './awq.ts';
import { baq } from './baq.ts';
import type { Calibrator } from './calibrator.ts';
import { entropy } from './entropy.ts';
import { evoPress } from './evopress.ts';
import { gptq } from './gptq.ts';
import { gram } from './gram.ts';
import { luq } from './luq.ts';
import { magnitude } from './magnitude.ts';
import { moments } from './moments.ts';
import type { Pruner } from './pruner.ts';
import type { Equalizer, Quantizer } from './quantizer.ts';
import { roundToNearest } from './round-to-nearest.ts';
import { smoothQuant } from './smooth-quant.ts';
import { sparseGpt } from './sparse-gpt.ts';
import { wanda } from './wanda.ts';

/** The algorithms infc ships, one line each. */
export const quantizers: readonly Quantizer[] = [roundToNearest, gptq, aqlm];
export const equalizers: readonly Equalizer[] = [awq, smoothQuant];
export const pruners: readonly Pruner[] = [magnitude, wanda, sparseGpt];
export const allocators: readonly Allocator[] = [baq, luq, evoPress];
export const calibrators: readonly Calibrator[] = [moments, gram, entropy];
