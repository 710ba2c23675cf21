import type { Lang } from '../../regex/index.ts';
import { DEAD, goTo, type Leaf, pop, type ResultId } from './leaf.ts';
import type { Machine } from './machine.ts';
import { atCharacter, type CodePoints, decodeStep, fillPlain, firstByte, primeDecoder } from './utf8-json.ts';

/** Strings still possible: members `list[low..high)` that agree so far (up to UTF-16 position `at`), plus a language of suffixes. */
export interface StringSlot {
  readonly list: readonly string[];
  readonly low: number;
  readonly high: number;
  readonly at: number;
  readonly lang: Lang;
  /** Bounds on the characters still to come; 0 and Infinity where the language says it all. */
  readonly min: number;
  readonly max: number;
  readonly results: ResultId;
}

/**
 * What is known of a string state as a whole: `free` takes any content and may close after it; `length` takes any content of
 * so many characters, `run` so many characters of one class; `inside` takes any content, but what may follow the closing quote depends on it.
 */
export type StringProfile =
  | { readonly kind: 'free' | 'inside' }
  | { readonly kind: 'length'; readonly min: number; readonly max: number }
  | { readonly kind: 'run'; readonly min: number; readonly max: number }
  | undefined;

/** A pattern, what it is without its large counters, and up to how many characters the two are the same. */
export interface Counts {
  readonly slot: Pick<StringSlot, 'min' | 'max'>;
  readonly lang: Lang;
  readonly most: number;
}

const QUOTE = 0x22;

/** Inside a string value. */
export class StringLeaf implements Leaf, CodePoints {
  readonly kind = 'string';
  private counted: Counts | null | undefined;

  constructor(
    private readonly machine: Machine,
    readonly slots: readonly StringSlot[],
    readonly decoder: number,
  ) {}

  /** Whether any content may follow, and the quote after all of it. */
  get free(): boolean {
    if (this.decoder !== 0) return false;
    const { any } = this.machine.engine;
    return this.slots.every((s) => s.lang === any && s.min === 0 && s.max === Number.POSITIVE_INFINITY);
  }

  get profile(): StringProfile {
    if (this.decoder !== 0) return undefined;
    if (this.free) return { kind: 'free' };
    const { any } = this.machine.engine;
    const [only] = this.slots;
    if (this.slots.some((s) => s.min > 0 || s.max < Number.POSITIVE_INFINITY)) {
      const inside =
        this.slots.every((s) => s.max === Number.POSITIVE_INFINITY) && this.machine.facts.neverDies(this.langs);
      const other = inside ? ({ kind: 'inside' } as const) : undefined;
      if (this.slots.length !== 1 || !only || only.low < only.high) return other;
      if (only.lang === any) return { kind: 'length', min: only.min, max: only.max };
      const run = this.machine.engine.run(only.lang);
      return run ? { kind: 'run', min: Math.max(run.min, only.min), max: Math.min(run.max, only.max) } : other;
    }
    const counted =
      this.slots.length === 1 && only && only.low >= only.high
        ? this.machine.facts.lengthProfile(only.lang)
        : undefined;
    const run =
      !counted && only && this.slots.length === 1 && only.low >= only.high && this.machine.engine.run(only.lang);
    if (run && (run.min > 0 || run.max < Number.POSITIVE_INFINITY)) return { kind: 'run', min: run.min, max: run.max };
    return counted ?? (this.machine.facts.neverDies(this.slots.map((s) => s.lang)) ? { kind: 'inside' } : undefined);
  }

  /** What the state counts to many of, characters or parts of its pattern, when it has one pattern only. */
  get counts(): Counts | undefined {
    if (this.counted === undefined) {
      const [slot] = this.slots;
      const { engine } = this.machine;
      const one = this.decoder === 0 && this.slots.length === 1 && slot !== undefined && slot.low >= slot.high;
      const { lang, limit } = one ? engine.uncounted(slot.lang) : { lang: 0, limit: Number.POSITIVE_INFINITY };
      const most = one ? Math.min(limit, slot.max) : limit;
      this.counted = one && (most < Number.POSITIVE_INFINITY || slot.min > 0) ? { slot, lang, most } : null;
    }
    return this.counted ?? undefined;
  }

  /** The same state without what it counts. */
  uncounted({ lang }: Counts): number {
    const slots = this.slots.map((slot) => ({ ...slot, lang, min: 0, max: Number.POSITIVE_INFINITY }));
    return this.machine.stringState(slots, 0) >> 2;
  }

