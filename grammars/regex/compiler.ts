import { InfcError } from '../../runtime/errors.ts';
import { ALL_SET } from './charset.ts';
import { EMPTY, EPSILON, type Lang, type Languages } from './language.ts';
import { type ClassRanges, hasAssertion, type RegexNode } from './syntax.ts';
import { oneOf } from './words.ts';

const MAX_BEHINDS = 30;
let sessions = 0;

/**
 * Compiles syntax to languages of whole strings. Each node is compiled before its continuation `k`, the language of what may follow up to
 * the end of the text: `(?=A)` then is `A.* & k`, `(?!A)` is `~(A.*) & k`, `$` is `"" & k`. Look-behinds become leaves that read a
 * history, a language followed from the start of the text; loops with assertions inside become recursive nodes.
 */
export class Compiler {
  readonly #languages: Languages;
  readonly #insideBehind: boolean;
  readonly #session = ++sessions;
  readonly #histories: Lang[] = [];
  readonly #historyIds = new Map<Lang, number>();
  readonly #nodeIds = new Map<RegexNode, number>();
  readonly #memo = new Map<string, Lang>();

  constructor(languages: Languages, insideBehind = false) {
    this.#languages = languages;
    this.#insideBehind = insideBehind;
  }

  /** The texts in which a search finds a match (`RegExp.prototype.test`). */
  search(node: RegexNode): Lang {
    return this.#close(this.#fromStart(node, this.#languages.any));
  }

  /** The texts that match from beginning to end. */
  full(node: RegexNode): Lang {
    return this.#close(this.#before(node, EPSILON));
  }

  /** The texts that end in a match. */
  suffix(node: RegexNode): Lang {
    return this.#close(this.#fromStart(node, EPSILON));
  }

