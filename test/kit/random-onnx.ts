import {
  type Attribute,
  attribute,
  encodeModel,
  f32,
  i64,
  info,
  type Node,
  node,
  type Tensor,
} from '../import/build-onnx.ts';

/** xorshift32 (Marsaglia 2003): the same seed gives the same graphs everywhere. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = (Math.imul(seed, 2654435761) ^ 0x9e3779b9) | 1;
  }

  /** An integer in [0, n). */
  below(n: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) % n;
  }

  /** A float in [-2, 2) with few bits, so that sums of a few are exact. */
  float(): number {
    return (this.below(1024) - 512) / 256;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    const x = list[this.below(list.length)];
    if (x === undefined) throw new RangeError('nothing to pick from');
    return x;
  }
}

type Kind = 'f32' | 'i64' | 'bool';
const ELEMENT: Readonly<Record<Kind, number>> = { f32: 1, i64: 7, bool: 9 };

interface Value {
  readonly name: string;
  readonly kind: Kind;
  readonly shape: readonly number[];
  /** Computed without rounding: discontinuous ops may follow. */
  readonly exact: boolean;
}

export interface RandomModel {
  readonly bytes: Uint8Array;
  readonly inputs: readonly {
    readonly name: string;
    readonly kind: Kind;
    readonly shape: readonly number[];
    readonly data: number[];
  }[];
  readonly outputs: readonly string[];
  /** One line a node, for failure messages. */
  readonly text: string;
}

const size = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** A graph of random typed ops with the values of its inputs. */
class Builder {
  readonly nodes: Node[] = [];
  readonly initializers: Tensor[] = [];
  readonly values: Value[] = [];
  readonly used = new Set<string>();
  readonly lines: string[] = [];
  private count = 0;

  constructor(readonly random: Random) {}

  name(prefix: string): string {
    return `${prefix}${this.count++}`;
  }

  shape(): number[] {
    const rank = this.random.below(5);
    return Array.from({ length: rank }, () => (this.random.chance(20) ? 1 : 1 + this.random.below(5)));
  }

  /** Adds a node; outputs become values. */
  add(
    op: string,
    inputs: readonly (Value | string)[],
    outputs: readonly Omit<Value, 'name'>[],
    attributes: Attribute[] = [],
  ): void {
    const named = outputs.map((o) => ({ ...o, name: this.name('v') }));
    const names = inputs.map((v) => (typeof v === 'string' ? v : v.name));
    for (const n of names) this.used.add(n);
    this.nodes.push(
      node(
        op,
        names,
        named.map((o) => o.name),
        attributes,
      ),
    );
    this.values.push(...named);
    const given = attributes.map((a) => `${a.name}=${a.i ?? a.ints?.join('/') ?? a.f ?? ''}`).join(' ');
    this.lines.push(
      `${named.map((o) => `${o.name}:${o.kind}[${o.shape}]`).join(', ')} = ${op}(${names.join(', ')}) ${given}`,
    );
  }

  ints(values: readonly number[]): string {
    const name = this.name('c');
    this.initializers.push(i64(name, [values.length], [...values]));
    return name;
  }

  floats(shape: readonly number[]): string {
    const name = this.name('w');
    this.initializers.push(
      f32(
        name,
        [...shape],
        Array.from({ length: size(shape) }, () => this.random.float()),
      ),
    );
    return name;
  }

  /** A value of one of the kinds that passes the test, if there is one. */
  value(kind: Kind, test: (v: Value) => boolean = () => true): Value | undefined {
    const all = this.values.filter((v) => v.kind === kind && test(v));
    return all.length > 0 ? this.random.pick(all) : undefined;
  }
}

type Step = (b: Builder) => boolean;

const sameAs = (v: Value, more: Partial<Value> = {}): Omit<Value, 'name'> => ({
  kind: v.kind,
  shape: v.shape,
  exact: false,
  ...more,
});

const unary =
  (ops: readonly string[], exact: boolean): Step =>
  (b) => {
    const x = b.value('f32');
    if (!x) return false;
    b.add(b.random.pick(ops), [x], [sameAs(x, { exact: exact && x.exact })]);
    return true;
  };

const broadcast = (a: readonly number[], b: readonly number[]): number[] | undefined => {
  const rank = Math.max(a.length, b.length);
  const out: number[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return undefined;
    out.push(Math.max(x, y));
  }
  return out;
};

