import type { Node, Value } from '../../compiler/ir/graph.ts';
import { builderAt, definePass } from '../pass.ts';

/** The input of a transpose that swaps just the last two axes. */
function swapped(v: Value | null | undefined): Value | undefined {
  const node = v?.producer;
  if (!v || node?.op !== 'transpose') return undefined;
  const p = Array.isArray(node.attrs.permutation) ? node.attrs.permutation.map(Number) : [];
  const n = p.length;
  if (n < 2) return undefined;
  const isSwap = p.every((from, i) => from === (i === n - 1 ? n - 2 : i === n - 2 ? n - 1 : i));
  return isSwap ? (node.inputs[0] ?? undefined) : undefined;
}

const flag = (node: Node, name: string): boolean => node.attrs[name] === true || node.attrs[name] === 1;

/** A matmul reads a transposed operand in place instead of having it copied. */
export const fuseTranspose = definePass({
  name: 'fuse-transpose',
  phase: 'fuse',
  does: 'lets matmul read transposed operands in place',
  run(graph, context) {
    for (const node of [...graph.nodes]) {
      const y = node.outputs[0];
      const [a, b] = node.inputs;
      if (node.op !== 'matmul' || !a || !b || !y) continue;
      const ta = swapped(a);
      const tb = swapped(b);
      if (!ta && !tb) continue;
      const made = builderAt(graph, node, context).node(
        'matmul',
        [ta ?? a, tb ?? b],
        {
          ...node.attrs,
          transposeA: ta ? !flag(node, 'transposeA') : flag(node, 'transposeA'),
          transposeB: tb ? !flag(node, 'transposeB') : flag(node, 'transposeB'),
        },
        y.name,
      );
      graph.replaceUses(y, made);
      graph.remove(node);
      context.changed(node, 'reads a transposed operand in place');
    }
  },
});
