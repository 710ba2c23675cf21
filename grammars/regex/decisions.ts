import { InfcError } from '../../runtime/errors.ts';
import { ALL_SET, classSizes, type Partition, type Ranges } from './charset.ts';
import type { Derivatives } from './derivatives.ts';
import { EMPTY, EPSILON, type Lang, type Languages } from './language.ts';

/** What one code point costs in the spelling that `shortest` measures. */
export interface CostModel {
  readonly name: string;
  /** The least cost of a code point in the (non-empty) ranges, at least 1. */
  cheapest(ranges: Ranges): number;
}

/** Cost of a code point in bytes of UTF-8. */
export const UTF8_COST: CostModel = {
  name: 'utf8',
  cheapest: ([first = 0]) => (first < 0x80 ? 1 : first < 0x800 ? 2 : first < 0x10000 ? 3 : 4),
};

/** Cost of one for each code point. */
export const CHARACTER_COST: CostModel = { name: 'characters', cheapest: () => 1 };

/** Parts with longer members are not tried in {@link Decisions.isEmpty}. */
const LONG = 16;

/** Exact, memoised decisions about languages, each within a budget of derivative states (INFC5105 beyond it). */
export class Decisions {
  readonly #languages: Languages;
  readonly #derivatives: Derivatives;
  readonly #budget: number;
  readonly #empty = new Map<Lang, boolean>();
  readonly #shortest = new Map<string, Map<Lang, number>>();
  readonly #classCosts = new Map<string, readonly number[]>();
  readonly #cardinality = new Map<Lang, number>();

  constructor(languages: Languages, derivatives: Derivatives, budget: number) {
    this.#languages = languages;
    this.#derivatives = derivatives;
    this.#budget = budget;
  }

