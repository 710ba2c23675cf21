import { type Acceptor, ENDING_FIRST, endingLast } from '../matching/acceptor.ts';
import { UNTOLD, type Unordered } from '../matching/endings.ts';
import type { MaskPool } from '../matching/mask-pool.ts';
import { Triples } from '../matching/triples.ts';
import type { Vocabulary } from '../vocabulary.ts';
import { KeyLeaf, ObjectLeaf } from './automaton/leaf-object.ts';
import { StringLeaf } from './automaton/leaf-string.ts';
import { ArrayLeaf, ColonLeaf, ValueLeaf } from './automaton/leaf-structure.ts';
import type { Machine } from './automaton/machine.ts';
import { type StackId, Stacks } from './automaton/stack.ts';
import { type TextId, Texts } from './automaton/texts.ts';
import { UnknownItems } from './automaton/unknown-items.ts';
import { isPlain } from './automaton/utf8-json.ts';
import { FALSE } from './formula/formula.ts';
import { JsonMasks } from './masks/masks.ts';
import type { Site } from './schema/document.ts';
import { located } from './schema/located.ts';
import { type Finish, Shortest } from './shortest/shortest.ts';

/**
 * The documents of a schema as a byte acceptor: a state is a leaf, a stack of frames, and the text captured for the frames
 * that need it. `leaf` and `stack` (and the text) are the configuration that {@link advance} works on.
 */
export class JsonAcceptor implements Acceptor {
  readonly stacks = new Stacks();
  readonly start: number;
  leaf = 0;
  stack: StackId = -1;
  private text: TextId = 0;
  private readonly texts = new Texts();
  /**
   * Items that came under uniqueItems: frame, result and text. What follows such an item is looked at when another one begins; until then the
   * text of a state is the negative number of that item. Most hypothetical items are followed by the end of the array.
   */
  private readonly items = new Triples();
  readonly unknown: UnknownItems;
  /** What follows a value, by its frame, result and text. */
  private readonly afterTexts = new Map<string, number>();
  private shortestOf: Shortest | undefined;
  /** By shapes of an object and the name that comes last: where each other name begins, and ends. */
  private readonly parts = new Map<string, Map<string, Unordered['parts'][number]>>();
  /** States: leaf, stack and text. */
  private readonly states = new Triples();

  /** @param entry the machine's leaf before a document of the schema at `root` */
  constructor(
    readonly machine: Machine,
    readonly entry: number,
    private readonly root: Site,
  ) {
    this.unknown = new UnknownItems(machine);
    this.leaf = entry;
    this.stack = 0;
    this.start = this.save();
  }

  get size(): number {
    return this.machine.formulas.size + this.machine.leaves.length;
  }

  /** A question about a state with this leaf begins: its work is counted apart. Up to the first name of an object nothing is lost yet. */
  ask(leaf: number, stack = this.stack): void {
    const { machine, stacks } = this;
    machine.root = this.root;
    const { kind, seen = 0 } = machine.frames[stacks.frame(stack)] ?? {};
    const { id, orderId } = machine.seen.get(seen);
    const first = kind === 'key' && stacks.parent(stack) === 0 && id === orderId;
    machine.solver.budget.reset(leaf !== this.entry && !first);
  }

  step(state: number, byte: number): number {
    this.load(state);
    this.ask(this.leaf);
    return this.advance(byte) ? this.save() : 0;
  }

  accepts(state: number): boolean {
    const leaf = this.states.a[state] ?? 0;
    const stack = this.states.b[state] ?? -1;
    const end = this.machine.leaves[leaf]?.end() ?? 0;
    return end !== 0 && stack <= 0;
  }

  masks(vocabulary: Vocabulary, pool?: MaskPool): JsonMasks {
    return new JsonMasks(this, vocabulary, pool);
  }

