import type { CostModel, Lang } from '../../regex/index.ts';
import type { SeenSet } from '../solver/seen-keys.ts';
import { type KeyDemands, type Outcome, type Region, stateOf } from './key-demands.ts';
import { goTo, pop } from './leaf.ts';
import type { KeyLeaf, LiveRegion } from './leaf-object.ts';
import type { Machine } from './machine.ts';
import { declaredOrder } from './open-value.ts';
import { jsonLength } from './string-cost.ts';

/** The result a finished name gives its key frame: a region, or a listed name. */
const REGION_BASE = 0x40000;

/** The names that can come next in one object state. */
export class KeySpace {
  private readonly entries = new Map<string, number>();
  /** Names that can no longer come and that no demand lists. */
  private readonly extra: readonly string[];
  private readonly used: SeenSet;
  private startCode: number | undefined;

  constructor(
    private readonly machine: Machine,
    readonly demands: KeyDemands,
    private readonly seen: number,
  ) {
    this.used = machine.seen.get(seen);
    const { keys, order, position } = this.used;
    const strays = position > 0 ? demands.strays.filter((k) => (order?.get(k) ?? position) < position) : [];
    this.extra = [...[...keys].filter((k) => !demands.listed.has(k)), ...strays];
  }

  /** Whether any property can follow. */
  get possible(): boolean {
    return this.start() !== 0;
  }

  /** The leaf at the start of a key, or 0 when there can be none. */
  start(): number {
    if (this.startCode !== undefined) return this.startCode;
    const { strings } = this.machine;
    const [from, to] = this.range('');
    const regions: LiveRegion[] = [];
    for (const region of this.demands.regions()) {
      const { lang } = strings.get(region.names);
      if (!this.exhausted(region, lang, from, to, '')) regions.push({ region, lang });
    }
    const alive = regions.length > 0 || this.demands.names.some((_, i) => this.usable(i));
    this.startCode = alive ? this.machine.keyState(this, '', regions, 0) : 0;
    return this.startCode;
  }

  /** The transition for a text that goes on with a name. */
  step(leaf: KeyLeaf, text: string): number {
    const { engine } = this.machine;
    let prefix = leaf.prefix;
    let from = 0;
    let to = 0;
    if (prefix !== undefined) {
      const longer = prefix + text;
      [from, to] = this.range(longer);
      prefix = from < to || this.extra.some((k) => k.startsWith(longer)) ? longer : undefined;
    }
    const regions: LiveRegion[] = [];
    for (const live of leaf.regions) {
      if (live.lang === engine.any) {
        regions.push(live);
        continue;
      }
      const lang = engine.deriveText(live.lang, text);
      if (engine.isEmpty(lang)) continue;
      if (prefix !== undefined && this.exhausted(live.region, lang, from, to, prefix)) continue;
      regions.push({ region: live.region, lang });
    }
    if (regions.length === 0) {
      if (prefix === undefined) return 0;
      let usable = false;
      for (let i = from; i < to && !usable; i++) usable = this.usable(i);
      if (!usable) return 0;
    }
    return goTo(this.machine.keyState(this, prefix, regions, 0));
  }

  /** Equal for states of two objects when the same names go on from the prefix and the same of them are used. */
  situation(prefix: string): string {
    const [from, to] = this.range(prefix);
    const { keys, position } = this.used;
    // Of those with a place the last that is gone tells of all.
    let last = -1;
    if (position > 0)
      for (let i = from; i < to; i++) {
        const place = this.demands.places[i] ?? position;
        if (place < position && place > last) last = place;
      }
    const gone = [...keys, ...this.extra].filter((name) => name.startsWith(prefix)).sort();
    return `${this.demands.id}/${last}/${gone.length === 0 ? '' : JSON.stringify(gone)}=${prefix}`;
  }

  /** The listed or used names that start with the prefix. */
  private namedAfter(prefix: string): readonly string[] {
    const listed = this.demands.names.slice(...this.range(prefix));
    return listed.concat(this.extra.filter((name) => name.startsWith(prefix)));
  }

