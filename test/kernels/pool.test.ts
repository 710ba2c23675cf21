import { describe, expect, it } from 'vitest';
import { wasmBackend } from '../../backends/wasm/backend.ts';
import { poolSimd } from '../../backends/wasm/templates/pool.ts';
import { type Dim, evaluate, sym } from '../../compiler/ir/dim.ts';
import { instantiate } from './run-wasm.ts';
import { lowerOne } from './template-request.ts';

interface Case {
  readonly name: string;
  readonly op: 'max_pool' | 'average_pool';
  readonly channels: number;
  readonly size: readonly [Dim, Dim];
  readonly kernel: readonly [number, number];
  readonly strides?: readonly [number, number];
  readonly pads?: readonly [number, number, number, number];
  readonly ceil?: boolean;
  readonly codes?: 'i8' | 'u8';
  readonly values?: Readonly<Record<string, number>>;
}

const h = sym('h', { min: 1, max: 4096 });
const w = sym('w', { min: 1, max: 4096 });

const CASES: readonly Case[] = [
  { name: '2x2', op: 'max_pool', channels: 3, size: [8, 12], kernel: [2, 2], strides: [2, 2] },
  {
    name: '3x3 stride 2 padded',
    op: 'max_pool',
    channels: 2,
    size: [13, 15],
    kernel: [3, 3],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
  },
  { name: '13x13 same', op: 'max_pool', channels: 2, size: [13, 13], kernel: [13, 13], pads: [6, 6, 6, 6] },
  { name: 'long row', op: 'max_pool', channels: 1, size: [1, 301], kernel: [1, 2], strides: [1, 2] },
  { name: 'rounded up', op: 'max_pool', channels: 1, size: [9, 10], kernel: [3, 3], strides: [2, 2], ceil: true },
  { name: 'signed codes', op: 'max_pool', channels: 2, size: [9, 21], kernel: [3, 3], pads: [1, 1, 1, 1], codes: 'i8' },
  { name: 'codes', op: 'max_pool', channels: 1, size: [12, 18], kernel: [2, 2], strides: [2, 2], codes: 'u8' },
  { name: 'mean 2x2', op: 'average_pool', channels: 3, size: [10, 14], kernel: [2, 2], strides: [2, 2] },
  { name: 'mean 3x5', op: 'average_pool', channels: 3, size: [10, 14], kernel: [3, 5] },
  ...[5, 9, 33, 70].map(
    (v): Case => ({
      name: `width ${v} at run time`,
      op: 'max_pool',
      channels: 2,
      size: [h, w],
      kernel: [3, 3],
      strides: [2, 2],
      pads: [1, 1, 1, 1],
      values: { h: v + 2, w: v },
    }),
  ),
];

function check(c: Case): void {
  const values = new Map(Object.entries(c.values ?? {}));
  const [ih = 0, iw = 0] = c.size.map((d) => evaluate(d, values));
  const [sh, sw] = c.strides ?? [1, 1];
  const [pt, pl, pb, pr] = c.pads ?? [0, 0, 0, 0];
  const [kh, kw] = c.kernel;
  const template = poolSimd.find((t) => t.op === c.op);
  if (!template) throw new TypeError('no template');
  const { lowered, inputs, output } = lowerOne(
    template,
    wasmBackend.target(),
    c.op,
    [{ dtype: c.codes ?? 'f32', shape: [2, c.channels, ...c.size] }],
    { kernel: c.kernel, strides: [sh, sw], dilations: [1, 1], pads: [pt, pl, pb, pr], ceil: c.ceil ?? false },
  );
  const [, , oh = 0, ow = 0] = output.type.shape.map((d) => evaluate(d, values));
  let s = 9;
  const next = (): number => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s;
  };
  const count = 2 * c.channels * ih * iw;
  const bytes = c.codes === 'i8' ? Int8Array : Uint8Array;
  const x = c.codes
    ? new bytes(count).map(() => next() >>> 24)
    : Float32Array.from({ length: count }, () => next() / 2147483648 - 1.2);
  if (!c.codes) x[7] = Number.NaN;
  const out = new (c.codes ? bytes : Float32Array)(2 * c.channels * oh * ow).fill(77);
  const data = lowered.args.map((a) => (a.kind === 'value' && a.value === inputs[0] ? x : out));
  const running = instantiate(lowered.kernel, data, c.values ?? {});
  running.run();
  const got = running.views[data.indexOf(out)];
  for (let plane = 0; plane < 2 * c.channels; plane++)
    for (let oy = 0; oy < oh; oy++)
      for (let ox = 0; ox < ow; ox++) {
        const seen: number[] = [];
        for (let ky = 0; ky < kh; ky++)
          for (let kx = 0; kx < kw; kx++) {
            const [py, px] = [oy * sh - pt + ky, ox * sw - pl + kx];
            if (py >= 0 && py < ih && px >= 0 && px < iw) seen.push(x[(plane * ih + py) * iw + px] ?? 0);
          }
        const expected = c.op === 'max_pool' ? Math.max(...seen) : seen.reduce((p, q) => p + q, 0) / (kh * kw);
        const g = Number(got?.[(plane * oh + oy) * ow + ox]);
        if (Number.isNaN(expected)) expect(g, `[${plane},${oy},${ox}]`).toBeNaN();
        else expect(Math.abs(g - expected), `[${plane},${oy},${ox}]: ${g}, expected ${expected}`).toBeLessThan(1e-5);
      }
}

describe('pool-simd', () => {
  for (const c of CASES) it(`${c.op}: ${c.name}`, () => check(c));
});
