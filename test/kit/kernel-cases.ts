import type { Target } from '../../backends/backend.ts';
import { add, type Dim, floorDiv, max, min, mod, mul, sub, sym } from '../../compiler/ir/dim.ts';
import { type DType, isFloat } from '../../compiler/ir/dtype.ts';
import {
  type BinaryOp,
  type Buffer,
  constant,
  dimValue,
  Expr,
  pack,
  type UnaryOp,
  type Width,
} from '../../compiler/ir/expr.ts';
import type { Kernel, KernelNote } from '../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';

/** A kernel with inputs: the interpreter gives the expected contents of every buffer. */
export interface KernelCase {
  readonly name: string;
  readonly kernel: Kernel;
  readonly scalars: Readonly<Record<string, number>>;
  /** Values put into each buffer before the launch, in binding order. */
  readonly fill: readonly ((i: number) => number)[];
  /** Relative error allowed, see relativeError; 0 is exact. */
  readonly tolerance: number;
}

const note: KernelNote = {
  op: 'conformance',
  sources: [],
  template: 'conformance',
  why: 'conformance',
  bytes: 0,
  flops: 0,
};
const wave = (i: number): number => Math.fround(((i * 37) % 101) / 16 - 3);
const positive = (i: number): number => Math.fround(((i * 37) % 101) / 25 + 0.125);
const small = (i: number): number => ((i * 37) % 29) - 14;
const unit = (i: number): number => Math.fround((((i * 37) % 101) - 50) / 51);
const zero = (): number => 0;

/** Calls `body` once for every index below `n`: one lane each on simt targets, one work item each on simd targets. */
function forEach(
  name: string,
  target: Target,
  n: Dim,
  body: (k: KernelBuilder, i: () => Dim, guarded: (run: (i: Dim) => void) => void) => void,
): Kernel {
  const lanes = target.kernels === 'simt' ? Math.min(64, target.maxLanes) : 1;
  const k = new KernelBuilder(name, target.kernels, lanes, [
    target.kernels === 'simt' ? floorDiv(add(n, lanes - 1), lanes) : n,
    1,
    1,
  ]);
  const i = (): Dim => (lanes === 1 ? k.group.x : add(mul(k.group.x, lanes), k.lane));
  body(k, i, (run) => {
    if (lanes === 1) run(i());
    else k.if(dimValue(i()).lt(dimValue(n)), () => run(i()));
  });
  return k.done(note);
}

interface Elementwise {
  readonly name: string;
  readonly inputs: readonly DType[];
  readonly output: DType;
  readonly fill: readonly ((i: number) => number)[];
  readonly tolerance: number;
  body(xs: readonly Expr[]): Expr;
}

function elementwise(target: Target, e: Elementwise): KernelCase {
  const n = sym('n', { min: 1, max: 100000 });
  const kernel = forEach(e.name.replaceAll(/\W/g, '_'), target, n, (k, _i, guarded) => {
    const xs = e.inputs.map((dtype, j) => k.buffer(`x${j}`, dtype, 'read', n));
    const y = k.buffer('y', e.output, 'write', n);
    guarded((i) => k.store(y, i, e.body(xs.map((x) => k.load(x, i)))));
  });
  return { name: e.name, kernel, scalars: { n: 131 }, fill: [...e.fill, zero], tolerance: e.tolerance };
}

const UNARY: readonly (readonly [UnaryOp, (i: number) => number, number])[] = [
  ['neg', wave, 0],
  ['abs', wave, 0],
  ['floor', wave, 0],
  ['ceil', wave, 0],
  ['trunc', wave, 0],
  ['round', (i) => (((i * 37) % 41) - 20) / 2, 0],
  ['sqrt', positive, 1e-6],
  ['exp', wave, 1e-5],
  ['exp2', wave, 1e-5],
  ['log', positive, 1e-5],
  ['log2', positive, 1e-5],
  ['sin', wave, 1e-3],
  ['cos', wave, 1e-3],
  ['tan', unit, 1e-3],
  ['asin', unit, 1e-3],
  ['acos', unit, 1e-3],
  ['atan', wave, 1e-3],
  ['sinh', unit, 1e-4],
  ['cosh', wave, 1e-4],
  ['tanh', wave, 1e-4],
  ['asinh', wave, 1e-3],
  ['acosh', (i) => positive(i) + 1, 1e-3],
  ['atanh', unit, 1e-3],
  ['erf', wave, 1e-4],
];

