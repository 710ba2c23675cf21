import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Reference } from '../../backends/reference/evaluate.ts';
import { decodeNpy, encodeNpy } from '../../compiler/cli/npy.ts';
import { createCompiler } from '../../compiler/compile.ts';
import { hostFunctions } from '../../runtime/host/index.ts';
import type { HostTensor, HostValue } from '../../runtime/host.ts';
import { infc } from '../cli/capture.ts';
import { player } from '../conformance/onnx-targets.ts';
import { attribute as A, encodeModel, type Graph, i64, info, type Node, node, type Tensor } from './build-onnx.ts';

const compiler = createCompiler();
const { int, ints } = A;
const bools = (name: string, dims: number[], values: boolean[]): Tensor => ({
  name,
  dims,
  dataType: 9,
  rawData: Uint8Array.from(values, Number),
});

/** Nodes over `x` [2, 3, 4], `y` [2, 3, 4] and the constant `k` [2] that make `z`, of rank `rank`. */
interface Case {
  readonly nodes: readonly Node[];
  readonly rank: number;
  readonly constants?: readonly Tensor[];
}

const one = (
  op: string,
  inputs: string[],
  attributes: Parameters<typeof node>[3],
  rank: number,
  ...c: Tensor[]
): Case => ({
  nodes: [node(op, inputs, ['z'], attributes)],
  rank,
  constants: c,
});
const body = (name: string, nodes: Node[], inputs: Graph['input'], outputs: Graph['output']): Graph => ({
  name,
  node: nodes,
  input: inputs ?? [],
  output: outputs ?? [],
});
const open = (name: string, rank: number, elem: number) => info(name, new Array(rank).fill(null), elem);

