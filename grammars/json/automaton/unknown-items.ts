import { InfcError } from '../../../runtime/errors.ts';
import type { JsonType } from '../formula/terms.ts';
import { plenty, plentyEverywhere } from '../solver/plenty.ts';
import { FreeNumberLeaf, NumberLeaf } from './leaf-number.ts';
import { ObjectLeaf } from './leaf-object.ts';
import { StringLeaf } from './leaf-string.ts';
import { ArrayLeaf, ValueLeaf } from './leaf-structure.ts';
import type { Machine } from './machine.ts';

/** No item of unknown text was finished; or one was, and the array is after it, before the next item, in its first bytes, or further. */
export const KNOWN = 0;
export const AFTER = 1;
const BEFORE = 2;
const STARTED = 3;
const DEEP = 4;

/**
 * How far a walk may go on after an item under uniqueItems whose text it does not know, because no single text taken away from the
 * values that may follow changes what their first bytes can be.
 */
export class UnknownItems {
  private readonly roomyLeaves: (boolean | undefined)[] = [];
  private readonly openLeaves: (boolean | undefined)[] = [];
  private readonly unlimited = new Map<string, boolean>();

  constructor(private readonly machine: Machine) {}

  /** Whether an array's next items have values in plenty, so that whatever the last item was, they stay possible. */
  roomy(leaf: number): boolean {
    let known = this.roomyLeaves[leaf];
    if (known === undefined) {
      const info = this.machine.leaves[leaf];
      known =
        info instanceof ArrayLeaf &&
        info.slots.every((slot) => this.certain(() => plentyEverywhere(this.machine.solver, slot.state)));
      this.roomyLeaves[leaf] = known;
    }
    return known;
  }

  /** The phase after a transition `code` over `byte` from a leaf, or -1 where the text decides. */
  after(phase: number, leaf: number, code: number, byte: number): number {
    const { leaves } = this.machine;
    const from = leaves[leaf];
    const to = leaves[code >> 2];
    const stays = (code & 3) === 0;
    switch (phase) {
      case AFTER:
        return stays ? AFTER : (code & 3) === 1 ? BEFORE : (code & 3) === 2 ? KNOWN : -1;
      case BEFORE:
        if (!stays || !(from instanceof ValueLeaf)) return -1;
        if (to instanceof ValueLeaf) return BEFORE;
        // Bounds may leave a single number with this first digit.
        return !(to instanceof NumberLeaf) && this.plentifulAs(leaf, from, byte) ? STARTED : -1;
      case STARTED:
        if (from instanceof ObjectLeaf) return stays ? STARTED : (code & 3) === 1 ? DEEP : -1;
        if (!stays) return -1;
        if (from instanceof ArrayLeaf) return STARTED;
        // Beside demands only some exponents are taken.
        if (to instanceof FreeNumberLeaf)
          return to.phase === 'e' || to.phase === 'sign' || to.phase === 'exp' ? -1 : STARTED;
        return to instanceof StringLeaf && this.open(code >> 2, to) ? STARTED : -1;
      default:
        return -1;
    }
  }

  /** Whether a string may go on in more than one way. */
  private open(leaf: number, { decoder, slots }: StringLeaf): boolean {
    const { facts } = this.machine;
    return (this.openLeaves[leaf] ??=
      decoder === 0 && slots.some((s) => facts.derivableIn(s.lang, 0, 0x10ffff, s.min, s.max, 2)));
  }

  private plentifulAs(leaf: number, value: ValueLeaf, byte: number): boolean {
    const type = typeOf(byte);
    if (!type) return false;
    const key = `${leaf},${type}`;
    let known = this.unlimited.get(key);
    if (known === undefined) {
      const { solver } = this.machine;
      known = value.slots.some((s) => this.certain(() => plenty(solver, s.state, type)));
      this.unlimited.set(key, known);
    }
    return known;
  }

  /** A question whose answer may take more than there is budget for. */
  private certain(question: () => boolean): boolean {
    try {
      return question();
    } catch (error) {
      if (!(error instanceof InfcError) || error.code === 'INFC5023') throw error;
      this.machine.solver.budget.reset(true);
      return false;
    }
  }
}

/** The type of a value that starts so, where it has more than a few values. */
function typeOf(byte: number): JsonType | undefined {
  if (byte === 0x22) return 'string';
  if (byte === 0x7b) return 'object';
  if (byte === 0x5b) return 'array';
  return byte === 0x2d || (byte >= 0x30 && byte <= 0x39) ? 'number' : undefined;
}
