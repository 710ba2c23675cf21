import { add, type Dim } from '../ir/dim.ts';
import type { Node, Value } from '../ir/graph.ts';
import { slotOf } from '../ops/state.ts';
import { lowerRegion } from './loops.ts';
import type { LowerContext, Region } from './region.ts';
import type { LoweredKernel } from './template.ts';

/** Ops whose output is made of blocks: each block is written by a kernel of its own, its producers fused into it. */
export const isBlockwise = (op: string): boolean => op === 'concat' || op === 'insert_slice' || op === 'state_write';

/** A concatenation, a slice assignment or a state update writes each block straight into its place. */
export function lowerConcat(region: Region, context: LowerContext): LoweredKernel[] | undefined {
  const node = region.output.producer;
  if (!node || !isBlockwise(node.op) || region.nodes.at(-1) !== node) return undefined;
  if (node.op === 'insert_slice') return lowerInsertSlice(node, region, context);
  if (node.op === 'state_write') return lowerStateWrite(node, region, context);
  const axis = Number(node.attrs.axis ?? 0);
  const kernels: LoweredKernel[] = [];
  let start: Dim = 0;
  for (const part of node.inputs) {
    if (!part) continue;
    const length = part.type.shape[axis] ?? 1;
    const nodes = producers([part], region);
    if (length !== 0)
      kernels.push(
        lowerRegion({ nodes, output: part }, context, {
          value: region.output,
          starts: part.type.shape.map((_, i) => (i === axis ? start : 0)),
        }),
      );
    start = add(start, length);
  }
  return kernels;
}

/** The data first, then the updates over it. */
function lowerInsertSlice(node: Node, region: Region, context: LowerContext): LoweredKernel[] | undefined {
  const [data, updates] = node.inputs;
  if (!data || !updates) return undefined;
  const starts = Array.isArray(node.attrs.starts) ? (node.attrs.starts as readonly Dim[]) : [];
  return [
    lowerRegion({ nodes: producers([data], region), output: data }, context, { value: region.output, starts: [] }),
    lowerRegion({ nodes: producers([updates], region), output: updates }, context, { value: region.output, starts }),
  ];
}

/** The update alone: the rest of the state stays as it is. */
function lowerStateWrite(node: Node, region: Region, context: LowerContext): LoweredKernel[] | undefined {
  const [, update, places] = node.inputs;
  if (!update) return undefined;
  const axis = Number(node.attrs.axis ?? 0);
  const room = region.output.type.shape[axis] ?? 1;
  return [
    lowerRegion({ nodes: producers([update, places], region), output: update }, context, {
      value: region.output,
      starts: [],
      map: (coords, index) =>
        coords.map((c, i) => (i !== axis ? c : places ? index(places, [c], room) : slotOf(node.attrs, c))),
    }),
  ];
}

/** Nodes of the region that these values depend on, in order. */
function producers(values: readonly (Value | null | undefined)[], region: Region): Region['nodes'] {
  const needed = new Set(values);
  const out: Region['nodes'][number][] = [];
  for (const node of [...region.nodes].reverse()) {
    if (!node.outputs.some((o) => needed.has(o))) continue;
    out.unshift(node);
    for (const v of node.inputs) if (v) needed.add(v);
  }
  return out;
}
