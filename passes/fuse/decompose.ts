import type { Graph, Node } from '../../compiler/ir/graph.ts';
import { GraphBuilder, type OpTable } from '../../compiler/ir/graph-builder.ts';
import { definePass } from '../pass.ts';

/** Replaces one node by what it is made of; false when its op is not composite. */
export function decomposeNode(graph: Graph, node: Node, ops: OpTable): boolean {
  const op = ops.op(node.op);
  if (!op?.decompose) return false;
  const types = node.outputs.map((o) => o.type);
  const builder = new GraphBuilder(graph, ops, node.source, node);
  const outputs = op.decompose(builder, node.inputs, node.attrs, types);
  node.outputs.forEach((o, i) => {
    const made = outputs[i];
    if (!made) return;
    if (graph.outputs.includes(o)) made.name = o.name;
    graph.replaceUses(o, made);
  });
  graph.remove(node);
  return true;
}

/** Replaces composite ops by what they are made of. */
export const decompose = definePass({
  name: 'decompose',
  phase: 'fuse',
  does: 'replaces composite ops by the core ops that define them',
  establishes: ['core-ops-only'],
  run(graph, context) {
    for (let round = 0; round < 8; round++) {
      let changed = false;
      for (const node of [...graph.nodes]) {
        if (context.ops.op(node.op)?.lateDecompose || !decomposeNode(graph, node, context.ops)) continue;
        context.changed(node, 'decomposed');
        changed = true;
      }
      if (!changed) return;
    }
  },
});
