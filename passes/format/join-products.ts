import { derivedConstant } from '../../compiler/derived-constant.ts';
import type { StorageFormat } from '../../compiler/formats/format.ts';
import { joinRows } from '../../compiler/formats/rows.ts';
import { type Constant, type Node, tensor, type Value } from '../../compiler/ir/graph.ts';
import { builderAt, definePass, type PassContext } from '../pass.ts';

/** Rows of weights come in whole panels of this many, so that joined ones are packed as they were. */
const ROWS = 16;

/** A product with weights in a storage format, [rows, length]. */
interface Product {
  readonly node: Node;
  readonly x: Value;
  readonly y: Value;
  readonly weights: Constant;
  readonly rows: number;
}

/**
 * Products of one input with weights in one format become one product, of which they are slices: queries, keys and values of a layer are
 * read in one stream, and threads meet once. Products that meet in an elementwise op are left alone: there the second takes the first in.
 */
export const joinProducts = definePass({
  name: 'join-products',
  phase: 'format',
  after: ['store-weights'],
  does: 'joins products of one input with weights in one format',
  run(graph, context) {
    const groups = new Map<string, Product[]>();
    for (const node of graph.nodes) {
      const p = productOf(node);
      if (!p) continue;
      const { format, shape } = p.weights.type;
      const key = [p.x.id, format, shape[1], p.y.type.dtype].join(' ');
      groups.set(key, [...(groups.get(key) ?? []), p]);
    }
    for (const group of groups.values()) {
      const format = context.storage?.format(group[0]?.weights.type.format ?? '');
      const reached = group.map((p) => meets(p.y, context));
      const apart = group.filter((_, i) => reached.every((r, j) => i === j || !r.some((n) => reached[i]?.includes(n))));
      const [first] = apart;
      // What rows of one matrix share, those of another do not.
      if (!format || format.shared || !first || apart.length < 2) continue;
      const b = builderAt(graph, first.node, context);
      const weights = graph.constant(joined(first.weights, apart, format));
      const whole = b.node('matmul', [first.x, weights], first.node.attrs);
      let start = 0;
      for (const { node, y, rows } of apart) {
        const lead = y.type.shape.slice(0, -1);
        const attrs = {
          starts: [...lead.map(() => 0), start],
          steps: y.type.shape.map(() => 1),
          shape: [...lead, rows],
        };
        graph.replaceUses(y, b.node('slice', [whole], attrs, y.name));
        start += rows;
        context.changed(node, `one product with ${apart.length - 1} other(s) of the same input`);
      }
      for (const { node } of apart) graph.remove(node);
    }
  },
});

function productOf(node: Node): Product | undefined {
  const [x, w] = node.inputs;
  const [y] = node.outputs;
  const weights = w?.constant;
  if (node.op !== 'matmul' || !x || !y || !weights?.encoded || !node.attrs.transposeB || node.attrs.transposeA)
    return undefined;
  const [rows, ...more] = weights.type.shape.map(Number);
  if (weights.type.format !== weights.encoded.format || !rows || rows % ROWS > 0 || more.length !== 1) return undefined;
  return { node, x, y, weights, rows };
}

/** The elementwise nodes that a value flows into. */
function meets(y: Value, context: PassContext): readonly Node[] {
  const found = new Set<Node>();
  const walk = (v: Value): void => {
    for (const user of v.uses) {
      if (found.has(user) || !context.ops.op(user.op)?.scalar) continue;
      found.add(user);
      user.outputs.forEach(walk);
    }
  };
  walk(y);
  return [...found];
}

/** The rows of all weights, one after the other: made once for all entries. */
function joined(first: Constant, all: readonly Product[], format: StorageFormat): Constant {
  const constants = all.map((p) => p.weights);
  const names = constants.map((c) => c.name).join(' ');
  return derivedConstant(first, `joined ${names}`, () => ({
    name: names,
    type: tensor(first.type.dtype, [all.reduce((n, p) => n + p.rows, 0), first.type.shape[1] ?? 0], format.name),
    bytes: constants.reduce((n, c) => n + c.bytes, 0),
    read: () => concat(constants.map((c) => c.read())),
    encoded: {
      format: format.name,
      planes: () =>
        joinRows(
          format,
          constants.map((c) => c.encoded?.planes() ?? {}),
        ),
    },
  }));
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}
