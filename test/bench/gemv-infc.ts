import { decodeRows } from '../../backends/reference/decode-format.ts';
import { wasmBackend } from '../../backends/wasm/backend.ts';
import { printWasm } from '../../backends/wasm/print.ts';
import { rowUnit } from '../../compiler/formats/format.ts';
import { formats } from '../../compiler/formats/index.ts';
import { planesOf } from '../../compiler/formats/rows.ts';
import { add, evaluate, mul } from '../../compiler/ir/dim.ts';
import { byteLength } from '../../compiler/ir/dtype.ts';
import { constant } from '../../compiler/ir/expr.ts';
import type { Constant } from '../../compiler/ir/graph.ts';
import { Graph, tensor } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { type Kernel, sharedLayout } from '../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { lowerAnchor } from '../../compiler/lower/anchor.ts';
import { legalTemplates } from '../../compiler/lower/region.ts';
import { parseSparsity } from '../../passes/precision/sparsity-pattern.ts';
import { registry } from '../kernels/template-request.ts';

/** A product of [m, k] activations with [n, k] weights in a storage format (`dense`: f32). */
export interface ProductCase {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly format: string;
  /** Share of zeros, for formats that leave them out and whose pattern does not say it. */
  readonly zeros?: number;
  /** Bytes of weights that lie in memory, so that they do not stay in a cache: that many copies are used in turn. */
  readonly spread?: number;
}

/** What any engine needs to run a case: a module, the memory it starts with, and the calls of each copy in turn. */
export interface Job {
  readonly module: Uint8Array;
  readonly pages: number;
  readonly fills: readonly { readonly at: number; readonly bytes: Uint8Array }[];
  readonly calls: readonly (readonly { readonly entry: string; readonly args: readonly number[] }[])[];
  readonly output: { readonly at: number; readonly count: number };
  readonly expected: Float32Array;
  /** Bytes of weights that one product reads. */
  readonly weightBytes: number;
}

/** All storage formats. */
export const formatNames: readonly string[] = formats.map((f) => f.name);

const random = (n: number, seed: number): Float32Array => {
  let s = seed;
  return Float32Array.from({ length: n }, () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s / 2147483648 - 1;
  });
};

