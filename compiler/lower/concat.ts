import { add, type Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import { lowerRegion } from './loops.ts';
import type { LowerContext, Region } from './region.ts';
import type { LoweredKernel } from './template.ts';

/** A concatenation writes each part straight into its place: one kernel a part, its producers fused into it. */
export function lowerConcat(region: Region, context: LowerContext): LoweredKernel[] | undefined {
  const node = region.output.producer;
  if (node?.op !== 'concat' || region.nodes.at(-1) !== node) return undefined;
  const axis = Number(node.attrs.axis ?? 0);
  const kernels: LoweredKernel[] = [];
  let start: Dim = 0;
  for (const part of node.inputs) {
    if (!part) continue;
    const length = part.type.shape[axis] ?? 1;
    const nodes = producers(part, region);
    if (length !== 0)
      kernels.push(lowerRegion({ nodes, output: part }, context, { value: region.output, axis, start }));
    start = add(start, length);
  }
  return kernels;
}

/** Nodes of the region that `value` depends on, in order. */
function producers(value: Value, region: Region): Region['nodes'] {
  const needed = new Set<Value>([value]);
  const out: Region['nodes'][number][] = [];
  for (const node of [...region.nodes].reverse()) {
    if (!node.outputs.some((o) => needed.has(o))) continue;
    out.unshift(node);
    for (const v of node.inputs) if (v) needed.add(v);
  }
  return out;
}
