import { isStatic, product } from '../../compiler/ir/dim.ts';
import { InfcError } from '../../runtime/errors.ts';
import { definePass } from '../pass.ts';

/** Inputs with fewer zeros are not worth a word. */
const FEW = 0.1;

const percent = (share: number): string => `${Math.round(100 * share)} %`;

/**
 * Products of one row whose input is mostly zeros, as after ReLU (Mirzadeh et al. 2023, "ReLU strikes back"): the weights that zeros would
 * multiply are not read. Exact, whatever the input; how many zeros there are on calibration data only decides whether it pays, by the time
 * that was measured for the target. Products of more rows, as in prefill, stay dense.
 */
export const skipZeros = definePass({
  name: 'skip-zeros',
  phase: 'format',
  after: ['store-weights'],
  does: 'leaves unread what zeros among the activations would multiply (--sparsity activations)',
  run(graph, { storage, changed }) {
    if (storage?.recipe?.skipZeros !== true) return;
    if (!storage.calibration)
      throw new InfcError('INFC2089', `recipe '${storage.recipe.name}' needs to know how often activations are zero`, {
        fix: 'Give --calibrate, with data like what the model will see',
      });
    for (const node of graph.nodes) {
      const [x, w] = node.inputs;
      const share = node.op === 'matmul' ? storage.calibration.get(w?.constant?.name ?? '')?.zeros : undefined;
      if (!x || !w?.constant || share === undefined || share < FEW || node.attrs.transposeA === true) continue;
      const rows = product(x.type.shape.slice(0, -1));
      if (!isStatic(rows) || rows !== 1 || x.type.dtype !== 'f32' || w.type.shape.length !== 2) continue;
      const seen = `${percent(share)} of the inputs are zero`;
      const time = storage.sparseSpeed('skip-zeros', share);
      const pays = w.type.format === 'dense' && time !== undefined && time < 1;
      if (pays) node.attrs = { ...node.attrs, skipZeros: true };
      const zeros = pays
        ? `skips zeros: ${seen}, which takes ${time} times as long as all (measured at that share or less)`
        : w.type.format !== 'dense'
          ? `stays dense: ${seen}, but ${w.type.format} is read whole`
          : time === undefined
            ? `stays dense: ${seen}, which was not measured on this target`
            : `stays dense: ${seen}, and to skip them takes ${time} times as long`;
      changed(node, zeros, { zeros });
    }
  },
});
