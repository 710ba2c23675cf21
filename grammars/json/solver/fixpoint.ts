/**
 * Answers to questions that may lead back to themselves: a question asked again while it is open counts as the least answer. What leaned on
 * an open question is not kept, unless it is the most there can be, until that question is answered.
 */
export class Fixpoint<T> {
  private readonly answers = new Map<string | number, T>();
  private readonly open = new Map<string | number, number>();
  private depth = 0;
  /** The outermost open question that was leaned on. */
  private low = Number.POSITIVE_INFINITY;

  /** @param begin called for every question that is not answered yet; may throw */
  constructor(
    private readonly least: T,
    private readonly most?: T,
    private readonly begin: () => void = () => undefined,
  ) {}

  known(key: string | number): T | undefined {
    return this.answers.get(key);
  }

  ask(key: string | number, decide: () => T): T {
    const known = this.answers.get(key);
    if (known !== undefined) return known;
    const pending = this.open.get(key);
    if (pending !== undefined) {
      this.low = Math.min(this.low, pending);
      return this.least;
    }
    this.begin();
    const depth = ++this.depth;
    const outer = this.low;
    this.low = Number.POSITIVE_INFINITY;
    this.open.set(key, depth);
    let answer: T;
    try {
      answer = decide();
    } finally {
      this.open.delete(key);
      this.depth--;
    }
    const settled = answer === this.most || this.low >= depth;
    if (settled) this.answers.set(key, answer);
    this.low = settled ? outer : Math.min(this.low, outer);
    return answer;
  }

  /** Whether what is asked in `run` leans on a question that is still open. */
  leans(run: () => void): boolean {
    const outer = this.low;
    this.low = Number.POSITIVE_INFINITY;
    run();
    const leans = this.low < Number.POSITIVE_INFINITY;
    this.low = Math.min(outer, this.low);
    return leans;
  }
}
