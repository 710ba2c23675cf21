import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createCompiler } from '../../compiler/compile.ts';
import type { HostValue } from '../../runtime/host.ts';
import { infc } from '../cli/capture.ts';
import { player } from '../conformance/onnx-targets.ts';
import { attribute as A, encodeModel, info, node, type ValueInfo } from './build-onnx.ts';

const ML = { domain: 'ai.onnx.ml' };
const opsetImport = [
  { domain: '', version: 17 },
  { domain: 'ai.onnx.ml', version: 3 },
];
/** A map: element types 1 f32, 7 i64, 8 string. */
const map = (name: string, keyType: number, elemType: number): ValueInfo => ({
  name,
  type: { mapType: { keyType, valueType: { tensorType: { elemType, shape: {} } } } },
});
const maps = (name: string, keyType: number): ValueInfo => ({
  name,
  type: { sequenceType: { elemType: map('', keyType, 1).type ?? {} } },
});

/** What sklearn-onnx writes for a classifier of three classes: labels, and probabilities as maps. */
const classifier = encodeModel(
  {
    name: 'iris',
    node: [
      node(
        'LinearClassifier',
        ['x'],
        ['label', 'scores'],
        [
          A.floats('coefficients', [1, 0, 0, 1, -1, -1]),
          A.floats('intercepts', [0, 0.5, 0]),
          A.strings('classlabels_strings', ['setosa', 'versicolor', 'virginica']),
          A.string('post_transform', 'SOFTMAX'),
        ],
        ML,
      ),
      node(
        'ZipMap',
        ['scores'],
        ['probabilities'],
        [A.strings('classlabels_strings', ['setosa', 'versicolor', 'virginica'])],
        ML,
      ),
    ],
    input: [info('x', ['n', 2])],
    output: [info('label', ['n'], 8), maps('probabilities', 8)],
  },
  { opsetImport },
);

async function run(bytes: Uint8Array, inputs: Record<string, HostValue>): Promise<Readonly<Record<string, HostValue>>> {
  const p = await player(await createCompiler().compile(bytes, { targets: ['wasm'] }));
  try {
    return await p.run(inputs);
  } finally {
    await p.dispose();
  }
}

describe('maps of ai.onnx.ml', () => {
  it('ZipMap gives one map a row', async () => {
    const { label, probabilities } = await run(classifier, {
      x: { dtype: 'f32', shape: [2, 2], data: Float32Array.of(3, 0, -1, -2) },
    });
    expect(label).toMatchObject({ data: ['setosa', 'virginica'] });
    const list = probabilities as readonly ReadonlyMap<string, number>[];
    expect(list.map((m) => [...m.keys()])).toEqual([
      ['setosa', 'versicolor', 'virginica'],
      ['setosa', 'versicolor', 'virginica'],
    ]);
    const scores = [3, 0.5, -3].map(Math.exp);
    const sum = scores.reduce((a, b) => a + b);
    expect(list[0]?.get('setosa')).toBeCloseTo((scores[0] ?? 0) / sum, 6);
    expect(list[0]?.get('versicolor')).toBeCloseTo((scores[1] ?? 0) / sum, 6);
  });

  it('ZipMap of whole labels has numbers for keys; labels that do not fit are refused', async () => {
    const zip = (labels: number[]): Uint8Array =>
      encodeModel(
        {
          name: 'g',
          node: [node('ZipMap', ['x'], ['y'], [A.ints('classlabels_int64s', labels)], ML)],
          input: [info('x', [1, 2])],
          output: [maps('y', 7)],
        },
        { opsetImport },
      );
    const x: HostValue = { dtype: 'f32', shape: [1, 2], data: Float32Array.of(0.25, 0.75) };
    expect((await run(zip([7, 9]), { x })).y).toEqual([
      new Map([
        [7, 0.25],
        [9, 0.75],
      ]),
    ]);
    await expect(run(zip([7]), { x })).rejects.toThrow(/INFC2010.*1 labels for 2 columns/);
  });

  it('DictVectorizer and CastMap make a row of a map', async () => {
    const from = (
      op: string,
      attributes: Parameters<typeof node>[3],
      key: number,
      value: number,
      out: number,
    ): Uint8Array =>
      encodeModel(
        {
          name: 'g',
          node: [node(op, ['m'], ['y'], attributes, ML)],
          input: [map('m', key, value)],
          output: [info('y', [1, null], out)],
        },
        { opsetImport },
      );
    const words = from('DictVectorizer', [A.strings('string_vocabulary', ['a', 'c', 'b', 'z'])], 8, 1, 1);
    const m = new Map<string | number, number>([
      ['b', 4],
      ['a', 3],
    ]);
    expect((await run(words, { m })).y).toEqual({ dtype: 'f32', shape: [1, 4], data: Float32Array.of(3, 0, 4, 0) });
    await expect(run(words, { m: null })).rejects.toThrow(/INFC6003.*'m' is no string-map.*Give a Map/);
    await expect(run(words, {})).rejects.toThrow(/INFC6003.*'m' is no string-map/);
    const numbers = new Map<number, string>([
      [3, '2.5'],
      [1, '-1'],
    ]);
    const dense = from('CastMap', [A.string('cast_to', 'TO_FLOAT')], 7, 8, 1);
    expect((await run(dense, { m: numbers })).y).toEqual({
      dtype: 'f32',
      shape: [1, 2],
      data: Float32Array.of(-1, 2.5),
    });
    const sparse = from(
      'CastMap',
      [A.string('cast_to', 'TO_INT64'), A.string('map_form', 'SPARSE'), A.int('max_map', 5)],
      7,
      8,
      7,
    );
    expect((await run(sparse, { m: numbers })).y).toEqual({
      dtype: 'i64',
      shape: [1, 5],
      data: BigInt64Array.of(0n, -1n, 0n, 2n, 0n),
    });
    await expect(run(dense, { m: new Map([[0, 'x']]) })).rejects.toThrow(/'x' is not a number/);
  });

  it('the command line and the typed module know them', { timeout: 60_000 }, async () => {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'infc-maps-'));
    try {
      await writeFile(path.join(dir, 'm.onnx'), classifier);
      expect(await infc(['compile', 'm.onnx', '-o', 'out'], dir)).toMatchObject({ code: 0, err: '' });
      expect(await readFile(path.join(dir, 'out', 'model.d.ts'), 'utf8')).toContain(
        'readonly probabilities: readonly ReadonlyMap<string, number>[]',
      );
      const seen = await infc(['run', 'out', '--input', 'x=[[3,0]]'], dir);
      expect(seen.out).toMatch(/probabilities\[0\] +map +setosa: 0\.92.*versicolor: 0\.07/);
      const json = JSON.parse((await infc(['run', 'out', '--input', 'x=[[3,0]]', '--json'], dir)).out);
      expect(Object.keys(json.outputs.probabilities[0])).toEqual(['setosa', 'versicolor', 'virginica']);
      expect((await infc(['verify', 'out'], dir)).code).toBe(0);
      expect((await infc(['inspect', 'm.onnx'], dir)).code).toBe(0);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
