import { type CharSet, EMPTY_SET } from './charset.ts';
import type { Languages } from './language.ts';
import { EMPTY, EPSILON, type Lang } from './node.ts';

/** One of several words (code points), built as the tree of their beginnings: the words themselves would be ten times as many nodes. */
export function unionOfWords(languages: Languages, list: readonly (readonly number[])[]): Lang {
  const words = [...list].sort((a, b) => {
    let i = 0;
    while (i < a.length && a[i] === b[i]) i++;
    return (a[i] ?? -1) - (b[i] ?? -1);
  });
  const characters = new Map<number, Lang>();
  const character = (point: number): Lang => {
    let lang = characters.get(point);
    if (lang === undefined) characters.set(point, (lang = languages.class(languages.sets.of([[point, point]]))));
    return lang;
  };
  /** The rests of the words from `from` to `to`, which agree in `at` characters. */
  const rests = (from: number, to: number, at: number): Lang => {
    const first = words[from] ?? [];
    const last = words[to - 1] ?? [];
    let same = at;
    while (same < first.length && first[same] === last[same]) same++;
    const kids: Lang[] = first.length === same ? [EPSILON] : [];
    for (let i = from; i < to; ) {
      const point = words[i]?.[same];
      let end = i + 1;
      while (end < to && words[end]?.[same] === point) end++;
      if (point !== undefined) kids.push(languages.concat(character(point), rests(i, end, same + 1)));
      i = end;
    }
    let lang = kids.length === 1 ? (kids[0] ?? EPSILON) : languages.union(kids);
    for (let i = same - 1; i >= at; i--) lang = languages.concat(character(first[i] ?? 0), lang);
    return lang;
  };
  return words.length === 0 ? EMPTY : rests(0, words.length, 0);
}

/** Left-factors `h·t | h·u`, joins `r{..}·t` of touching counts, and merges classes before one tail. */
export function mergeUnion(languages: Languages, members: Set<Lang>): void {
  const byHead = new Map<Lang, Lang[]>();
  for (const lang of members) {
    const node = languages.node(lang);
    const head = node.kind === 'concat' ? node.a : lang;
    const tails = byHead.get(head);
    if (tails) tails.push(lang);
    else byHead.set(head, [lang]);
  }
  for (const [head, group] of byHead) {
    if (group.length < 2) continue;
    for (const lang of group) members.delete(lang);
    const tails = group.map((lang) => (lang === head ? EPSILON : languages.node(lang).b));
    members.add(languages.concat(head, languages.union(tails)));
  }
  const classes = new Map<Lang, CharSet>();
  for (const lang of members) {
    const { kind, a, b } = languages.node(lang);
    if (kind === 'concat' && languages.node(a).kind === 'class')
      classes.set(b, languages.sets.union(classes.get(b) ?? EMPTY_SET, languages.node(a).a));
  }
  for (const lang of [...members]) {
    const node = languages.node(lang);
    if (node.kind !== 'concat' || languages.node(node.a).kind !== 'class') continue;
    const set = classes.get(node.b) ?? EMPTY_SET;
    if (set === languages.node(node.a).a) continue;
    members.delete(lang);
    members.add(languages.concat(languages.class(set), node.b));
  }
  mergeCounters(languages, members);
}

function mergeCounters(languages: Languages, members: Set<Lang>): void {
  const spans = new Map<string, { base: Lang; tail: Lang; list: { lang: Lang; min: number; max: number }[] }>();
  for (const lang of members) {
    const node = languages.node(lang);
    const head = languages.node(node.kind === 'concat' ? node.a : lang);
    if (head.kind !== 'repeat') continue;
    const tail = node.kind === 'concat' ? node.b : EPSILON;
    const key = `${head.a},${tail}`;
    const span = spans.get(key) ?? { base: head.a, tail, list: [] };
    span.list.push({ lang, min: head.min, max: head.max });
    spans.set(key, span);
  }
  for (const { base, tail, list } of spans.values()) {
    if (members.has(tail)) list.push({ lang: tail, min: 0, max: 0 });
    const once = languages.concat(base, tail);
    if (members.has(once)) list.push({ lang: once, min: 1, max: 1 });
    if (list.length < 2) continue;
    list.sort((x, y) => x.min - y.min);
    let current = list[0];
    for (const next of list.slice(1)) {
      if (current && next.min <= current.max + 1) {
        members.delete(current.lang);
        members.delete(next.lang);
        const max = Math.max(current.max, next.max);
        const lang = languages.concat(languages.repeat(base, current.min, max), tail);
        current = { lang, min: current.min, max };
        members.add(lang);
      } else current = next;
    }
  }
}
