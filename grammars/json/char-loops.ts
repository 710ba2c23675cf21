import { FreeNumberLeaf, NumberLeaf } from './leaf-number.ts';
import { KeyLeaf } from './leaf-object.ts';
import { StringLeaf } from './leaf-string.ts';
import type { Machine } from './machine.ts';

const ZERO = 0x30;
const FIVE = 0x35;

/** The state that most characters lead to, and these characters. */
interface Link {
  readonly next: number;
  readonly bits: Uint32Array;
}

/** Characters to guess the main successor of a state by. */
const COMMON = [0x61, 0x30, 0x20, 0x41, 0x2d];
/** Longest chain of states followed. */
const MAX_CHAIN = 24;
/** The same for numbers, whose states are costly; tokens have few digits. */
const MAX_DIGITS = 3;

/** Number of characters in a set of {@link Machine.loop}; all others count as many. */
function size(bits: Uint32Array): number {
  let n = bits[4] === 1 ? 5 : 0;
  for (let w = 0; w < 4; w++) for (let x = bits[w] ?? 0; x !== 0; x &= x - 1) n++;
  return n;
}

/** Which characters lead round in string and key states: a walk takes whole subtrees of tokens by them. */
export class CharLoops {
  private readonly links: (Link | null | undefined)[] = [];
  private readonly loops: (Uint32Array | null | undefined)[] = [];

  constructor(private readonly machine: Machine) {}

  /**
   * Characters of which any few may follow a string or key state in any order: four words of ASCII bits (quote and backslash
   * never among them), 1 when all other characters may too, and how many may follow (counting states end after some). They
   * are those that lead along one chain of states. Undefined when there are too few to be of use.
   */
  of(leaf: number): Uint32Array | undefined {
    const known = this.loops[leaf];
    if (known !== undefined) return known ?? undefined;
    const longest = this.machine.leaves[leaf]?.kind === 'number' ? MAX_DIGITS : MAX_CHAIN;
    const bits = new Uint32Array([0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 1, 0]);
    let at = leaf;
    for (let length = 1; ; length++) {
      const link = this.link(at);
      if (!link) break;
      for (let w = 0; w < 5; w++) bits[w] = (bits[w] ?? 0) & (link.bits[w] ?? 0);
      if (size(bits) <= 4) break;
      bits[5] = link.next === at ? 255 : length;
      if (link.next === at || length >= longest) break;
      at = link.next;
    }
    // The break on too few characters came before the count was raised: what is left then is of no use.
    const loop = (bits[5] ?? 0) > 1 && size(bits) > 4 ? bits : null;
    this.loops[leaf] = loop;
    return loop ?? undefined;
  }

  /** The state that most characters lead to from a string or key state, and these characters. */
  private link(leaf: number): Link | undefined {
    const known = this.links[leaf];
    if (known !== undefined) return known ?? undefined;
    const info = this.machine.leaves[leaf];
    this.links[leaf] = null;
    if (info instanceof FreeNumberLeaf || info instanceof NumberLeaf) return this.digits(leaf);
    if (!(info instanceof StringLeaf || info instanceof KeyLeaf) || info.decoder !== 0) return undefined;
    for (const guess of COMMON) {
      const code = this.machine.step(leaf, guess);
      if (code === 0) continue;
      const bits = new Uint32Array(5);
      for (let b = 0x20; b < 0x80; b++) {
        if (b === 0x22 || b === 0x5c || this.machine.step(leaf, b) !== code) continue;
        bits[b >> 5] = (bits[b >> 5] ?? 0) | (1 << (b & 31));
      }
      // The surrogates split the code points in two; they never occur.
      const uniform = info.alike(0x80, 0xd7ff) >= 0 && info.alike(0xe000, 0x10ffff) >= 0;
      if (uniform && info.next(0x80) === code && info.next(0xe000) === code) bits[4] = 1;
      if (size(bits) <= 4) continue;
      const link = { next: code >> 2, bits };
      this.links[leaf] = link;
      return link;
    }
    return undefined;
  }

  private digits(leaf: number): Link | undefined {
    const code = this.machine.step(leaf, FIVE);
    if (code === 0 || (code & 3) !== 0) return undefined;
    const bits = new Uint32Array(5);
    for (let b = ZERO; b < ZERO + 10; b++)
      if (this.machine.step(leaf, b) === code) bits[1] = (bits[1] ?? 0) | (1 << (b & 31));
    if (size(bits) <= 4) return undefined;
    const link = { next: code >> 2, bits };
    this.links[leaf] = link;
    return link;
  }
}