const BINARY: readonly BinaryOp[] = [
  'add',
  'sub',
  'mul',
  'div',
  'rem',
  'min',
  'max',
  'lt',
  'le',
  'gt',
  'ge',
  'eq',
  'ne',
];
const INTEGER_ONLY: readonly BinaryOp[] = ['and', 'or', 'xor', 'shl', 'shr'];

/** Kernels that together use every part of Kernel IR that a target of this kind must know. */
export function kernelCases(target: Target, supports: (dtype: DType) => boolean): KernelCase[] {
  const cases: KernelCase[] = [];
  const put = (e: Elementwise): void => {
    if ([...e.inputs, e.output].every(supports)) cases.push(elementwise(target, e));
  };
  for (const [op, fill, tolerance] of UNARY)
    put({ name: `${op} f32`, inputs: ['f32'], output: 'f32', fill: [fill], tolerance, body: ([x]) => unary(op, x) });
  for (const type of ['f32', 'i32', 'u32', 'i64'] as const) {
    const a = type === 'u32' ? (i: number): number => (i * 7919) % 1000 : type === 'f32' ? wave : small;
    const b =
      type === 'f32'
        ? (i: number): number => wave(i + 3)
        : (i: number): number => ((i * 13) % 7) + (type === 'u32' ? 0 : -3);
    for (const op of BINARY) {
      const compare = ['lt', 'le', 'gt', 'ge', 'eq', 'ne'].includes(op);
      const tolerance = type === 'f32' && (op === 'div' || op === 'rem') ? 1e-5 : 0;
      put({
        name: `${op} ${type}`,
        inputs: [type, type],
        output: compare ? 'bool' : type,
        fill: [a, b],
        tolerance,
        body: ([x, y]) => binary(op, x, y),
      });
    }
    if (type === 'f32') continue;
    const amount = (i: number): number => i % 31;
    for (const op of INTEGER_ONLY)
      put({
        name: `${op} ${type}`,
        inputs: [type, type],
        output: type,
        fill: [a, op.startsWith('sh') ? amount : b],
        tolerance: 0,
        body: ([x, y]) => binary(op, x, y),
      });
  }
  put({
    name: 'pow f32',
    inputs: ['f32', 'f32'],
    output: 'f32',
    fill: [positive, unit],
    tolerance: 1e-4,
    body: ([x, y]) => binary('pow', x, y),
  });
  put({
    name: 'fma f32',
    inputs: ['f32', 'f32', 'f32'],
    output: 'f32',
    fill: [wave, unit, positive],
    tolerance: 1e-6,
    body: ([x, y, z]) => need(x).fma(need(y), need(z)),
  });
  put({
    name: 'select f32',
    inputs: ['f32', 'f32'],
    output: 'f32',
    fill: [wave, unit],
    tolerance: 0,
    body: ([x, y]) => need(x).gt(0).select(need(x), need(y)),
  });
  put({
    name: 'popcount and clz u32',
    inputs: ['u32'],
    output: 'u32',
    fill: [(i) => i * 2654435],
    tolerance: 0,
    body: ([x]) => unary('popcount', x).add(unary('clz', x).mul(100)),
  });
  put({
    name: 'bitcast f32 to u32',
    inputs: ['f32'],
    output: 'u32',
    fill: [wave],
    tolerance: 0,
    body: ([x]) => need(x).bitcast('u32').shr(3),
  });
  for (const [from, to] of [
    ['f32', 'i32'],
    ['f32', 'u32'],
    ['i32', 'f32'],
    ['u32', 'f32'],
    ['i32', 'i64'],
    ['i64', 'i32'],
    ['i64', 'f32'],
    ['i32', 'bool'],
    ['bool', 'f32'],
  ] as const)
    put({
      name: `cast ${from} to ${to}`,
      inputs: [from],
      output: to,
      fill: [
        from === 'bool' ? (i) => i % 2 : from === 'u32' ? (i) => i * 31 : from === 'f32' ? (i) => wave(i) * 1e3 : small,
      ],
      tolerance: 0,
      body: ([x]) => need(x).cast(to),
    });
  for (const dtype of [
    'f64',
    'f32',
    'f16',
    'bf16',
    'i64',
    'i32',
    'i16',
    'i8',
    'u64',
    'u32',
    'u16',
    'u8',
    'bool',
  ] as const) {
    const fill =
      dtype === 'bool'
        ? (i: number): number => i % 2
        : isFloat(dtype)
          ? (i: number): number => ((i * 37) % 64) / 8 - 3
          : dtype.startsWith('u')
            ? (i: number): number => i % 200
            : small;
    put({
      name: `load and store ${dtype}`,
      inputs: [dtype],
      output: dtype,
      fill: [fill],
      tolerance: 0,
      body: ([x]) => (dtype === 'bool' ? need(x).not() : need(x).add(1)),
    });
  }
  cases.push(rowSums(target), indexArithmetic(target), guardedLoad(target), branches(target));
  if (target.kernels === 'simt') cases.push(sharedReverse(target), grid2d(target), subgroupSum(target));
  else cases.push(scratchRow(target));
  if (target.kernels === 'simd' && target.vectorBytes >= 16)
    cases.push(vectors(target), dotHalves(target), dotProduct(target));
  return cases;
}