  /** Emptiness by greedy best-first search for an accepting derivative. */
  isEmpty(lang: Lang): boolean {
    const quick = this.#quickEmpty(lang);
    if (quick !== undefined) return quick;
    const languages = this.#languages;
    const structural = this.#structuralEmpty(lang);
    if (structural !== undefined) {
      this.#empty.set(lang, structural);
      return structural;
    }
    if (languages.node(lang).kind === 'intersect' && this.#hasWitness(lang)) return false;
    const parents = new Map<Lang, Lang>([[lang, lang]]);
    const queue = new BucketQueue();
    queue.push(lang, languages.node(lang).minLength);
    for (let state = queue.pop(); state !== undefined; state = queue.pop()) {
      if (parents.size > this.#budget) this.#exceeded('emptiness', lang);
      const { representatives } = this.#derivatives.classes(state);
      for (let cls = 1; cls < representatives.length; cls++) {
        const next = this.#derivatives.deriveClass(state, cls);
        if (parents.has(next)) continue;
        const known = this.#quickEmpty(next);
        if (known === true) continue;
        parents.set(next, state);
        if (known === false) {
          for (let at = state; ; at = parents.get(at) ?? lang) {
            this.#empty.set(at, false);
            if (at === lang) return false;
          }
        }
        queue.push(next, languages.node(next).minLength);
      }
    }
    for (const state of parents.keys()) this.#empty.set(state, true);
    return true;
  }

  /** Whether the shortest members of its parts, one after the other, are a member of an intersection: of look-aheads they mostly are. */
  #hasWitness(lang: Lang): boolean {
    const states = [lang];
    let state = lang;
    for (const kid of this.#languages.node(lang).kids) {
      if (!this.#told(kid) || this.shortest(kid, CHARACTER_COST) > LONG) continue;
      for (const char of this.cheapest(kid, CHARACTER_COST) ?? '')
        states.push((state = this.#derivatives.deriveOnce(state, char.codePointAt(0) ?? 0)));
    }
    const found = this.#languages.nullableIn(state, 0);
    if (found) for (const at of states) this.#empty.set(at, false);
    return found;
  }

  /** Emptiness from that of the parts; undefined where only a search decides. */
  #structuralEmpty(lang: Lang): boolean | undefined {
    const languages = this.#languages;
    const node = languages.node(lang);
    if (node.behinds !== 0) return undefined;
    if (node.kind === 'union') return node.kids.every((kid) => this.isEmpty(kid));
    if (node.kind === 'repeat') return this.isEmpty(node.a);
    if (node.kind !== 'concat') return undefined;
    for (let rest = lang; ; ) {
      const { kind, a, b } = languages.node(rest);
      if (kind !== 'concat') return this.isEmpty(rest);
      if (this.isEmpty(a)) return true;
      rest = b;
    }
  }

  /** Emptiness where it is known or structural. */
  #quickEmpty(lang: Lang): boolean | undefined {
    if (lang === EMPTY) return true;
    const known = this.#empty.get(lang);
    if (known !== undefined) return known;
    const node = this.#languages.node(lang);
    if (!node.opaque || this.#languages.nullableIn(lang, 0)) return false;
    if (node.kind === 'union' && node.kids.some((kid) => this.#empty.get(kid) === false)) return false;
    if (node.kind === 'intersect' && this.#fits(node.kids)) return false;
    return undefined;
  }

  /** Whether one of two languages only counts characters, and the shortest member of the other has as many. */
  #fits(kids: readonly Lang[]): boolean {
    const languages = this.#languages;
    return kids.some((kid, i) => {
      const count = languages.node(kid);
      const other = kids[1 - i] ?? kid;
      if (kids.length !== 2 || count.kind !== 'repeat' || !this.#told(other)) return false;
      const item = languages.node(count.a);
      if (item.kind !== 'class' || item.a !== ALL_SET) return false;
      const shortest = this.shortest(other, CHARACTER_COST);
      return count.min <= shortest && shortest <= count.max;
    });
  }

  /** The least cost of a member; Infinity for the empty language. */
  shortest(lang: Lang, cost: CostModel = UTF8_COST): number {
    let memo = this.#shortest.get(cost.name);
    if (!memo) {
      memo = new Map([
        [EMPTY, Number.POSITIVE_INFINITY],
        [EPSILON, 0],
      ]);
      this.#shortest.set(cost.name, memo);
    }
    return (
      memo.get(lang) ??
      (this.#told(lang) ? this.#plainShortest(lang, cost, memo) : this.#searchShortest(lang, cost, memo))
    );
  }

  /** Whether the structure tells the shortest member. */
  #told(lang: Lang): boolean {
    const { plain, kind } = this.#languages.node(lang);
    return plain || kind === 'rule';
  }

  #plainShortest(lang: Lang, cost: CostModel, memo: Map<Lang, number>): number {
    const known = memo.get(lang);
    if (known !== undefined) return known;
    const languages = this.#languages;
    let total = 0;
    // The loop walks the spine of a concatenation.
    for (let rest = lang; ; ) {
      const node = languages.node(rest);
      if (node.kind === 'concat') {
        total += this.#plainShortest(node.a, cost, memo);
        rest = node.b;
        continue;
      }
      if (node.kind === 'class') total += cost.cheapest(languages.sets.ranges(node.a));
      else if (node.kind === 'rule') total += languages.rules[node.a]?.shortest(cost) ?? 0;
      else if (node.kind === 'repeat') total += node.min === 0 ? 0 : node.min * this.#plainShortest(node.a, cost, memo);
      else if (node.kind === 'union')
        total += node.kids.reduce(
          (least, kid) => Math.min(least, this.#plainShortest(kid, cost, memo)),
          Number.POSITIVE_INFINITY,
        );
      break;
    }
    memo.set(lang, total);
    return total;
  }

  /** A* over derivatives; the structural bound on the number of code points never overestimates, as each costs at least one. */
  #searchShortest(lang: Lang, cost: CostModel, memo: Map<Lang, number>): number {
    if (this.isEmpty(lang)) {
      memo.set(lang, Number.POSITIVE_INFINITY);
      return Number.POSITIVE_INFINITY;
    }
    const languages = this.#languages;
    const reached = new Map<Lang, { distance: number; parent: Lang }>([[lang, { distance: 0, parent: lang }]]);
    const queue = new BucketQueue();
    let best = Number.POSITIVE_INFINITY;
    let last = lang;
    const estimate = (state: Lang) =>
      memo.get(state) ?? (languages.nullableIn(state, 0) ? 0 : Math.max(1, languages.node(state).minLength));
    queue.push(lang, estimate(lang));
    const closed = new Map<Lang, number>();
    for (let state = queue.pop(); state !== undefined && queue.priority < best; state = queue.pop()) {
      const distance = reached.get(state)?.distance ?? 0;
      if (closed.get(state) === distance) continue;
      closed.set(state, distance);
      if (reached.size > this.#budget) this.#exceeded('the shortest member', lang);
      const exact =
        memo.get(state) ??
        (languages.nullableIn(state, 0) ? 0 : this.#told(state) ? this.#plainShortest(state, cost, memo) : undefined);
      if (exact !== undefined) {
        if (distance + exact < best) {
          best = distance + exact;
          last = state;
        }
        continue;
      }
      const partition = this.#derivatives.classes(state);
      const costs = this.#costsOf(partition, cost);
      for (let cls = 1; cls < partition.representatives.length; cls++) {
        const next = this.#derivatives.deriveClass(state, cls);
        if (next === EMPTY) continue;
        const length = distance + (costs[cls] ?? 1);
        if (length >= (reached.get(next)?.distance ?? Number.POSITIVE_INFINITY)) continue;
        reached.set(next, { distance: length, parent: state });
        queue.push(next, length + estimate(next));
      }
    }
    for (let at = last; ; ) {
      const step = reached.get(at);
      if (!step) break;
      memo.set(at, best - step.distance);
      if (at === lang) break;
      at = step.parent;
    }
    return best;
  }

  /** A member of least cost; undefined for the empty language. */
  cheapest(lang: Lang, cost: CostModel): string | undefined {
    let text = '';
    let state = lang;
    let left = this.shortest(lang, cost);
    if (left === Number.POSITIVE_INFINITY) return undefined;
    while (left > 0) {
      const partition = this.#derivatives.classes(state);
      const costs = this.#costsOf(partition, cost);
      const cls = partition.representatives.findIndex(
        (_, i) => i > 0 && (costs[i] ?? 1) + this.shortest(this.#derivatives.deriveClass(state, i), cost) === left,
      );
      if (cls < 0) return undefined;
      text += String.fromCodePoint(cheapestOf(partition, cls, costs[cls] ?? 1, cost));
      state = this.#derivatives.deriveClass(state, cls);
      left -= costs[cls] ?? 1;
    }
    return text;
  }

  #costsOf(partition: Partition, cost: CostModel): readonly number[] {
    const key = `${cost.name}/${partition.id}`;
    let costs = this.#classCosts.get(key);
    if (!costs) {
      const ranges: number[][] = partition.representatives.map(() => []);
      partition.starts.forEach((start, i) => {
        ranges[partition.classOf[i] ?? 0]?.push(start, (partition.starts[i + 1] ?? 0x110000) - 1);
      });
      costs = ranges.map((list) => (list.length > 0 ? cost.cheapest(list) : 1));
      this.#classCosts.set(key, costs);
    }
    return costs;
  }

  /** Number of members; Infinity when there is no end of them (or more than a double can count). */
  cardinality(lang: Lang): number {
    const known = this.#cardinality.get(lang) ?? this.#plainCardinality(lang);
    if (known !== undefined) return known;
    const open = new Set<Lang>();
    const stack: { lang: Lang; cls: number; total: number }[] = [];
    const languages = this.#languages;
    const enter = (state: Lang): number | undefined => {
      const done = this.#cardinality.get(state) ?? (this.isEmpty(state) ? 0 : this.#plainCardinality(state));
      if (done !== undefined) return done;
      if (open.has(state)) return Number.POSITIVE_INFINITY;
      if (this.#cardinality.size + open.size > this.#budget * 4) this.#exceeded('the number of members', lang);
      open.add(state);
      stack.push({ lang: state, cls: 1, total: languages.nullableIn(state, 0) ? 1 : 0 });
      return undefined;
    };
    let result = enter(lang);
    for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
      const partition = this.#derivatives.classes(frame.lang);
      if (frame.cls >= partition.representatives.length || frame.total === Number.POSITIVE_INFINITY) {
        this.#cardinality.set(frame.lang, frame.total);
        open.delete(frame.lang);
        stack.pop();
        result = frame.total;
        continue;
      }
      const count = enter(this.#derivatives.deriveClass(frame.lang, frame.cls));
      if (count === undefined) continue;
      if (count > 0) frame.total += (classSizes(partition)[frame.cls] ?? 0) * count;
      frame.cls++;
    }
    return result ?? 0;
  }

  /** Where every member splits in one way only, counts multiply. */
  #plainCardinality(lang: Lang): number | undefined {
    const languages = this.#languages;
    const node = languages.node(lang);
    if (lang === EMPTY) return 0;
    if (lang === EPSILON) return 1;
    if (node.kind === 'rule') return languages.rules[node.a]?.cardinality?.();
    if (!node.plain || node.looping) return undefined;
    if (node.maxLength === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
    if (node.kind === 'class') return languages.sets.size(node.a);
    if (node.kind === 'concat') {
      const head = languages.node(node.a);
      if (head.minLength !== head.maxLength) return undefined;
      const first = this.#plainCardinality(node.a);
      const second = first === undefined ? undefined : this.#plainCardinality(node.b);
      return first === undefined || second === undefined ? undefined : first * second;
    }
    if (node.kind === 'repeat') {
      const item = languages.node(node.a);
      const size = this.#plainCardinality(node.a);
      if (size === undefined || item.minLength !== item.maxLength) return undefined;
      if (size === 1) return node.max - node.min + 1;
      let total = 0;
      for (let count = node.min; count <= node.max && total < Number.POSITIVE_INFINITY; count++) total += size ** count;
      return total;
    }
    return undefined;
  }

  #exceeded(what: string, lang: Lang): never {
    throw new InfcError('INFC5105', `deciding ${what} of a regular expression takes more than ${this.#budget} states`, {
      fix: `Make the expression simpler (language ${lang}) or raise the budget`,
    });
  }
}

/** A code point of a class that costs no more than `least`. */
function cheapestOf(partition: Partition, cls: number, least: number, cost: CostModel): number {
  for (let i = 0; i < partition.starts.length; i++) {
    if (partition.classOf[i] !== cls) continue;
    const first = partition.starts[i] ?? 0;
    const last = (partition.starts[i + 1] ?? 0x110000) - 1;
    // Beyond ASCII costs only rise.
    for (let point = first; point <= Math.min(last, Math.max(first, 0x7f)); point++)
      if (cost.cheapest([point, point]) <= least) return point;
  }
  return partition.representatives[cls] ?? 0;
}

/** A monotone-enough priority queue for small integer priorities: one bucket a priority, last in first out. */
class BucketQueue {
  readonly #buckets = new Map<number, Lang[]>();
  readonly #order: number[] = [];
  /** Priority of the element popped last. */
  priority = 0;

  push(lang: Lang, priority: number): void {
    const bucket = this.#buckets.get(priority);
    if (bucket) {
      bucket.push(lang);
      return;
    }
    this.#buckets.set(priority, [lang]);
    let at = this.#order.length;
    while (at > 0 && (this.#order[at - 1] ?? 0) < priority) at--;
    this.#order.splice(at, 0, priority);
  }

  pop(): Lang | undefined {
    const priority = this.#order.at(-1);
    if (priority === undefined) return undefined;
    const bucket = this.#buckets.get(priority);
    const lang = bucket?.pop();
    if (!bucket || bucket.length === 0) {
      this.#buckets.delete(priority);
      this.#order.pop();
    }
    this.priority = priority;
    return lang;
  }
}
