import type { HostOp } from '../host.ts';
import { encodeFloat } from '../minifloat.ts';
import { emptyTensor, isTensor, toNumbers } from './values.ts';

/** RoiAlign of ai.onnx: inputs x [n, c, h, w], regions [r, 4] (x1, y1, x2, y2), batch indices [r]; mode avg or max. */
export const roiAlign: HostOp = ([image, regions, batches], attrs, { fail }) => {
  if (!isTensor(image) || !isTensor(regions) || !isTensor(batches)) return fail('three tensors are needed');
  const [count = 1, channels = 1, h = 1, w = 1] = image.shape;
  const [x, rois, batch] = [toNumbers(image), toNumbers(regions), toNumbers(batches)];
  const [oh, ow, ratio, scale] = [attrs.height, attrs.width, attrs.samplingRatio, attrs.spatialScale].map(Number) as [
    number,
    number,
    number,
    number,
  ];
  const half = attrs.halfPixel === true;
  const max = attrs.mode === 'max';
  const out = emptyTensor(image.dtype, [batch.length, channels, oh, ow]);
  const encode = (v: number) => (image.dtype === 'f16' || image.dtype === 'bf16' ? encodeFloat(image.dtype, v) : v);
  let at = 0;
  for (const [r, b] of batch.entries()) {
    if (!(b >= 0 && b < count)) fail(`region ${r} is of image ${b}, there are ${count}`);
    const [x1, y1, x2, y2] = [0, 1, 2, 3].map((i) => (rois[r * 4 + i] ?? 0) * scale - (half ? 0.5 : 0)) as [
      number,
      number,
      number,
      number,
    ];
    // Without half pixels a degenerate region counts as one element.
    const width = half ? x2 - x1 : Math.max(x2 - x1, 1);
    const height = half ? y2 - y1 : Math.max(y2 - y1, 1);
    const [binH, binW] = [height / oh, width / ow];
    const gridH = ratio > 0 ? ratio : Math.ceil(binH);
    const gridW = ratio > 0 ? ratio : Math.ceil(binW);
    for (let c = 0; c < channels; c++) {
      const plane = (b * channels + c) * h * w;
      const read = (py: number, px: number): number => x[plane + py * w + px] ?? 0;
      for (let py = 0; py < oh; py++) {
        for (let px = 0; px < ow; px++) {
          let total = max ? Number.NEGATIVE_INFINITY : 0;
          for (let iy = 0; iy < gridH; iy++) {
            for (let ix = 0; ix < gridW; ix++) {
              const corners = bilinear(
                y1 + py * binH + ((iy + 0.5) * binH) / gridH,
                x1 + px * binW + ((ix + 0.5) * binW) / gridW,
                h,
                w,
                read,
              );
              total = max ? Math.max(total, ...corners) : total + corners.reduce((p, q) => p + q, 0);
            }
          }
          const empty = gridH * gridW <= 0;
          out.data[at++] = encode(max ? (empty ? 0 : total) : total / Math.max(gridH * gridW, 1));
        }
      }
    }
  }
  return [out];
};

/** The four weighted neighbours of a point; zero when it lies more than one element outside. */
function bilinear(y: number, x: number, h: number, w: number, read: (y: number, x: number) => number): number[] {
  if (y < -1 || y > h || x < -1 || x > w) return [0, 0, 0, 0];
  const [cy, cx] = [Math.max(y, 0), Math.max(x, 0)];
  const [y0, x0] = [Math.min(Math.floor(cy), h - 1), Math.min(Math.floor(cx), w - 1)];
  const [y1, x1] = [Math.min(y0 + 1, h - 1), Math.min(x0 + 1, w - 1)];
  const fy = y0 >= h - 1 ? 0 : cy - y0;
  const fx = x0 >= w - 1 ? 0 : cx - x0;
  return [
    (1 - fy) * (1 - fx) * read(y0, x0),
    (1 - fy) * fx * read(y0, x1),
    fy * (1 - fx) * read(y1, x0),
    fy * fx * read(y1, x1),
  ];
}

/** MaxRoiPool of ai.onnx: inputs x [n, c, h, w], regions [r, 5] (batch, x1, y1, x2, y2); the largest element of each bin. */
export const maxRoiPool: HostOp = ([image, regions], attrs, { fail }) => {
  if (!isTensor(image) || !isTensor(regions)) return fail('two tensors are needed');
  const [, channels = 1, h = 1, w = 1] = image.shape;
  const [x, rois] = [toNumbers(image), toNumbers(regions)];
  const [oh, ow, scale] = [Number(attrs.height), Number(attrs.width), Number(attrs.spatialScale)];
  const count = regions.shape[0] ?? 0;
  const out = emptyTensor(image.dtype, [count, channels, oh, ow]);
  const encode = (v: number) => (image.dtype === 'f16' || image.dtype === 'bf16' ? encodeFloat(image.dtype, v) : v);
  // Bin i of an axis that starts at `start` and covers `length` elements, kept inside the image.
  const bin = (i: number, start: number, length: number, bins: number, limit: number): [number, number] => {
    const clamp = (v: number): number => Math.max(0, Math.min(limit, v + start));
    return [clamp(Math.floor((i * length) / bins)), clamp(Math.ceil(((i + 1) * length) / bins))];
  };
  let at = 0;
  for (let r = 0; r < count; r++) {
    const [batch = 0, x1 = 0, y1 = 0, x2 = 0, y2 = 0] = rois.slice(r * 5, r * 5 + 5);
    const [left, top] = [Math.round(x1 * scale), Math.round(y1 * scale)];
    const width = Math.max(Math.round(x2 * scale) - left + 1, 1);
    const height = Math.max(Math.round(y2 * scale) - top + 1, 1);
    for (let c = 0; c < channels; c++) {
      const plane = (batch * channels + c) * h * w;
      for (let py = 0; py < oh; py++) {
        const [ya, yb] = bin(py, top, height, oh, h);
        for (let px = 0; px < ow; px++) {
          const [xa, xb] = bin(px, left, width, ow, w);
          let best = yb <= ya || xb <= xa ? 0 : Number.NEGATIVE_INFINITY;
          for (let yy = ya; yy < yb; yy++)
            for (let xx = xa; xx < xb; xx++) best = Math.max(best, x[plane + yy * w + xx] ?? 0);
          out.data[at++] = encode(best);
        }
      }
    }
  }
  return [out];
};