/** Every operator whose definition allows complex tensors, once or in each of its forms. */
const cases = (elem: number): Record<string, Case> => ({
  Identity: one('Identity', ['x'], [], 3),
  Reshape: one('Reshape', ['x', 's'], [], 2, i64('s', [2], [6, 4])),
  Flatten: one('Flatten', ['x'], [int('axis', 2)], 2),
  Transpose: one('Transpose', ['x'], [ints('perm', [2, 0, 1])], 3),
  Concat: one('Concat', ['x', 'y', 'x'], [int('axis', -1)], 3),
  Slice: one(
    'Slice',
    ['x', 'from', 'to', 'axes', 'steps'],
    [],
    3,
    i64('from', [2], [3, 0]),
    i64('to', [2], [-9, 2]),
    i64('axes', [2], [-1, 1]),
    i64('steps', [2], [-2, 1]),
  ),
  Split: {
    nodes: [node('Split', ['x', 'n'], ['a', 'z'], [int('axis', 2)])],
    rank: 3,
    constants: [i64('n', [2], [1, 3])],
  },
  Gather: one('Gather', ['x', 'i'], [int('axis', 1)], 4, i64('i', [2, 2], [2, 0, -1, 1])),
  GatherElements: one('GatherElements', ['x', 'i'], [int('axis', 2)], 3, i64('i', [2, 3, 1], [3, 1, 0, -1, 2, 2])),
  GatherND: one('GatherND', ['x', 'i'], [], 2, i64('i', [2, 2], [0, 1, 1, -1])),
  ScatterElements: one(
    'ScatterElements',
    ['x', 'i', 'u'],
    [int('axis', 2)],
    3,
    i64('i', [2, 3, 1], [3, 1, 0, -1, 2, 2]),
    i64('unused', [1], [0]),
  ),
  ScatterND: one('ScatterND', ['x', 'i', 'v'], [], 3, i64('i', [2, 2], [0, 1, 1, -1])),
  'ScatterND, add': one(
    'ScatterND',
    ['x', 'i', 'v'],
    [A.string('reduction', 'add')],
    3,
    i64('i', [2, 2], [1, 2, 1, -1]),
  ),
  Where: one('Where', ['c', 'x', 'y'], [], 3, bools('c', [3, 1], [true, false, true])),
  Squeeze: {
    nodes: [node('Unsqueeze', ['x', 'a'], ['t']), node('Squeeze', ['t', 'a'], ['z'])],
    rank: 3,
    constants: [i64('a', [1], [-1])],
  },
  Expand: one('Expand', ['k', 's'], [], 2, i64('s', [2], [3, 2])),
  Tile: one('Tile', ['x', 's'], [], 3, i64('s', [3], [1, 2, 3])),
  Pad: one('Pad', ['x', 's'], [], 3, i64('s', [6], [0, 1, 0, 2, 0, 1])),
  'Pad, reflect': one('Pad', ['x', 's'], [A.string('mode', 'reflect')], 3, i64('s', [6], [0, 1, 2, 0, 0, 1])),
  DepthToSpace: {
    nodes: [node('Reshape', ['x', 's'], ['t']), node('DepthToSpace', ['t'], ['z'], [int('blocksize', 2)])],
    rank: 4,
    constants: [i64('s', [4], [1, 4, 2, 3])],
  },
  SpaceToDepth: {
    nodes: [node('Reshape', ['x', 's'], ['t']), node('SpaceToDepth', ['t'], ['z'], [int('blocksize', 2)])],
    rank: 4,
    constants: [i64('s', [4], [1, 1, 4, 6])],
  },
  OneHot: one('OneHot', ['i', 'd', 'k'], [], 2, i64('i', [3], [0, 3, 2]), i64('d', [1], [4])),
  Compress: one('Compress', ['x', 'c'], [int('axis', 1)], 3, bools('c', [3], [true, false, true])),
  'Compress of all': one(
    'Compress',
    ['x', 'c'],
    [],
    1,
    bools('c', [9], [true, false, true, true, false, false, true, true, true]),
  ),
  ReverseSequence: one(
    'ReverseSequence',
    ['x', 'n'],
    [int('time_axis', 1), int('batch_axis', 0)],
    3,
    i64('n', [2], [3, 2]),
  ),
  Trilu: one('Trilu', ['x'], [int('upper', 1)], 3),
  CenterCropPad: one('CenterCropPad', ['x', 's'], [], 3, i64('s', [3], [4, 3, 2])),
  Resize: one('Resize', ['x', '', '', 's'], [A.string('mode', 'linear')], 3, i64('s', [3], [2, 5, 7])),
  Col2Im: one('Col2Im', ['x', 's', 'b'], [], 4, i64('s', [2], [2, 4]), i64('b', [2], [1, 3])),
  'SplitToSequence, ConcatFromSequence': {
    nodes: [
      node('SplitToSequence', ['x', 'n'], ['q'], [int('axis', 2)]),
      node('SequenceInsert', ['q', 'y'], ['r']),
      node('ConcatFromSequence', ['r'], ['z'], [int('axis', 2)]),
    ],
    rank: 3,
    constants: [i64('n', [2], [1, 3])],
  },
  If: {
    nodes: [
      node('ReduceMax', ['i'], ['m'], [int('keepdims', 0)]),
      node('Greater', ['m', 'zero'], ['c']),
      node(
        'If',
        ['c'],
        ['z'],
        [
          A.graph(
            'then_branch',
            body('yes', [node('Concat', ['x', 'y'], ['p'], [int('axis', 0)])], [], [open('p', 3, elem)]),
          ),
          A.graph('else_branch', body('no', [node('Identity', ['y'], ['p'])], [], [open('p', 3, elem)])),
        ],
      ),
    ],
    rank: 3,
    constants: [i64('i', [2], [1, 2]), i64('zero', [], [0])],
  },
  Loop: {
    nodes: [
      node(
        'Loop',
        ['n', '', 'x'],
        ['carried', 'z'],
        [
          A.graph(
            'body',
            body(
              'b',
              [
                node('Identity', ['go'], ['on']),
                node('Transpose', ['v'], ['w'], [ints('perm', [1, 0, 2])]),
                node('Reshape', ['w', 'flat'], ['f']),
              ],
              [info('it', [], 7), info('go', [], 9), open('v', 3, elem)],
              [info('on', [], 9), open('w', 3, elem), open('f', 1, elem)],
            ),
          ),
        ],
      ),
    ],
    rank: 2,
    constants: [i64('n', [], [3]), i64('flat', [1], [-1])],
  },
  Scan: {
    nodes: [
      node(
        'Scan',
        ['x'],
        ['z'],
        [
          int('num_scan_inputs', 1),
          ints('scan_input_axes', [1]),
          ints('scan_output_axes', [2]),
          A.graph(
            'body',
            body(
              'b',
              [node('Concat', ['v', 'v'], ['w'], [int('axis', 1)])],
              [open('v', 2, elem)],
              [open('w', 2, elem)],
            ),
          ),
        ],
      ),
    ],
    rank: 3,
  },
});

