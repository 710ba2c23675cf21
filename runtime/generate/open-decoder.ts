import { InfcError } from '../errors.ts';
import type { PlanGeneration } from '../plan.ts';
import type { Model } from '../session.ts';
import type { Decoder, Sequences } from './decoder.ts';
import { PortSequences } from './port-decoder.ts';
import { StateSequences } from './state-sequences.ts';

/** The sequences of a model, as its plan describes how they are kept. Throws INFC6409 when the model gives no tokens. */
export function openSequences(model: Model, generation: PlanGeneration): Sequences {
  if (generation.kind === 'encoder')
    throw new InfcError('INFC6409', 'this model embeds text, it does not write any', { fix: 'Use infc embed' });
  return generation.policy === undefined ? new PortSequences(model, generation) : new StateSequences(model, generation);
}

/** A decoder of a model that nothing else drives. Throws INFC6409 when the model gives no tokens. */
export const openDecoder = (model: Model, generation: PlanGeneration): Decoder =>
  openSequences(model, generation).open();
