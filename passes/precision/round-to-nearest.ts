import { gridSpan } from '../../compiler/formats/format.ts';
import { stepsOf } from '../../compiler/steps.ts';
import { defineQuantizer } from './quantizer.ts';

/** Every weight takes the nearest value its format offers: what `encode` does by itself. */
export const roundToNearest = defineQuantizer({
  name: 'rtn',
  does: 'rounds each weight to the nearest value',
  needs: 'nothing',
  *quantize({ weights, n, k, format }) {
    if (format.encodeMatrix)
      return { weights, planes: yield* stepsOf(format.encodeMatrix(weights, { rows: n, length: k })) };
    if (!format.grid) return { weights };
    const span = gridSpan(format);
    const grids = [];
    for (let r = 0; r < n; r++)
      for (let g = 0; g < k; g += span) {
        const at = r * k + g;
        const group = weights.subarray(at, at + span);
        const grid = format.grid(group);
        for (let i = 0; i < group.length; i++) group[i] = grid.nearest(group[i] ?? 0, i);
        grids.push(grid);
      }
    return { weights, grids };
  },
});
