import { InfcError } from '../runtime/errors.ts';
import type { Acceptor } from './matching/acceptor.ts';

/**
 * Says that work is no longer wanted: an AbortSignal, or any object whose `aborted` turns true. Compiling does not wait for anything, so
 * timers do not run in between: a deadline is an object with a getter that reads the clock.
 */
export interface CancelSignal {
  readonly aborted: boolean;
  readonly reason?: unknown;
}

/** Throws INFC5023 when the signal says so. */
export function refuseCancelled(signal: CancelSignal | undefined): void {
  if (signal?.aborted)
    throw new InfcError('INFC5023', 'the constraint was cancelled', {
      cause: signal.reason,
      fix: 'Open it again with another signal',
    });
}

/** An acceptor that looks at the signal before every step. */
export function cancellable(acceptor: Acceptor, signal: CancelSignal | undefined): Acceptor {
  if (!signal) return acceptor;
  return {
    ...acceptor,
    step(state, byte) {
      refuseCancelled(signal);
      return acceptor.step(state, byte);
    },
  };
}
