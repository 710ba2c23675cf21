import { evaluateDim } from '../../runtime/dims.ts';
import { byteLength } from '../../runtime/dtype.ts';
import { inArena, liveIntervals, planMemory } from '../../runtime/memory.ts';
import type { PlanBuffer, PlanEntry, PlanGeneration, PlanSymbol } from '../../runtime/plan.ts';

type Values = ReadonlyMap<string, number>;

/** What the runs of an entry are laid out for. */
interface Runs {
  /** Values of the symbols that decide sizes, run by run. */
  readonly values: readonly Values[];
  /** What no run may break. */
  readonly guards: PlanEntry['guards'];
}

const STATIC: Runs = { values: [new Map()], guards: [] };

/**
 * Offsets for every entry whose buffers have sizes that are known: static ones, and those of a language model's entries, which take a chunk
 * of a text and are laid out once so that runs of every length up to that fit, each buffer at its largest. Nothing is planned at run time
 * then, and the layers share what lies in the same place.
 */
export function placeArenas(
  buffers: readonly PlanBuffer[],
  entries: Readonly<Record<string, PlanEntry>>,
  align: number,
  symbols: Readonly<Record<string, PlanSymbol>>,
  generation: PlanGeneration | undefined,
): { buffers: PlanBuffer[]; entries: Record<string, PlanEntry> } {
  const out = [...buffers];
  const placed = Object.entries(entries).map(([name, entry]): [string, PlanEntry] => {
    const live = [...liveIntervals(buffers, entry)];
    for (const { values, guards } of [STATIC, chunks(name, symbols, generation)]) {
      const requests = live.map(([i, at]) => ({
        ...at,
        bytes: Math.max(...values.map((v) => bytesAt(buffers[i], v))),
      }));
      if (requests.some((r) => !Number.isFinite(r.bytes))) continue;
      const { offsets, bytes } = planMemory(requests, align);
      live.forEach(([i], k) => {
        const b = out[i];
        if (b && inArena(b)) out[i] = { ...b, offset: offsets[k] ?? 0 };
      });
      return [name, { ...entry, guards: [...entry.guards, ...guards], arena: bytes }];
    }
    return [name, entry];
  });
  return { buffers: out, entries: Object.fromEntries(placed) };
}

/** Runs of a language model's entry by the tokens that they take; none when their number has no bound or there are no states to go on from. */
function chunks(
  name: string,
  { seq }: Readonly<Record<string, PlanSymbol>>,
  generation: PlanGeneration | undefined,
): Runs {
  if (generation?.policy === undefined || seq?.max === undefined) return { values: [], guards: [] };
  const { entries, verifyChunk = seq.max, slots = seq.max } = generation;
  const most = Math.min(seq.max, name === entries.verify ? verifyChunk : name === entries.batch ? slots : seq.max);
  const guard = { condition: ['le', 'seq', most] as const, why: `'${name}' takes at most ${most} tokens at a time` };
  return {
    values: Array.from({ length: most }, (_, i) => new Map([['seq', i + 1]])),
    guards: most < seq.max ? [guard] : [],
  };
}

/** Bytes of a buffer at given values of the symbols; NaN when one that it needs has none. */
export function bytesAt(b: PlanBuffer | undefined, values: Values): number {
  if (!b || b.role === 'host') return 0;
  if (b.bytes !== undefined) return evaluateDim(b.bytes, values);
  return byteLength(
    b.dtype,
    b.shape.reduce<number>((n, d) => n * evaluateDim(d, values), 1),
  );
}
