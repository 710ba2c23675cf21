import { InfcError } from '../../errors.ts';
import { advanceTo, type Decoder } from '../decoder.ts';
import { argmax, type Distribution, Sampler } from '../sampler.ts';
import { type Proposal, speculate } from '../speculate.ts';
import { defineStrategy, type Strategy } from '../strategy.ts';

export interface SpeculativeOptions {
  /** A small model with the same vocabulary, or a sequence of it. */
  readonly draft: Decoder | { decoder(): Decoder };
  /** Tokens to guess at once; default 4. */
  readonly guesses?: number;
}

/** A small model guesses, the large one checks several guesses in one run (Leviathan et al. 2023). Lossless, see {@link speculate}. */
export const speculative = ({ draft: model, guesses = 4 }: SpeculativeOptions): Strategy => {
  const draft = 'decoder' in model ? model.decoder() : model;
  return defineStrategy({
    name: 'speculative',
    run: (decoder, request) => {
      if (draft.vocabulary !== decoder.vocabulary)
        throw new InfcError(
          'INFC6406',
          `the draft model has ${draft.vocabulary} tokens, the model itself ${decoder.vocabulary}`,
          { fix: 'Use a draft model with the same tokenizer' },
        );
      const { temperature, topK, topP, minP, seed = 0 } = request.sampling;
      // Its draws must not be those that judge it.
      const sampler = new Sampler(draft.vocabulary, { temperature, topK, topP, minP, seed: seed ^ 0x5bd1e995 });
      return speculate(
        decoder,
        request,
        async (tokens, count, { signal, eos }, masks) => {
          const guessed: Proposal[] = [];
          const room = Math.min(count, draft.context - tokens.length);
          if (room <= 0) return guessed;
          let logits = await advanceTo(draft, tokens, signal);
          for (;;) {
            const proposal = guess(sampler, logits, masks?.mask());
            // What the masks refuse the model would not take either.
            if (masks && !masks.tryCommit(proposal.token)) break;
            guessed.push(proposal);
            if (guessed.length === room || masks?.done || eos.includes(proposal.token)) break;
            logits = await draft.forward([proposal.token], 'last', signal);
          }
          masks?.rollback(guessed.length);
          return guessed;
        },
        guesses,
      );
    },
  });
};

function guess(sampler: Sampler, logits: Float32Array, mask: Uint32Array | undefined): Proposal {
  if (sampler.greedy) return { token: argmax(logits, mask) };
  const distribution: Distribution = sampler.distribution(logits, mask);
  const token = distribution.draw(sampler.uniform());
  return { token, probabilities: distribution.spread(new Float64Array(sampler.vocabulary)) };
}