const need = (e: Expr | undefined): Expr => {
  if (!e) throw new TypeError('a conformance case lacks an operand');
  return e;
};
const unary = (op: UnaryOp, x: Expr | undefined): Expr => {
  const e = need(x);
  return new Expr(e.type, e.width, { kind: 'unary', op, a: e });
};
const binary = (op: BinaryOp, x: Expr | undefined, y: Expr | undefined): Expr => need(x).binary(op, need(y));

/** Sum and maximum over a loop of symbolic length, with variables. */
function rowSums(target: Target): KernelCase {
  const rows = sym('rows', { min: 1, max: 1000 });
  const columns = sym('columns', { min: 1, max: 1000 });
  const kernel = forEach('row_sums', target, rows, (k, _i, guarded) => {
    const x = k.buffer('x', 'f32', 'read', mul(rows, columns));
    const y = k.buffer('y', 'f32', 'write', mul(rows, 2));
    guarded((i) => {
      const sum = k.var(constant('f32', 0));
      const top = k.var(constant('f32', -1e30));
      k.for(0, columns, 1, (c) => {
        const v = k.let(k.load(x, add(mul(i, columns), c)));
        sum.set(sum.value.add(v));
        top.set(top.value.max(v));
      });
      k.store(y, mul(i, 2), sum.value);
      k.store(y, add(mul(i, 2), 1), top.value);
    });
  });
  return {
    name: 'loops and variables',
    kernel,
    scalars: { rows: 19, columns: 23 },
    fill: [wave, zero],
    tolerance: 1e-6,
  };
}

/** Transpose of [h, w] with a shifted, clamped source: div, mod, min and max of dims. */
function indexArithmetic(target: Target): KernelCase {
  const h = sym('h', { min: 2, max: 1000 });
  const w = sym('w', { min: 2, max: 1000 });
  const kernel = forEach('index_arithmetic', target, mul(h, w), (k, _i, guarded) => {
    const x = k.buffer('x', 'i32', 'read', mul(h, w));
    const y = k.buffer('y', 'i32', 'write', mul(h, w));
    guarded((i) => {
      const row = min(add(mod(i, h), 1), sub(h, 1));
      const column = max(sub(floorDiv(i, h), 1), 0);
      k.store(y, i, k.load(x, add(mul(row, w), column)));
    });
  });
  return { name: 'index arithmetic', kernel, scalars: { h: 7, w: 11 }, fill: [small, zero], tolerance: 0 };
}

