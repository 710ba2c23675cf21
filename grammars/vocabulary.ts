/** What a tokenizer can emit, as bytes: the only view of a tokenizer that constraints need. */
export interface Vocabulary {
  /** Number of token ids, special ones included. */
  readonly size: number;
  /** Bytes of each token id; null marks a special (control) token, which no constraint ever produces as text. */
  readonly bytes: readonly (Uint8Array | null)[];
  /** Ids that end a generation. */
  readonly eos: readonly number[];
  /** Special tokens by their text. */
  readonly special: ReadonlyMap<string, number>;
  /** Content hash of the byte table: artifacts are bound to it. */
  readonly hash: string;
  /** The tokenizer's own (canonical) encoding of a text, where it is known. */
  encode?(text: string): number[];
}

/** A character for each byte: a key for maps. (Spread as arguments, a token or text of a hundred kilobytes is more than the stack takes.) */
export function binaryOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
