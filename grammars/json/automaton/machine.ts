import type { Lang, RegexEngine } from '../../regex/index.ts';
import { FALSE, type Formula, type Formulas } from '../formula/formula.ts';
import type { NumberAtoms } from '../formula/number-cells.ts';
import type { StringSets } from '../formula/string-sets.ts';
import type { Terms } from '../formula/terms.ts';
import type { SchemaCompiler } from '../schema/compiler.ts';
import type { Json, Site } from '../schema/document.ts';
import { hardPlace, located, type SchemaPlace } from '../schema/located.ts';
import { PlainObjects } from '../solver/plain-objects.ts';
import { SeenSets } from '../solver/seen-keys.ts';
import type { Solver } from '../solver/solver.ts';
import { afterValue } from './after-value.ts';
import { KeyDemands } from './key-demands.ts';
import { KeySpace } from './key-space.ts';
import { type FormulaSlot, goTo, type Leaf, push, type ResultId } from './leaf.ts';
import {
  FreeNumberLeaf,
  NumberLeaf,
  type NumberPhase,
  narrowNumbers,
  numberAlive,
  numberClass,
} from './leaf-number.ts';
import { KeyLeaf, type LiveRegion, ObjectLeaf } from './leaf-object.ts';
import { StringLeaf, type StringSlot } from './leaf-string.ts';
import { ArrayLeaf, ColonLeaf, EndLeaf, type Gap, ValueLeaf, type Whitespace, WordLeaf } from './leaf-structure.ts';
import { Results, WHICH } from './results.ts';
import { StringFacts } from './string-facts.ts';
import { type Escapes, isPlain, skips } from './utf8-json.ts';

/** How documents are spelled. */
export interface SpellingOptions {
  readonly order: 'schema' | 'any';
  readonly whitespace: Whitespace;
  readonly escapes: Escapes;
  readonly repeats: 'never' | 'unlisted';
}

/** An object or array around the value being read: what remains of it for each branch the value may satisfy. */
export interface Frame {
  readonly kind: 'object' | 'array' | 'root' | 'key';
  readonly slots: readonly FormulaSlot[];
  /** Per branch: by slot index, what then remains. */
  readonly rests: readonly ReadonlyMap<number, Formula>[];
  readonly seen: number;
  /** True when the text of the value matters later (uniqueItems, names of unlisted properties). */
  readonly captures: boolean;
  /** Of a key frame: where its names come from. */
  readonly keys?: KeySpace;
}

/**
 * The lazily determinised visibly-pushdown automaton of a schema: interned leaves (states local to one value), a push table
 * (frame, leaf) and memoised byte transitions in one flat table. Nothing here depends on the depth or history of a document,
 * so that equal situations share states, transitions and masks.
 */
export class Machine {
  readonly formulas: Formulas;
  readonly terms: Terms;
  readonly strings: StringSets;
  readonly engine: RegexEngine;
  readonly facts: StringFacts;
  readonly plains: PlainObjects;
  readonly results = new Results();
  readonly seen: SeenSets;
  readonly leaves: Leaf[] = [];
  readonly frames: Frame[] = [];
  readonly pushFrame: number[] = [0];
  readonly pushLeaf: number[] = [0];
  private readonly leafIds = new Map<string, number>();
  private readonly frameIds = new Map<string, number>();
  /** By frame and leaf. */
  private readonly pushIds = new Map<number, number>();
  private readonly colonStates: (number | undefined)[] = [];
  private readonly keySpaces = new Map<string, KeySpace>();
  private readonly keyDemands = new Map<string, KeyDemands>();
  private readonly keyFrames = new Map<KeySpace, number>();
  private readonly itemEntries = new Map<string, number>();
  /** By frame and result. */
  private readonly resumed: (Map<ResultId, number> | undefined)[] = [];
  /** By the slots of a number's first byte, see {@link openNumber}. */
  readonly atomsOf = new Map<string, NumberAtoms>();
  private readonly numberStates = new Map<string, number>();
  private readonly propertyValues: (number | undefined)[] = [];
  private readonly wordsStates = new Map<number, number>();
  private readonly slotKeys = new WeakMap<object, string>();
  /** Transition codes plus one (0: not yet known), 16 leaves to a page. */
  readonly pages: Int32Array[] = [];
  private readonly primed: boolean[] = [];