  /** Characters that close what is open: the string, and the outermost array or object. */
  owed(state: number): string {
    const { machine, stacks } = this;
    const leaf = machine.leaves[this.states.a[state] ?? 0];
    let outer = '';
    for (let at = this.states.b[state] ?? 0; at > 0; at = stacks.parent(at)) {
      const kind = machine.frames[stacks.frame(at)]?.kind;
      outer = kind === 'array' ? ']' : '}';
    }
    if (outer === '' && leaf instanceof ArrayLeaf) outer = ']';
    if (outer === '' && (leaf instanceof ObjectLeaf || leaf instanceof ColonLeaf)) outer = '}';
    return leaf instanceof StringLeaf || leaf instanceof KeyLeaf ? `"${outer}` : outer;
  }

  /** What a document that a model writes likely goes on with: every listed property, each array with an item. */
  likely(state: number): readonly string[] {
    this.load(state);
    this.ask(this.leaf);
    this.settle();
    const { machine, stacks } = this;
    const leaf = machine.leaves[this.leaf];
    const deep = stacks.depth(this.stack) > DEEP;
    if (leaf instanceof KeyLeaf) {
      const name = leaf.prefix === '' && leaf.decoder === 0 ? leaf.space.first() : undefined;
      return name === undefined ? [] : [`${JSON.stringify(name).slice(1)}:`];
    }
    if (leaf instanceof ObjectLeaf) {
      const more = !deep && leaf.keys().first() !== undefined;
      return more ? [leaf.at === 'next' ? ',"' : '"'] : ['}'];
    }
    const begins = leaf instanceof ValueLeaf || (leaf instanceof ArrayLeaf && leaf.at === 'open');
    return begins && !deep ? VALUES : [];
  }

  /** Bytes of the shortest completion (an upper bound where names must be invented). */
  shortest(state: number): number {
    if (state === 0) return Number.POSITIVE_INFINITY;
    this.ask(this.states.a[state] ?? 0);
    if ((this.states.c[state] ?? 0) < 0) return this.shortest(this.settled(state));
    return located(
      () => this.distances.document(this.states.a[state] ?? 0, this.states.b[state] ?? -1),
      this.machine.place,
    );
  }

  /** Bytes that finish the value of a leaf, by the result it then gives. */
  costs(leaf: number): Finish {
    this.ask(leaf);
    return located(() => this.distances.finishes(leaf), this.machine.place);
  }

  private get distances(): Shortest {
    this.shortestOf ??= new Shortest(this.machine, this.stacks, (leaf) => this.soonest(leaf));
    return this.shortestOf;
  }

  /** The text that ends soonest from a leaf before a value. */
  private soonest(leaf: number): string | undefined {
    const { leaf: leafNow, stack, text } = this;
    this.leaf = leaf;
    this.stack = 0;
    this.text = 0;
    const bytes: number[] = [];
    let state = this.save();
    for (let left = this.shortest(state); left > 0; left--) {
      const byte = ENDING_FIRST.find((b) => {
        this.load(state);
        return this.advance(b) && this.shortest(this.save()) < left;
      });
      if (byte === undefined) break;
      bytes.push(byte);
      state = this.save();
    }
    this.leaf = leafNow;
    this.stack = stack;
    this.text = text;
    return this.accepts(state) ? utf8.decode(Uint8Array.from(bytes)) : undefined;
  }

  /** The state after several bytes, or 0. */
  run(state: number, bytes: Uint8Array): number {
    this.load(state);
    this.ask(this.leaf);
    const info = this.machine.leaves[this.leaf];
    let i = info instanceof KeyLeaf && info.decoder === 0 ? this.along(info, bytes) : 0;
    for (; i < bytes.length; i++) if (!this.advance(bytes[i] ?? 0)) return 0;
    return this.leaf === 0 ? 0 : this.save();
  }

  /** Moves the current configuration along a name, in one step, so that no states are made on the way; gives the number of bytes. */
  private along(key: KeyLeaf, bytes: Uint8Array): number {
    const end = plainUntil(bytes);
    if (end === 0) return 0;
    const captured = this.stacks.capturing(this.stack);
    let text = '';
    for (let i = 0; i < end; i++) {
      text += String.fromCharCode(bytes[i] ?? 0);
      if (captured) this.text = this.texts.append(this.text, bytes[i] ?? 0);
    }
    this.leaf = located(() => key.advance(text), this.machine.place) >> 2;
    return this.leaf === 0 ? bytes.length : end;
  }

