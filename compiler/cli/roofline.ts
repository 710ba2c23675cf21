import { evaluateDim } from '../../runtime/dims.ts';
import { WasmDevice } from '../../runtime/index.ts';
import type { Plan, PlanStep } from '../../runtime/plan.ts';
import { constant } from '../ir/expr.ts';
import { KernelBuilder } from '../ir/kernel-builder.ts';
import type { Registry } from '../plugin.ts';

/** What one thread of this machine reaches, measured. */
export interface Peaks {
  /** Multiply-adds of f32x4 in registers, two operations each. */
  readonly gflops: number;
  /** Bytes read and written by a copy much larger than the caches. */
  readonly gigabytesPerSecond: number;
}

const ACCUMULATORS = 12;
const ROUNDS = 200_000;

/** Runs a kernel of independent multiply-adds through the Wasm backend, and a large copy. Takes about a second. */
export async function measurePeaks(registry: Registry): Promise<Peaks> {
  const backend = registry.backend('wasm');
  if (!backend) return { gflops: Number.NaN, gigabytesPerSecond: Number.NaN };
  const k = new KernelBuilder('peak', 'simd', 1, [1, 1, 1]);
  const x = k.buffer('x', 'f32', 'read', 4);
  const y = k.buffer('y', 'f32', 'write', 4 * ACCUMULATORS);
  const factor = k.let(k.load(x, 0, 4));
  const sums = Array.from({ length: ACCUMULATORS }, (_, i) => k.var(constant('f32', i).splat(4)));
  k.for(0, ROUNDS, 1, () => {
    for (const s of sums) s.set(s.value.fma(factor, factor));
  });
  for (const [i, s] of sums.entries()) k.store(y, 4 * i, s.value);
  const kernel = k.done({ op: 'peak', sources: [], template: 'peak', why: 'machine peak', bytes: 0, flops: 0 });
  const target = backend.target();
  const [file] = backend.print([kernel], target);
  if (!file) return { gflops: Number.NaN, gigabytesPerSecond: Number.NaN };
  const device = await WasmDevice.create({ threads: 1 });
  try {
    const content =
      typeof file.content === 'string' ? new TextEncoder().encode(file.content) : Uint8Array.from(file.content);
    await device.load({
      kernels: [{ name: 'peak', file: file.file, entry: file.entries.get('peak') ?? 'peak', scalars: [], lanes: 1 }],
      variants: [],
      read: async () => content,
    });
    const memory = device.allocate(4096);
    const launch = device.prepare({
      kernel: 0,
      bindings: [
        { memory, offset: 0, bytes: 16 },
        { memory, offset: 1024, bytes: 16 * ACCUMULATORS },
      ],
      scalars: [],
      grid: [1, 1, 1],
      work: 1,
    });
    const flops = ROUNDS * ACCUMULATORS * 4 * 2;
    const best = await fastest(8, async () => {
      device.launch(launch);
      await device.finish();
    });
    const big = new Uint8Array(64 << 20).fill(1);
    const copy = new Uint8Array(big.length);
    const copyMs = await fastest(5, async () => copy.set(big));
    return { gflops: flops / best / 1e6, gigabytesPerSecond: (2 * big.length) / copyMs / 1e6 };
  } finally {
    await device.destroy();
  }
}

async function fastest(times: number, work: () => Promise<void>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++) {
    const t = performance.now();
    await work();
    best = Math.min(best, performance.now() - t);
  }
  return best;
}

/** Work of a kernel over one run of an entry, by the compiler's own count. */
export interface KernelWork {
  readonly launches: number;
  readonly flops: number;
  readonly bytes: number;
}

/** Work that depends on sizes only the data decides counts as nothing: the estimate stays a lower bound. */
const known = (n: number): number => (Number.isFinite(n) ? n : 0);

/** Launches, flops and bytes of every kernel in one run with these dims; loops count once, only the chosen case of a choice counts. */
export function workOf(plan: Plan, entry: string, dims: Readonly<Record<string, number>>): Map<string, KernelWork> {
  const values = new Map(Object.entries(dims));
  const work = new Map<string, KernelWork>();
  const walk = (steps: readonly PlanStep[]): void => {
    for (const s of steps) {
      if (s.kind === 'kernel') {
        const kernel = plan.kernels[s.kernel];
        if (!kernel?.note) continue;
        const old = work.get(kernel.name) ?? { launches: 0, flops: 0, bytes: 0 };
        work.set(kernel.name, {
          launches: old.launches + 1,
          flops: old.flops + known(evaluateDim(kernel.note.flops, values)),
          bytes: old.bytes + known(evaluateDim(kernel.note.bytes, values)),
        });
      } else if (s.kind === 'if') walk([...s.body, ...s.otherwise]);
      else if (s.kind === 'loop') walk(s.body);
      else if (s.kind === 'choose') {
        const chosen = s.cases[s.cases.length - 1];
        if (chosen) walk(chosen.steps);
      }
    }
  };
  walk(plan.entries[entry]?.steps ?? []);
  return work;
}

/** Least milliseconds the work can take: the larger of arithmetic at peak and bytes at full bandwidth (Williams et al. 2009). */
export const rooflineMs = ({ flops, bytes }: KernelWork, peaks: Peaks, threads = 1): number =>
  Math.max(flops / (peaks.gflops * threads), bytes / peaks.gigabytesPerSecond) / 1e6;