  /** What is left of each listed or used name that starts with the prefix. */
  restsAfter(prefix: string): string[] {
    return this.namedAfter(prefix).map((name) => name.slice(prefix.length));
  }

  /** Whether a language has more texts than listed and used names take of it, wherever it goes on along one of these. */
  leavesOthers(prefix: string, lang: Lang): boolean {
    const { engine } = this.machine;
    const rests = this.restsAfter(prefix);
    return rests.every((rest) => {
      let at = lang;
      for (const char of rest) {
        if (engine.isEmpty(at)) return true;
        if (engine.cardinality(at) <= rests.length) return false;
        at = engine.deriveText(at, char);
      }
      return engine.isEmpty(at) || engine.cardinality(at) > rests.length;
    });
  }

  /** Code points with which a listed or used name goes on from the prefix; -1 where one ends. */
  pointsAfter(prefix: string): Set<number> {
    return new Set(this.namedAfter(prefix).map((name) => name.codePointAt(prefix.length) ?? -1));
  }

  /** What is left of each listed name that can come and starts with the prefix, in order. */
  usableAfter(prefix: string): string[] {
    const [from, to] = this.range(prefix);
    const rests: string[] = [];
    for (let i = from; i < to; i++) {
      if (this.usable(i)) rests.push((this.demands.names[i] ?? '').slice(prefix.length));
    }
    return rests;
  }

  /** Of the listed names that can come the one declared first. */
  first(): string | undefined {
    const { names, slots } = this.demands;
    const { keys } = this.used;
    return declaredOrder(this.machine, slots).find((name) => !keys.has(name) && this.usable(names.indexOf(name)));
  }

  /** Code points with which a usable listed name goes on from the prefix. */
  listedAfter(prefix: string): number[] {
    return this.usableAfter(prefix).flatMap((rest) => rest.codePointAt(0) ?? []);
  }

  /** Whether some listed or used name goes on from the prefix with a code point in the range, or some that can come. */
  namedIn(prefix: string, low: number, high: number, usable = false): boolean {
    const within = (name: string): boolean => {
      const point = name.codePointAt(prefix.length);
      return point !== undefined && point >= low && point <= high;
    };
    const [from, to] = this.range(prefix);
    for (let i = from; i < to; i++) if (within(this.demands.names[i] ?? '') && (!usable || this.usable(i))) return true;
    return !usable && this.extra.some((name) => name.startsWith(prefix) && within(name));
  }

  /** The transition for the closing quote: back to the key frame, with the name's number or its region's. */
  close(leaf: KeyLeaf): number {
    if (leaf.prefix !== undefined) {
      const code = this.closeName(leaf.prefix);
      if (code >= 0) return code;
    }
    const live = leaf.regions.find((r) => this.machine.engine.nullable(r.lang));
    return live ? pop(REGION_BASE + live.region.index) : 0;
  }

  /** The same after a whole name that is listed or used; -1 for others. */
  closeName(name: string): number {
    const [at] = this.range(name);
    if (this.demands.names[at] === name) return this.usable(at) ? pop(at) : 0;
    return this.extra.includes(name) ? 0 : -1;
  }

  /** The leaf after a finished key; `name` is asked for only where the key is not a listed one. */
  finish(result: number, name: () => string | undefined): number {
    if (result < REGION_BASE) {
      const key = this.demands.names[result] ?? '';
      const outcome = this.demands.outcome(key);
      return outcome ? this.entry(key, outcome) : 0;
    }
    const region = this.demands.regions().find((r) => r.index === result - REGION_BASE);
    const outcome = region && this.demands.regionOutcome(region);
    return outcome ? this.entry(name(), outcome, region) : 0;
  }

  /** The state before the value of a finished key, where it is a listed one. */
  valueAfter(result: number): number | undefined {
    return result < REGION_BASE ? this.demands.value(this.demands.names[result] ?? '') : undefined;
  }

