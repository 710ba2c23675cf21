import { type Dim, isStatic, mul } from '../../compiler/ir/dim.ts';
import type { Constant, Graph, Node, Value } from '../../compiler/ir/graph.ts';
import { tensor } from '../../compiler/ir/graph.ts';
import { builderAt, definePass, type PassContext } from '../pass.ts';

/**
 * A transposed convolution with stride s is s convolutions of stride 1 per axis, one for each phase of the output, whose outputs
 * interleave: output q = s*a + r takes taps k = r + s*t from input a - t (Shi et al. 2016, "Is the deconvolution layer the same as a
 * convolutional layer?"). All phases are channels of one convolution, so the ordinary kernels run it.
 */
export const convTransposeToConv = definePass({
  name: 'conv-transpose-to-conv',
  phase: 'fuse',
  does: 'turns transposed convolutions with constant weights into convolutions and an interleaving',
  run(graph, context) {
    for (const node of [...graph.nodes]) {
      const y = node.outputs[0];
      const made = node.op === 'conv_transpose' && y ? asConv(graph, node, y, context) : undefined;
      if (!made || !y) continue;
      graph.replaceUses(y, made);
      graph.remove(node);
      context.changed(node, 'runs as a convolution');
    }
  },
});

const numbers = (a: unknown): number[] => (Array.isArray(a) ? a.map(Number) : []);

/** One spatial axis: `taps` of the phase kernels, zero padding of the convolution, and where the wanted part of its output begins. */
interface Axis {
  readonly kernel: number;
  readonly stride: number;
  readonly taps: number;
  readonly begin: number;
  readonly end: number;
  readonly crop: number;
}

function asConv(graph: Graph, node: Node, y: Value, context: PassContext): Value | undefined {
  const [x, w] = node.inputs;
  if (!x || !w?.constant || w.type.dtype !== 'f32' || w.type.format !== 'dense') return undefined;
  const shape = w.type.shape.filter(isStatic);
  const [inChannels = 0, perGroup = 0, ...kernel] = shape;
  const group = Number(node.attrs.group ?? 1);
  const pads = numbers(node.attrs.pads);
  const strides = numbers(node.attrs.strides);
  const extra = numbers(node.attrs.outputPadding);
  const dilations = kernel.map((_, i) => numbers(node.attrs.dilations)[i] ?? 1);
  // Pads that only the run fixes are no numbers.
  const isUnfit = kernel.some(
    (_, i) =>
      !((pads[i] ?? 0) >= 0) || Number.isNaN(pads[i + kernel.length] ?? 0) || (dilations[i] !== 1 && strides[i] !== 1),
  );
  if (shape.length !== w.type.shape.length || isUnfit) return undefined;
  const axes = kernel.map((k, i): Axis => {
    const stride = strides[i] ?? 1;
    const taps = Math.ceil(k / stride);
    const before = pads[i] ?? 0;
    const reach = (dilations[i] ?? 1) * (taps - 1);
    // Output a of the convolution with `reach` zeros before it is phase position a: skip whole strides of the cropped part.
    const skipped = Math.min(Math.floor(before / stride), reach);
    // Positions needed up to the end: (n-1)*stride + most; the convolution yields n + begin + end - reach of each phase.
    const most = (dilations[i] ?? 1) * (k - 1) + 1 - (pads[i + kernel.length] ?? 0) + (extra[i] ?? 0);
    const end = Math.max(0, Math.ceil(most / stride) - 1);
    return { kernel: k, stride, taps, begin: reach - skipped, end, crop: before - skipped * stride };
  });
  const phases = axes.reduce((n, a) => n * a.stride, 1);
  const b = builderAt(graph, node, context);
  const weights = graph.constant(phaseWeights(w.constant, { inChannels, perGroup, group, axes, phases }));
  const outChannels = perGroup * group;
  const ones = kernel.map(() => 1);
  const conv = b.node('conv', [x, weights], {
    strides: ones,
    dilations,
    pads: [...axes.map((a) => a.begin), ...axes.map((a) => a.end)],
    group,
  });
  if (phases === 1) return cropped(b, conv, y, axes);
  const [n = 1, , ...positions] = conv.type.shape;
  const split = b.node('reshape', [conv], { shape: [n, outChannels, ...axes.map((a) => a.stride), ...positions] });
  const rank = axes.length;
  const permutation = [0, 1, ...axes.flatMap((_, i) => [2 + rank + i, 2 + i])];
  const woven = b.node('transpose', [split], { permutation });
  const whole = b.node('reshape', [woven], {
    shape: [n, outChannels, ...positions.map((p, i) => mul(p, axes[i]?.stride ?? 1))],
  });
  return cropped(b, whole, y, axes);
}

function cropped(b: ReturnType<typeof builderAt>, v: Value, y: Value, axes: readonly Axis[]): Value {
  const shape = y.type.shape;
  const starts: Dim[] = [0, 0, ...axes.map((a) => a.crop)];
  if (v.type.shape.every((d, i) => d === shape[i]) && starts.every((s) => s === 0))
    return b.node('identity', [v], {}, y.name);
  return b.node('slice', [v], { starts, steps: shape.map(() => 1), shape }, y.name);
}

interface Phases {
  readonly inChannels: number;
  readonly perGroup: number;
  readonly group: number;
  readonly axes: readonly Axis[];
  readonly phases: number;
}

/** Weights [m * phases, c/group, ...taps] from [c, m/group, ...kernel]; phase r of tap u is kernel tap r + stride*(taps-1-u). */
function phaseWeights(from: Constant, { inChannels, perGroup, group, axes, phases }: Phases): Constant {
  const depth = inChannels / group;
  const taps = axes.reduce((n, a) => n * a.taps, 1);
  const size = axes.reduce((n, a) => n * a.kernel, 1);
  const out = new Float32Array(perGroup * group * phases * depth * taps);
  const bytes = from.read();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let to = 0;
  for (let m = 0; m < perGroup * group; m++) {
    const g = Math.floor(m / perGroup);
    for (let phase = 0; phase < phases; phase++) {
      const r = unravelNumber(
        phase,
        axes.map((a) => a.stride),
      );
      for (let d = 0; d < depth; d++) {
        for (let tap = 0; tap < taps; tap++, to++) {
          const u = unravelNumber(
            tap,
            axes.map((a) => a.taps),
          );
          let at = 0;
          let isInside = true;
          axes.forEach((a, i) => {
            const k = (r[i] ?? 0) + a.stride * (a.taps - 1 - (u[i] ?? 0));
            if (k >= a.kernel) isInside = false;
            at = at * a.kernel + k;
          });
          if (isInside)
            out[to] = view.getFloat32(4 * (((g * depth + d) * perGroup + (m % perGroup)) * size + at), true);
        }
      }
    }
  }
  const shape = [perGroup * group * phases, depth, ...axes.map((a) => a.taps)];
  return {
    name: `${from.name}.phases`,
    type: tensor('f32', shape),
    bytes: out.byteLength,
    read: () => new Uint8Array(out.buffer),
  };
}

function unravelNumber(position: number, shape: readonly number[]): number[] {
  const out = new Array<number>(shape.length);
  let rest = position;
  for (let i = shape.length - 1; i >= 0; i--) {
    const d = shape[i] ?? 1;
    out[i] = rest % d;
    rest = Math.floor(rest / d);
  }
  return out;
}
