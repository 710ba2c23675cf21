import { beamSearch } from '../beam-search.ts';
import { defineStrategy, type Strategy } from '../strategy.ts';

/** Follows several texts at once and gives the likeliest; default 4 beams, compared by log probability per token. */
export const beam = ({
  beams = 4,
  lengthPenalty = 1,
}: {
  readonly beams?: number;
  readonly lengthPenalty?: number;
} = {}): Strategy =>
  defineStrategy({
    name: 'beam',
    run: (decoder, request) => beamSearch(decoder, request, { beams, lengthPenalty, groups: 1, diversity: 0 }),
  });
