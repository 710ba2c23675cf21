import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { evaluate, isTensor } from '../../backends/reference/evaluate.ts';
import { builtin } from '../../compiler/builtin.ts';
import { importOnnx } from '../../compiler/import/onnx.ts';
import type { HostTensor } from '../../compiler/ir/op.ts';
import { verifyProgram } from '../../compiler/ir/verify.ts';
import { Registry } from '../../compiler/plugin.ts';
import { type Attribute, attribute, encodeModel, f32, info, node, type Tensor } from './build-onnx.ts';

const registry = new Registry([builtin]);

/** Reproducible values in [-1, 1). */
function random(seed: number): (n: number) => number[] {
  let s = seed;
  return (n) =>
    Array.from({ length: n }, () => {
      s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
      return s / 2147483648 - 1;
    });
}

interface Case {
  readonly op: 'LSTM' | 'GRU' | 'RNN';
  readonly direction?: 'forward' | 'reverse' | 'bidirectional';
  readonly attributes?: Attribute[];
  readonly bias?: boolean;
  readonly states?: boolean;
  readonly peepholes?: boolean;
  readonly lengths?: number[];
  readonly layout?: boolean;
}

const T = 5;
const B = 3;
const I = 4;
const H = 6;

async function compare(c: Case): Promise<void> {
  const draw = random(c.op.length * 7919 + JSON.stringify(c).length);
  const gates = { LSTM: 4, GRU: 3, RNN: 1 }[c.op];
  const D = c.direction === 'bidirectional' ? 2 : 1;
  const initializers: Tensor[] = [
    f32('W', [D, gates * H, I], draw(D * gates * H * I)),
    f32('R', [D, gates * H, H], draw(D * gates * H * H)),
  ];
  const names = ['X', 'W', 'R', '', '', '', '', ''];
  const put = (at: number, t: Tensor): void => {
    initializers.push(t);
    names[at] = t.name ?? '';
  };
  if (c.bias) put(3, f32('B', [D, 2 * gates * H], draw(D * 2 * gates * H)));
  if (c.lengths)
    put(4, { name: 'L', dims: [B], dataType: 6, rawData: new Uint8Array(Int32Array.from(c.lengths).buffer) });
  if (c.states) {
    const shape = c.layout ? [B, D, H] : [D, B, H];
    put(5, f32('h0', shape, draw(D * B * H)));
    if (c.op === 'LSTM') put(6, f32('c0', shape, draw(D * B * H)));
  }
  if (c.peepholes) put(7, f32('P', [D, 3 * H], draw(D * 3 * H)));
  while (names.at(-1) === '') names.pop();
  const outputs = ['Y', 'Yh', ...(c.op === 'LSTM' ? ['Yc'] : [])];
  const bytes = encodeModel({
    name: 'g',
    input: [info('X', c.layout ? [B, 'steps', I] : ['steps', B, I])],
    initializer: initializers,
    output: outputs.map((name) => info(name, name === 'Y' ? [null, null, null, null] : [null, null, null])),
    node: [
      node(c.op, names, outputs, [
        attribute.int('hidden_size', H),
        ...(c.direction ? [attribute.string('direction', c.direction)] : []),
        ...(c.layout ? [attribute.int('layout', 1)] : []),
        ...(c.attributes ?? []),
      ]),
    ],
  });
  const x = Float32Array.from(draw(T * B * I));
  const shape = c.layout ? [B, T, I] : [T, B, I];
  const program = importOnnx(bytes, { name: 'm' }, registry);
  verifyProgram(program, registry);
  const input: HostTensor = { dtype: 'f32', shape, data: x };
  const ours = evaluate(program, 'main', { X: input }, { ops: registry, host: () => undefined });
  const session = await ort.InferenceSession.create(bytes);
  const theirs = await session.run({ X: new ort.Tensor('float32', x, shape) });
  for (const name of outputs) {
    const a = ours[name];
    const b = theirs[name];
    if (!isTensor(a) || !b) throw new Error(`no output ${name}`);
    expect(a.shape, name).toEqual([...b.dims]);
    const wanted = Array.from(b.data as Float32Array);
    const got = Array.from(a.data, Number);
    wanted.forEach((w, i) => {
      expect(got[i], `${name}[${i}]`).toBeCloseTo(w, 4);
    });
  }
}

