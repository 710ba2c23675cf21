import { add, type Dim, floorDiv, mod, mul, sub, sym } from '../../compiler/ir/dim.ts';
import type { ScalarType } from '../../compiler/ir/dtype.ts';
import { type BinaryOp, constant, dimValue, Expr, pack, type UnaryOp } from '../../compiler/ir/expr.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { arrayOf, elementwise, note, randomSource, type SimtCase } from './simt-case.ts';

const FLOATS = [
  0, -0, 1, -1, 0.5, -0.5, 2, -2, 3.75, -3.25, 1e-6, -1e-6, 1e-3, 0.1, -0.9, 0.99, 7, -7, 12.5, -20, 33.3, 80, -80, 100,
  1e4, -1e4, 2.5, 3.5, -2.5, 1e-20,
];
const SPECIALS = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
const INTS = [
  0, 1, -1, 2, -2, 3, 7, -7, 31, 32, 33, 100, -100, 65535, 65536, -65536, 123456789, -123456789, 2147483647,
  -2147483648,
];

const pairs = <T>(xs: readonly T[]): [T[], T[]] => {
  const a: T[] = [];
  const b: T[] = [];
  for (const x of xs)
    for (const y of xs) {
      a.push(x);
      b.push(y);
    }
  return [a, b];
};

const UNARY: readonly (readonly [UnaryOp, (x: number) => boolean, number])[] = [
  ['neg', () => true, 0],
  ['abs', () => true, 0],
  ['floor', () => true, 0],
  ['ceil', () => true, 0],
  ['trunc', () => true, 0],
  ['round', () => true, 0],
  ['sqrt', (x) => x >= 0, 1e-6],
  ['exp', (x) => Math.abs(x) <= 80, 3e-5],
  ['exp2', (x) => Math.abs(x) <= 100, 3e-5],
  ['log', (x) => x > 1e-30, 2e-6],
  ['log2', (x) => x > 1e-30, 1e-5],
  ['sin', (x) => Math.abs(x) <= 1e4, 2e-6],
  ['cos', (x) => Math.abs(x) <= 1e4, 2e-6],
  ['tan', (x) => Math.abs(x) <= 100, 1e-5],
  ['asin', (x) => Math.abs(x) <= 1, 2e-6],
  ['acos', (x) => Math.abs(x) <= 1, 2e-6],
  ['atan', () => true, 2e-6],
  ['sinh', (x) => Math.abs(x) <= 80, 5e-5],
  ['cosh', (x) => Math.abs(x) <= 80, 5e-5],
  ['tanh', () => true, 2e-6],
  ['asinh', () => true, 4e-6],
  ['acosh', (x) => x >= 1, 4e-6],
  ['atanh', (x) => Math.abs(x) < 1, 4e-6],
  ['erf', () => true, 2e-6],
];

const BINARY: readonly (readonly [BinaryOp, (a: number, b: number) => boolean, number])[] = [
  ['add', () => true, 1e-6],
  ['sub', () => true, 1e-6],
  ['mul', () => true, 1e-6],
  ['div', (_, b) => b !== 0, 1e-6],
  ['rem', (a, b) => b !== 0 && Math.abs(a / b) < 1e12, 1e-6],
  ['min', () => true, 0],
  ['max', () => true, 0],
  ['pow', (a, b) => Math.abs(b) < 4 && Math.abs(a) < 100 && (a !== 0 || b > 0), 2e-5],
  ['atan2', () => true, 2e-6],
];

const COMPARE: readonly BinaryOp[] = ['lt', 'le', 'gt', 'ge', 'eq', 'ne'];

