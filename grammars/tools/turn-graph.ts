import type { Acceptor } from '../matching/acceptor.ts';
import { type Composite, composite, type Part } from '../matching/composite.ts';
import { regexAcceptor } from '../regex/acceptor.ts';
import { createRegexEngine, type Lang, type RegexEngine } from '../regex/index.ts';
import type { Tags } from './tool-format.ts';

interface Draft {
  readonly acceptor: Acceptor;
  readonly next: { part: number; token?: number }[];
  final: boolean;
  stretch?: boolean;
}

/** A part, or a chain of parts, with its first and last. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

interface Way {
  readonly pieces: readonly string[];
  readonly after: Span;
}

const NO_WAY: Pick<Way, 'pieces'> = { pieces: [] };

/** Builds the graph of a {@link composite}: literals, free text up to a tag, and other acceptors. */
export class TurnGraph {
  private readonly engine: RegexEngine = createRegexEngine();
  readonly #parts: Draft[] = [];
  readonly #special: ReadonlyMap<string, number>;
  readonly #specials: RegExp;
  readonly #literals = new Map<Lang, Acceptor>();

  /** @param special special tokens by text; their texts are taken as tokens wherever they occur in literals */
  constructor(special: ReadonlyMap<string, number>) {
    this.#special = special;
    const names = [...special.keys()].filter((name) => name !== '').sort((a, b) => b.length - a.length);
    this.#specials = new RegExp(`(${names.map((name) => name.replace(/[^\w\s]/g, '\\$&')).join('|') || '[]'})`);
  }

  part(acceptor: Acceptor): Span {
    const at = this.#parts.push({ acceptor, next: [], final: false }) - 1;
    return { first: at, last: at };
  }

  private language(lang: Lang): Span {
    let acceptor = this.#literals.get(lang);
    if (!acceptor) this.#literals.set(lang, (acceptor = regexAcceptor(this.engine, lang)));
    return this.part(acceptor);
  }

  /** A part that matches nothing: a junction. */
  junction(): Span {
    return this.language(this.engine.epsilon);
  }

  /** A text, special tokens inside it as tokens. */
  literal(text: string): Span {
    const pieces = this.#split(text);
    let span: Span | undefined;
    let token: number | undefined;
    for (const piece of pieces) {
      if (typeof piece === 'number') {
        span ??= this.junction();
        if (token !== undefined) span = this.link(span, this.junction(), token);
        token = piece;
        continue;
      }
      const next = this.language(this.engine.literal(piece));
      span = span ? this.link(span, next, token) : next;
      token = undefined;
    }
    if (token !== undefined) span = this.link(span ?? this.junction(), this.junction(), token);
    return span ?? this.junction();
  }

  /** One of several texts in pieces, each before a span of its own: what they begin with alike, from piece `at` on, is one part. */
  choice(before: Span, ways: readonly Way[], at = 0): void {
    const groups = new Map<string, Way[]>();
    for (const way of ways) {
      const first = way.pieces[at];
      const group = groups.get(first ?? '');
      if (first === undefined) this.link(before, way.after);
      else if (group) group.push(way);
      else groups.set(first, [way]);
    }
    for (const group of groups.values()) {
      const [{ pieces } = NO_WAY, ...others] = group;
      let end = others.length > 0 ? at + 1 : pieces.length;
      while (end < pieces.length && others.every((way) => way.pieces[end] === pieces[end])) end++;
      this.choice(this.link(before, this.literal(pieces.slice(at, end).join(''))), group, end);
    }
  }

  /** A text in characters and whole special tokens. */
  pieces(text: string): readonly string[] {
    return text.split(this.#specials).flatMap((piece) => (this.#special.has(piece) ? [piece] : Array.from(piece)));
  }

  /** A text as byte values, and its special tokens as 256 and more. */
  symbols(text: string): readonly number[] {
    return this.#split(text).flatMap((piece) =>
      typeof piece === 'number' ? [piece + 256] : [...new TextEncoder().encode(piece)],
    );
  }

  /** Text in which a tag does not occur; one that is a special token never occurs in text. */
  textWithout(tag: string, at: 'anywhere' | 'beginning'): Span {
    const { engine } = this;
    if (tag === '' || typeof this.#split(tag)[0] !== 'string') return this.language(engine.any);
    const rest = engine.any;
    const after = engine.concat(engine.literal(tag), rest);
    return this.language(engine.complement(at === 'anywhere' ? engine.concat(rest, after) : after));
  }

  /** A span within tags. */
  between({ begin, end }: Tags, span: Span): Span {
    return this.link(this.link(this.literal(begin), span), this.literal(end));
  }

  /** Line breaks between the parts of a turn. */
  breaks(): Span {
    return this.language(this.engine.parse('\\n{0,2}'));
  }

  /** Joins two spans, optionally over a special token. */
  link(before: Span, after: Span, token?: number): Span {
    this.#parts[before.last]?.next.push(token === undefined ? { part: after.first } : { part: after.first, token });
    return { first: before.first, last: after.last };
  }

  finish(span: Span): void {
    const part = this.#parts[span.last];
    if (part) part.final = true;
  }

  /** Makes one stretch of all parts from a place on; the number of a part tells its place. */
  stretch(from: number): void {
    for (const part of this.#parts.slice(from)) part.stretch = true;
  }

  /** The number of parts. */
  get size(): number {
    return this.#parts.length;
  }

  acceptor(start: Span): Composite {
    const parts: readonly Part[] = this.#parts;
    return composite(parts, start.first);
  }

  /** A text in pieces: special tokens, the longest that start anywhere, and what lies between. */
  #split(text: string): (string | number)[] {
    return text
      .split(this.#specials)
      .filter((piece) => piece !== '')
      .map((piece) => this.#special.get(piece) ?? piece);
  }
}
