import { InfcError } from '../../../runtime/errors.ts';
import { type CancelSignal, refuseCancelled } from '../../cancel.ts';

/** Operands looked at for one question at most: a twentieth of a second. No schema of MaskBench takes 340,000. */
const MAX_WORK = 500_000;
/** Members of languages that the regex engine builds, at most; such work is slower. No schema of MaskBench takes 95,000 for a first mask. */
const MAX_LANGUAGES = 100_000;
/** In a text that has begun so many times as many of both: it is lost when it is broken off (380,000 parts of patterns in random walks). */
const PATIENCE = 4;
/** Operations between two looks at the signal. */
const LOOK = 10_000;

/** Bounds the work one constraint may cost; shared by all its parts. */
export class Budget {
  private used = 0;
  private worked = 0;
  private members = 0;
  private look = LOOK;
  private patience = 1;

  /**
   * @param limit elementary search steps allowed per question asked
   * @param signal cancels long searches
   */
  constructor(
    private readonly limit = 20_000,
    private readonly signal?: CancelSignal,
  ) {}

  /** Starts counting afresh: called once per question the user waits for, in a text that has `begun` or not. Throws INFC5023 when cancelled. */
  reset(begun = false): void {
    this.patience = begun ? PATIENCE : 1;
    this.used = 0;
    this.worked = 0;
    this.members = 0;
    this.look = LOOK;
    if (this.signal?.aborted) refuseCancelled(this.signal);
  }

  /** Accounts for the operands of one simplification. Throws INFC5021 when they add up to too many. */
  work = (operands: number): void => {
    this.worked += operands;
    if (this.worked > this.look) {
      this.look = this.worked + LOOK;
      refuseCancelled(this.signal);
    }
    const most = MAX_WORK * this.patience;
    if (this.worked > most) this.refuse(`simplifying what the schema still demands took more than ${most} operations`);
  };

  private refuse(reason: string, also = ''): never {
    throw new InfcError('INFC5021', reason, {
      fix: `Simplify nested oneOf, not, if, contains or overlapping patterns${also}`,
    });
  }

  /** Accounts for the members of one language of the regex engine. */
  language = (members: number): void => {
    this.members += members + 1;
    this.work(1);
    const most = MAX_LANGUAGES * this.patience;
    if (this.members > most) this.refuse(`combining patterns took more than ${most} parts`);
  };

  /** Accounts for one step. Throws INFC5021 when the budget is spent and INFC5023 when cancelled. */
  spend = (): void => {
    this.used++;
    if (this.used > this.limit)
      this.refuse(`deciding whether a value exists took more than ${this.limit} steps`, ', or raise `budget`');
    if ((this.used & 63) === 0) refuseCancelled(this.signal);
  };
}
