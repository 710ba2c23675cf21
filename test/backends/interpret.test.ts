import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { interpret } from '../../backends/reference/interpret.ts';
import { binaryFunction, castFunction, erf, unaryFunction } from '../../backends/reference/scalar.ts';
import { add, floorDiv, mod, mul, sym } from '../../compiler/ir/dim.ts';
import { constant, dimValue, variable } from '../../compiler/ir/expr.ts';
import type { KernelNote } from '../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { decodeFloat, encodeFloat } from '../../runtime/minifloat.ts';

const note: KernelNote = { op: 'test', sources: [], template: 'test', why: 'test', bytes: 0, flops: 0 };

describe('interpreter', () => {
  test('runs a grid with guards, symbolic sizes and loops', () => {
    const n = sym('n', { max: 1000 });
    const k = new KernelBuilder('scale', 'simt', 8, [floorDiv(add(n, 7), 8), 1, 1]);
    const x = k.buffer('x', 'f32', 'read', n);
    const y = k.buffer('y', 'f32', 'write', n);
    const i = add(mul(k.group.x, 8), k.lane);
    k.if(dimValue(i).lt(dimValue(n)), () => {
      const acc = k.var(constant('f32', 0));
      k.for(0, 3, 1, () => acc.set(acc.value.add(k.load(x, i))));
      k.store(y, i, acc.value);
    });
    const kernel = k.done(note);
    const xs = Float32Array.from({ length: 13 }, (_, j) => j + 0.1);
    const ys = new Float32Array(13);
    interpret(kernel, [xs, ys], { n: 13 });
    expect([...ys]).toEqual([...xs].map((v) => Math.fround(Math.fround(v + v) + v)));
  });

  const sharedSum = (barrier: boolean, lanes = 8) => {
    const k = new KernelBuilder('sum', 'simt', lanes, [1, 1, 1]);
    const x = k.buffer('x', 'f32', 'read', lanes);
    const y = k.buffer('y', 'f32', 'write', lanes);
    const s = k.shared('s', 'f32', lanes);
    k.store(s, k.lane, k.load(x, k.lane));
    if (barrier) k.barrier();
    k.store(y, k.lane, k.load(s, mod(add(k.lane, 1), lanes)));
    return k.done(note);
  };

  test('a missing barrier is a race or an uninitialised read', () => {
    const x = new Float32Array(8).fill(1);
    interpret(sharedSum(true), [x, new Float32Array(8)]);
    expect(() => interpret(sharedSum(false), [x, new Float32Array(8)])).toThrow(/INFC4013.*kernel 'sum'.*lane/);
  });

  test('two workgroups writing one element race', () => {
    const k = new KernelBuilder('clash', 'simt', 1, [2, 1, 1]);
    const y = k.buffer('y', 'f32', 'write', 1);
    k.store(y, 0, constant('f32', 1));
    expect(() => interpret(k.done(note), [new Float32Array(1)])).toThrow(/INFC4013.*workgroup/);
  });

  test('uninitialised shared memory, out of bounds and wrong access are named', () => {
    const build = (write: (k: KernelBuilder) => void) => {
      const k = new KernelBuilder('bad', 'simt', 4, [1, 1, 1]);
      write(k);
      return k.done(note);
    };
    const y4 = [new Float32Array(4)];
    expect(() =>
      interpret(
        build((k) => {
          const y = k.buffer('y', 'f32', 'write', 4);
          const s = k.shared('s', 'f32', 4);
          k.store(y, k.lane, k.load(s, k.lane));
        }),
        y4,
      ),
    ).toThrow(/INFC4012/);
    expect(() =>
      interpret(
        build((k) => {
          const y = k.buffer('y', 'f32', 'write', 4);
          k.store(y, add(k.lane, 1), constant('f32', 0));
        }),
        y4,
      ),
    ).toThrow(/INFC4010.*y\[4\].*4 elements/);
    expect(() =>
      interpret(
        build((k) => {
          const y = k.buffer('y', 'f32', 'read', 4);
          k.store(y, k.lane, constant('f32', 0));
        }),
        y4,
      ),
    ).toThrow(/INFC4011/);
  });

  test('divergent barriers and subgroup operations are refused', () => {
    const k = new KernelBuilder('div', 'simt', 4, [1, 1, 1]);
    k.if(dimValue(k.lane).lt(2), () => k.barrier());
    expect(() => interpret(k.done(note), [])).toThrow(/INFC4017.*2 of 4 lanes/);
    const g = new KernelBuilder('div', 'simt', 4, [1, 1, 1]);
    const y = g.buffer('y', 'f32', 'write', 4);
    g.if(dimValue(g.lane).lt(2), () => g.store(y, g.lane, constant('f32', 1).subgroupAdd()));
    expect(() => interpret(g.done(note), [new Float32Array(4)])).toThrow(/INFC4017/);
  });

  test('a broken promise about an index is caught', () => {
    const k = new KernelBuilder('promise', 'simt', 1, [1, 1, 1]);
    const x = k.buffer('x', 'i32', 'read', 1);
    const y = k.buffer('y', 'f32', 'write', 4);
    k.store(y, k.index(k.load(x, 0), { min: 0, max: 3 }), constant('f32', 1));
    const kernel = k.done(note);
    interpret(kernel, [Int32Array.of(3), new Float32Array(4)]);
    expect(() => interpret(kernel, [Int32Array.of(4), new Float32Array(4)])).toThrow(/INFC4019.*is 4/);
  });

  test.each([4, 8, 16, 32, 64, 128])('subgroup sums at size %i', (subgroupSize) => {
    const k = new KernelBuilder('sg', 'simt', 128, [1, 1, 1]);
    const y = k.buffer('y', 'i32', 'write', 128);
    k.store(y, k.lane, dimValue(k.lane).subgroupAdd());
    const ys = new Int32Array(128);
    interpret(k.done(note), [ys], {}, { subgroupSize });
    for (let i = 0; i < 128; i++) {
      const first = Math.floor(i / subgroupSize) * subgroupSize;
      expect(ys[i]).toBe(subgroupSize * first + (subgroupSize * (subgroupSize - 1)) / 2);
    }
  });

  test('a guard runs its loads only where the condition holds, and lanes of a vector stay in order', () => {
    const k = new KernelBuilder('guard', 'simd', 1, [2, 1, 1]);
    const x = k.buffer('x', 'f32', 'read', 5);
    const y = k.buffer('y', 'f32', 'write', 8);
    const at = mul(k.group.x, 4);
    const v = dimValue(at)
      .lt(4)
      .guard(k.load(x, at, 4), constant('f32', -1));
    k.store(y, at, v.shuffle(v, [3, 2, 1, 4]));
    const ys = new Float32Array(8);
    interpret(k.done(note), [Float32Array.of(0, 1, 2, 3, 4), ys]);
    expect([...ys]).toEqual([3, 2, 1, 0, -1, -1, -1, -1]);
  });

  test('integers wrap and 64-bit arithmetic is exact', () => {
    expect(binaryFunction('mul', 'i32')(65537, 65537)).toBe(131073);
    expect(binaryFunction('add', 'u32')(4294967295, 2)).toBe(1);
    expect(binaryFunction('mul', 'i64')(2n ** 62n, 4n)).toBe(0n);
    expect(binaryFunction('div', 'i32')(-7, 2)).toBe(-3);
    expect(binaryFunction('rem', 'i32')(-7, 2)).toBe(-1);
    expect(binaryFunction('div', 'i32')(1, 0)).toBe(0);
    expect(castFunction('f32', 'i32')(3e9)).toBe(2147483647);
    expect(castFunction('f32', 'i32')(Number.NaN)).toBe(0);
    expect(castFunction('i64', 'f32')(2n ** 24n + 1n)).toBe(2 ** 24);
    expect(castFunction('i64', 'f32')(2n ** 60n + 2n ** 36n + 1n)).toBe(2 ** 60 + 2 ** 37);
    expect(unaryFunction('round', 'f32')(2.5)).toBe(2);
    expect(erf(0.5)).toBeCloseTo(0.5204998778130465, 14);
    expect(erf(3)).toBeCloseTo(0.9999779095030014, 14);
    expect(erf(2.49999) - erf(2.50001)).toBeLessThan(0);
  });

  test('shared variables of a subexpression are computed once', () => {
    const k = new KernelBuilder('deep', 'simt', 1, [1, 1, 1]);
    const y = k.buffer('y', 'f32', 'write', 1);
    let e = variable('s', 'f32');
    k.var(constant('f32', 1), 's');
    e = k.let(constant('f32', 1));
    for (let i = 0; i < 100; i++) e = e.add(e).mul(0.5);
    k.store(y, 0, e);
    const ys = new Float32Array(1);
    interpret(k.done(note), [ys]);
    expect(ys[0]).toBe(1);
  });
});

