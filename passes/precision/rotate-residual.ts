import type { Graph, Node, Value } from '../../compiler/ir/graph.ts';
import { constantNumbers } from '../../compiler/tensor-values.ts';
import { InfcError } from '../../runtime/errors.ts';
import { definePass, type PassContext } from '../pass.ts';
import { hadamard, hadamardBlock, hadamardRows } from './hadamard.ts';
import { transformed } from './transform-constant.ts';

/** Nodes that a rotation of the residual stream touches. */
interface Stream {
  readonly width: number;
  /** Matmuls whose result is added to the stream: their outputs are rotated. */
  readonly writers: Set<Node>;
  /** Matmuls that read the normalised stream, with the norm's scale. */
  readonly readers: Map<Node, Value | undefined>;
  /** Token or position tables whose rows enter the stream. */
  readonly tables: Set<Node>;
  readonly norms: Set<Node>;
}

/**
 * Rotates the residual stream of a transformer by a block-diagonal Hadamard matrix H, folded into the weights (QuaRot, Ashkboos et al.
 * 2024; SliceGPT's computational invariance): outliers of single channels spread over a block, so that rounding hurts less, and the
 * model computes what it did. RMS norms commute with H once their scales have moved into the matrices after them; embeddings and matrices
 * that write the stream are multiplied by H, those that read it by H on the other side. Graphs with anything else on the stream
 * (LayerNorm subtracts a mean, soft gates) cannot be rotated: INFC2090.
 */
export const rotateResidual = definePass({
  name: 'rotate-residual',
  phase: 'precision',
  alters: 'form',
  does: 'rotates the residual stream by a Hadamard matrix folded into the weights, so that quantization finds no outliers',
  run(graph, context) {
    if (context.storage?.recipe?.rotate !== true) return;
    let found = 0;
    for (const node of graph.nodes) {
      if (node.op !== 'gather' || !node.inputs[0]?.constant || node.inputs[0].type.shape.length !== 2) continue;
      const stream = follow(graph, node);
      if (!stream) continue;
      rotate(graph, stream, context);
      found++;
    }
    // Bodies of control nodes have no stream of their own.
    if (found === 0 && [...context.program.entries.values()].includes(graph))
      throw new InfcError('INFC2090', `entry '${graph.name}' has no residual stream that could be rotated`, {
        fix: 'Leave out +rotate: only transformers with RMS norms (Llama, Qwen, Mistral...) can be rotated; LayerNorm subtracts a mean',
      });
  },
});

/** Everything on the stream that starts with a table look-up; undefined when some of it cannot be rotated. */
function follow(graph: Graph, start: Node): Stream | undefined {
  const width = Number(start.inputs[0]?.type.shape[1]);
  const s: Stream = { width, writers: new Set(), readers: new Map(), tables: new Set(), norms: new Set() };
  const seen = new Set<Value>();
  /** A value that is part of the stream: whoever makes and whoever uses it must take part. */
  const visit = (v: Value): boolean => {
    if (seen.has(v)) return true;
    seen.add(v);
    if (graph.outputs.includes(v) || Number(v.type.shape.at(-1)) !== width) return false;
    return isSource(v) && v.uses.every(isUser);
  };
  const isSource = (v: Value): boolean => {
    const p = v.producer;
    if (!p) return false;
    if (p.op === 'add') return p.inputs.every((i) => i !== null && visit(i));
    if (movesRows(p, width)) return p.inputs[0] ? visit(p.inputs[0]) : false;
    if (p.op === 'gather' && p.attrs.axis === 0 && p.inputs[0]?.constant && p.inputs[0].type.shape.length === 2) {
      s.tables.add(p);
      return true;
    }
    if (p.op !== 'matmul' || !isPlainWeight(p)) return false;
    s.writers.add(p);
    return true;
  };
  const isUser = (node: Node): boolean => {
    const [out] = node.outputs;
    if (!out) return false;
    if (node.op === 'add' || movesRows(node, width)) return visit(out);
    if (node.op !== 'rms_norm' || Number(node.attrs.axis) !== out.type.shape.length - 1 || graph.outputs.includes(out))
      return false;
    const scale = node.inputs[1];
    if (scale && !scale.constant) return false;
    s.norms.add(node);
    return out.uses.every((reader) => {
      if (reader.op !== 'matmul' || reader.inputs[0] !== out || reader.inputs[1] === out || !isPlainWeight(reader))
        return false;
      s.readers.set(reader, scale ?? undefined);
      return true;
    });
  };
  const [first] = start.outputs;
  return first && visit(first) && s.readers.size > 0 && hadamardBlock(width) > 1 ? s : undefined;
}

