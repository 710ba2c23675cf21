import { sharedBy } from '../options.ts';
import type { Vocabulary } from '../vocabulary.ts';
import { MaskPool } from './mask-pool.ts';
import type { TokenMachine } from './token-machine.ts';

/** Masks that matchers at work may still come to when their constraint begins afresh. */
const MASKS_TO_COME = 0x100000;
/** What texts may leave behind in the constraint that they were matched with, in formulas and states: some 50 MB. */
const MOST_KNOWN = 30_000;

/**
 * The machines of a constraint by vocabulary, until it begins afresh: where what follows depends on the names or items that came (a map,
 * `uniqueItems`), there is no end of states. Matchers at work keep theirs.
 */
export class Machines {
  private machines = new WeakMap<Vocabulary, TokenMachine>();
  /** The latest of each vocabulary. */
  private readonly pools = new WeakMap<Vocabulary, MaskPool>();
  private most = MOST_KNOWN;
  private matchers = 0;

  of(vocabulary: Vocabulary, make: (pool: MaskPool) => TokenMachine): TokenMachine {
    return sharedBy(this.machines, vocabulary, () => {
      // Ids of masks are never given anew, and matchers at work go on giving theirs.
      const before = this.pools.get(vocabulary)?.count;
      const pool = new MaskPool(vocabulary.size, undefined, undefined, before && before + MASKS_TO_COME);
      this.pools.set(vocabulary, pool);
      return make(pool);
    });
  }

  /** Forgets all machines, for one more matcher, if texts have left so much behind (`size`) that `afresh` should open the constraint again. */
  renew(size: number, afresh: (() => void) | undefined): void {
    if (afresh && size > this.most) {
      // A constraint that comes to know so much with every text may know more.
      if (this.matchers < 2) this.most *= 2;
      else {
        afresh();
        this.machines = new WeakMap();
        this.matchers = 0;
      }
    }
    this.matchers++;
  }
}
