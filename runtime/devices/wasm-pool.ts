/**
 * How the calling thread and its workers share one launch: words of a shared Int32Array.
 *
 * A launch is cut into chunks. LEFT counts those nobody has taken: taking one is an atomic decrement, valid when the count was positive,
 * so a worker that comes late, or sleeps through launches, can never touch a finished one. The caller fills the description first and
 * opens LEFT last; it returns when DONE has counted every chunk. Nobody has to wake up for the caller to finish.
 */
export const control = {
  LEFT: 0,
  DONE: 1,
  WAKE: 2,
  FAILED: 3,
  KERNEL: 4,
  GRID: 5,
  CHUNKS: 6,
  COUNT: 7,
  SCRATCH: 8,
  ARGS: 9,
} as const;
export const CONTROL_WORDS = 512;
export const MAX_ARGUMENTS = CONTROL_WORDS - control.ARGS;

export type KernelFunction = (...args: number[]) => void;

/** What a worker gets to start with. */
export interface PoolSetup {
  readonly memory: WebAssembly.Memory;
  readonly control: Int32Array<SharedArrayBuffer>;
  readonly modules: readonly WebAssembly.Module[];
  /** For each kernel: its module, its export, and whether it takes a scratch pointer. */
  readonly kernels: readonly { readonly module: number; readonly entry: string; readonly scratch: boolean }[];
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

/** Runs chunks of the open launch until none is left. `args` is the launch's arguments when the caller already has them. */
export function takeChunks(words: Int32Array, functions: readonly KernelFunction[], scratch: number): void {
  for (let left = Atomics.sub(words, control.LEFT, 1); left > 0; left = Atomics.sub(words, control.LEFT, 1)) {
    const chunks = words[control.CHUNKS] ?? 0;
    const grid = words[control.GRID] ?? 0;
    const args = Array.from(words.subarray(control.ARGS, control.ARGS + (words[control.COUNT] ?? 0)));
    if (words[control.SCRATCH]) args.push(scratch);
    const i = chunks - left;
    try {
      const begin = Math.floor((grid * i) / chunks);
      const end = Math.floor((grid * (i + 1)) / chunks);
      functions[words[control.KERNEL] ?? 0]?.(...args, begin, end);
    } catch {
      Atomics.store(words, control.FAILED, 1);
    }
    Atomics.add(words, control.DONE, 1);
    Atomics.notify(words, control.DONE);
  }
}
