import { describe, expect, it } from 'vitest';
import { compile } from '../../compiler/compile.ts';
import { writeTypedModule } from '../../compiler/plan/typed-module.ts';
import type { HostTensor } from '../../runtime/host.ts';
import { player } from '../conformance/onnx-targets.ts';
import { encodeModel, info, node, type ValueInfo } from './build-onnx.ts';

const element = (rank: number) => ({
  tensorType: { elemType: 1, shape: { dim: Array.from({ length: rank }, (_, i) => ({ dimParam: `D${i}` })) } },
});
const sequence: ValueInfo = { name: 's', type: { sequenceType: { elemType: element(1) } } };
const optional: ValueInfo = { name: 'o', type: { optionalType: { elemType: element(2) } } };

const model = encodeModel({
  name: 'g',
  input: [sequence, info('at', [], 7), optional],
  output: [{ name: 'y' }, { name: 'rest' }, { name: 'n' }, { name: 'there' }],
  node: [
    node('SequenceAt', ['s', 'at'], ['e']),
    node('Relu', ['e'], ['y']),
    node('SequenceErase', ['s', 'at'], ['rest']),
    node('SequenceLength', ['rest'], ['n']),
    node('OptionalHasElement', ['o'], ['there']),
  ],
});

const f32 = (...values: number[]): HostTensor => ({
  dtype: 'f32',
  shape: [values.length],
  data: Float32Array.from(values),
});
const at = (i: number): HostTensor => ({ dtype: 'i64', shape: [], data: BigInt64Array.of(BigInt(i)) });

describe('sequences and optionals as inputs and outputs of a compiled model', () => {
  it('pass through kernels and host steps, each element with its own shape', async () => {
    const m = await player(await compile(model));
    const s = [f32(-1, 2), f32(3), f32(-4, 5, -6)];
    const out = await m.run({ s, at: at(-1), o: null });
    expect(out.y).toEqual(f32(0, 5, 0));
    expect(out.rest).toEqual([f32(-1, 2), f32(3)]);
    expect(out.n).toEqual(at(2));
    expect(out.there).toEqual({ dtype: 'bool', shape: [], data: Uint8Array.of(0) });
    const again = await m.run({ s, at: at(0), o: { dtype: 'f32', shape: [1, 1], data: Float32Array.of(1) } });
    expect(again.y).toEqual(f32(0, 2));
    expect(again.there).toEqual({ dtype: 'bool', shape: [], data: Uint8Array.of(1) });
    await m.dispose();
  });

  it('are refused when they are something else', async () => {
    const m = await player(await compile(model));
    await expect(m.run({ s: f32(1), at: at(0), o: null })).rejects.toThrow(/INFC6003.*'s' is no sequence/);
    await expect(m.run({ s: [at(1)], at: at(0), o: null })).rejects.toThrow(/INFC6003.*'s' is f32/);
    await expect(m.run({ s: [f32(1)], at: at(3), o: null })).rejects.toThrow(/position 3 is outside a sequence of 1/);
    await m.dispose();
  });

  it('have types of their own in the written module', async () => {
    const [target] = (await compile(model)).targets;
    if (!target) throw new Error('nothing was compiled');
    const { types } = await writeTypedModule(target.plan, { files: [], host: [], device: 'builtin' });
    expect(types).toContain("readonly s: readonly TensorInput<'f32'>[];");
    expect(types).toContain("readonly o?: TensorInput<'f32'> | null;");
    expect(types).toContain("readonly rest: readonly Tensor<'f32'>[];");
    expect(types).toContain('run(inputs: Inputs,');
  });
});