/** Every scalar operation on f32, i32, u32, i64 and bool, over awkward values. */
export function scalarCases(): SimtCase[] {
  const out: SimtCase[] = [];
  for (const [op, ok, tolerance] of UNARY) {
    const xs = FLOATS.filter(ok);
    out.push(
      elementwise(
        `${op}_float`,
        ['f32'],
        'f32',
        [xs],
        ([x]) => new Expr('f32', 1, { kind: 'unary', op, a: x ?? constant('f32', 0) }),
        tolerance,
      ),
    );
  }
  const both = (op: BinaryOp, type: ScalarType) => (xs: readonly Expr[]) => {
    const [a, b] = xs;
    return (a ?? constant(type, 0)).binary(op, b ?? constant(type, 0));
  };
  const [fa, fb] = pairs(FLOATS);
  for (const [op, ok, tolerance] of BINARY) {
    const keep = fa.map((_, i) => i).filter((i) => ok(fa[i] ?? 0, fb[i] ?? 0));
    out.push(
      elementwise(
        `${op}_float`,
        ['f32', 'f32'],
        'f32',
        [keep.map((i) => fa[i] ?? 0), keep.map((i) => fb[i] ?? 0)],
        both(op, 'f32'),
        tolerance,
      ),
    );
  }
  const [sa, sb] = pairs([...SPECIALS, 1, -1, 0]);
  for (const op of ['min', 'max', ...COMPARE] as const)
    out.push(
      elementwise(
        `${op}_special`,
        ['f32', 'f32'],
        op === 'min' || op === 'max' ? 'f32' : 'bool',
        [sa, sb],
        both(op, 'f32'),
        0,
      ),
    );
  out.push(elementwise('isnan_special', ['f32'], 'bool', [sa], ([x]) => (x ?? constant('f32', 0)).isNan(), 0));
  out.push(elementwise('relu_special', ['f32'], 'f32', [sa], ([x]) => (x ?? constant('f32', 0)).max(0), 0));
  out.push(
    elementwise(
      'infinity_const',
      ['f32'],
      'f32',
      [[1, 2]],
      ([x]) =>
        (x ?? constant('f32', 0)).lt(1.5).select(constant('f32', Number.POSITIVE_INFINITY), Number.NEGATIVE_INFINITY),
      0,
    ),
  );
  const extremes = [
    3.4028234663852886e38,
    -3.4028234663852886e38,
    1.17549435e-38,
    16777217,
    0.1,
    1 / 3,
    1e10,
    123456.789,
  ];
  extremes.forEach((value, n) => {
    out.push(
      elementwise(
        `literal_${n}`,
        ['f32'],
        'f32',
        [[1, 2]],
        ([x]) => (x ?? constant('f32', 0)).lt(1.5).select(constant('f32', value), 0),
        0,
      ),
    );
  });
  for (const type of ['i32', 'u32', 'i64', 'u64'] as const) {
    const wide = type === 'i64' || type === 'u64';
    const base: (number | bigint)[] = wide
      ? [...INTS.map(BigInt), 2n ** 40n + 3n, -(2n ** 40n), 2n ** 62n, 5000000000n, -(2n ** 63n)]
      : INTS;
    const values = type.startsWith('u')
      ? base.map((v) => (typeof v === 'bigint' ? BigInt.asUintN(64, v) : v >>> 0))
      : base;
    const [a, b] = pairs(values);
    for (const op of ['add', 'sub', 'mul', 'div', 'rem', 'min', 'max', 'and', 'or', 'xor'] as const)
      out.push(elementwise(`${op}_${type}`, [type, type], type, [a, b], both(op, type), 0));
    for (const op of COMPARE) out.push(elementwise(`${op}_${type}`, [type, type], 'bool', [a, b], both(op, type), 0));
    const shifts = b.map((v) => (typeof v === 'bigint' ? BigInt.asUintN(6, v) : v & 31));
    for (const op of ['shl', 'shr'] as const)
      out.push(elementwise(`${op}_${type}`, [type, type], type, [a, shifts], both(op, type), 0));
    const small = b.map((v) => (wide ? BigInt(Math.abs(Number(v)) % 5) : Math.abs(Number(v)) % 5));
    out.push(elementwise(`pow_${type}`, [type, type], type, [a, small], both('pow', type), 0));
    for (const op of type.startsWith('u') ? (['not'] as const) : (['neg', 'abs', 'not'] as const))
      out.push(
        elementwise(
          `${op}_${type}`,
          [type],
          type,
          [values],
          ([x]) => new Expr(type, 1, { kind: 'unary', op, a: x ?? constant(type, 0) }),
          0,
        ),
      );
    out.push(
      elementwise(`f32_from_${type}`, [type], 'f32', [values], ([x]) => (x ?? constant(type, 0)).cast('f32'), 0),
    );
    out.push(
      elementwise(
        `f32_to_${type}`,
        ['f32'],
        type,
        [[...FLOATS, 3e9, -3e9, 1e12, -1e12, 1e30, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
        ([x]) => (x ?? constant('f32', 0)).cast(type),
        0,
      ),
    );
    for (const to of ['i32', 'u32', 'i64', 'u64', 'bool'] as const)
      if (to !== type)
        out.push(elementwise(`${type}_to_${to}`, [type], to, [values], ([x]) => (x ?? constant(type, 0)).cast(to), 0));
  }
  const bools = [0, 1, 0, 1];
  for (const op of ['and', 'or', 'xor', 'eq', 'ne'] as const)
    out.push(elementwise(`${op}_bool`, ['bool', 'bool'], 'bool', [bools, [0, 0, 1, 1]], both(op, 'bool'), 0));
  out.push(elementwise('not_bool', ['bool'], 'bool', [bools], ([x]) => (x ?? constant('bool', 0)).not(), 0));
  return out;
}

/** Loads and stores of every storable dtype, alone and packed into words. */
export function storageCases(): SimtCase[] {
  const random = randomSource(7);
  const n = 37;
  const out: SimtCase[] = [];
  for (const dtype of ['f32', 'f16', 'bf16', 'i64', 'i32', 'i16', 'i8', 'u32', 'u16', 'u8', 'bool'] as const) {
    const values = Array.from({ length: n }, (_, i) =>
      dtype === 'bool'
        ? i % 3 === 0
          ? 1
          : 0
        : dtype.includes('f')
          ? (random() - 0.5) * 10 ** Math.floor(random() * 6 - 3)
          : dtype.startsWith('u')
            ? Math.floor(random() * 256)
            : Math.floor(random() * 256) - 128,
    );
    out.push(elementwise(`copy_${dtype}`, [dtype], dtype, [values], ([x]) => x ?? constant('f32', 0), 0));
  }
  const tough = [
    0,
    -0,
    65504,
    65519,
    65520,
    1e-7,
    5.96e-8,
    2.98e-8,
    3e-8,
    6.1e-5,
    0.1,
    1 / 3,
    -2049,
    2051,
    1e30,
    Number.POSITIVE_INFINITY,
    -1.0009765625,
    1.00048828125,
  ];
  out.push(elementwise('round_to_f16', ['f32'], 'f16', [tough], ([x]) => x ?? constant('f32', 0), 0));
  out.push(elementwise('round_to_bf16', ['f32'], 'bf16', [tough], ([x]) => x ?? constant('f32', 0), 0));
  out.push(elementwise('narrow_f16', ['f32'], 'f32', [tough], ([x]) => (x ?? constant('f32', 0)).narrow('f16'), 0));
  for (const dtype of ['f8e4m3fn', 'f8e4m3fnuz', 'f8e5m2', 'f8e5m2fnuz', 'f8e8m0', 'f4e2m1'] as const) {
    const values = [
      ...FLOATS,
      ...tough.filter((v) => Number.isFinite(v)),
      448,
      460,
      240,
      57344,
      0.0019,
      0.25,
      5,
      6,
    ].map((v) => (dtype === 'f8e8m0' ? Math.abs(v) : v));
    out.push(elementwise(`round_to_${dtype}`, ['f32'], dtype, [values], ([x]) => x ?? constant('f32', 0), 0));
    out.push(elementwise(`widen_${dtype}`, [dtype], 'f32', [values], ([x]) => x ?? constant('f32', 0), 0));
    out.push(
      elementwise(`narrow_${dtype}`, ['f32'], 'f32', [values], ([x]) => (x ?? constant('f32', 0)).narrow(dtype), 0),
    );
  }
  for (const dtype of ['i4', 'u4', 'i2', 'u2'] as const) {
    const type = dtype.startsWith('i') ? 'i32' : 'u32';
    const values = Array.from({ length: 37 }, (_, i) => (dtype.startsWith('i') ? i - 18 : i));
    out.push(elementwise(`copy_${dtype}`, [dtype], dtype, [values], ([x]) => x ?? constant(type, 0), 0));
    out.push(elementwise(`wrap_to_${dtype}`, [type], dtype, [values], ([x]) => x ?? constant(type, 0), 0));
    out.push(
      elementwise(`narrow_${dtype}`, [type], type, [values], ([x]) => (x ?? constant(type, 0)).narrow(dtype), 0),
    );
  }
  out.push(elementwise('narrow_i8', ['i32'], 'i32', [INTS], ([x]) => (x ?? constant('i32', 0)).narrow('i8'), 0));
  out.push(elementwise('wrap_to_i8', ['i32'], 'i8', [INTS], ([x]) => x ?? constant('i32', 0), 0));
  for (const dtype of ['f32', 'f16', 'i8', 'u8', 'bool', 'i32'] as const) {
    const k = new KernelBuilder(`vector_${dtype}`, 'simt', 4, [3, 1, 1]);
    const x = k.buffer('x', dtype, 'read', 48);
    const y = k.buffer('y', dtype, 'write', 48);
    const i = mul(add(mul(k.group.x, 4), k.lane), 4);
    const v = k.let(k.load(x, i, 4));
    k.store(y, i, v.shuffle(v, [3, 2, 1, 0]));
    out.push({
      kernel: k.done(note),
      data: [
        arrayOf(
          dtype,
          Array.from({ length: 48 }, (_, j) => (dtype === 'bool' ? ((j * 7) % 3 === 0 ? 1 : 0) : (j * 5) % 100)),
        ),
        arrayOf(dtype, new Array<number>(48).fill(0)),
      ],
      scalars: {},
      tolerance: 0,
    });
  }
  return out;
}

/** Workgroups, shared memory, subgroups, guards, loops and symbolic grids. */
export function structureCases(): SimtCase[] {
  const out: SimtCase[] = [];
  const random = randomSource(3);
  const floats = (n: number) =>
    arrayOf(
      'f32',
      Array.from({ length: n }, () => random() * 4 - 2),
    );
  for (const lanes of [32, 64, 256]) {
    const n: Dim = sym('n', { max: 5000 });
    const rows = sym('rows', { max: 100 });
    const k = new KernelBuilder(`row_sum_${lanes}`, 'simt', lanes, [rows, 1, 1]);
    const x = k.buffer('x', 'f32', 'read', mul(rows, n));
    const y = k.buffer('y', 'f32', 'write', rows);
    const s = k.shared('partial', 'f32', lanes);
    const acc = k.var(constant('f32', 0), 'sum');
    k.for(k.lane, n, lanes, (i) => acc.set(acc.value.add(k.load(x, add(mul(k.group.x, n), i)))));
    k.store(s, k.lane, acc.value);
    for (let half = lanes / 2; half >= 1; half /= 2) {
      k.barrier();
      k.if(dimValue(k.lane).lt(half), () => k.store(s, k.lane, k.load(s, k.lane).add(k.load(s, add(k.lane, half)))));
    }
    k.barrier();
    k.if(dimValue(k.lane).eq(0), () => k.store(y, k.group.x, k.load(s, 0)));
    out.push({
      kernel: k.done(note),
      data: [floats(7 * 333), arrayOf('f32', new Array<number>(7).fill(0))],
      scalars: { n: 333, rows: 7 },
      tolerance: 1e-5,
    });
  }
  {
    const k = new KernelBuilder('subgroup_xor', 'simt', 64, [2, 1, 1]);
    const x = k.buffer('x', 'f32', 'read', 128);
    const y = k.buffer('y', 'f32', 'write', 128);
    const i = add(mul(k.group.x, 64), k.lane);
    let v = k.let(k.load(x, i));
    for (const mask of [1, 2]) v = k.let(v.add(new Expr('f32', 1, { kind: 'subgroup', op: 'shuffleXor', a: v, mask })));
    k.store(y, i, v);
    out.push({ kernel: k.done(note), data: [floats(128), floats(128)], scalars: {}, tolerance: 1e-6 });
  }
  {
    // Padding by guard: loads outside do not run.
    const w = sym('w', { max: 100 });
    const k = new KernelBuilder('pad_guard', 'simt', 16, [1, 1, 1]);
    const x = k.buffer('x', 'f32', 'read', w);
    const y = k.buffer('y', 'f32', 'write', 16);
    const at = sub(k.lane, 3);
    const inside = dimValue(at)
      .ge(0)
      .and(dimValue(at).lt(dimValue(w)));
    const loaded = k.load(x, at);
    k.store(y, k.lane, inside.guard(loaded.mul(loaded).add(1), constant('f32', -1)));
    out.push({ kernel: k.done(note), data: [floats(9), floats(16)], scalars: { w: 9 }, tolerance: 1e-6 });
  }
  {
    // A grid beyond 65535 workgroups, and negative dividends.
    const rows = sym('rows');
    const k = new KernelBuilder('wide_grid', 'simt', 1, [rows, 3, 1]);
    const y = k.buffer('y', 'i32', 'write', mul(rows, 3));
    const at = sub(k.group.x, 5);
    k.store(y, add(mul(k.group.y, rows), k.group.x), dimValue(add(mul(floorDiv(at, 3), 100), mod(at, 3))));
    out.push({ kernel: k.done(note), data: [new Int32Array(60)], scalars: { rows: 20 }, tolerance: 0 });
  }
  {
    const k = new KernelBuilder('histogram', 'simt', 32, [4, 1, 1]);
    const x = k.buffer('x', 'i32', 'read', 128);
    const y = k.buffer('y', 'i32', 'read_write', 8);
    const z = k.buffer('z', 'f32', 'read_write', 1);
    const bin = k.index(k.load(x, add(mul(k.group.x, 32), k.lane)), { min: 0, max: 7 });
    k.atomicAdd(y, bin, constant('i32', 1));
    k.atomicAdd(z, 0, constant('f32', 0.5));
    out.push({
      kernel: k.done(note),
      data: [Int32Array.from({ length: 128 }, () => Math.floor(random() * 8)), new Int32Array(8), new Float32Array(1)],
      scalars: {},
      tolerance: 0,
    });
  }
  {
    const k = new KernelBuilder('dot_bytes', 'simt', 4, [1, 1, 1]);
    const x = k.buffer('x', 'u32', 'read', 4);
    const y = k.buffer('y', 'i32', 'write', 4);
    const v = k.load(x, k.lane);
    k.store(y, k.lane, v.dot4(v.not(), constant('i32', 1000)));
    out.push({
      kernel: k.done(note),
      data: [Uint32Array.of(0x01020304, 0xff7f80fe, 0x80808080, 0), new Int32Array(4)],
      scalars: {},
      tolerance: 0,
    });
  }
  {
    const k = new KernelBuilder('dot_halves', 'simt', 4, [1, 1, 1]);
    const x = k.buffer('x', 'u32', 'read', 4);
    const y = k.buffer('y', 'i32', 'write', 4);
    const v = k.load(x, k.lane);
    k.store(y, k.lane, v.dot2(v.xor(0x00ff00ff), constant('i32', -1000)));
    out.push({
      kernel: k.done(note),
      data: [Uint32Array.of(0x01020304, 0xff7f80fe, 0x80008000, 0), new Int32Array(4)],
      scalars: {},
      tolerance: 0,
    });
  }
  {
    const k = new KernelBuilder('vector_math', 'simt', 2, [1, 1, 1]);
    const x = k.buffer('x', 'f32', 'read', 8);
    const y = k.buffer('y', 'f32', 'write', 8);
    const at = mul(k.lane, 4);
    const v = k.load(x, at, 4);
    const t = v.mul(v).add(0.5).fma(v, constant('f32', 2)).max(0).tanh();
    const w = v.lt(0).select(t.neg(), t.exp());
    k.store(y, at, pack([w.extract(1), w.extract(0), w.extract(3), w.extract(2)]));
    out.push({ kernel: k.done(note), data: [floats(8), floats(8)], scalars: {}, tolerance: 1e-5 });
  }
  return out;
}

export const simtCases = (): SimtCase[] => [...scalarCases(), ...storageCases(), ...structureCases()];
