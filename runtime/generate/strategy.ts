import type { Decoder, Request, Strategy } from './api.ts';
import { advanceTo, checkTokens } from './decoder.ts';

export type { Emission, Finish, Request, Strategy } from './api.ts';

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
