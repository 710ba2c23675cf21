import { type Dim, isStatic } from '../../compiler/ir/dim.ts';
import type { Graph, Node, Value } from '../../compiler/ir/graph.ts';
import type { HostTensor } from '../../runtime/host.ts';
import { builderAt, definePass, type PassContext } from '../pass.ts';

/** Results larger than this are folded only when they are not larger than what they replace. */
const GROWTH_LIMIT = 1 << 20;

/**
 * Replaces what constants decide by constants, and integer tensors whose contents shape arithmetic knows by those contents
 * (a constant, or a `dims` node that reads the symbols).
 */
export const foldConstants = definePass({
  name: 'fold-constants',
  phase: 'canonicalize',
  does: 'computes what depends on constants only, and replaces shape arithmetic by its symbolic result',
  run(graph, context) {
    const usesOf = (v: Value): boolean => v.uses.length > 0 || graph.outputs.includes(v);
    for (const node of [...graph.nodes]) {
      const op = context.ops.op(node.op);
      if (!op || op.pure === false || op.control || node.outputs.every((o) => !usesOf(o))) continue;
      for (const o of node.outputs) if (usesOf(o) && isEmpty(o)) useNothing(graph, node, o, context);
      if (node.op !== 'dims')
        for (const o of node.outputs) if (usesOf(o) && o.known) useContents(graph, node, o, o.known, context);
      // The codes of quantized weights are worth more than the floats they stand for: see recognize-quantized-products.
      if (node.op === 'dequantize_linear') continue;
      if (node.inputs.every((v) => v === null || v.constant !== undefined) && node.outputs.every(isFoldable))
        foldNode(graph, node, context);
    }
  },
});

const isFoldable = (v: Value): boolean =>
  v.type.container === undefined && v.type.dtype !== 'string' && v.type.shape.every(isStatic);

/** Whether a value has no elements for any size of the inputs: no kernel needs to write it. */
const isEmpty = (v: Value): boolean => isFoldable(v) && v.type.shape.includes(0);

function useNothing(graph: Graph, node: Node, value: Value, context: PassContext): void {
  const { dtype, shape } = value.type;
  const made = builderAt(graph, node, context).constant(dtype, shape.filter(isStatic), [], value.name);
  made.known = value.known;
  graph.replaceUses(value, made);
  context.changed(node, 'nothing to compute');
}

function useContents(graph: Graph, node: Node, value: Value, known: readonly Dim[], context: PassContext): void {
  const { dtype, shape } = value.type;
  if (
    shape.some((d) => !isStatic(d)) ||
    known.some((d) => typeof d === 'number' && !Number.isSafeInteger(d) && (dtype === 'i64' || dtype === 'i32'))
  )
    return;
  const b = builderAt(graph, node, context);
  if (known.every(isStatic)) {
    const dims = shape.filter(isStatic);
    if (dtype !== 'i64' && dtype !== 'i32' && dtype !== 'bool') return;
    const made = b.constant(dtype, dims, known.filter(isStatic), value.name);
    made.known = known;
    graph.replaceUses(value, made);
    context.changed(node, 'contents follow from shapes');
  } else if (
    node.op !== 'read_dims' &&
    node.op !== 'reshape' &&
    (dtype === 'i64' || dtype === 'i32') &&
    shape.length <= 1
  ) {
    const made = b.node(
      'dims',
      [],
      { dims: known, dtype, ...(shape.length === 0 ? { scalar: true } : {}) },
      `${value.name}`,
    );
    graph.replaceUses(value, made);
    context.changed(node, 'contents follow from symbolic shapes');
  }
}

function foldNode(graph: Graph, node: Node, context: PassContext): void {
  const inputBytes = node.inputs.reduce((n, v) => n + (v?.constant?.bytes ?? 0), 0);
  for (const out of node.outputs) {
    if (out.uses.length === 0 && !graph.outputs.includes(out)) continue;
    const elements = out.type.shape.reduce<number>((n, d) => n * Number(d), 1);
    if (elements * 4 > GROWTH_LIMIT && elements * 4 > inputBytes * 2) continue;
    const result = context.evaluate(out);
    if (!result) continue;
    graph.replaceUses(out, constantOf(graph, out, result));
    context.changed(node, 'computed at compile time');
  }
}

/** A graph constant with the contents of a host tensor. */
export function constantOf(graph: Graph, like: Value, result: HostTensor): Value {
  const data = result.data;
  if (!ArrayBuffer.isView(data)) throw new TypeError('a tensor of strings cannot be a constant here');
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const v = graph.constant({
    name: like.name,
    type: { dtype: result.dtype, shape: result.shape, format: 'dense' },
    bytes: bytes.byteLength,
    read: () => bytes,
  });
  v.known = like.known;
  return v;
}
