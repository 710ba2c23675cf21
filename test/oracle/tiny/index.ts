import type { TinyModel } from '../tiny-model.ts';
import { bertModels } from './bert.ts';
import { gemmaModels } from './gemma.ts';
import { gptModels } from './gpt.ts';
import { llamaModels } from './llama.ts';
import { phi3Models } from './phi3.ts';
import { rwkvModels } from './rwkv.ts';

/** One or more models for every architecture: one file and one entry each. */
export const tinyModels: readonly TinyModel[] = [
  ...llamaModels,
  ...gemmaModels,
  ...phi3Models,
  ...gptModels,
  ...bertModels,
  ...rwkvModels,
];
