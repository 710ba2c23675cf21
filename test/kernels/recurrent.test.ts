import { describe, expect, it } from 'vitest';
import type { Target } from '../../backends/backend.ts';
import { interpret } from '../../backends/reference/interpret.ts';
import { recurrent } from '../../backends/templates/recurrent.ts';
import { wasmBackend } from '../../backends/wasm/backend.ts';
import { recurrentSimd } from '../../backends/wasm/templates/recurrent.ts';
import { wgslBackend } from '../../backends/wgsl/backend.ts';
import { builtin } from '../../compiler/builtin.ts';
import { type Dim, evaluate, sym } from '../../compiler/ir/dim.ts';
import type { TypedArray } from '../../compiler/ir/dtype.ts';
import { type Attributes, Graph, tensor, type Value } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import type { Kernel } from '../../compiler/ir/kernel.ts';
import { verifyKernel } from '../../compiler/ir/verify-kernel.ts';
import { lowerAnchor } from '../../compiler/lower/anchor.ts';
import type { Template } from '../../compiler/lower/template.ts';
import { type RecurrentOp, recurrentGates } from '../../compiler/ops/recurrent.ts';
import { Registry } from '../../compiler/plugin.ts';
import { hostFunctions } from '../../runtime/host/index.ts';
import type { HostTensor } from '../../runtime/host.ts';
import { instantiate } from './run-wasm.ts';

const registry = new Registry([builtin]);

function random(n: number, seed: number): Float32Array {
  let s = seed;
  return Float32Array.from({ length: n }, () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s / 2147483648 - 1;
  });
}

interface Case {
  readonly name: string;
  readonly op: RecurrentOp;
  readonly hidden: number;
  readonly steps?: number;
  readonly batch?: number;
  readonly attrs?: Attributes;
  readonly peepholes?: boolean;
  readonly bias?: boolean;
  readonly lengths?: number[];
  readonly symbolic?: boolean;
  readonly fused?: boolean;
}

const DEFAULTS: Record<RecurrentOp, string[]> = {
  lstm: ['sigmoid', 'tanh', 'tanh'],
  gru: ['sigmoid', 'tanh'],
  rnn: ['tanh'],
};

const CASES: Case[] = [
  ...(['lstm', 'gru', 'rnn'] as const).flatMap((op) =>
    [1, 3, 4, 8, 10, 19].map((hidden): Case => ({ name: `${op} of ${hidden}`, op, hidden })),
  ),
  { name: 'lstm, one step', op: 'lstm', hidden: 8, steps: 1 },
  { name: 'lstm, one sequence', op: 'lstm', hidden: 12, batch: 1 },
  { name: 'lstm backwards', op: 'lstm', hidden: 8, attrs: { reverse: 1 } },
  { name: 'lstm with peepholes', op: 'lstm', hidden: 6, peepholes: true },
  { name: 'lstm with lengths', op: 'lstm', hidden: 6, lengths: [2, 5, 0] },
  { name: 'lstm backwards with lengths', op: 'lstm', hidden: 6, lengths: [2, 5, 1], attrs: { reverse: 1 } },
  { name: 'lstm clipped, coupled', op: 'lstm', hidden: 6, attrs: { clip: 0.2, inputForget: 1 } },
  {
    name: 'lstm, other functions',
    op: 'lstm',
    hidden: 5,
    attrs: { activations: ['hardsigmoid', 'elu', 'softsign'], alphas: [0.3, 0.5, 0], betas: [0.4, 0, 0] },
  },
  { name: 'gru, linear before reset', op: 'gru', hidden: 10, bias: true, attrs: { linearBeforeReset: 1 } },
  { name: 'gru backwards with lengths', op: 'gru', hidden: 7, lengths: [1, 4, 5], attrs: { reverse: 1 } },
  { name: 'rnn, relu', op: 'rnn', hidden: 7, attrs: { activations: ['relu'] } },
  { name: 'rnn, softplus', op: 'rnn', hidden: 7, attrs: { activations: ['softplus'] } },
  {
    name: 'rnn, scaled tanh',
    op: 'rnn',
    hidden: 7,
    attrs: { activations: ['scaledtanh'], alphas: [0.7], betas: [1.5] },
  },
  { name: 'gru with steps and batch known at run time', op: 'gru', hidden: 6, symbolic: true },
  { name: 'lstm with a fused consumer', op: 'lstm', hidden: 6, fused: true },
];

interface Kind {
  readonly name: string;
  readonly target: Target;
  readonly templates: readonly Template[];
  /** Plays a kernel over arrays in binding order, which it changes in place. */
  play(kernel: Kernel, buffers: TypedArray[], scalars: Record<string, number>): readonly TypedArray[];
}

const KINDS: readonly Kind[] = [
  {
    name: 'simd kernel on Wasm',
    target: wasmBackend.target([]),
    templates: recurrentSimd,
    play: (kernel, buffers, scalars) => {
      const running = instantiate(kernel, buffers, scalars);
      running.run();
      return running.views;
    },
  },
  {
    name: 'simt kernel in the interpreter',
    target: wgslBackend.target([]),
    templates: recurrent,
    play: (kernel, buffers, scalars) => {
      interpret(kernel, buffers, scalars);
      return buffers;
    },
  },
];

