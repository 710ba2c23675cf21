import { describe, expect, it } from 'vitest';
import { evaluateCondition, evaluateDim, formatShape, solveDim } from '../../runtime/dims.ts';
import { tensor } from '../../runtime/tensor.ts';

const values = new Map([
  ['n', 7],
  ['m', 3],
]);

describe('dimension expressions', () => {
  it('evaluates with floor division', () => {
    expect(evaluateDim(['add', 'n', ['mul', 2, 'm'], 1], values)).toBe(14);
    expect(evaluateDim(['div', ['add', 'm', -10], 'm'], values)).toBe(-3);
    expect(evaluateDim(['mod', ['add', 'm', -10], 'm'], values)).toBe(2);
    expect(evaluateDim(['max', ['min', 'n', 4], 'm'], values)).toBe(4);
    expect(evaluateDim(['add', 'n', 'unknown'], values)).toBeNaN();
  });

  it('evaluates conditions, unknown while a symbol is', () => {
    expect(evaluateCondition(['and', ['lt', 'm', 'n'], ['ne', 'n', 8]], values)).toBe(true);
    expect(evaluateCondition(['and', ['le', 'x', 1], ['eq', 'n', 8]], values)).toBe(false);
    expect(evaluateCondition(['and', ['le', 'x', 1], ['eq', 'n', 7]], values)).toBeUndefined();
  });

  it('solves for the one unknown', () => {
    expect(solveDim(['add', ['mul', 2, 'x'], 'm'], 11, values)).toEqual(['x', 4]);
    expect(solveDim(['mul', 2, 'x'], 11, values)).toBeUndefined();
    expect(solveDim(['mul', 'y', 'x'], 12, values)).toBeUndefined();
    expect(formatShape(['n', 3, ['mul', 2, ['add', 'h', 1]]])).toBe('[n, 3, 2*(h+1)]');
  });
});

describe('tensor', () => {
  it('converts plain numbers to the dtype', () => {
    expect(tensor('i64', [2], [1, -2]).data).toEqual(BigInt64Array.of(1n, -2n));
    expect(tensor('f16', [1], [1]).data).toEqual(Uint16Array.of(0x3c00));
    // Stands for a Float16Array, which Node 20 lacks: its bits are taken as they are.
    class Float16Array extends Uint16Array {}
    const halves = new Float16Array([7, 0x3c00]).subarray(1) as never;
    expect(tensor('f16', [1], halves).data).toEqual(Uint16Array.of(0x3c00));
    expect(() => tensor('bf16', [1], halves)).toThrow('INFC6003');
    expect(tensor('bool', [3], [true, false, 2]).data).toEqual(Uint8Array.of(1, 0, 1));
    expect(tensor('f32', [2, 2]).data).toHaveLength(4);
    expect(() => tensor('f32', [2], [1])).toThrow('INFC6004');
    expect(() => tensor('f32', [1], new Float64Array(1) as never)).toThrow('INFC6003');
    expect(() => tensor('i64', [1], [1.5])).toThrow('INFC6003');
  });
});
