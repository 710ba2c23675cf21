import { describe, expect, it } from 'vitest';
import { interpret } from '../../backends/reference/interpret.ts';
import { wasmBackend } from '../../backends/wasm/backend.ts';
import { gemmSimd } from '../../backends/wasm/templates/gemm.ts';
import { gemmFormat } from '../../backends/wasm/templates/gemm-format.ts';
import { type Dim, evaluate, sym } from '../../compiler/ir/dim.ts';
import { type TypedArray, viewOf } from '../../compiler/ir/dtype.ts';
import type { Value } from '../../compiler/ir/graph.ts';
import type { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { decoder, encodeRows } from '../formats/decoder.ts';
import { instantiate } from './run-wasm.ts';
import { lowerOne, registry } from './template-request.ts';

function random(n: number, seed: number): Float32Array {
  let s = seed;
  return Float32Array.from({ length: n }, () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s / 2147483648 - 1;
  });
}

interface Case {
  readonly name: string;
  readonly batch?: readonly Dim[];
  readonly m: Dim;
  readonly n: Dim;
  readonly k: Dim;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly constantB?: boolean;
  readonly values?: Readonly<Record<string, number>>;
}

const seq = sym('seq', { min: 1, max: 512 });
const dyn = sym('dyn', { min: 1, max: 512 });

const CASES: readonly Case[] = [
  ...[1, 2, 5, 6, 7, 13].flatMap((m) =>
    [1, 3, 4, 7, 8, 9, 20].map((n): Case => ({ name: `${m}x${n}x19 constant b`, m, n, k: 19, constantB: true })),
  ),
  { name: 'constant transposed b', m: 13, n: 21, k: 33, constantB: true, transposeB: true },
  { name: 'many rows', m: 211, n: 17, k: 8, constantB: true },
  { name: 'batched rows', batch: [2, 3], m: 5, n: 12, k: 7, constantB: true },
  { name: 'transposed a', batch: [2], m: 9, n: 12, k: 10, constantB: true, transposeA: true },
  ...[1, 4, 7, 100, 200].map(
    (v): Case => ({ name: `seq=${v} rows`, m: seq, n: 10, k: 16, constantB: true, values: { seq: v } }),
  ),
  ...[1, 5, 8, 12].flatMap((m) =>
    [1, 3, 8, 11].map((n): Case => ({ name: `${m}x${n}x18 dynamic b`, batch: [3], m, n, k: 18 })),
  ),
  ...[1, 3, 8, 11].map(
    (n): Case => ({ name: `dynamic transposed b, ${n} columns`, batch: [2], m: 9, n, k: 18, transposeB: true }),
  ),
  ...[1, 2, 3, 5, 9, 16].flatMap((v): Case[] => [
    { name: `scores, seq=${v}`, batch: [2], m: seq, n: seq, k: 16, transposeB: true, values: { seq: v } },
    { name: `weighted sum, seq=${v}`, batch: [2], m: seq, n: 12, k: seq, values: { seq: v } },
    { name: `all dims at run time, ${v}`, m: seq, n: dyn, k: dyn, values: { seq: v, dyn: v + 2 } },
    {
      name: `all dims at run time, transposed, ${v}`,
      m: dyn,
      n: seq,
      k: dyn,
      transposeB: true,
      values: { seq: v, dyn: v + 2 },
    },
  ]),
];

