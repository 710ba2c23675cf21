import { describe, expect, it } from 'vitest';
import { interpret } from '../../backends/reference/interpret.ts';
import { type DType, type ScalarType, type TypedArray, viewOf } from '../../compiler/ir/dtype.ts';
import { type BinaryOp, type Expr, pack, type UnaryOp, type Width } from '../../compiler/ir/expr.ts';
import type { KernelNote } from '../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { instantiate } from '../kernels/run-wasm.ts';

const note: KernelNote = { op: 'test', sources: [], template: 'test', why: 'test', bytes: 0, flops: 0 };

const inf = Number.POSITIVE_INFINITY;
const FLOATS = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  3e9,
  -3e9,
  1e30,
  -1e30,
  1e-40,
  inf,
  -inf,
  Number.NaN,
  7.25,
  -0.75,
  255.5,
];
const INTS = [
  0, 1, -1, 2, -2, 7, -7, 31, 32, 33, 127, 128, -128, 255, 65535, 65536, 2147483647, -2147483648, 123456789, -99,
];
const BIGS = INTS.map(BigInt).concat([2n ** 63n - 1n, -(2n ** 63n), 2n ** 40n + 3n, -(2n ** 40n) - 5n]);

function samples(type: ScalarType): TypedArray {
  switch (type) {
    case 'f32':
      return new Float32Array(FLOATS);
    case 'f64':
      return new Float64Array(FLOATS);
    case 'i64':
      return new BigInt64Array(BIGS);
    case 'u64':
      return new BigUint64Array(BIGS.map((v) => BigInt.asUintN(64, v)));
    case 'u32':
      return new Uint32Array(INTS);
    case 'bool':
      return new Uint8Array([0, 1, 1, 0]);
    default:
      return new Int32Array(INTS);
  }
}

const TYPES: readonly ScalarType[] = ['f32', 'f64', 'i32', 'u32', 'i64', 'u64', 'bool'];
const isFloat = (t: ScalarType) => t === 'f32' || t === 'f64';
const is64 = (t: ScalarType) => t === 'f64' || t === 'i64' || t === 'u64';

/** Runs `body` on every pair of samples (a varies fastest) on Wasm and in the interpreter, and expects the same bits. */
function compare(a: ScalarType, b: ScalarType, out: ScalarType, width: Width, body: (x: Expr, y: Expr) => Expr): void {
  const as = samples(a);
  const bs = samples(b);
  const pairs = as.length * bs.length;
  const n = Math.floor(pairs / 8) * 8;
  const spread = (type: ScalarType, pick: (i: number) => number | bigint | undefined): TypedArray => {
    const v = viewOf(type as DType, new ArrayBuffer(n * 8), 0, n);
    for (let i = 0; i < n; i++) v[i] = pick(i) ?? 0;
    return v;
  };
  const x = spread(a, (i) => as[i % as.length]);
  const y = spread(b, (i) => bs[Math.floor(i / as.length)]);
  const k = new KernelBuilder('k', 'simd', 1, [1, 1, 1]);
  const bx = k.buffer('x', a as DType, 'read', n);
  const by = k.buffer('y', b as DType, 'read', n);
  const bz = k.buffer('z', out as DType, 'write', n);
  k.for(0, n, width, (i) => k.store(bz, i, body(k.load(bx, i, width), k.load(by, i, width))));
  const kernel = k.done(note);
  const z = viewOf(out as DType, new ArrayBuffer(n * 8), 0, n);
  interpret(kernel, [x, y, z], {}, { races: false });
  const running = instantiate(kernel, [x, y, viewOf(out as DType, new ArrayBuffer(n * 8), 0, n)]);
  running.run();
  const got = running.views[2];
  for (let i = 0; i < n; i++) {
    const g = got?.[i];
    const same = Object.is(g, z[i]) || (isFloat(out) && g === 0 && z[i] === 0);
    if (!same) expect.fail(`(${x[i]}, ${y[i]}) gives ${g}, expected ${z[i]}`);
  }
}

const widthsOf = (...types: ScalarType[]): Width[] => (types.some(is64) ? [1, 2, 4] : [1, 4, 8]);

const UNARY: readonly UnaryOp[] = [
  'neg',
  'abs',
  'not',
  'floor',
  'ceil',
  'trunc',
  'round',
  'sqrt',
  'popcount',
  'clz',
  'isnan',
];
const BINARY: readonly BinaryOp[] = ['add', 'sub', 'mul', 'div', 'rem', 'min', 'max', 'and', 'or', 'xor', 'shl', 'shr'];
const COMPARE: readonly BinaryOp[] = ['lt', 'le', 'gt', 'ge', 'eq', 'ne'];