  /** The same state with no bound on its length, and how many characters may come in it that the bound admits, with all they need after them. */
  withoutMax(): { readonly plain: number; readonly sure: number; readonly max: number } | undefined {
    const [slot] = this.slots;
    const { engine, facts } = this.machine;
    if (this.decoder !== 0 || this.slots.length !== 1 || !slot || slot.low < slot.high) return undefined;
    const { lang, min, max } = slot;
    const endless = facts.endless(lang);
    if (max === Number.POSITIVE_INFINITY || (min > 1 && !endless)) return undefined;
    const plain =
      this.machine.stringState([{ ...slot, min: endless ? 0 : min, max: Number.POSITIVE_INFINITY }], 0) >> 2;
    return { plain, sure: max - (endless ? 0 : min) - engine.need(lang), max };
  }

  /** What decides which characters may come; undefined where listed values do. */
  patterns(): string | undefined {
    if (this.slots.some((s) => s.low < s.high)) return undefined;
    const all = this.slots.map((s) => `${s.lang}:${s.min}:${s.max}`);
    return all.length === 1 ? all[0] : all.sort().join();
  }

  /** The same, equal for all constraints, where the pattern is a format. */
  origin(): string | undefined {
    const [slot] = this.slots;
    if (!slot || this.slots.length !== 1 || slot.low < slot.high) return undefined;
    const origin = this.machine.engine.origin(slot.lang);
    return origin && `${origin}:${slot.min}:${slot.max}`;
  }

  /** What can still be typed, where only listed values can come, in order. */
  listedRests(): readonly string[] | undefined {
    if (this.slots.some((s) => s.lang !== this.machine.engine.empty)) return undefined;
    const rests = this.slots.map((s) => s.list.slice(s.low, s.high).map((text) => text.slice(s.at)));
    const [only = []] = rests;
    return rests.length === 1 ? only : [...new Set(rests.flat())].sort();
  }

  /** The transition for the quote after one of {@link listedRests}; undefined where that takes to look it up. */
  closeAfter(rest: string): number | undefined {
    const [only] = this.slots;
    if (!only || this.slots.length > 1) return undefined;
    return pop(this.machine.results.finish([only.results], () => only.list[only.low]?.slice(0, only.at) + rest));
  }

  /** The state that takes any content and gives the same results. */
  anyText(): number {
    const slots = this.slots.map((s) => slotOf(this.machine.engine.any, s.results));
    return this.machine.stringState(slots, 0) >> 2;
  }

  /** The state that takes any number of characters of the class whose run this is. */
  anyRun(): number {
    const { engine } = this.machine;
    const bounds = { min: 0, max: Number.POSITIVE_INFINITY };
    const slots = this.slots.map((s) => ({ ...s, ...bounds, lang: engine.run(s.lang)?.any ?? s.lang }));
    return this.machine.stringState(slots, 0) >> 2;
  }

  step(byte: number, row: Int32Array, at: number): number {
    const code = decodeStep(this.decoder, byte, this.machine.options.escapes, this);
    if (!this.slots.some(listed)) this.machine.alike(this.slots, this.decoder, byte, row, at, code);
    return code;
  }

  prime(row: Int32Array, at: number): void {
    if (primeDecoder(this.decoder, row, at)) return;
    const { engine } = this.machine;
    const [slot] = this.slots;
    if (this.free) {
      fillPlain(row, at, goTo(this.machine.stringState(this.slots, 0) >> 2) + 1);
      return;
    }
    if (this.slots.every((s) => s.lang === engine.empty)) {
      row.fill(DEAD, at, at + 256);
      for (const s of this.slots)
        for (let i = s.low; i < s.high; i++) row[at + firstByte(s.list[i]?.codePointAt(s.at) ?? QUOTE)] = 0;
      row[at + 0x22] = 0;
      row[at + 0x5c] = 0;
      return;
    }
    if (this.slots.length !== 1 || !slot || slot.low < slot.high) return;
    const uniform =
      this.machine.facts.segment(slot.lang, 0x80, 0xd7ff) >= 0 &&
      this.machine.facts.segment(slot.lang, 0xe000, 0x10ffff) >= 0;
    if (uniform && this.next(0x80) === 0 && this.next(0xe000) === 0) row.fill(DEAD, at + 0x80, at + 256);
  }

  end(): ResultId {
    return 0;
  }

  next(codePoint: number): number {
    const { engine } = this.machine;
    const next: StringSlot[] = [];
    for (const slot of this.slots) {
      if (slot.lang === engine.any && slot.max === Number.POSITIVE_INFINITY && slot.min === 0) {
        next.push(slot);
        continue;
      }
      const max = slot.max - 1;
      const derived = max < 0 ? engine.empty : engine.derive(slot.lang, codePoint);
      const min = slot.min <= 1 || engine.lengths(derived).min >= slot.min - 1 ? 0 : slot.min - 1;
      const alive = this.machine.facts.fits(derived, min, max);
      const narrowed = narrow(slot, codePoint);
      if (narrowed !== undefined || alive)
        next.push(normal(slot, narrowed, alive ? derived : engine.empty, min, max, engine.any));
    }
    if (next.length === 0) return 0;
    const [only] = next;
    return only && next.length === 1 ? this.machine.wordsState(only) : this.machine.stringState(next, 0);
  }

