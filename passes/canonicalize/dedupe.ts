import type { Attribute, Node } from '../../compiler/ir/graph.ts';
import { Graph } from '../../compiler/ir/graph.ts';
import { definePass } from '../pass.ts';

/** Merges nodes that compute the same thing. */
export const dedupe = definePass({
  name: 'dedupe',
  phase: 'canonicalize',
  does: 'computes equal nodes once',
  run(graph, context) {
    const seen = new Map<string, Node>();
    for (const node of [...graph.nodes]) {
      const op = context.ops.op(node.op);
      if (!op || op.pure === false || op.control || op.host !== undefined) continue;
      if (isWidening(node)) continue;
      const attrs = Object.entries(node.attrs)
        .filter(([, v]) => v !== undefined)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([k, v]) => `${k}=${attributeKey(v)}`);
      const key = `${node.op}(${node.inputs.map((v) => v?.id ?? '-').join(',')}){${attrs.join(';')}}${node.outputs.map((o) => o.type.dtype).join(',')}`;
      const old = seen.get(key);
      if (!old) {
        seen.set(key, node);
        continue;
      }
      if (node.outputs.every((o) => o.uses.length === 0 && !graph.outputs.includes(o))) continue;
      node.outputs.forEach((o, i) => {
        const same = old.outputs[i];
        // Two graph outputs keep their own names.
        if (same && !graph.outputs.includes(o)) graph.replaceUses(o, same);
      });
      if (node.outputs.every((o) => o.uses.length === 0 && !graph.outputs.includes(o))) {
        graph.remove(node);
        context.changed(node, `same as '${old.source.name}'`);
      }
    }
  },
});

/** A 16-bit float widened: each reader's kernel does that while it loads; a shared result would be stored in full. */
const isWidening = ({ op, inputs: [x], attrs }: Node): boolean =>
  op === 'cast' && attrs.to === 'f32' && (x?.type.dtype === 'f16' || x?.type.dtype === 'bf16');

const identities = new WeakMap<object, number>();
let counter = 0;

function attributeKey(a: Attribute): string {
  if (Array.isArray(a)) return `[${a.map(attributeKey).join(',')}]`;
  if (typeof a === 'object' && a !== null) {
    if (!(a instanceof Graph) && 'key' in a && typeof a.key === 'string') return a.key;
    const id = identities.get(a) ?? counter++;
    identities.set(a, id);
    return `#${id}`;
  }
  return `${typeof a}:${String(a)}`;
}
