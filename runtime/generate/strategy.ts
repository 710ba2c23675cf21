import { advanceTo, checkTokens, type Decoder } from './decoder.ts';
import type { MaskSource } from './masks.ts';
import type { Sampling } from './sampler.ts';

/** A token and, when asked for, what the model thought of it. */
export interface Emission {
  readonly token: number;
  /** Natural logarithm of the model's probability, before sampling options and masks; absent for forced tokens. */
  readonly logprob?: number;
  /** The likeliest tokens at this place. */
  readonly top?: readonly { readonly token: number; readonly logprob: number }[];
}

/** Why a generation ended: an end token, the limit of tokens, or a context that is full. */
export type Finish = 'end' | 'length' | 'context';

/** What a strategy is asked for. */
export interface Request {
  readonly prompt: readonly number[];
  /** Most tokens to give. */
  readonly maxTokens: number;
  /** Tokens that end the text; one that comes is given, as the last. */
  readonly eos: readonly number[];
  readonly sampling: Sampling;
  readonly masks?: MaskSource | undefined;
  /** Give the logarithms of probabilities, and those of so many of the likeliest tokens. */
  readonly logprobs?: number | undefined;
  /** When the context is full: end, or forget the oldest tokens but the first `keep` and go on. */
  readonly overflow?: { readonly keep: number } | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A way to choose texts. `run` gives tokens as soon as they are certain, in one or more pieces; leaving it early (return, abort) leaves
 * the decoder usable.
 */
export interface Strategy {
  readonly name: string;
  run(decoder: Decoder, request: Request): AsyncGenerator<readonly Emission[], Finish>;
}

export const defineStrategy = (strategy: Strategy): Strategy => strategy;

/**
 * Takes the request's prompt, keeping what the decoder already holds of it, and returns the logits after its last token. Slides over a
 * prompt that is too long when the request says so. Throws INFC6401 otherwise.
 */
export async function begin(decoder: Decoder, request: Request): Promise<Float32Array> {
  const { prompt, overflow, signal } = request;
  return advanceTo(decoder, overflow ? slid(decoder, prompt, overflow.keep) : prompt, signal);
}

/** Whether `count` more tokens fit, after sliding when the request says so. */
export async function makeRoom(decoder: Decoder, request: Request, count: number): Promise<boolean> {
  if (decoder.tokens.length + count <= decoder.context) return true;
  if (!request.overflow) return false;
  const kept = slid(decoder, [...decoder.tokens, ...new Array<number>(count).fill(0)], request.overflow.keep);
  const tokens = kept.slice(0, -count);
  await decoder.truncate(Math.min(request.overflow.keep, tokens.length));
  if (tokens.length > decoder.tokens.length)
    await decoder.forward(tokens.slice(decoder.tokens.length), 'none', request.signal);
  return true;
}

/** Of tokens that do not fit: the first `keep`, and as many of the last as fill half of the context. */
function slid(decoder: Decoder, tokens: readonly number[], keep: number): readonly number[] {
  if (tokens.length < decoder.context) return tokens;
  const head = tokens.slice(0, Math.min(keep, decoder.context >> 2));
  return [...head, ...tokens.slice(-Math.max(1, (decoder.context >> 1) - head.length))];
}

export { checkTokens };
