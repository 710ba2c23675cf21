import type { Lang } from '../../regex/index.ts';
import type { Region } from './key-demands.ts';
import type { KeySpace } from './key-space.ts';
import { DEAD, type FormulaSlot, goTo, type Leaf, onlyBytes, pop, type ResultId, WHITESPACE } from './leaf.ts';
import { type Counts, StringLeaf, type StringProfile, slotOf } from './leaf-string.ts';
import { whitespaceStep } from './leaf-structure.ts';
import type { Machine } from './machine.ts';
import { atCharacter, type CodePoints, decodeStep, fillPlain, firstByte, primeDecoder } from './utf8-json.ts';

/** In an object, outside its keys and values: right after `{`, after a comma, or after a value. */
export class ObjectLeaf implements Leaf {
  readonly kind = 'object';

  constructor(
    private readonly machine: Machine,
    readonly at: 'open' | 'key' | 'next',
    readonly slots: readonly FormulaSlot[],
    readonly seen: number,
    readonly space: number,
  ) {}

  step(byte: number): number {
    const { machine } = this;
    const policy = machine.options.whitespace;
    const space = whitespaceStep(policy, this.at === 'next' ? 'line' : 'either', this.space, byte);
    if (space >= 0) {
      // Bounded whitespace must be of use: before a key, or before the brace of an object that has properties.
      if (policy !== 'json' && (this.at === 'next' ? this.result() === 0 : !this.keys().possible)) return 0;
      return goTo(machine.objectState(this.at, this.slots, this.seen, space));
    }
    switch (byte) {
      case 0x7d: {
        if (this.at === 'key' || (this.at === 'open' && this.space > 0)) return 0;
        const result = this.result();
        return result === 0 ? 0 : pop(result);
      }
      case 0x22:
        return this.at === 'next' ? 0 : this.machine.openKey(this.slots, this.seen);
      case 0x2c:
        return this.at === 'next' && this.space === 0 && this.keys().possible
          ? goTo(machine.objectState('key', this.slots, this.seen, 0))
          : 0;
      default:
        return 0;
    }
  }

  keys(): KeySpace {
    return this.machine.keySpace(this.slots, this.seen);
  }

  private result(): ResultId {
    const { machine } = this;
    return machine.ended(this.slots, (state) => machine.solver.objectCanEnd(state));
  }

  prime(row: Int32Array, at: number): void {
    onlyBytes(row, at, `${WHITESPACE}"},`);
  }

  end(): ResultId {
    return 0;
  }
}

/** A class of names not listed anywhere, while a key of it may still come of what is typed. */
export interface LiveRegion {
  readonly region: Region;
  readonly lang: Lang;
}

/** Texts remembered by a state of a name. */
const MAX_AHEAD = 64;

/** Inside a property name. */
export class KeyLeaf implements Leaf, CodePoints {
  readonly kind = 'key';
  private ahead: Map<string, number> | undefined;
  private off: number | undefined;
  private nearNext: ReadonlySet<number> | undefined;
  private nearFirst: ReadonlySet<number> | undefined;

  constructor(
    private readonly machine: Machine,
    readonly space: KeySpace,
    /** Decoded text so far while it starts some listed name; undefined afterwards. */
    readonly prefix: string | undefined,
    readonly regions: readonly LiveRegion[],
    readonly decoder: number,
  ) {}

  /** Whether any name may follow. */
  get free(): boolean {
    return this.decoder === 0 && this.prefix === undefined && this.allNames;
  }

  /** Whether the names that no demand lists are not restricted. */
  private get allNames(): boolean {
    return this.regions.length === 1 && this.regions[0]?.lang === this.machine.engine.any;
  }

  get profile(): StringProfile {
    if (this.decoder !== 0) return undefined;
    if (this.free) return { kind: 'free' };
    return this.machine.facts.neverDies(this.regions.map((r) => r.lang)) ? { kind: 'inside' } : undefined;
  }

  step(byte: number, row: Int32Array, at: number): number {
    // Other characters lead where they lead from an unlisted name.
    if (this.decoder === 0 && byte >= 0x80 && this.prefix !== undefined && this.offLeaf !== 0)
      if (!this.nearBytes().has(byte)) return this.machine.step(this.offLeaf, byte);
    const code = decodeStep(this.decoder, byte, this.machine.options.escapes, this);
    this.machine.alike(this.regions, this.decoder, byte, row, at, code, this.near());
    return code;
  }

  prime(row: Int32Array, at: number): void {
    if (primeDecoder(this.decoder, row, at)) return;
    if (this.regions.length > 0 && this.offLeaf === 0) return;
    // Every byte leaves the listed names behind but those that go on along them.
    fillPlain(row, at, this.regions.length === 0 ? DEAD : goTo(this.offLeaf) + 1);
    if (this.prefix === undefined) return;
    if (this.regions.length === 0) row.fill(DEAD, at + 0x80, at + 256);
    for (const byte of this.nearBytes()) row[at + byte] = 0;
    row[at + 0x22] = 0;
    row[at + 0x5c] = 0;
  }

  end(): ResultId {
    return 0;
  }