/** Two operands whose shapes broadcast; the second may be a new constant. */
function pair(
  b: Builder,
  kind: Kind,
  test: (v: Value) => boolean = () => true,
): [Value, Value | string, number[]] | undefined {
  const x = b.value(kind, test);
  if (!x) return undefined;
  const y = b.value(kind, (v) => test(v) && broadcast(x.shape, v.shape) !== undefined);
  if (y && (kind !== 'f32' || b.random.chance(70))) return [x, y, broadcast(x.shape, y.shape) ?? []];
  if (kind !== 'f32') return undefined;
  const shape = x.shape.slice(b.random.below(x.shape.length + 1)).map((d) => (b.random.chance(30) ? 1 : d));
  return [x, b.floats(shape), [...x.shape]];
}

const binary =
  (kind: Kind, ops: readonly string[], result: Kind, needsExact = false): Step =>
  (b) => {
    const p = pair(b, kind, (v) => v.exact || !needsExact);
    if (!p) return false;
    const op = b.random.pick(ops);
    const exact = kind !== 'f32' || needsExact;
    b.add(op, [p[0], p[1]], [{ kind: result, shape: p[2], exact }]);
    return true;
  };

const reduce: Step = (b) => {
  const x = b.value('f32', (v) => v.shape.length > 0);
  if (!x) return false;
  const axes = x.shape.map((_, i) => i).filter(() => b.random.chance(50));
  const keep = b.random.below(2);
  const all = axes.length === 0;
  const shape = x.shape.flatMap((d, i) => (all || axes.includes(i) ? (keep ? [1] : []) : [d]));
  const op = b.random.pick([
    'ReduceSum',
    'ReduceMean',
    'ReduceMax',
    'ReduceMin',
    'ReduceL1',
    'ReduceL2',
    'ReduceSumSquare',
    'ReduceLogSumExp',
  ]);
  const signed = axes.map((a) => (b.random.chance(30) ? a - x.shape.length : a));
  b.add(
    op,
    all ? [x] : [x, b.ints(signed)],
    [{ kind: 'f32', shape, exact: x.exact && /Max|Min/.test(op) }],
    [attribute.int('keepdims', keep)],
  );
  return true;
};

const axisOp =
  (ops: readonly string[]): Step =>
  (b) => {
    const x = b.value('f32', (v) => v.shape.length > 0);
    if (!x) return false;
    const axis = b.random.below(x.shape.length);
    b.add(
      b.random.pick(ops),
      [x],
      [sameAs(x)],
      [attribute.int('axis', b.random.chance(50) ? axis : axis - x.shape.length)],
    );
    return true;
  };

const anyKind = (b: Builder): Value | undefined =>
  b.value(b.random.chance(75) ? 'f32' : b.random.pick(['i64', 'bool'] as const));

const transpose: Step = (b) => {
  const x = anyKind(b);
  if (!x) return false;
  const perm = x.shape.map((_, i) => i).sort(() => b.random.below(3) - 1);
  b.add(
    'Transpose',
    [x],
    [sameAs(x, { shape: perm.map((p) => x.shape[p] ?? 1), exact: x.exact })],
    [attribute.ints('perm', perm)],
  );
  return true;
};

const reshape: Step = (b) => {
  const x = anyKind(b);
  if (!x) return false;
  let rest = size(x.shape);
  const shape: number[] = [];
  while (rest > 1 && shape.length < 4) {
    const divisors = Array.from({ length: rest }, (_, i) => i + 1).filter((d) => rest % d === 0);
    const d = shape.length === 3 ? rest : b.random.pick(divisors);
    shape.push(d);
    rest /= d;
  }
  if (rest > 1) shape.push(rest);
  const written = shape.length > 0 && b.random.chance(30) ? shape.map((d, i) => (i === 0 ? -1 : d)) : shape;
  b.add('Reshape', [x, b.ints(written)], [sameAs(x, { shape, exact: x.exact })]);
  return true;
};

const slice: Step = (b) => {
  const x = anyKind(b);
  if (!x || x.shape.length === 0) return false;
  const axis = b.random.below(x.shape.length);
  const d = x.shape[axis] ?? 1;
  const back = b.random.chance(25);
  const step = (1 + b.random.below(2)) * (back ? -1 : 1);
  const start = back ? d - 1 : b.random.below(d);
  const end = back ? -d - 1 : start + 1 + b.random.below(d - start);
  const length = back ? Math.ceil(d / -step) : Math.ceil((Math.min(end, d) - start) / step);
  const shape = x.shape.map((s, i) => (i === axis ? length : s));
  b.add(
    'Slice',
    [x, b.ints([start]), b.ints([end]), b.ints([axis]), b.ints([step])],
    [sameAs(x, { shape, exact: x.exact })],
  );
  return true;
};

