import type { Dim } from '../../compiler/ir/dim.ts';
import type { Graph, Node, Value } from '../../compiler/ir/graph.ts';
import { builderAt, definePass, type PassContext } from '../pass.ts';

const sameShape = (a: readonly Dim[], b: readonly Dim[]): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);
const numbers = (a: unknown): readonly unknown[] => (Array.isArray(a) ? a : []);

/** What a node that changes nothing passes on; undefined when it does something. */
function passesOn(node: Node): Value | undefined {
  const x = node.inputs[0];
  const y = node.outputs[0];
  if (!x || !y) return undefined;
  const same =
    sameShape(x.type.shape, y.type.shape) && x.type.dtype === y.type.dtype && x.type.container === y.type.container;
  switch (node.op) {
    case 'identity':
      return same ? x : undefined;
    case 'cast':
    case 'reshape':
    case 'expand':
      return same ? x : undefined;
    case 'transpose':
      return numbers(node.attrs.permutation).every((p, i) => p === i) ? x : undefined;
    case 'slice':
      return same && numbers(node.attrs.starts).every((s) => s === 0) && numbers(node.attrs.steps).every((s) => s === 1)
        ? x
        : undefined;
    case 'concat':
      return node.inputs.length === 1 && same ? x : undefined;
    default:
      return undefined;
  }
}

/** reshape(reshape(x)) and transpose(transpose(x)) are one; a transpose that moves only axes of length 1 is a reshape. */
function simplified(graph: Graph, node: Node, context: PassContext): Value | undefined {
  const x = node.inputs[0];
  const y = node.outputs[0];
  const inner = x?.producer;
  if (!x || !y) return undefined;
  if (node.op === 'reshape' && inner?.op === 'reshape' && inner.inputs[0])
    return builderAt(graph, node, context).node('reshape', [inner.inputs[0]], { shape: y.type.shape }, y.name);
  if (node.op !== 'transpose') return undefined;
  const permutation = numbers(node.attrs.permutation).map(Number);
  const moved = permutation.filter((p) => x.type.shape[p] !== 1);
  if (moved.every((p, i) => i === 0 || p > (moved[i - 1] ?? -1)))
    return builderAt(graph, node, context).node('reshape', [x], { shape: y.type.shape }, y.name);
  if (inner?.op === 'transpose' && inner.inputs[0]) {
    const first = numbers(inner.attrs.permutation).map(Number);
    const both = permutation.map((p) => first[p] ?? p);
    return builderAt(graph, node, context).node('transpose', [inner.inputs[0]], { permutation: both }, y.name);
  }
  return undefined;
}

/** Removes nodes that pass their input on unchanged and merges chains of reshapes and of transposes. */
export const removeIdentity = definePass({
  name: 'remove-identity',
  phase: 'canonicalize',
  does: 'removes casts, reshapes, transposes and slices that change nothing; merges chains of them',
  run(graph, context) {
    for (const node of [...graph.nodes]) {
      const y = node.outputs[0];
      if (!y || (y.uses.length === 0 && !graph.outputs.includes(y))) continue;
      const from = passesOn(node);
      if (from) {
        // A graph output keeps its name and must not become an input or a constant in disguise.
        if (
          graph.outputs.includes(y) &&
          (graph.inputs.includes(from) ||
            from.constant ||
            !graph.nodes.some((n) => n.outputs.includes(from)) ||
            graph.outputs.includes(from))
        )
          continue;
        if (graph.outputs.includes(y)) from.name = y.name;
        graph.replaceUses(y, from);
        graph.remove(node);
        context.changed(node, 'passes its input on');
        continue;
      }
      const to = simplified(graph, node, context);
      if (to) {
        graph.replaceUses(y, to);
        graph.remove(node);
        context.changed(node, 'merged with its neighbour');
      }
    }
  },
});
