import type { Grid } from '../../compiler/formats/format.ts';
import { inverseFactor } from './cholesky.ts';
import { defineQuantizer, gramOf, gridOf } from './quantizer.ts';
import { settle } from './settle.ts';

/**
 * GPTQ (Frantar et al. 2022): weights are rounded column by column and the error of each is made good by the columns that follow, weighed
 * by the inputs' Gram matrix. A group's scale is fitted when its turn comes, to the weights as corrected by then.
 */
export const gptq = defineQuantizer({
  name: 'gptq',
  does: 'rounds column by column and lets later columns make up for the error (needs calibration)',
  needs: 'gram',
  quantize: (request) => {
    const { weights, n, k, format, statistics } = request;
    const factor = inverseFactor(gramOf(request, 'gptq'), k);
    const groups = k / format.group;
    const grids: Grid[] = new Array(n * groups);
    const importance = statistics?.meanSquare;
    let grid: Grid | undefined;
    settle(
      weights,
      n,
      k,
      factor,
      {
        segment: format.group,
        begin: (row, w, from, to) => {
          grid = gridOf(format, w.subarray(from, to), importance?.subarray(from, to));
          grids[row * groups + from / format.group] = grid;
        },
        value: (_, w) => grid?.nearest(w) ?? w,
      },
      (share) => {
        request.signal?.throwIfAborted();
        request.onProgress?.(share);
      },
    );
    return { weights, grids };
  },
});
