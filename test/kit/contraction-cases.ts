import type { Backend } from '../../backends/backend.ts';
import { decodeRows } from '../../backends/reference/decode-format.ts';
import { Reference } from '../../backends/reference/evaluate.ts';
import { builtin } from '../../compiler/builtin.ts';
import { defineFormat } from '../../compiler/formats/format.ts';
import { encodeRows } from '../../compiler/formats/rows.ts';
import { type Dim, evaluate, sym } from '../../compiler/ir/dim.ts';
import { type DType, type TypedArray, viewOf } from '../../compiler/ir/dtype.ts';
import { type Attribute, type Constant, Graph, tensor, type Value } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import type { Kernel } from '../../compiler/ir/kernel.ts';
import { Registry } from '../../compiler/plugin.ts';
import { Scheduler } from '../../compiler/schedule.ts';
import { pruned } from './format.ts';
import { arrayOf, randomSource } from './simt-case.ts';

/** Groups shorter than a tile is deep, in blocks longer than it: four groups of eight under one scale. */
const shortGroups = defineFormat({
  name: 'short-groups',
  logical: 'f32',
  group: 8,
  multiple: 32,
  planes: { codes: { dtype: 'i8', per: 1 }, scale: { dtype: 'f32', per: 32 } },
  encode(row) {
    const scale = Float32Array.from({ length: row.length / 32 }, (_, g) =>
      row.subarray(32 * g, 32 * g + 32).reduce((m, w) => Math.max(m, Math.abs(w) / 127), 2 ** -40),
    );
    return { codes: Int8Array.from(row, (w, i) => Math.round(w / (scale[i >> 5] ?? 1))), scale };
  },
  decode: ({ codes = [], scale = [] }) => ({ codes, ...(scale[0] ? { scale: scale[0] } : {}) }),
  errorBound: 0.51 / 127,
});

const registry = new Registry([builtin, { name: 'test', api: 1, formats: [shortGroups] }]);

interface Spec {
  readonly name: string;
  readonly op: 'matmul' | 'conv' | 'matmul_integer' | 'conv_integer';
  readonly shapes: readonly (readonly Dim[])[];
  readonly attrs?: Readonly<Record<string, Attribute>>;
  readonly dtype?: DType;
  /** Bias added along this axis, then relu. */
  readonly biasAxis?: number;
  readonly symbols?: Readonly<Record<string, number>>;
  /** dtypes of integer operands, each of which then has a zero point. */
  readonly codes?: readonly [DType, DType];
  /** The second operand is a constant in this storage format. */
  readonly format?: string;
  readonly template: 'gemm-regtile' | 'gemv' | 'gemm-format' | 'gemv-format';
}

const m = sym('m', { min: 1, max: 4096 });
const n = sym('n', { min: 1, max: 4096 });
const kk = sym('k', { min: 1, max: 4096 });
const conv = (pads: readonly number[], strides = [1, 1], dilations = [1, 1]): Record<string, Attribute> => ({
  strides,
  dilations,
  pads,
  group: 1,
});

