import { classOfCodePoint, type Partition } from './charset.ts';
import { EMPTY, EPSILON, type Lang, type Languages } from './language.ts';

/**
 * Brzozowski derivatives over classes of code points, memoised a class at a time; the memo is the lazily built automaton.
 * Look-behinds and word boundaries read `bits`: which histories of the enclosing context accept the text so far.
 */
export class Derivatives {
  readonly #languages: Languages;
  readonly #partitions: (Partition | undefined)[] = [];
  readonly #rows: (Int32Array | undefined)[] = [];
  readonly #contextual = new Map<string, Lang>();

  constructor(languages: Languages) {
    this.#languages = languages;
  }

  /** A partition of the code points on whose classes the derivative of the language is constant. */
  classes(lang: Lang): Partition {
    const known = this.#partitions[lang];
    if (known) return known;
    const partition = this.#computeClasses(lang);
    this.#partitions[lang] = partition;
    return partition;
  }

  #computeClasses(lang: Lang): Partition {
    const languages = this.#languages;
    const { sets } = languages;
    let partition = sets.trivial;
    // The loop walks the spine of a concatenation while its heads may match nothing.
    for (let rest = lang; ; ) {
      const node = languages.node(rest);
      if (node.kind !== 'concat') return sets.product(partition, this.#classesOf(rest, lang));
      partition = sets.product(partition, this.classes(node.a));
      if (languages.node(node.a).nullable === false) return partition;
      rest = node.b;
    }
  }

  #classesOf(lang: Lang, from: Lang): Partition {
    const languages = this.#languages;
    if (lang !== from) return this.classes(lang);
    const node = languages.node(lang);
    switch (node.kind) {
      case 'class':
        return languages.sets.partitionOf(node.a);
      case 'repeat':
      case 'not':
        return this.classes(node.a);
      case 'loop':
        return this.classes(languages.expand(lang));
      case 'rule':
        return languages.rules[node.a]?.classes() ?? languages.sets.trivial;
      case 'union':
      case 'intersect':
      case 'one':
      case 'context':
        return languages.sets.meet(node.kids.map((kid) => this.classes(kid)));
      default:
        return languages.sets.trivial;
    }
  }

  /** What may follow the code point. */
  derive(lang: Lang, codePoint: number): Lang {
    return this.deriveClass(lang, classOfCodePoint(this.classes(lang), codePoint));
  }

  /** The same for states that are hardly met again: neither their classes are made, nor is it remembered. */
  deriveOnce(lang: Lang, codePoint: number): Lang {
    return this.#compute(lang, codePoint, 0);
  }

  /** What may follow any code point of a class of {@link classes}; class 0 (the surrogates) leads nowhere. */
  deriveClass(lang: Lang, cls: number): Lang {
    if (cls === 0) return EMPTY;
    let row = this.#rows[lang];
    if (!row) {
      row = new Int32Array(this.classes(lang).representatives.length).fill(-1);
      this.#rows[lang] = row;
    }
    let next = row[cls] ?? EMPTY;
    if (next < 0) {
      next = this.#compute(lang, this.classes(lang).representatives[cls] ?? 0, 0);
      row[cls] = next;
    }
    return next;
  }

  #derive(lang: Lang, codePoint: number, bits: number): Lang {
    const { behinds } = this.#languages.node(lang);
    if (behinds === 0) return this.derive(lang, codePoint);
    const key = `${lang},${bits & behinds},${classOfCodePoint(this.classes(lang), codePoint)}`;
    let next = this.#contextual.get(key);
    if (next === undefined) {
      next = this.#compute(lang, codePoint, bits);
      this.#contextual.set(key, next);
    }
    return next;
  }

  #compute(lang: Lang, codePoint: number, bits: number): Lang {
    const languages = this.#languages;
    const node = languages.node(lang);
    switch (node.kind) {
      case 'empty':
      case 'epsilon':
      case 'behind':
        return EMPTY;
      case 'class':
        return languages.sets.has(node.a, codePoint) ? EPSILON : EMPTY;
      case 'concat': {
        const parts: Lang[] = [];
        for (let rest = lang; ; ) {
          const { kind, a, b } = languages.node(rest);
          if (kind !== 'concat') {
            parts.push(this.#derive(rest, codePoint, bits));
            break;
          }
          parts.push(languages.concat(this.#derive(a, codePoint, bits), b));
          if (!languages.nullableIn(a, bits)) break;
          rest = b;
        }
        return languages.union(parts);
      }
      case 'union':
      case 'one':
        return languages[node.kind](node.kids.map((kid) => this.#derive(kid, codePoint, bits)));
      case 'intersect': {
        const parts: Lang[] = [];
        for (const kid of node.kids) {
          const part = this.#derive(kid, codePoint, bits);
          if (part === EMPTY) return EMPTY;
          parts.push(part);
        }
        return languages.intersect(parts);
      }
      case 'not':
        return languages.not(this.#derive(node.a, codePoint, bits));
      case 'repeat': {
        const rest = languages.repeat(node.a, Math.max(node.min - 1, 0), node.max - 1);
        return languages.concat(this.#derive(node.a, codePoint, bits), rest);
      }
      case 'loop':
        return this.#derive(languages.expand(lang), codePoint, bits);
      case 'rule':
        return languages.rules[node.a]?.derive(codePoint) ?? EMPTY;
      case 'context': {
        const [expression = EMPTY, ...histories] = node.kids;
        let mask = 0;
        histories.forEach((history, i) => {
          if (languages.nullableIn(history, 0)) mask |= 1 << i;
        });
        const next = this.#derive(expression, codePoint, mask);
        return languages.context(
          next,
          histories.map((history) => this.derive(history, codePoint)),
        );
      }
    }
  }
}