  /** Whether a state goes on over several bytes; no state is made. */
  takes(state: number, bytes: Uint8Array | null | undefined): boolean {
    if (!bytes) return false;
    this.load(state);
    for (let i = 0; i < bytes.length; i++) if (!this.advance(bytes[i] ?? 0)) return false;
    return true;
  }

  /** Makes a state the current configuration. */
  load(state: number): void {
    this.leaf = this.states.a[state] ?? 0;
    this.stack = this.states.b[state] ?? -1;
    this.text = this.states.c[state] ?? 0;
  }

  /** The state of the current configuration. */
  save(): number {
    return this.leaf === 0 ? 0 : this.states.of(this.leaf, this.stack, this.text);
  }

  /** The state without the text read; the shortest way to the end is as long. */
  place(state: number): number {
    const text = this.states.c[state] ?? 0;
    if (text === 0) return state;
    if (text < 0) return this.settled(state);
    this.load(state);
    this.text = 0;
    return this.save();
  }

  /** The state once what follows the item that came is looked at. */
  private settled(state: number): number {
    const { leaf, stack, text } = this;
    this.load(state);
    this.settle();
    const to = this.save();
    this.leaf = leaf;
    this.stack = stack;
    this.text = text;
    return to;
  }

  /** Looks at what follows the item that came. */
  settle(): void {
    const item = -this.text;
    if (item <= 0) return;
    const { a, b, c } = this.items;
    this.leaf = this.afterText(a[item] ?? 0, b[item] ?? 0, c[item] ?? 0, 0);
    this.text = 0;
  }

  /**
   * The place after one more byte, or {@link UNTOLD} where that depends on text. Names are not remembered unless their object counts them: a
   * text to the end has no other names than those that are listed.
   */
  stepBlind(place: number, byte: number): number {
    const { machine, stacks } = this;
    this.load(place);
    this.ask(this.leaf);
    for (;;) {
      const code = machine.step(this.leaf, byte);
      const target = code >> 2;
      if (code === 0) return 0;
      if ((code & 3) === 0) this.leaf = target;
      else if ((code & 3) === 1) {
        const frame = machine.pushFrame[target] ?? 0;
        this.stack = stacks.push(this.stack, frame, machine.frames[frame]?.captures ?? false, 0);
        this.leaf = machine.pushLeaf[target] ?? 0;
      } else {
        const frame = stacks.frame(this.stack);
        const keys = machine.frames[frame]?.keys;
        if (machine.needsText(frame, target) && (!keys || keys.demands.counting)) return UNTOLD;
        this.leaf = machine.resume(frame, target);
        this.stack = stacks.parent(this.stack);
        if (this.leaf === 0) return 0;
        if ((code & 3) === 3) continue;
      }
      this.text = 0;
      return this.save();
    }
  }

  /**
   * At the start of a name, where several must come in any order: that of the one that comes last, and of each other one, alone before it. Names
   * that came before do not matter, since nothing else helps a plain demand to its end.
   */
  unordered(place: number): Unordered | undefined {
    const { machine, stacks } = this;
    this.load(place);
    const { stack } = this;
    const leaf = machine.leaves[this.leaf];
    const { only, slots } = machine.frames[stacks.frame(stack)]?.keys?.demands ?? {};
    const [slot] = slots ?? [];
    const begins = leaf instanceof KeyLeaf && leaf.prefix === '' && leaf.decoder === 0;
    if (!begins || !only || !slot || only.required.size < FEW_NAMES || machine.options.order === 'schema')
      return undefined;
    const names = [...only.required.keys()];
    if (names.some((name) => JSON.stringify(name) !== `"${name}"`)) return undefined;
    const last = endingLast(names.map((name) => `${name}"`)).slice(0, -1);
    const begin = (parent: StackId, results: number, seen: number, ...required: string[]): number => {
      const literals = required.map((name) => only.required.get(name) ?? FALSE);
      const state = machine.formulas.and([only.shape, ...literals]);
      this.leaf = machine.objectState('key', [{ state, results }], seen, 0);
      this.stack = parent;
      this.text = 0;
      return this.stepBlind(this.save(), QUOTE);
    };
    const key = `${only.shape} ${last}`;
    let known = this.parts.get(key);
    if (!known) this.parts.set(key, (known = new Map()));
    const parts: Unordered['parts'][number][] = [];
    for (const name of names) {
      if (name === last) continue;
      let part = known.get(name);
      if (!part) {
        const results = machine.results.of([0]);
        const to = begin(0, results, machine.seen.add(0, name), last);
        known.set(name, (part = { from: begin(0, results, 0, name, last), to }));
      }
      parts.push(part);
    }
    return { parts, last: begin(stacks.parent(stack), slot.results, 0, last) };
  }