/** Whether a node picks or rearranges whole rows of the stream (the last token, say). */
function movesRows(node: Node, width: number): boolean {
  if (node.op === 'identity' || node.op === 'reshape') return true; // visit checks the last axis
  if (node.op === 'slice') {
    const shape = node.inputs[0]?.type.shape ?? [];
    const { starts, steps } = node.attrs;
    const last = shape.length - 1;
    const isWhole =
      Array.isArray(starts) && Number(starts[last]) === 0 && Array.isArray(steps) && Number(steps[last]) === 1;
    return isWhole && Number(shape[last]) === width;
  }
  // Rows by index: the stream is the table.
  return (
    node.op === 'gather' &&
    !node.inputs[0]?.constant &&
    Number(node.attrs.axis) < (node.inputs[0]?.type.shape.length ?? 0) - 1
  );
}

/** A constant matrix as second operand, not yet in a storage format. */
function isPlainWeight(node: Node): boolean {
  const w = node.inputs[1];
  return (
    w?.constant !== undefined &&
    w.type.shape.length === 2 &&
    w.type.format === 'dense' &&
    node.attrs.transposeA !== true
  );
}

function rotate(graph: Graph, s: Stream, context: PassContext): void {
  const block = hadamardBlock(s.width);
  const name = `hadamard${block}`;
  for (const table of s.tables) replaceWeight(graph, table, 0, context, name, (v) => hadamard(v, block));
  for (const w of s.writers) {
    // Outputs are rows of W^T-style weights [n, k], columns otherwise.
    const rows = w.attrs.transposeB === true;
    replaceWeight(graph, w, 1, context, `${name}-out`, (v) =>
      rows ? hadamardRows(v, s.width, v.length / s.width, block) : hadamard(v, block),
    );
    context.changed(w, `output rotated in blocks of ${block}`);
  }
  for (const [reader, scale] of s.readers) {
    const rows = reader.attrs.transposeB === true;
    const gains = scale?.constant ? constantNumbers(scale.constant) : undefined;
    replaceWeight(graph, reader, 1, context, `${name}-in-${scale?.constant?.name ?? ''}`, (v) => {
      if (gains) scaleInputs(v, gains, rows);
      if (rows) hadamard(v, block);
      else hadamardRows(v, s.width, v.length / s.width, block);
    });
    context.changed(reader, `input rotated in blocks of ${block}`);
  }
  for (const norm of s.norms) {
    if (norm.inputs[1]?.constant) replaceWeight(graph, norm, 1, context, 'ones', (v) => v.fill(1));
  }
}

/** Multiplies the weights of each input channel by its gain. */
function scaleInputs(weights: Float64Array, gains: Float32Array | Float64Array, rows: boolean): void {
  const n = weights.length / gains.length;
  for (let i = 0; i < weights.length; i++)
    weights[i] = (weights[i] ?? 0) * (gains[rows ? i % gains.length : Math.floor(i / n)] ?? 1);
}

function replaceWeight(
  graph: Graph,
  node: Node,
  index: number,
  context: PassContext,
  key: string,
  change: (values: Float64Array) => void,
): void {
  const constant = node.inputs[index]?.constant;
  if (constant) graph.setInput(node, index, graph.constant(transformed(context.program, constant, key, change)));
}
