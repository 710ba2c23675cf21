import { type Dim, equals, formatDim, isStatic, mul } from '../ir/dim.ts';
import { byteLength, isFloat, viewOf } from '../ir/dtype.ts';
import { type Attributes, formatType, type TensorType, tensor } from '../ir/graph.ts';
import { defineOp, type HostTensor, type InferContext, type OpDef } from '../ir/op.ts';
import { numbersOf, storeNumber } from '../tensor-values.ts';
import { boundActivations } from './recurrent-activation.ts';

/** Gates of each cell, in ONNX's order: lstm i o f c, gru z r h. */
export const recurrentGates = { lstm: 4, gru: 3, rnn: 1 } as const;
export type RecurrentOp = keyof typeof recurrentGates;

/** Where the optional inputs are, after gates, recurrent weights and the initial hidden state. */
export const recurrentInputs = {
  lstm: { cell: 3, peepholes: 4, lengths: 5 },
  gru: { candidateBias: 3, lengths: 4 },
  rnn: { lengths: 3 },
} as const;

const expectShape = (c: InferContext, i: number, shape: readonly Dim[], what: string): void => {
  const t = c.inputs[i];
  if (!t) return;
  if (t.shape.length !== shape.length || t.shape.some((d, axis) => equals(d, shape[axis] ?? 0) === false))
    c.fail(`${what} is ${formatType(t)}, expected [${shape.map(formatDim).join(', ')}]`);
};

function infer(name: RecurrentOp): OpDef['infer'] {
  return (c): TensorType => {
    const gates = c.inputs[0] ?? c.fail('the projected inputs are missing');
    const r = c.inputs[1] ?? c.fail('the recurrent weights are missing');
    if (!isFloat(gates.dtype)) c.fail('the inputs must be floats');
    const hidden = r.shape[1] ?? c.fail('the recurrent weights need two axes');
    const [steps = 0, batch = 0] = gates.shape;
    expectShape(c, 0, [steps, batch, mul(recurrentGates[name], hidden)], 'the projected input');
    expectShape(c, 1, [mul(recurrentGates[name], hidden), hidden], 'the recurrent weight');
    expectShape(c, 2, [batch, hidden], 'the initial hidden state');
    if (!c.inputs[2]) c.fail('the initial hidden state is missing');
    if (name === 'lstm') {
      if (!c.inputs[3]) c.fail('the initial cell state is missing');
      expectShape(c, 3, [batch, hidden], 'the initial cell state');
      expectShape(c, 4, [mul(3, hidden)], 'the peephole weight');
    }
    if (name === 'gru') expectShape(c, 3, [hidden], 'the candidate bias');
    expectShape(c, recurrentInputs[name].lengths, [batch], 'the list of sequence lengths');
    return tensor(gates.dtype, [steps, batch, name === 'lstm' ? mul(2, hidden) : hidden]);
  };
}

/** Everything one direction of a recurrence needs, as doubles. */
interface Run {
  readonly steps: number;
  readonly batch: number;
  readonly hidden: number;
  readonly gates: Float64Array;
  readonly weights: Float64Array;
  readonly lengths: Float64Array | undefined;
  readonly reverse: boolean;
  readonly clip: (x: number) => number;
}

function prepare(inputs: readonly (HostTensor | null)[], attrs: Attributes, lengths: number): Run {
  const gates = inputs[0];
  const weights = inputs[1];
  if (!gates || !weights) throw new TypeError('a recurrence needs projected inputs and weights');
  const [steps = 0, batch = 0] = gates.shape;
  const list = inputs[lengths];
  const limit = Number(attrs.clip ?? 0);
  return {
    steps,
    batch,
    hidden: weights.shape[1] ?? 0,
    gates: numbersOf(gates),
    weights: numbersOf(weights),
    lengths: list ? numbersOf(list) : undefined,
    reverse: attrs.reverse === 1,
    clip: limit > 0 ? (x) => Math.min(limit, Math.max(-limit, x)) : (x) => x,
  };
}

/** sum over k of R[row, k] * h[k] */
function dot(run: Run, row: number, h: Float64Array, base: number): number {
  let sum = 0;
  for (let k = 0; k < run.hidden; k++) sum += (run.weights[row * run.hidden + k] ?? 0) * (h[base + k] ?? 0);
  return sum;
}

/**
 * Steps through time in the direction of the run. `cell` computes the new states of one sequence at one step; steps past a sequence's
 * length keep its state, so the state after the last step is the final one. The result lists the states (side by side) of every step.
 */
function through(
  run: Run,
  states: readonly Float64Array[],
  output: TensorType,
  cell: (gates: number, b: number) => void,
): HostTensor {
  const { steps, batch, hidden } = run;
  const width = states.length * hidden;
  const count = steps * batch * width;
  const data = viewOf(output.dtype, new ArrayBuffer(byteLength(output.dtype, count)), 0, count);
  for (let s = 0; s < steps; s++) {
    const t = run.reverse ? steps - 1 - s : s;
    for (let b = 0; b < batch; b++) {
      const gatesPerStep = run.gates.length / Math.max(1, steps * batch);
      if (t < (run.lengths?.[b] ?? steps)) cell((t * batch + b) * gatesPerStep, b);
      states.forEach((state, i) => {
        for (let j = 0; j < hidden; j++)
          storeNumber(data, output.dtype, (t * batch + b) * width + i * hidden + j, state[b * hidden + j] ?? 0);
      });
    }
  }
  return { dtype: output.dtype, shape: [steps, batch, width], data };
}

const initial = (t: HostTensor | null | undefined, size: number): Float64Array =>
  t ? Float64Array.from(numbersOf(t)) : new Float64Array(size);

