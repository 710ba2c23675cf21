import { describe, expect, it } from 'vitest';
import { interpret } from '../../backends/reference/interpret.ts';
import { wasmBackend } from '../../backends/wasm/backend.ts';
import { meanings } from '../../backends/wasm/intrinsics.ts';
import { convInteger } from '../../backends/wasm/templates/conv-integer.ts';
import { convWinograd } from '../../backends/wasm/templates/conv-winograd.ts';
import { gemmInteger } from '../../backends/wasm/templates/gemm-integer.ts';
import { type Dim, evaluate, sym } from '../../compiler/ir/dim.ts';
import { type TypedArray, viewOf } from '../../compiler/ir/dtype.ts';
import type { Value } from '../../compiler/ir/graph.ts';
import type { LoweredKernel, Template } from '../../compiler/lower/template.ts';
import { instantiate } from './run-wasm.ts';
import { lowerOne, type Operand } from './template-request.ts';

type Code = 'u8' | 'i8';

/** What codes and zero points are drawn from: at random, and where 16-bit products are largest. */
interface Codes {
  readonly x: Code;
  readonly w: Code;
  readonly xZero?: number;
  /** One for all channels, or drawn for each. */
  readonly wZero?: number | 'channels';
  readonly values: 'random' | 'extreme';
}

const CODES: readonly Codes[] = [
  { x: 'u8', w: 'i8', xZero: 131, values: 'random' },
  { x: 'u8', w: 'u8', xZero: 0, wZero: 140, values: 'random' },
  { x: 'i8', w: 'i8', values: 'random' },
  { x: 'i8', w: 'i8', xZero: -128, wZero: 0, values: 'extreme' },
  { x: 'u8', w: 'u8', xZero: 255, wZero: 255, values: 'extreme' },
  { x: 'i8', w: 'u8', xZero: 127, wZero: 'channels', values: 'extreme' },
  { x: 'u8', w: 'i8', xZero: 7, wZero: 'channels', values: 'random' },
];

function draw(dtype: Code, n: number, values: Codes['values'], seed: number): Int8Array | Uint8Array {
  let s = seed;
  const next = (): number => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s >>> 24;
  };
  const bytes = Uint8Array.from({ length: n }, () => (values === 'random' ? next() : next() < 128 ? 0 : 255));
  // -128 and 127 are 0x80 and 0x7f.
  if (dtype === 'u8') return bytes;
  return new Int8Array(values === 'extreme' ? bytes.map((b) => b ^ 0x80) : bytes);
}

interface Drawn {
  readonly x: Int8Array | Uint8Array;
  readonly w: Int8Array | Uint8Array;
  readonly xZero: number;
  readonly wZeros: readonly number[];
}

/** Lowers the op over drawn operands, runs the kernel on Wasm (and, to see every access checked, in the interpreter). */
function run(
  template: Template,
  op: string,
  codes: Codes,
  shapes: {
    readonly x: readonly Dim[];
    readonly w: readonly Dim[];
    readonly channels: number;
    readonly late?: boolean;
  },
  attrs: Parameters<typeof lowerOne>[4],
  scalars: Readonly<Record<string, number>>,
  outputs: number,
  checked: boolean,
): Drawn & { readonly got: TypedArray } {
  const values = new Map(Object.entries(scalars));
  const size = (shape: readonly Dim[]): number => shape.reduce<number>((p, d) => p * evaluate(d, values), 1);
  const x = draw(codes.x, size(shapes.x), codes.values, 3);
  const w = draw(codes.w, size(shapes.w), codes.values, 5);
  const { xZero, wZero } = codes;
  const wZeros =
    wZero === 'channels' ? draw(codes.w, shapes.channels, codes.values, 9) : wZero === undefined ? undefined : [wZero];
  const zeros = wZeros && (codes.w === 'i8' ? Int8Array.from(wZeros) : Uint8Array.from(wZeros));
  const operands: (Operand | null)[] = [
    { dtype: codes.x, shape: shapes.x },
    shapes.late ? { dtype: codes.w, shape: shapes.w } : { dtype: codes.w, shape: shapes.w, data: w },
    xZero === undefined ? null : { dtype: codes.x, shape: [] },
    zeros
      ? {
          dtype: codes.w,
          shape: wZero === 'channels' ? [shapes.channels] : [],
          ...(shapes.late ? {} : { data: zeros }),
        }
      : null,
  ];
  const { lowered, inputs } = lowerOne(template, wasmBackend.target(), op, operands, attrs);
  const out = new Int32Array(outputs).fill(0x7777);
  const data = (): TypedArray[] => buffers(lowered, (v) => [x, w, zero, zeros ?? zero][inputs.indexOf(v)] ?? out);
  const zero = codes.x === 'i8' ? Int8Array.of(xZero ?? 0) : Uint8Array.of(xZero ?? 0);
  const given = data();
  const running = instantiate(lowered.kernel, given, scalars);
  running.run();
  const got = running.views[given.indexOf(out)];
  if (!got) throw new TypeError('no output');
  if (checked) {
    const again = data();
    interpret(lowered.kernel, again, scalars, { races: false, intrinsics: meanings }); // items overlap, with equal results
    expect(Array.from(out)).toEqual(Array.from(got, Number));
  }
  return { x, w, xZero: xZero ?? 0, wZeros: zeros ? Array.from(zeros) : [0], got };
}

