import { beamSearch } from '../beam-search.ts';
import { defineStrategy, type Strategy } from '../strategy.ts';

export interface DiverseBeamOptions {
  readonly beams?: number;
  readonly groups?: number;
  readonly diversity?: number;
  readonly lengthPenalty?: number;
}

/** Beam search in groups that avoid each other's tokens (Vijayakumar et al. 2016); default 4 beams in 2 groups, penalty 0.5. */
export const diverseBeam = ({
  beams = 4,
  groups = 2,
  diversity = 0.5,
  lengthPenalty = 1,
}: DiverseBeamOptions = {}): Strategy =>
  defineStrategy({
    name: 'diverse-beam',
    run: (decoder, request) => beamSearch(decoder, request, { beams, groups, diversity, lengthPenalty }),
  });