/** Lowers and prints a product, and lays its memory out. */
export function productJob(c: ProductCase, features: readonly string[]): Job {
  const { m, n, k } = c;
  const stored = registry.format(c.format);
  const unit = stored ? rowUnit(stored) : 1;
  if (k % unit !== 0) throw new RangeError(`${c.format} keeps rows of whole blocks of ${unit}, not of ${k}`);
  const graph = new Graph('bench');
  const b = new GraphBuilder(graph, registry, { name: 'bench', op: 'matmul' });
  const x = graph.input('x', tensor('f32', [m, k]));
  const pattern = registry.format(c.format)?.sparse?.pattern;
  const full = random(n * k, 2);
  const mask =
    pattern === undefined ? undefined : parseSparsity(pattern, c.zeros ?? 0.5).keep(full.map(Math.abs), n, k);
  const weights = mask ? full.map((w, i) => w * (mask[i] ?? 0)) : full;
  const source: Constant = {
    name: 'w',
    type: tensor('f32', [n, k]),
    bytes: weights.byteLength,
    read: () => new Uint8Array(weights.buffer),
  };
  const w = graph.constant(source);
  w.type = { ...w.type, format: c.format };
  const y = b.node('matmul', [x, w], { transposeB: true });
  graph.outputs = [y];
  const anchor = y.producer;
  if (!anchor) throw new TypeError('no node');
  const target = wasmBackend.target(features);
  const [template] = legalTemplates(anchor, target, wasmBackend.templates);
  if (!template) throw new TypeError('no template');
  scratchAt = undefined;
  let made = 0;
  const lowered = lowerAnchor({ nodes: graph.nodes, output: y, anchor }, anchor, template, {
    ops: registry,
    target,
    templates: wasmBackend.templates,
    formats: registry,
    name: () => `k${made++}`,
  });
  const { content } = printWasm(
    lowered.map((l) => l.kernel),
    target,
  );
  if (typeof content === 'string') throw new TypeError('expected bytes');
  let end = 1024;
  const fills: { at: number; bytes: Uint8Array }[] = [];
  const take = (bytes: number): number => {
    const at = end;
    end = Math.ceil((end + bytes + 64) / 64) * 64;
    return at;
  };
  const put = (bytes: Uint8Array): number => {
    const at = take(bytes.length);
    fills.push({ at, bytes });
    return at;
  };
  const input = random(m * k, 1);
  const xAt = put(new Uint8Array(input.buffer));
  const yAt = take(m * n * 4);
  const scratch = new Map<string, number>();
  let weightBytes = 0;
  const packed = new Map<Constant, Uint8Array>();
  for (const { args } of lowered)
    for (const a of args)
      if (a.kind === 'packed' && !packed.has(a.constant)) {
        const bytes = a.constant.read();
        packed.set(a.constant, bytes);
        weightBytes += bytes.length;
      }
  const copies = Math.max(1, Math.ceil((c.spread ?? 0) / weightBytes));
  const calls = Array.from({ length: copies }, () => {
    const own = new Map([...packed].map(([p, bytes]) => [p, put(bytes)]));
    return lowered.map(({ kernel, args }) => ({
      entry: kernel.name,
      args: [
        ...args.map((a) => {
          if (a.kind === 'packed') return own.get(a.constant) ?? 0;
          if (a.kind === 'value') return a.value === x ? xAt : yAt;
          const at =
            scratch.get(a.key) ??
            take(
              byteLength(
                a.type.dtype,
                a.type.shape.reduce<number>((p, d) => p * Number(d), 1),
              ),
            );
          scratch.set(a.key, at);
          return at;
        }),
        ...scratchOf(kernel, take),
        0,
        Number(evaluate(kernel.grid[0], new Map())),
      ],
    }));
  });
  const format = registry.format(c.format);
  const real = format
    ? decodeRows(format, planesOf(source, format, { rows: n, length: k }), { rows: n, length: k })
    : weights;
  const expected = new Float32Array(m * n);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) sum += (input[i * k + p] ?? 0) * (real[j * k + p] ?? 0);
      expected[i * n + j] = sum;
    }
  return {
    module: content,
    pages: Math.ceil(end / 65536) + 1,
    fills,
    calls,
    output: { at: yAt, count: m * n },
    expected,
    weightBytes,
  };
}

let scratchAt: number | undefined;
function scratchOf(kernel: Kernel, take: (bytes: number) => number): number[] {
  if (kernel.shared.length === 0) return [];
  scratchAt ??= take(sharedLayout(kernel).bytes);
  return [scratchAt];
}

/** Reads memory with vectors and keeps a sum: the speed that no product can exceed. */
export function readJob(bytes: number, copies: number): Job {
  const count = Math.floor(bytes / 256) * 64;
  const k = new KernelBuilder('read', 'simd', 1, [1, 1, 1]);
  const from = k.buffer('from', 'i32', 'read', count);
  const to = k.buffer('to', 'i32', 'write', 4);
  const zero = constant('i32', 0).splat(4);
  const sums = Array.from({ length: 8 }, () => k.var(zero));
  k.for(0, count / 64, 1, (i) => {
    for (const half of [0, 1])
      sums.forEach((sum, j) => {
        sum.set(sum.value.add(k.load(from, add(mul(i, 64), 32 * half + 4 * j), 4)));
      });
  });
  k.store(
    to,
    0,
    sums.map((s) => s.value).reduce((p, q) => p.add(q)),
  );
  const kernel = k.done({ op: 'read', sources: [], template: '', why: '', bytes, flops: 0 });
  const { content } = printWasm([kernel], wasmBackend.target());
  if (typeof content === 'string') throw new TypeError('expected bytes');
  return {
    module: content,
    pages: Math.ceil((2048 + bytes * copies) / 65536) + 1,
    // Memory that was never written is one page of zeros.
    fills: [{ at: 2048, bytes: new Uint8Array(bytes * copies).fill(1) }],
    calls: Array.from({ length: copies }, (_, i) => [{ entry: 'read', args: [2048 + i * bytes, 1024, 0, 1] }]),
    output: { at: 1024, count: 4 },
    expected: new Float32Array(4),
    weightBytes: bytes,
  };
}

export { memorySource } from '../../compiler/import/byte-source.ts';
export { denseGguf } from '../oracle/dense-gguf.ts';