function buffers(lowered: LoweredKernel, of: (value: Value | null) => TypedArray): TypedArray[] {
  return lowered.args.map((a) => {
    if (a.kind !== 'packed') return of(a.kind === 'value' ? a.value : null);
    const { dtype, shape } = a.constant.type;
    return viewOf(dtype, a.constant.read().slice().buffer, 0, Number(shape[0]));
  });
}

const seq = sym('seq', { min: 1, max: 300 });

const columns = sym('columns', { min: 1, max: 300 });

const PRODUCTS: readonly {
  readonly m: Dim;
  readonly n: Dim;
  /** b comes at run time, one matrix for each of a. */
  readonly late?: boolean;
  readonly width?: number;
  readonly k: number;
  readonly batch?: number;
  readonly transposeB?: boolean;
  readonly rows?: number;
}[] = [
  ...[1, 2, 3, 5, 13].flatMap((m) => [1, 3, 4, 8, 9, 20].map((n, i) => ({ m, n, k: [1, 2, 7, 16, 19, 33][i] ?? 5 }))),
  { m: 7, n: 21, k: 33, transposeB: true },
  { m: 97, n: 12, k: 18 },
  { m: 3, n: 300, k: 11 },
  { m: 5, n: 16, k: 24, batch: 3 },
  ...[1, 4, 9, 20].flatMap((n) =>
    [1, 2, 7, 16, 19].map((k, i) => ({
      m: [1, 5, 8][i % 3] ?? 1,
      n,
      k,
      batch: 2,
      late: true,
      transposeB: i % 2 === 0,
    })),
  ),
  ...[1, 7, 8, 33].flatMap((width) =>
    [false, true].map((transposeB) => ({ m: seq, n: columns, k: 21, rows: 9, width, late: true, transposeB })),
  ),
  { m: 6, n: 19, k: 40, late: true, transposeB: true },
  ...[1, 3, 4, 98, 200].map((rows) => ({ m: seq, n: 11, k: 14, rows })),
];

describe('gemm-integer', () => {
  PRODUCTS.forEach(({ m, n: wide, k, batch = 1, transposeB = false, rows, width, late = false }, i) => {
    const n = width ?? Number(wide);
    const name = `${rows ?? m} x ${n} x ${k}${batch > 1 ? `, batch ${batch}` : ''}${transposeB ? ', b transposed' : ''}`;
    it(late ? `${name}, b at run time` : name, () => {
      const height = rows ?? Number(m);
      CODES.forEach((codes, c) => {
        if (late && codes.wZero === 'channels') return;
        const batches = batch > 1 ? [batch] : [];
        const shapes = {
          x: [...batches, m, k],
          w: [...(late ? batches : []), ...(transposeB ? [wide, k] : [k, wide])],
          channels: n,
          late,
        };
        const scalars = {
          ...(rows === undefined ? {} : { seq: rows }),
          ...(width === undefined ? {} : { columns: width }),
        };
        const outputs = batch * height * n;
        const checked = i % 7 === 0 && c < 2;
        const d = run(gemmInteger, 'matmul_integer', codes, shapes, { transposeB }, scalars, outputs, checked);
        for (let r = 0; r < batch * height; r++)
          for (let j = 0; j < n; j++) {
            let sum = 0;
            for (let p = 0; p < k; p++) {
              const first = late ? Math.floor(r / height) * n * k : 0;
              const b = (d.w[first + (transposeB ? j * k + p : p * n + j)] ?? 0) - (d.wZeros[j % d.wZeros.length] ?? 0);
              sum += ((d.x[r * k + p] ?? 0) - d.xZero) * b;
            }
            if (d.got[r * n + j] !== sum)
              expect.fail(`codes ${c}: [${r},${j}] is ${d.got[r * n + j]}, expected ${sum}`);
          }
      });
    });
  });
});

interface ConvCase {
  readonly name: string;
  readonly n?: number;
  readonly c: number;
  readonly m: number;
  readonly group?: number;
  readonly size: readonly [Dim, Dim];
  readonly kernel: readonly [number, number];
  readonly strides?: readonly [number, number];
  readonly dilations?: readonly [number, number];
  readonly pads?: readonly [number, number, number, number];
  readonly values?: Readonly<Record<string, number>>;
}

const wide = sym('w', { min: 1, max: 4096 });

