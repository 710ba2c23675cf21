import type { Dim } from '../../compiler/ir/dim.ts';
import { asSym, sym } from '../../compiler/ir/dim.ts';
import { Graph, type Program, tensor, type Value } from '../../compiler/ir/graph.ts';
import { GraphBuilder, type OpTable } from '../../compiler/ir/graph-builder.ts';
import type { HostTensor } from '../../compiler/ir/op.ts';

/** Sizes of one layer of cached attention. */
export interface AttentionCase {
  readonly name: string;
  readonly heads: number;
  readonly kvHeads: number;
  readonly d: number;
  readonly e?: number;
  readonly rows: number;
  readonly window?: number;
  readonly ring?: number;
  readonly sinks?: number;
  readonly softCap?: number;
  /** Lengths of the runs, one after the other; absent: 1, then ragged up to the capacity. */
  readonly runs: readonly number[];
}

export const attentionCases: readonly AttentionCase[] = [
  { name: 'one head, up to the last row', heads: 1, kvHeads: 1, d: 4, rows: 9, runs: [1, 7, 1] },
  { name: 'grouped queries', heads: 6, kvHeads: 2, d: 8, rows: 40, runs: [5, 1, 1, 17, 1, 15] },
  { name: 'three heads a key, odd depth', heads: 9, kvHeads: 3, d: 6, e: 10, rows: 33, runs: [1, 1, 30, 1] },
  { name: 'values wider than keys', heads: 2, kvHeads: 2, d: 16, e: 20, rows: 24, runs: [13, 4, 1] },
  { name: 'a window', heads: 4, kvHeads: 2, d: 8, rows: 40, window: 5, runs: [3, 1, 1, 20, 1, 1, 9] },
  { name: 'soft cap', heads: 4, kvHeads: 4, d: 8, rows: 32, softCap: 2, runs: [6, 1, 1, 1, 19] },
  {
    name: 'window in a ring',
    heads: 4,
    kvHeads: 1,
    d: 8,
    rows: 16,
    window: 6,
    ring: 16,
    runs: [4, 1, 9, 10, 1, 1, 1, 7, 3, 11, 1],
  },
  {
    name: 'ring behind sinks',
    heads: 2,
    kvHeads: 2,
    d: 12,
    rows: 19,
    window: 6,
    ring: 16,
    sinks: 3,
    runs: [1, 1, 9, 10, 1, 1, 7, 3, 11, 1, 1],
  },
  { name: 'a long text', heads: 3, kvHeads: 1, d: 64, rows: 300, runs: [130, 1, 1, 3, 140, 1] },
];

/** A program that writes the keys and values of a run into its states and attends; inputs q, k, v, one entry for any length and one for 1. */
export function attentionProgram(c: AttentionCase, ops: OpTable): Program {
  const { heads, kvHeads, d, e = d, rows } = c;
  const most = Math.max(...c.runs);
  const seq = sym('seq', { min: 1, max: most });
  const past = sym('past', { min: 0, max: c.ring ? 1 << 20 : rows - 1 });
  const states = [
    { name: 'key', type: tensor('f32', [kvHeads, rows, d]) },
    { name: 'value', type: tensor('f32', [kvHeads, rows, e]) },
  ];
  const entry = (name: string, n: Dim): Graph => {
    const graph = new Graph(name);
    graph.given.push('past');
    const b = new GraphBuilder(graph, ops, { name: 'layer', op: 'attention' });
    const q = graph.input('q', tensor('f32', [1, n, heads, d]));
    const k = graph.input('k', tensor('f32', [kvHeads, n, d]));
    const v = graph.input('v', tensor('f32', [kvHeads, n, e]));
    const ring = { ...(c.ring ? { ring: c.ring } : {}), ...(c.sinks ? { sinks: c.sinks } : {}) };
    const write = (i: number, x: Value): Value => {
      const s = states[i];
      if (!s) throw new Error('no state');
      const before = b.node('state_read', [], { state: s.name, dtype: 'f32', shape: s.type.shape });
      return b.node('state_write', [before, x], { axis: 1, at: past, ...ring });
    };
    const { window = 0, softCap = 0 } = c;
    const attrs = { past, scale: 0.4, window, softCap, ...ring };
    graph.outputs.push(b.node('cached_attention', [q, write(0, k), write(1, v)], attrs, 'y'));
    return graph;
  };
  const symbols = new Map(
    [seq, past].flatMap((s) => {
      const x = asSym(s);
      return x ? [[x.name, x] as const] : [];
    }),
  );
  return {
    name: 'attention',
    entries: new Map([
      ['many', entry('many', seq)],
      ['one', entry('one', 1)],
    ]),
    states,
    symbols,
    metadata: {},
  };
}

