/**
 * How the calling thread and its workers share one launch: words of a shared Int32Array.
 *
 * A launch is cut into chunks. LEFT counts those nobody has taken: taking one is an atomic decrement, valid when the count was positive,
 * so a worker that comes late, or sleeps through launches, can never touch a finished one. The caller fills the description first and
 * opens LEFT last; it returns when DONE has counted every chunk. Nobody has to wake up for the caller to finish, and workers are woken only
 * when SLEEPERS, which they count up before they look a last time, says that some sleep.
 */
export const control = {
  // Words that threads poll while others are written lie in cache lines of their own.
  LEFT: 0,
  DONE: 16,
  WAKE: 32,
  FAILED: 33,
  SLEEPERS: 34,
  KERNEL: 48,
  GRID: 49,
  CHUNKS: 50,
  COUNT: 51,
  /** Number of the launch, written before LEFT opens it. */
  LAUNCH: 52,
  SCRATCH: 53,
  ARGS: 54,
} as const;
export const CONTROL_WORDS = 512;
export const MAX_ARGUMENTS = CONTROL_WORDS - control.ARGS;

export type KernelFunction = (...args: number[]) => void;

/** What a worker gets to start with. */
export interface PoolSetup {
  readonly memory: WebAssembly.Memory;
  readonly control: Int32Array<SharedArrayBuffer>;
  readonly modules: readonly WebAssembly.Module[];
  /** For each kernel: its module and its export. */
  readonly kernels: readonly { readonly module: number; readonly entry: string }[];
  /** This worker's scratch block. */
  readonly scratch: number;
}

/** Kernel functions over a memory, in plan order. */
export function instantiate({
  memory,
  modules,
  kernels,
}: Pick<PoolSetup, 'memory' | 'modules' | 'kernels'>): KernelFunction[] {
  const instances = modules.map((m) => new WebAssembly.Instance(m, { env: { memory } }));
  return kernels.map(({ module, entry }) => {
    const f = instances[module]?.exports[entry];
    if (typeof f !== 'function') throw new Error(`kernel file has no function '${entry}'`);
    return f as KernelFunction; // an export of the plan's kernel file
  });
}

/** One thread's part in launches: a function that runs chunks of the open launch until none is left. */
export function chunkTaker(words: Int32Array, functions: readonly KernelFunction[], scratch: number): () => void {
  const at = (i: number): number => words[i] ?? 0;
  let known = 0;
  let args: number[] = [];
  return () => {
    for (let left = Atomics.sub(words, control.LEFT, 1); left > 0; left = Atomics.sub(words, control.LEFT, 1)) {
      const chunks = at(control.CHUNKS);
      // The same launch is described once: its next chunk may be a microsecond away.
      if (known !== at(control.LAUNCH)) {
        known = at(control.LAUNCH);
        args = [...words.subarray(control.ARGS, control.ARGS + at(control.COUNT))];
        if (at(control.SCRATCH)) args.push(scratch);
      }
      const edge = (i: number): number => Math.floor((at(control.GRID) * i) / chunks);
      try {
        functions[at(control.KERNEL)]?.(...args, edge(chunks - left), edge(chunks - left + 1));
      } catch {
        Atomics.store(words, control.FAILED, 1);
      }
      Atomics.add(words, control.DONE, 1);
    }
  };
}
