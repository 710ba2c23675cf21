import { clamp, fit, largestMagnitude } from '../../compiler/formats/fit.ts';
import { matchesName } from '../../compiler/formats/recipe.ts';
import { type Constant, type Graph, type Node, tensor, type Value } from '../../compiler/ir/graph.ts';
import { decodeFloat, encodeFloat } from '../../runtime/minifloat.ts';
import { builderAt, definePass, type PassContext } from '../pass.ts';
import { constantValues } from '../precision/transform-constant.ts';

/** Weights with fewer elements stay as they are. */
const SMALLEST = 1024;

/**
 * Weights that no storage format fits (convolutions, recurrences) become compact in the file: whole numbers of the format's width with one
 * scale an output channel, which multiplies the result, or 16-bit floats. They are expanded when the model is loaded, so kernels run as
 * they do on dense weights.
 */
export const compactWeights = definePass({
  name: 'compact-weights',
  phase: 'format',
  after: ['assign-formats'],
  does: 'keeps weights of convolutions and recurrences compact in the file, as the recipe says',
  run(graph, context) {
    const recipe = context.storage?.recipe;
    if (!recipe || recipe.simulate) return;
    for (const node of [...graph.nodes]) {
      node.inputs.forEach((v, i) => {
        const c = v?.constant;
        if (!v || !c || c.compact || v.type.format !== 'dense' || elementsOf(c) < SMALLEST) return;
        const rule = recipe.rules.find(
          (r) =>
            (r.match === undefined || matchesName(r.match, c.name)) &&
            (r.role ?? 'linear') === 'linear' &&
            elementsOf(c) <= (r.atMost ?? Number.POSITIVE_INFINITY),
        );
        if (!rule) return;
        const float = rule.format === 'dense-f16' ? 'f16' : rule.format === 'dense-bf16' ? 'bf16' : undefined;
        if (float && v.type.dtype === 'f32') narrow(graph, node, i, c, float, context);
        const bits = context.storage?.format(rule.format)?.bits;
        if (bits !== undefined && i === 1 && channelAxis(node, v) !== undefined)
          scaleOut(graph, node, v, c, bits, context);
      });
    }
  },
});

const elementsOf = (c: Constant): number => c.type.shape.reduce<number>((n, d) => n * Number(d), 1);

const made = new WeakMap<Constant, Map<string, Constant>>();

/** One constant for a weight and what became of it. */
function once(from: Constant, key: string, make: () => Constant): Constant {
  const mine = made.get(from) ?? new Map<string, Constant>();
  made.set(from, mine);
  const c = mine.get(key) ?? make();
  mine.set(key, c);
  return c;
}

function f32Constant(from: Constant, values: Float32Array, more: Partial<Constant>): Constant {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { name: from.name, type: tensor('f32', from.type.shape), bytes: bytes.length, read: () => bytes, ...more };
}

function narrow(
  graph: Graph,
  node: Node,
  index: number,
  c: Constant,
  float: 'f16' | 'bf16',
  context: PassContext,
): void {
  const rounded = once(c, float, () =>
    f32Constant(
      c,
      Float32Array.from(constantValues(c), (w) => decodeFloat(float, encodeFloat(float, w))),
      { compact: { float } },
    ),
  );
  graph.setInput(node, index, graph.constant(rounded));
  context.changed(node, `weights kept as ${float} in the file`);
}

/** Axis of the weights that counts output channels. */
function channelAxis(node: Node, w: Value): 0 | 1 | undefined {
  if (node.op === 'conv') return 0;
  if (node.op !== 'matmul' || w.type.shape.length !== 2) return undefined;
  return node.attrs.transposeB === true ? 0 : 1;
}

/** op(x, w) becomes op(x, codes) * scale. */
function scaleOut(graph: Graph, node: Node, w: Value, c: Constant, bits: number, context: PassContext): void {
  const [y] = node.outputs;
  const { dtype } = w.type;
  if (!y || node.inputs.length !== 2 || (dtype !== 'f32' && dtype !== 'f16') || y.type.dtype !== dtype) return;
  const axis = channelAxis(node, w) ?? 0;
  const channels = Number(w.type.shape[axis]);
  const most = 2 ** (bits - 1) - 1;
  const scales = new Float32Array(channels);
  const codes = once(c, `int${bits}`, () => {
    const values = Float32Array.from(constantValues(c));
    const length = values.length / channels;
    const [perChannel, perWeight] = axis === 0 ? [length, 1] : [1, channels];
    const row = new Float32Array(length);
    for (let o = 0; o < channels; o++) {
      for (let i = 0; i < length; i++) row[i] = values[o * perChannel + i * perWeight] ?? 0;
      const scale = scaleOf(row, most, bits <= 4);
      scales[o] = scale;
      for (let i = 0; i < length; i++) values[o * perChannel + i * perWeight] = codeOf(row[i] ?? 0, scale, most);
    }
    return f32Constant(c, values, { compact: { bits } });
  });
  const scale = once(c, `int${bits} scale`, () => ({
    ...f32Constant(c, scales, {}),
    name: `${c.name}.scale`,
    type: tensor('f32', node.op === 'conv' ? [channels, ...w.type.shape.slice(2).map(() => 1)] : [channels]),
  }));
  const b = builderAt(graph, node, context);
  const x = node.inputs[0] ?? null;
  const wide = x && dtype !== 'f32' ? b.node('cast', [x], { to: 'f32' }) : x;
  const sum = b.node(node.op, [wide, graph.constant(codes)], { ...node.attrs, dtype: 'f32' });
  const scaled = b.node('mul', [sum, graph.constant(scale)]);
  const result = dtype === 'f32' ? scaled : b.node('cast', [scaled], { to: dtype });
  if (graph.outputs.includes(y)) result.name = y.name;
  graph.replaceUses(y, result);
  graph.remove(node);
  context.changed(node, `weights kept as ${bits}-bit integers with a scale a channel`);
}

/** Scale of a channel: the largest weight decides, or with few bits the squared error. */
function scaleOf(row: Float32Array, most: number, search: boolean): number {
  const full = largestMagnitude(row) / most;
  if (!search) return full;
  const even = new Float32Array(row.length).fill(1);
  return fit(
    row,
    even,
    (share) => Math.fround(full * share),
    (s, w) => s * codeOf(w, s, most),
  );
}

const codeOf = (w: number, scale: number, most: number): number =>
  scale === 0 ? 0 : clamp(Math.round(w / scale), -most, most);