  constructor(
    readonly compiler: SchemaCompiler,
    readonly solver: Solver,
    readonly options: SpellingOptions,
  ) {
    this.formulas = compiler.formulas;
    this.terms = compiler.terms;
    this.strings = compiler.strings;
    this.engine = compiler.strings.engine;
    this.facts = new StringFacts(this.engine);
    this.plains = new PlainObjects(solver);
    this.seen = new SeenSets();
    this.intern('dead', () => ({ kind: 'dead', step: () => 0, prime: () => undefined, end: () => 0 }));
    this.frames.push({ kind: 'root', slots: [], rests: [], seen: 0, captures: false });
  }

  /** The leaf before a document of a schema; 0 where there is none, which is not looked into where it is `evident` that there are. */
  begin(schema: Formula, evident = false): number {
    return evident || this.solver.satisfiable(schema)
      ? this.valueState([{ state: schema, results: this.results.of([0]) }], 'none', 0)
      : 0;
  }

  /** The schema whose documents are being written. */
  root: Site | undefined;

  /** Of errors met while a document is written: what is hard about the schema as a whole. */
  readonly place = (): SchemaPlace | undefined => this.root && hardPlace(this.root);

  /** The coded transition of a leaf for a byte. */
  step(leaf: number, byte: number): number {
    const page = this.pages[leaf >> 4] ?? this.page(leaf >> 4);
    const at = ((leaf & 15) << 8) | byte;
    const known = page[at];
    if (known) return known - 1;
    if (this.primed[leaf] !== true) {
      this.primed[leaf] = true;
      located(() => this.leaves[leaf]?.prime(page, (leaf & 15) << 8), this.place);
      const now = page[at];
      if (now) return now - 1;
    }
    const next = located(() => this.leaves[leaf]?.step(byte, page, (leaf & 15) << 8) ?? 0, this.place);
    page[at] = next + 1;
    return next;
  }

  /**
   * The leaf in which a frame goes on after its value gave `result`, whose text is not known (it does not matter, see
   * {@link needsText}, or a mask walk does not depend on it).
   */
  resume(frame: number, result: ResultId): number {
    const info = this.frames[frame];
    if (!info) return 0;
    let known = this.resumed[frame];
    if (!known) this.resumed[frame] = known = new Map();
    let next = known.get(result);
    if (next === undefined) {
      next = located(() => afterValue(this, info, result, undefined), this.place);
      known.set(result, next);
    }
    return next;
  }

  /** The same where `text` is the source of what was read above the frame. */
  resumeAfter(frame: number, result: ResultId, text: string): number {
    const info = this.frames[frame];
    return info ? located(() => afterValue(this, info, result, text), this.place) : 0;
  }

  /** Whether what follows this result depends on the text read. */
  needsText(frame: number, result: ResultId): boolean {
    const info = this.frames[frame];
    return info?.captures === true && (info.keys === undefined || KeySpace.named(result));
  }

  /** Joins slots with equal states. */
  merge(slots: readonly FormulaSlot[]): readonly FormulaSlot[] {
    if (slots.length < 2) return slots;
    const byState = new Map<Formula, ResultId[]>();
    for (const { state, results } of slots) {
      const list = byState.get(state);
      if (list) list.push(results);
      else byState.set(state, [results]);
    }
    return [...byState].map(([state, list]) => ({ state, results: this.results.union(list) }));
  }

  // States

