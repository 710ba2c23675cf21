import { describe, expect, it } from 'vitest';
import { erf } from '../../backends/reference/scalar.ts';
import type { TypedArray } from '../../compiler/ir/dtype.ts';
import type { BinaryOp, Expr, UnaryOp, Width } from '../../compiler/ir/expr.ts';
import type { KernelNote } from '../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { instantiate } from '../kernels/run-wasm.ts';

const note: KernelNote = { op: 'test', sources: [], template: 'test', why: 'test', bytes: 0, flops: 0 };

const SPECIAL = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  2,
  -2,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
  1e-45,
  -1e-45,
  1e-39,
  3.4e38,
  -3.4e38,
  88.7,
  88.8,
  -87.4,
  -103.9,
  -104,
  Math.PI / 2,
  Math.PI,
  2 * Math.PI,
  Math.PI / 4,
  1e5,
  4e8,
  1e20,
  1e38,
  0.99999994,
  1.0000001,
  -0.99999994,
];

/** Bit patterns of every exponent and sign, several mantissas each, and the special values. */
function floats(perExponent: number): Float32Array {
  const bits: number[] = [];
  let seed = 1;
  for (let e = 0; e < 255; e++)
    for (let i = 0; i < perExponent; i++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      bits.push((e << 23) | (seed >>> 9), ((e << 23) | ((seed >>> 5) & 0x7fffff) | 0x80000000) >>> 0);
    }
  while ((bits.length + SPECIAL.length) % 8 !== 0) bits.push(0x3f800000);
  const f = new Float32Array(new Uint32Array(bits).buffer);
  const all = new Float32Array(f.length + SPECIAL.length);
  all.set(f);
  all.set(SPECIAL, f.length);
  return all;
}

/** Doubles around everyday magnitudes, of every tenth exponent, and the special values. */
function doubles(): Float64Array {
  const values: number[] = [...SPECIAL];
  let seed = 7;
  const next = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 4294967296;
  for (let e = -1070; e < 1020; e += 10)
    for (let i = 0; i < 4; i++) values.push((1 + next()) * 2 ** e, -(1 + next()) * 2 ** e);
  for (let i = 0; i < 4000; i++) values.push((next() - 0.5) * 40, next() * 2 - 1, (next() - 0.5) * 2000);
  while (values.length % 8 !== 0) values.push(1);
  return new Float64Array(values);
}

function run(
  type: 'f32' | 'f64',
  width: Width,
  inputs: readonly TypedArray[],
  body: (...xs: Expr[]) => Expr,
): TypedArray {
  const n = inputs[0]?.length ?? 0;
  const k = new KernelBuilder('k', 'simd', 1, [1, 1, 1]);
  const bs = inputs.map((_, i) => k.buffer(`x${i}`, type, 'read', n));
  const z = k.buffer('z', type, 'write', n);
  k.for(0, n, width, (i) => k.store(z, i, body(...bs.map((b) => k.load(b, i, width)))));
  const r = instantiate(k.done(note), [...inputs, type === 'f32' ? new Float32Array(n) : new Float64Array(n)]);
  r.run();
  return r.views[inputs.length] ?? new Float32Array();
}

/** Distance from the exact value in units of the last place of the result type (subnormals included). */
function ulps(type: 'f32' | 'f64', got: number, exact: number): number {
  const rounded = type === 'f32' ? Math.fround(exact) : exact;
  if (Object.is(got, rounded) || got === rounded || (Number.isNaN(got) && Number.isNaN(rounded))) return 0;
  if (!Number.isFinite(got) || !Number.isFinite(rounded)) {
    // One step below or above the overflow threshold is one unit.
    const largest = type === 'f32' ? 3.4028234663852886e38 : Number.MAX_VALUE;
    return Math.abs(Number.isFinite(got) ? got : rounded) === largest && got > 0 === rounded > 0
      ? 1
      : Number.POSITIVE_INFINITY;
  }
  const e = Math.max(Math.floor(Math.log2(Math.abs(exact) || 5e-324)), type === 'f32' ? -126 : -1022);
  return Math.abs(got - exact) / 2 ** (e - (type === 'f32' ? 23 : 52));
}

