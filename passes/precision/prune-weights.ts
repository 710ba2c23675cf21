import { derivedConstant } from '../../compiler/derived-constant.ts';
import { denseRows, finiteRows } from '../../compiler/formats/rows.ts';
import type { Constant, Program } from '../../compiler/ir/graph.ts';
import { InfcError } from '../../runtime/errors.ts';
import { isTied, ruleFor, type Weight, weightOf } from '../format/weights.ts';
import { definePass, type WeightStorage } from '../pass.ts';
import { channelShare, checkDivides, parseSparsity } from './sparsity-pattern.ts';
import { transformed } from './transform-constant.ts';

/** Sets weights to zero in the patterns of the recipe, before they are quantized. */
export const pruneWeights = definePass({
  name: 'prune-weights',
  phase: 'precision',
  alters: 'weights',
  after: ['rotate-residual', 'equalize'],
  does: 'drops weights in the sparsity patterns of the recipe (--sparsity)',
  run(graph, context) {
    const { storage } = context;
    if (!storage?.recipe?.rules.some((r) => r.sparsity !== undefined)) return;
    for (const node of graph.nodes) {
      const w = node.op === 'matmul' ? weightOf(node) : undefined;
      const rule = w ? ruleFor(storage.recipe, w, graph, context) : undefined;
      if (!w || rule?.sparsity === undefined || channelShare(rule.sparsity) !== undefined) continue;
      if (isTied(w.constant, context) && rule.match === undefined && rule.role === undefined) {
        const why =
          'none in the head, which is the table of embeddings too and would be stored twice; a rule that names it ("role": "head") prunes it';
        context.changed(node, why, { zeros: why });
        continue;
      }
      const { sparsity, prune = 'magnitude' } = rule;
      const pruned = prunedBy(prunerFor(w, sparsity, prune, storage), w, `${prune} ${sparsity}`, context.program);
      graph.setInput(node, 1, graph.constant(pruned));
      note(w, pruned, sparsity, storage);
      context.changed(node, `weights pruned to ${sparsity} by ${prune}`);
    }
  },
});

/** Has what pruning took measured, once for a weight: what rounding then does to the rest is less. */
function note(
  { constant, size, transposed }: Weight,
  pruned: Constant,
  to: string,
  { errors, later }: WeightStorage,
): void {
  if (!errors || later.some((l) => l.name === constant.name)) return;
  const run = (): void => {
    const [before, after] = [constant, pruned].map((c) => denseRows(c, size, transposed));
    let [lost, all] = [0, 0];
    before?.forEach((w, i) => {
      lost += (w - (after?.[i] ?? 0)) ** 2;
      all += w * w;
    });
    errors.push({ name: constant.name, by: 'pruning', to, relative: Math.sqrt(lost / (all || 1)) });
  };
  later.push({ name: constant.name, run });
}

/** The weight as the pruner leaves it. f32 rows are handed on as they are: large models are read several times. */
function prunedBy(
  prune: () => Float32Array,
  { constant, size, transposed }: Weight,
  key: string,
  program: Program,
): Constant {
  const { rows, length } = size;
  if (constant.type.dtype === 'f32' && !transposed) {
    const { name, type, bytes } = constant;
    const read = (): Uint8Array => new Uint8Array(prune().buffer);
    return derivedConstant(constant, key, () => ({ name, type, bytes, read }), program);
  }
  return transformed(program, constant, key, (values) => {
    const done = prune();
    for (let i = 0; i < values.length; i++)
      values[i] = done[transposed ? (i % rows) * length + Math.floor(i / rows) : i] ?? 0;
  });
}

/** Prunes when it is first asked. */
function prunerFor(w: Weight, sparsity: string, name: string, storage: WeightStorage): () => Float32Array {
  const { constant, size, transposed } = w;
  const pruner = storage.algorithms.pruners.get(name);
  if (!pruner)
    throw new InfcError('INFC2080', `there is no pruner '${name}'`, {
      node: constant.name,
      fix: `Known: ${[...storage.algorithms.pruners.keys()].join(', ')}`,
    });
  const pattern = parseSparsity(sparsity);
  checkDivides(pattern, constant.name, size.rows, size.length);
  const statistics = storage.calibration?.get(constant.name);
  let done: Float32Array | undefined;
  return () => {
    if (!done) {
      const weights = finiteRows(constant, size, transposed).slice();
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
    return done;
  };
}
