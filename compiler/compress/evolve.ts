import type { Allocator, LayerChoices } from '../../passes/precision/allocator.ts';
import { load } from '../../runtime/index.ts';
import type { Model } from '../../runtime/session.ts';
import { readWeightsHeader, type TensorRanges } from '../../runtime/weights.ts';
import type { TargetCompilation } from '../compile.ts';
import { contentsOf } from '../plan/weights-file.ts';
import { damageOf, measureDamage } from './damage.ts';
import { firstOf, type Samples } from './samples.ts';

/** A model whose weights were rounded to one format but kept dense: all formats give the same plan over other bytes. */
interface Rounded {
  readonly files: ReadonlyMap<string, { readonly bytes: Uint8Array<ArrayBuffer>; readonly ranges: TensorRanges }>;
}

function read(target: TargetCompilation): Rounded {
  const files = new Map<string, { bytes: Uint8Array<ArrayBuffer>; ranges: TensorRanges }>();
  for (const f of target.assembled.files) {
    const bytes = contentsOf(f);
    const ranges = f.name.endsWith('.safetensors') ? readWeightsHeader(f.name, bytes, bytes.length) : new Map();
    files.set(f.name, { bytes, ranges: typeof ranges === 'number' ? new Map() : ranges });
  }
  return { files };
}

/**
 * Lets an allocator choose each layer's format by measuring whole models on the samples. Candidates are put together from models that were
 * compiled once a format (`compileRounded`, weights rounded but dense), so that measuring one costs no compilation.
 */
export async function evolve(
  allocator: Allocator,
  layers: readonly LayerChoices[],
  bytes: number,
  options: {
    readonly compileRounded: (format: string) => Promise<TargetCompilation | undefined>;
    readonly reference: Model;
    readonly samples: Samples;
    /** See `AllocationRequest.start`. */
    readonly start?: readonly number[];
    readonly seed: number;
    readonly signal?: AbortSignal;
    readonly onProgress?: (text: string) => void;
  },
): Promise<readonly number[]> {
  const { reference, samples, signal, onProgress } = options;
  const rounded = new Map<string, Rounded>();
  let plan: TargetCompilation['plan'] | undefined;
  for (const format of new Set(layers.flatMap((l) => l.options.map((o) => o.format)))) {
    signal?.throwIfAborted();
    onProgress?.(`rounding to ${format}`);
    const target = await options.compileRounded(format);
    if (!target) continue;
    plan ??= target.plan;
    rounded.set(format, read(target));
  }
  const [base] = rounded.values();
  if (!plan || !base) return layers.map(() => 0);
  const of = plan;
  const measure = async (choice: readonly number[], share: number): Promise<number> => {
    const files: Record<string, Uint8Array<ArrayBuffer>> = {};
    for (const [name, { bytes: content, ranges }] of base.files) {
      const own = ranges.size > 0 ? content.slice() : content;
      files[name] = own;
      for (const [tensor, { offset, bytes: size }] of ranges) {
        const at = layers.findIndex((l) => tensor === l.name || tensor.startsWith(`${l.name}.`));
        const from = rounded.get(layers[at]?.options[choice[at] ?? 0]?.format ?? '')?.files.get(name);
        const range = from?.ranges.get(tensor);
        if (from && range?.bytes === size) own.set(from.bytes.subarray(range.offset, range.offset + size), offset);
      }
    }
    await using made = await load({ plan: of, files }, { threads: 1 });
    return damageOf(await measureDamage(reference, made, firstOf(samples, share), signal ? { signal } : {}));
  };
  return allocator.allocate({
    layers,
    bytes,
    measure,
    ...(options.start ? { start: options.start } : {}),
    seed: options.seed,
    ...(signal ? { signal } : {}),
    onProgress: (done, total, best) => onProgress?.(`generation ${done} of ${total}, damage ${best.toExponential(2)}`),
  });
}
