import { bytesOf, checkBudget, defineAllocator } from './allocator.ts';
import { spend } from './baq.ts';

/**
 * Layer choice by activation entropy (LUQ, 2025): layers whose inputs carry little information stand narrow formats best. From the least
 * entropy on, layers go to their smallest option until the budget holds; the rest keep their largest.
 */
export const luq = defineAllocator({
  name: 'luq',
  does: 'narrows the layers whose inputs have the least entropy',
  allocate: async (request) => {
    checkBudget(request);
    const { layers, bytes } = request;
    const choice = layers.map((l) => l.options.length - 1);
    const order = layers.map((_, i) => i).sort((a, b) => entropyOf(a) - entropyOf(b) || a - b);
    for (const i of order) {
      if (bytesOf(layers, choice) <= bytes) break;
      choice[i] = 0;
    }
    return spend(request, choice);

    function entropyOf(i: number): number {
      return layers[i]?.entropy ?? Number.POSITIVE_INFINITY;
    }
  },
});