  /** Whether a text of so many characters may come, of a state with a pattern: that is asked of its end alone, not after each character. */
  admits(text: string, length: number): boolean {
    const { engine, facts } = this.machine;
    return this.slots.some(({ lang, min, max }) =>
      facts.fits(engine.deriveText(lang, text), Math.max(0, min - length), max - length),
    );
  }

  any(low: number, high: number): boolean {
    const { engine } = this.machine;
    return this.slots.some(
      (slot) =>
        (slot.lang === engine.any && slot.max > 0) ||
        memberIn(slot, low, high) ||
        this.machine.facts.derivableIn(slot.lang, low, high, slot.min, slot.max),
    );
  }

  alike(low: number, high: number): number {
    let from = 0x80;
    for (const slot of this.slots) {
      if (memberIn(slot, low, high)) return -1;
      const start = this.machine.facts.segment(slot.lang, low, high);
      if (start < 0) return -1;
      from = Math.max(from, start);
    }
    return from;
  }

  /** The languages that tell characters apart, where none is listed. */
  get langs(): readonly Lang[] {
    return this.slots.map((slot) => slot.lang);
  }

  /** Whether listed values go on with a character of a range. */
  listedIn(low: number, high: number): boolean {
    return this.slots.some((slot) => memberIn(slot, low, high));
  }

  inside(decoder: number): number {
    return this.machine.stringState(this.slots, decoder);
  }

  close(): number {
    if (!atCharacter(this.decoder)) return 0;
    const { engine } = this.machine;
    const ok: ResultId[] = [];
    let text: string | undefined;
    for (const slot of this.slots) {
      const whole = slot.low < slot.high && slot.list[slot.low]?.length === slot.at;
      if (whole) text = slot.list[slot.low];
      if (whole || (slot.min === 0 && engine.nullable(slot.lang))) ok.push(slot.results);
    }
    return ok.length === 0 ? 0 : pop(this.machine.results.finish(ok, () => text));
  }
}

/** Whether some text is listed that goes on. */
const listed = (slot: StringSlot): boolean => slot.low < slot.high;

/** All texts of a language. */
export function slotOf(lang: Lang, results: ResultId): StringSlot {
  return { list: [], low: 0, high: 0, at: 0, lang, min: 0, max: Number.POSITIVE_INFINITY, results };
}

function normal(
  slot: StringSlot,
  narrowed: { low: number; high: number; at: number } | undefined,
  lang: Lang,
  min: number,
  max: number,
  any: Lang,
): StringSlot {
  const bounds = min === 0 && max === Number.POSITIVE_INFINITY ? { min: 0, max } : { min, max };
  if ((lang === any && max === Number.POSITIVE_INFINITY) || narrowed === undefined)
    return { list: [], low: 0, high: 0, at: 0, lang, ...bounds, results: slot.results };
  return { list: slot.list, ...narrowed, lang, ...bounds, results: slot.results };
}

/** The members that go on with the code point. */
function narrow(slot: StringSlot, codePoint: number): { low: number; high: number; at: number } | undefined {
  const { list, at } = slot;
  let { low, high } = slot;
  if (low >= high) return undefined;
  const units =
    codePoint > 0xffff
      ? [0xd800 + ((codePoint - 0x10000) >> 10), 0xdc00 + ((codePoint - 0x10000) & 0x3ff)]
      : [codePoint];
  let position = at;
  for (const unit of units) {
    low = bound(list, low, high, position, unit);
    high = bound(list, low, high, position, unit + 1);
    if (low >= high) return undefined;
    position++;
  }
  return { low, high, at: position };
}

/** First index in [low, high) whose UTF-16 unit at `position` is at least `unit` (strings that end there sort first). */
function bound(list: readonly string[], from: number, to: number, position: number, unit: number): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >> 1;
    const text = list[middle] ?? '';
    const here = position < text.length ? text.charCodeAt(position) : -1;
    if (here < unit) low = middle + 1;
    else high = middle;
  }
  return low;
}

function memberIn(slot: StringSlot, low: number, high: number): boolean {
  if (slot.low >= slot.high) return false;
  if (low <= 0xffff) {
    const from = bound(slot.list, slot.low, slot.high, slot.at, low);
    const to = bound(slot.list, from, slot.high, slot.at, Math.min(high, 0xffff) + 1);
    if (to > from && (low >= 0xe000 || high < 0xd800)) return true;
  }
  for (let i = slot.low; i < slot.high; i++) {
    const point = slot.list[i]?.codePointAt(slot.at);
    if (point !== undefined && point >= low && point <= high) return true;
  }
  return false;
}
