import type { Decoder } from './decoder.ts';
import { describe, plain } from './logprobs.ts';
import type { MaskSource } from './masks.ts';
import type { Sampler } from './sampler.ts';
import { begin, type Emission, type Finish, makeRoom, type Request } from './strategy.ts';

/**
 * One token after another, each chosen from the logits before it. Tokens that the masks force are taken together, without asking the
 * model (unless probabilities are wanted).
 */
export async function* autoregress(
  decoder: Decoder,
  request: Request,
  sampler: Sampler,
): AsyncGenerator<readonly Emission[], Finish> {
  const { masks, eos, logprobs, signal } = request;
  let logits = await begin(decoder, request);
  for (let left = request.maxTokens; left > 0; ) {
    let tokens = masks && logprobs === undefined ? takeForced(masks, left) : [];
    if (tokens.length > 0) {
      for (const token of tokens) sampler.see(token);
      yield tokens.map(plain);
    } else {
      const emission = logprobs === undefined ? plain : describe(logits, logprobs);
      const token = sampler.choose(logits, masks);
      yield [emission(token)];
      tokens = [token];
    }
    left -= tokens.length;
    if (masks?.done || eos.includes(tokens.at(-1) ?? -1)) return 'end';
    if (left === 0) return 'length';
    if (!(await makeRoom(decoder, request, tokens.length))) return 'context';
    logits = await decoder.forward(tokens, 'last', signal);
  }
  return 'length';
}

/** Commits the tokens that must come, at most `most`: those that the masks still take. */
function takeForced(masks: MaskSource, most: number): number[] {
  const taken: number[] = [];
  for (const token of masks.forced?.() ?? []) {
    if (taken.length === most || !masks.tryCommit(token)) break;
    taken.push(token);
  }
  return taken;
}
