import { type Dim, isStatic } from '../../compiler/ir/dim.ts';
import { viewOf } from '../../compiler/ir/dtype.ts';
import type { Graph, Node, Value } from '../../compiler/ir/graph.ts';
import type { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { dynamicQuantize } from '../../compiler/ops/dynamic-quantize.ts';
import { builderAt, definePass } from '../pass.ts';

/** Products with fewer weights gain nothing from 8 bits. */
const SMALLEST = 1024;

/**
 * W8A8: convolutions and products with constant weights multiply 8-bit codes. Weights are rounded symmetrically, a scale for each output
 * channel; activations while the model runs: those of a convolution over the range of the whole tensor, those of a product row by row
 * (per token), so that one token's outliers cost the others nothing (Dettmers et al. 2022; Yao et al. 2022, ZeroQuant).
 */
export const quantizeActivations = definePass({
  name: 'quantize-activations',
  phase: 'precision',
  does: 'multiplies 8-bit codes where the recipe quantizes activations too (--quant w8a8)',
  run(graph, context) {
    if (context.storage?.recipe?.activations !== 'dynamic') return;
    for (const node of [...graph.nodes]) {
      const y = node.outputs[0];
      const b = builderAt(graph, node, context);
      const made =
        node.op === 'conv' ? conv(graph, node, b) : node.op === 'matmul' ? product(graph, node, b) : undefined;
      if (!made || !y) continue;
      made.name = y.name;
      graph.replaceUses(y, made);
      graph.remove(node);
      context.changed(node, 'multiplies 8-bit codes');
    }
  },
});

interface Codes {
  readonly codes: Value;
  readonly scale: Value;
}

/** Constant f32 weights as i8 with one scale for each index of `axis`, which is given `shape`. */
function weightCodes(
  graph: Graph,
  w: Value | null | undefined,
  axis: number,
  shape: readonly Dim[],
): Codes | undefined {
  const source = w?.constant;
  if (!w || !source || w.type.dtype !== 'f32' || w.type.format !== 'dense' || source.encoded) return undefined;
  const dims = w.type.shape.filter(isStatic);
  const elements = dims.reduce((n, d) => n * d, 1);
  if (dims.length !== w.type.shape.length || elements < SMALLEST) return undefined;
  const inner = dims.slice(axis + 1).reduce((n, d) => n * d, 1);
  const channels = dims[axis] ?? 1;
  const values = viewOf('f32', source.read().slice().buffer, 0, elements);
  const largest = new Float64Array(channels);
  const channelOf = (i: number): number => Math.floor(i / inner) % channels;
  for (let i = 0; i < elements; i++) {
    const v = Math.abs(Number(values[i]));
    if (!Number.isFinite(v)) return undefined;
    const c = channelOf(i);
    if (v > (largest[c] ?? 0)) largest[c] = v;
  }
  const scales = Float32Array.from(largest, (v) => (v > 0 ? v / 127 : 1));
  const codes = new Int8Array(elements);
  for (let i = 0; i < elements; i++) codes[i] = Math.round(Number(values[i]) / (scales[channelOf(i)] ?? 1));
  const constant = (name: string, dtype: 'i8' | 'f32', of: readonly Dim[], data: Int8Array | Float32Array): Value =>
    graph.constant({
      name: `${source.name}.${name}`,
      type: { dtype, shape: of, format: 'dense' },
      bytes: data.byteLength,
      read: () => new Uint8Array(data.buffer),
    });
  return { codes: constant('codes', 'i8', w.type.shape, codes), scale: constant('scale', 'f32', shape, scales) };
}

const isFloat32 = (node: Node): boolean =>
  node.inputs[0]?.type.dtype === 'f32' && node.outputs[0]?.type.dtype === 'f32' && !node.inputs[0].constant;

function conv(graph: Graph, node: Node, b: GraphBuilder): Value | undefined {
  const [x, w] = node.inputs;
  const spatial = (w?.type.shape.length ?? 2) - 2;
  const perGroup = Number(w?.type.shape[1] ?? 1);
  // Depthwise convolutions read each code a few times only.
  if (!x || !w || !isFloat32(node) || perGroup < 2) return undefined;
  const weights = weightCodes(graph, w, 0, [w.type.shape[0] ?? 1, ...new Array<number>(spatial).fill(1)]);
  if (!weights) return undefined;
  const a = dynamicQuantize(b, x);
  const { dtype: _, ...attrs } = node.attrs;
  const sums = b.node('conv_integer', [a.codes, weights.codes, a.zero, null], attrs);
  return b.node('mul', [b.node('cast', [sums], { to: 'f32' }), b.node('mul', [a.scale, weights.scale])]);
}

function product(graph: Graph, node: Node, b: GraphBuilder): Value | undefined {
  const [x, w] = node.inputs;
  if (!x || !w || !isFloat32(node) || node.attrs.transposeA || w.type.shape.length !== 2) return undefined;
  const transposeB = Boolean(node.attrs.transposeB);
  const axis = transposeB ? 0 : 1;
  const weights = weightCodes(graph, w, axis, [w.type.shape[axis] ?? 1]);
  if (!weights) return undefined;
  const last = x.type.shape.length - 1;
  const largest = b.node('reduce_max', [b.node('abs', [x])], { axes: [last], keepDims: true });
  const isFlat = b.node('eq', [largest, b.scalar('f32', 0)]);
  const scale = b.node('where', [isFlat, b.scalar('f32', 1), b.node('div', [largest, b.scalar('f32', 127)])]);
  const rounded = b.node('round', [b.node('div', [x, scale])]);
  const codes = b.node('cast', [b.node('clip', [rounded, b.scalar('f32', -127), b.scalar('f32', 127)])], { to: 'i8' });
  const sums = b.node('matmul_integer', [codes, weights.codes, null, null], { transposeB });
  return b.node('mul', [b.node('mul', [b.node('cast', [sums], { to: 'f32' }), scale]), weights.scale]);
}
