import { describe, expect, it } from 'vitest';
import { wasmBackend } from '../../backends/wasm/backend.ts';
import { convSimd } from '../../backends/wasm/templates/conv.ts';
import { type Dim, evaluate, sym } from '../../compiler/ir/dim.ts';
import { instantiate } from './run-wasm.ts';
import { lowerOne } from './template-request.ts';

function random(n: number, seed: number): Float32Array {
  let s = seed;
  return Float32Array.from({ length: n }, () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s / 2147483648 - 1;
  });
}

interface Case {
  readonly name: string;
  readonly n?: number;
  readonly c: number;
  readonly m: number;
  readonly group?: number;
  readonly size: readonly Dim[];
  readonly kernel: readonly number[];
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
  readonly pads?: readonly number[];
  readonly values?: Readonly<Record<string, number>>;
}

const w = sym('w', { min: 1, max: 4096 });
const h = sym('h', { min: 1, max: 4096 });

const CASES: readonly Case[] = [
  { name: 'pointwise', c: 9, m: 10, size: [5, 7], kernel: [1, 1] },
  { name: 'pointwise, two images', n: 2, c: 16, m: 8, size: [4, 8], kernel: [1, 1] },
  { name: 'pointwise, stride 2', c: 5, m: 6, size: [9, 11], kernel: [1, 1], strides: [2, 2] },
  { name: '3x3 padded', c: 8, m: 12, size: [13, 13], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: '3x3 first layer', c: 3, m: 7, size: [17, 19], kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  {
    name: '3x3 stride 2, many channels',
    c: 16,
    m: 5,
    size: [12, 15],
    kernel: [3, 3],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
  },
  { name: 'uneven padding', c: 4, m: 4, size: [6, 6], kernel: [2, 3], pads: [0, 2, 1, 0] },
  { name: '5x3 dilated', c: 2, m: 3, size: [20, 18], kernel: [5, 3], dilations: [2, 3], pads: [4, 3, 4, 3] },
  {
    name: 'stride 3, dilation 2',
    c: 8,
    m: 4,
    size: [21, 25],
    kernel: [3, 3],
    strides: [3, 3],
    dilations: [2, 2],
    pads: [1, 1, 1, 1],
  },
  { name: 'depthwise 3x3', c: 6, m: 6, group: 6, size: [14, 14], kernel: [3, 3], pads: [1, 1, 1, 1] },
  {
    name: 'depthwise 5x5 stride 2',
    c: 3,
    m: 3,
    group: 3,
    size: [14, 15],
    kernel: [5, 5],
    strides: [2, 2],
    pads: [2, 2, 2, 2],
  },
  { name: 'depthwise with multiplier', c: 3, m: 6, group: 3, size: [10, 9], kernel: [3, 3] },
  { name: 'two groups', c: 8, m: 10, group: 2, size: [7, 9], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: 'tiny images', c: 24, m: 30, size: [1, 1], kernel: [1, 1] },
  { name: 'narrow images', c: 4, m: 5, size: [9, 3], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: 'two columns', c: 4, m: 5, size: [9, 2], kernel: [1, 1] },
  { name: 'wide rows', c: 4, m: 5, size: [3, 101], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: 'few pixels, many channels', c: 32, m: 150, size: [5, 5], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: '1d', c: 5, m: 9, size: [40], kernel: [5], pads: [2, 2] },
  { name: '1d stride 4, long', n: 2, c: 1, m: 8, size: [400], kernel: [16], strides: [4], pads: [6, 6] },
  { name: '1d dilated depthwise', c: 4, m: 4, group: 4, size: [50], kernel: [3], dilations: [4], pads: [4, 4] },
  ...[3, 4, 31, 32, 33, 70].flatMap((v): Case[] => [
    { name: `width ${v} at run time`, c: 9, m: 5, size: [4, w], kernel: [3, 3], pads: [1, 1, 1, 1], values: { w: v } },
    {
      name: `height and width ${v} at run time`,
      c: 3,
      m: 5,
      size: [h, w],
      kernel: [3, 3],
      strides: [2, 2],
      pads: [1, 1, 1, 1],
      values: { h: v + 1, w: v },
    },
    {
      name: `depthwise, width ${v} at run time`,
      c: 3,
      m: 3,
      group: 3,
      size: [h, w],
      kernel: [3, 3],
      pads: [1, 1, 1, 1],
      values: { h: 5, w: v },
    },
  ]),
];

function check(c: Case): void {
  const values = new Map(Object.entries(c.values ?? {}));
  const rank = c.kernel.length;
  const { group = 1, n = 1 } = c;
  const one = (list: readonly number[] | undefined, i: number, fallback: number): number => {
    const pick = rank === 1 && list ? (i === 0 ? undefined : list[0]) : list?.[i];
    return pick ?? fallback;
  };
  const size = c.size.map((d) => evaluate(d, values));
  const [ih, iw] = rank === 1 ? [1, size[0] ?? 0] : [size[0] ?? 0, size[1] ?? 0];
  const [kh, kw] = rank === 1 ? [1, c.kernel[0] ?? 1] : [c.kernel[0] ?? 1, c.kernel[1] ?? 1];
  const [sh, sw] = [one(c.strides, 0, 1), one(c.strides, 1, 1)];
  const [dh, dw] = [one(c.dilations, 0, 1), one(c.dilations, 1, 1)];
  const pads = rank === 1 ? [0, c.pads?.[0] ?? 0, 0, c.pads?.[1] ?? 0] : (c.pads ?? [0, 0, 0, 0]);
  const [pt = 0, pl = 0, pb = 0, pr = 0] = pads;
  const oh = Math.floor((ih + pt + pb - (dh * (kh - 1) + 1)) / sh) + 1;
  const ow = Math.floor((iw + pl + pr - (dw * (kw - 1) + 1)) / sw) + 1;
  const x = random(n * c.c * ih * iw, 3);
  const depth = c.c / group;
  const weights = random(c.m * depth * kh * kw, 4);
  const { lowered, inputs } = lowerOne(
    convSimd,
    wasmBackend.target(),
    'conv',
    [
      { dtype: 'f32', shape: [n, c.c, ...c.size] },
      { dtype: 'f32', shape: [c.m, depth, ...c.kernel], data: weights },
    ],
    {
      strides: c.strides ?? c.kernel.map(() => 1),
      dilations: c.dilations ?? c.kernel.map(() => 1),
      pads: c.pads ?? c.kernel.flatMap(() => [0, 0]),
      group,
    },
    (b, y) => b.node('relu', [y]),
  );
  const out = new Float32Array(n * c.m * oh * ow).fill(Number.NaN);
  const data = lowered.args.map((arg) => {
    if (arg.kind === 'packed') {
      const bytes = arg.constant.read().slice().buffer;
      return arg.constant.type.dtype === 'i32' ? new Int32Array(bytes) : new Float32Array(bytes);
    }
    return arg.kind === 'value' && arg.value === inputs[0] ? x : out;
  });
  const running = instantiate(lowered.kernel, data, c.values ?? {});
  running.run();
  const got = running.views[data.indexOf(out)];
  for (let b = 0; b < n; b++)
    for (let m = 0; m < c.m; m++)
      for (let oy = 0; oy < oh; oy++)
        for (let ox = 0; ox < ow; ox++) {
          let sum = 0;
          const first = Math.floor(m / (c.m / group)) * depth;
          for (let d = 0; d < depth; d++)
            for (let ky = 0; ky < kh; ky++)
              for (let kx = 0; kx < kw; kx++) {
                const y = oy * sh - pt + ky * dh;
                const z = ox * sw - pl + kx * dw;
                if (y < 0 || y >= ih || z < 0 || z >= iw) continue;
                sum +=
                  (x[((b * c.c + first + d) * ih + y) * iw + z] ?? 0) *
                  (weights[((m * depth + d) * kh + ky) * kw + kx] ?? 0);
              }
          const g = Number(got?.[((b * c.m + m) * oh + oy) * ow + ox]);
          expect(
            Math.abs(g - Math.max(0, sum)),
            `${c.name} [${b},${m},${oy},${ox}]: ${g}, expected ${Math.max(0, sum)}`,
          ).toBeLessThan(1e-4);
        }
}

describe('conv-simd', () => {
  for (const c of CASES) it(c.name, () => check(c));
});

describe('conv-simd with fused consumers', () => {
  /** y + other, where `other` has its own shape: full, per channel, per row, per column. */
  const shapes: readonly (readonly number[])[] = [[1, 6, 5, 7], [1, 6, 1, 1], [5, 1], [7], [1, 1, 5, 7]];
  for (const kernel of [1, 3])
    for (const shape of shapes)
      it(`${kernel}x${kernel}, plus a tensor of [${shape}]`, () => {
        const [c, m, h, wide] = [3, 6, 5, 7];
        const pad = kernel === 3 ? 1 : 0;
        const x = random(c * h * wide, 1);
        const weights = random(m * c * kernel * kernel, 2);
        const other = random(
          shape.reduce((p, d) => p * d, 1),
          3,
        );
        const { lowered, inputs } = lowerOne(
          convSimd,
          wasmBackend.target(),
          'conv',
          [
            { dtype: 'f32', shape: [1, c, h, wide] },
            { dtype: 'f32', shape: [m, c, kernel, kernel], data: weights },
            { dtype: 'f32', shape },
          ],
          { strides: [1, 1], dilations: [1, 1], pads: [pad, pad, pad, pad], group: 1 },
          (b, y, all) => b.node('add', [y, all[2] ?? y]),
        );
        const out = new Float32Array(m * h * wide);
        const data = lowered.args.map((arg) => {
          if (arg.kind === 'packed') {
            const bytes = arg.constant.read().slice().buffer;
            return arg.constant.type.dtype === 'i32' ? new Int32Array(bytes) : new Float32Array(bytes);
          }
          if (arg.kind === 'value' && arg.value === inputs[0]) return x;
          return arg.kind === 'value' && arg.value === inputs[2] ? other : out;
        });
        const running = instantiate(lowered.kernel, data);
        running.run();
        const got = running.views[data.indexOf(out)];
        const full = [1, 1, 1, 1, ...shape].slice(-4);
        for (let i = 0; i < out.length; i++) {
          const [ch, oy, ox] = [Math.floor(i / (h * wide)), Math.floor(i / wide) % h, i % wide];
          let sum = 0;
          for (let d = 0; d < c; d++)
            for (let ky = 0; ky < kernel; ky++)
              for (let kx = 0; kx < kernel; kx++) {
                const [iy, ix] = [oy + ky - pad, ox + kx - pad];
                if (iy < 0 || iy >= h || ix < 0 || ix >= wide) continue;
                sum += (x[(d * h + iy) * wide + ix] ?? 0) * (weights[((ch * c + d) * kernel + ky) * kernel + kx] ?? 0);
              }
          const at = [0, ch, oy, ox].reduce((p, v, axis) => p * (full[axis] ?? 1) + (full[axis] === 1 ? 0 : v), 0);
          expect(Math.abs(Number(got?.[i]) - sum - (other[at] ?? 0)), `element ${i}`).toBeLessThan(1e-4);
        }
      });
});