const concat: Step = (b) => {
  const x = anyKind(b);
  if (!x || x.shape.length === 0) return false;
  const axis = b.random.below(x.shape.length);
  const fits = (v: Value) =>
    v.shape.length === x.shape.length && v.shape.every((d, i) => i === axis || d === x.shape[i]);
  const y = b.value(x.kind, fits) ?? x;
  const shape = x.shape.map((d, i) => (i === axis ? d + (y.shape[i] ?? 0) : d));
  b.add('Concat', [x, y], [sameAs(x, { shape, exact: x.exact && y.exact })], [attribute.int('axis', axis)]);
  return true;
};

const pad: Step = (b) => {
  const x = b.value('f32', (v) => v.shape.length > 0);
  if (!x) return false;
  const begins = x.shape.map(() => b.random.below(3));
  const ends = x.shape.map(() => b.random.below(3));
  const mode = b.random.pick(['constant', 'edge']);
  const shape = x.shape.map((d, i) => d + (begins[i] ?? 0) + (ends[i] ?? 0));
  b.add(
    'Pad',
    [x, b.ints([...begins, ...ends])],
    [sameAs(x, { shape, exact: x.exact })],
    [attribute.string('mode', mode)],
  );
  return true;
};

const expandOrTile: Step = (b) => {
  const x = anyKind(b);
  if (!x || size(x.shape) > 200) return false;
  if (b.random.chance(50)) {
    const repeats = x.shape.map(() => 1 + b.random.below(2));
    if (repeats.length === 0) return false;
    b.add(
      'Tile',
      [x, b.ints(repeats)],
      [sameAs(x, { shape: x.shape.map((d, i) => d * (repeats[i] ?? 1)), exact: x.exact })],
    );
    return true;
  }
  const shape = [...(b.random.chance(30) ? [2] : []), ...x.shape.map((d) => (d === 1 ? 1 + b.random.below(3) : d))];
  b.add('Expand', [x, b.ints(shape)], [sameAs(x, { shape, exact: x.exact })]);
  return true;
};

const unsqueeze: Step = (b) => {
  const x = anyKind(b);
  if (!x || x.shape.length > 4) return false;
  const axis = b.random.below(x.shape.length + 1);
  b.add(
    'Unsqueeze',
    [x, b.ints([axis])],
    [sameAs(x, { shape: [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)], exact: x.exact })],
  );
  return true;
};

const gather: Step = (b) => {
  const x = anyKind(b);
  if (!x || x.shape.length === 0) return false;
  const axis = b.random.below(x.shape.length);
  const d = x.shape[axis] ?? 1;
  const at = Array.from({ length: 1 + b.random.below(4) }, () => b.random.below(2 * d) - d);
  const shape = x.shape.map((s, i) => (i === axis ? at.length : s));
  b.add('Gather', [x, b.ints(at)], [sameAs(x, { shape, exact: x.exact })], [attribute.int('axis', axis)]);
  return true;
};

const split: Step = (b) => {
  const x = b.value('f32', (v) => v.shape.some((d) => d > 1));
  if (!x) return false;
  const axis = x.shape.findIndex((d) => d > 1);
  const d = x.shape[axis] ?? 1;
  const first = 1 + b.random.below(d - 1);
  const out = [first, d - first].map((n) =>
    sameAs(x, { shape: x.shape.map((s, i) => (i === axis ? n : s)), exact: x.exact }),
  );
  b.add('Split', [x, b.ints([first, d - first])], out, [attribute.int('axis', axis)]);
  return true;
};

const matmul: Step = (b) => {
  const x = b.value('f32', (v) => v.shape.length >= 2);
  if (!x) return false;
  const k = x.shape.at(-1) ?? 1;
  const other = b.value(
    'f32',
    (v) =>
      v.shape.length >= 2 &&
      v.shape.at(-2) === k &&
      broadcast(x.shape.slice(0, -2), v.shape.slice(0, -2)) !== undefined,
  );
  const n = 1 + b.random.below(6);
  const y = other && b.random.chance(60) ? other : b.floats([k, n]);
  const yShape = typeof y === 'string' ? [k, n] : y.shape;
  const batch = broadcast(x.shape.slice(0, -2), yShape.slice(0, -2)) ?? [];
  b.add('MatMul', [x, y], [{ kind: 'f32', shape: [...batch, x.shape.at(-2) ?? 1, yShape.at(-1) ?? 1], exact: false }]);
  return true;
};