const lstm = ['HardSigmoid', 'Softsign', 'Elu'];
const cases: [string, Case][] = [
  ['LSTM, everything at its default', { op: 'LSTM' }],
  ['LSTM with bias, states and peepholes', { op: 'LSTM', bias: true, states: true, peepholes: true }],
  ['LSTM reverse', { op: 'LSTM', direction: 'reverse', bias: true, states: true }],
  ['LSTM bidirectional', { op: 'LSTM', direction: 'bidirectional', bias: true, states: true, peepholes: true }],
  ['LSTM with lengths', { op: 'LSTM', bias: true, lengths: [5, 2, 4] }],
  [
    'LSTM bidirectional with lengths',
    { op: 'LSTM', direction: 'bidirectional', bias: true, states: true, lengths: [3, 5, 1] },
  ],
  [
    'LSTM with clip and coupled gates',
    { op: 'LSTM', bias: true, attributes: [attribute.float('clip', 0.3), attribute.int('input_forget', 1)] },
  ],
  [
    'LSTM with other activations',
    {
      op: 'LSTM',
      bias: true,
      attributes: [
        attribute.strings('activations', lstm),
        attribute.floats('activation_alpha', [0.3, 0.7]),
        attribute.floats('activation_beta', [0.4]),
      ],
    },
  ],
  ['GRU, everything at its default', { op: 'GRU' }],
  [
    'GRU with linear_before_reset',
    { op: 'GRU', bias: true, states: true, attributes: [attribute.int('linear_before_reset', 1)] },
  ],
  ['GRU bidirectional with lengths', { op: 'GRU', direction: 'bidirectional', bias: true, lengths: [1, 5, 3] }],
  [
    'GRU reverse, linear_before_reset',
    { op: 'GRU', direction: 'reverse', bias: true, attributes: [attribute.int('linear_before_reset', 1)] },
  ],
  ['RNN, everything at its default', { op: 'RNN' }],
  ['RNN bidirectional', { op: 'RNN', direction: 'bidirectional', bias: true, states: true }],
  ['RNN with relu', { op: 'RNN', bias: true, attributes: [attribute.strings('activations', ['Relu'])] }],
];

describe('recurrent ops against onnxruntime', () => {
  it.each(cases)('%s', async (_name, c) => {
    await compare(c);
  });
});

describe('recurrent ops', () => {
  it('batch-major layout is the transpose of time-major', () => {
    // onnxruntime refuses layout 1, so time-major results are the oracle.
    const draw = random(5);
    const [w, r, b] = [draw(4 * H * I), draw(4 * H * H), draw(8 * H)];
    const x = draw(T * B * I);
    const run = (layout: number): Record<string, HostTensor> => {
      const bytes = encodeModel({
        name: 'g',
        input: [info('X', layout ? [B, T, I] : [T, B, I])],
        initializer: [f32('W', [1, 4 * H, I], w), f32('R', [1, 4 * H, H], r), f32('B', [1, 8 * H], b)],
        output: [{ name: 'Y' }, { name: 'Yh' }, { name: 'Yc' }],
        node: [node('LSTM', ['X', 'W', 'R', 'B'], ['Y', 'Yh', 'Yc'], [attribute.int('layout', layout)])],
      });
      const at = (t: number, n: number, i: number): number => x[(t * B + n) * I + i] ?? 0;
      const data = new Float32Array(T * B * I);
      for (let t = 0; t < T; t++)
        for (let n = 0; n < B; n++)
          for (let i = 0; i < I; i++) data[layout ? (n * T + t) * I + i : (t * B + n) * I + i] = at(t, n, i);
      const X: HostTensor = { dtype: 'f32', shape: layout ? [B, T, I] : [T, B, I], data };
      const out = evaluate(
        importOnnx(bytes, { name: 'm' }, registry),
        'main',
        { X },
        { ops: registry, host: () => undefined },
      );
      return Object.fromEntries(Object.entries(out).flatMap(([k, v]) => (isTensor(v) ? [[k, v]] : [])));
    };
    const [time, batch] = [run(0), run(1)];
    expect(batch.Y?.shape).toEqual([B, T, 1, H]);
    expect(batch.Yh?.shape).toEqual([B, 1, H]);
    for (let t = 0; t < T; t++)
      for (let n = 0; n < B; n++)
        for (let j = 0; j < H; j++) expect(batch.Y?.data[(n * T + t) * H + j]).toBe(time.Y?.data[(t * B + n) * H + j]);
    expect([...(batch.Yc?.data ?? [])]).toEqual([...(time.Yc?.data ?? [])]);
  });

  it('refuses unknown activations, directions and sizes', () => {
    const load = (attributes: Attribute[]) =>
      importOnnx(
        encodeModel({
          name: 'g',
          input: [info('X', [T, B, I])],
          initializer: [f32('W', [1, H, I], random(1)(H * I)), f32('R', [1, H, H], random(2)(H * H))],
          output: [{ name: 'Y' }],
          node: [node('RNN', ['X', 'W', 'R'], ['Y'], attributes)],
        }),
        { name: 'm' },
        registry,
      );
    expect(() => load([attribute.strings('activations', ['Tanhh'])])).toThrow(/INFC1030.*tanhh.*closest is tanh/);
    expect(() => load([attribute.string('direction', 'sideways')])).toThrow(/sideways/);
    expect(() => load([attribute.string('direction', 'bidirectional')])).toThrow(/1 directions/);
    expect(() => load([attribute.int('hidden_size', 9)])).toThrow(/hidden_size is 9/);
  });
});
