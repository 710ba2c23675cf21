import { type FormatRecipe, type FormatRule, matchesName, type WeightRole } from '../../compiler/formats/recipe.ts';
import type { MatrixSize } from '../../compiler/formats/rows.ts';
import type { Constant, Graph, Node, Value } from '../../compiler/ir/graph.ts';
import type { PassContext } from '../pass.ts';

/** Matrices with fewer elements stay dense: a format would save nothing that counts. Filters shrink in the file alone, which counts sooner. */
const [SMALLEST, SMALLEST_FILTER] = [4096, 1024];

const FLOATS: ReadonlySet<string> = new Set(['f32', 'f16', 'bf16']);

/** A constant matrix whose rows can be stored in a format. */
export interface Weight {
  readonly node: Node;
  readonly value: Value;
  readonly constant: Constant;
  /** Rows are outputs (or entries of a table), columns what a sum runs over. */
  readonly size: MatrixSize;
  /** The constant is [length, rows]. */
  readonly transposed: boolean;
}

/** The weight of a matrix product or look-up, when a recipe may change how it is stored. */
export function weightOf(node: Node): Weight | undefined {
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

/**
 * The weights of a convolution, [outputs, channels of a group * taps], or of a product whose rows no group divides: they are kept as whole
 * numbers with a scale a row, which every layout of them survives.
 */
export function filterOf(node: Node): Weight | undefined {
  const value = node.inputs[1];
  const constant = value?.constant;
  if (!value || !constant || value.type.format !== 'dense' || !FLOATS.has(value.type.dtype)) return undefined;
  const shape = value.type.shape.map(Number);
  const elements = shape.reduce((n, d) => n * d, 1);
  if (!(elements >= SMALLEST_FILTER)) return undefined;
  const [first = 1, second = 1] = shape;
  if (node.op === 'conv')
    return { node, value, constant, size: { rows: first, length: elements / first }, transposed: false };
  if (node.op !== 'matmul' || shape.length !== 2) return undefined;
  return node.attrs.transposeB === true
    ? { node, value, constant, size: { rows: first, length: second }, transposed: false }
    : { node, value, constant, size: { rows: second, length: first }, transposed: true };
}

/** Where in the model a weight stands. */
export function roleOf(
  { node, constant }: Pick<Weight, 'node' | 'constant'>,
  graph: Graph,
  context: Pick<PassContext, 'program'>,
): WeightRole {
  if (node.op === 'gather') return 'embedding';
  if (node.op !== 'matmul') return 'linear';
  const [y] = node.outputs;
  if (y && graph.outputs.includes(y)) return 'head';
  return isTied(constant, context) ? 'head' : 'linear';
}

/** Whether a weight is a table of embeddings too: what changes one of the two only makes the file hold both. */
export const isTied = (constant: Constant, { program }: Pick<PassContext, 'program'>): boolean =>
  [...program.entries.values()].some((g) =>
    g.nodes.some((n) => n.op === 'gather' && n.inputs[0]?.constant === constant),
  );

/** The first rule that fits; `keep` fits only what is encoded. */
export function ruleFor(recipe: FormatRecipe, w: Weight, graph: Graph, context: PassContext): FormatRule | undefined {
  const encoded = w.transposed ? undefined : w.constant.encoded?.format;
  const role = roleOf(w, graph, context);
  for (const rule of recipe.rules) {
    if (rule.match !== undefined && !matchesName(rule.match, w.constant.name)) continue;
    if (rule.role !== undefined && rule.role !== role) continue;
    if (w.size.rows * w.size.length > (rule.atMost ?? Number.POSITIVE_INFINITY)) continue;
    if (rule.format !== 'keep') return rule;
    if (encoded !== undefined) return { ...rule, format: encoded };
  }
  return undefined;
}
