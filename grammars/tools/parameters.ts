import type { Acceptor, OwnMasks } from '../matching/acceptor.ts';
import type { MaskPool } from '../matching/mask-pool.ts';
import { walkedMask } from '../matching/token-machine.ts';
import { buildTrie, type TokenTrie, type TrieEntry } from '../matching/trie.ts';
import type { Vocabulary } from '../vocabulary.ts';
import { overlap } from './overlap.ts';
import type { ArgumentReader, ArgumentSyntax } from './tool-format.ts';

/** How an argument is spelled: `begin KEY middle VALUE end after`. */
export interface ParameterTags {
  readonly begin: string;
  readonly middle: string;
  /** Ends a value: the first one does, so that no value holds it. */
  readonly end: string;
  readonly after: string;
}

/**
 * Arguments one by one between tags: texts as they are, all other values as JSON. The spelling is translated, byte by byte, to the JSON text that
 * it stands for, which the schema's own automaton judges: order, required names, and what depends on what hold as they do for JSON. Where a schema
 * allows a text and other values, what reads as JSON there is no text, as the parsers of inference servers have it.
 */
export function parameters(tags: ParameterTags): ArgumentSyntax {
  return {
    acceptor: (json, symbols) => new ParameterAcceptor(json, tags, symbols),
    reader: (json) => new ParameterReader(json, tags),
  };
}

const [QUOTE, COMMA, COLON, OPEN, CLOSE] = [0x22, 0x2c, 0x3a, 0x7b, 0x7d];

/** Between arguments, in the tag before a name, in the name, in a value, in the text after its tag. */
type Phase = 'gap' | 'begin' | 'key' | 'value' | 'after';

interface State {
  readonly phase: Phase;
  /** Symbols of the tag that have come. */
  readonly matched: number;
  /** The JSON state if this is a text; in a gap, the one state there is. Symbols that may be the tag's are not in it. */
  readonly text: number;
  /** The JSON state if this is another value. */
  readonly other: number;
  /** How deep the other value is nested; undefined before it begins. */
  readonly depth: number | undefined;
  /** Within a string of the other value; `escape` after a backslash there. */
  readonly string: '' | 'string' | 'escape';
}

const GAP: State = { phase: 'gap', matched: 0, text: 0, other: 0, depth: undefined, string: '' };

class ParameterAcceptor implements Acceptor {
  readonly start: number;
  private readonly states: (State | undefined)[] = [undefined];
  private readonly ids = new Map<string, number>();
  /** By state: where each byte leads, -1 where nobody asked. */
  private readonly rows: Int32Array[] = [];
  private readonly tags: Readonly<Record<Exclude<Phase, 'gap'>, readonly number[]>>;
  /** Special tokens of the tags, as symbols. */
  private readonly tokens: readonly number[];

  constructor(
    private readonly json: Acceptor,
    { begin, middle, end, after }: ParameterTags,
    symbols: (text: string) => readonly number[],
  ) {
    this.tags = { begin: symbols(begin), key: symbols(middle), value: symbols(end), after: symbols(after) };
    this.tokens = [...new Set(Object.values(this.tags).flat())].filter((symbol) => symbol >= 256);
    this.start = this.alive({ ...GAP, text: json.step(json.start, OPEN) });
  }

  step(id: number, byte: number): number {
    const row = (this.rows[id] ??= new Int32Array(256).fill(-1));
    const known = row[byte] ?? 0;
    return known >= 0 ? known : (row[byte] = this.advance(id, byte));
  }

  special(id: number, token: number): number {
    return this.tokens.includes(token + 256) ? this.advance(id, token + 256) : 0;
  }

  specials(id: number): readonly number[] {
    return this.tokens.filter((symbol) => this.advance(id, symbol) !== 0).map((symbol) => symbol - 256);
  }

  accepts(id: number): boolean {
    const state = this.states[id];
    return state?.phase === 'gap' && this.json.accepts(this.json.step(state.text, CLOSE));
  }

