import type { Dim } from '../../compiler/ir/dim.ts';
import type { Graph, Node, Value } from '../../compiler/ir/graph.ts';
import { builderAt, definePass, type PassContext } from '../pass.ts';

/**
 * A convolution over a spatial axis of length 1 with a kernel of length 1 does nothing along it: without the axis, a 2-D convolution over
 * [n, c, h, 1] is a 1-D one whose vectors run along h.
 */
export const dropUnitAxes = definePass({
  name: 'drop-unit-axes',
  phase: 'canonicalize',
  does: 'removes spatial axes of length 1 from convolutions',
  run(graph, context) {
    for (const node of [...graph.nodes]) {
      const y = node.outputs[0];
      const made = node.op === 'conv' && y ? dropped(graph, node, y, context) : undefined;
      if (!made || !y) continue;
      graph.replaceUses(y, made);
      graph.remove(node);
      context.changed(node, 'a spatial axis of length 1 is dropped');
    }
  },
});

const numbers = (a: unknown): number[] => (Array.isArray(a) ? a.map(Number) : []);

function dropped(graph: Graph, node: Node, y: Value, context: PassContext): Value | undefined {
  const [x, w] = node.inputs;
  if (!x || !w) return undefined;
  const rank = x.type.shape.length - 2;
  const pads = numbers(node.attrs.pads);
  const isUnit = (axis: number): boolean =>
    x.type.shape[axis + 2] === 1 && w.type.shape[axis + 2] === 1 && !pads[axis] && !pads[axis + rank];
  const spatial = [...Array(rank).keys()];
  const kept = spatial.filter((a) => !isUnit(a));
  // One spatial axis stays: a convolution needs one.
  if (kept.length === rank || rank < 2) return undefined;
  if (kept.length === 0) kept.push(rank - 1);
  if (kept.length === rank) return undefined;
  const pick = (list: readonly Dim[]): Dim[] => [...list.slice(0, 2), ...kept.map((a) => list[a + 2] ?? 1)];
  const each = (name: string): number[] => {
    const list = numbers(node.attrs[name]);
    return kept.map((a) => list[a] ?? 1);
  };
  const b = builderAt(graph, node, context);
  const attrs = {
    ...node.attrs,
    strides: each('strides'),
    dilations: each('dilations'),
    pads: [...kept.map((a) => pads[a] ?? 0), ...kept.map((a) => pads[a + rank] ?? 0)],
  };
  const inner = b.node(
    'conv',
    [b.node('reshape', [x], { shape: pick(x.type.shape) }), b.node('reshape', [w], { shape: pick(w.type.shape) })],
    attrs,
  );
  return b.node('reshape', [inner], { shape: y.type.shape }, y.name);
}
