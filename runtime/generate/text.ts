import type { Vocabulary } from '../../grammars/vocabulary.ts';
import type { Message } from './api.ts';

export type { Message } from './api.ts';

/** A model's tokenizer and chat template. */
export interface TextCodec {
  /** Token ids of a text; `special` adds the tokens that begin (and end) a text. */
  encode(text: string, special: boolean): number[];
  /** Bytes of a token; undefined for special tokens, and those that there are not. */
  bytes(token: number): Uint8Array | undefined;
  /** Bytes of every token, for masks. */
  readonly vocabulary: Vocabulary;
  /** Texts begin with a space that is no part of them. */
  readonly leadingSpace: boolean;
  /** The prompt of a conversation. Throws INFC642x when the template is missing or broken, or needs a token that is not there. */
  render(messages: readonly Message[], more?: Readonly<Record<string, unknown>>): string;
}

/** Turns tokens into text as they come: a character whose bytes are not complete waits. */
export class TokenText {
  private readonly decoder = new TextDecoder();
  private readonly names = new Map<number, Uint8Array>();

  /** @param spelled whether special tokens are spelled out, but for those that end a text; else they are left out */
  constructor(
    private readonly codec: TextCodec | undefined,
    spelled = false,
  ) {
    if (!codec || !spelled) return;
    const { special, eos } = codec.vocabulary;
    for (const [name, id] of special) if (!eos.includes(id)) this.names.set(id, new TextEncoder().encode(name));
  }

  push(tokens: readonly number[]): string {
    let text = '';
    for (const token of tokens) {
      const bytes = this.codec?.bytes(token) ?? this.names.get(token);
      if (bytes) text += this.decoder.decode(bytes, { stream: true });
    }
    return text;
  }

  /** What was waiting; incomplete characters become U+FFFD. */
  end(): string {
    return this.decoder.decode();
  }
}

/** Cuts a text that comes in pieces at the first stop string; what may be the beginning of one waits. */
export class StopStrings {
  private waiting = '';
  stopped = false;

  constructor(private readonly stops: readonly string[]) {}

  push(text: string): string {
    if (this.stops.length === 0) return text;
    const all = this.waiting + text;
    const at = Math.min(...this.stops.map((s) => all.indexOf(s)).map((i) => (i < 0 ? all.length : i)));
    if (at < all.length) {
      this.stopped = true;
      this.waiting = '';
      return all.slice(0, at);
    }
    const keep = Math.max(...this.stops.map((s) => overlap(all, s)));
    this.waiting = all.slice(all.length - keep);
    return all.slice(0, all.length - keep);
  }

  end(): string {
    const rest = this.waiting;
    this.waiting = '';
    return rest;
  }
}

/** Longest ending of `text` that begins `stop`. */
function overlap(text: string, stop: string): number {
  for (let n = Math.min(text.length, stop.length - 1); n > 0; n--) if (text.endsWith(stop.slice(0, n))) return n;
  return 0;
}