/** A load that is out of bounds where its guard does not hold. */
function guardedLoad(target: Target): KernelCase {
  const n = 37;
  const kernel = forEach('guarded_load', target, n, (k, _i, guarded) => {
    const x = k.buffer('x', 'f32', 'read', n);
    const y = k.buffer('y', 'f32', 'write', n);
    guarded((i) => {
      const before = sub(i, 2);
      k.store(y, i, dimValue(before).ge(0).guard(k.load(x, before), -1));
    });
  });
  return { name: 'guarded loads', kernel, scalars: {}, fill: [wave, zero], tolerance: 0 };
}

/** if, else and a data-dependent index. */
function branches(target: Target): KernelCase {
  const n = 41;
  const kernel = forEach('branches', target, n, (k, _i, guarded) => {
    const x = k.buffer('x', 'i32', 'read', n);
    const y = k.buffer('y', 'i32', 'write', n);
    guarded((i) => {
      const v = k.let(k.load(x, i));
      const at = k.index(v.abs(), { min: 0, max: n - 1 });
      const out = k.var(constant('i32', 0));
      k.if(
        v.lt(0),
        () => out.set(k.load(x, at).sub(1)),
        () => out.set(k.load(x, at).mul(3)),
      );
      k.store(y, i, out.value);
    });
  });
  return { name: 'branches and data-dependent indices', kernel, scalars: {}, fill: [small, zero], tolerance: 0 };
}

/** Every workgroup reverses its part through workgroup memory. */
function sharedReverse(target: Target): KernelCase {
  const lanes = Math.min(64, target.maxLanes);
  const k = new KernelBuilder('shared_reverse', 'simt', lanes, [3, 1, 1]);
  const x = k.buffer('x', 'f32', 'read', lanes * 3);
  const y = k.buffer('y', 'f32', 'write', lanes * 3);
  const s = k.shared('s', 'f32', lanes);
  k.store(s, k.lane, k.load(x, add(mul(k.group.x, lanes), k.lane)));
  k.barrier();
  k.store(y, add(mul(k.group.x, lanes), k.lane), k.load(s, sub(lanes - 1, k.lane)));
  return { name: 'workgroup memory and barrier', kernel: k.done(note), scalars: {}, fill: [wave, zero], tolerance: 0 };
}

function grid2d(target: Target): KernelCase {
  const lanes = Math.min(32, target.maxLanes);
  const k = new KernelBuilder('grid_2d', 'simt', lanes, [2, 3, 2]);
  const y = k.buffer('y', 'i32', 'write', lanes * 12);
  const group = add(add(k.group.x, mul(k.group.y, 2)), mul(k.group.z, 6));
  const i = add(mul(group, lanes), k.lane);
  k.store(y, i, dimValue(i).mul(3));
  return { name: 'grid of three axes', kernel: k.done(note), scalars: {}, fill: [zero], tolerance: 0 };
}

/** The sum over a subgroup, spread so that the result does not depend on the subgroup's size. */
function subgroupSum(target: Target): KernelCase {
  const lanes = Math.min(64, target.maxLanes);
  const k = new KernelBuilder('uniform_sum', 'simt', lanes, [1, 1, 1]);
  const x = k.buffer('x', 'f32', 'read', 1);
  const y = k.buffer('y', 'f32', 'write', lanes);
  k.store(y, k.lane, target.features.has('subgroups') ? k.load(x, 0).subgroupMax() : k.load(x, 0));
  return {
    name: 'subgroup maximum of a uniform value',
    kernel: k.done(note),
    scalars: {},
    fill: [wave, zero],
    tolerance: 0,
  };
}

