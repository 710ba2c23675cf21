import { builderAt, definePass } from '../pass.ts';

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
        const op = context.ops.op(node.op);
        if (!op?.decompose) continue;
        const outputs = op.decompose(
          builderAt(graph, node, context),
          node.inputs,
          node.attrs,
          node.outputs.map((o) => o.type),
        );
        node.outputs.forEach((o, i) => {
          const made = outputs[i];
          if (!made) return;
          if (graph.outputs.includes(o)) made.name = o.name;
          graph.replaceUses(o, made);
        });
        graph.remove(node);
        context.changed(node, 'decomposed');
        changed = true;
      }
      if (!changed) return;
    }
  },
});
