import { type Dim, isStatic } from './ir/dim.ts';
import type { Node } from './ir/graph.ts';
import { windowsOf } from './ops/conv.ts';

/** How a convolution reads its input: one number an axis of space. */
export interface PatchGeometry {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly begin: readonly number[];
  readonly end: readonly number[];
}

/** Longer rows would need Gram matrices of gigabytes. */
const LONGEST = 4608;

/** Geometry of an ungrouped convolution with static windows; undefined for others, whose outputs do not all read the same patch. */
export function patchGeometry(node: Node): PatchGeometry | undefined {
  const w = node.inputs[1]?.type.shape ?? [];
  if (node.op !== 'conv' || Number(node.attrs.group ?? 1) !== 1 || !w.every(isStatic)) return undefined;
  if (w.slice(1).reduce<number>((n, d) => n * Number(d), 1) > LONGEST) return undefined;
  const windows = windowsOf(node.attrs, w.slice(2));
  const all: readonly Dim[] = windows.flatMap((x) => [x.begin, x.end]);
  if (!all.every(isStatic)) return undefined;
  return {
    kernel: windows.map((x) => Number(x.kernel)),
    strides: windows.map((x) => x.stride),
    dilations: windows.map((x) => x.dilation),
    begin: windows.map((x) => Number(x.begin)),
    end: windows.map((x) => Number(x.end)),
  };
}

/**
 * What outputs of a convolution read: rows [channels * taps] of the input [n, channels, ...space], in the order of its weights. At most
 * `most` outputs, evenly spread.
 */
export function patches(
  data: Float32Array,
  shape: readonly number[],
  g: PatchGeometry,
  most: number,
): { readonly rows: Float32Array; readonly count: number } {
  const [batch = 1, channels = 1, ...space] = shape;
  const outs = space.map((n, i) => {
    const span = (g.dilations[i] ?? 1) * ((g.kernel[i] ?? 1) - 1) + 1;
    return Math.max(0, Math.floor((n + (g.begin[i] ?? 0) + (g.end[i] ?? 0) - span) / (g.strides[i] ?? 1)) + 1);
  });
  const taps = g.kernel.reduce((n, k) => n * k, 1);
  const inner = space.reduce((n, d) => n * d, 1);
  const total = batch * outs.reduce((n, o) => n * o, 1);
  const count = Math.min(total, most);
  const rows = new Float32Array(count * channels * taps);
  for (let s = 0; s < count; s++) {
    const at = coordinates(Math.floor((s * total) / count), [batch, ...outs]);
    for (let t = 0; t < taps; t++) {
      const tap = coordinates(t, g.kernel);
      let offset = 0;
      const inside = space.every((n, i) => {
        const p = (at[i + 1] ?? 0) * (g.strides[i] ?? 1) + (tap[i] ?? 0) * (g.dilations[i] ?? 1) - (g.begin[i] ?? 0);
        offset = offset * n + p;
        return p >= 0 && p < n;
      });
      if (!inside) continue;
      for (let c = 0; c < channels; c++)
        rows[(s * channels + c) * taps + t] = data[((at[0] ?? 0) * channels + c) * inner + offset] ?? 0;
    }
  }
  return { rows, count };
}

/** Row-major coordinates of a position. */
function coordinates(position: number, extents: readonly number[]): number[] {
  const out = new Array<number>(extents.length).fill(0);
  let rest = position;
  for (let i = extents.length - 1; i >= 0; i--) {
    const n = extents[i] ?? 1;
    out[i] = rest % n;
    rest = Math.floor(rest / n);
  }
  return out;
}
