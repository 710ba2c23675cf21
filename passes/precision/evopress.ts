import { randomSource } from '../../compiler/random.ts';
import { InfcError } from '../../runtime/errors.ts';
import { type AllocationRequest, bytesOf, checkBudget, defineAllocator } from './allocator.ts';
import { spend } from './baq.ts';

const GENERATIONS = 24;
const OFFSPRING = 16;
/** Survivors of each round of selection and the share of the data it measures on. */
const ROUNDS: readonly { readonly survivors: number; readonly share: number }[] = [
  { survivors: 4, share: 0.125 },
  { survivors: 2, share: 0.5 },
  { survivors: 1, share: 1 },
];
/** Level switches of a mutation: one plus what a coin keeps adding, at most this many. */
const MOST_SWITCHES = 4;

/**
 * EvoPress (Sieberling et al. 2024): an evolutionary search over per-layer levels. A mutation widens one layer and narrows others so that
 * the size stays; offspring are measured on ever more data while ever fewer survive; the parent competes in the last round. Nothing is
 * assumed about damages adding up. Deterministic for a seed.
 */
export const evoPress = defineAllocator({
  name: 'evopress',
  does: 'evolutionary search over the layers formats by measured damage',
  allocate: async (request) => {
    checkBudget(request);
    const { measure, layers, signal } = request;
    if (!measure)
      throw new InfcError('INFC2076', 'evopress needs data to measure candidates on', {
        fix: 'Give --calibrate FILE, or allocate with baq',
      });
    const random = randomSource(request.seed);
    let parent = spend(
      request,
      layers.map(() => 0),
    );
    let best = await measure(parent, 1);
    const start = request.start && (await measure(request.start, 1));
    if (request.start && start !== undefined && start < best) [parent, best] = [[...request.start], start];
    for (let g = 0; g < GENERATIONS; g++) {
      let pool = Array.from({ length: OFFSPRING }, () => mutate(request, parent, random));
      for (const { survivors, share } of ROUNDS) {
        const scored: { choice: number[]; damage: number }[] = [];
        for (const choice of pool) {
          signal?.throwIfAborted();
          scored.push({ choice, damage: await measure(choice, share) });
        }
        scored.sort((a, b) => a.damage - b.damage);
        pool = scored.slice(0, survivors).map((s) => s.choice);
        const [first] = scored;
        if (share === 1 && first && first.damage < best) [parent, best] = [first.choice, first.damage];
      }
      request.onProgress?.(g + 1, GENERATIONS, best);
    }
    return parent;
  },
});

/** Widens a random layer and narrows random others until the budget holds again, a few times. */
function mutate(request: AllocationRequest, parent: readonly number[], random: () => number): number[] {
  const { layers, bytes } = request;
  const choice = [...parent];
  const pick = (can: (i: number) => boolean): number | undefined => {
    const open = layers.map((_, i) => i).filter(can);
    return open[Math.floor(random() * open.length)];
  };
  for (let s = 0; s < MOST_SWITCHES; s++) {
    const up = pick((i) => (choice[i] ?? 0) + 1 < (layers[i]?.options.length ?? 0));
    if (up !== undefined) choice[up] = (choice[up] ?? 0) + 1;
    while (bytesOf(layers, choice) > bytes) {
      const down = pick((i) => i !== up && (choice[i] ?? 0) > 0) ?? up;
      if (down === undefined) break;
      choice[down] = (choice[down] ?? 0) - 1;
    }
    if (random() < 0.5) break;
  }
  return choice;
}
