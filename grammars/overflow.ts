/** Whether an error says that calls nested beyond the stack (each engine has its own words). */
export function overflowed(error: unknown): boolean {
  return error instanceof Error && /call stack|too much recursion/i.test(error.message);
}
