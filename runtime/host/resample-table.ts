import type { HostOp } from '../host.ts';
import { emptyTensor, isTensor, toNumbers } from './values.ts';

/** Neighbours that an output position mixes: fixed by mode, and by the scale when shrinking with antialiasing. */
export function tapCount(mode: string, antialias: boolean, scale: number): number {
  const reach = mode === 'cubic' ? 2 : 1;
  if (mode === 'nearest') return 1;
  return antialias ? 2 - 2 * (Math.floor(-reach / Math.min(scale, 1)) + 1) : 2 * reach;
}

/** Source coordinate of output position y (Resize of ai.onnx, `coordinate_transformation_mode`). */
function sourceOf(
  mode: string,
  y: number,
  n: number,
  size: number,
  scale: number,
  roi: readonly [number, number],
): number {
  const length = scale * n;
  switch (mode) {
    case 'align_corners':
      return length === 1 ? 0 : (y * (n - 1)) / (length - 1);
    case 'asymmetric':
      return y / scale;
    case 'tf_crop_and_resize': {
      const span = (roi[1] - roi[0]) * (n - 1);
      return (length === 1 ? span / 2 : (y * span) / (length - 1)) + roi[0] * (n - 1);
    }
    case 'pytorch_half_pixel':
      return size > 1 ? (y + 0.5) / scale - 0.5 : 0;
    case 'half_pixel_symmetric':
      return (n / 2) * (1 - size / length) + (y + 0.5) / scale - 0.5;
    default:
      return (y + 0.5) / scale - 0.5;
  }
}

/** Keys' cubic convolution kernel at distance |x|. */
function cubicKernel(x: number, a: number): number {
  const d = Math.abs(x);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

function nearest(x: number, mode: string): number {
  switch (mode) {
    case 'floor':
      return Math.floor(x);
    case 'ceil':
      return Math.ceil(x);
    case 'round_prefer_ceil':
      return Math.floor(x + 0.5);
    default:
      return Math.ceil(x - 0.5);
  }
}

/**
 * Which elements each position of a resized axis mixes, and how: indices i32 [size, taps], weights f32 [size, taps] and an added value
 * f32 [size]. Inputs: [length, size]; scales?; regions of interest?. Attributes as in Resize, with `scaleAt`, `startAt` and `endAt` placing
 * this axis in the inputs; without a scale it is size / length.
 */
export const resampleTable: HostOp = (inputs, attrs, { fail }) => {
  const [lengths, scales, rois] = inputs.map((v) => (isTensor(v) ? toNumbers(v) : undefined));
  const [n = 0, size = 0] = lengths ?? fail('the lengths are missing');
  const scale = typeof attrs.scale === 'number' ? attrs.scale : (scales?.[Number(attrs.scaleAt)] ?? size / n);
  const roi = [rois?.[Number(attrs.startAt)] ?? 0, rois?.[Number(attrs.endAt)] ?? 1] as const;
  const mode = String(attrs.mode);
  const antialias = attrs.antialias === true;
  const taps = tapCount(mode, antialias, scale);
  const shrink = antialias ? Math.min(scale, 1) : 1;
  const indices = emptyTensor('i32', [size, taps]);
  const weights = emptyTensor('f32', [size, taps]);
  const fill = emptyTensor('f32', [size]);
  const between = mode === 'linear' && !antialias && attrs.excludeOutside !== true;
  for (let y = 0; y < size; y++) {
    const x = sourceOf(String(attrs.coordinates), y, n, size, scale, roi);
    if (attrs.coordinates === 'tf_crop_and_resize' && (x < 0 || x > n - 1)) {
      fill.data[y] = Number(attrs.extrapolation);
      continue;
    }
    if (between) {
      // As onnxruntime has it: two neighbours of the coordinate moved into the image, half each where they are one.
      const at = Math.fround(Math.max(0, Math.min(n - 1, x)));
      const low = Math.floor(at);
      const high = Math.min(low + 1, n - 1);
      indices.data[2 * y] = low;
      indices.data[2 * y + 1] = high;
      weights.data[2 * y] = low === high ? 0.5 : high - at;
      weights.data[2 * y + 1] = low === high ? 0.5 : at - low;
      continue;
    }
    // A whole coordinate counts as one right of its left neighbour.
    const start = mode === 'nearest' ? nearest(x, String(attrs.nearestMode)) : Math.ceil(x) - taps / 2;
    const row = Array.from({ length: taps }, (_, t) => {
      const at = start + t;
      if (mode === 'nearest') return 1;
      if (attrs.excludeOutside === true && (at < 0 || at >= n)) return 0;
      const distance = (at - x) * shrink;
      return mode === 'cubic' ? cubicKernel(distance, Number(attrs.cubicA)) : Math.max(0, 1 - Math.abs(distance));
    });
    const total = antialias || attrs.excludeOutside === true ? row.reduce((p, q) => p + q, 0) || 1 : 1;
    row.forEach((w, t) => {
      indices.data[y * taps + t] = Math.max(0, Math.min(n - 1, start + t));
      weights.data[y * taps + t] = w / total;
    });
  }
  return [indices, weights, fill];
};
