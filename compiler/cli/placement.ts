import type { Backend } from '../../backends/backend.ts';
import type { Compiler } from '../compile.ts';
import { forEachNode, type Node, type Program } from '../ir/graph.ts';
import { runsInWasm } from '../lower/host-kernel.ts';
import { legalTemplates } from '../lower/region.ts';
import type { Registry } from '../plugin.ts';
import { kernelObstacle } from '../schedule.ts';

/** Where an operator runs on one target, and why not in a kernel. */
export interface Place {
  readonly where: 'kernel' | 'host' | 'kernel and host' | 'no' | 'folded';
  readonly why?: string;
}

/** An operator of the model, with its places by target. */
export interface Placement {
  readonly op: string;
  readonly count: number;
  readonly targets: Readonly<Record<string, Place>>;
}

/** Where one node runs: control flow and host functions are steps of the runtime, views cost nothing and count as kernels. */
function placeOf(node: Node, registry: Registry, backend: Backend): Place {
  const op = registry.op(node.op);
  if (op?.view) return { where: 'kernel' };
  if (op?.control) return { where: 'host', why: 'control flow is played by the runtime' };
  if (legalTemplates(node, backend.target(), registry.templates(backend.name)).length > 0) return { where: 'kernel' };
  const obstacle = kernelObstacle(node, registry, backend);
  if (obstacle === undefined) return { where: 'kernel' };
  if (op?.host ?? op?.reference) return { where: 'host', why: `${node.op}: ${obstacle}` };
  if (runsInWasm(node, registry)) return { where: 'host', why: `${node.op}: ${obstacle}; it runs in WebAssembly` };
  return { where: 'no', why: `${node.op}: ${obstacle}` };
}

function join(places: readonly Place[]): Place {
  if (places.length === 0) return { where: 'folded', why: 'it is computed when compiling, or part of another op' };
  const not = places.find((p) => p.where === 'no');
  if (not) return not;
  const host = places.find((p) => p.where === 'host');
  if (!host) return { where: 'kernel' };
  return { ...host, where: places.every((p) => p.where === 'host') ? 'host' : 'kernel and host' };
}

/**
 * For each ONNX operator of an imported program, where it would run on each target. Runs the passes on the program: what they fold,
 * decompose and recognise decides. Nothing is lowered.
 */
export async function placements(program: Program, compiler: Compiler): Promise<readonly Placement[]> {
  const { registry } = compiler;
  const nodes = (): Node[] => {
    const all: Node[] = [];
    for (const graph of program.entries.values()) forEachNode(graph, (n) => all.push(n));
    return all;
  };
  const sources = new Map<string, Set<string>>();
  for (const { source } of nodes()) {
    const names = sources.get(source.op) ?? new Set();
    sources.set(source.op, names.add(source.name));
  }
  await compiler.compile(program, { stopAfter: 'fuse' });
  const after = nodes();
  const rows = [...sources].map(([op, names]): Placement => {
    const mine = after.filter((n) => n.source.op === op);
    const targets = [...registry.backends].map(
      (b) => [b.name, join(mine.map((n) => placeOf(n, registry, b)))] as const,
    );
    return { op, count: names.size, targets: Object.fromEntries(targets) };
  });
  return rows.sort((a, b) => b.count - a.count || (a.op < b.op ? -1 : 1));
}
