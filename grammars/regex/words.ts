import { MAX_CODE_POINT } from './charset.ts';
import type { Languages } from './language.ts';
import { EPSILON, type Lang } from './node.ts';

/** So few are one expression, whose parts other states share. */
const FEW = 8;

/** One text. */
export function literal(languages: Languages, text: string): Lang {
  let lang = EPSILON;
  for (const char of Array.from(text).reverse())
    lang = languages.concat(languages.class(languages.sets.point(char.codePointAt(0) ?? 0)), lang);
  return lang;
}

/** One of several texts. Of many only the way that a text takes is ever built. */
export function oneOf(languages: Languages, texts: readonly string[]): Lang {
  // UTF-8 cannot spell halves of characters.
  const words = [...new Set(texts)].filter((text) => !/\p{Cs}/u.test(text)).sort();
  const sizes = words.length > FEW ? words.map((word) => Array.from(word).length) : [];
  /** What is left of the words from `from` to `to`, which agree in `at` units and `points` characters. */
  const rests = (from: number, to: number, at: number, points: number): Lang => {
    if (to - from <= FEW)
      return languages.union(words.slice(from, to).map((word) => literal(languages, word.slice(at))));
    const first = words[from] ?? '';
    const nullable = first.length === at;
    const groups = new Map<number, readonly [from: number, to: number]>();
    for (let i = from + Number(nullable); i < to; ) {
      const point = words[i]?.codePointAt(at) ?? 0;
      let low = i + 1;
      for (let high = to; low < high; ) {
        const middle = (low + high) >> 1;
        if (words[middle]?.codePointAt(at) === point) low = middle + 1;
        else high = middle;
      }
      groups.set(point, [i, low]);
      i = low;
    }
    const own = sizes.slice(from, to);
    const maxLength = own.reduce((most, size) => Math.max(most, size), 0) - points;
    return languages.rule({
      nullable,
      minLength: own.reduce((least, size) => Math.min(least, size)) - points,
      maxLength,
      idempotent: false,
      classes: () => {
        const starts: number[] = [];
        const classOf: number[] = [];
        let next = 0;
        for (const point of [...groups.keys(), MAX_CODE_POINT + 1].sort((a, b) => a - b)) {
          if (point > next) {
            starts.push(next);
            classOf.push(0);
          }
          if (point > MAX_CODE_POINT) break;
          starts.push(point);
          classOf.push(starts.length);
          next = point + 1;
        }
        return languages.sets.adopt({ starts, classOf });
      },
      derive: (point) => {
        const [low, high] = groups.get(point) ?? [0, 0];
        return rests(low, high, at + String.fromCodePoint(point).length, points + 1);
      },
      shortest: (cost) => {
        let least = Number.POSITIVE_INFINITY;
        for (let i = from; i < to; i++) {
          // No character costs nothing.
          if ((sizes[i] ?? 0) - points >= least) continue;
          let sum = 0;
          for (const char of words[i]?.slice(at) ?? '') {
            const point = char.codePointAt(0) ?? 0;
            sum += cost.cheapest([point, point]);
          }
          least = Math.min(least, sum);
        }
        return least;
      },
      cardinality: () => to - from,
      need: () => maxLength,
    });
  };
  return rests(0, words.length, 0, 0);
}
