import { asSym, collectSyms, type Dim } from '../../compiler/ir/dim.ts';
import { type Attribute, Graph, type Node, subgraphs, type Value } from '../../compiler/ir/graph.ts';
import { definePass } from '../pass.ts';

/** Removes nodes whose results nobody needs. A node that decides a symbol is needed wherever that symbol is. */
export const removeDead = definePass({
  name: 'remove-dead',
  phase: 'canonicalize',
  does: 'removes nodes whose results are not used',
  run(graph, context) {
    const definers = symbolDefiners(graph);
    const live = new Set<Node>();
    const pending: Node[] = [];
    const mark = (v: Value): void => {
      const node = v.producer;
      if (node && !live.has(node)) {
        live.add(node);
        pending.push(node);
      }
      markDims(v.type.shape);
    };
    const markDims = (dims: readonly Dim[]): void => {
      for (const d of dims) {
        for (const name of collectSyms(d).keys()) {
          const v = definers.get(name);
          if (v?.producer && !live.has(v.producer)) mark(v);
        }
      }
    };
    const markAttribute = (a: Attribute): void => {
      if (a instanceof Graph) markGraph(a);
      else if (Array.isArray(a)) for (const x of a) markAttribute(x);
      else if (typeof a === 'object' && a !== null && 'terms' in a) markDims([a]);
    };
    const markGraph = (g: Graph): void => {
      g.outputs.forEach(mark);
      // A body keeps everything it reads from outside alive; what it does not need itself is removed when its own turn comes.
      for (const node of g.nodes) {
        for (const v of node.inputs) if (v) mark(v);
        Object.values(node.attrs).forEach(markAttribute);
        for (const o of node.outputs) markDims(o.type.shape);
      }
    };
    graph.outputs.forEach(mark);
    for (const node of graph.nodes) {
      const op = context.ops.op(node.op);
      // What acts on something else than its outputs (a state, a check) stays.
      if (op?.pure === false && op.control && !live.has(node)) {
        live.add(node);
        pending.push(node);
      }
    }
    for (let node = pending.pop(); node; node = pending.pop()) {
      for (const v of node.inputs) if (v) mark(v);
      for (const o of node.outputs) markDims(o.type.shape);
      Object.values(node.attrs).forEach(markAttribute);
    }
    for (const node of [...graph.nodes].reverse()) if (!live.has(node)) graph.remove(node);
  },
});

/** Which value of the graph first fixes each symbol that no graph input fixes. */
function symbolDefiners(graph: Graph): Map<string, Value> {
  const out = new Map<string, Value>();
  const given = new Set<string>();
  for (const v of graph.inputs) for (const d of v.type.shape) for (const name of collectSyms(d).keys()) given.add(name);
  for (const node of graph.nodes) {
    for (const v of node.outputs) {
      for (const d of v.type.shape) {
        const s = asSym(d);
        if (s && !given.has(s.name) && !out.has(s.name)) out.set(s.name, v);
      }
    }
    for (const body of subgraphs(node))
      for (const v of body.inputs) for (const d of v.type.shape) for (const n of collectSyms(d).keys()) given.add(n);
  }
  return out;
}
