import { InfcError } from '../../runtime/errors.ts';

/** One conformance check. Runner-neutral: `it(check.name, check.run)` fits vitest, node:test and mocha. */
export interface Check {
  readonly name: string;
  run(): Promise<void>;
}

/** A check that failed: names what was compared and the first difference. */
export class ConformanceError extends Error {
  override readonly name = 'ConformanceError';
}

export const fail = (message: string): never => {
  throw new ConformanceError(message);
};

/** Runs `body` and wants an InfcError of this code range. */
export async function expectRefusal(what: string, body: () => unknown): Promise<void> {
  try {
    await body();
  } catch (error) {
    if (error instanceof InfcError) return;
    fail(`${what}: refused with ${String(error)} instead of an InfcError`);
  }
  fail(`${what}: accepted`);
}

/**
 * Largest relative error between two lists, |a - e| / max(|e|, rms(e)), and where; NaN equals NaN, infinities equal themselves.
 */
export function relativeError(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): { readonly error: number; readonly at: number } {
  if (actual.length !== expected.length)
    return { error: Number.POSITIVE_INFINITY, at: Math.min(actual.length, expected.length) };
  let squares = 0;
  let finite = 0;
  for (let i = 0; i < expected.length; i++) {
    const e = expected[i] ?? 0;
    if (!Number.isFinite(e)) continue;
    squares += e * e;
    finite++;
  }
  const rms = finite === 0 ? 0 : Math.sqrt(squares / finite);
  let worst = { error: 0, at: -1 };
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i] ?? 0;
    const e = expected[i] ?? 0;
    if (Object.is(a, e) || a === e || (Number.isNaN(a) && Number.isNaN(e))) continue;
    const error =
      Number.isFinite(a) && Number.isFinite(e)
        ? Math.abs(a - e) / Math.max(Math.abs(e), rms, 1e-30)
        : Number.POSITIVE_INFINITY;
    if (error > worst.error) worst = { error, at: i };
  }
  return worst;
}
