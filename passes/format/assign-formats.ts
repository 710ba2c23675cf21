import { derivedConstant } from '../../compiler/derived-constant.ts';
import { fitsFormat, rowUnit, type StorageFormat } from '../../compiler/formats/format.ts';
import type { FormatRule } from '../../compiler/formats/recipe.ts';
import { type Planes, planesOf } from '../../compiler/formats/rows.ts';
import type { Constant, Graph } from '../../compiler/ir/graph.ts';
import { tensor } from '../../compiler/ir/graph.ts';
import { InfcError } from '../../runtime/errors.ts';
import { builderAt, definePass, type PassContext, type WeightStorage } from '../pass.ts';
import { chooseSparse } from './choose-sparse.ts';
import { quantized } from './quantize.ts';
import { roleOf, ruleFor, type Weight, weightOf } from './weights.ts';

/**
 * Gives the weights of matrix products and of embedding tables the storage format that the recipe chooses. A weight that several nodes
 * or entries read is stored once. The new constants hold the decoded values, so that everything that follows (and the reference) sees
 * what will be computed with; the old dtype of results is kept.
 */
export const assignFormats = definePass({
  name: 'assign-formats',
  phase: 'format',
  does: 'stores weights in the formats of the recipe (--quant)',
  run(graph, context) {
    const { storage } = context;
    if (!storage) return;
    for (const node of [...graph.nodes]) {
      const w = weightOf(node);
      if (!w) continue;
      const { recipe } = storage;
      const rule = recipe ? ruleFor(recipe, w, graph, context) : undefined;
      const chosen = recipe ? rule?.format : w.constant.encoded?.format;
      const { format, why } = formatFor(chosen, rule, w, graph, context, storage);
      const fitting = format && fitsFormat(format, w.size.length) ? format : undefined;
      if (!fitting) {
        if (format?.sparse) throw doesNotFit(format, w);
        if (why !== undefined) context.changed(node, why);
        continue;
      }
      assign(graph, w, fitting, rule, context, storage);
      context.changed(node, `weights stored as ${fitting.name}${why === undefined ? '' : `: ${why}`}`);
    }
  },
});

/** The format that a rule names, or the sparse one for its zeros where that pays. */
function formatFor(
  chosen: string | undefined,
  rule: FormatRule | undefined,
  w: Weight,
  graph: Graph,
  context: PassContext,
  storage: WeightStorage,
): { readonly format: StorageFormat | undefined; readonly why?: string } {
  if (chosen === undefined) return { format: undefined };
  const named = chosen === 'dense' ? undefined : storage.format(chosen);
  const isLinear = w.node.op === 'matmul' && roleOf(w, graph, context) === 'linear';
  // Tables and heads are not pruned.
  if (named?.sparse) return { format: isLinear ? named : storage.format(named.sparse.dense) };
  if (rule?.sparsity === undefined || !isLinear || storage.recipe?.simulate) return { format: named };
  const { format, why } = chooseSparse(rule.sparsity, chosen, w.size.length, storage);
  return { format: format ?? named, why };
}

const doesNotFit = (format: StorageFormat, { constant, size }: Weight): InfcError =>
  new InfcError(
    'INFC2098',
    `format '${format.name}' needs rows of a multiple of ${rowUnit(format)} weights, not ${size.length}`,
    {
      node: constant.name,
      fix: 'Give this layer a rule with another format in a recipe file (--quant recipe.json)',
    },
  );

function assign(
  graph: Graph,
  w: Weight,
  format: StorageFormat,
  rule: FormatRule | undefined,
  context: PassContext,
  storage: WeightStorage,
): void {
  // A table is looked up, not multiplied with: algorithms have nothing to weigh its errors with.
  const algorithm = w.node.op === 'gather' ? undefined : rule?.algorithm;
  const pruned = algorithm !== undefined && (rule?.sparsity !== undefined || format.sparse !== undefined);
  const key = `${format.name} ${w.transposed} ${algorithm ?? ''} ${pruned} ${storage.recipe?.simulate ?? false}`;
  const scope = algorithm === undefined ? undefined : storage.calibration;
  const constant = derivedConstant(w.constant, key, () => stored(w, format, algorithm, pruned, storage), scope);
  const value = graph.constant(constant);
  const { node } = w;
  const [y] = node.outputs;
  if (!y) return;
  if (node.op === 'gather') {
    const b = builderAt(graph, node, context);
    const picked = b.node('gather', [value, node.inputs[1] ?? null], node.attrs);
    const result = y.type.dtype === 'f32' ? picked : b.node('cast', [picked], { to: y.type.dtype });
    if (graph.outputs.includes(y)) result.name = y.name;
    graph.replaceUses(y, result);
    graph.remove(node);
    return;
  }
  graph.setInput(node, 1, value);
  node.attrs = { ...node.attrs, transposeB: true, dtype: y.type.dtype };
}

/** The weights as the format keeps them, [rows, length]. */
function stored(
  w: Weight,
  format: StorageFormat,
  algorithm: string | undefined,
  pruned: boolean,
  storage: WeightStorage,
): Constant {
  const { constant, size, transposed } = w;
  const chosen = algorithm === undefined ? undefined : quantized(w, format, algorithm, pruned, storage);
  const encoded = chosen ?? ((): Planes => planesOf(constant, format, size, transposed));
  const read = (): Uint8Array => new Uint8Array(storage.decode(format, encoded(), size).buffer);
  if (storage.recipe?.simulate)
    return {
      name: constant.name,
      type: tensor('f32', [size.rows, size.length]),
      bytes: size.rows * size.length * 4,
      unique: true,
      read,
    };
  return {
    name: constant.name,
    type: tensor('f32', [size.rows, size.length], format.name),
    bytes: size.rows * size.length * 4,
    encoded: { format: format.name, planes: encoded },
    read: () => new Uint8Array(storage.decode(format, encoded(), size).buffer),
  };
}
