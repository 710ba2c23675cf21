import type { DType } from '../dtype.ts';
import type { HostOp, HostTensor, HostValue } from '../host.ts';
import { encodeFloat } from '../minifloat.ts';
import { emptyTensor, isTensor, toNumbers } from './values.ts';

type Attrs = Readonly<Record<string, unknown>>;
type Activation = (x: number, alpha: number, beta: number) => number;

/** The functions the ONNX standard names for RNN, GRU and LSTM, by lower-case name. */
export const activations: Readonly<Record<string, Activation>> = {
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  relu: (x) => Math.max(0, x),
  affine: (x, a, b) => a * x + b,
  leakyrelu: (x, a) => (x < 0 ? a * x : x),
  thresholdedrelu: (x, a) => (x > a ? x : 0),
  scaledtanh: (x, a, b) => a * Math.tanh(b * x),
  hardsigmoid: (x, a, b) => Math.min(1, Math.max(0, a * x + b)),
  elu: (x, a) => (x < 0 ? a * Math.expm1(x) : x),
  softsign: (x) => x / (1 + Math.abs(x)),
  softplus: (x) => Math.log1p(Math.exp(x)),
};

/** Everything one direction of a recurrence needs, as doubles. */
interface Run {
  readonly steps: number;
  readonly batch: number;
  readonly hidden: number;
  readonly gates: readonly number[];
  readonly weights: readonly number[];
  readonly lengths: readonly number[] | undefined;
  readonly reverse: boolean;
  readonly dtype: DType;
  readonly functions: readonly ((x: number) => number)[];
  clip(x: number): number;
}

function prepare(inputs: readonly HostValue[], attrs: Attrs, lengths: number): Run {
  const [gates, weights] = inputs;
  if (!isTensor(gates) || !isTensor(weights)) throw new TypeError('a recurrence needs projected inputs and weights');
  const [steps = 0, batch = 0] = gates.shape;
  const limit = Number(attrs.clip ?? 0);
  const list = (name: string): unknown[] => (Array.isArray(attrs[name]) ? attrs[name] : []);
  const [alphas, betas] = [list('alphas'), list('betas')];
  return {
    steps,
    batch,
    hidden: weights.shape[1] ?? 0,
    gates: toNumbers(gates),
    weights: toNumbers(weights),
    lengths: optional(inputs[lengths]),
    reverse: attrs.reverse === 1,
    dtype: gates.dtype,
    functions: list('activations').map((name, i) => {
      const f = activations[String(name)];
      if (!f) throw new TypeError(`unknown activation '${String(name)}'`);
      return (x) => f(x, Number(alphas[i] ?? 0), Number(betas[i] ?? 0));
    }),
    clip: limit > 0 ? (x) => Math.min(limit, Math.max(-limit, x)) : (x) => x,
  };
}

const optional = (v: HostValue | undefined): number[] | undefined => (isTensor(v) ? toNumbers(v) : undefined);
const stateOf = (v: HostValue | undefined, size: number): Float64Array =>
  Float64Array.from(optional(v) ?? new Float64Array(size));

/** The function at a place; recurrences are built with as many as they need. */
function functionAt(run: Run, i: number): (x: number) => number {
  const f = run.functions[i];
  if (!f) throw new TypeError(`a recurrence lacks activation ${i}`);
  return f;
}

/** sum over k of R[row, k] * h[base + k] */
function dot(run: Run, row: number, h: Float64Array, base: number): number {
  let sum = 0;
  for (let k = 0; k < run.hidden; k++) sum += (run.weights[row * run.hidden + k] ?? 0) * (h[base + k] ?? 0);
  return sum;
}

/**
 * Steps through time in the direction of the run. `cell` updates the states of one sequence for one step; steps past a sequence's length
 * keep them, so the states after the last step are the final ones. The result lists the states (side by side) after every step.
 */