  /** Bytes to close names that can still come of what is typed, by result: of a name that must come, or of all others. */
  cheapest(leaf: KeyLeaf, cost: CostModel): { result: number; bytes: number }[] {
    const found: { result: number; bytes: number }[] = [];
    if (leaf.prefix !== undefined) {
      const [from, to] = this.range(leaf.prefix);
      const begun = jsonLength(leaf.prefix);
      for (let i = from; i < to; i++) {
        if (!this.usable(i)) continue;
        const name = this.demands.names[i] ?? '';
        const way = { result: i, bytes: this.machine.facts.jsonLength(name) - begun + 1 };
        // Those that must come do so sooner or later: whichever is first, the object ends as soon.
        if (this.demands.only?.required.has(name)) return [way];
        found.push(way);
      }
    }
    for (const { region, lang } of leaf.regions)
      found.push({ result: REGION_BASE + region.index, bytes: this.cheapestUnlisted(leaf.prefix, lang, cost) + 1 });
    return found;
  }

  /** Bytes that finish a name that is neither listed nor used. */
  private cheapestUnlisted(prefix: string | undefined, lang: number, cost: CostModel): number {
    const { engine } = this.machine;
    const least = engine.shortest(lang, cost);
    if (prefix === undefined || least === Number.POSITIVE_INFINITY) return least;
    const taken = (name: string): boolean => {
      const [at] = this.range(name);
      return this.demands.names[at] === name || this.extra.includes(name);
    };
    const word = engine.cheapest(lang, cost);
    if (word === undefined || !taken(prefix + word)) return least;
    // Mostly one more character does where a name ends, and nothing is cheaper.
    if (least === 0)
      for (let point = 0x20; point < 0x7f; point++) {
        const char = String.fromCharCode(point);
        if (jsonLength(char) === 1 && !taken(prefix + char) && engine.nullable(engine.derive(lang, point))) return 1;
      }
    const gone = engine.words(this.restsAfter(prefix));
    return engine.shortest(engine.intersect(lang, engine.complement(gone)), cost);
  }

  /** Whether finishing with this result needs the name itself. */
  static named(result: number): boolean {
    return result >= REGION_BASE;
  }

  private entry(key: string | undefined, outcome: Outcome, region?: Region): number {
    const { machine } = this;
    const name = key === undefined ? `-${region?.index}` : `=${key}`;
    let leaf = this.entries.get(name);
    if (leaf === undefined) {
      const seen = this.demands.seenAfter(this.seen, key, region);
      const frame = machine.objectFrame(this.demands.slots, outcome.rests, seen);
      leaf = machine.colonState(machine.pushEntry(frame, stateOf(machine, outcome)));
      this.entries.set(name, leaf);
    }
    return leaf;
  }

  /** Whether a listed name can come. */
  private usable(at: number): boolean {
    const { keys, position } = this.used;
    const { demands } = this;
    const name = demands.names[at] ?? '';
    return (position === 0 || (demands.places[at] ?? 0) >= position) && !keys.has(name) && demands.possible(name);
  }

  /** Whether every name left in the language is a listed or used one (they have ways of their own). */
  private exhausted(region: Region, lang: number, from: number, to: number, prefix: string): boolean {
    const { engine, strings } = this.machine;
    if (lang === engine.any) return false;
    const size = engine.cardinality(lang);
    if (size > to - from + this.extra.length) return false;
    let taken = 0;
    for (let i = from; i < to; i++) if (strings.has(region.names, this.demands.names[i] ?? '')) taken++;
    for (const key of this.extra) if (key.startsWith(prefix) && strings.has(region.names, key)) taken++;
    return taken >= size;
  }

  /** Indexes of the listed names that start with `prefix`. */
  private range(prefix: string): [number, number] {
    const { names } = this.demands;
    let low = 0;
    let high = names.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((names[middle] ?? '') < prefix) low = middle + 1;
      else high = middle;
    }
    const from = low;
    high = names.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((names[middle] ?? '').startsWith(prefix)) low = middle + 1;
      else high = middle;
    }
    return [from, low];
  }
}
