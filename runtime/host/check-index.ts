import type { HostOp } from '../host.ts';
import { isTensor, numericData } from './values.ts';

/**
 * Refuses the run when an index lies outside its dimension. Attributes: `extents`, the dimensions that the last axis of input 0 indexes in
 * turn, and `signed`, whether indices may count from the end.
 */
export const checkIndex: HostOp = (inputs, attrs, { fail }) => {
  const [indices] = inputs;
  if (!isTensor(indices)) return fail('the indices are missing');
  const extents = Array.isArray(attrs.extents) ? attrs.extents.map(Number) : [];
  const data = numericData(indices);
  for (let i = 0; i < data.length; i++) {
    const index = Number(data[i]);
    const extent = extents[i % extents.length] ?? 0;
    const least = attrs.signed === false ? 0 : -extent;
    if (!(index >= least && index < extent))
      fail(
        `index ${index} at position ${i} of [${indices.shape.join(', ')}] is outside a dimension of ${extent}`,
        `Give values from ${least} to ${extent - 1}`,
      );
  }
  return [];
};