const SPECS: readonly Spec[] = [
  {
    name: 'square',
    op: 'matmul',
    shapes: [
      [64, 64],
      [64, 64],
    ],
    template: 'gemm-regtile',
  },
  {
    name: 'ragged',
    op: 'matmul',
    shapes: [
      [37, 45],
      [45, 41],
    ],
    biasAxis: 1,
    template: 'gemm-regtile',
  },
  {
    name: 'symbolic',
    op: 'matmul',
    shapes: [
      [m, kk],
      [kk, n],
    ],
    symbols: { m: 33, n: 50, k: 19 },
    biasAxis: 1,
    template: 'gemm-regtile',
  },
  {
    name: 'batched',
    op: 'matmul',
    shapes: [
      [2, 3, 20, 17],
      [3, 17, 33],
    ],
    template: 'gemm-regtile',
  },
  {
    name: 'stacked_rows',
    op: 'matmul',
    shapes: [
      [3, 11, 24],
      [24, 40],
    ],
    biasAxis: 2,
    template: 'gemm-regtile',
  },
  {
    name: 'transposed',
    op: 'matmul',
    shapes: [
      [24, 40],
      [33, 24],
    ],
    attrs: { transposeA: true, transposeB: true },
    template: 'gemm-regtile',
  },
  {
    name: 'half',
    op: 'matmul',
    shapes: [
      [36, 20],
      [20, 36],
    ],
    dtype: 'f16',
    template: 'gemm-regtile',
  },
  {
    name: 'conv3x3',
    op: 'conv',
    shapes: [
      [1, 5, 13, 11],
      [9, 5, 3, 3],
    ],
    attrs: conv([1, 1, 1, 1]),
    biasAxis: 1,
    template: 'gemm-regtile',
  },
  {
    name: 'conv_stride',
    op: 'conv',
    shapes: [
      [2, 3, 17, 15],
      [16, 3, 3, 3],
    ],
    attrs: conv([0, 1, 1, 0], [2, 2], [1, 2]),
    template: 'gemm-regtile',
  },
  {
    name: 'conv_symbolic',
    op: 'conv',
    shapes: [
      [1, 4, m, n],
      [8, 4, 3, 3],
    ],
    attrs: conv([1, 1, 1, 1]),
    symbols: { m: 9, n: 14 },
    biasAxis: 1,
    template: 'gemm-regtile',
  },
  {
    name: 'pointwise',
    op: 'conv',
    shapes: [
      [1, 24, 10, 10],
      [40, 24, 1, 1],
    ],
    attrs: conv([0, 0, 0, 0]),
    template: 'gemm-regtile',
  },
  {
    name: 'integer_ragged',
    op: 'matmul_integer',
    shapes: [
      [37, 45],
      [45, 41],
    ],
    codes: ['u8', 'i8'],
    template: 'gemm-regtile',
  },
  {
    name: 'integer_conv',
    op: 'conv_integer',
    shapes: [
      [1, 5, 13, 11],
      [9, 5, 3, 3],
    ],
    attrs: conv([1, 1, 1, 1]),
    codes: ['u8', 'u8'],
    template: 'gemm-regtile',
  },
  {
    name: 'integer_vector',
    op: 'matmul_integer',
    shapes: [
      [1, 300],
      [45, 300],
    ],
    attrs: { transposeB: true },
    codes: ['i8', 'i8'],
    template: 'gemv',
  },
  ...['q4g32', 'q8g32', 'dense-f16'].flatMap((format): Spec[] => [
    {
      name: `tile_${format}`,
      op: 'matmul',
      shapes: [
        [19, 96],
        [96, 45],
      ],
      format,
      biasAxis: 1,
      template: 'gemm-format',
    },
    {
      name: `rows_${format}`,
      op: 'matmul',
      shapes: [
        [m, 64],
        [37, 64],
      ],
      attrs: { transposeB: true },
      symbols: { m: 40 },
      format,
      template: 'gemm-format',
    },
    {
      name: `vector_${format}`,
      op: 'matmul',
      shapes: [
        [1, 224],
        [224, 21],
      ],
      format,
      biasAxis: 1,
      template: 'gemv-format',
    },
  ]),
  // Codebooks that all rows share.
  {
    name: 'tile_c2x8',
    op: 'matmul',
    shapes: [
      [19, 256],
      [48, 256],
    ],
    attrs: { transposeB: true },
    format: 'c2x8',
    biasAxis: 1,
    template: 'gemm-format',
  },
  // Formats that leave out zeros: fewer codes with columns, ragged planes, blocks.
  // Blocks longer than a tile pass it part by part.
  ...['2of4-q8', '1of4-q4', 'bitmap-q8', 'block16x16-f16', 'gqsa-w4', 'q4g64', 'ternary', 'b3', 'short-groups'].map(
    (format): Spec => ({
      name: `tile_${format}`,
      op: 'matmul',
      shapes: [
        [19, 256],
        [256, 48],
      ],
      format,
      biasAxis: 1,
      template: 'gemm-format',
    }),
  ),
  ...[
    '2of4-f16',
    '4of8-q8',
    'bitmap-f16',
    'bitmap-q4',
    'block16x16-q4',
    'gqsa-w8',
    'ternary',
    'b2',
    'c1x8',
    'c2x8',
  ].map(
    (format): Spec => ({
      name: `vector_${format}`,
      op: 'matmul',
      shapes: [
        [2, 192],
        [32, 192],
      ],
      attrs: { transposeB: true },
      format,
      biasAxis: 1,
      template: 'gemv-format',
    }),
  ),
  {
    name: 'vector',
    op: 'matmul',
    shapes: [
      [1, 300],
      [300, 45],
    ],
    biasAxis: 1,
    template: 'gemv',
  },
  {
    name: 'vector_transposed',
    op: 'matmul',
    shapes: [
      [2, 700],
      [35, 700],
    ],
    attrs: { transposeB: true },
    template: 'gemv',
  },
  {
    name: 'vector_symbolic',
    op: 'matmul',
    shapes: [
      [1, kk],
      [kk, n],
    ],
    symbols: { k: 130, n: 21 },
    biasAxis: 1,
    template: 'gemv',
  },
];

/** A contraction with an epilogue, lowered by a template, with data and the reference's answer. */
export interface ContractionCase {
  readonly name: string;
  readonly kernel: Kernel;
  readonly data: readonly TypedArray[];
  readonly scalars: Readonly<Record<string, number>>;
  readonly want: TypedArray;
  readonly output: number;
}

