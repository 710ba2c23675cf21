import { isStatic } from '../../compiler/ir/dim.ts';
import type { Graph, Node, Value } from '../../compiler/ir/graph.ts';
import { builderAt, definePass, type PassContext } from '../pass.ts';

/**
 * y = conv(x, w) * s with a constant s per output channel is conv(x, w * s): batch normalisation costs nothing at run time. Additions
 * stay behind as epilogue; conv(x, w) + a, then * s becomes conv(x, w * s) + a * s.
 */
export const foldIntoWeights = definePass({
  name: 'fold-into-weights',
  phase: 'fuse',
  does: 'multiplies constant scales per channel (batch normalisation) into convolution and matmul weights',
  run(graph, context) {
    for (const node of [...graph.nodes]) {
      if (node.op !== 'mul' || !graph.nodes.includes(node)) continue;
      const [a, b] = node.inputs;
      if (!a || !b) continue;
      const y = node.outputs[0];
      if (!y) continue;
      const made = scaled(graph, node, a, b, y.name, context) ?? scaled(graph, node, b, a, y.name, context);
      if (!made) continue;
      if (graph.outputs.includes(y)) made.name = y.name;
      graph.replaceUses(y, made);
      context.changed(node, 'scale folded into the weights');
    }
  },
});

/** `x * scale` under the given name; values on the way are new ones, and nodes keep the source of what they replace. */
function scaled(
  graph: Graph,
  node: Node,
  x: Value,
  scale: Value,
  name: string,
  context: PassContext,
): Value | undefined {
  if (!scale.constant || x.uses.length !== 1 || graph.outputs.includes(x) || scale.type.dtype !== x.type.dtype)
    return undefined;
  const p = x.producer;
  if (!p) return undefined;
  const b = builderAt(graph, node, context);
  if (p.op === 'add') {
    for (const [sum, other] of [
      [p.inputs[0], p.inputs[1]],
      [p.inputs[1], p.inputs[0]],
    ]) {
      if (!sum || !other?.constant || sum.uses.length !== 1 || !isLinear(sum.producer?.op)) continue;
      const inner = scaled(graph, node, sum, scale, '', context);
      if (!inner) continue;
      b.source = p.source;
      return b.node('add', [inner, b.node('mul', [other, scale])], {}, name);
    }
    return undefined;
  }
  const [input, w] = p.inputs;
  if (!isLinear(p.op) || !input || !w?.constant || w.type.format !== 'dense' || w.constant.compact) return undefined;
  const per = perChannelShape(p, x, w, scale);
  if (!per) return undefined;
  const factor = b.node('reshape', [scale], { shape: per });
  const weights = b.node('mul', [w, factor]);
  b.source = p.source;
  return b.node(p.op, [input, weights], p.attrs, name);
}

const isLinear = (op: string | undefined): boolean => op === 'conv' || op === 'matmul' || op === 'conv_transpose';

/** Shape under which the scale multiplies the weights, when it is one number per output channel (or one for all). */
function perChannelShape(p: Node, y: Value, w: Value, scale: Value): number[] | undefined {
  const s = scale.type.shape;
  const count = s.reduce<number>((n, d) => (isStatic(d) ? n * d : Number.NaN), 1);
  const rank = y.type.shape.length;
  if (!Number.isFinite(count) || s.length > rank) return undefined;
  const axis = p.op === 'matmul' ? rank - 1 : 1;
  const at = axis - (rank - s.length);
  if (s.some((d, i) => d !== 1 && i !== at)) return undefined;
  if (p.op === 'matmul') {
    if (w.type.shape.length !== 2) return undefined;
    return p.attrs.transposeB === true ? [count, 1] : [1, count];
  }
  const channels = y.type.shape[1];
  if (count !== 1 && count !== channels) return undefined;
  const ones = w.type.shape.slice(2).map(() => 1);
  if (p.op === 'conv') return [count, 1, ...ones];
  return p.attrs.group === undefined || p.attrs.group === 1 ? [1, count, ...ones] : undefined;
}