  /** Moves the current configuration over one byte; false (and dead) when nothing accepted goes on so. */
  private advance(byte: number): boolean {
    const { machine, stacks, texts } = this;
    for (;;) {
      let code = machine.step(this.leaf, byte);
      // What dies here or ends the array does so whatever the item was.
      if (this.text < 0 && code !== 0) {
        if (byte !== BRACKET) {
          this.settle();
          code = machine.step(this.leaf, byte);
        }
        this.text = 0;
      }
      if (code === 0) {
        this.leaf = 0;
        return false;
      }
      const target = code >> 2;
      const captured = this.stack >= 0 && stacks.capturing(this.stack);
      switch (code & 3) {
        case 0:
          this.leaf = target;
          if (captured) this.text = texts.append(this.text, byte);
          return true;
        case 1: {
          const frame = machine.pushFrame[target] ?? 0;
          const captures = machine.frames[frame]?.captures ?? false;
          this.stack = stacks.push(this.stack, frame, captures, captures ? texts.length(this.text) : 0);
          this.leaf = machine.pushLeaf[target] ?? 0;
          if (captures || captured) this.text = texts.append(this.text, byte);
          return true;
        }
        default: {
          const consumed = (code & 3) === 2;
          if (captured && consumed) this.text = texts.append(this.text, byte);
          const { stack, text } = this;
          const frame = stacks.frame(stack);
          this.stack = stacks.parent(stack);
          const outer = this.stack >= 0 && stacks.capturing(this.stack);
          if (!outer) this.text = 0;
          if (machine.needsText(frame, target)) {
            this.leaf = machine.frames[frame]?.kind === 'array' && !outer ? machine.resume(frame, target) : 0;
            if (this.leaf !== 0 && this.unknown.roomy(this.leaf)) this.text = -this.items.of(frame, target, text);
            else this.leaf = this.afterText(frame, target, text, stacks.start(stack));
          } else this.leaf = machine.resume(frame, target);
          if (this.leaf === 0) return false;
          if (consumed) return true;
        }
      }
    }
  }

  /** What follows a value whose text matters. */
  private afterText(frame: number, result: number, text: TextId, start: number): number {
    const key = `${frame},${result},${text},${start}`;
    let next = this.afterTexts.get(key);
    if (next === undefined) {
      if (this.afterTexts.size >= MAX_TEXTS) this.afterTexts.clear();
      next = this.machine.resumeAfter(frame, result, this.texts.slice(text, start));
      this.afterTexts.set(key, next);
    }
    return next;
  }
}

const utf8 = new TextDecoder();
const QUOTE = 0x22;
const BRACKET = 0x5d;
/** Beginnings of values, the likeliest first where several types are possible. */
const VALUES = ['"', '{', '[', '0', 't'];
/** Objects and arrays within each other deeper than this are left as soon as they may end: they may be recursive. */
const DEEP = 8;
/** So few names come in few orders. */
const FEW_NAMES = 3;
/** Values whose consequences are remembered by their text. */
const MAX_TEXTS = 1024;

/** How many ASCII characters at the start stand for themselves in a string. */
function plainUntil(bytes: Uint8Array): number {
  let i = 0;
  while (i < bytes.length && isPlain(bytes[i] ?? 0)) i++;
  return i;
}