  next(codePoint: number): number {
    if (this.prefix !== undefined && !this.near().has(codePoint)) {
      if (this.regions.length === 0) return 0;
      if (this.offLeaf !== 0) return goTo(this.offLeaf);
    }
    return this.space.step(this, String.fromCodePoint(codePoint));
  }

  /** The state once the name is known to be unlisted, where that state admits every name; 0 otherwise. */
  get offLeaf(): number {
    if (this.off === undefined) {
      this.off = this.allNames ? this.machine.keyState(this.space, undefined, this.regions, 0) : 0;
    }
    return this.off;
  }

  /** What decides which characters may come; undefined where listed names do. */
  patterns(): string | undefined {
    if (this.prefix !== undefined) return undefined;
    const all = this.regions.map((r) => `${r.lang}:0:Infinity`);
    return all.length === 1 ? all[0] : all.sort().join();
  }

  /** The state of a string with the content of the only class of names left, where none of them is listed or used; 0 elsewhere. */
  asText(): number {
    const { machine, regions } = this;
    const [only] = regions;
    if (this.decoder !== 0 || regions.length !== 1 || !only || this.nearRests().length > 0) return 0;
    return machine.stringState([slotOf(only.lang, machine.results.of([0]))], 0) >> 2;
  }

  /** What the state counts to many of. */
  get counts(): Counts | undefined {
    const text = this.machine.leaves[this.asText()];
    return text instanceof StringLeaf ? text.counts : undefined;
  }

  /** The same state without what it counts. */
  uncounted({ lang }: Counts): number {
    return this.machine.keyState(
      this.space,
      undefined,
      this.regions.map(({ region }) => ({ region, lang })),
      0,
    );
  }

  /** What can still be typed, where only listed names can come. */
  listedRests(): readonly string[] | undefined {
    return this.prefix === undefined || this.regions.length > 0 ? undefined : this.usableRests();
  }

  /** What is still to be typed of each listed name that can come, in order. */
  usableRests(): readonly string[] {
    return this.prefix === undefined ? [] : this.space.usableAfter(this.prefix);
  }

  /**
   * The state of names that are neither listed nor used, where that leaves out nothing else that can come of what is typed: then it is the same
   * whichever names are used. 0 elsewhere.
   */
  othersLeaf(): number {
    const { prefix, regions, space } = this;
    if (this.decoder !== 0 || prefix === undefined || regions.length === 0) return 0;
    return regions.every(({ lang }) => space.leavesOthers(prefix, lang))
      ? this.machine.keyState(space, undefined, regions, 0)
      : 0;
  }

  /** The transition for a text without quotes and escapes. */
  advance(text: string): number {
    const ahead = (this.ahead ??= new Map());
    let code = ahead.get(text);
    if (code === undefined) {
      code = this.free ? goTo(this.offLeaf) : this.space.step(this, text);
      if (ahead.size < MAX_AHEAD) ahead.set(text, code);
    }
    return code;
  }

  /** The transition for the quote after a listed or used name of which `rest` was still to be typed. */
  closeAfter(rest: string): number {
    return Math.max(0, this.space.closeName((this.prefix ?? '') + rest));
  }

  /** What is still to be typed of each listed or used name. */
  nearRests(): readonly string[] {
    return this.prefix === undefined ? [] : this.space.restsAfter(this.prefix);
  }

  /** Code points with which a listed or used name goes on, usable or not. */
  private near(): ReadonlySet<number> {
    this.nearNext ??= this.prefix === undefined ? new Set() : this.space.pointsAfter(this.prefix);
    return this.nearNext;
  }

  /** First bytes of the same. */
  private nearBytes(): ReadonlySet<number> {
    this.nearFirst ??= new Set([...this.near()].map(firstByte).filter((byte) => byte >= 0));
    return this.nearFirst;
  }

  /** Code points with which a usable listed name goes on. */
  listed(): readonly number[] {
    return this.prefix === undefined ? [] : this.space.listedAfter(this.prefix);
  }

  any(low: number, high: number): boolean {
    const { engine, facts } = this.machine;
    return (
      this.regions.some((r) => r.lang === engine.any) ||
      (this.prefix !== undefined && this.space.namedIn(this.prefix, low, high, true)) ||
      this.regions.some((r) => facts.derivableIn(r.lang, low, high))
    );
  }

  alike(low: number, high: number): number {
    if (this.prefix !== undefined && this.space.namedIn(this.prefix, low, high)) return -1;
    let from = 0x80;
    for (const { lang } of this.regions) {
      const start = this.machine.facts.segment(lang, low, high);
      if (start < 0) return -1;
      from = Math.max(from, start);
    }
    return from;
  }

  /** The languages that tell characters apart, where none is listed. */
  get langs(): readonly Lang[] {
    return this.regions.map(({ lang }) => lang);
  }

  /** Whether listed names go on with a character of a range. */
  listedIn(low: number, high: number): boolean {
    return this.prefix !== undefined && this.space.namedIn(this.prefix, low, high);
  }

  inside(decoder: number): number {
    return goTo(this.machine.keyState(this.space, this.prefix, this.regions, decoder));
  }

  close(): number {
    return atCharacter(this.decoder) ? this.space.close(this) : 0;
  }
}
