import * as host from '../../runtime/host/recurrent.ts';
import type { HostOp } from '../../runtime/host.ts';
import { type Dim, equals, formatDim, isStatic, mul } from '../ir/dim.ts';
import { isFloat } from '../ir/dtype.ts';
import { formatType, type TensorType, tensor } from '../ir/graph.ts';
import { defineOp, type HostTensor, type InferContext, type OpDef } from '../ir/op.ts';

/** Gates of each cell, in ONNX's order: lstm i o f c, gru z r h. */
export const recurrentGates = { lstm: 4, gru: 3, rnn: 1 } as const;
export type RecurrentOp = keyof typeof recurrentGates;

/** Whether input 1 of an op are recurrent weights. */
export const isRecurrent = (op: string): op is RecurrentOp => Object.hasOwn(recurrentGates, op);

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

/** The reference is the host function: one definition in JavaScript. */
const byHost =
  (f: HostOp): NonNullable<OpDef['reference']> =>
  (inputs, attrs, outputs) => {
    const declared = outputs.map((t) => ({ dtype: t.dtype, rank: t.shape.length }));
    const context = {
      outputs: declared,
      fail: (reason: string): never => {
        throw new TypeError(reason);
      },
    };
    const results = f(inputs, attrs, context);
    if (results instanceof Promise) throw new TypeError('a recurrence is synchronous');
    return results.filter((v): v is HostTensor => v !== null && !Array.isArray(v));
  };

/**
 * One direction of an LSTM over inputs that are already projected (x W^T + both biases). Inputs: gates [steps, batch, 4 hidden],
 * R [4 hidden, hidden], h [batch, hidden], c [batch, hidden], peepholes i o f [3 hidden] or null, lengths [batch] or null.
 * Attributes: `activations` (f g h), `alphas`, `betas`, `clip`, `inputForget`, `reverse`. Output [steps, batch, 2 hidden]: h then c.
 */
const lstm = defineOp({
  name: 'lstm',
  infer: infer('lstm'),
  reference: byHost(host.lstm),
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
  reference: byHost(host.gru),
  flops: (node) => mul(6, node.inputs[1]?.type.shape[1] ?? 1),
});

/**
 * One direction of a plain RNN over projected inputs. Inputs: gates [steps, batch, hidden], R [hidden, hidden], h [batch, hidden],
 * lengths [batch] or null. Attributes: `activations` (f), `alphas`, `betas`, `clip`, `reverse`. Output [steps, batch, hidden].
 */
const rnn = defineOp({
  name: 'rnn',
  infer: infer('rnn'),
  reference: byHost(host.rnn),
  flops: (node) => mul(2, node.inputs[1]?.type.shape[1] ?? 1),
});

/** Recurrences: one direction, inputs projected outside (one matmul for all steps), sequential over time. */
export const recurrentOps: readonly OpDef[] = [lstm, gru, rnn];

/** Hidden size of a recurrent node when it is static, as kernels need it. */
export const hiddenOf = (type: TensorType | undefined): number | undefined => {
  const d = type?.shape[1];
  return d !== undefined && isStatic(d) ? d : undefined;
};
