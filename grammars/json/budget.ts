import { InfcError } from '../../runtime/errors.ts';

/** Operands simplified for one question at most: about a fifth of a second. */
const MAX_WORK = 3_000_000;

/** Bounds the work one constraint may cost; shared by all its parts. */
export class Budget {
  private used = 0;
  private worked = 0;

  /**
   * @param limit elementary search steps allowed per question asked
   * @param signal cancels long searches
   */
  constructor(
    private readonly limit = 20_000,
    private readonly signal?: AbortSignal,
  ) {}

  /** Starts counting afresh: called once per question the user waits for. */
  reset(): void {
    this.used = 0;
    this.worked = 0;
  }

  /** Accounts for the operands of one simplification. Throws INFC5021 when they add up to too many. */
  work = (operands: number): void => {
    this.worked += operands;
    if (this.worked > MAX_WORK)
      throw new InfcError(
        'INFC5021',
        `simplifying what the schema still demands took more than ${MAX_WORK} operations`,
        {
          pointer: '',
          fix: 'Simplify nested oneOf, not, if or contains',
        },
      );
  };

  /** Accounts for one step. Throws INFC5021 when the budget is spent and INFC5023 when cancelled. */
  spend = (): void => {
    this.used++;
    if (this.used > this.limit)
      throw new InfcError('INFC5021', `deciding whether a value exists took more than ${this.limit} steps`, {
        pointer: '',
        fix: 'Simplify nested oneOf, not, if or contains, or raise `budget`',
      });
    if ((this.used & 1023) === 0 && this.signal?.aborted)
      throw new InfcError('INFC5023', 'the constraint was cancelled', { cause: this.signal.reason });
  };
}
