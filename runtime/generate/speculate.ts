import type { Decoder } from './decoder.ts';
import { describe, plain } from './logprobs.ts';
import type { MaskSource } from './masks.ts';
import { Sampler } from './sampler.ts';
import { begin, type Emission, type Finish, makeRoom, type Request } from './strategy.ts';

/** A guessed token, and the probabilities (by token) it was drawn from; without them it was certain. */
export interface Proposal {
  readonly token: number;
  readonly probabilities?: Float64Array;
}

/** Guesses up to `count` tokens that follow `tokens`. Masks, when used, are left in the state they came in. */
export type Propose = (
  tokens: readonly number[],
  count: number,
  request: Request,
  masks: MaskSource | undefined,
) => readonly Proposal[] | Promise<readonly Proposal[]>;

/**
 * Checks guesses against the model, several in one run. What comes out is what the model alone would give: with temperature 0 the same
 * tokens; when sampling, the same distribution by rejection (Leviathan et al. 2023; Chen et al. 2023), and for certain guesses even the same
 * tokens as sampling with that seed, because a guess is kept exactly when the draw hits it.
 */
export async function* speculate(
  decoder: Decoder,
  request: Request,
  propose: Propose,
  guesses: number,
): AsyncGenerator<readonly Emission[], Finish> {
  const { masks, eos, logprobs, signal, sampling, prompt } = request;
  const sampler = new Sampler(decoder.vocabulary, sampling, prompt);
  const emission = (row: Float32Array) => (logprobs === undefined ? plain : describe(row, logprobs));
  const ends = (token: number): boolean => masks?.done === true || eos.includes(token);
  const first = await begin(decoder, request);
  const named = emission(first);
  let pending = sampler.choose(first, masks);
  const text = [...prompt, pending];
  let left = request.maxTokens - 1;
  yield [named(pending)];
  while (!ends(pending)) {
    if (left <= 0) return 'length';
    if (!(await makeRoom(decoder, request, 1))) return 'context';
    const room = Math.min(guesses, left - 1, decoder.context - decoder.tokens.length - 1);
    const proposals = room > 0 ? await propose(text, room, request, masks) : [];
    const held = decoder.tokens.length;
    const rows = await decoder.forward([pending, ...proposals.map((p) => p.token)], 'all', signal);
    const taken: Emission[] = [];
    for (let i = 0; i <= proposals.length; i++) {
      const row = rows.subarray(i * decoder.vocabulary, (i + 1) * decoder.vocabulary);
      const as = emission(row);
      const guess = proposals[i];
      pending = decide(sampler, row, guess, masks);
      taken.push(as(pending));
      text.push(pending);
      if (pending !== guess?.token || ends(pending)) break;
    }
    left -= taken.length;
    // The last token taken is not in the cache as such: it goes in with the next run.
    await decoder.truncate(held + taken.length);
    yield taken;
  }
  return 'end';
}

/** The token at one place: the guess, when it survives, else another. */
function decide(
  sampler: Sampler,
  row: Float32Array,
  guess: Proposal | undefined,
  masks: MaskSource | undefined,
): number {
  const q = guess?.probabilities;
  if (sampler.greedy || !guess || !q) return sampler.choose(row, masks);
  sampler.prepare(row);
  const p = sampler.distribution(row, masks?.mask());
  const u = sampler.uniform();
  let token = guess.token;
  let own = 0;
  for (let i = 0; i < p.count; i++) if (p.ids[i] === token) own = (p.weights[i] ?? 0) / p.total;
  if (!(u * (q[token] ?? 0) < own)) {
    // Drawn from what the guesses fall short of: max(0, p - q), normalised.
    let total = 0;
    for (let i = 0; i < p.count; i++) {
      const rest = Math.max(0, (p.weights[i] ?? 0) / p.total - (q[p.ids[i] ?? 0] ?? 0));
      p.weights[i] = rest;
      total += rest;
    }
    p.total = total;
    token = p.draw(sampler.uniform());
    if (token < 0) token = guess.token; // p and q are the same up to rounding
  }
  // What the masks refuse is drawn again: that leaves the distribution over what they take.
  if (masks && !masks.tryCommit(token)) return sampler.pick(row, masks);
  sampler.see(token);
  return token;
}