/** All tokens of a case at once, by position: inputs for its runs, and what they have to give. */
export function attentionData(c: AttentionCase, random: () => number) {
  const { heads, kvHeads, d, e = d, window = 0, sinks = 0, softCap = 0 } = c;
  const total = c.runs.reduce((n, r) => n + r, 0);
  const make = (n: number): Float32Array => Float32Array.from({ length: n }, () => random() * 4 - 2);
  const [q, k, v] = [make(total * heads * d), make(total * kvHeads * d), make(total * kvHeads * e)];
  const sees = (p: number, j: number): boolean => j <= p && (window === 0 || j > p - window || j < sinks);
  const at = (x: Float32Array, i: number): number => x[i] ?? Number.NaN;
  /** f64 attention of the token at position p, [heads, e]. */
  const expected = (p: number): number[] =>
    Array.from({ length: heads }, (_, h) => {
      const g = Math.floor(h / (heads / kvHeads));
      const scores = Array.from({ length: p + 1 }, (_, j) => {
        if (!sees(p, j)) return Number.NEGATIVE_INFINITY;
        let s = 0;
        for (let i = 0; i < d; i++) s += at(q, (p * heads + h) * d + i) * at(k, (j * kvHeads + g) * d + i);
        s *= 0.4;
        return softCap > 0 ? softCap * Math.tanh(s / softCap) : s;
      });
      const top = Math.max(...scores);
      const weights = scores.map((s) => Math.exp(s - top));
      const sum = weights.reduce((n, w) => n + w, 0);
      return Array.from({ length: e }, (_, i) =>
        weights.reduce((n, w, j) => n + (w / sum) * at(v, (j * kvHeads + g) * e + i), 0),
      );
    }).flat();
  /** Rows [kvHeads, n, width] of positions from `past` on. */
  const rows = (x: Float32Array, past: number, n: number, width: number): Float32Array => {
    const out = new Float32Array(kvHeads * n * width);
    for (let g = 0; g < kvHeads; g++)
      for (let i = 0; i < n; i++)
        out.set(
          x.subarray(((past + i) * kvHeads + g) * width, ((past + i) * kvHeads + g + 1) * width),
          (g * n + i) * width,
        );
    return out;
  };
  const f32 = (shape: number[], data: Float32Array): HostTensor => ({ dtype: 'f32', shape, data });
  return {
    inputs: (past: number, n: number) => ({
      q: f32([1, n, heads, d], q.slice(past * heads * d, (past + n) * heads * d)),
      k: f32([kvHeads, n, d], rows(k, past, n, d)),
      v: f32([kvHeads, n, e], rows(v, past, n, e)),
    }),
    expected: (past: number, n: number): number[] => Array.from({ length: n }, (_, i) => expected(past + i)).flat(),
  };
}

/** Plays a case on `run` and returns the largest error of any element, relative to 1. */
export async function attentionError(
  c: AttentionCase,
  random: () => number,
  run: (
    entry: string,
    inputs: Record<string, HostTensor>,
    past: number,
  ) => Promise<ArrayLike<number | bigint | string>>,
): Promise<number> {
  const data = attentionData(c, random);
  let past = 0;
  let worst = 0;
  for (const n of c.runs) {
    const y = await run(n === 1 ? 'one' : 'many', data.inputs(past, n), past);
    const expected = data.expected(past, n);
    if (y.length !== expected.length) return Number.POSITIVE_INFINITY;
    expected.forEach((x, i) => {
      const gap = Math.abs(Number(y[i]) - x);
      worst = Math.max(worst, Number.isNaN(gap) ? Number.POSITIVE_INFINITY : gap);
    });
    past += n;
  }
  return worst;
}