  valueState(slots: readonly FormulaSlot[], gap: Gap, space: number): number {
    const merged = this.merge(slots);
    return this.intern(`v${gap}${space},${this.key(merged)}`, () => new ValueLeaf(this, merged, gap, space));
  }

  /** The state before the value of a property on which there is one demand. */
  propertyValue(need: Formula): number {
    let leaf = this.propertyValues[need];
    if (leaf === undefined) {
      leaf = this.valueState([{ state: need, results: this.results.of([0]) }], 'space', 0);
      this.propertyValues[need] = leaf;
    }
    return leaf;
  }

  wordState(text: string, at: number, results: ResultId): number {
    return this.intern(`w${text}${at},${results}`, () => new WordLeaf(this, text, at, results));
  }

  colonState(entry: number): number {
    let leaf = this.colonStates[entry];
    if (leaf === undefined) this.colonStates[entry] = leaf = this.leaves.push(new ColonLeaf(this, entry)) - 1;
    return leaf;
  }

  objectState(at: 'open' | 'key' | 'next', slots: readonly FormulaSlot[], seen: number, space: number): number {
    return this.intern(`o${at}${space},${seen},${this.key(slots)}`, () => new ObjectLeaf(this, at, slots, seen, space));
  }

  arrayState(at: 'open' | 'next', slots: readonly FormulaSlot[], space: number): number {
    return this.intern(`a${at}${space},${this.key(slots)}`, () => new ArrayLeaf(this, at, slots, space));
  }

  endState(): number {
    return this.intern('end', () => new EndLeaf(this, this.leaves.length));
  }

  /** Names that no demand lists are the same states in all objects: only the frame below tells what follows. */
  keyState(space: KeySpace, prefix: string | undefined, regions: readonly LiveRegion[], decoder: number): number {
    const langs = regions.map((r) => `${r.region.index}:${r.lang}`).join();
    const typed = prefix === undefined ? '' : space.situation(prefix);
    return this.intern(`k${decoder},${langs},${typed}`, () => new KeyLeaf(this, space, prefix, regions, decoder));
  }

  stringState(slots: readonly StringSlot[], decoder: number): number {
    this.solver.budget.work(slots.length);
    const key = slots
      .map(
        (s) =>
          (s.low < s.high ? `${this.listKey(s.list)}.${s.low}.${s.high}.${s.at}` : '') +
          `/${s.lang}:${s.min}:${s.max}>${s.results}`,
      )
      .join(';');
    return goTo(this.intern(`s${decoder},${key}`, () => new StringLeaf(this, slots, decoder)));
  }

  /** The state of one slot: looked up by its language alone where that says it all. */
  wordsState(slot: StringSlot): number {
    if (slot.low < slot.high || slot.min > 0 || slot.max < Number.POSITIVE_INFINITY) return this.stringState([slot], 0);
    const key = slot.results * 0x4000000 + slot.lang;
    let code = this.wordsStates.get(key);
    if (code === undefined) this.wordsStates.set(key, (code = this.stringState([slot], 0)));
    return code;
  }

  freeNumber(phase: NumberPhase, results: ResultId): number {
    return this.intern(`f${phase}${results}`, () => new FreeNumberLeaf(this, phase, results));
  }

  numberState(slots: readonly FormulaSlot[], atoms: NumberAtoms, phase: NumberPhase, text: string): number {
    const near = atoms.thresholds.length > FEW_THRESHOLDS ? narrowNumbers(this, slots, text) : undefined;
    if (near) return this.numberState(near.slots, near.atoms, phase, text);
    const spelled = numberClass(atoms, phase, text);
    const asked = `${this.key(slots)}#${spelled}`;
    let code = this.numberStates.get(asked);
    if (code === undefined) {
      // One of many alternatives need not be compared with the bounds of all others.
      const among = slots.length > FEW_THRESHOLDS ? undefined : atoms;
      const alive = slots.filter((s) => numberAlive(this, s.state, among, phase, text));
      const make = (): NumberLeaf => new NumberLeaf(this, alive, atoms, phase, text);
      code = alive.length === 0 ? 0 : goTo(this.intern(`n${this.key(alive)}#${spelled}`, make));
      this.numberStates.set(asked, code);
    }
    return code;
  }