  #close(expression: Lang): Lang {
    return this.#languages.context(expression, this.#histories);
  }

  /** Matches anywhere before `k`; a leading `^` is resolved here, which spares most patterns a history. */
  #fromStart(node: RegexNode, k: Lang): Lang {
    const languages = this.#languages;
    if (startsAnchored(node)) {
      if (node.type === 'start') return node.lines ? this.#anywhere(node, k) : k;
      if (node.type === 'choice') return languages.union(node.items.map((item) => this.#fromStart(item, k)));
      if (node.type === 'sequence') {
        const [first, ...rest] = node.items;
        if (first?.type === 'start' && !first.lines) return this.#before({ type: 'sequence', items: rest }, k);
        if (first?.type === 'choice') {
          return languages.union(
            first.items.map((item) => this.#fromStart({ type: 'sequence', items: [item, ...rest] }, k)),
          );
        }
        if (first?.type === 'sequence')
          return this.#fromStart({ type: 'sequence', items: [...first.items, ...rest] }, k);
      }
    }
    return this.#anywhere(node, k);
  }

  #anywhere(node: RegexNode, k: Lang): Lang {
    return this.#languages.concat(this.#languages.any, this.#before(node, k));
  }

  #before(node: RegexNode, k: Lang): Lang {
    return this.#compile(node, k, k);
  }

  /** `after` follows when the node consumed something, `still` when it matched nothing. */
  #compile(node: RegexNode, after: Lang, still: Lang): Lang {
    if (!hasAssertion(node)) return this.#simpleThen(this.#simple(node), after, still);
    const key = `${this.#idOf(node)},${after},${still}`;
    let lang = this.#memo.get(key);
    if (lang === undefined) {
      lang = this.#compileAsserting(node, after, still);
      this.#memo.set(key, lang);
    }
    return lang;
  }

  #simpleThen(lang: Lang, after: Lang, still: Lang): Lang {
    const languages = this.#languages;
    if (after === still || languages.node(lang).nullable === false) return languages.concat(lang, after);
    const some = languages.intersect([lang, languages.repeat(languages.class(ALL_SET), 1, Number.POSITIVE_INFINITY)]);
    return languages.union([languages.concat(some, after), still]);
  }

  #compileAsserting(node: RegexNode, after: Lang, still: Lang): Lang {
    const languages = this.#languages;
    switch (node.type) {
      case 'class':
        return languages.concat(this.#simple(node), after);
      case 'sequence': {
        let next = after;
        let rest = still;
        for (const item of [...node.items].reverse())
          [next, rest] = [this.#compile(item, next, next), this.#compile(item, next, rest)];
        return rest;
      }
      case 'choice':
        return languages.union(node.items.map((item) => this.#compile(item, after, still)));
      case 'repeat':
        return this.#compileRepeat(node, node.min, node.max, after, still);
      case 'start':
        return languages.concat(this.#behind(this.#history(node), false), still);
      case 'end': {
        this.#refuseAhead(still);
        const here = node.lines
          ? languages.union([EPSILON, languages.concat(this.#class(node.lines), languages.any)])
          : EPSILON;
        return languages.intersect([here, still]);
      }
      case 'boundary': {
        this.#refuseAhead(still);
        const word = this.#class(node.word);
        const before = this.#history(node);
        const wordNext = languages.concat(word, languages.any);
        const other = languages.not(wordNext);
        return languages.union([
          languages.concat(this.#behind(before, false), languages.intersect([node.negated ? wordNext : other, still])),
          languages.concat(this.#behind(before, true), languages.intersect([node.negated ? other : wordNext, still])),
        ]);
      }
      case 'look': {
        if (node.behind) {
          return languages.concat(this.#behind(this.#history(node), node.negated), still);
        }
        this.#refuseAhead(still);
        const ahead = this.#before(node.body, languages.any);
        return languages.intersect([node.negated ? languages.not(ahead) : ahead, still]);
      }
    }
  }

  /** A loop whose body asserts. Iterations that consume nothing end an optional loop (ECMA-262 RepeatMatcher), so recursion is guarded. */
  #compileRepeat(node: RegexNode & { type: 'repeat' }, min: number, max: number, after: Lang, still: Lang): Lang {
    if (max === 0) return still;
    if (after !== still) {
      if (min > 0) {
        const rest = this.#compileRepeat(node, 0, max - 1, after, still);
        return this.#compile(node.item, this.#loop(node, min - 1, max - 1, after), rest);
      }
      return this.#languages.union([this.#compile(node.item, this.#loop(node, 0, max - 1, after), EMPTY), still]);
    }
    return this.#loop(node, min, max, after);
  }

  #loop(node: RegexNode & { type: 'repeat' }, min: number, max: number, k: Lang): Lang {
    if (max === 0) return k;
    const languages = this.#languages;
    const { nullable, minLength, behinds: behindsAfter } = languages.node(k);
    const behinds = behindsAfter | this.#behindsOf(node.item);
    const key = `${this.#session}:${this.#idOf(node)},${min},${max},${k}`;
    return languages.loop(key, minLength, behinds, min === 0 && nullable !== undefined ? nullable : undefined, () => {
      const next = this.#loop(node, Math.max(min - 1, 0), max - 1, k);
      if (min === 0) return languages.union([this.#compile(node.item, next, EMPTY), k]);
      return this.#compile(node.item, next, this.#loop(node, 0, max - 1, k));
    });
  }

  /** The language of the text so far that an assertion asks about. */
  #history(node: RegexNode): Lang {
    const languages = this.#languages;
    if (node.type === 'start') {
      return node.lines
        ? languages.union([EPSILON, languages.concat(languages.any, this.#class(node.lines))])
        : EPSILON;
    }
    if (node.type === 'boundary') return languages.concat(languages.any, this.#class(node.word));
    return node.type === 'look' ? new Compiler(languages, true).suffix(node.body) : EMPTY;
  }

  /** Bits of the histories that a node can ask about. */
  #behindsOf(node: RegexNode): number {
    switch (node.type) {
      case 'start':
      case 'boundary':
        return this.#languages.node(this.#behind(this.#history(node), false)).behinds;
      case 'look':
        return node.behind
          ? this.#languages.node(this.#behind(this.#history(node), false)).behinds
          : this.#behindsOf(node.body);
      case 'sequence':
      case 'choice':
        return node.items.reduce((bits, item) => bits | this.#behindsOf(item), 0);
      case 'repeat':
        return this.#behindsOf(node.item);
      default:
        return 0;
    }
  }

  #simple(node: RegexNode): Lang {
    const languages = this.#languages;
    switch (node.type) {
      case 'class':
        return this.#class(node.ranges);
      case 'sequence':
        return [...node.items].reverse().reduce((rest, item) => languages.concat(this.#simple(item), rest), EPSILON);
      case 'choice':
        return this.#choice(node.items);
      case 'repeat':
        return languages.repeat(this.#simple(node.item), node.min, node.max);
      default:
        throw new InfcError('INFC5102', `a ${node.type} assertion has no language of its own`, { fix: 'Leave it out' });
    }
  }

  #choice(items: readonly RegexNode[]): Lang {
    const words: string[] = [];
    const others: Lang[] = [];
    for (const item of items) {
      const word = wordOf(item);
      if (word !== undefined) words.push(word);
      else others.push(this.#simple(item));
    }
    return this.#languages.union([...others, oneOf(this.#languages, words)]);
  }

  #class(ranges: ClassRanges): Lang {
    const { sets } = this.#languages;
    const [[low, high] = [0, -1]] = ranges;
    return this.#languages.class(ranges.length === 1 && low === high ? sets.point(low) : sets.of(ranges));
  }

  #behind(history: Lang, negated: boolean): Lang {
    let index = this.#historyIds.get(history);
    if (index === undefined) {
      index = this.#histories.length;
      if (index >= MAX_BEHINDS)
        throw new InfcError('INFC5103', `a regular expression looks behind in more than ${MAX_BEHINDS} ways`, {
          fix: 'Write it with fewer look-behinds',
        });
      this.#histories.push(history);
      this.#historyIds.set(history, index);
    }
    return this.#languages.behind(index, negated);
  }

  /** Inside a look-behind the text after its end is unknown: an assertion about it cannot be decided there. */
  #refuseAhead(continuation: Lang): void {
    if (this.#insideBehind && this.#languages.node(continuation).minLength === 0) {
      throw new InfcError('INFC5102', 'a look-behind that looks ahead of its own end is not supported', {
        fix: 'Move the look-ahead, $ or \\b out of the look-behind',
      });
    }
  }

  #idOf(node: RegexNode): number {
    let id = this.#nodeIds.get(node);
    if (id === undefined) {
      id = this.#nodeIds.size;
      this.#nodeIds.set(node, id);
    }
    return id;
  }
}

/** The text of a node that matches one text only. */
export function wordOf(node: RegexNode): string | undefined {
  let word = '';
  for (const item of node.type === 'sequence' ? node.items : [node]) {
    const [[low, high] = [0, -1], more] = item.type === 'class' ? item.ranges : [];
    // Halves of characters that are written apart would become whole.
    if (more || low !== high || (low & ~0x7ff) === 0xd800) return undefined;
    word += String.fromCodePoint(low);
  }
  return word;
}

function startsAnchored(node: RegexNode): boolean {
  switch (node.type) {
    case 'start':
      return !node.lines;
    case 'choice':
      return node.items.some(startsAnchored);
    case 'sequence':
      return node.items[0] !== undefined && startsAnchored(node.items[0]);
    default:
      return false;
  }
}
