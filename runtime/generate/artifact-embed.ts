// What the artifact of a model that embeds texts carries as generate.js.
import type { LoadOptions } from '../load.ts';
import { Embedder } from './embedder.ts';
import { type LoadModel, loadWith, type TextParts } from './open.ts';

export const loadEmbedder = (
  loadModel: LoadModel,
  parts: TextParts | undefined,
  options?: LoadOptions,
): Promise<Embedder> => loadWith(loadModel, parts, options, (...all) => new Embedder(...all));
