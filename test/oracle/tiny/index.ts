import type { TinyModel } from '../tiny-model.ts';
import { llamaModels } from './llama.ts';

/** One or more models for every architecture: one file and one entry each. */
export const tinyModels: readonly TinyModel[] = [...llamaModels];
