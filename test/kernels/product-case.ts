import { decodeRows } from '../../backends/reference/decode-format.ts';
import { interpret } from '../../backends/reference/interpret.ts';
import { wasmBackend } from '../../backends/wasm/backend.ts';
import { meanings } from '../../backends/wasm/intrinsics.ts';
import { printWasm } from '../../backends/wasm/print.ts';
import { gemmFormat } from '../../backends/wasm/templates/gemm-format.ts';
import { encodeRows, type Planes, planesOf } from '../../compiler/formats/rows.ts';
import { type Dim, evaluate } from '../../compiler/ir/dim.ts';
import { byteLength, type TypedArray, viewOf } from '../../compiler/ir/dtype.ts';
import { type Constant, Graph, tensor, type Value } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { forFeatures, sharedLayout } from '../../compiler/ir/kernel.ts';
import { verifyKernel } from '../../compiler/ir/verify-kernel.ts';
import { lowerAnchor } from '../../compiler/lower/anchor.ts';
import type { LoweredKernel } from '../../compiler/lower/template.ts';
import { kernelMemory } from '../../runtime/devices/kernel-memory.ts';
import { pruned } from '../kit/format.ts';
import { registry } from './template-request.ts';

export const RELAXED = ['relaxed-simd', 'relaxed-dot'];

export function random(n: number, seed: number): Float32Array {
  let s = seed;
  return Float32Array.from({ length: n }, () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s / 2147483648 - 1;
  });
}

/** Rows and columns of products: one row, few, ragged columns, fewer columns than a panel has. */
const SIZES = [
  [1, 37],
  [1, 3],
  [2, 16],
  [5, 21],
] as const;

/** Products of these sizes with random activations, and what to call them; their kernels are verified. */
export function ofAllSizes(
  format: string,
  k: number,
  weights: (count: number, seed: number) => Float32Array = random,
): { readonly built: Built; readonly size: string }[] {
  return SIZES.map(([rows, n]) => {
    const built = build(format, rows, rows, n, k, random(rows * k, 1), weights(n * k, 2));
    for (const { kernel } of built.lowered) verifyKernel(kernel);
    return { built, size: `${rows} rows, ${n} columns` };
  });
}

export interface Built {
  readonly lowered: readonly LoweredKernel[];
  readonly x: Float32Array;
  readonly expected: Float64Array;
  readonly rows: number;
  readonly n: number;
  /** Memory of each argument: values and scratch by key, packed weights by constant. */
  buffers(): (l: LoweredKernel) => TypedArray[];
  readonly result: Value;
}

/** x [m, k] times weights [n, k] in a format, with relu after it when asked; results in doubles. */
export function build(
  format: string,
  m: Dim,
  rows: number,
  n: number,
  k: number,
  x: Float32Array,
  given: Float32Array,
  /** What a model file holds in place of the planes that encoding makes. */
  inFile?: (planes: Planes) => Planes,
): Built {
  const f = registry.format(format);
  if (!f) throw new TypeError(`no format ${format}`);
  const w = pruned(f, given, n);
  const graph = new Graph('test');
  const b = new GraphBuilder(graph, registry, { name: 'test', op: 'matmul' });
  const input = graph.input('x', tensor('f32', [m, k]));
  const source: Constant = {
    name: 'w',
    type: tensor('f32', [n, k]),
    bytes: w.byteLength,
    read: () => new Uint8Array(w.buffer),
    ...(inFile ? { encoded: { format, planes: () => inFile(encodeRows(f, w, { rows: n, length: k })) } } : {}),
  };
  const weights = graph.constant(source);
  weights.type = { ...weights.type, format };
  const y = b.node('matmul', [input, weights], { transposeB: true });
  const anchor = y.producer;
  if (!anchor) throw new TypeError('no node');
  graph.outputs = [y];
  let made = 0;
  const lowered = lowerAnchor({ nodes: graph.nodes, output: y, anchor }, anchor, gemmFormat, {
    ops: registry,
    target: wasmBackend.target(),
    templates: [gemmFormat],
    formats: registry,
    name: () => `k${made++}`,
  });
  const size = { rows: n, length: k };
  const real = decodeRows(f, planesOf(source, f, size), size);
  const expected = new Float64Array(rows * n);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) sum += (x[i * k + p] ?? 0) * (real[j * k + p] ?? 0);
      expected[i * n + j] = sum;
    }
  const symbols = new Map([['m', rows]]);
  const buffers = () => {
    const known = new Map<unknown, TypedArray>([
      [input, x],
      [y, new Float32Array(rows * n)],
    ]);
    return (l: LoweredKernel) =>
      l.args.map((a, i) => {
        const buffer = l.kernel.buffers[i];
        if (!buffer) throw new TypeError('no buffer');
        const { storage, elements } = buffer;
        const key = a.kind === 'value' ? a.value : a.kind === 'packed' ? `${a.constant.name} ${storage}` : a.key;
        const old = known.get(key);
        if (old) return old;
        const count = evaluate(elements, symbols);
        const bytes = a.kind === 'packed' ? a.constant.read().slice() : new Uint8Array(byteLength(storage, count));
        const view = viewOf(storage, bytes.buffer, 0, count);
        known.set(key, view);
        return view;
      });
  };
  return { lowered, x, expected, rows, n, buffers, result: y };
}

