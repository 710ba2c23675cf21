import type { Formula } from '../formula/formula.ts';
import { settled } from '../formula/number-cells.ts';
import type { JsonType } from '../formula/terms.ts';
import { type FormulaSlot, goTo, type Leaf, onlyBytes, pop, push, type ResultId, WHITESPACE } from './leaf.ts';
import type { Machine } from './machine.ts';
import { openArray, openNumber, openObject, openString } from './open-value.ts';

const SPACE = 0x20;
const NEWLINE = 0x0a;
const TAB = 0x09;
const RETURN = 0x0d;
/** Longest indentation that bounded whitespace allows. */
export const INDENT = 64;

/** Whitespace policy. */
export type Whitespace = 'compact' | 'bounded' | 'json';

/** Where a gap is: what pretty-printers put there decides what bounded whitespace allows. */
export type Gap = 'none' | 'space' | 'line' | 'either';

/** Whitespace so far in a gap: 0 none, 1 one space, 2 + n a newline and n indentation bytes. */
export function whitespaceStep(policy: Whitespace, gap: Gap, state: number, byte: number): number {
  if (policy === 'json') return byte === SPACE || byte === NEWLINE || byte === TAB || byte === RETURN ? 0 : -1;
  if (policy === 'compact' || gap === 'none') return -1;
  if (state === 0) {
    if (byte === SPACE && gap !== 'line') return 1;
    return byte === NEWLINE && gap !== 'space' ? 2 : -1;
  }
  return state >= 2 && state < 2 + INDENT && (byte === SPACE || byte === TAB) ? state + 1 : -1;
}

/** Before a value. */
export class ValueLeaf implements Leaf {
  readonly kind = 'value';
  private readonly starts = new Map<JsonType, readonly FormulaSlot[]>();

  constructor(
    private readonly machine: Machine,
    readonly slots: readonly FormulaSlot[],
    readonly gap: Gap,
    readonly space: number,
  ) {}

  step(byte: number): number {
    const { machine } = this;
    const space = whitespaceStep(machine.options.whitespace, this.gap, this.space, byte);
    if (space >= 0) return goTo(machine.valueState(this.slots, this.gap, space));
    return this.begin(byte);
  }

  /** The transition for the first byte of the value itself. */
  begin(byte: number): number {
    const { machine } = this;
    switch (byte) {
      case 0x7b:
        return openObject(machine, this.typed('object'));
      case 0x5b:
        return openArray(machine, this.typed('array'));
      case 0x22:
        return openString(machine, this.typed('string'));
      case 0x74:
        return this.word('true', this.typed('boolean'), true);
      case 0x66:
        return this.word('false', this.typed('boolean'), false);
      case 0x6e:
        return this.word('null', this.typed('null'), false);
      default:
        return byte === 0x2d || (byte >= 0x30 && byte <= 0x39) ? openNumber(machine, this.typed('number'), byte) : 0;
    }
  }

  /** The demands on a value of this type; demands no such value meets are gone. */
  private typed(type: JsonType): readonly FormulaSlot[] {
    let found = this.starts.get(type);
    if (!found) {
      const { compiler, solver, formulas, terms } = this.machine;
      const demand = (state: Formula): Formula => {
        if (type === 'string') return state;
        const typed = compiler.typed(state, type);
        return type === 'number' ? settled(formulas, terms, typed) : typed;
      };
      const live = this.slots
        .filter((s) => solver.satisfiableAs(s.state, type))
        .map((s) => ({ state: demand(s.state), results: s.results }));
      found = this.machine.merge(live);
      this.starts.set(type, found);
    }
    return found;
  }

  private word(text: string, slots: readonly FormulaSlot[], truth: boolean): number {
    const { formulas, results } = this.machine;
    const value = text === 'null' ? null : truth;
    const result = results.finish(
      slots.filter((s) => formulas.evaluate(s.state, () => truth)).map((s) => s.results),
      () => value,
    );
    return result === 0 ? 0 : goTo(this.machine.wordState(text, 1, result));
  }

