import { CHARACTER_COST, type Decisions } from './decisions.ts';
import type { Derivatives } from './derivatives.ts';
import type { Lang, Languages } from './language.ts';
import { UNBOUNDED } from './node.ts';

/** Counters below this stay as they are. */
const MANY = 24;
/** States of a part that {@link Counters.need} looks at where the expression does not tell. */
const MAX_STATES = 100;

/** A language and what it would be without its large counters. */
export interface Uncounted {
  readonly lang: Lang;
  /** Both have the same members of up to so many characters, and `lang` has all the others; Infinity when they are the same. */
  readonly limit: number;
}

/**
 * Languages that count only to a few, in place of those that count to many: a text too short to exhaust a counter cannot tell the
 * difference, so that all counts share one state.
 */
export class Counters {
  readonly #languages: Languages;
  readonly #derivatives: Derivatives;
  readonly #decisions: Decisions;
  readonly #uncounted = new Map<Lang, Uncounted>();
  readonly #needs = new Map<Lang, number>();

  constructor(languages: Languages, derivatives: Derivatives, decisions: Decisions) {
    this.#languages = languages;
    this.#derivatives = derivatives;
    this.#decisions = decisions;
  }

  /** The language with its large upper bounds taken away, but for those below a complement: the result includes it. */
  uncounted(lang: Lang): Uncounted {
    const known = this.#uncounted.get(lang);
    if (known) return known;
    const found = this.#compute(lang);
    this.#uncounted.set(lang, found);
    return found;
  }

  #compute(lang: Lang): Uncounted {
    const languages = this.#languages;
    const node = languages.node(lang);
    let limit = UNBOUNDED;
    const part = (kid: Lang): Lang => {
      const found = this.uncounted(kid);
      limit = Math.min(limit, found.limit);
      return found.lang;
    };
    let out = lang;
    switch (node.kind) {
      case 'concat': {
        const spine: Lang[] = [];
        let rest = lang;
        for (let at = node; at.kind === 'concat'; at = languages.node(rest)) {
          spine.push(part(at.a));
          rest = at.b;
        }
        out = spine.reduceRight((tail, head) => languages.concat(head, tail), part(rest));
        break;
      }
      case 'union':
        out = languages.union(node.kids.map(part));
        break;
      case 'intersect':
        out = languages.intersect(node.kids.map(part));
        break;
      case 'repeat': {
        const large = node.max >= MANY && node.max < UNBOUNDED && 2 * node.min < node.max;
        out = languages.repeat(part(node.a), node.min, large ? UNBOUNDED : node.max);
        if (large) limit = Math.min(limit, node.max * Math.max(1, languages.node(node.a).minLength));
        break;
      }
      case 'rule':
        return languages.rules[node.a]?.uncounted?.() ?? { lang, limit };
    }
    return limit === UNBOUNDED ? { lang, limit } : { lang: out, limit };
  }

  /** A bound on the characters that a text still needs to become a member, whatever member it begins; Infinity where none is known. */
  need(lang: Lang): number {
    let need = this.#needs.get(lang);
    if (need === undefined) this.#needs.set(lang, (need = this.#need(lang)));
    return need;
  }

  #need(lang: Lang): number {
    const languages = this.#languages;
    const node = languages.node(lang);
    const shortest = (part: Lang): number => this.#decisions.shortest(part, CHARACTER_COST);
    switch (node.kind) {
      case 'empty':
      case 'epsilon':
        return 0;
      case 'class':
        return 1;
      case 'union':
        return Math.max(...node.kids.map((kid) => this.need(kid)));
      case 'repeat':
        return languages.node(node.a).kind === 'class'
          ? node.min
          : this.need(node.a) + Math.max(0, node.min - 1) * shortest(node.a);
      case 'concat': {
        let most = 0;
        let rest = lang;
        for (let at = node; at.kind === 'concat'; at = languages.node(rest)) {
          most = Math.max(most, this.need(at.a) + shortest(at.b));
          rest = at.b;
        }
        return Math.max(most, this.need(rest));
      }
      case 'intersect':
      case 'one':
      case 'not':
        return this.#search(lang);
      case 'rule':
        return languages.rules[node.a]?.need?.() ?? UNBOUNDED;
      default:
        return UNBOUNDED;
    }
  }

  #search(lang: Lang): number {
    const found = new Set([lang]);
    for (const state of found) {
      if (found.size > MAX_STATES) return UNBOUNDED;
      const { representatives } = this.#derivatives.classes(state);
      for (let cls = 1; cls < representatives.length; cls++) found.add(this.#derivatives.deriveClass(state, cls));
    }
    let need = 0;
    for (const state of found)
      if (!this.#decisions.isEmpty(state)) need = Math.max(need, this.#decisions.shortest(state, CHARACTER_COST));
    return need;
  }
}