describe('minifloat', () => {
  test.each(['f16', 'bf16', 'f8e4m3fn', 'f8e4m3fnuz', 'f8e5m2', 'f8e5m2fnuz', 'f4e2m1'] as const)(
    '%s: every pattern survives a round trip and rounding picks the nearest',
    (dtype) => {
      const bits = dtype === 'f16' || dtype === 'bf16' ? 16 : dtype === 'f4e2m1' ? 4 : 8;
      const finite: number[] = [];
      for (let i = 0; i < 2 ** bits; i++) {
        const v = decodeFloat(dtype, i);
        if (Number.isNaN(v)) expect(decodeFloat(dtype, encodeFloat(dtype, v))).toBeNaN();
        else expect(encodeFloat(dtype, v)).toBe(i);
        if (Number.isFinite(v)) finite.push(v);
      }
      finite.sort((a, b) => a - b);
      const top = finite.at(-1) ?? 0;
      fc.assert(
        fc.property(fc.double({ min: -top, max: top, noNaN: true }), (x) => {
          const r = decodeFloat(dtype, encodeFloat(dtype, x));
          let low = 0;
          let high = finite.length - 1;
          while (high - low > 1) {
            const mid = (low + high) >> 1;
            if ((finite[mid] ?? 0) <= x) low = mid;
            else high = mid;
          }
          const best = Math.min(Math.abs((finite[low] ?? 0) - x), Math.abs((finite[high] ?? 0) - x));
          expect(Math.abs(r - x)).toBe(best);
        }),
        { numRuns: 300 },
      );
    },
  );
  test('overflow', () => {
    expect(encodeFloat('f16', 65520)).toBe(0x7c00);
    expect(encodeFloat('f16', 65519)).toBe(0x7bff);
    expect(encodeFloat('f8e4m3fn', 1e9)).toBe(0x7f);
    expect(encodeFloat('f8e4m3fn', 1e9, true)).toBe(0x7e);
  });
});
