import { denseRows } from '../../compiler/formats/rows.ts';
import { InfcError } from '../../runtime/errors.ts';
import { ruleFor, type Weight, weightOf } from '../format/weights.ts';
import { definePass, type WeightStorage } from '../pass.ts';
import { channelShare, parseSparsity } from './sparsity-pattern.ts';
import { transformed } from './transform-constant.ts';

/** Sets weights to zero in the patterns of the recipe, before they are quantized. */
export const pruneWeights = definePass({
  name: 'prune-weights',
  phase: 'precision',
  after: ['rotate-residual', 'equalize'],
  does: 'drops weights in the sparsity patterns of the recipe (--sparsity)',
  run(graph, context) {
    const { storage } = context;
    if (!storage?.recipe?.rules.some((r) => r.sparsity !== undefined)) return;
    for (const node of graph.nodes) {
      const w = node.op === 'matmul' ? weightOf(node) : undefined;
      const rule = w ? ruleFor(storage.recipe, w, graph, context) : undefined;
      if (!w || rule?.sparsity === undefined || channelShare(rule.sparsity) !== undefined) continue;
      const { sparsity, prune = 'magnitude' } = rule;
      const pruned = transformed(
        context.program,
        w.constant,
        `${prune} ${sparsity}`,
        prunerFor(w, sparsity, prune, storage),
      );
      graph.setInput(node, 1, graph.constant(pruned));
      context.changed(node, `weights pruned to ${sparsity} by ${prune}`);
    }
  },
});

function prunerFor(w: Weight, sparsity: string, name: string, storage: WeightStorage): (values: Float64Array) => void {
  const { constant, size, transposed } = w;
  const pruner = storage.algorithms.pruners.get(name);
  if (!pruner)
    throw new InfcError('INFC2080', `there is no pruner '${name}'`, {
      node: constant.name,
      fix: `Known: ${[...storage.algorithms.pruners.keys()].join(', ')}`,
    });
  const pattern = parseSparsity(sparsity);
  const statistics = storage.calibration?.get(constant.name);
  let done: Float32Array | undefined;
  return (values) => {
    if (!done) {
      const weights = denseRows(constant, size, transposed).slice();
      const request = {
        name: constant.name,
        weights,
        n: size.rows,
        k: size.length,
        pattern,
        addProduct: storage.addProduct,
      };
      pruner.prune({ ...request, ...(statistics ? { statistics } : {}) });
      done = weights;
    }
    for (let i = 0; i < values.length; i++)
      values[i] = done[transposed ? (i % size.rows) * size.length + Math.floor(i / size.rows) : i] ?? 0;
  };
}
