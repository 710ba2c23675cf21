import { InfcError } from '../../runtime/errors.ts';
import { Endings } from './endings.ts';
import type { TokenMachine } from './token-machine.ts';
import { nextOf, vocabularyTrie } from './trie.ts';

/** Bytes of the text gone through. */
const MAX_TEXT = 4096;
/** Bytes known beyond a token before it is cut: few tokens are longer. */
const BEYOND = 32;

const QUOTE = 0x22;
const utf8 = new TextEncoder();

/**
 * Goes ahead of a text: through one that the constraint is likely to get, cut into tokens, so that what its steps look at is found already when
 * they come. The work is done piece by piece and shared by all who use the machine; no answer depends on it.
 */
export class Ahead {
  private readonly pieces: Generator<void>;

  /** @param from the state to start in */
  constructor(
    private readonly machine: TokenMachine,
    readonly from: number,
  ) {
    this.pieces = this.walk();
  }

  /** Goes on for `ms` milliseconds; whether nothing is left to do. */
  work(ms: number): boolean {
    const end = performance.now() + ms;
    try {
      do if (this.pieces.next().done) return true;
      while (performance.now() < end);
      return false;
    } catch (error) {
      // A place too hard for the budget is told of where a text really comes there.
      if (error instanceof InfcError && error.code !== 'INFC5023') return true;
      throw error;
    }
  }

  private *walk(): Generator<void> {
    const { machine } = this;
    const bytes: number[] = [];
    let written = this.from;
    let read = this.from;
    let more = true;
    for (let length = 0; ; ) {
      machine.mask(read);
      yield;
      while (more && bytes.length < BEYOND) {
        const next = length < MAX_TEXT ? this.next(written) : undefined;
        if (!next) more = false;
        else {
          bytes.push(...next.bytes);
          length += next.bytes.length;
          written = next.to;
        }
        yield;
      }
      const token = Uint8Array.from(bytes.splice(0, this.longest(bytes)));
      if (token.length === 0) return;
      // The likely string is short, and one token its quotes: a model's own goes on inside of them.
      for (let i = 1; i < token.length; i++)
        if (token[i - 1] === QUOTE) {
          machine.mask(machine.run(read, token.subarray(0, i)));
          yield;
        }
      read = machine.run(read, token);
    }
  }

  /** What the text goes on with, and the state after it; undefined where it may end, or only a special token leads on. */
  private next(
    state: number,
  ): { readonly bytes: ArrayLike<number> & Iterable<number>; readonly to: number } | undefined {
    const { machine } = this;
    for (const text of machine.likely?.(state) ?? []) {
      const bytes = utf8.encode(text);
      const to = machine.run(state, bytes);
      if (to !== 0) return { bytes, to };
    }
    const endings = Endings.of(machine);
    const { by = -1 } = endings.step(endings.places.of(state)) ?? {};
    const to = by < 0 ? 0 : machine.step(state, by);
    return to === 0 ? undefined : { bytes: [by], to };
  }

  /** Length of the longest token that the bytes begin with. */
  private longest(bytes: readonly number[]): number {
    const trie = vocabularyTrie(this.machine.vocabulary);
    let longest = 0;
    for (let node = 0, i = 0; i < bytes.length; ) {
      node = nextOf(trie, node, bytes[i++] ?? 0);
      if (node === 0) break;
      if ((trie.from[node + 1] ?? 0) > (trie.from[node] ?? 0)) longest = i;
    }
    return longest;
  }
}
