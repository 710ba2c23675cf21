import type { StorageFormat } from '../../compiler/formats/format.ts';
import { type FormatRecipe, matchesName, type WeightRole } from '../../compiler/formats/recipe.ts';
import { type MatrixSize, type Planes, planesOf } from '../../compiler/formats/rows.ts';
import type { Constant, Graph, Node, Value } from '../../compiler/ir/graph.ts';
import { tensor } from '../../compiler/ir/graph.ts';
import { builderAt, definePass, type PassContext, type WeightStorage } from '../pass.ts';

/** Weights with fewer elements stay dense: a format would save nothing that counts. */
const SMALLEST = 4096;

const FLOATS: ReadonlySet<string> = new Set(['f32', 'f16', 'bf16']);

/** A constant matrix whose rows can be stored in a format. */
interface Weight {
  readonly node: Node;
  readonly value: Value;
  readonly constant: Constant;
  readonly size: MatrixSize;
  /** The constant is [length, rows]. */
  readonly transposed: boolean;
}

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
      const chosen = storage.recipe ? chooseFormat(storage.recipe, w, graph, context) : w.constant.encoded?.format;
      const format = chosen === undefined || chosen === 'dense' ? undefined : storage.format(chosen);
      if (!format || !fits(format, w.size)) continue;
      assign(graph, w, format, context, storage);
      context.changed(node, `weights stored as ${format.name}`);
    }
  },
});

function weightOf(node: Node): Weight | undefined {
  const isTable = node.op === 'gather';
  if (!isTable && node.op !== 'matmul') return undefined;
  const value = node.inputs[isTable ? 0 : 1];
  const constant = value?.constant;
  if (!value || !constant || value.type.format !== 'dense' || !FLOATS.has(value.type.dtype)) return undefined;
  const shape = value.type.shape.map(Number);
  const [rows = 0, columns = 0] = shape.slice(-2);
  if (shape.length < 2 || shape.slice(0, -2).some((d) => d !== 1) || !(rows * columns >= SMALLEST)) return undefined;
  if (isTable && (shape.length !== 2 || Number(node.attrs.axis ?? 0) !== 0)) return undefined;
  const transposed = !isTable && node.attrs.transposeB !== true && node.attrs.transposeB !== 1;
  return {
    node,
    value,
    constant,
    size: transposed ? { rows: columns, length: rows } : { rows, length: columns },
    transposed,
  };
}

const fits = (format: StorageFormat, { length }: MatrixSize): boolean =>
  [format.multiple, format.group, ...Object.values(format.planes).map((p) => p.per)].every((n) => length % n === 0);

function roleOf({ node, constant }: Weight, graph: Graph, context: PassContext): WeightRole {
  if (node.op === 'gather') return 'embedding';
  const [y] = node.outputs;
  if (y && graph.outputs.includes(y)) return 'head';
  const isTied = [...context.program.entries.values()].some((g) =>
    g.nodes.some((n) => n.op === 'gather' && n.inputs[0]?.constant === constant),
  );
  return isTied ? 'head' : 'linear';
}

/** Format by the first rule that fits; `keep` fits only what is encoded. */
function chooseFormat(recipe: FormatRecipe, w: Weight, graph: Graph, context: PassContext): string | undefined {
  const encoded = w.transposed ? undefined : w.constant.encoded?.format;
  const role = roleOf(w, graph, context);
  for (const rule of recipe.rules) {
    if (rule.match !== undefined && !matchesName(rule.match, w.constant.name)) continue;
    if (rule.role !== undefined && rule.role !== role) continue;
    if (rule.format !== 'keep') return rule.format;
    if (encoded !== undefined) return encoded;
  }
  return undefined;
}

/** Constants made for one and the same weight, so that all its users share the bytes. */
const made = new WeakMap<Constant, Map<string, Constant>>();

function assign(graph: Graph, w: Weight, format: StorageFormat, context: PassContext, storage: WeightStorage): void {
  const known = made.get(w.constant) ?? new Map<string, Constant>();
  made.set(w.constant, known);
  const key = `${format.name} ${w.transposed}`;
  const constant = known.get(key) ?? stored(w, format, storage);
  known.set(key, constant);
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
function stored(w: Weight, format: StorageFormat, storage: WeightStorage): Constant {
  const { constant, size, transposed } = w;
  const encoded = (): Planes => planesOf(constant, format, size, transposed);
  return {
    name: constant.name,
    type: tensor('f32', [size.rows, size.length], format.name),
    bytes: size.rows * size.length * 4,
    encoded: { format: format.name, planes: encoded },
    read: () => new Uint8Array(storage.decode(format, encoded(), size).buffer),
  };
}
