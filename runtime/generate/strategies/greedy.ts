import { autoregress } from '../autoregress.ts';
import { Sampler } from '../sampler.ts';
import { defineStrategy } from '../strategy.ts';

/** The likeliest token each time. */
export const greedy = defineStrategy({
  name: 'greedy',
  run: (decoder, request) => {
    const { repetitionPenalty } = request.sampling;
    return autoregress(decoder, request, new Sampler(decoder.vocabulary, { repetitionPenalty }, request.prompt));
  },
});
