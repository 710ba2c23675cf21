import { InfcError } from '../../runtime/errors.ts';
import type { GraphProto, NodeProto } from './onnx-decode.ts';

/** Names each body uses from outside itself; bodies are immutable, so the answer is kept. */
const freeNames = new WeakMap<object, ReadonlySet<string>>();

function namesUsedByBody(graph: GraphProto): ReadonlySet<string> {
  const kept = freeNames.get(graph);
  if (kept) return kept;
  const used = new Set<string>();
  const defined = new Set<string>();
  for (const v of graph.input ?? []) defined.add(v.name ?? '');
  for (const t of graph.initializer ?? []) defined.add(t.name ?? '');
  for (const t of graph.sparseInitializer ?? []) defined.add(t.values?.name ?? '');
  for (const node of graph.node ?? []) {
    for (const name of namesUsed(node)) used.add(name);
    for (const name of node.output ?? []) defined.add(name);
  }
  for (const v of graph.output ?? []) used.add(v.name ?? '');
  const free = new Set([...used].filter((n) => !defined.has(n)));
  freeNames.set(graph, free);
  return free;
}

/** Every value a node reads: its inputs and what its bodies capture. */
function namesUsed(node: NodeProto): string[] {
  const names = (node.input ?? []).filter((n) => n !== '');
  for (const a of node.attribute ?? []) {
    for (const g of [a.g, ...(a.graphs ?? [])]) if (g) names.push(...namesUsedByBody(g));
  }
  return names;
}

/** How a node is called in messages when the file does not name it. */
export const nodeName = (node: NodeProto): string =>
  node.name || `${node.opType || 'node'}_${(node.output ?? []).find((o) => o !== '') ?? 'without_output'}`;

/**
 * Indices of the nodes in an order in which producers come first: the file's own where it is one, as ONNX demands.
 * Throws INFC104x for a value that nothing produces, that two nodes produce, or that depends on itself.
 */
export function orderNodes(nodes: readonly NodeProto[], isDefined: (name: string) => boolean): number[] {
  const producer = new Map<string, number>();
  nodes.forEach((node, i) => {
    for (const name of node.output ?? []) {
      if (name === '') continue;
      const other = nodes[producer.get(name) ?? -1];
      if (other)
        throw new InfcError('INFC1042', `value '${name}' is produced twice, also by node '${nodeName(other)}'`, {
          node: nodeName(node),
          fix: 'Give every output its own name',
        });
      producer.set(name, i);
    }
  });
  const order: number[] = [];
  const state = new Uint8Array(nodes.length); // 0 new, 1 on the path, 2 placed
  for (let root = 0; root < nodes.length; root++) {
    if (state[root] !== 0) continue;
    const path: { readonly index: number; readonly needs: readonly string[]; next: number }[] = [];
    const enter = (index: number): void => {
      state[index] = 1;
      path.push({ index, needs: namesUsed(nodes[index] ?? {}), next: 0 });
    };
    enter(root);
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const need = top.needs[top.next++];
      if (need === undefined) {
        state[top.index] = 2;
        order.push(top.index);
        path.pop();
        continue;
      }
      const from = producer.get(need);
      if (from === undefined) {
        if (isDefined(need)) continue;
        throw new InfcError('INFC1041', `nothing produces value '${need}'`, {
          node: nodeName(nodes[top.index] ?? {}),
          fix: 'Export the model again; a node, input or initializer of this name is missing',
        });
      }
      if (state[from] === 0) enter(from);
      else if (state[from] === 1) {
        const cycle = path.slice(path.findIndex((p) => p.index === from)).map((p) => nodeName(nodes[p.index] ?? {}));
        throw new InfcError('INFC1043', `nodes depend on each other in a circle: ${cycle.slice(0, 6).join(' <- ')}`, {
          node: nodeName(nodes[from] ?? {}),
          fix: 'An ONNX graph has no cycles; use Loop or Scan',
        });
      }
    }
  }
  return order;
}
