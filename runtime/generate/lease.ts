import { checkTokens, commonPrefix, type Decoder, type Snapshot, type Wanted } from './decoder.ts';

/**
 * One generation's view of a decoder that several share. Each has its own tokens; when another went on in the meantime, the decoder is
 * brought back first, keeping what both have in common. So generations may be interleaved, paused or dropped in any order.
 */
export class Lease implements Decoder {
  /** The decoder's own list when it was last used here: still the same one when nobody else used it. */
  private held: readonly number[] | undefined;
  tokens: readonly number[];
  /** Takes the logits of one token after the other: a fresh array each time would be waste for seconds. */
  private row: Float32Array | undefined;

  constructor(private readonly shared: { readonly decoder: Decoder; turn: Promise<unknown> }) {
    // What earlier generations left is a start: prompts often continue them.
    this.tokens = shared.decoder.tokens;
    this.held = this.tokens;
  }

  get vocabulary(): number {
    return this.shared.decoder.vocabulary;
  }

  get context(): number {
    return this.shared.decoder.context;
  }

  forward(
    tokens: readonly number[],
    wanted: Wanted,
    signal?: AbortSignal,
    into = wanted === 'last' ? (this.row ??= new Float32Array(this.vocabulary)) : undefined,
  ): Promise<Float32Array> {
    return this.inTurn(async (decoder) => {
      checkTokens(this, tokens);
      await this.bringBack(decoder, signal);
      const logits = await decoder.forward(tokens, wanted, signal, into);
      this.took(decoder);
      return logits;
    });
  }

  truncate(length: number): Promise<void> {
    return this.inTurn(async (decoder) => {
      if (decoder.tokens !== this.held) {
        this.tokens = this.tokens.slice(0, length);
        return;
      }
      await decoder.truncate(length);
      this.took(decoder);
    });
  }

  snapshot(): Promise<Snapshot> {
    return this.inTurn(async (decoder) => {
      await this.bringBack(decoder);
      return decoder.snapshot();
    });
  }

  restore(snapshot: Snapshot): Promise<void> {
    return this.inTurn(async (decoder) => {
      await decoder.restore(snapshot);
      this.took(decoder);
    });
  }

  private took(decoder: Decoder): void {
    this.tokens = decoder.tokens;
    this.held = decoder.tokens;
  }

  private async bringBack(decoder: Decoder, signal?: AbortSignal): Promise<void> {
    if (decoder.tokens === this.held) return;
    const kept = commonPrefix(decoder.tokens, this.tokens);
    if (kept < decoder.tokens.length) await decoder.truncate(kept);
    if (kept < this.tokens.length) await decoder.forward(this.tokens.slice(kept), 'none', signal);
    this.took(decoder);
  }

  private inTurn<T>(work: (decoder: Decoder) => Promise<T>): Promise<T> {
    const { shared } = this;
    const mine = shared.turn.then(() => work(shared.decoder));
    shared.turn = mine.catch(() => undefined);
    return mine;
  }
}
