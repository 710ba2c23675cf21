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
  const memory = carried.map((c) => remembered(s, c));
  const before = memory.map((m) => m.before);
  const keep = (values: readonly Value[]): void => {
    memory.forEach((m, i) => {
      const after = values[i];
      if (after) m.keep(after);
    });
  };
  if (s.run.kind === 'rows') {
    // Every token goes on from what its own sequence carries.
    const body = new Graph('token');
    const inner = new GraphBuilder(body, s.model.ops, b.source);
    const all = [...before, ...inputs].map((x, i) => body.input(`input ${i}`, tensor('f32', x.type.shape.slice(1))));
    const { carried: after, output } = step(inner, all.slice(0, before.length), all.slice(before.length));
    body.outputs.push(...after, output);
    const [inputAxes, outputAxes] = [all.map(() => 0), body.outputs.map(() => 0)];
    const attrs = { body, states: 0, inputAxes, inputReverse: inputAxes, outputAxes, outputReverse: outputAxes };
    const outputs = b.nodes('scan', [...before, ...inputs], attrs);
    keep(outputs.slice(0, before.length));
    return outputs[before.length] ?? output;
  }
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

/** What was carried before the run, of the given shape, or [seq, ...shape] where every token is of another sequence; and how to put it back. */
function remembered(s: Scope, { name, shape }: Carried): { before: Value; keep(after: Value): void } {
  const { b, run, model } = s;
  const { slots } = model;
  if (slots === 1) {
    const before = s.state(name, tensor('f32', shape));
    return { before, keep: (after) => b.node('state_write', [before, after], { axis: 0, at: 0 }) };
  }
  const state = s.state(name, tensor('f32', [slots, ...shape]));
  if (run.kind === 'rows')
    return {
      before: b.node('gather', [state, run.slots], { axis: 0 }),
      keep: (after) => b.node('state_write', [state, after, run.slots], { axis: 0 }),
    };
  const one = [1, ...shape];
  const starts = [run.slot, ...shape.map(() => 0)];
  const mine = b.node('slice', [state], { starts, steps: one.map(() => 1), shape: one });
  return {
    before: b.node('reshape', [mine], { shape }),
    keep: (after) =>
      b.node('state_write', [state, b.node('reshape', [after], { shape: one })], { axis: 0, at: run.slot }),
  };
}

/** What each token's predecessor was: [1, seq, n] moved on by one token; the first one's is the last of the run before (zero at first). */
export function shifted(s: Scope, x: Value, name: string): Value {
  const { b } = s;
  const n = Number(x.type.shape[2]);
  const memory = remembered(s, { name, shape: [1, n] });
  if (s.run.kind === 'rows') {
    memory.keep(b.node('reshape', [x], { shape: [s.seq, 1, n] }));
    return b.node('reshape', [memory.before], { shape: [1, s.seq, n] });
  }
  const first = b.node('reshape', [memory.before], { shape: [1, 1, n] });
  const all = b.node('concat', [first, x], { axis: 1 });
  const before = b.node('slice', [all], { starts: [0, 0, 0], steps: [1, 1, 1], shape: [1, s.seq, n] });
  const last = b.node('slice', [all], { starts: [0, s.seq, 0], steps: [1, 1, 1], shape: [1, 1, n] });
  memory.keep(b.node('reshape', [last], { shape: [1, n] }));
  return before;
}
