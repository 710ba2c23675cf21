import { InfcError } from '../../runtime/errors.ts';
import { type Choices, checkOptions } from '../options.ts';
import type { Vocabulary } from '../vocabulary.ts';
import { Ahead } from './ahead.ts';
import { ClosingMasks } from './closing.ts';
import { Endings } from './endings.ts';
import { scores } from './logits-processor.ts';
import type { MaskId } from './mask-pool.ts';
import type { TokenMachine } from './token-machine.ts';
import { goesOn, vocabularyTrie } from './trie.ts';

/** Options of a {@link Matcher}. */
export interface MatcherOptions {
  /** Tokens the text may take, the end token included: masks then leave only ways that still close in time. */
  readonly maxTokens?: number;
  /**
   * How `maxTokens` is kept. `masks` (default): in every mask, which looks at what may follow the first time a place of the constraint is met (a
   * millisecond or a few with 128,000 tokens). `lazily`, in microseconds: when a token is taken; {@link Matcher.tryCommit} then refuses tokens
   * after which the text could not end in time, though masks have them.
   */
  readonly closing?: 'masks' | 'lazily';
}

const MATCHER_CHOICES: Choices<MatcherOptions> = { maxTokens: undefined, closing: ['masks', 'lazily'] };

/** Bytes of a text that is long. */
const LONG = 1024;

/** Why a token is or is not allowed. */
export interface Explanation {
  readonly allowed: boolean;
  /** The token's text (lossy where it is not UTF-8 by itself). */
  readonly text: string;
  /** Bytes of the token that could still be taken. */
  readonly accepted: number;
  /** One sentence. */
  readonly reason: string;
  /** What could have come instead at that place: bytes, as text. */
  readonly expected: readonly string[];
}

/** Walks one generation through a constraint, token by token. Matchers share nothing but immutable tables. */
export class Matcher {
  private readonly history: number[] = [];
  private state: number;
  private ended = false;
  private readonly closing: ClosingMasks | undefined;
  private ahead: Ahead | undefined;

  constructor(
    private readonly machine: TokenMachine,
    private readonly options: MatcherOptions = {},
  ) {
    checkOptions(options, MATCHER_CHOICES);
    this.state = machine.start;
    this.closing = options.maxTokens === undefined ? undefined : ClosingMasks.of(machine);
    const { maxTokens } = options;
    if (maxTokens !== undefined && !(Number.isInteger(maxTokens) && maxTokens > 0))
      throw new InfcError('INFC5011', `maxTokens ${maxTokens} is not a whole number above 0`, {
        fix: 'Give one, or leave it out for no limit',
      });
    if (this.state === 0)
      throw new InfcError('INFC5010', 'nothing satisfies the constraint', {
        pointer: '',
        fix: 'Remove the contradiction from the schema',
      });
    if (options.maxTokens === undefined || this.closing?.fits(this.state, options.maxTokens)) return;
    // Of a long text it takes a while to find the tokens: no more than the bytes.
    const bytes = machine.shortest(this.state);
    const least = bytes > LONG ? bytes + 1 : this.minTokensToEnd();
    throw new InfcError(
      'INFC5011',
      `the shortest text takes ${least} tokens, more than maxTokens ${options.maxTokens}`,
      {
        fix: 'Raise maxTokens',
      },
    );
  }

  /** Tokens taken so far, the end token included. */
  get length(): number {
    return this.history.length;
  }

  /** True after an end token: nothing more may come. */
  get done(): boolean {
    return this.ended;
  }

  /** Whether the text may end here. */
  get accepting(): boolean {
    return this.ended || this.machine.accepts(this.state);
  }

  /**
   * Number of the mask of allowed tokens; equal masks of one constraint have equal numbers. Throws INFC5017 where the text is not complete
   * and no token goes on with it: constraints have no such places, but a vocabulary that cannot spell every byte may.
   */
  maskId(): MaskId {
    const { pool } = this.machine;
    if (this.ended) return pool.intern(-1, new Int32Array(0), 0);
    const id = this.options.closing === 'lazily' ? this.machine.mask(this.state) : this.closingId();
    if (pool.isEmpty(id) && !this.machine.accepts(this.state))
      throw new InfcError(
        'INFC5017',
        `after ${this.history.length} tokens the text needs one of ${this.expected(this.state).slice(0, 12).join(' ')}, with which no token of the vocabulary goes on`,
        {
          fix: 'Use a vocabulary with a token for every byte, or narrow the constraint to what the tokens spell',
        },
      );
    return id;
  }

  private closingId(): MaskId {
    if (this.closing && this.options.maxTokens !== undefined)
      return this.closing.mask(this.state, this.options.maxTokens - this.history.length);
    return this.machine.mask(this.state);
  }