/** Inputs that the cases read, by name. */
const shapes: Readonly<Record<string, readonly number[]>> = { x: [2, 3, 4], y: [2, 3, 4], u: [2, 3, 1], v: [2, 4] };

/** What a case reads of them. */
function inputsOf(c: Case): (readonly [string, readonly number[]])[] {
  const read = new Set(
    c.nodes.flatMap((n) => [
      ...(n.input ?? []),
      ...(n.attribute ?? []).flatMap((a) => (a.g?.node ?? []).flatMap((m) => m.input ?? [])),
    ]),
  );
  return Object.entries(shapes).filter(([name]) => read.has(name));
}

function model(c: Case, elem: number, k: number[]): Uint8Array {
  const wide = elem === 11 || elem === 15;
  const raw = new Uint8Array((wide ? Float64Array : Float32Array).from(k).buffer);
  return encodeModel(
    {
      name: 'g',
      node: [...c.nodes],
      input: inputsOf(c).map(([name, shape]) => info(name, [...shape], elem)),
      output: [open('z', c.rank, elem)],
      initializer: [...(c.constants ?? []), { name: 'k', dims: [2], dataType: elem, rawData: raw }],
    },
    { opsetImport: [{ domain: '', version: 18 }] },
  );
}

const dtypes = { 1: 'f32', 11: 'f64', 14: 'c64', 15: 'c128' } as const;

/** A complex64 or complex128 tensor as the border gives it, and a real one. */
const tensorOf = (elem: keyof typeof dtypes, shape: readonly number[], values: number[]): HostTensor => ({
  dtype: dtypes[elem],
  shape,
  data: elem === 11 || elem === 15 ? Float64Array.from(values) : Float32Array.from(values),
});

/** Runs a model on a target, `reference` being the meaning of its graph. */
async function run(
  bytes: Uint8Array,
  inputs: Record<string, HostValue>,
  target: string,
): Promise<Record<string, HostTensor>> {
  if (target === 'reference') {
    const [graph] = (await compiler.import(bytes)).entries.values();
    if (!graph) throw new Error('no entry');
    return new Reference({ ops: compiler.registry, host: hostFunctions }).run(graph, inputs) as Record<
      string,
      HostTensor
    >;
  }
  const p = await player(await compiler.compile(bytes, { targets: [target.split(' ').at(-1) ?? target] }), target);
  try {
    return (await p.run(inputs)) as Record<string, HostTensor>;
  } finally {
    await p.dispose();
  }
}

/** Result `z` of a case whose inputs and constant `k` are what `data` gives. */
async function play(
  name: string,
  elem: keyof typeof dtypes,
  data: (shape: readonly number[], input: string) => number[],
  target: string,
): Promise<{ shape: readonly number[]; data: number[] }> {
  const c = cases(elem)[name];
  if (!c) throw new Error(name);
  const inputs = inputsOf(c).map(([input, shape]) => [input, tensorOf(elem, shape, data(shape, input))]);
  const { z } = await run(model(c, elem, data([2], 'k')), Object.fromEntries(inputs), target);
  expect(z?.dtype).toBe(dtypes[elem]);
  return { shape: z?.shape ?? [], data: Array.from(z?.data ?? [], Number) };
}

/** Whole numbers that tell inputs, places and parts apart. */
const values = (shape: readonly number[], input: string, part: number): number[] =>
  Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => (input.charCodeAt(0) % 7) * 100 + i + part * 1e5);

const both = (shape: readonly number[], input: string): number[] => {
  const im = values(shape, input, 1);
  return values(shape, input, 0).flatMap((re, i) => [re, im[i] ?? 0]);
};