function worst(
  type: 'f32' | 'f64',
  got: TypedArray,
  inputs: readonly TypedArray[],
  exact: (...xs: number[]) => number,
): { ulp: number; at: string } {
  let ulp = 0;
  let at = '';
  for (let i = 0; i < got.length; i++) {
    const xs = inputs.map((a) => Number(a[i]));
    const e = ulps(type, Number(got[i]), exact(...xs));
    if (e > ulp) {
      ulp = e;
      at = `(${xs.join(', ')}) gives ${got[i]}, expected ${exact(...xs)}`;
    }
  }
  return { ulp, at };
}

const EXACT: readonly (readonly [UnaryOp, (x: number) => number, bound32: number, bound64: number])[] = [
  ['exp', Math.exp, 1.5, 1.5],
  ['exp2', (x) => 2 ** x, 1.5, 2],
  ['log', Math.log, 1.5, 1.5],
  ['log2', Math.log2, 2, 2],
  ['sin', Math.sin, 2, 1.5],
  ['cos', Math.cos, 2, 1.5],
  ['tan', Math.tan, 3.5, 3.5],
  ['asin', Math.asin, 3, 2.5],
  ['acos', Math.acos, 3, 1.5],
  ['atan', Math.atan, 3, 1.5],
  ['sinh', Math.sinh, 3, 3],
  ['cosh', Math.cosh, 3, 3],
  ['tanh', Math.tanh, 5, 4],
  ['asinh', Math.asinh, 4, 4],
  ['acosh', Math.acosh, 4, 4],
  ['atanh', Math.atanh, 4, 4],
  ['erf', erf, 3, 8],
];

describe('elementary functions as plain arithmetic', () => {
  for (const [op, exact, bound32, bound64] of EXACT) {
    it(`${op} of f32`, () => {
      const x = floats(40);
      for (const w of [1, 4] as const) {
        const { ulp, at } = worst(
          'f32',
          run('f32', w, [x], (v) => v[op as 'exp']()),
          [x],
          exact,
        );
        expect(ulp, at).toBeLessThanOrEqual(bound32);
      }
    });
    it(`${op} of f64`, () => {
      const x = doubles();
      for (const w of [1, 2] as const) {
        const { ulp, at } = worst(
          'f64',
          run('f64', w, [x], (v) => v[op as 'exp']()),
          [x],
          exact,
        );
        expect(ulp, at).toBeLessThanOrEqual(bound64);
      }
    });
  }

  const pow = (a: number, b: number): number =>
    a === 1 || (a === -1 && Math.abs(b) === Number.POSITIVE_INFINITY) ? 1 : a ** b;
  const BINARY: readonly (readonly [BinaryOp, (x: number, y: number) => number, number, number])[] = [
    ['pow', pow, 1, 3],
    ['atan2', Math.atan2, 4, 3],
    ['rem', (a, b) => a % b, 0, 0],
  ];
  for (const [op, exact, bound32, bound64] of BINARY) {
    for (const type of op === 'rem' ? (['f32'] as const) : (['f32', 'f64'] as const)) {
      it(`${op} of ${type}`, () => {
        const base = type === 'f32' ? floats(2) : doubles().subarray(0, 1200);
        const n = base.length;
        const x = base.slice();
        const y = base.map((_, i) => (i % 3 === 0 ? (base[(i * 31 + 7) % n] ?? 0) : ((i * 7919) % 201) / 8 - 12));
        for (let i = 0; i < SPECIAL.length * SPECIAL.length && i < n; i++) {
          x[i] = SPECIAL[i % SPECIAL.length] ?? 0;
          y[i] = SPECIAL[Math.floor(i / SPECIAL.length)] ?? 0;
        }
        for (const w of [1, type === 'f32' ? 4 : 2] as const) {
          const { ulp, at } = worst(
            type,
            run(type, w, [x, y], (a, b) => a.binary(op, b)),
            [x, y],
            exact,
          );
          expect(ulp, at).toBeLessThanOrEqual(type === 'f32' ? bound32 : bound64);
        }
      });
    }
  }

  it('remainder of f64 is close while the quotient is moderate', () => {
    const x = new Float64Array(4000).map((_, i) => (i - 2000) * 0.37);
    const y = new Float64Array(4000).map((_, i) => ((i % 77) + 1) * 0.173);
    const got = run('f64', 2, [x, y], (a, b) => a.rem(b));
    for (let i = 0; i < x.length; i++) {
      const [a = 0, b = 0] = [x[i], y[i]];
      const off = Math.abs(Number(got[i]) - (a % b));
      expect(Math.min(off, Math.abs(b - off)), `${a} rem ${b}`).toBeLessThan(b * 1e-12);
    }
  });
});