  /** Too high: a byte of JSON counts as all tags, so that each byte and tag on the shortest way still brings the end nearer. */
  shortest(id: number): number {
    const state = this.states[id];
    if (!state) return Number.POSITIVE_INFINITY;
    const { begin, key, value, after } = this.tags;
    const each = begin.length + key.length + value.length + after.length + 2;
    const { phase, matched, text } = state;
    if (phase === 'gap') return this.accepts(id) ? 0 : each * this.json.shortest(text);
    const closing = value.length + after.length + 1;
    if (phase === 'after') return after.length - matched + this.shortest(this.alive({ ...GAP, text }));
    const goes = this.untagged(state, matched);
    const through = each * Math.min(this.distance(goes.text), this.distance(goes.other)) + closing;
    if (phase === 'begin') return through + begin.length - matched;
    const ends = this.closed(state);
    return ends === 0 ? through : Math.min(through, this.tags[phase].length - matched + this.shortest(ends));
  }

  /** Within a text most tokens are what they are in a JSON string. */
  masks(vocabulary: Vocabulary, pool: MaskPool): OwnMasks {
    const inside = this.json.masks?.(vocabulary, pool);
    const [first = 0] = this.tags.value;
    return {
      mask: (id) => {
        const state = this.states[id];
        if (!inside || state?.phase !== 'value' || state.other !== 0) return walkedMask(this, id, vocabulary, pool);
        const { plain, rest } = sorted(vocabulary, first, this.tags.value[state.matched] ?? first);
        const others = pool.view(walkedMask(this, id, vocabulary, pool, rest));
        const { text } = this.untagged(state, state.matched);
        if (text === 0) return pool.internWords(others.slice());
        const words = pool.view(inside.mask(text));
        return pool.internWords(words.map((word, i) => (word & (plain[i] ?? 0)) | (others[i] ?? 0)));
      },
      // The tag, before what comes after the arguments.
      owed: (id) => {
        const { phase, matched = 0 } = this.states[id] ?? {};
        const left = phase === 'value' ? this.tags.value.slice(matched) : [];
        return String.fromCharCode(...new Set(left.filter((symbol) => symbol < 0x80)));
      },
    };
  }

  private distance(state: number): number {
    return state === 0 ? Number.POSITIVE_INFINITY : this.json.shortest(state);
  }

  private alive(state: State): number {
    if (state.text === 0 && state.other === 0) return 0;
    const key = Object.values(state).join();
    let id = this.ids.get(key);
    if (id === undefined) this.ids.set(key, (id = this.states.push(state) - 1));
    return id;
  }

  private advance(id: number, symbol: number): number {
    const state = this.states[id];
    if (!state) return 0;
    const { phase, matched, text } = state;
    switch (phase) {
      case 'gap': {
        const named = this.json.step(this.separated(text), QUOTE);
        return this.alive(this.along({ ...state, phase: 'begin', text: named }, symbol));
      }
      case 'begin':
      case 'after':
        return this.alive(this.along(state, symbol));
      default: {
        const tag = this.tags[phase];
        if (tag[matched] === symbol) {
          const next = { ...state, matched: matched + 1 };
          return next.matched < tag.length ? this.possible(next) : this.closed(next);
        }
        // What had come of the tag is text, but for an end of it that begins the tag anew.
        const come = [...tag.slice(0, matched), symbol];
        let again = matched;
        while (!come.slice(come.length - again).every((s, i) => s === tag[i])) again--;
        let now = this.untagged(state, Math.min(matched, come.length - again));
        if (again === 0) now = this.read(now, symbol);
        return this.possible({ ...now, matched: again });
      }
    }
  }

  /** A state in which a part of a tag may have come, if the tag or a text that goes on leads to an end. */
  private possible(state: State): number {
    const { text, other } = this.untagged(state, state.matched);
    return text !== 0 || other !== 0 || this.closed(state) !== 0 ? this.alive(state) : 0;
  }

