import type { Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import { cast, numbers } from './common.ts';

/** Arithmetic over one group of tensors; numbers become constants of the tensors' dtype. */
class Arithmetic {
  constructor(
    private readonly b: GraphBuilder,
    private readonly like: Value,
  ) {}

  private lift(x: Value | number): Value {
    const { dtype } = this.like.type;
    return typeof x === 'number' ? numbers(this.b, dtype, [], [x]) : cast(this.b, x, dtype);
  }

  private binary(op: string, x: Value | number, y: Value | number): Value {
    return this.b.node(op, [this.lift(x), this.lift(y)]);
  }

  add = (x: Value | number, y: Value | number): Value => this.binary('add', x, y);
  sub = (x: Value | number, y: Value | number): Value => this.binary('sub', x, y);
  mul = (x: Value | number, y: Value | number): Value => this.binary('mul', x, y);
  div = (x: Value | number, y: Value | number): Value => this.binary('div', x, y);
  pow = (x: Value | number, y: Value | number): Value => this.binary('pow', x, y);
  sqrt = (x: Value): Value => this.b.node('sqrt', [x]);
  /** `x` once `step` counts from one, else `y`. */
  started = (step: Value, x: Value | number, y: Value | number): Value =>
    this.b.node('where', [
      this.b.node('gt', [step, numbers(this.b, step.type.dtype, [], [0])]),
      this.lift(x),
      this.lift(y),
    ]);
}

/** One update rule: new tensors of a group from its old ones (weights, gradient, then the optimizer's own). */
type Rule = (a: Arithmetic, rate: Value, step: Value, group: readonly Value[], node: OnnxNode) => readonly Value[];

/**
 * Inputs: rate, step, then all weights, all gradients, all first states... Outputs: all new weights, all new first states...
 */
function optimizer(name: string, perGroup: number, rule: Rule): OnnxOp {
  return onnxOp(
    name,
    (node, b) => {
      const count = (node.inputs.length - 2) / perGroup;
      if (!Number.isInteger(count) || count < 1)
        node.fail(`${node.inputs.length} inputs do not make groups of ${perGroup}`);
      const results = Array.from({ length: count }, (_, i) => {
        const group = Array.from({ length: perGroup }, (_g, k) => node.input(2 + k * count + i));
        const [first] = group;
        return first ? rule(new Arithmetic(b, first), node.input(0), node.input(1), group, node) : [];
      });
      return Array.from({ length: perGroup - 1 }, (_, k) => results.map((r) => r[k] ?? null)).flat();
    },
    { domain: 'ai.onnx.preview.training' },
  );
}

const nothing = (node: OnnxNode): never => node.fail('an input is missing');

/** The gradient plus the derivative of norm_coefficient / 2 * |x|^2. */
const regularized = (a: Arithmetic, x: Value, gradient: Value, node: OnnxNode): Value =>
  a.add(a.mul(x, node.float('norm_coefficient', 0)), gradient);

const adagrad: Rule = (a, rate, step, [x, gradient, squares], node) => {
  if (!x || !gradient || !squares) return nothing(node);
  const r = a.div(rate, a.add(a.mul(step, node.float('decay_factor', 0)), 1));
  const g = regularized(a, x, gradient, node);
  const h = a.add(squares, a.mul(g, g));
  return [a.sub(x, a.div(a.mul(r, g), a.add(a.sqrt(h), node.float('epsilon', 1e-6)))), h];
};

const adam: Rule = (a, rate, step, [x, gradient, mean, squares], node) => {
  if (!x || !gradient || !mean || !squares) return nothing(node);
  const [alpha, beta] = [node.float('alpha', 0.9), node.float('beta', 0.999)];
  const g = regularized(a, x, gradient, node);
  const v = a.add(a.mul(mean, alpha), a.mul(g, 1 - alpha));
  const h = a.add(a.mul(squares, beta), a.mul(a.mul(g, g), 1 - beta));
  const unbiased = a.div(a.mul(rate, a.sqrt(a.sub(1, a.pow(beta, step)))), a.sub(1, a.pow(alpha, step)));
  const r = a.started(step, unbiased, rate);
  const next = a.sub(x, a.div(a.mul(r, v), a.add(a.sqrt(h), node.float('epsilon', 1e-6))));
  return [a.mul(next, 1 - node.float('norm_coefficient_post', 0)), v, h];
};

const momentum: Rule = (a, rate, step, [x, gradient, velocity], node) => {
  if (!x || !gradient || !velocity) return nothing(node);
  const mode = node.choice('mode', ['standard', 'nesterov']);
  const alpha = node.float('alpha');
  const g = regularized(a, x, gradient, node);
  const v = a.add(a.mul(velocity, alpha), a.mul(a.started(step, node.float('beta'), 1), g));
  const along = mode === 'standard' ? v : a.add(g, a.mul(v, alpha));
  return [a.sub(x, a.mul(rate, along)), v];
};

/** Optimizer steps of ai.onnx.preview.training. */
export const trainingOnnxOps: readonly OnnxOp[] = [
  optimizer('Adagrad', 3, adagrad),
  optimizer('Adam', 4, adam),
  optimizer('Momentum', 3, momentum),
];
