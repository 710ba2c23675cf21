import type { Target } from '../../backends/backend.ts';
import { builtin } from '../../compiler/builtin.ts';
import type { Dim } from '../../compiler/ir/dim.ts';
import type { DType } from '../../compiler/ir/dtype.ts';
import type { Attributes, Constant } from '../../compiler/ir/graph.ts';
import { Graph, type TensorType, tensor, type Value } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { lowerAnchor } from '../../compiler/lower/anchor.ts';
import type { LoweredKernel, Template } from '../../compiler/lower/template.ts';
import { Registry } from '../../compiler/plugin.ts';

export const registry = new Registry([builtin]);

/** An operand of a template test: a run-time input, or a constant with data. */
export interface Operand {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
  readonly data?: Float32Array | Int8Array | Uint8Array;
  readonly format?: string;
}

/**
 * Builds `op` over the operands (all for integer products, whose zero points follow; else the first two: the rest is for the consumers),
 * then the consumers, and schedules it with the template. null leaves an operand out.
 */
export function lowerOne(
  template: Template,
  target: Target,
  op: string,
  operands: readonly (Operand | null)[],
  attrs: Attributes,
  after: (b: GraphBuilder, y: Value, inputs: readonly (Value | null)[]) => Value = (_, y) => y,
): { lowered: LoweredKernel; inputs: readonly (Value | null)[]; output: Value } {
  const graph = new Graph('test');
  const b = new GraphBuilder(graph, registry, { name: 'test', op });
  const inputs = operands.map((o, i) => {
    if (!o) return null;
    const type: TensorType = tensor(o.dtype, o.shape);
    if (!o.data) return graph.input(`x${i}`, type);
    const { data } = o;
    const c: Constant = {
      name: `w${i}`,
      type,
      bytes: data.byteLength,
      read: () => new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice(),
    };
    const v = graph.constant(c);
    if (o.format !== undefined) v.type = { ...type, format: o.format };
    return v;
  });
  const y = b.node(op, op.endsWith('_integer') ? inputs : inputs.slice(0, 2), attrs);
  const anchor = y.producer;
  if (!anchor) throw new TypeError('no node');
  const output = after(b, y, inputs);
  graph.outputs = [output];
  const region = { nodes: graph.nodes, output, anchor };
  const [lowered] = lowerAnchor(region, anchor, template, {
    ops: registry,
    target,
    templates: [template],
    formats: registry,
    name: () => 'k',
  });
  if (!lowered) throw new TypeError('no kernel');
  return { lowered, inputs, output };
}