  // Results of values

  /** The result of an array or object that ends here. */
  ended(slots: readonly FormulaSlot[], canEnd: (state: Formula) => boolean): ResultId {
    const { listed } = this.compiler;
    const whole = (): Json | undefined => {
      for (const { state } of slots) {
        const list = listed.get(state);
        const value = list && listed.whole(list);
        if (value !== undefined) return value;
      }
      return undefined;
    };
    const done = slots.filter(({ state }) => canEnd(state)).map((slot) => slot.results);
    return this.results.finish(done, whole);
  }

  /** The results of a value by its demand's number: where one goes on as the value says, also which it is. */
  resultsOf(branch: number, rests: ReadonlyMap<number, Formula> | undefined): ResultId {
    const { listed } = this.compiler;
    const waits = this.terms.lists && rests !== undefined && [...rests.values()].some((rest) => listed.waits(rest));
    return this.results.of(waits ? [branch, WHICH] : [branch]);
  }

  // Frames

  objectFrame(slots: readonly FormulaSlot[], rests: readonly ReadonlyMap<number, Formula>[], seen: number): number {
    return this.frame({ kind: 'object', slots, rests, seen, captures: false });
  }

  /** Entry of the push table for the next item of an array, or 0 when no item can follow. */
  itemEntry(slots: readonly FormulaSlot[]): number {
    const key = this.key(slots);
    const known = this.itemEntries.get(key);
    if (known !== undefined) return known;
    const rests = new Map<Formula, Map<number, Formula>>();
    let captures = false;
    slots.forEach((slot, i) => {
      captures ||= this.solver.arrays.isUnique(slot.state);
      for (const { need, rest } of this.solver.items(slot.state)) {
        const bySlot = rests.get(need) ?? new Map<number, Formula>();
        rests.set(need, bySlot);
        bySlot.set(i, this.formulas.or([bySlot.get(i) ?? FALSE, rest]));
      }
    });
    let entry = 0;
    if (rests.size > 0) {
      const frame = this.frame({ kind: 'array', slots, rests: [...rests.values()], seen: 0, captures });
      const value = this.valueState(
        [...rests].map(([need, bySlot], i) => ({ state: need, results: this.resultsOf(i, bySlot) })),
        'either',
        0,
      );
      entry = this.pushEntry(frame, value);
    }
    this.itemEntries.set(key, entry);
    return entry;
  }

  pushEntry(frame: number, leaf: number): number {
    const key = frame * 0x4000000 + leaf;
    let id = this.pushIds.get(key);
    if (id === undefined) {
      id = this.pushFrame.length;
      this.pushFrame.push(frame);
      this.pushLeaf.push(leaf);
      this.pushIds.set(key, id);
    }
    return id;
  }

  /** Pushes an entry and gives the first byte of the value to its leaf. */
  pushAndStep(entry: number, byte: number): number {
    const leaf = this.leaves[this.pushLeaf[entry] ?? 0];
    const code = leaf instanceof ValueLeaf ? leaf.begin(byte) : 0;
    return code === 0 ? 0 : push(this.pushEntry(this.pushFrame[entry] ?? 0, code >> 2));
  }

  keySpace(slots: readonly FormulaSlot[], seen: number): KeySpace {
    const key = `${seen},${this.key(slots)}`;
    let space = this.keySpaces.get(key);
    if (!space) {
      const used = this.seen.get(seen);
      const dependent = slots.some((s) => this.solver.objects.dependsOnSeen(s.state) > 0);
      const shared = dependent ? key : `${used.orderId}|${this.key(slots)}`;
      let demands = this.keyDemands.get(shared);
      if (!demands) {
        demands = new KeyDemands(this, this.keyDemands.size, slots, used.order, dependent ? used : undefined);
        this.keyDemands.set(shared, demands);
      }
      space = new KeySpace(this, demands, seen);
      this.keySpaces.set(key, space);
    }
    return space;
  }

