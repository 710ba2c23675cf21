import { InfcError } from '../../runtime/errors.ts';
import { nextOf, type TokenTrie, vocabularyTrie } from '../matching/trie.ts';
import type { Vocabulary } from '../vocabulary.ts';

/** A language model over tokens: natural-log probabilities of the next token after a prefix. */
export type TokenModel = (tokens: readonly number[]) => Float32Array | Promise<Float32Array>;

/** Probabilities of what comes next: bytes 0 to 255, and 256 for the end. */
export const END = 256;

/**
 * The byte-level model inside a token-level one: exact probabilities of the next byte, marginal over every way to tokenise (Phan et al.,
 * "Exact Byte-Level Probabilities from Tokenized Language Models", 2024). The model is taken to follow its tokenizer: only the canonical
 * encoding of a text has mass, so that the covers of a prefix are its canonical encoding up to some character and one longer token.
 */
export class ByteModel {
  readonly #vocabulary: Vocabulary;
  readonly #encode: (text: string) => number[];
  readonly #model: TokenModel;
  readonly #trie: TokenTrie;
  readonly #context: readonly number[];
  readonly #memo = new Map<string, Float32Array>();

  /** @param context tokens before the text, such as a beginning-of-text token or a chat prompt */
  constructor(vocabulary: Vocabulary, model: TokenModel, context: readonly number[] = []) {
    this.#trie = vocabularyTrie(vocabulary);
    if (!vocabulary.encode)
      throw new InfcError('INFC5601', 'exact byte probabilities need a vocabulary that encodes', {
        fix: 'Build it from a tokenizer.json',
      });
    this.#vocabulary = vocabulary;
    this.#encode = vocabulary.encode;
    this.#model = model;
    this.#context = context;
  }

  /** Probabilities of the next byte (257 of them, summing to one) after a text, whose last character may be incomplete. */
  async next(prefix: Uint8Array): Promise<Float64Array> {
    const mass = new Float64Array(257);
    for (const cut of characterStarts(prefix, this.#trie.maxDepth)) {
      for (const encoded of this.#canonical(prefix.subarray(0, cut)))
        await this.#cover(encoded, prefix, cut, await this.#probability(encoded), mass);
    }
    const total = mass.reduce((sum, share) => sum + share, 0);
    if (total > 0) for (let i = 0; i < mass.length; i++) mass[i] = (mass[i] ?? 0) / total;
    return mass;
  }

  /** Adds the mass of all continuations whose next token reaches over the end of the prefix. */
  async #cover(
    tokens: readonly number[],
    prefix: Uint8Array,
    at: number,
    weight: number,
    mass: Float64Array,
  ): Promise<void> {
    // A model need not say anything after text that it never writes.
    if (weight === 0) return;
    const logs = await this.#logs(tokens);
    const trie = this.#trie;
    if (at === prefix.length)
      for (const token of this.#vocabulary.eos)
        mass[END] = (mass[END] ?? 0) + weight * Math.exp(logs[token] ?? Number.NEGATIVE_INFINITY);
    let node = 0;
    for (let offset = at; offset < prefix.length; offset++) {
      node = nextOf(trie, node, prefix[offset] ?? 0);
      if (node === 0) return;
      // A token that ends inside a character goes on from there; one that ends at a character is another cut's canonical encoding.
      if (offset + 1 <= prefix.length && !isBoundary(prefix, offset + 1)) {
        for (const token of tokensAt(trie, node))
          await this.#cover(
            [...tokens, token],
            prefix,
            offset + 1,
            weight * Math.exp(logs[token] ?? Number.NEGATIVE_INFINITY),
            mass,
          );
      }
    }
    const length = prefix.length - at;
    const end = node + (trie.size[node] ?? 1);
    for (let i = node + 1; i < end; i++) {
      const byte = trie.depth[i] === length + 1 ? (trie.byte[i] ?? 0) : -1;
      if (byte < 0) continue;
      // The subtree of one next byte.
      let share = 0;
      for (let below = i; below < i + (trie.size[i] ?? 1); below++)
        for (const token of tokensAt(trie, below)) share += Math.exp(logs[token] ?? Number.NEGATIVE_INFINITY);
      mass[byte] = (mass[byte] ?? 0) + weight * share;
      i += (trie.size[i] ?? 1) - 1;
    }
  }

  /**
   * How the tokenizer spells a text that goes on. Pre-tokenizers look ahead after white space (`\\s+(?!\\S)`), so that it may be cut in
   * another way where a word follows.
   */
  #canonical(bytes: Uint8Array): number[][] {
    const text = decode(bytes);
    if (text === undefined) return [];
    if (text === '') return [[]];
    const found = new Map<string, number[]>();
    for (const next of /\s$/u.test(text) ? PROBES : ['']) {
      // The text itself must have a spelling, what is tried after it need not.
      const tokens = next === '' ? this.#encode(text) : this.#spelled(text + next);
      if (!tokens) continue;
      const first = this.#vocabulary.bytes[tokens[0] ?? -1]?.[0];
      // A dummy space in front belongs to no text.
      let left = bytes.length + (first === 0x20 && bytes[0] !== 0x20 ? 1 : 0);
      const count =
        next === ''
          ? tokens.length
          : tokens.findIndex((token) => (left -= this.#vocabulary.bytes[token]?.length ?? 0) <= 0) + 1;
      const whole = next === '' || left === 0 ? tokens.slice(0, count) : undefined;
      if (whole) found.set(whole.join(), whole);
    }
    return [...found.values()];
  }

  #spelled(text: string): number[] | undefined {
    try {
      return this.#encode(text);
    } catch {
      // A small vocabulary need not spell a probe.
      return undefined;
    }
  }

  async #probability(tokens: readonly number[]): Promise<number> {
    let log = 0;
    for (let i = 0; i < tokens.length && log > Number.NEGATIVE_INFINITY; i++) {
      const logs = await this.#logs(tokens.slice(0, i));
      log += logs[tokens[i] ?? 0] ?? Number.NEGATIVE_INFINITY;
    }
    return Math.exp(log);
  }

  async #logs(tokens: readonly number[]): Promise<Float32Array> {
    const key = tokens.join();
    let logs = this.#memo.get(key);
    if (!logs) {
      logs = await this.#model([...this.#context, ...tokens]);
      this.#memo.set(key, logs);
    }
    return logs;
  }
}

/** What may follow white space: one of these is not in a token with it. */
const PROBES = ['', '\ue000', 'a', 'b', '0', '.', 'é', '€', ' '];

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function isBoundary(bytes: Uint8Array, at: number): boolean {
  return at >= bytes.length ? complete(bytes) : ((bytes[at] ?? 0) & 0xc0) !== 0x80;
}

/** Whether the bytes end in a whole character. */
function complete(bytes: Uint8Array): boolean {
  for (let back = 1; back <= Math.min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return length <= back;
  }
  return true;
}

/** Places where a character starts (or the text ends whole), near enough to the end for one token to reach over it. */
function characterStarts(bytes: Uint8Array, reach: number): number[] {
  const cuts: number[] = [];
  for (let at = Math.max(0, bytes.length - reach - 3); at <= bytes.length; at++)
    if (isBoundary(bytes, at)) cuts.push(at);
  return cuts;
}

function* tokensAt(trie: TokenTrie, node: number): Generator<number> {
  for (let i = trie.from[node] ?? 0; i < (trie.from[node + 1] ?? 0); i++) yield trie.tokens[i] ?? 0;
}
