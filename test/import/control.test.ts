import { describe, expect, it } from 'vitest';
import { builtin } from '../../compiler/builtin.ts';
import { importOnnx } from '../../compiler/import/onnx.ts';
import { onnxOp } from '../../compiler/import/onnx-op.ts';
import { formatType, Graph } from '../../compiler/ir/graph.ts';
import { definePlugin, Registry } from '../../compiler/plugin.ts';
import { attribute, encodeModel, f32, i64, info, type Node, node, type Graph as OnnxGraph } from './build-onnx.ts';

/** Adapters of the importer's own, under another domain: the tests do not depend on the op families' ONNX adapters. */
const registry = new Registry([
  builtin,
  definePlugin({
    name: 'test',
    api: 1,
    onnxOps: [
      onnxOp('Add', (n, b) => [b.node('add', [n.input(0), n.input(1)])], { domain: 't' }),
      onnxOp('Concat', (n, b) => [b.node('concat', [n.input(0), n.input(1)], { axis: 0 })], { domain: 't' }),
      onnxOp('Same', (n, b) => [b.node('identity', [n.input(0)])], { domain: 't' }),
      onnxOp('Nothing', (n, b) => [b.node('lt', [n.input(0), n.input(0)])], { domain: 't' }),
    ],
  }),
]);

const t = (op: string, input: string[], output: string[]): Node => node(op, input, output, [], { domain: 't' });
const opsets = {
  opsetImport: [
    { domain: '', version: 17 },
    { domain: 't', version: 1 },
  ],
};

function load(graph: OnnxGraph, more = {}): Graph {
  const p = importOnnx(encodeModel(graph, { ...opsets, ...more }), { name: 'm' }, registry);
  return p.entries.get('main') ?? new Graph('missing');
}

const outputs = (g: Graph): string[] => g.outputs.map((v) => formatType(v.type));
const bool = (name: string, v: number) => ({ name, dims: [], dataType: 9, int32Data: [v] });

describe('If', () => {
  const graph = (condition: string): OnnxGraph => ({
    name: 'g',
    input: [info('c', [], 9), info('x', ['n'])],
    initializer: [f32('w', [1], [1]), bool('yes', 1), bool('no', 0)],
    output: [info('y', [null])],
    node: [
      node(
        'If',
        [condition],
        ['y'],
        [
          attribute.graph('then_branch', { name: 'a', output: [{ name: 'a' }], node: [t('Add', ['x', 'w'], ['a'])] }),
          attribute.graph('else_branch', {
            name: 'b',
            output: [{ name: 'b' }],
            node: [t('Concat', ['x', 'w'], ['b'])],
          }),
        ],
      ),
    ],
  });

  it('merges the types of its branches', () => {
    const g = load(graph('c'));
    expect(g.nodes.map((n) => n.op)).toEqual(['if']);
    expect(outputs(g)).toEqual(['f32[out0_0@If_y]']);
    expect(g.outputs[0]?.name).toBe('y');
  });

  it('picks a constant branch while importing', () => {
    expect(load(graph('yes')).nodes.map((n) => n.op)).toEqual(['add']);
    expect(load(graph('no')).nodes.map((n) => n.op)).toEqual(['concat']);
  });

  it('joins a scalar with one element under an axis', () => {
    const one = {
      name: 'a',
      output: [{ name: 'a' }],
      initializer: [f32('p', [1], [3])],
      node: [t('Same', ['p'], ['a'])],
    };
    const none = {
      name: 'b',
      output: [{ name: 'b' }],
      initializer: [f32('q', [], [4])],
      node: [t('Same', ['q'], ['b'])],
    };
    const g = load({
      ...graph('c'),
      node: [node('If', ['c'], ['y'], [attribute.graph('then_branch', one), attribute.graph('else_branch', none)])],
    });
    expect(outputs(g)).toEqual(['f32[1]']);
  });

  it('refuses branches of different types', () => {
    const g = graph('c');
    const [n] = g.node ?? [];
    if (n)
      n.attribute = [
        attribute.graph('then_branch', { name: 'a', output: [{ name: 'a' }], node: [t('Nothing', ['x'], ['a'])] }),
        ...(n.attribute ?? []).slice(1),
      ];
    expect(() => load(g)).toThrow(/INFC2010.*If_y/s);
  });

  it('captures a value of the enclosing graph that a branch only passes on', () => {
    const g = graph('c');
    const [n] = g.node ?? [];
    if (n)
      n.attribute = [
        attribute.graph('then_branch', { name: 'a', output: [{ name: 'x' }], node: [] }),
        ...(n.attribute ?? []).slice(1),
      ];
    const loaded = load(g);
    const body = loaded.nodes[0]?.attrs.body;
    expect(body instanceof Graph && body.nodes.map((x) => x.op)).toEqual(['identity']);
    expect(loaded.inputs[1]?.uses.length).toBe(2);
  });
});