  /**
   * Words of the mask: bit `t & 31` of word `t >>> 5`. Written to `out` when given (a word for every 32 tokens at least, the rest is set to 0);
   * otherwise a shared view, not to be changed.
   */
  mask(out?: Uint32Array): Uint32Array {
    const id = this.maskId();
    const { pool } = this.machine;
    if (!out) return pool.view(id);
    if (!(out.length >= pool.words && out.BYTES_PER_ELEMENT === 4))
      throw new InfcError(
        'INFC5028',
        `a mask of ${pool.size} tokens takes ${pool.words} words of 32 bits, not ${out.length}`,
        {
          fix: 'Use new Uint32Array(Math.ceil(vocabulary.size / 32))',
        },
      );
    pool.write(id, out);
    out.fill(0, pool.words);
    return out;
  }

  /** Words of the mask of tokens that {@link tryCommit} takes: that of {@link mask}, less what could not end in time. A shared view. */
  closingMask(): Uint32Array {
    return this.machine.pool.view(this.ended ? this.maskId() : this.closingId());
  }

  /** Words of a mask of a few tokens that {@link tryCommit} takes, found at once: they begin the text that ends soonest. A shared view. */
  soonest(): Uint32Array {
    const { closing, machine, options } = this;
    const limited = !this.ended && closing && options.maxTokens !== undefined;
    const id = limited ? closing.soonest(this.state, options.maxTokens - this.history.length) : this.maskId();
    return machine.pool.view(id);
  }

  /** Whether a token may come next. */
  allows(token: number): boolean {
    return this.machine.pool.has(this.maskId(), token);
  }

  /** Takes a token. Throws INFC5012 when it is not allowed; the state is then unchanged. */
  commit(token: number): void {
    if (!this.tryCommit(token)) {
      throw new InfcError(
        'INFC5012',
        `after ${this.history.length} tokens, token ${token} is not allowed: ${this.explain(token).reason}`,
        {
          fix: 'Sample only tokens that the mask allows',
        },
      );
    }
  }

  /** Takes a token if it is allowed. */
  tryCommit(token: number): boolean {
    // What is no number would find the text of a token, but not that it ends.
    if (this.ended || typeof token !== 'number') return false;
    const { machine } = this;
    if (machine.vocabulary.eos.includes(token)) {
      if (!machine.accepts(this.state)) return false;
      this.history.push(this.state);
      this.ended = true;
      return true;
    }
    const next = this.after(token);
    if (next === 0 || !this.inTime(token, next)) return false;
    this.history.push(this.state);
    this.state = next;
    return true;
  }

  /** Whether the text can still end within the limit of tokens after `token`, which leads to `next`. */
  private inTime(token: number, next: number): boolean {
    const { closing } = this;
    if (!closing || this.options.maxTokens === undefined) return true;
    if (this.options.closing !== 'lazily') return this.allows(token);
    return closing.fits(next, this.options.maxTokens - this.history.length - 1);
  }

  /** Takes back the last `count` tokens. */
  rollback(count: number): void {
    if (!Number.isInteger(count) || count < 0 || count > this.history.length)
      throw new InfcError('INFC5013', `cannot take back ${count} of ${this.history.length} tokens`, {
        fix: 'Roll back at most the tokens committed',
      });
    if (count === 0) return;
    this.state = this.history[this.history.length - count] ?? this.state;
    this.history.length -= count;
    this.ended = false;
  }

  /** An independent matcher in the same state. */
  fork(): Matcher {
    const copy = new Matcher(this.machine, this.options);
    for (const state of this.history) copy.history.push(state);
    copy.state = this.state;
    copy.ended = this.ended;
    return copy;
  }

  /**
   * Works ahead for `ms` milliseconds, so that later steps find done what they need: call it while the model reads its prompt. It goes through
   * a text as the constraint is likely to get it from here (of JSON every listed property in order, each array with an item). All matchers of
   * the constraint with this vocabulary have the benefit; no answer depends on it. Returns whether nothing is left to do; else the next call
   * goes on with it.
   */
  prepare(ms = 10): boolean {
    if (this.ended) return true;
    if (this.ahead?.from !== this.state) this.ahead = new Ahead(this.machine, this.state);
    return this.ahead.work(ms);
  }

  /**
   * Tokens that still finish the text, the end token included: those of the text with the fewest bytes, cut into as few tokens as spell it (where
   * three names or more must come in any order, each property by itself; where text read before matters, its bytes). Never less than the
   * fewest; a longer text may take fewer. {@link MatcherOptions.maxTokens} counts with this bound.
   */
  minTokensToEnd(): number {
    if (this.ended) return 0;
    const endings = Endings.of(this.machine);
    return endings.tokens(endings.places.of(this.state));
  }

  /** Bytes that must come next, whatever is chosen. */
  forcedBytes(): Uint8Array {
    const bytes: number[] = [];
    let state = this.state;
    while (!this.ended && bytes.length < MAX_FORCED && !this.machine.accepts(state)) {
      let only = -1;
      let next = 0;
      for (let byte = 0; byte < 256; byte++) {
        const to = this.machine.step(state, byte);
        if (to === 0) continue;
        if (only >= 0) {
          only = -2;
          break;
        }
        only = byte;
        next = to;
      }
      if (only < 0) break;
      bytes.push(only);
      state = next;
    }
    return Uint8Array.from(bytes);
  }