const outputType = (outputs: readonly TensorType[]): TensorType => {
  const [o] = outputs;
  if (!o) throw new TypeError('a recurrence has one output');
  return o;
};

/**
 * One direction of an LSTM over inputs that are already projected (x W^T + both biases). Inputs: gates [steps, batch, 4 hidden],
 * R [4 hidden, hidden], h [batch, hidden], c [batch, hidden], peepholes i o f [3 hidden] or null, lengths [batch] or null.
 * Attributes: `activations` (f g h), `alphas`, `betas`, `clip`, `inputForget`, `reverse`. Output [steps, batch, 2 hidden]: h then c.
 */
const lstm = defineOp({
  name: 'lstm',
  infer: infer('lstm'),
  reference: (inputs, attrs, outputs) => {
    const run = prepare(inputs, attrs, recurrentInputs.lstm.lengths);
    const { hidden: n, clip } = run;
    const [f, g, out] = boundActivations(attrs);
    if (!f || !g || !out) throw new TypeError('an lstm has three activations');
    const h = initial(inputs[2], run.batch * n);
    const c = initial(inputs[3], run.batch * n);
    const p = initial(inputs[4], 3 * n);
    const next = new Float64Array(n);
    const state = through(run, [h, c], outputType(outputs), (at, b) => {
      const base = b * n;
      for (let j = 0; j < n; j++) {
        const gate = (k: number) => (run.gates[at + k * n + j] ?? 0) + dot(run, k * n + j, h, base);
        const old = c[base + j] ?? 0;
        const i = f.js(clip(gate(0) + (p[j] ?? 0) * old));
        const forget = attrs.inputForget === 1 ? 1 - i : f.js(clip(gate(2) + (p[2 * n + j] ?? 0) * old));
        const cell = forget * old + i * g.js(clip(gate(3)));
        const o = f.js(clip(gate(1) + (p[n + j] ?? 0) * cell));
        c[base + j] = cell;
        next[j] = o * out.js(cell);
      }
      h.set(next, base);
    });
    return [state];
  },
  flops: (node) => mul(4, node.inputs[1]?.type.shape[1] ?? 1),
});

/**
 * One direction of a GRU over projected inputs. Inputs: gates [steps, batch, 3 hidden], R [3 hidden, hidden], h [batch, hidden],
 * bias inside the candidate's reset product [hidden] or null (only with `linearBeforeReset`), lengths [batch] or null. Attributes:
 * `activations` (f g), `alphas`, `betas`, `clip`, `linearBeforeReset`, `reverse`. Output [steps, batch, hidden].
 */
const gru = defineOp({
  name: 'gru',
  infer: infer('gru'),
  reference: (inputs, attrs, outputs) => {
    const run = prepare(inputs, attrs, recurrentInputs.gru.lengths);
    const { hidden: n, clip } = run;
    const [f, g] = boundActivations(attrs);
    if (!f || !g) throw new TypeError('a gru has two activations');
    const h = initial(inputs[2], run.batch * n);
    const bias = initial(inputs[3], n);
    const z = new Float64Array(n);
    const r = new Float64Array(n);
    const reset = new Float64Array(n);
    const next = new Float64Array(n);
    const state = through(run, [h], outputType(outputs), (at, b) => {
      const base = b * n;
      for (let j = 0; j < n; j++) {
        z[j] = f.js(clip((run.gates[at + j] ?? 0) + dot(run, j, h, base)));
        r[j] = f.js(clip((run.gates[at + n + j] ?? 0) + dot(run, n + j, h, base)));
        reset[j] = (r[j] ?? 0) * (h[base + j] ?? 0);
      }
      for (let j = 0; j < n; j++) {
        const x = run.gates[at + 2 * n + j] ?? 0;
        const linear =
          attrs.linearBeforeReset === 1
            ? (r[j] ?? 0) * (dot(run, 2 * n + j, h, base) + (bias[j] ?? 0))
            : dot(run, 2 * n + j, reset, 0);
        const candidate = g.js(clip(x + linear));
        next[j] = (1 - (z[j] ?? 0)) * candidate + (z[j] ?? 0) * (h[base + j] ?? 0);
      }
      h.set(next, base);
    });
    return [state];
  },
  flops: (node) => mul(6, node.inputs[1]?.type.shape[1] ?? 1),
});

/**
 * One direction of a plain RNN over projected inputs. Inputs: gates [steps, batch, hidden], R [hidden, hidden], h [batch, hidden],
 * lengths [batch] or null. Attributes: `activations` (f), `alphas`, `betas`, `clip`, `reverse`. Output [steps, batch, hidden].
 */
const rnn = defineOp({
  name: 'rnn',
  infer: infer('rnn'),
  reference: (inputs, attrs, outputs) => {
    const run = prepare(inputs, attrs, recurrentInputs.rnn.lengths);
    const { hidden: n, clip } = run;
    const [f] = boundActivations(attrs);
    if (!f) throw new TypeError('an rnn has one activation');
    const h = initial(inputs[2], run.batch * n);
    const next = new Float64Array(n);
    const state = through(run, [h], outputType(outputs), (at, b) => {
      for (let j = 0; j < n; j++) next[j] = f.js(clip((run.gates[at + j] ?? 0) + dot(run, j, h, b * n)));
      h.set(next, b * n);
    });
    return [state];
  },
  flops: (node) => mul(2, node.inputs[1]?.type.shape[1] ?? 1),
});

/** Recurrences: one direction, inputs projected outside (one matmul for all steps), sequential over time. */
export const recurrentOps: readonly OpDef[] = [lstm, gru, rnn];

/** Hidden size of a recurrent node when it is static, as kernels need it. */
export const hiddenOf = (type: TensorType | undefined): number | undefined => {
  const d = type?.shape[1];
  return d !== undefined && isStatic(d) ? d : undefined;
};