function unaryApplies(op: UnaryOp, t: ScalarType): boolean {
  if (op === 'isnan' || op === 'sqrt') return isFloat(t);
  if (t === 'bool') return op === 'not';
  if (isFloat(t)) return !['not', 'popcount', 'clz'].includes(op);
  return true;
}

function binaryApplies(op: BinaryOp, t: ScalarType): boolean {
  if (isFloat(t)) return !['and', 'or', 'xor', 'shl', 'shr'].includes(op) && !(op === 'rem' && t === 'f64');
  if (t === 'bool') return ['and', 'or', 'xor', 'min', 'max'].includes(op);
  return true;
}

describe('Wasm printer: every operation agrees with the interpreter', () => {
  for (const t of TYPES) {
    it(`unary on ${t}`, () => {
      for (const op of UNARY.filter((o) => unaryApplies(o, t)))
        for (const w of widthsOf(t))
          compare(t, t, op === 'isnan' ? 'bool' : t, w, (x) =>
            op === 'isnan' ? x.isNan() : op === 'not' ? x.not() : x[op as 'neg'](),
          );
    });
    it(`binary on ${t}`, () => {
      for (const op of BINARY.filter((o) => binaryApplies(o, t)))
        for (const w of widthsOf(t)) compare(t, t, t, w, (x, y) => x.binary(op, y));
    });
    it(`comparisons and select on ${t}`, () => {
      for (const op of COMPARE)
        for (const w of widthsOf(t)) {
          compare(t, t, 'bool', w, (x, y) => x.binary(op, y));
          compare(t, t, t, w, (x, y) => x.binary(op, y).select(x, y));
        }
    });
    it(`casts from ${t}`, () => {
      for (const to of TYPES) for (const w of widthsOf(t, to)) compare(t, t, to, w, (x) => x.cast(to));
    });
  }

  it('min and max against constants keep NaN', () => {
    for (const w of widthsOf('f32')) {
      compare('f32', 'f32', 'f32', w, (x) => x.max(0).min(6));
      compare('f32', 'f32', 'f32', w, (x) => x.min(Number.NaN));
    }
  });

  it('shifts of vectors by one scalar', () => {
    for (const t of ['i32', 'u32'] as const) compare(t, t, t, 4, (x) => x.shl(3).add(x.shr(5)));
    for (const t of ['i64', 'u64'] as const) compare(t, t, t, 2, (x) => x.shl(3n).add(x.shr(5n)));
  });

  it('lanes: pack, extract, shuffle, splat', () => {
    compare('f32', 'f32', 'f32', 4, (x, y) => x.shuffle(y, [6, 1, 3, 4]));
    compare('f32', 'f32', 'f32', 4, (x, y) => pack([x.extract(3), y.extract(0), x.extract(1), x.extract(1)]));
    compare('f64', 'f64', 'f64', 2, (x, y) => x.shuffle(y, [3, 0]));
    compare('i32', 'i32', 'i32', 4, (x) => x.extract(2).splat(4));
    compare('f32', 'f32', 'bool', 4, (x, y) => x.lt(y).shuffle(x.gt(y), [0, 5, 2, 7]));
    compare('f32', 'f32', 'bool', 4, (x, y) => x.extract(0).lt(y.extract(0)).splat(4));
  });

  it('bitcasts', () => {
    compare('f32', 'f32', 'i32', 1, (x) => x.bitcast('i32'));
    compare('i32', 'i32', 'f32', 4, (x) => x.bitcast('f32'));
    compare('f64', 'f64', 'i64', 2, (x) => x.bitcast('i64'));
    compare('i64', 'i64', 'f64', 1, (x) => x.bitcast('f64'));
  });

  it('dot2', () => {
    compare('u32', 'i32', 'i32', 4, (x, y) => x.dot2(x.mul(77).add(5), y));
    compare('u32', 'i32', 'i32', 1, (x, y) => x.dot2(x.mul(77).add(5), y));
  });

  it('dot4', () => {
    compare('u32', 'i32', 'i32', 4, (x, y) => x.dot4(x.mul(77).add(5), y));
    compare('u32', 'i32', 'i32', 1, (x, y) => x.dot4(x.mul(77).add(5), y));
  });

  it('integer powers', () => {
    for (const t of ['i32', 'i64', 'u32'] as const) compare(t, t, t, 1, (x, y) => x.pow(y));
    compare('i32', 'i32', 'i32', 4, (x, y) => x.pow(y));
  });

  it('guards', () => {
    for (const w of widthsOf('f32')) compare('f32', 'f32', 'f32', w, (x, y) => x.extract(0).gt(0).guard(x.add(y), y));
  });
});

