import { ALL_SET, type CharSet, EMPTY_SET } from './charset.ts';
import type { Languages } from './language.ts';
import { EPSILON, type Lang, UNBOUNDED } from './node.ts';

/** Cheap proofs that an intersection is empty; also drops plain length bounds that another member implies. */
export function disjoint(languages: Languages, members: Set<Lang>): boolean {
  let low = 0;
  let high = UNBOUNDED;
  let heads: CharSet = ALL_SET;
  let nullable = true;
  for (const lang of members) {
    const node = languages.node(lang);
    if (node.kind === 'not' && members.has(node.a)) return true;
    low = Math.max(low, node.minLength);
    high = Math.min(high, node.maxLength);
    if (node.nullable === false) nullable = false;
    const head = node.kind === 'concat' ? languages.node(node.a) : node;
    if (head.kind === 'class') heads = languages.sets.intersect(heads, head.a);
    else if (head.kind === 'repeat' && head.min > 0 && languages.node(head.a).kind === 'class')
      heads = languages.sets.intersect(heads, languages.node(head.a).a);
  }
  if (low > high || heads === EMPTY_SET) return true;
  if (members.has(EPSILON) && !nullable) return true;
  for (const lang of [...members]) {
    const node = languages.node(lang);
    if (node.kind !== 'repeat' || languages.node(node.a).a !== ALL_SET || languages.node(node.a).kind !== 'class')
      continue;
    for (const other of members) {
      const { minLength, maxLength } = languages.node(other);
      if (other !== lang && minLength >= node.min && maxLength <= node.max) members.delete(lang);
    }
  }
  return false;
}
