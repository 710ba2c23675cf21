import { InfcError } from '../errors.ts';
import type { PlanGeneration } from '../plan.ts';
import type { Model } from '../session.ts';
import type { Decoder } from './decoder.ts';
import { PortDecoder } from './port-decoder.ts';
import { StateDecoder } from './state-decoder.ts';

/** The decoder that a plan's description asks for. Throws INFC6409 when the model gives no tokens. */
export function openDecoder(model: Model, generation: PlanGeneration): Decoder {
  if (generation.kind === 'encoder')
    throw new InfcError('INFC6409', 'this model embeds text, it does not write any', { fix: 'Use infc embed' });
  return generation.policy === undefined ? new PortDecoder(model, generation) : new StateDecoder(model, generation);
}