describe('Loop', () => {
  const loop = (body: Node[], results: string[], trip = '', initial = ['x']): OnnxGraph => ({
    name: 'g',
    input: [info('x', ['n']), info('times', [], 7)],
    initializer: [f32('w', [1], [1]), i64('five', [], [5])],
    output: [{ name: 'y' }, { name: 's' }].slice(0, results.length - 1),
    node: [
      node('Loop', [trip, '', ...initial], ['y', 's'].slice(0, results.length - 1), [
        attribute.graph('body', {
          name: 'b',
          input: [info('i', [], 7), info('c', [], 9), { name: 'h' }],
          output: results.map((name) => ({ name })),
          node: body,
        }),
      ]),
    ],
  });
  const go = t('Same', ['c'], ['c2']);

  it('keeps the shape of what the body keeps, and knows a fixed trip count', () => {
    const g = load(loop([go, t('Add', ['h', 'w'], ['h2'])], ['c2', 'h2', 'h'], 'five'));
    expect(g.nodes[0]?.attrs.carried).toBe(1);
    expect(outputs(g)).toEqual(['f32[n]', 'f32[5, n]']);
  });

  it('makes changing dims and open trip counts data-dependent', () => {
    const g = load(loop([go, t('Concat', ['h', 'w'], ['h2'])], ['c2', 'h2'], 'times'));
    expect(outputs(g)).toEqual(['f32[out0_0@Loop_y]']);
    const body = g.nodes[0]?.attrs.body;
    expect(body instanceof Graph && body.inputs.map((v) => formatType(v.type))).toEqual([
      'i64[]',
      'bool[]',
      'f32[carried0_0@Loop_y]',
    ]);
    // The first attempt with the initial type is given up entirely.
    const w = g.nodes[0] && body instanceof Graph ? body.nodes[1]?.inputs[1] : undefined;
    expect(w?.uses.length).toBe(1);
    const open = load(loop([go, t('Add', ['h', 'w'], ['h2'])], ['c2', 'h2', 'h'], 'times'));
    expect(outputs(open)).toEqual(['f32[n]', 'f32[iterations@Loop_y, n]']);
  });

  it('carries sequences', () => {
    const g = load({
      ...loop([go, node('SequenceInsert', ['h', 'x'], ['h2'])], ['c2', 'h2'], 'five', ['e']),
      node: [
        node('SequenceEmpty', [], ['e']),
        ...(loop([go, node('SequenceInsert', ['h', 'x'], ['h2'])], ['c2', 'h2'], 'five', ['e']).node ?? []),
      ],
    });
    expect(outputs(g)).toEqual(['sequence f32[n]']);
  });

  it('refuses carried values that change type', () => {
    expect(() => load(loop([go, t('Nothing', ['h'], ['h2'])], ['c2', 'h2'], 'five'))).toThrow(
      /INFC1030.*carried value 0/s,
    );
  });

  it('refuses bodies with the wrong number of inputs', () => {
    expect(() => load(loop([go], ['c2', 'h'], 'five', ['x', 'x']))).toThrow(/INFC1049/);
  });
});

describe('Scan', () => {
  const scan = (version: number, attributes: Parameters<typeof attribute.ints>[]): OnnxGraph => ({
    name: 'g',
    input: version < 9 ? [info('h0', ['b', 2]), info('x', ['b', 't', 2])] : [info('h0', [2]), info('x', ['t', 2])],
    output: [{ name: 'h' }, { name: 'ys' }],
    node: [
      node(
        'Scan',
        [...(version < 9 ? [''] : []), 'h0', 'x'],
        ['h', 'ys'],
        [
          attribute.int('num_scan_inputs', 1),
          ...attributes.map((a) => attribute.ints(...a)),
          attribute.graph('body', {
            name: 'b',
            input: [{ name: 'p' }, { name: 'q' }],
            output: [{ name: 's' }, { name: 'o' }],
            node: [t('Add', ['p', 'q'], ['s']), t('Same', ['s'], ['o'])],
          }),
        ],
      ),
    ],
  });

  it('infers states and gathered outputs', () => {
    expect(outputs(load(scan(17, [])))).toEqual(['f32[2]', 'f32[t, 2]']);
  });

  it('puts axes where the attributes say', () => {
    const g = load({
      ...scan(17, [
        ['scan_input_axes', [-1]],
        ['scan_output_axes', [1]],
      ]),
      input: [info('h0', [2]), info('x', [2, 't'])],
    });
    expect(outputs(g)).toEqual(['f32[2]', 'f32[2, t]']);
    expect(g.nodes[0]?.attrs.inputAxes).toEqual([1]);
  });

  it('reads the batched form of opset 8', () => {
    const g = load(scan(8, []), {
      opsetImport: [
        { domain: '', version: 8 },
        { domain: 't', version: 1 },
      ],
    });
    expect(outputs(g)).toEqual(['f32[b, 2]', 'f32[b, t, 2]']);
  });
});