describe('Wasm printer: storage types', () => {
  const STORAGE: readonly DType[] = [
    'i8',
    'u8',
    'i16',
    'u16',
    'bool',
    'f16',
    'bf16',
    'f8e4m3fn',
    'f8e4m3fnuz',
    'f8e5m2',
    'f8e5m2fnuz',
    'f8e8m0',
  ];
  it('loads every bit pattern', () => {
    for (const storage of [...STORAGE, 'i4', 'u4', 'i2', 'u2', 'f4e2m1'] as const)
      for (const w of [1, 4] as const) {
        const wide = storage === 'f16' || storage === 'bf16' || storage === 'i16' || storage === 'u16';
        const bytes = new Uint8Array(1024);
        for (let i = 0; i < bytes.length; i++)
          bytes[i] = storage === 'bool' ? i & 1 : wide && i & 1 ? (i * 37) >> 3 : i;
        const per = { i4: 2, u4: 2, f4e2m1: 2, i2: 4, u2: 4 }[storage as string] ?? (wide ? 0.5 : 1);
        const n = 512 * Math.min(1, per);
        const k = new KernelBuilder('k', 'simd', 1, [1, 1, 1]);
        const x = k.buffer('x', storage, 'read', n);
        const type = k.load(x, 0).type;
        const z = k.buffer('z', type === 'bool' ? 'u8' : (type as DType), 'write', n);
        k.for(0, n, w, (i) => {
          const v = k.load(x, i, w);
          k.store(z, i, type === 'bool' ? v.cast('u32') : v);
        });
        const kernel = k.done(note);
        const input = viewOf(storage, bytes.buffer, 0, n);
        const expected = viewOf(z.storage, new ArrayBuffer(n * 4), 0, n);
        interpret(kernel, [input, expected], {}, { races: false });
        const running = instantiate(kernel, [input, viewOf(z.storage, new ArrayBuffer(n * 4), 0, n)]);
        running.run();
        for (let i = 0; i < n; i++)
          if (!Object.is(running.views[1]?.[i], expected[i]))
            expect.fail(`${storage} x ${w}, element ${i}: ${running.views[1]?.[i]}, expected ${expected[i]}`);
      }
  });

  it('stores with wrapping or rounding, and narrow is the same round trip', () => {
    for (const storage of STORAGE)
      for (const w of [1, 4] as const) {
        const float = storage.startsWith('f') || storage === 'bf16';
        const type: ScalarType = float ? 'f32' : storage === 'bool' ? 'bool' : storage.startsWith('u') ? 'u32' : 'i32';
        const n = 4096;
        const input = float ? new Float32Array(n) : storage === 'bool' ? new Uint8Array(n) : new Int32Array(n);
        let seed = 12345;
        const word = new Uint32Array(1);
        const asFloat = new Float32Array(word.buffer);
        for (let i = 0; i < n; i++) {
          seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
          word[0] = (seed & 0x807fffff) | ((100 + (i % 50)) << 23);
          input[i] =
            storage === 'bool' ? i & 1 : !float ? seed | 0 : i < FLOATS.length ? (FLOATS[i] ?? 0) : (asFloat[0] ?? 0);
        }
        const k = new KernelBuilder('k', 'simd', 1, [1, 1, 1]);
        const x = k.buffer('x', type === 'u32' ? 'u32' : (type as DType), 'read', n);
        const z = k.buffer('z', storage, 'write', n);
        const y = k.buffer('y', type === 'u32' ? 'u32' : (type as DType), 'write', n);
        k.for(0, n, w, (i) => {
          const v = k.load(x, i, w);
          k.store(z, i, v);
          k.store(y, i, v.narrow(storage));
        });
        const kernel = k.done(note);
        const in2 = viewOf(x.storage, input.buffer, 0, n);
        const make = () => [
          in2,
          viewOf(storage, new ArrayBuffer(n * 4), 0, n),
          viewOf(y.storage, new ArrayBuffer(n * 4), 0, n),
        ];
        const expected = make();
        interpret(kernel, expected, {}, { races: false });
        const running = instantiate(kernel, make());
        running.run();
        for (const b of [1, 2])
          for (let i = 0; i < n; i++)
            if (!Object.is(running.views[b]?.[i], expected[b]?.[i]))
              expect.fail(
                `${storage} x ${w}, buffer ${b}, ${in2[i]}: ${running.views[b]?.[i]}, expected ${expected[b]?.[i]}`,
              );
      }
  });
});