  /** One symbol of a tag that nothing else may come before. */
  private along(state: State, symbol: number): State {
    const { phase, matched } = state;
    const tag = this.tags[phase === 'begin' ? 'begin' : 'after'];
    if (tag[matched] !== symbol) return GAP;
    if (matched + 1 < tag.length) return { ...state, matched: matched + 1 };
    return { ...state, phase: phase === 'begin' ? 'key' : 'gap', matched: 0 };
  }

  /** The state with the first symbols of the tag that has come taken as text. */
  private untagged(state: State, count: number): State {
    const tag = this.tags[state.phase === 'key' ? 'key' : 'value'];
    let now: State = { ...state, matched: 0 };
    if (state.phase === 'key' || state.phase === 'value')
      for (let i = 0; i < count; i++) now = this.read(now, tag[i] ?? 0);
    return now;
  }

  /** One symbol of a name or value. */
  private read(state: State, symbol: number): State {
    if (symbol >= 256) return GAP;
    return { ...state, text: this.run(state.text, escaped(symbol)), ...this.readOther(state, symbol) };
  }

  private readOther(state: State, byte: number): Pick<State, 'other' | 'depth' | 'string'> {
    const { depth } = state;
    // White space before a value would be a text's; a quote is, too.
    if (state.other === 0 || (depth === undefined && (byte === QUOTE || byte <= 0x20)))
      return { other: 0, depth: undefined, string: '' };
    const other = this.json.step(state.other, byte);
    const inside = state.string !== '';
    const string =
      state.string === 'string'
        ? byte === QUOTE
          ? ''
          : byte === 0x5c
            ? 'escape'
            : 'string'
        : inside || byte === QUOTE
          ? 'string'
          : '';
    const by = inside ? 0 : byte === OPEN || byte === 0x5b ? 1 : byte === CLOSE || byte === 0x5d ? -1 : 0;
    const now = (depth ?? 0) + by;
    // What ends the object or goes on in it is no part of the value.
    if (now < 0 || (now === 0 && by === 0 && !inside && byte === COMMA)) return { other: 0, depth, string };
    return { other, depth: now, string };
  }

  /** The state after the tag that ends a name or value, or 0. */
  private closed(state: State): number {
    const { json } = this;
    if (state.phase === 'key') {
      const value = json.step(json.step(state.text, QUOTE), COLON);
      return this.alive({ ...GAP, phase: 'value', text: json.step(value, QUOTE), other: value });
    }
    const whole = state.depth === 0 && state.string === '' && this.complete(state.other) ? state.other : 0;
    const text = json.step(state.text, QUOTE);
    const after = this.tags.after.length === 0 ? 'gap' : 'after';
    return this.alive({ ...GAP, phase: after, text: whole || (this.complete(text) ? text : 0) });
  }

  /** Whether the object may end or go on after a value. */
  private complete(state: number): boolean {
    return this.json.step(state, CLOSE) !== 0 || this.json.step(state, COMMA) !== 0;
  }

  /** The JSON state before a name. */
  private separated(state: number): number {
    return state === this.json.step(this.json.start, OPEN) ? state : this.json.step(state, COMMA);
  }

  private run(state: number, bytes: readonly number[]): number {
    return bytes.reduce((at, byte) => this.json.step(at, byte), state);
  }
}

/** The tokens that stand in a JSON string as in a text, begin no tag and go on with none; and a trie of the others. */
interface Sorted {
  readonly plain: Uint32Array;
  readonly rest: TokenTrie;
}

const sortedTokens = new WeakMap<Vocabulary, Map<string, Sorted>>();

function sorted(vocabulary: Vocabulary, first: number, next: number): Sorted {
  const known = sortedTokens.get(vocabulary) ?? new Map<string, Sorted>();
  sortedTokens.set(vocabulary, known);
  const key = `${first},${next}`;
  let found = known.get(key);
  if (!found) {
    const plain = new Uint32Array((vocabulary.size + 31) >>> 5);
    const rest: TrieEntry[] = [];
    vocabulary.bytes.forEach((bytes, token) => {
      const own = bytes?.every((byte) => byte >= 0x20 && byte !== QUOTE && byte !== 0x5c && byte !== first);
      if (own && bytes?.[0] !== next) plain[token >>> 5] = (plain[token >>> 5] ?? 0) | (1 << (token & 31));
      else if (bytes) rest.push({ bytes, tokens: [token] });
    });
    known.set(key, (found = { plain, rest: buildTrie(rest) }));
  }
  return found;
}

