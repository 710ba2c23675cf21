import { autoregress } from '../autoregress.ts';
import { Sampler } from '../sampler.ts';
import { defineStrategy } from '../strategy.ts';

/** Tokens drawn by the request's sampling options; with temperature 0 the same as greedy. */
export const sample = defineStrategy({
  name: 'sample',
  run: (decoder, request) =>
    autoregress(decoder, request, new Sampler(decoder.vocabulary, request.sampling, request.prompt)),
});
