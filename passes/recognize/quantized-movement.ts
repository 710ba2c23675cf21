import type { Graph, Node, Value } from '../../compiler/ir/graph.ts';
import { builderAt, definePass, type PassContext } from '../pass.ts';

/** Ops of one tensor that choose among its elements: the largest of some, or the same ones in another place. */
const CHOOSES: ReadonlySet<string> = new Set([
  'reshape',
  'transpose',
  'slice',
  'expand',
  'tile',
  'reverse',
  'repeat',
  'depth_to_space',
  'space_to_depth',
  'identity',
  'max_pool',
]);

/**
 * Dequantizing is monotone and elementwise: quantize(f(dequantize(codes))) is f(codes) for an f that only chooses elements, when both
 * have the same scale and zero point. Quantizing what was just dequantized alike gives the codes back: (n * s) / s rounds to n for
 * every code n.
 */
export const recognizeQuantizedMovement = definePass({
  name: 'recognize-quantized-movement',
  phase: 'recognize',
  does: 'moves and pools 8-bit codes instead of the floats they stand for',
  run(graph, context) {
    for (const node of [...graph.nodes]) {
      const [x, scale, zero] = node.inputs;
      const y = node.outputs[0];
      if (node.op !== 'quantize_linear' || !x || !scale?.constant || !y || !isFinitePositive(scale, context)) continue;
      const like: Like = { scale, zero: zero ?? undefined, dtype: y.type.dtype };
      if (!codesOf(x, like)) continue;
      const made = rebuilt(graph, node, x, like, context);
      if (!made) continue;
      graph.replaceUses(y, made);
      context.changed(node, 'works on codes');
    }
  },
});

interface Like {
  readonly scale: Value;
  readonly zero: Value | undefined;
  readonly dtype: Value['type']['dtype'];
}

const isFinitePositive = (scale: Value, context: PassContext): boolean => {
  const t = context.evaluate(scale);
  return (
    t !== undefined &&
    ArrayBuffer.isView(t.data) &&
    t.data.length === 1 &&
    Number(t.data[0]) > 0 &&
    Number.isFinite(Number(t.data[0]))
  );
};

/** Whether two values are one, or constants of the same contents. */
function same(a: Value | null | undefined, b: Value | null | undefined): boolean {
  if (!a || !b) return !a && !b;
  if (a === b) return true;
  if (!a.constant || !b.constant || a.type.dtype !== b.type.dtype || a.constant.bytes !== b.constant.bytes)
    return false;
  const [x, y] = [a.constant.read(), b.constant.read()];
  return x.every((v, i) => v === y[i]);
}

/** Whether `v` is codes of this scale and zero point dequantized, perhaps moved since. */
function codesOf(v: Value, like: Like): boolean {
  const node = v.producer;
  const [x, scale, zero] = node?.inputs ?? [];
  if (!node || !x) return false;
  if (node.op === 'dequantize_linear')
    return x.type.dtype === like.dtype && v.type.dtype === 'f32' && same(scale, like.scale) && same(zero, like.zero);
  if (node.outputs.length !== 1) return false;
  if (node.op === 'concat') return node.inputs.every((i) => i && codesOf(i, like));
  return CHOOSES.has(node.op) && codesOf(x, like);
}

/** The same value over codes. */
function rebuilt(graph: Graph, at: Node, v: Value, like: Like, context: PassContext): Value | undefined {
  const node = v.producer;
  const [x] = node?.inputs ?? [];
  if (!node || !x) return undefined;
  if (node.op === 'dequantize_linear') return x;
  const inputs = node.op === 'concat' ? node.inputs : [x];
  const codes = inputs.map((i) => (i ? rebuilt(graph, at, i, like, context) : undefined));
  if (!codes.every((c): c is Value => c !== undefined)) return undefined;
  const b = builderAt(graph, at, context);
  b.source = node.source;
  return b.node(node.op, [...codes, ...(node.op === 'concat' ? [] : node.inputs.slice(1))], node.attrs);
}