  /** The transition for the opening quote of a key. */
  openKey(slots: readonly FormulaSlot[], seen: number): number {
    const keys = this.keySpace(slots, seen);
    const leaf = keys.start();
    if (leaf === 0) return 0;
    let frame = this.keyFrames.get(keys);
    if (frame === undefined) {
      frame = this.frames.length;
      // Only of names that no demand lists the text matters.
      const unlisted = keys.demands.regions().length > 0;
      const captures = unlisted && (this.options.repeats === 'never' || keys.demands.dependent);
      this.frames.push({ kind: 'key', slots: [], rests: [], seen, captures, keys });
      this.keyFrames.set(keys, frame);
    }
    return push(this.pushEntry(frame, leaf));
  }

  private frame(frame: Frame): number {
    const rests = frame.rests.map((bySlot) => [...bySlot].map(([i, f]) => `${i}:${f}`).join()).join(';');
    const key = `${frame.kind}|${frame.seen}|${frame.captures}|${this.key(frame.slots)}|${rests}`;
    let id = this.frameIds.get(key);
    if (id === undefined) {
      id = this.frames.length;
      this.frames.push(frame);
      this.frameIds.set(key, id);
    }
    return id;
  }

  /** Slots as a text: equal ones have the same. */
  key(slots: readonly FormulaSlot[]): string {
    let key = this.slotKeys.get(slots);
    if (key === undefined) {
      key = slots.map((s) => `${s.state}>${s.results}`).join(';');
      this.slotKeys.set(slots, key);
    }
    return key;
  }

  private readonly lists = new Map<readonly string[], number>();
  private listKey(list: readonly string[]): number {
    let id = this.lists.get(list);
    if (id === undefined) {
      id = this.lists.size;
      this.lists.set(list, id);
    }
    return id;
  }

  private intern(key: string, make: () => Leaf): number {
    let id = this.leafIds.get(key);
    if (id === undefined) {
      id = this.leaves.length;
      this.leaves.push(make());
      this.leafIds.set(key, id);
    }
    return id;
  }

  /**
   * Writes the transition of a string over a byte to the row for those that are known to lead to the same: ASCII characters that its
   * patterns do not tell from it, but for some, and bytes within a character that is one of many alike.
   */
  alike(
    parts: readonly { readonly lang: Lang }[],
    decoder: number,
    byte: number,
    row: Int32Array,
    at: number,
    code: number,
    but = NO_POINTS,
  ): void {
    if (skips(decoder) && (byte & 0xc0) === 0x80) row.fill(code + 1, at + 0x80, at + 0xc0);
    if (decoder !== 0 || !isPlain(byte) || but.has(byte)) return;
    differ.fill(0);
    for (const { lang } of parts) {
      const { ascii } = this.engine.classes(lang);
      const own = ascii[byte] ?? 0;
      for (let b = 0; b < 0x80; b++) differ[b] = (differ[b] ?? 0) | ((ascii[b] ?? 0) ^ own);
    }
    for (let b = 0x20; b < 0x80; b++) if (differ[b] === 0 && isPlain(b) && !but.has(b)) row[at + b] = code + 1;
  }

  private page(index: number): Int32Array {
    while (this.pages.length <= index) this.pages.push(new Int32Array(16 * 256));
    return this.pages[index] ?? new Int32Array(0);
  }
}

const NO_POINTS: ReadonlySet<number> = new Set();
/** By ASCII character: work space of {@link Machine.alike}. */
const differ = new Uint16Array(0x80);

/** Up to so many thresholds, number states compare with all of them. */
const FEW_THRESHOLDS = 8;