function through(run: Run, states: readonly Float64Array[], cell: (gates: number, b: number) => void): HostTensor {
  const { steps, batch, hidden, dtype } = run;
  const width = states.length * hidden;
  const out = emptyTensor(dtype, [steps, batch, width]);
  const narrow = dtype === 'f16' || dtype === 'bf16';
  const perStep = run.gates.length / Math.max(1, steps * batch);
  for (let s = 0; s < steps; s++) {
    const t = run.reverse ? steps - 1 - s : s;
    for (let b = 0; b < batch; b++) {
      if (t < (run.lengths?.[b] ?? steps)) cell((t * batch + b) * perStep, b);
      states.forEach((state, i) => {
        for (let j = 0; j < hidden; j++) {
          const x = state[b * hidden + j] ?? 0;
          out.data[(t * batch + b) * width + i * hidden + j] = narrow ? encodeFloat(dtype, x) : x;
        }
      });
    }
  }
  return out;
}

/** The op `lstm` of the graph IR (see compiler/ops/recurrent.ts for its inputs and attributes). */
export const lstm: HostOp = (inputs, attrs) => {
  const run = prepare(inputs, attrs, 5);
  const { hidden: n, clip } = run;
  const [f, g, out] = [functionAt(run, 0), functionAt(run, 1), functionAt(run, 2)];
  const h = stateOf(inputs[2], run.batch * n);
  const c = stateOf(inputs[3], run.batch * n);
  const p = stateOf(inputs[4], 3 * n);
  const next = new Float64Array(n);
  const states = through(run, [h, c], (at, b) => {
    const base = b * n;
    for (let j = 0; j < n; j++) {
      const gate = (k: number) => (run.gates[at + k * n + j] ?? 0) + dot(run, k * n + j, h, base);
      const old = c[base + j] ?? 0;
      const i = f(clip(gate(0) + (p[j] ?? 0) * old));
      const forget = attrs.inputForget === 1 ? 1 - i : f(clip(gate(2) + (p[2 * n + j] ?? 0) * old));
      const cell = forget * old + i * g(clip(gate(3)));
      c[base + j] = cell;
      next[j] = f(clip(gate(1) + (p[n + j] ?? 0) * cell)) * out(cell);
    }
    h.set(next, base);
  });
  return [states];
};

/** The op `gru` of the graph IR. */
export const gru: HostOp = (inputs, attrs) => {
  const run = prepare(inputs, attrs, 4);
  const { hidden: n, clip } = run;
  const [f, g] = [functionAt(run, 0), functionAt(run, 1)];
  const h = stateOf(inputs[2], run.batch * n);
  const bias = stateOf(inputs[3], n);
  const z = new Float64Array(n);
  const r = new Float64Array(n);
  const reset = new Float64Array(n);
  const next = new Float64Array(n);
  const states = through(run, [h], (at, b) => {
    const base = b * n;
    for (let j = 0; j < n; j++) {
      z[j] = f(clip((run.gates[at + j] ?? 0) + dot(run, j, h, base)));
      r[j] = f(clip((run.gates[at + n + j] ?? 0) + dot(run, n + j, h, base)));
      reset[j] = (r[j] ?? 0) * (h[base + j] ?? 0);
    }
    for (let j = 0; j < n; j++) {
      const row = 2 * n + j;
      const linear =
        attrs.linearBeforeReset === 1
          ? (r[j] ?? 0) * (dot(run, row, h, base) + (bias[j] ?? 0))
          : dot(run, row, reset, 0);
      const candidate = g(clip((run.gates[at + row] ?? 0) + linear));
      next[j] = (1 - (z[j] ?? 0)) * candidate + (z[j] ?? 0) * (h[base + j] ?? 0);
    }
    h.set(next, base);
  });
  return [states];
};

/** The op `rnn` of the graph IR. */
export const rnn: HostOp = (inputs, attrs) => {
  const run = prepare(inputs, attrs, 3);
  const { hidden: n, clip } = run;
  const f = functionAt(run, 0);
  const h = stateOf(inputs[2], run.batch * n);
  const next = new Float64Array(n);
  const states = through(run, [h], (at, b) => {
    for (let j = 0; j < n; j++) next[j] = f(clip((run.gates[at + j] ?? 0) + dot(run, j, h, b * n)));
    h.set(next, b * n);
  });
  return [states];
};