describe('sequences and optionals', () => {
  const graph = (nodes: Node[], out: string[]): OnnxGraph => ({
    name: 'g',
    input: [info('x', ['n', 4]), info('z', ['m', 4]), info('at', [], 7)],
    initializer: [i64('one', [], [1]), i64('minus', [], [-1])],
    output: out.map((name) => ({ name })),
    node: nodes,
  });

  it('takes elements of a sequence built here without a sequence', () => {
    const g = load(
      graph(
        [
          node('SequenceConstruct', ['x', 'z'], ['s']),
          node('SequenceInsert', ['s', 'x', 'one'], ['s2']),
          node('SequenceErase', ['s2', 'minus'], ['s3']),
          node('SequenceAt', ['s3', 'minus'], ['e']),
          node('SequenceLength', ['s3'], ['l']),
          node('ConcatFromSequence', ['s2'], ['c'], [attribute.int('axis', 0)]),
          t('Same', ['e'], ['e2']),
        ],
        ['e2', 'l', 'c'],
      ),
    );
    expect(outputs(g)).toEqual(['f32[n, 4]', 'i64[]', 'f32[m+2*n, 4]']);
    expect(g.nodes.find((n) => n.op === 'sequence_at')).toBe(undefined);
  });

  it('asks the run otherwise', () => {
    const g = load(
      graph(
        [
          node('SplitToSequence', ['x', 'one'], ['s'], [attribute.int('axis', 0)]),
          node('SequenceAt', ['s', 'at'], ['e']),
          node('ConcatFromSequence', ['s'], ['c'], [attribute.int('axis', 0)]),
        ],
        ['s', 'e', 'c'],
      ),
    );
    expect(outputs(g)).toEqual([
      'sequence f32[element_0@SplitToSequence_s, 4]',
      'f32[item_0@SequenceAt_e, 4]',
      'f32[total@ConcatFromSequence_c, 4]',
    ]);
  });

  it('maps a body over a sequence', () => {
    const g = load(
      graph(
        [
          node('SequenceConstruct', ['x', 'x'], ['s']),
          node(
            'SequenceMap',
            ['s', 'z'],
            ['r'],
            [
              attribute.graph('body', {
                name: 'b',
                input: [{ name: 'p' }, { name: 'q' }],
                output: [{ name: 'o' }],
                node: [t('Concat', ['p', 'q'], ['o'])],
              }),
            ],
          ),
        ],
        ['r'],
      ),
    );
    expect(g.outputs[0]?.type.container).toBe('sequence');
    const body = g.nodes.find((n) => n.op === 'loop')?.attrs.body;
    expect(body instanceof Graph && body.nodes.map((n) => n.op)).toEqual([
      'sequence_at',
      'concat',
      'identity',
      'sequence_insert',
    ]);
  });

  it('resolves optionals that are known', () => {
    const g = load(
      graph(
        [
          node('Optional', ['x'], ['o']),
          node('OptionalGetElement', ['o'], ['v']),
          node('OptionalHasElement', ['o'], ['h']),
          t('Same', ['v'], ['v2']),
        ],
        ['v2', 'h', 'o'],
      ),
    );
    expect(outputs(g)).toEqual(['f32[n, 4]', 'bool[]', 'optional f32[n, 4]']);
  });

  it('refuses positions outside a known sequence', () => {
    const g = graph([node('SequenceConstruct', ['x'], ['s']), node('SequenceAt', ['s', 'one'], ['e'])], ['e']);
    expect(() => load(g)).toThrow(/position 1 is outside a sequence of 1/);
  });
});