function check(c: Case, { target, templates, play }: Kind): void {
  const { op, hidden, steps = 5, batch = 3 } = c;
  const gates = recurrentGates[op];
  const width = gates * hidden;
  const [T, B]: [Dim, Dim] = c.symbolic
    ? [sym('T', { min: 1, max: 99 }), sym('B', { min: 1, max: 99 })]
    : [steps, batch];
  const graph = new Graph('test');
  const b = new GraphBuilder(graph, registry, { name: 'test', op });
  const data = new Map<Value, Float32Array | Int32Array>();
  const given = (name: string, shape: readonly Dim[], values: Float32Array | Int32Array): Value => {
    const v = graph.input(name, tensor(values instanceof Int32Array ? 'i32' : 'f32', shape));
    data.set(v, values);
    return v;
  };
  const weights = random(width * hidden, 7);
  const r = b.constant('f32', [width, hidden], weights);
  data.set(r, weights);
  const lengths = c.lengths ? given('lengths', [B], Int32Array.from(c.lengths)) : null;
  const h = given('h', [B, hidden], random(batch * hidden, 3));
  const extra: (Value | null)[] =
    op === 'lstm'
      ? [
          given('c', [B, hidden], random(batch * hidden, 5)),
          c.peepholes ? given('p', [3 * hidden], random(3 * hidden, 11)) : null,
          lengths,
        ]
      : op === 'gru'
        ? [c.bias ? given('bias', [hidden], random(hidden, 13)) : null, lengths]
        : [lengths];
  const attrs = { activations: DEFAULTS[op], alphas: [], betas: [], ...c.attrs };
  const inputs = [given('gates', [T, B, width], random(steps * batch * width, 1)), r, h, ...extra];
  const y = b.node(op, inputs, attrs);
  const anchor = y.producer;
  const [template] = templates.filter((t) => t.op === op);
  if (!anchor || !template) throw new Error('no node or template');
  expect(template.when(anchor, target)).toBe(true);
  const output = c.fused ? b.node('mul', [b.node('neg', [y]), b.scalar('f32', 3)]) : y;
  const [lowered] = lowerAnchor({ nodes: graph.nodes, output, anchor }, anchor, template, {
    ops: registry,
    target,
    templates: [template],
    name: () => 'k',
  });
  if (!lowered) throw new Error('no kernel');
  verifyKernel(lowered.kernel);
  const symbols = { T: steps, B: batch };
  const buffers = lowered.args.map((a) => {
    if (a.kind === 'packed') return new Float32Array(a.constant.read().slice().buffer);
    if (a.kind !== 'value') throw new Error('unexpected scratch');
    if (a.value === output)
      return new Float32Array(output.type.shape.reduce<number>((n, d) => n * evaluate(d, symbols), 1));
    const constant = a.value.constant;
    return data.get(a.value) ?? new Float32Array(constant?.read().slice().buffer ?? new ArrayBuffer(0));
  });
  const views = play(lowered.kernel, buffers, symbols);
  const at = lowered.args.findIndex((a) => a.kind === 'value' && a.value === output);
  const got = views[at] ?? new Float32Array(0);
  const host = (v: Value | null): HostTensor | null => {
    const values = v && data.get(v);
    return v && values
      ? { dtype: v.type.dtype, shape: v.type.shape.map((d) => evaluate(d, symbols)), data: values }
      : null;
  };
  const context = {
    outputs: [],
    fail: (reason: string): never => {
      throw new Error(reason);
    },
  };
  const results = hostFunctions(op)?.(inputs.map(host), attrs, context);
  const wanted = results instanceof Promise ? null : results?.[0];
  if (!wanted || !('data' in wanted)) throw new Error('no reference');
  expect(got.length).toBe(wanted.data.length);
  for (let i = 0; i < got.length; i++) {
    const x = Number(wanted.data[i]);
    expect(Number(got[i]), `element ${i}`).toBeCloseTo(c.fused ? -3 * x : x, 4);
  }
}

describe.each(KINDS)('recurrent: $name', (kind) => {
  it.each(CASES.map((c) => [c.name, c] as const))('%s', (_name, c) => check(c, kind));

  it('leaves weights that are not constant to the host', () => {
    const g = new Graph('g');
    const b = new GraphBuilder(g, registry, { name: 'n', op: 'RNN' });
    const y = b.node('rnn', [
      g.input('x', tensor('f32', [2, 1, 4])),
      g.input('r', tensor('f32', [4, 4])),
      g.input('h', tensor('f32', [1, 4])),
      null,
    ]);
    expect(
      y.producer && kind.templates.some((t) => t.op === 'rnn' && y.producer && t.when(y.producer, kind.target)),
    ).toBe(false);
  });
});