const gemm: Step = (b) => {
  const x = b.value('f32', (v) => v.shape.length === 2);
  if (!x) return false;
  const [transA, transB, n] = [b.random.below(2), b.random.below(2), 1 + b.random.below(6)];
  const [m = 1, k = 1] = transA ? [...x.shape].reverse() : x.shape;
  const inputs: (Value | string)[] = [x, b.floats(transB ? [n, k] : [k, n])];
  if (b.random.chance(60)) inputs.push(b.floats(b.random.pick([[n], [1, n], [m, 1], [m, n]])));
  b.add(
    'Gemm',
    inputs,
    [{ kind: 'f32', shape: [m, n], exact: false }],
    [attribute.int('transA', transA), attribute.int('transB', transB), attribute.float('alpha', 0.5)],
  );
  return true;
};

const conv: Step = (b) => {
  const x = b.value('f32', (v) => v.shape.length === 3 || v.shape.length === 4);
  if (!x) return false;
  const [batch = 1, channels = 1, ...space] = x.shape;
  const group = channels % 2 === 0 && b.random.chance(40) ? (b.random.chance(50) ? channels : 2) : 1;
  const out = group * (1 + b.random.below(3));
  const kernel = space.map(() => 1 + b.random.below(3));
  const stride = space.map(() => 1 + b.random.below(2));
  const pads = [...kernel, ...kernel].map((k) => b.random.below(k));
  const shape = space.map(
    (d, i) =>
      Math.floor((d + (pads[i] ?? 0) + (pads[i + space.length] ?? 0) - (kernel[i] ?? 1)) / (stride[i] ?? 1)) + 1,
  );
  if (shape.some((d) => d < 1)) return false;
  const inputs: (Value | string)[] = [x, b.floats([out, channels / group, ...kernel])];
  if (b.random.chance(50)) inputs.push(b.floats([out]));
  b.add(
    'Conv',
    inputs,
    [{ kind: 'f32', shape: [batch, out, ...shape], exact: false }],
    [
      attribute.int('group', group),
      attribute.ints('kernel_shape', kernel),
      attribute.ints('strides', stride),
      attribute.ints('pads', pads),
    ],
  );
  return true;
};

const pool: Step = (b) => {
  const x = b.value('f32', (v) => v.shape.length === 3 || v.shape.length === 4);
  if (!x) return false;
  const space = x.shape.slice(2);
  const kernel = space.map((d) => 1 + b.random.below(Math.min(3, d)));
  const stride = space.map(() => 1 + b.random.below(2));
  const shape = space.map((d, i) => Math.floor((d - (kernel[i] ?? 1)) / (stride[i] ?? 1)) + 1);
  const op = b.random.pick(['MaxPool', 'AveragePool']);
  b.add(
    op,
    [x],
    [sameAs(x, { shape: [...x.shape.slice(0, 2), ...shape], exact: x.exact && op === 'MaxPool' })],
    [attribute.ints('kernel_shape', kernel), attribute.ints('strides', stride)],
  );
  return true;
};

const where: Step = (b) => {
  const c = b.value('bool');
  const p = c && pair(b, 'f32');
  const shape = p && c && broadcast(c.shape, p[2]);
  if (!c || !p || !shape) return false;
  b.add('Where', [c, p[0], p[1]], [{ kind: 'f32', shape, exact: false }]);
  return true;
};

const argmax: Step = (b) => {
  const x = b.value('f32', (v) => v.exact && v.shape.length > 0);
  if (!x) return false;
  const axis = b.random.below(x.shape.length);
  const shape = x.shape.map((d, i) => (i === axis ? 1 : d));
  b.add(b.random.pick(['ArgMax', 'ArgMin']), [x], [{ kind: 'i64', shape, exact: true }], [attribute.int('axis', axis)]);
  return true;
};

const castTo: Step = (b) => {
  const x = anyKind(b);
  if (!x) return false;
  const kind = b.random.pick(['f32', 'i64', 'bool'] as const);
  if (x.kind === 'f32' && kind !== 'f32' && !x.exact) return false;
  b.add('Cast', [x], [{ kind, shape: x.shape, exact: true }], [attribute.int('to', ELEMENT[kind])]);
  return true;
};