  /**
   * Tokens that must come next, spelled as the tokenizer itself would spell them: the last few are left out where a longer
   * token could reach over the end of the forced text.
   */
  forced(): number[] {
    const { vocabulary } = this.machine;
    const { encode } = vocabulary;
    const bytes = encode ? this.forcedBytes() : undefined;
    if (!encode || !bytes || bytes.length === 0) return [];
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      return [];
    }
    const tokens = encode(text);
    const spelled = tokens.flatMap((t) => [...(vocabulary.bytes[t] ?? [])]);
    if (spelled.length !== bytes.length || spelled.some((b, i) => b !== bytes[i])) return [];
    const trie = vocabularyTrie(vocabulary);
    for (let drop = Math.min(4, tokens.length); drop > 0; drop--) {
      const tail = tokens.slice(-drop).flatMap((t) => [...(vocabulary.bytes[t] ?? [])]);
      if (goesOn(trie, tail)) return tokens.slice(0, -drop);
    }
    return tokens;
  }

  /** Why a token is allowed or not. */
  explain(token: number): Explanation {
    const { vocabulary } = this.machine;
    const bytes = vocabulary.bytes[token];
    const decoder = new TextDecoder();
    const text = bytes ? decoder.decode(bytes) : (nameOf(vocabulary, token) ?? `<token ${token}>`);
    const no = this.ended
      ? 'the text has ended'
      : typeof token !== 'number'
        ? 'a token is a number'
        : bytes?.length === 0
          ? 'the token has no text'
          : undefined;
    if (no) return { allowed: false, text, accepted: 0, reason: no, expected: [] };
    if (!bytes) {
      const ends = vocabulary.eos.includes(token);
      const allowed = ends ? this.machine.accepts(this.state) : this.after(token) !== 0;
      const reason = ends
        ? allowed
          ? 'the text may end here'
          : 'the text is not complete'
        : allowed
          ? 'the constraint has this special token here'
          : token in vocabulary.bytes
            ? 'a special token is not part of the text here'
            : 'the vocabulary has no such token';
      return { allowed, text, accepted: 0, reason, expected: allowed ? [] : this.expected(this.state) };
    }
    let state = this.state;
    for (let i = 0; i < bytes.length; i++) {
      const next = this.machine.step(state, bytes[i] ?? 0);
      if (next === 0) {
        const expected = this.expected(state);
        const done = decoder.decode(bytes.subarray(0, i));
        const wrong = decoder.decode(bytes.subarray(i, i + 1));
        const reason = `${JSON.stringify(wrong)} cannot follow${done === '' ? '' : ` ${JSON.stringify(done)}`} here; possible: ${expected.slice(0, 12).join(' ')}`;
        return { allowed: false, text, accepted: i, reason, expected };
      }
      state = next;
    }
    if (!this.allows(token))
      return {
        allowed: false,
        text,
        accepted: bytes.length,
        reason: 'a limit of tokens would be passed',
        expected: [],
      };
    return { allowed: true, text, accepted: bytes.length, reason: 'every byte can follow', expected: [] };
  }

  /**
   * Sets the logits of all other tokens to -Infinity (in place) and returns them. After the end only end tokens are left: a sequence of a
   * batch that is done early is filled up with them. Throws INFC5033 where nothing would be left: the text is complete, and no token ends it.
   */
  process(logits: Float32Array): Float32Array {
    scores(logits);
    if (!this.ended && this.machine.pool.isEmpty(this.maskId()))
      throw new InfcError('INFC5033', 'the text is complete, and the vocabulary has no end token', {
        fix: 'Make the vocabulary with { eos: [token] }, or stop when accepting',
      });
    const words = this.ended ? this.endWords() : this.mask();
    for (let t = 0; t < logits.length; t++)
      if ((((words[t >>> 5] ?? 0) >>> (t & 31)) & 1) === 0) logits[t] = Number.NEGATIVE_INFINITY;
    return logits;
  }

  private endWords(): Uint32Array {
    const words = new Uint32Array(this.machine.pool.words);
    for (const token of this.machine.vocabulary.eos)
      words[token >>> 5] = (words[token >>> 5] ?? 0) | (1 << (token & 31));
    return words;
  }

  private after(token: number): number {
    const bytes = this.machine.vocabulary.bytes[token];
    if (!bytes) return this.machine.special?.(this.state, token) ?? 0;
    return bytes.length === 0 ? 0 : this.machine.run(this.state, bytes);
  }

  private expected(state: number): string[] {
    const list: string[] = [];
    for (let byte = 0; byte < 256; byte++) {
      if (this.machine.step(state, byte) === 0) continue;
      list.push(byte < 0x80 ? JSON.stringify(String.fromCharCode(byte)) : `0x${byte.toString(16)}`);
    }
    return list;
  }
}

function nameOf({ special }: Vocabulary, token: number): string | undefined {
  for (const [text, id] of special) if (id === token) return text;
  return undefined;
}

/** Forced texts longer than this are given in pieces. */
const MAX_FORCED = 4096;
