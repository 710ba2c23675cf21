import type { Lang } from '../regex/index.ts';
import type { KeySpace, Region } from './key-space.ts';
import { type FormulaSlot, goTo, type Leaf, pop, type ResultId } from './leaf.ts';
import type { StringProfile } from './leaf-string.ts';
import { whitespaceStep } from './leaf-structure.ts';
import type { Machine } from './machine.ts';
import { atCharacter, type CodePoints, decodeStep } from './utf8-json.ts';

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
    const { solver, results } = this.machine;
    return results.union(this.slots.filter((s) => solver.objectCanEnd(s.state)).map((s) => s.results));
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

/** Inside a property name. */
export class KeyLeaf implements Leaf, CodePoints {
  readonly kind = 'key';

  constructor(
    private readonly machine: Machine,
    readonly space: KeySpace,
    /** Decoded text so far while it starts some listed name; undefined afterwards. */
    readonly prefix: string | undefined,
    readonly regions: readonly LiveRegion[],
    readonly decoder: number,
  ) {}

  get profile(): StringProfile {
    if (this.decoder !== 0) return undefined;
    if (this.prefix === undefined && this.regions.length === 1 && this.regions[0]?.lang === this.machine.engine.any)
      return { kind: 'free' };
    return this.machine.neverDies(this.regions.map((r) => r.lang)) ? { kind: 'inside' } : undefined;
  }

  step(byte: number): number {
    return decodeStep(this.decoder, byte, this.machine.options.escapes, this);
  }

  end(): ResultId {
    return 0;
  }

  next(codePoint: number): number {
    return this.space.step(this, codePoint);
  }

  any(low: number, high: number): boolean {
    if (this.prefix !== undefined && this.space.listedIn(this.prefix, low, high)) return true;
    const { engine } = this.machine;
    return this.regions.some((r) => r.lang === engine.any || this.machine.derivableIn(r.lang, low, high));
  }

  alike(low: number, high: number): number {
    if (this.prefix !== undefined && this.space.namedIn(this.prefix, low, high)) return -1;
    let from = 0x80;
    for (const { lang } of this.regions) {
      const start = this.machine.segment(lang, low, high);
      if (start < 0) return -1;
      from = Math.max(from, start);
    }
    return from;
  }

  inside(decoder: number): number {
    return goTo(this.machine.keyState(this.space, this.prefix, this.regions, decoder));
  }

  close(): number {
    return atCharacter(this.decoder) ? this.space.close(this) : 0;
  }
}
