import { type CharSet, EMPTY_SET } from './charset.ts';
import type { Languages } from './language.ts';
import { EPSILON, type Lang } from './node.ts';

/** Languages that a language is seen to include, and that it is the union of. */
export function partsOf(languages: Languages, lang: Lang): readonly Lang[] {
  const { kind, a, b, kids } = languages.node(lang);
  if (kind === 'union') return kids.flatMap((kid) => partsOf(languages, kid));
  if (kind === 'concat' && languages.node(a).nullable === true) return [lang, ...partsOf(languages, b)];
  return (kind === 'rule' && languages.rules[a]?.parts?.()) || [lang];
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
  const spans = new Map<number, { base: Lang; tail: Lang; list: { lang: Lang; min: number; max: number }[] }>();
  for (const lang of members) {
    const node = languages.node(lang);
    const head = languages.node(node.kind === 'concat' ? node.a : lang);
    if (head.kind !== 'repeat') continue;
    const tail = node.kind === 'concat' ? node.b : EPSILON;
    const key = head.a * 0x4000000 + tail;
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