/** Cases lowered for a backend; throws when the expected template was not the one chosen. */
export function contractionCases(backend: Backend): ContractionCase[] {
  return SPECS.map((s) => {
    const random = randomSource(s.name.length * 7919);
    const { dtype = 'f32', symbols = {} } = s;
    const graph = new Graph(s.name);
    const b = new GraphBuilder(graph, registry, { name: s.name, op: s.op });
    const inputs: Value[] = s.shapes
      .slice(0, s.format ? 1 : 2)
      .map((shape, i) => graph.input(`x${i}`, tensor(s.codes?.[i] ?? dtype, shape)));
    for (const [i, code] of s.codes?.entries() ?? []) inputs.push(graph.input(`zero${i}`, tensor(code, [])));
    const operands = [...inputs];
    // The reference sees what the format makes of the weights.
    let plain: ReturnType<typeof weightsIn> | undefined;
    if (s.format) {
      plain = weightsIn(s, random);
      operands.push(graph.constant(plain.constant));
    }
    let y = b.node(s.op, operands, s.attrs ?? {});
    if (s.biasAxis !== undefined) {
      const shape = y.type.shape.map((d, i) => (i === s.biasAxis ? d : 1));
      const bias = graph.input('bias', tensor(dtype, shape));
      inputs.push(bias);
      y = b.node('relu', [b.node('add', [y, bias])]);
    }
    graph.outputs = [y];
    const sizes = (shape: readonly Dim[]): number[] => shape.map((d) => evaluate(d, symbols));
    const count = (shape: readonly Dim[]): number => sizes(shape).reduce((p, d) => p * d, 1);
    const arrays = new Map(
      inputs.map((v) => [
        v,
        arrayOf(
          v.type.dtype,
          Array.from({ length: count(v.type.shape) }, () => (s.codes ? Math.floor(random() * 256) : random() - 0.5)),
        ),
      ]),
    );
    const feeds = Object.fromEntries(
      [...arrays].map(([v, data]) => [v.name, { dtype: v.type.dtype, shape: sizes(v.type.shape), data }]),
    );
    const scheduler = new Scheduler(registry, backend, backend.target());
    const program = { name: 'p', entries: new Map([['main', graph]]), states: [], symbols: new Map(), metadata: {} };
    scheduler.schedule(program);
    plain?.decode();
    const want = new Reference({ ops: registry, host: () => undefined }).run(graph, feeds)[y.name];
    if (!want || Array.isArray(want) || !('data' in want) || Array.isArray(want.data)) throw new Error('no reference');
    const [lowered, ...more] = scheduler.kernels;
    if (!lowered || more.length > 0) throw new Error(`${s.name}: ${scheduler.kernels.length} kernels`);
    if (lowered.kernel.note.template !== s.template)
      throw new Error(`${s.name}: lowered by ${lowered.kernel.note.template}, not ${s.template}`);
    let output = -1;
    const data = lowered.args.map((a, i) => {
      if (a.kind === 'packed') {
        const bytes = a.constant.read().slice();
        const buffer = lowered.kernel.buffers[i];
        return viewOf(buffer?.storage ?? 'u8', bytes.buffer, 0, evaluate(buffer?.elements ?? 0, {}));
      }
      if (a.kind !== 'value') throw new Error('a scratch argument');
      const known = arrays.get(a.value);
      if (!known) output = i;
      return known ?? arrayOf(y.type.dtype, new Array<number>(count(y.type.shape)).fill(0));
    });
    return { name: s.name, kernel: lowered.kernel, data, scalars: symbols, want: want.data as TypedArray, output };
  });
}

/** Constant weights in a storage format; `decode` replaces what is read by what the format keeps of them. */
function weightsIn(s: Spec, random: () => number): { constant: Constant; decode(): void } {
  const shape = (s.shapes[1] ?? []).map(Number);
  const [rows = 1, columns = 1] = shape;
  const format = registry.format(s.format ?? '');
  if (!format) throw new Error(`no format ${s.format}`);
  const transposed = Boolean(s.attrs?.transposeB);
  const [n, depth] = transposed ? [rows, columns] : [columns, rows];
  const at = (c: number, i: number): number => (transposed ? c * depth + i : i * n + c);
  const turned = (from: Float32Array): Float32Array => {
    const out = new Float32Array(from.length);
    for (let c = 0; c < n; c++) for (let i = 0; i < depth; i++) out[at(c, i)] = from[c * depth + i] ?? 0;
    return out;
  };
  const byRow = pruned(
    format,
    Float32Array.from({ length: n * depth }, () => random() - 0.5),
    n,
  );
  const size = { rows: n, length: depth };
  let current = turned(byRow);
  // Formats need not keep exactly what they decoded to.
  const planes = encodeRows(format, byRow, size);
  return {
    constant: {
      name: 'w',
      type: { ...tensor('f32', shape), format: format.name },
      bytes: current.byteLength,
      read: () => new Uint8Array(current.buffer),
      ...(transposed ? { encoded: { format: format.name, planes: () => planes } } : {}),
    },
    decode: () => {
      current = turned(decodeRows(format, planes, size));
    },
  };
}
