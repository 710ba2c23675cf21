import { type AllocationRequest, bytesOf, checkBudget, defineAllocator } from './allocator.ts';

/**
 * Bit allocation in closed form (BAQ, Zhang et al. 2025): with damage c_i 4^(-b_i) per weight the best real-valued widths under a mean of
 * b bits are b_i = b + log4(c_i / geometric mean of c), the reverse water-filling of rate-distortion theory. c_i is read off each
 * layer's own options. Each layer takes the widest option within its width; what the rounding leaves over goes where a byte saves most.
 */
export const baq = defineAllocator({
  name: 'baq',
  does: 'bit widths in closed form from the layers damages',
  allocate: async (request) => {
    checkBudget(request);
    const { layers } = request;
    const weights = layers.map((l) => l.elements);
    const total = weights.reduce((a, b) => a + b, 0);
    const mean = (request.bytes * 8) / total;
    // log4 c_i: the mean over the options of log4(damage per weight) + bits.
    const level = layers.map((l) => {
      const seen = l.options.filter((o) => o.damage > 0);
      const sum = seen.reduce((s, o) => s + Math.log(o.damage / l.elements) / Math.log(4) + o.bits, 0);
      return seen.length > 0 ? sum / seen.length : Number.NEGATIVE_INFINITY;
    });
    const finite = level.map((v, i) => ({ v, w: weights[i] ?? 0 })).filter(({ v }) => Number.isFinite(v));
    const center =
      finite.reduce((s, { v, w }) => s + v * w, 0) /
      Math.max(
        1,
        finite.reduce((s, { w }) => s + w, 0),
      );
    const choice = layers.map((l, i) => {
      const width = mean + (level[i] ?? 0) - center;
      let at = 0;
      l.options.forEach((o, j) => {
        if (o.bits <= width) at = j;
      });
      return at;
    });
    return spend(request, choice);
  },
});

/** Narrows the cheapest layers while the budget is exceeded, then widens and swaps those where it lowers the damage most. */
export function spend({ layers, bytes }: AllocationRequest, choice: number[]): number[] {
  const gain = (i: number, step: 1 | -1): number => {
    const at = choice[i] ?? 0;
    const [a, b] = [layers[i]?.options[at], layers[i]?.options[at + step]];
    return a && b && b.bytes !== a.bytes ? Math.abs(a.damage - b.damage) / Math.abs(b.bytes - a.bytes) : Number.NaN;
  };
  let used = bytesOf(layers, choice);
  const move = (i: number, step: 1 | -1): void => {
    const at = choice[i] ?? 0;
    used += (layers[i]?.options[at + step]?.bytes ?? 0) - (layers[i]?.options[at]?.bytes ?? 0);
    choice[i] = at + step;
  };
  const indices = layers.map((_, i) => i);
  while (used > bytes) {
    const cheapest = indices.filter((i) => !Number.isNaN(gain(i, -1))).sort((a, b) => gain(a, -1) - gain(b, -1))[0];
    if (cheapest === undefined) break;
    move(cheapest, -1);
  }
  for (;;) {
    const fits = (i: number): boolean => {
      const at = choice[i] ?? 0;
      const more = (layers[i]?.options[at + 1]?.bytes ?? 0) - (layers[i]?.options[at]?.bytes ?? 0);
      return gain(i, 1) > 0 && used + more <= bytes;
    };
    const best = indices.filter(fits).sort((a, b) => gain(b, 1) - gain(a, 1))[0];
    if (best !== undefined) {
      move(best, 1);
      continue;
    }
    const swap = bestSwap();
    if (!swap) return choice;
    move(swap.up, 1);
    move(swap.down, -1);
  }

  /** One layer a step wider and another a step narrower, within the budget, where that lowers the damage most. */
  function bestSwap(): { up: number; down: number } | undefined {
    const change = (i: number, step: 1 | -1): { bytes: number; damage: number } | undefined => {
      const at = choice[i] ?? 0;
      const [a, b] = [layers[i]?.options[at], layers[i]?.options[at + step]];
      return a && b ? { bytes: b.bytes - a.bytes, damage: b.damage - a.damage } : undefined;
    };
    let least = 0;
    let found: { up: number; down: number } | undefined;
    for (const up of indices) {
      const wider = change(up, 1);
      if (!wider || wider.damage >= 0) continue;
      for (const down of indices) {
        const narrower = down === up ? undefined : change(down, -1);
        if (!narrower || used + wider.bytes + narrower.bytes > bytes) continue;
        const total = wider.damage + narrower.damage;
        // A hair's breadth of gain is rounding; chasing it could go round in circles.
        if (total < least - 1e-9 * Math.abs(wider.damage)) [least, found] = [total, { up, down }];
      }
    }
    return found;
  }
}
