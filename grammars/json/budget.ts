import { InfcError } from '../../runtime/errors.ts';

/** Bounds the work one constraint may cost; shared by all its parts. */
export class Budget {
  private used = 0;

  /**
   * @param limit elementary search steps allowed per question asked
   * @param signal cancels long searches
   */
  constructor(
    private readonly limit = 200_000,
    private readonly signal?: AbortSignal,
  ) {}

  /** Starts counting afresh: called once per question the user waits for. */
  reset(): void {
    this.used = 0;
  }

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
