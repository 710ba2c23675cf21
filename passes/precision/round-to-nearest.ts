import { defineQuantizer } from './quantizer.ts';

/** Every weight takes the nearest value its format offers: what `encode` does by itself. */
export const roundToNearest = defineQuantizer({
  name: 'rtn',
  does: 'rounds each weight to the nearest value',
  needs: 'nothing',
  quantize: ({ weights, n, k, format }) => {
    if (!format.grid) return { weights };
    const grids = [];
    for (let r = 0; r < n; r++)
      for (let g = 0; g < k; g += format.group) {
        const at = r * k + g;
        const group = weights.subarray(at, at + format.group);
        const grid = format.grid(group);
        for (let i = 0; i < group.length; i++) group[i] = grid.nearest(group[i] ?? 0);
        grids.push(grid);
      }
    return { weights, grids };
  },
});