describe.each(['reference', 'wasm', 'interpreted wgsl'])('complex tensors on %s', (target) => {
  it.each(Object.keys(cases(14)))('%s gives both parts as it gives real numbers', { timeout: 30_000 }, async (name) => {
    // On WGSL doubles, and so complex128, run on the host.
    for (const [real, complex] of [
      [1, 14],
      [11, 15],
    ] as const) {
      const z = await play(name, complex, both, target);
      const re = await play(name, real, (s, i) => values(s, i, 0), target);
      const im = await play(name, real, (s, i) => values(s, i, 1), target);
      expect(z.shape).toEqual(re.shape);
      expect(z.data).toEqual(re.data.flatMap((r, i) => [r, im.data[i]]));
      expect(z.data.length).toBeGreaterThan(0);
    }
  });

  it('any numbers through a chain of operators, as plain JavaScript moves pairs', { timeout: 60_000 }, async () => {
    const bytes = encodeModel(
      {
        name: 'chain',
        node: [
          node('Transpose', ['x'], ['t'], [ints('perm', [1, 0])]),
          node('Concat', ['t', 't', 'w'], ['c'], [int('axis', 1)]),
          node('Slice', ['c', 'from', 'to', 'axes', 'steps'], ['s']),
          node('Gather', ['s', 'i'], ['g']),
          node('Pad', ['g', 'pads', 'fill'], ['z']),
          node('Shape', ['z'], ['size']),
        ],
        input: [info('x', ['n', 2], 14), info('i', ['m'], 7)],
        output: [open('z', 2, 14), info('size', [2], 7)],
        initializer: [
          { name: 'w', dims: [2, 1], dataType: 14, floatData: [5, 6, 7, 8] },
          i64('from', [1], [-1]),
          i64('to', [1], [-100]),
          i64('axes', [1], [1]),
          i64('steps', [1], [-1]),
          i64('pads', [4], [0, 1, 0, 0]),
          { name: 'fill', dims: [], dataType: 14, floatData: [-1, 9] },
        ],
      },
      { opsetImport: [{ domain: '', version: 18 }] },
    );
    const number = fc.float().map((v) => Math.fround(v));
    const pair = fc.tuple(number, number);
    const property = fc.asyncProperty(
      fc.array(fc.tuple(pair, pair), { minLength: 1, maxLength: 5 }),
      fc.array(fc.integer({ min: -2, max: 1 }), { minLength: 1, maxLength: 4 }),
      async (rows, picks) => {
        const x = tensorOf(14, [rows.length, 2], rows.flat(2));
        const i: HostTensor = { dtype: 'i64', shape: [picks.length], data: BigInt64Array.from(picks, BigInt) };
        const { z, size } = await run(bytes, { x, i }, target);
        const tables = [0, 1].map((column) => {
          const t = rows.map((row) => row[column] ?? [0, 0]);
          return [...t, ...t, column === 0 ? [5, 6] : [7, 8]].reverse();
        });
        const wanted = picks.map((p) => [[-1, 9], ...(tables[(p + 2) % 2] ?? [])]);
        expect(z?.shape).toEqual([picks.length, 2 * rows.length + 2]);
        expect(Array.from(size?.data ?? [], Number)).toEqual(z?.shape);
        expect(Array.from(z?.data ?? [], Number)).toEqual(wanted.flat(2));
      },
    );
    await fc.assert(property, { numRuns: target === 'wasm' ? 15 : 5 });
  });

  it('finds numbers that are not zero, and distinct ones, real part first', async () => {
    const bytes = encodeModel({
      name: 'g',
      node: [
        node('NonZero', ['x'], ['at']),
        node('Unique', ['x'], ['y', 'first', '', 'counts']),
        node('Size', ['x'], ['n']),
      ],
      input: [info('x', [6], 14)],
      output: [
        info('at', [1, null], 7),
        info('y', [null], 14),
        info('first', [null], 7),
        info('counts', [null], 7),
        info('n', [], 7),
      ],
    });
    const x = tensorOf(14, [6], [0, -0, 0, 2, 3, 0, 0, 2, 0, 1, -0, 0]);
    const r = await run(bytes, { x }, target);
    expect(Array.from(r.at?.data ?? [], Number)).toEqual([1, 2, 3, 4]);
    expect(Array.from<unknown, number>(r.y?.data ?? [], (v) => Number(v) + 0)).toEqual([0, 0, 0, 1, 0, 2, 3, 0]);
    expect(Array.from(r.first?.data ?? [], Number)).toEqual([0, 4, 1, 2]);
    expect(Array.from(r.counts?.data ?? [], Number)).toEqual([2, 1, 2, 1]);
    expect(Array.from(r.n?.data ?? [], Number)).toEqual([6]);
  });

  it('may have no elements, or rank 0', async () => {
    const bytes = encodeModel({
      name: 'g',
      node: [node('Concat', ['x', 'x'], ['y'], [int('axis', 0)]), node('Identity', ['s'], ['t'])],
      input: [info('x', ['n', 2], 14), info('s', [], 14)],
      output: [info('y', ['m', 2], 14), info('t', [], 14)],
    });
    const { y, t } = await run(bytes, { x: tensorOf(14, [0, 2], []), s: tensorOf(14, [], [1, 2]) }, target);
    expect(y).toEqual(tensorOf(14, [0, 2], []));
    expect(t).toEqual(tensorOf(14, [], [1, 2]));
  });
});

