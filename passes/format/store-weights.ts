import { derivedConstant } from '../../compiler/derived-constant.ts';
import { fitsFormat } from '../../compiler/formats/format.ts';
import {
  type ChannelCodes,
  type Constant,
  type Graph,
  type Node,
  tensor,
  type Value,
} from '../../compiler/ir/graph.ts';
import { elementsOf } from '../../compiler/tensor-values.ts';
import { builderAt, definePass, type PassContext } from '../pass.ts';
import { weightOf } from './weights.ts';

const SMALLEST = 1024;

/**
 * Writes rounded weights in few bytes: products and look-ups read the planes of their format; other weights are codes or 16-bit floats in
 * the file and are expanded when the model is loaded, so that kernels run as they do on dense weights. Planes that a model file came with
 * are kept so too when there is no recipe.
 */
export const storeWeights = definePass({
  name: 'store-weights',
  phase: 'format',
  after: ['round-weights'],
  does: 'stores rounded weights in their formats',
  run(graph, context) {
    const { storage } = context;
    if (!storage || storage.recipe?.simulate) return;
    for (const node of [...graph.nodes]) {
      const w = weightOf(node);
      const format = w?.constant.encoded && !w.transposed ? storage.format(w.constant.encoded.format) : undefined;
      if (w && format && fitsFormat(format, w.size.length)) storeRows(graph, node, w.constant, format.name, context);
      else
        node.inputs.forEach((v, i) => {
          const rounded = v?.constant?.rounded ?? narrowness(v);
          if (!v?.constant || !rounded || v.constant.compact) return;
          if (!('codes' in rounded)) {
            const { constant } = v;
            graph.setInput(
              node,
              i,
              graph.constant(derivedConstant(constant, 'compact', () => ({ ...constant, compact: rounded }))),
            );
            if (constant.rounded)
              context.changed(
                node,
                `weights kept as ${'float' in rounded ? rounded.float : `${rounded.bits}-bit integers`} in the file`,
              );
          } else if (i === 1) scaleOut(graph, node, v, v.constant, rounded, context);
        });
    }
  },
});

/** Larger weights of a 16-bit model, which kernels may want as f32, need not become f32 in the file. */
function narrowness(v: Value | null | undefined): { readonly float: 'f16' | 'bf16' } | undefined {
  const dtype = v?.type.dtype;
  if (!v?.constant || v.type.format !== 'dense' || (dtype !== 'f16' && dtype !== 'bf16')) return undefined;
  return elementsOf(v.constant) < SMALLEST ? undefined : { float: dtype };
}

/** The node reads the format's planes: [rows, length]; results keep their dtype. */
function storeRows(graph: Graph, node: Node, dense: Constant, format: string, context: PassContext): void {
  const [y] = node.outputs;
  const { type, encoded } = dense;
  if (!y || !encoded) return;
  const shape = type.shape.slice(-2);
  const value = graph.constant(
    derivedConstant(dense, `stored ${format}`, () => ({
      name: dense.name,
      type: tensor('f32', shape, format),
      bytes: shape.reduce<number>((n, d) => n * Number(d), 4),
      encoded,
      read: dense.read,
    })),
  );
  if (node.op === 'gather') {
    const b = builderAt(graph, node, context);
    const picked = b.node('gather', [value, node.inputs[1] ?? null], node.attrs);
    const result = y.type.dtype === 'f32' ? picked : b.node('cast', [picked], { to: y.type.dtype });
    if (graph.outputs.includes(y)) result.name = y.name;
    graph.replaceUses(y, result);
    graph.remove(node);
  } else {
    graph.setInput(node, 1, value);
    node.attrs = { ...node.attrs, transposeB: true, dtype: y.type.dtype };
  }
  context.changed(node, `weights stored as ${format}`);
}

/** op(x, w) becomes op(x, codes) * scale. */
function scaleOut(
  graph: Graph,
  node: Node,
  w: Value,
  c: Constant,
  { bits, axis, codes, scales }: ChannelCodes,
  context: PassContext,
): void {
  const [y] = node.outputs;
  const [x] = node.inputs;
  if (!y || !x || node.inputs.length !== 2) return;
  const channels = Number(w.type.shape[axis]);
  const constant = (
    name: string,
    values: () => Float32Array,
    shape: Value['type']['shape'],
    more: Partial<Constant>,
  ): Value =>
    graph.constant(
      derivedConstant(c, name, () => ({
        name: `${c.name}${name === 'codes' ? '' : `.${name}`}`,
        type: tensor('f32', shape),
        bytes: shape.reduce<number>((n, d) => n * Number(d), 4),
        read: () => new Uint8Array(values().buffer),
        ...more,
      })),
    );
  const whole = constant('codes', codes, w.type.shape, { compact: { bits } });
  const perChannel = node.op === 'conv' ? [channels, ...w.type.shape.slice(2).map(() => 1)] : [channels];
  const scale = constant('scale', scales, perChannel, {});
  const b = builderAt(graph, node, context);
  // Narrow values are read as they are.
  const sum = b.node(node.op, [x, whole], { ...node.attrs, dtype: 'f32' });
  const scaled = b.node('mul', [sum, scale]);
  const result = y.type.dtype === 'f32' ? scaled : b.node('cast', [scaled], { to: y.type.dtype });
  if (graph.outputs.includes(y)) result.name = y.name;
  graph.replaceUses(y, result);
  graph.remove(node);
  context.changed(node, `weights kept as ${bits}-bit integers with a scale a channel`);
}
