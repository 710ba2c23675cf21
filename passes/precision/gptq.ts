import type { Grid } from '../../compiler/formats/format.ts';
import { gridSpan } from '../../compiler/formats/format.ts';
import { plainProduct } from './add-product.ts';
import { feedbackOf } from './feedback.ts';
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
    const { weights, n, k, format, statistics, mask } = request;
    const { addProduct = plainProduct } = request;
    const feedback = feedbackOf(gramOf(request, 'gptq'), k, addProduct);
    const span = gridSpan(format);
    const groups = k / span;
    const grids: Grid[] = new Array(n * groups);
    const importance = statistics?.meanSquare;
    let grid: Grid | undefined;
    let [first, start] = [0, 0];
    settle(
      weights,
      n,
      k,
      feedback,
      {
        segment: span,
        begin: (row, w, from) => {
          first = row * k;
          grid = gridOf(request, w, importance?.subarray(from, from + span));
          grids[row * groups + from / span] = grid;
          start = from;
        },
        value: (column, w) => (mask?.[first + column] === 0 ? 0 : (grid?.nearest(w, column - start) ?? w)),
      },
      addProduct,
      (share) => {
        request.signal?.throwIfAborted();
        request.onProgress?.(share);
      },
    );
    return { weights, grids };
  },
});
