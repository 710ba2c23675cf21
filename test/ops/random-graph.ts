import * as fc from 'fast-check';
import { attribute, encodeModel, f32, i64, info, type Node, node, type Tensor } from '../import/build-onnx.ts';

/** A random model of float operators with one input, and that input's shape. */
export interface RandomGraph {
  readonly model: Uint8Array;
  readonly shape: readonly number[];
  /** Operators in order, for reports. */
  readonly ops: readonly string[];
}

interface Val {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Draws a whole number in [low, high]. */
type Draw = (low: number, high: number) => number;

class Builder {
  readonly nodes: Node[] = [];
  readonly initializers: Tensor[] = [];
  readonly values: Val[] = [];
  private count = 0;

  constructor(readonly draw: Draw) {}

  pick<T>(list: readonly T[]): T {
    const item = list[this.draw(0, list.length - 1)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  /** A value, newer ones more often. */
  value(): Val {
    const { values, draw } = this;
    return this.pick(draw(0, 1) === 0 ? values.slice(-2) : values);
  }

  weights(shape: readonly number[]): string {
    const name = `w${this.initializers.length}`;
    const size = shape.reduce((n, d) => n * d, 1);
    const start = this.draw(0, 1000);
    const values = Array.from({ length: size }, (_, i) => Math.sin(start + i * 1.7));
    this.initializers.push(f32(name, [...shape], values));
    return name;
  }

  ints(values: readonly number[]): string {
    const name = `i${this.initializers.length}`;
    this.initializers.push(i64(name, [values.length], [...values]));
    return name;
  }

  add(
    op: string,
    inputs: readonly string[],
    shape: readonly number[],
    attributes: Parameters<typeof node>[3] = [],
  ): Val {
    const v = { name: `v${this.count++}`, shape };
    this.nodes.push(node(op, [...inputs], [v.name], attributes, { name: `n${this.count}` }));
    this.values.push(v);
    return v;
  }
}

const size = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);
const { int, ints, float, string } = attribute;

/** Each extends the graph by one operator (or a few that belong together). Discontinuous ones are left out: rounding would decide. */
const steps: readonly ((b: Builder) => void)[] = [
  (b) => {
    const x = b.value();
    b.add(
      b.pick([
        'Relu',
        'Sigmoid',
        'Tanh',
        'Neg',
        'Abs',
        'Softplus',
        'Erf',
        'Elu',
        'LeakyRelu',
        'HardSwish',
        'Sin',
        'Identity',
      ]),
      [x.name],
      x.shape,
    );
  },
  (b) => {
    const x = b.value();
    const low = b.add('Clip', [x.name, b.weights([]), ''], x.shape);
    b.add(b.pick(['Atan', 'Cos', 'Mish', 'Gelu'].slice(0, 2)), [low.name], low.shape);
  },
  (b) => {
    const x = b.value();
    const same = b.values.filter((v) => v.shape.join() === x.shape.join());
    b.add(b.pick(['Add', 'Sub', 'Mul', 'Max', 'Min']), [x.name, b.pick(same).name], x.shape);
  },
  (b) => {
    const x = b.value();
    const shape = x.shape.map((d) => (b.draw(0, 1) === 0 ? d : 1)).slice(b.draw(0, x.shape.length));
    b.add(
      b.pick(['Add', 'Sub', 'Mul', 'PRelu'].slice(0, 3)),
      b.draw(0, 1) ? [x.name, b.weights(shape)] : [b.weights(shape), x.name],
      x.shape,
    );
  },
  (b) => {
    const x = b.value();
    const positive = b.add('Abs', [x.name], x.shape);
    const one = b.add('Add', [positive.name, b.weights([])], x.shape);
    const safe = b.add('Abs', [one.name], x.shape);
    b.add('Sqrt', [safe.name], x.shape);
  },
  (b) => {
    const x = b.value();
    if (x.shape.length === 0) return;
    const axis = b.draw(0, x.shape.length - 1);
    const keep = b.draw(0, 1);
    const op = b.pick(['ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceL1', 'ReduceL2', 'ReduceLogSumExp']);
    const shape = keep ? x.shape.map((d, i) => (i === axis ? 1 : d)) : x.shape.filter((_, i) => i !== axis);
    b.add(op, [x.name], shape, [ints('axes', [axis]), int('keepdims', keep)]);
  },
  (b) => {
    const x = b.value();
    if (x.shape.length === 0) return;
    b.add(b.pick(['Softmax', 'LogSoftmax']), [x.name], x.shape, [
      int('axis', b.draw(-x.shape.length, x.shape.length - 1)),
    ]);
  },
  (b) => {
    const x = b.value();
    const last = x.shape[x.shape.length - 1];
    if (last === undefined || last < 2) return;
    b.add('LayerNormalization', [x.name, b.weights([last]), b.weights([last])], x.shape, [
      int('axis', -1),
      float('epsilon', 0.01),
    ]);
  },
  (b) => {
    const x = b.value();
    const perm = x.shape.map((_, i) => i);
    for (let i = perm.length - 1; i > 0; i--) {
      const j = b.draw(0, i);
      [perm[i], perm[j]] = [perm[j] ?? 0, perm[i] ?? 0];
    }
    b.add(
      'Transpose',
      [x.name],
      perm.map((p) => x.shape[p] ?? 1),
      [ints('perm', perm)],
    );
  },
  (b) => {
    const x = b.value();
    const total = size(x.shape);
    const divisors = Array.from({ length: total }, (_, i) => i + 1).filter((d) => total % d === 0);
    const first = b.pick(divisors);
    const shape = b.draw(0, 1) ? [first, total / first] : [1, total / first, first];
    b.add('Reshape', [x.name, b.ints(shape)], shape);
  },
  (b) => {
    const x = b.value();
    if (x.shape.length === 0) return;
    const axis = b.draw(0, x.shape.length - 1);
    const fits = b.values.filter(
      (v) => v.shape.length === x.shape.length && v.shape.every((d, i) => i === axis || d === x.shape[i]),
    );
    const y = b.pick(fits);
    b.add(
      'Concat',
      [x.name, y.name],
      x.shape.map((d, i) => (i === axis ? d + (y.shape[i] ?? 0) : d)),
      [int('axis', axis)],
    );
  },
  (b) => {
    const x = b.value();
    if (x.shape.length === 0) return;
    const axis = b.draw(0, x.shape.length - 1);
    const d = x.shape[axis] ?? 1;
    const start = b.draw(0, d - 1);
    const step = b.draw(1, 2);
    const end = b.draw(start + 1, d);
    b.add(
      'Slice',
      [x.name, b.ints([start]), b.ints([end]), b.ints([axis]), b.ints([step])],
      x.shape.map((n, i) => (i === axis ? Math.ceil((end - start) / step) : n)),
    );
  },
  (b) => {
    const x = b.value();
    const pads = [...x.shape, ...x.shape].map(() => b.draw(0, 2));
    b.add(
      'Pad',
      [x.name, b.ints(pads)],
      x.shape.map((d, i) => d + (pads[i] ?? 0) + (pads[i + x.shape.length] ?? 0)),
      [string('mode', b.pick(['constant', 'edge']))],
    );
  },
  (b) => {
    const x = b.value();
    if (x.shape.length === 0) return;
    const axis = b.draw(0, x.shape.length - 1);
    const picks = Array.from({ length: b.draw(1, 4) }, () => b.draw(-(x.shape[axis] ?? 1), (x.shape[axis] ?? 1) - 1));
    b.add(
      'Gather',
      [x.name, b.ints(picks)],
      x.shape.map((d, i) => (i === axis ? picks.length : d)),
      [int('axis', axis)],
    );
  },
  (b) => {
    const x = b.value();
    const k = x.shape[x.shape.length - 1];
    if (k === undefined || x.shape.length < 2) return;
    const n = b.draw(1, 6);
    b.add('MatMul', [x.name, b.weights([k, n])], [...x.shape.slice(0, -1), n]);
  },
  (b) => {
    const x = b.value();
    const [n = 1, c = 1, w = 1] = x.shape;
    if (x.shape.length !== 3) return;
    const [m, k] = [b.draw(1, 5), b.draw(1, Math.min(3, w + 2))];
    b.add(
      'Conv',
      [x.name, b.weights([m, c, k]), b.weights([m])],
      [n, m, w + 3 - k],
      [ints('pads', [1, 1]), ints('kernel_shape', [k])],
    );
  },
  (b) => {
    const x = b.value();
    const [n = 1, c = 1, w = 1] = x.shape;
    if (x.shape.length !== 3 || w < 2) return;
    b.add(b.pick(['MaxPool', 'AveragePool']), [x.name], [n, c, w - 1], [ints('kernel_shape', [2])]);
  },
  (b) => {
    const x = b.value();
    const repeats = x.shape.map(() => b.draw(1, 2));
    if (x.shape.length === 0 || size(x.shape) > 400) return;
    b.add(
      'Tile',
      [x.name, b.ints(repeats)],
      x.shape.map((d, i) => d * (repeats[i] ?? 1)),
    );
  },
  (b) => {
    const x = b.value();
    if (x.shape.length === 0) return;
    const axis = b.draw(0, x.shape.length - 1);
    const name = `a${b.initializers.length}`;
    b.initializers.push(i64(name, [], [axis]));
    b.add('CumSum', [x.name, name], x.shape, [int('reverse', b.draw(0, 1)), int('exclusive', b.draw(0, 1))]);
  },
];

/** Random graphs of 1 to `most` operators; fast-check shrinks them. */
export const randomGraphs = (most: number): fc.Arbitrary<RandomGraph> =>
  fc.gen().map((g) => {
    const b = new Builder((low, high) => g(fc.integer, { min: low, max: Math.max(low, high) }));
    const shape = Array.from({ length: b.draw(1, 3) }, () => b.draw(1, 5));
    b.values.push({ name: 'x', shape });
    const count = b.draw(1, most);
    for (let i = 0; i < count; i++) b.pick(steps)(b);
    if (b.nodes.length === 0) b.add('Relu', ['x'], shape);
    const used = new Set(b.nodes.flatMap((n) => n.input ?? []));
    const results = b.values.filter((v) => v.name !== 'x' && !used.has(v.name));
    const model = encodeModel(
      {
        name: 'g',
        node: b.nodes,
        input: [info('x', shape)],
        output: results.map((v) => info(v.name, [...v.shape])),
        initializer: b.initializers,
      },
      { opsetImport: [{ domain: '', version: 17 }] },
    );
    return { model, shape, ops: b.nodes.map((n) => n.opType ?? '') };
  });