function check(
  c: Case,
  after: ((b: GraphBuilder, y: Value, inputs: readonly (Value | null)[]) => Value) | undefined,
  f: (x: number) => number,
): void {
  const values = new Map(Object.entries(c.values ?? {}));
  const at = (d: Dim) => evaluate(d, values);
  const batch = c.batch ?? [];
  const [m, n, k] = [at(c.m), at(c.n), at(c.k)];
  const count = batch.reduce<number>((p, d) => p * at(d), 1);
  const a = random(count * m * k, 1);
  const b = random((c.constantB ? 1 : count) * k * n, 2);
  const aShape = [...batch, ...(c.transposeA ? [c.k, c.m] : [c.m, c.k])];
  const bShape = [...(c.constantB ? [] : batch), ...(c.transposeB ? [c.n, c.k] : [c.k, c.n])];
  const { lowered, inputs } = lowerOne(
    gemmSimd,
    wasmBackend.target(),
    'matmul',
    [
      { dtype: 'f32', shape: aShape },
      c.constantB ? { dtype: 'f32', shape: bShape, data: b } : { dtype: 'f32', shape: bShape },
    ],
    { transposeA: c.transposeA ?? false, transposeB: c.transposeB ?? false },
    after,
  );
  const out = new Float32Array(count * m * n);
  const data = lowered.args.map((arg) => {
    if (arg.kind === 'packed') return new Float32Array(arg.constant.read().buffer as ArrayBuffer);
    if (arg.kind === 'value' && arg.value === inputs[0]) return a;
    return arg.kind === 'value' && arg.value === inputs[1] ? b : out;
  });
  const running = instantiate(lowered.kernel, data, c.values ?? {});
  running.run();
  const got = running.views[data.indexOf(out)];
  for (let s = 0; s < count; s++)
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let p = 0; p < k; p++) {
          const x = a[s * m * k + (c.transposeA ? p * m + i : i * k + p)] ?? 0;
          const y = b[(c.constantB ? 0 : s * k * n) + (c.transposeB ? j * k + p : p * n + j)] ?? 0;
          sum += x * y;
        }
        const g = Number(got?.[(s * m + i) * n + j]);
        expect(Math.abs(g - f(sum)), `${c.name}: [${s},${i},${j}] is ${g}, expected ${f(sum)}`).toBeLessThan(1e-4);
      }
}

describe('gemm-simd', () => {
  for (const c of CASES) it(c.name, () => check(c, undefined, (x) => x));
  it('passes accumulators through the fused consumers', () => {
    for (const c of CASES.filter((_, i) => i % 5 === 0))
      check(
        c,
        (b, y) => b.node('relu', [y]),
        (x) => Math.max(x, 0),
      );
  });
});

describe('gemm-format', () => {
  for (const name of ['dense-f16', 'fp8-e4m3'])
    for (const [m, n, rows] of [
      [1, 24, 1],
      [2, 5, 2],
      [7, 19, 7],
      [seq, 24, 1],
      [seq, 24, 9],
    ] as const)
      it(`${name}, ${rows} x ${n} x 64${typeof m === 'number' ? '' : ' at run time'}`, () => {
        const format = registry.format(name);
        if (!format) throw new TypeError(`no format ${name}`);
        const depth = 64;
        const a = random(rows * depth, 5);
        const w = random(depth * n, 6);
        const { lowered, inputs } = lowerOne(
          gemmFormat,
          wasmBackend.target(),
          'matmul',
          [
            { dtype: 'f32', shape: [m, depth] },
            { dtype: 'f32', shape: [depth, n], data: w, format: name },
          ],
          {},
        );
        const out = new Float32Array(rows * n);
        const data = lowered.args.map((arg): TypedArray => {
          if (arg.kind !== 'packed') return arg.kind === 'value' && arg.value === inputs[0] ? a : out;
          const bytes = arg.constant.read();
          const { dtype, shape } = arg.constant.type;
          return viewOf(dtype, bytes.buffer, 0, Number(shape[0]));
        });
        const running = instantiate(lowered.kernel, data, { seq: rows });
        running.run();
        const got = running.views[data.indexOf(out)];
        for (let j = 0; j < n; j++) {
          const decoded = new Float32Array(depth);
          const column = Float32Array.from({ length: depth }, (_, i) => w[i * n + j] ?? 0);
          interpret(decoder(format, depth, 1), [...encodeRows(format, [column], depth), decoded]);
          for (let i = 0; i < rows; i++) {
            let sum = 0;
            for (let p = 0; p < depth; p++) sum += (a[i * depth + p] ?? 0) * (decoded[p] ?? 0);
            expect(Math.abs(Number(got?.[i * n + j]) - sum), `[${i},${j}]`).toBeLessThan(1e-4);
          }
        }
      });
});