/** Per-thread scratch of a simd kernel. */
function scratchRow(_target: Target): KernelCase {
  const k = new KernelBuilder('scratch_row', 'simd', 1, [5, 1, 1]);
  const x = k.buffer('x', 'f32', 'read', 40);
  const y = k.buffer('y', 'f32', 'write', 40);
  const s = k.shared('s', 'f32', 8);
  k.for(0, 8, 1, (i) => k.store(s, i, k.load(x, add(mul(k.group.x, 8), i)).mul(2)));
  k.for(0, 8, 1, (i) => k.store(y, add(mul(k.group.x, 8), i), k.load(s, sub(7, i))));
  return { name: 'scratch', kernel: k.done(note), scalars: {}, fill: [wave, zero], tolerance: 0 };
}

/** Vector loads and stores, splat, pack, extract and shuffle. */
function vectors(_target: Target): KernelCase {
  const k = new KernelBuilder('vectors', 'simd', 1, [6, 1, 1]);
  const x = k.buffer('x', 'f32', 'read', 24);
  const y = k.buffer('y', 'f32', 'write', 48);
  const at = (offset: number): Dim => add(mul(k.group.x, 8), offset);
  const v = k.let(k.load(x, mul(k.group.x, 4), 4));
  const flipped = k.let(v.shuffle(v.mul(2), [3, 2, 5, 4]));
  k.store(y, at(0), v.add(flipped).max(v.extract(1)));
  k.store(
    y,
    at(4),
    pack([v.extract(2), v.extract(0), v.extract(3), v.extract(1)]).mul(constant('f32', 0.5).splat(4 as Width)),
  );
  return { name: 'vectors', kernel: k.done(note), scalars: {}, fill: [wave, zero], tolerance: 0 };
}

/** Two int16 products per 32-bit lane, as vectors and as scalars; the sum of the extremes wraps. */
function dotHalves(_target: Target): KernelCase {
  const k = new KernelBuilder('dot_halves', 'simd', 1, [4, 1, 1]);
  const a: Buffer = k.buffer('a', 'u32', 'read', 16);
  const b: Buffer = k.buffer('b', 'u32', 'read', 16);
  const y = k.buffer('y', 'i32', 'write', 20);
  const i = mul(k.group.x, 4);
  k.store(y, i, k.load(a, i, 4).dot2(k.load(b, i, 4), constant('i32', 7).splat(4)));
  const bytes = k.buffer('c', 'i8', 'read', 32);
  const z = k.buffer('z', 'u32', 'write', 20);
  const eight = k.load(bytes, mul(k.group.x, 8), 8);
  k.store(z, i, eight.sub(3).halves());
  k.store(z, add(16, k.group.x), pack([eight.extract(1), eight.extract(6).mul(-77)]).halves());
  k.store(y, add(16, k.group.x), k.load(a, k.group.x).dot2(k.load(b, k.group.x), constant('i32', -2)));
  return {
    name: 'dot product of packed int16',
    kernel: k.done(note),
    scalars: {},
    fill: [
      (j) => (j === 0 ? 0x80008000 : (j * 2654435761) >>> 0),
      (j) => (j === 0 ? 0x80008000 : (j * 40503 * 65537) >>> 0),
      zero,
      (j) => ((j * 37) % 256) - 128,
      zero,
    ],
    tolerance: 0,
  };
}

/** Four int8 products per 32-bit lane. */
function dotProduct(_target: Target): KernelCase {
  const k = new KernelBuilder('dot_product', 'simd', 1, [3, 1, 1]);
  const a: Buffer = k.buffer('a', 'u32', 'read', 12);
  const b: Buffer = k.buffer('b', 'u32', 'read', 12);
  const y = k.buffer('y', 'i32', 'write', 12);
  const i = mul(k.group.x, 4);
  k.store(y, i, k.load(a, i, 4).dot4(k.load(b, i, 4), constant('i32', 5).splat(4)));
  return {
    name: 'dot product of packed int8',
    kernel: k.done(note),
    scalars: {},
    fill: [(j) => (j * 2654435761) >>> 0, (j) => (j * 40503 * 65537) >>> 0, zero],
    tolerance: 0,
  };
}