const byteEscapes: (readonly number[])[] = [];

/** The bytes that spell a byte of a text in a JSON string. */
function escaped(byte: number): readonly number[] {
  return (byteEscapes[byte] ??=
    byte >= 0x80 ? [byte] : [...new TextEncoder().encode(inString(String.fromCharCode(byte)))]);
}

/** A text as it stands within the quotes of a JSON string. */
const inString = (text: string): string => JSON.stringify(text).slice(1, -1);

class ParameterReader implements ArgumentReader {
  private phase: Phase | 'end' = 'gap';
  private readonly parts: string[] = [];
  /** The JSON state after the parts. */
  private state: number;
  /** What the value at hand may be; the schema tells. */
  private kind: 'text' | 'other' | 'either' = 'either';
  private value = '';

  constructor(
    private readonly json: Acceptor,
    private readonly tags: ParameterTags,
  ) {
    this.state = json.start;
  }

  take(text: string, ended: boolean): { readonly taken: number; readonly json: string } {
    const { begin, middle, end, after } = this.tags;
    const known = this.parts.length;
    let at = 0;
    if (known === 0) this.write('{');
    for (let more = true; more; ) {
      const rest = text.slice(at);
      more = false;
      if (this.phase === 'gap') {
        if (rest.startsWith(begin)) {
          at += begin.length;
          this.phase = 'key';
          more = true;
        } else if (ended || !begin.startsWith(rest)) {
          this.write('}');
          this.phase = 'end';
        }
      } else if (this.phase === 'key') {
        const close = rest.indexOf(middle);
        if (close < 0) break;
        this.write(`${this.parts.length > 1 ? ',' : ''}${JSON.stringify(rest.slice(0, close))}:`);
        this.begin();
        at += close + middle.length;
        more = true;
      } else if (this.phase === 'value') {
        const close = rest.indexOf(end);
        // Half of a surrogate pair waits for the other.
        const half = /[\ud800-\udbff]$/.test(rest) ? 1 : 0;
        const sure = close < 0 ? rest.length - (overlap(rest, end) || half) : close;
        this.read(rest.slice(0, sure));
        at += sure;
        if (close < 0) break;
        this.finish();
        at += end.length;
        this.phase = 'after';
        more = true;
      } else if (this.phase === 'after' && rest.startsWith(after)) {
        at += after.length;
        this.phase = 'gap';
        more = true;
      }
    }
    return { taken: at, json: this.parts.slice(known).join('') };
  }

  /** A value begins: the schema says what it may be. */
  private begin(): void {
    this.phase = 'value';
    this.value = '';
    const others = [...'{[-0123456789tfn'].some((c) => this.json.step(this.state, c.charCodeAt(0)) !== 0);
    this.kind = this.json.step(this.state, QUOTE) === 0 ? 'other' : others ? 'either' : 'text';
    if (this.kind === 'text') this.write('"');
  }

  private read(text: string): void {
    this.value += text;
    if (this.kind === 'text') this.write(inString(text));
    if (this.kind === 'other') this.write(text);
  }

  private finish(): void {
    if (this.kind === 'text') this.write('"');
    if (this.kind !== 'either') return;
    const { value } = this;
    const state = isJson(value) && !/^[\s"]/.test(value) ? this.after(value) : 0;
    const whole = [COMMA, CLOSE].some((byte) => this.json.step(state, byte) !== 0);
    this.write(whole ? value : `"${inString(value)}"`);
  }

  private write(text: string): void {
    this.parts.push(text);
    this.state = this.after(text);
  }

  /** The JSON state after what has come and a text, which ends with a whole character. */
  private after(text: string): number {
    let { state } = this;
    for (const byte of new TextEncoder().encode(text)) state = this.json.step(state, byte);
    return state;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