const CONVS: readonly ConvCase[] = [
  { name: 'pointwise, odd depth', c: 9, m: 10, size: [5, 7], kernel: [1, 1] },
  { name: 'pointwise, two images, stride 2', n: 2, c: 6, m: 5, size: [9, 11], kernel: [1, 1], strides: [2, 2] },
  { name: '3x3 padded', c: 8, m: 12, size: [13, 13], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: 'one channel', c: 1, m: 1, size: [1, 1], kernel: [1, 1] },
  { name: 'one output channel', c: 16, m: 1, size: [10, 12], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: 'first layer', c: 3, m: 7, size: [17, 19], kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  { name: 'uneven padding', c: 4, m: 4, size: [6, 6], kernel: [2, 3], pads: [0, 2, 1, 0] },
  { name: 'dilated 8', c: 4, m: 6, size: [16, 16], kernel: [3, 3], dilations: [8, 8], pads: [8, 8, 8, 8] },
  { name: 'stride 3, dilation 2', c: 5, m: 4, size: [21, 25], kernel: [3, 3], strides: [3, 3], dilations: [2, 2] },
  { name: 'depthwise', c: 6, m: 6, group: 6, size: [14, 14], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: 'depthwise with multiplier', c: 3, m: 6, group: 3, size: [10, 9], kernel: [3, 3] },
  { name: 'groups of odd depth', c: 9, m: 6, group: 3, size: [7, 9], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: 'narrow images', c: 4, m: 5, size: [9, 3], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: 'few pixels, many channels', c: 32, m: 150, size: [5, 5], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: 'wide rows', c: 4, m: 5, size: [3, 101], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: 'deep', c: 300, m: 6, size: [9, 9], kernel: [3, 3], pads: [1, 1, 1, 1] },
  ...[3, 33].map(
    (w): ConvCase => ({
      name: `width ${w} at run time`,
      c: 5,
      m: 5,
      size: [4, wide],
      kernel: [3, 3],
      pads: [1, 1, 1, 1],
      values: { w },
    }),
  ),
];

const WINOGRAD: readonly ConvCase[] = [
  { name: 'one block', c: 32, m: 16, size: [8, 8], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: 'odd sizes, two images', n: 2, c: 33, m: 18, size: [9, 11], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: 'no padding', c: 34, m: 17, size: [13, 30], kernel: [3, 3] },
  { name: 'uneven padding', c: 32, m: 20, size: [20, 41], kernel: [3, 3], pads: [0, 2, 2, 1] },
  { name: 'many channels', c: 300, m: 16, size: [10, 18], kernel: [3, 3], pads: [1, 1, 1, 1] },
];

for (const [title, template, cases] of [
  ['conv-integer', convInteger, CONVS],
  ['conv-winograd', convWinograd, WINOGRAD],
] as const)
  describe(title, () => {
    cases.forEach((c, i) => {
      it(c.name, () => {
        const { n = 1, group = 1, strides = [1, 1], dilations = [1, 1], pads = [0, 0, 0, 0], kernel } = c;
        const scalars = c.values ?? {};
        const [h, w] = c.size.map((d) => evaluate(d, new Map(Object.entries(scalars))));
        const depth = c.c / group;
        const out = [h ?? 0, w ?? 0].map(
          (s, a) =>
            Math.floor(
              (s + (pads[a] ?? 0) + (pads[a + 2] ?? 0) - ((dilations[a] ?? 1) * ((kernel[a] ?? 1) - 1) + 1)) /
                (strides[a] ?? 1),
            ) + 1,
        );
        const [oh = 0, ow = 0] = out;
        CODES.forEach((codes, at) => {
          const shapes = { x: [n, c.c, ...c.size], w: [c.m, depth, ...kernel], channels: c.m };
          const attrs = { strides, dilations, pads, group };
          const checked = i % 5 === 0 && at === 1 && c.c < 40;
          const d = run(template, 'conv_integer', codes, shapes, attrs, scalars, n * c.m * oh * ow, checked);
          for (let o = 0; o < n * c.m * oh * ow; o++) {
            const [image, m, y, x] = [
              Math.floor(o / (c.m * oh * ow)),
              Math.floor(o / (oh * ow)) % c.m,
              Math.floor(o / ow) % oh,
              o % ow,
            ];
            let sum = 0;
            for (let p = 0; p < depth; p++)
              for (let ky = 0; ky < kernel[0]; ky++)
                for (let kx = 0; kx < kernel[1]; kx++) {
                  const iy = y * strides[0] - pads[0] + ky * dilations[0];
                  const ix = x * strides[1] - pads[1] + kx * dilations[1];
                  if (iy < 0 || iy >= (h ?? 0) || ix < 0 || ix >= (w ?? 0)) continue;
                  const channel = Math.floor(m / (c.m / group)) * depth + p;
                  const a = d.x[((image * c.c + channel) * (h ?? 0) + iy) * (w ?? 0) + ix] ?? 0;
                  const b = d.w[((m * depth + p) * kernel[0] + ky) * kernel[1] + kx] ?? 0;
                  sum += (a - d.xZero) * (b - (d.wZeros[m % d.wZeros.length] ?? 0));
                }
            if (d.got[o] !== sum) expect.fail(`codes ${at}: [${image},${m},${y},${x}] is ${d.got[o]}, expected ${sum}`);
          }
        });
      });
    });
  });
