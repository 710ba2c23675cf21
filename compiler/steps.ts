/**
 * A result, or work towards it that stops now and then and says which share of it is done: who runs it may report that, give others a turn,
 * or not go on.
 */
export type Steps<T> = T | Generator<number, T, void>;

const isWork = <T>(steps: Steps<T>): steps is Generator<number, T, void> =>
  typeof steps === 'object' && steps !== null && Symbol.iterator in steps && 'next' in steps;

/** The same as a generator, for `yield*`. */
export function* stepsOf<T>(steps: Steps<T>): Generator<number, T, void> {
  return isWork(steps) ? yield* steps : steps;
}

/** Works to the end without a stop. */
export function finish<T>(steps: Steps<T>): T {
  const work = stepsOf(steps);
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}
