import { describe, expect, it } from 'vitest';
import { hostFunctions } from '../../runtime/host/index.ts';
import type { HostContext, HostTensor, HostValue } from '../../runtime/host.ts';

const context: HostContext = {
  outputs: [],
  fail: (reason) => {
    throw new Error(reason);
  },
};
const run = (op: string, inputs: HostValue[], attrs: Record<string, unknown> = {}): HostValue => {
  const results = hostFunctions(op)?.(inputs, attrs, context);
  if (!results || results instanceof Promise) throw new Error(`no function ${op}`);
  return results[0] ?? null;
};
const f32 = (shape: number[], ...values: number[]): HostTensor => ({
  dtype: 'f32',
  shape,
  data: Float32Array.from(values),
});
const i64 = (...values: number[]): HostTensor => ({
  dtype: 'i64',
  shape: values.length === 1 ? [] : [values.length],
  data: BigInt64Array.from(values, BigInt),
});
const words = (shape: number[], ...data: string[]): HostTensor => ({ dtype: 'string', shape, data });

describe('sequences on the host', () => {
  const [a, b, c] = [f32([1], 1), f32([2], 2, 3), f32([0])];
  const s = run('sequence_construct', [a, b]);

  it('build, read, insert and erase', () => {
    expect(s).toEqual([a, b]);
    expect(run('sequence_at', [s, i64(-1)])).toEqual(b);
    expect(run('sequence_insert', [s, c, null])).toEqual([a, b, c]);
    expect(run('sequence_insert', [s, c, i64(-2)])).toEqual([c, a, b]);
    expect(run('sequence_insert', [s, c, i64(2)])).toEqual([a, b, c]);
    expect(run('sequence_erase', [s, null])).toEqual([a]);
    expect(run('sequence_erase', [s, i64(0)])).toEqual([b]);
    expect(run('sequence_length', [run('sequence_insert', [run('sequence_empty', []), a, null])])).toEqual(i64(1));
    expect(s).toEqual([a, b]);
  });

  it('keep their elements when the bytes of the input change', () => {
    const source = f32([1], 5);
    const kept = run('sequence_construct', [source]);
    if (source.data instanceof Float32Array) source.data[0] = 9;
    expect(kept).toEqual([f32([1], 5)]);
  });

  it('refuse positions outside', () => {
    expect(() => run('sequence_at', [s, i64(2)])).toThrow(/position 2 is outside a sequence of 2/);
    expect(() => run('sequence_insert', [s, c, i64(-3)])).toThrow(/-3/);
    expect(() => run('sequence_erase', [[], null])).toThrow(/empty/);
    expect(() => run('sequence_at', [a, i64(0)])).toThrow(/not a sequence/);
  });

  it('split along an axis by size, by list, or into single elements', () => {
    const x = f32([2, 3], 1, 2, 3, 4, 5, 6);
    expect(run('split_to_sequence', [x, i64(2)], { axis: 1 })).toEqual([f32([2, 2], 1, 2, 4, 5), f32([2, 1], 3, 6)]);
    expect(run('split_to_sequence', [x, i64(1, 2)], { axis: 1 })).toEqual([f32([2, 1], 1, 4), f32([2, 2], 2, 3, 5, 6)]);
    expect(run('split_to_sequence', [x, null], { axis: 0, keepdims: 0 })).toEqual([
      f32([3], 1, 2, 3),
      f32([3], 4, 5, 6),
    ]);
    expect(run('split_to_sequence', [words([2], 'p', 'q'), null], { axis: 0 })).toEqual([
      words([1], 'p'),
      words([1], 'q'),
    ]);
    expect(() => run('split_to_sequence', [x, i64(1, 1)], { axis: 1 })).toThrow(/do not make up 3/);
    expect(() => run('split_to_sequence', [x, i64(0)], { axis: 1 })).toThrow(/pieces of 0/);
  });

  it('concatenate and stack', () => {
    const parts = [f32([2, 1], 1, 4), f32([2, 2], 2, 3, 5, 6)];
    expect(run('concat_from_sequence', [parts], { axis: 1 })).toEqual(f32([2, 3], 1, 2, 3, 4, 5, 6));
    expect(run('concat_from_sequence', [[f32([2], 1, 2), f32([2], 3, 4)]], { axis: 1, new_axis: 1 })).toEqual(
      f32([2, 2], 1, 3, 2, 4),
    );
    expect(run('concat_from_sequence', [[words([1], 'p'), words([2], 'q', 'r')]], { axis: 0 })).toEqual(
      words([3], 'p', 'q', 'r'),
    );
    expect(() => run('concat_from_sequence', [parts], { axis: 0 })).toThrow(/differ outside axis 0/);
    expect(() => run('concat_from_sequence', [[]], { axis: 0 })).toThrow(/empty/);
  });

  it('optionals hold a value or none', () => {
    expect(run('optional_has_element', [run('optional', [a])])).toEqual({
      dtype: 'bool',
      shape: [],
      data: Uint8Array.of(1),
    });
    expect(run('optional_has_element', [run('optional_empty', [])])).toEqual({
      dtype: 'bool',
      shape: [],
      data: Uint8Array.of(0),
    });
    expect(run('optional_get_element', [run('optional', [s])])).toEqual(s);
    expect(() => run('optional_get_element', [null])).toThrow(/no value/);
  });
});