/** Runs the kernels one after the other in one Wasm memory. */
export function onWasm(built: Built, features: readonly string[]): Float32Array {
  const { lowered, rows, n, buffers } = built;
  const target = wasmBackend.target(features);
  const { content } = printWasm(
    lowered.map((l) => l.kernel),
    target,
  );
  if (typeof content === 'string') throw new TypeError('expected a binary module');
  const of = buffers();
  const at = new Map<TypedArray, number>();
  let end = 1024;
  for (const l of lowered)
    for (const data of of(l)) {
      if (at.has(data)) continue;
      at.set(data, end);
      end = Math.ceil((end + data.byteLength + 32) / 16) * 16;
    }
  const scratch = end;
  end += Math.max(...lowered.map((l) => sharedLayout(l.kernel).bytes)) + 64;
  const memory = kernelMemory(end);
  for (const [data, where] of at)
    new Uint8Array(memory.buffer, where, data.byteLength).set(
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    );
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(content.slice()), { env: { memory } });
  for (const l of lowered) {
    const f = exports[l.kernel.name];
    if (typeof f !== 'function') throw new TypeError('no export');
    const groups = evaluate(l.kernel.grid[0], new Map([['m', rows]]));
    const args = [...of(l).map((d) => at.get(d) ?? 0), ...l.kernel.scalars.map(() => rows)];
    f(...args, ...(l.kernel.shared.length > 0 ? [scratch] : []), 0, groups);
  }
  const out = resultOf(built, of);
  return new Float32Array(memory.buffer, at.get(out) ?? 0, rows * n).slice();
}

export function inInterpreter(built: Built, features: readonly string[]): Float32Array {
  const { lowered, rows, buffers } = built;
  const of = buffers();
  for (const l of lowered)
    interpret(
      forFeatures(l.kernel, new Set(features)),
      of(l),
      Object.fromEntries(l.kernel.scalars.map((s) => [s, rows])),
      {
        intrinsics: meanings,
        // Overlapping panels store equal values twice.
        races: false,
      },
    );
  return resultOf(built, of);
}

/** The buffer that the last kernel stores to. */
function resultOf({ lowered, result }: Built, of: (l: LoweredKernel) => TypedArray[]): Float32Array {
  const last = lowered.at(-1);
  const i = last?.args.findIndex((a) => a.kind === 'value' && a.value === result) ?? -1;
  const data = last && of(last)[i];
  if (!(data instanceof Float32Array)) throw new TypeError('no output');
  return data;
}

/** Largest error relative to the larger of a value and the outputs' root mean square. */
export function worst(got: Float32Array, expected: Float64Array): number {
  const rms = Math.sqrt(expected.reduce((s, v) => s + v * v, 0) / expected.length) || 1;
  return expected.reduce((m, v, i) => Math.max(m, Math.abs(v - (got[i] ?? 0)) / Math.max(rms, Math.abs(v))), 0);
}
