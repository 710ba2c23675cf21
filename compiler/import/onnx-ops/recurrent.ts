import { type Dim, formatDim, isStatic, mul, sub } from '../../ir/dim.ts';
import type { Attributes, Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { type RecurrentOp, recurrentGates, recurrentInputs } from '../../ops/recurrent.ts';
import { recurrentActivations } from '../../ops/recurrent-activation.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import { closest } from '../suggest.ts';

const DEFAULTS: Readonly<Record<RecurrentOp, readonly string[]>> = {
  lstm: ['Sigmoid', 'Tanh', 'Tanh'],
  gru: ['Sigmoid', 'Tanh'],
  rnn: ['Tanh'],
};

/** `x[start : start + length]` along `axis`. */
function part(b: GraphBuilder, x: Value, axis: number, start: Dim, length: Dim): Value {
  const { shape } = x.type;
  return b.node('slice', [x], {
    starts: shape.map((_, i) => (i === axis ? start : 0)),
    steps: shape.map(() => 1),
    shape: shape.map((d, i) => (i === axis ? length : d)),
  });
}

const reshape = (b: GraphBuilder, x: Value, shape: readonly Dim[]): Value => b.node('reshape', [x], { shape });

/** Row `d` of the first axis, without that axis. */
function direction(b: GraphBuilder, x: Value | null | undefined, d: number): Value | null {
  if (!x) return null;
  const rest = x.type.shape.slice(1);
  return reshape(b, x.type.shape[0] === 1 ? x : part(b, x, 0, d, 1), rest);
}

function zeros(b: GraphBuilder, like: Value, shape: readonly Dim[]): Value {
  const { dtype } = like.type;
  if (shape.every(isStatic)) {
    const sizes = shape.filter(isStatic);
    return b.constant(dtype, sizes, new Array<number>(sizes.reduce((n, d) => n * d, 1)).fill(0));
  }
  return b.node('expand', [b.scalar(dtype, 0)], { shape });
}

/** Activation names and their parameters for all directions, checked; parameters go to the functions that take them, in order. */
function activationsOf(node: OnnxNode, op: RecurrentOp, directions: number): Attributes[] {
  const perDirection = DEFAULTS[op].length;
  const defaults = Array.from({ length: directions }, () => DEFAULTS[op]).flat();
  const names = node.strings('activations', defaults).map((n) => n.toLowerCase());
  if (names.length !== perDirection * directions)
    node.fail(`it has ${names.length} activations, ${perDirection * directions} are needed`);
  const alphaList = [...node.floats('activation_alpha', [])];
  const betaList = [...node.floats('activation_beta', [])];
  const all = names.map((name) => {
    const f = recurrentActivations[name];
    if (!f) {
      const near = closest(name, Object.keys(recurrentActivations));
      return node.fail(`unknown activation '${name}'`, near ? `The closest is ${near}` : undefined);
    }
    const alpha = f.alpha === undefined ? 0 : (alphaList.shift() ?? f.alpha);
    const beta = f.beta === undefined ? 0 : (betaList.shift() ?? f.beta);
    return { name, alpha, beta };
  });
  return Array.from({ length: directions }, (_, d) => {
    const own = all.slice(d * perDirection, (d + 1) * perDirection);
    return { activations: own.map((a) => a.name), alphas: own.map((a) => a.alpha), betas: own.map((a) => a.beta) };
  });
}

/** Inputs of one direction after projection. */
interface Projected {
  readonly gates: Value;
  readonly recurrent: Value;
  readonly candidateBias: Value | null;
}

/** x W^T plus both biases for all steps at once; a GRU's candidate bias stays inside when the reset gate multiplies it. */
function project(
  b: GraphBuilder,
  x: Value,
  op: RecurrentOp,
  weights: { readonly w: Value; readonly r: Value; readonly bias: Value | null },
  hidden: Dim,
  linearBeforeReset: boolean,
): Projected {
  const [steps = 0, batch = 0, features = 0] = x.type.shape;
  const width = mul(recurrentGates[op], hidden);
  const rows = reshape(b, x, [mul(steps, batch), features]);
  let gates = b.node('matmul', [rows, weights.w], { transposeB: true });
  let candidateBias: Value | null = null;
  if (weights.bias) {
    const input = part(b, weights.bias, 0, 0, width);
    let recurrent = part(b, weights.bias, 0, width, width);
    if (op === 'gru' && linearBeforeReset) {
      candidateBias = part(b, recurrent, 0, mul(2, hidden), hidden);
      recurrent = b.node('concat', [part(b, recurrent, 0, 0, mul(2, hidden)), zeros(b, recurrent, [hidden])], {
        axis: 0,
      });
    }
    gates = b.node('add', [gates, b.node('add', [input, recurrent])]);
  }
  return { gates: reshape(b, gates, [steps, batch, width]), recurrent: weights.r, candidateBias };
}

/** Zeroes outputs past the end of each sequence. */
function masked(b: GraphBuilder, y: Value, lengths: Value | null): Value {
  if (!lengths) return y;
  const [steps = 0, batch = 0] = y.type.shape;
  const { dtype } = lengths.type;
  const time = b.node('range', [b.scalar(dtype, 0), b.scalar(dtype, 1)], { length: steps });
  const inside = b.node('lt', [reshape(b, time, [steps, 1, 1]), reshape(b, lengths, [1, batch, 1])]);
  return b.node('where', [inside, y, b.scalar(y.type.dtype, 0)]);
}

function build(op: RecurrentOp): OnnxOp['build'] {
  return (node, b) => {
    const directionName = node.choice('direction', ['forward', 'reverse', 'bidirectional'], 'forward');
    const reverses = { forward: [0], reverse: [1], bidirectional: [0, 1] }[directionName];
    const layout = node.int('layout', 0);
    const swap = (v: Value): Value =>
      layout === 1 ? b.node('transpose', [v], { permutation: v.type.shape.map((_, i) => (i < 2 ? 1 - i : i)) }) : v;
    const x = swap(node.input(0));
    const w = node.input(1);
    const r = node.input(2);
    const hidden = r.type.shape[2] ?? node.fail('the recurrent weights need three axes');
    if (x.type.shape.length !== 3) node.fail('the input needs three axes');
    if (w.type.shape[0] !== reverses.length || r.type.shape[0] !== reverses.length)
      node.fail(
        `the weights are for ${formatDim(w.type.shape[0] ?? 1)} directions, '${directionName}' has ${reverses.length}`,
      );
    if (node.has('hidden_size') && isStatic(hidden) && node.int('hidden_size') !== hidden)
      node.fail(`hidden_size is ${node.int('hidden_size')}, the weights are for ${hidden}`);
    const [steps = 0, batch = 0] = x.type.shape;
    const lengths = node.inputs[4] ?? null;
    const state = (i: number): Value | null => (node.inputs[i] ? swap(node.input(i)) : null);
    const h0 = state(5);
    const c0 = op === 'lstm' ? state(6) : null;
    const peepholes = op === 'lstm' ? node.inputs[7] : null;
    const linearBeforeReset = op === 'gru' && node.int('linear_before_reset', 0) !== 0;
    const activations = activationsOf(node, op, reverses.length);
    const runs = reverses.map((reverse, d) => {
      const weights = {
        w: direction(b, w, d) ?? w,
        r: direction(b, r, d) ?? r,
        bias: direction(b, node.inputs[3], d),
      };
      const p = project(b, x, op, weights, hidden, linearBeforeReset);
      const initial = direction(b, h0, d) ?? zeros(b, x, [batch, hidden]);
      const extra =
        op === 'lstm'
          ? [direction(b, c0, d) ?? zeros(b, x, [batch, hidden]), direction(b, peepholes, d), lengths]
          : op === 'gru'
            ? [p.candidateBias, lengths]
            : [lengths];
      if (recurrentInputs[op].lengths !== 2 + extra.length) node.fail('inputs do not line up');
      const out = b.node(op, [p.gates, p.recurrent, initial, ...extra], {
        ...activations[d],
        clip: node.float('clip', 0),
        reverse,
        ...(op === 'lstm' ? { inputForget: node.int('input_forget', 0) } : {}),
        ...(op === 'gru' ? { linearBeforeReset: linearBeforeReset ? 1 : 0 } : {}),
      });
      return { out, reverse };
    });
    const joined = (values: Value[], axis: number): Value =>
      values.length === 1 && values[0] ? values[0] : b.node('concat', values, { axis });
    const wanted = (i: number): boolean => Boolean(node.outputs[i]);
    const sequence = (): Value => {
      const all = runs.map(({ out }) => {
        const y = op === 'lstm' ? part(b, out, 2, 0, hidden) : out;
        return reshape(b, masked(b, y, lengths), [steps, 1, batch, hidden]);
      });
      const y = joined(all, 1);
      return layout === 1 ? b.node('transpose', [y], { permutation: [2, 0, 1, 3] }) : y;
    };
    const final = (offset: Dim): Value => {
      const all = runs.map(({ out, reverse }) => {
        const last = part(b, out, 0, reverse ? 0 : sub(steps, 1), 1);
        return op === 'lstm' ? part(b, last, 2, offset, hidden) : last;
      });
      return swap(joined(all, 0));
    };
    return [wanted(0) ? sequence() : null, wanted(1) ? final(0) : null, wanted(2) ? final(hidden) : null];
  };
}

/** LSTM, GRU and RNN: projections outside, one recurrence a direction. */
export const recurrentOnnxOps: readonly OnnxOp[] = [
  onnxOp('LSTM', build('lstm')),
  onnxOp('GRU', build('gru')),
  onnxOp('RNN', build('rnn')),
];