  prime(row: Int32Array, at: number): void {
    onlyBytes(row, at, `${WHITESPACE}{["tfn-0123456789`);
  }

  end(): ResultId {
    return 0;
  }
}

/** Inside `true`, `false` or `null`. */
export class WordLeaf implements Leaf {
  readonly kind = 'word';

  constructor(
    private readonly machine: Machine,
    readonly text: string,
    readonly at: number,
    readonly results: ResultId,
  ) {}

  step(byte: number): number {
    if (byte !== this.text.charCodeAt(this.at)) return 0;
    return this.at + 1 === this.text.length
      ? pop(this.results)
      : goTo(this.machine.wordState(this.text, this.at + 1, this.results));
  }

  prime(row: Int32Array, at: number): void {
    onlyBytes(row, at, this.text.charAt(this.at));
  }

  end(): ResultId {
    return 0;
  }
}

/** Between a key and its colon. */
export class ColonLeaf implements Leaf {
  readonly kind = 'colon';

  constructor(
    private readonly machine: Machine,
    /** Entry of the push table: the frame of the object and the state before its value. */
    readonly entry: number,
  ) {}

  step(byte: number): number {
    if (byte === 0x3a) return push(this.entry);
    return whitespaceStep(this.machine.options.whitespace, 'none', 0, byte) >= 0
      ? goTo(this.machine.colonState(this.entry))
      : 0;
  }

  prime(row: Int32Array, at: number): void {
    onlyBytes(row, at, `${WHITESPACE}:`);
  }

  end(): ResultId {
    return 0;
  }
}

/** In an array: right after `[`, or after an item. */
export class ArrayLeaf implements Leaf {
  readonly kind = 'array';

  constructor(
    private readonly machine: Machine,
    readonly at: 'open' | 'next',
    readonly slots: readonly FormulaSlot[],
    readonly space: number,
  ) {}

  step(byte: number): number {
    const { machine } = this;
    const gap = this.at === 'open' ? 'either' : 'line';
    const space = whitespaceStep(machine.options.whitespace, gap, this.space, byte);
    if (space >= 0) {
      // Bounded whitespace here must be of use: before an item, or before the bracket of an array that has items.
      if (this.at === 'open' && machine.options.whitespace !== 'json' && machine.itemEntry(this.slots) === 0) return 0;
      if (this.at === 'next' && machine.options.whitespace !== 'json' && this.result() === 0) return 0;
      return goTo(machine.arrayState(this.at, this.slots, space));
    }
    if (byte === 0x5d) {
      if (this.at === 'open' && this.space > 0) return 0;
      const result = this.result();
      return result === 0 ? 0 : pop(result);
    }
    if (this.at === 'next') {
      if (byte !== 0x2c || this.space > 0) return 0;
      const entry = machine.itemEntry(this.slots);
      return entry === 0 ? 0 : push(entry);
    }
    const entry = machine.itemEntry(this.slots);
    return entry === 0 ? 0 : machine.pushAndStep(entry, byte);
  }

  private result(): ResultId {
    const { machine } = this;
    return machine.ended(this.slots, (state) => machine.solver.arrayCanEnd(state));
  }

  prime(row: Int32Array, at: number): void {
    onlyBytes(row, at, `${WHITESPACE}],{["tfn-0123456789`);
  }

  end(): ResultId {
    return 0;
  }
}

/** After the whole document. */
export class EndLeaf implements Leaf {
  readonly kind = 'end';

  constructor(
    private readonly machine: Machine,
    private readonly id: number,
  ) {}

  step(byte: number): number {
    return this.machine.options.whitespace === 'json' && whitespaceStep('json', 'none', 0, byte) >= 0
      ? goTo(this.id)
      : 0;
  }

  prime(row: Int32Array, at: number): void {
    onlyBytes(row, at, WHITESPACE);
  }

  end(): ResultId {
    return 1;
  }
}
