import { Graph, tensor, type Value } from '../../ir/graph.ts';
import { GraphBuilder } from '../../ir/graph-builder.ts';
import type { Scope } from './scope.ts';

/** A value carried from token to token, zero before the first: its name in the model and its shape. */
export interface Carried {
  readonly name: string;
  readonly shape: readonly number[];
}

/** One token of a recurrence: what is carried and the token's inputs in, what is carried on and the token's output out. */
export type Step = (
  b: GraphBuilder,
  carried: readonly Value[],
  inputs: readonly Value[],
) => { readonly carried: readonly Value[]; readonly output: Value };

/**
 * Runs `step` over the tokens of the run: inputs f32 [seq, ...] give outputs [seq, ...]. What is carried lives in states of the model, so
 * the next run goes on from there. A run of one token is the step itself, without a loop.
 */
export function recur(s: Scope, carried: readonly Carried[], inputs: readonly Value[], step: Step): Value {
  const { b } = s;
  const before = carried.map((c) => s.state(c.name, tensor('f32', c.shape)));
  const keep = (values: readonly Value[]): void => {
    before.forEach((state, i) => {
      const after = values[i];
      if (after) b.node('state_write', [state, after], { axis: 0, at: 0 });
    });
  };
  if (s.seq === 1) {
    const one = inputs.map((x) => b.node('reshape', [x], { shape: x.type.shape.slice(1) }));
    const result = step(b, before, one);
    keep(result.carried);
    return b.node('reshape', [result.output], { shape: [1, ...result.output.type.shape] });
  }
  const body = new Graph('token');
  const inner = new GraphBuilder(body, s.model.ops, b.source);
  const states = before.map((v) => body.input(v.name, v.type));
  const slices = inputs.map((x, i) => body.input(`input ${i}`, tensor('f32', x.type.shape.slice(1))));
  const result = step(inner, states, slices);
  body.outputs.push(...result.carried, result.output);
  const zeros = inputs.map(() => 0);
  const attrs = {
    body,
    states: before.length,
    inputAxes: zeros,
    inputReverse: zeros,
    outputAxes: [0],
    outputReverse: [0],
  };
  const outputs = b.nodes('scan', [...before, ...inputs], attrs);
  keep(outputs.slice(0, before.length));
  const out = outputs[before.length];
  if (!out) throw new TypeError('a scan gives what its body gives');
  return out;
}

/** What each token's predecessor was: [1, seq, n] moved on by one token; the first one's is the last of the run before (zero at first). */
export function shifted(s: Scope, x: Value, name: string): Value {
  const { b } = s;
  const n = Number(x.type.shape[2]);
  const state = s.state(name, tensor('f32', [1, n]));
  const first = b.node('reshape', [state], { shape: [1, 1, n] });
  const all = b.node('concat', [first, x], { axis: 1 });
  const before = b.node('slice', [all], { starts: [0, 0, 0], steps: [1, 1, 1], shape: [1, s.seq, n] });
  const last = b.node('slice', [all], { starts: [0, s.seq, 0], steps: [1, 1, 1], shape: [1, 1, n] });
  b.node('state_write', [state, b.node('reshape', [last], { shape: [1, n] })], { axis: 0, at: 0 });
  return before;
}
