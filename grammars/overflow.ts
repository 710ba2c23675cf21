/**
 * Whether an error says that calls nested beyond the stack (each engine has its own words). Chevrotain, interrupted so, goes on to set the
 * length of a list below 0.
 */
export function overflowed(error: unknown): boolean {
  return error instanceof Error && /call stack|too much recursion|array length/i.test(error.message);
}