describe('complex tensors', () => {
  it.each([
    ['Add', ['x', 'x']],
    ['Mul', ['x', 'x']],
    ['MatMul', ['x', 'x']],
    ['Equal', ['x', 'x']],
    ['ReduceSum', ['x']],
    ['Sqrt', ['x']],
    ['Relu', ['x']],
    ['Softmax', ['x']],
  ])('are refused by %s, which no definition gives them', async (op, inputs) => {
    const bytes = encodeModel({
      name: 'g',
      node: [node(op, inputs, ['y'], [], { name: 'here' })],
      input: [info('x', [2, 2], 14)],
      output: [info('y', [2, 2], op === 'Equal' ? 9 : 14)],
    });
    await expect(compiler.compile(bytes)).rejects.toThrow(/INFC2010.*c64.*here/);
  });

  it('go through the command line as .npy, pairs of JSON and types of the module', { timeout: 60_000 }, async () => {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'infc-complex-'));
    try {
      const bytes = encodeModel({
        name: 'g',
        node: [node('Concat', ['x', 'w'], ['y'], [int('axis', 0)])],
        input: [info('x', ['n'], 14)],
        output: [info('y', ['m'], 14)],
        initializer: [{ name: 'w', dims: [1], dataType: 14, floatData: [0.5, -1] }],
      });
      await writeFile(path.join(dir, 'm.onnx'), bytes);
      await writeFile(
        path.join(dir, 'x.npy'),
        encodeNpy({ dtype: 'c128', shape: [2], data: Float64Array.of(1, 2, 3, 4) }),
      );
      expect(await infc(['compile', 'm.onnx', '-o', 'out', '--target', 'wasm,wgsl'], dir)).toMatchObject({
        code: 0,
        err: '',
      });
      expect(await readFile(path.join(dir, 'out', 'wasm', 'model.d.ts'), 'utf8')).toContain("'c64'");
      expect((await infc(['run', 'out', '--input', 'x=x.npy', '--output', 'to'], dir)).err).toBe('');
      const y = { dtype: 'c64', shape: [3], data: Float32Array.of(1, 2, 3, 4, 0.5, -1) };
      expect(decodeNpy(await readFile(path.join(dir, 'to', 'y.npy')), 'y.npy')).toEqual(y);
      const json = await infc(['run', 'out', '--input', 'x=[[1,2],[3,4]]', '--json'], dir);
      expect(JSON.parse(json.out)).toMatchObject({
        outputs: { y: { dtype: 'c64', shape: [3], data: Array.from(y.data) } },
      });
      expect((await infc(['run', 'out', '--input', 'x=[1,2,3]'], dir)).err).toMatch(/INFC8010.*pairs/);
      expect((await infc(['verify', 'out'], dir)).code).toBe(0);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
