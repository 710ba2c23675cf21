import { derivedConstant } from '../../compiler/derived-constant.ts';
import type { StorageFormat } from '../../compiler/formats/format.ts';
import type { FormatRule } from '../../compiler/formats/recipe.ts';
import { type MatrixSize, type Planes, planesOf } from '../../compiler/formats/rows.ts';
import type { Constant, Graph } from '../../compiler/ir/graph.ts';
import { tensor } from '../../compiler/ir/graph.ts';
import { builderAt, definePass, type PassContext, type WeightStorage } from '../pass.ts';
import { quantized } from './quantize.ts';
import { ruleFor, type Weight, weightOf } from './weights.ts';

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
      const format = chosen === undefined || chosen === 'dense' ? undefined : storage.format(chosen);
      if (!format || !fits(format, w.size)) continue;
      assign(graph, w, format, rule, context, storage);
      context.changed(node, `weights stored as ${format.name}`);
    }
  },
});

const fits = (format: StorageFormat, { length }: MatrixSize): boolean =>
  [format.multiple, format.group, ...Object.values(format.planes).map((p) => p.per)].every((n) => length % n === 0);

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
  const pruned = algorithm !== undefined && rule?.sparsity !== undefined;
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
