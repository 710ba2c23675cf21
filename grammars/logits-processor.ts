import type { Matcher } from './matcher.ts';

/** Masks the logits of a batch of sequences, each with a matcher of its own. */
export class LogitsProcessor {
  private readonly matchers: Matcher[] = [];
  private readonly taken: number[] = [];

  constructor(private readonly create: () => Matcher) {}

  /**
   * @param sequences generated token ids of each sequence, the prompt left out or given by `promptLength`
   * @param logits one row of scores for each sequence; changed in place
   */
  process(
    sequences: readonly ArrayLike<number | bigint>[],
    logits: readonly Float32Array[],
    promptLength = 0,
  ): readonly Float32Array[] {
    sequences.forEach((ids, i) => {
      let matcher = this.matchers[i];
      if (!matcher) {
        matcher = this.create();
        this.matchers[i] = matcher;
        this.taken[i] = promptLength;
      }
      for (let at = this.taken[i] ?? promptLength; at < ids.length; at++)
        if (!matcher.done) matcher.commit(Number(ids[at]));
      this.taken[i] = ids.length;
      const row = logits[i];
      if (row && !matcher.done) matcher.process(row);
    });
    return logits;
  }
}