const cumsum: Step = (b) => {
  const x = b.value('f32', (v) => v.shape.length > 0);
  if (!x) return false;
  const name = b.name('c');
  b.initializers.push(i64(name, [], [b.random.below(x.shape.length)]));
  b.add(
    'CumSum',
    [x, name],
    [sameAs(x)],
    [attribute.int('exclusive', b.random.below(2)), attribute.int('reverse', b.random.below(2))],
  );
  return true;
};

const layerNorm: Step = (b) => {
  const x = b.value('f32', (v) => v.shape.length > 0 && (v.shape.at(-1) ?? 1) > 1);
  if (!x) return false;
  const last = [x.shape.at(-1) ?? 1];
  b.add(
    'LayerNormalization',
    [x, b.floats(last), b.floats(last)],
    [sameAs(x)],
    [attribute.int('axis', -1), attribute.float('epsilon', 0.01)],
  );
  return true;
};

const SMOOTH = [
  'Tanh',
  'Sigmoid',
  'Softplus',
  'Erf',
  'Sin',
  'Cos',
  'HardSigmoid',
  'Elu',
  'LeakyRelu',
  'Softsign',
  'Atan',
  'Gelu',
  'Mish',
];
const STEPS: readonly Step[] = [
  unary(SMOOTH, false),
  unary(SMOOTH, false),
  unary(['Abs', 'Neg', 'Relu', 'Identity'], true),
  (b) => {
    const x = b.value('f32', (v) => v.exact);
    if (!x) return false;
    b.add(b.random.pick(['Floor', 'Ceil', 'Round', 'Sign']), [x], [sameAs(x, { exact: true })]);
    return true;
  },
  binary('f32', ['Add', 'Sub', 'Mul', 'Max', 'Min'], 'f32'),
  binary('f32', ['Add', 'Sub', 'Mul', 'Max', 'Min'], 'f32'),
  binary('f32', ['Less', 'Greater', 'LessOrEqual', 'GreaterOrEqual', 'Equal'], 'bool', true),
  binary('i64', ['Add', 'Sub', 'Mul'], 'i64'),
  binary('i64', ['Less', 'Greater', 'Equal'], 'bool'),
  binary('bool', ['And', 'Or', 'Xor'], 'bool'),
  reduce,
  reduce,
  axisOp(['Softmax', 'LogSoftmax']),
  transpose,
  reshape,
  slice,
  concat,
  pad,
  expandOrTile,
  unsqueeze,
  gather,
  split,
  matmul,
  gemm,
  conv,
  pool,
  where,
  argmax,
  castTo,
  cumsum,
  layerNorm,
];

/** A random model of opset 20; with `dynamic`, the first dimension of inputs of rank 1 and more is a symbol (one an input). */
export function randomModel(seed: number, dynamic: boolean): RandomModel {
  const random = new Random(seed);
  const b = new Builder(random);
  const inputs = Array.from({ length: 1 + random.below(3) }, (_, i) => {
    const kind = i === 0 ? 'f32' : random.pick(['f32', 'f32', 'i64', 'bool'] as const);
    const shape = b.shape();
    const data = Array.from({ length: size(shape) }, () =>
      kind === 'f32' ? random.float() : kind === 'i64' ? random.below(9) - 4 : random.below(2),
    );
    const v = { name: b.name('x'), kind, shape, exact: true };
    b.values.push(v);
    return { ...v, data };
  });
  const wanted = 2 + random.below(10);
  for (let tries = 0; b.nodes.length < wanted && tries < 200; tries++) {
    if (b.values.some((v) => size(v.shape) > 4000)) break;
    random.pick(STEPS)(b);
  }
  const outputs = b.values.filter((v) => !b.used.has(v.name) && !inputs.some((i) => i.name === v.name));
  const declared = (v: { readonly name: string; readonly kind: Kind; readonly shape: readonly number[] }) =>
    info(
      v.name,
      v.shape.map((d, axis) => (dynamic && axis === 0 ? `${v.name}_n` : d)),
      ELEMENT[v.kind],
    );
  const bytes = encodeModel(
    {
      name: 'random',
      input: inputs.map(declared),
      output: outputs.map((v) =>
        info(
          v.name,
          v.shape.map(() => null),
          ELEMENT[v.kind],
        ),
      ),
      initializer: b.initializers,
      node: b.nodes,
    },
    { opsetImport: [{ domain: '', version: 20 }] },
  );
  const head = inputs.map((v) => `${v.name}:${v.kind}[${v.shape}]`).join(', ');
  return { bytes, inputs, outputs: outputs.map((v) => v.name), text: `inputs ${head}\n${b.lines.join('\n')}` };
}
