import { describe, expect, it } from 'vitest';
import { compile } from '../../compiler/compile.ts';
import type { HostTensor } from '../../runtime/host.ts';
import { player } from '../conformance/onnx-targets.ts';
import { attribute, encodeModel, f32, i64, info, node } from '../import/build-onnx.ts';

const vector = (...values: number[]): HostTensor => ({
  dtype: 'f32',
  shape: [values.length],
  data: Float32Array.from(values),
});

describe('equalities that shapes rest on', () => {
  const model = encodeModel({
    name: 'g',
    input: [info('x', ['n']), info('z', ['m'])],
    initializer: [f32('w', [2], [10, 20])],
    output: [info('y', [2]), info('s', [null])],
    node: [node('Add', ['x', 'w'], ['y']), node('Mul', ['z', 'z'], ['s'])],
  });

  it('are checked when a run binds its inputs', async () => {
    const compilation = await compile(model);
    const guards = compilation.targets[0]?.plan.entries.main?.guards;
    expect(guards?.map((g) => g.why)).toEqual(["'Add_y' (add) of [n] and [2] needs n = 2 or n = 1"]);
    const m = await player(compilation);
    const out = await m.run({ x: vector(1, 2), z: vector(3) });
    expect(out.y).toEqual(vector(11, 22));
    expect((await m.run({ x: vector(1), z: vector(3) })).y).toEqual(vector(11, 21));
    await expect(m.run({ x: vector(1, 2, 3), z: vector(3) })).rejects.toThrow(
      /INFC6009.*'Add_y' \(add\) of \[n\] and \[2\] needs n = 2 or n = 1; here n = 3/,
    );
    await m.dispose();
  });

  it('need no check once the dim is given', async () => {
    const compilation = await compile(model, { dims: { n: 1 } });
    expect(compilation.targets[0]?.plan.entries.main?.guards).toEqual([]);
    const m = await player(compilation);
    expect((await m.run({ x: vector(1), z: vector(3) })).y).toEqual(vector(11, 21));
    await m.dispose();
  });

  it('hold where what a dim of 1 was spread to is split', async () => {
    const spread = encodeModel(
      {
        name: 'g',
        input: [info('x', ['n'])],
        initializer: [i64('two', [1], [2]), f32('w', [2], [1, 1]), f32('b', [2], [3, 5]), i64('halves', [2], [1, 1])],
        output: [info('y0', [null]), info('y1', [null])],
        node: [
          node('Expand', ['x', 'two'], ['e']),
          node('LayerNormalization', ['e', 'w', 'b'], ['n0'], [attribute.int('axis', -1)]),
          node('Split', ['n0', 'halves'], ['y0', 'y1'], [attribute.int('axis', 0)]),
        ],
      },
      { opsetImport: [{ domain: '', version: 20 }] },
    );
    const m = await player(await compile(spread));
    const out = await m.run({ x: vector(7) });
    expect([out.y0, out.y1]).toEqual([vector(3), vector(5)]);
    await m.dispose();
  });
});
