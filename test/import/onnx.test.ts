import { describe, expect, it } from 'vitest';
import { importOnnx, type OnnxImportOptions } from '../../compiler/import/onnx.ts';
import { onnxOp } from '../../compiler/import/onnx-op.ts';
import { constantOnnxOps } from '../../compiler/import/onnx-ops/constant.ts';
import { add, formatDim, sym } from '../../compiler/ir/dim.ts';
import { Graph, type Program, tensor } from '../../compiler/ir/graph.ts';
import { contentsOf } from '../../compiler/ir/graph-builder.ts';
import { defineOp } from '../../compiler/ir/op.ts';
import { definePlugin, Registry } from '../../compiler/plugin.ts';
import { InfcError } from '../../runtime/errors.ts';
import { attribute, encodeModel, f32, i64, info, type Model, node, type Graph as OnnxGraph } from './build-onnx.ts';

const same = defineOp({
  name: 'identity',
  infer: ({ inputs, fail }) => inputs[0] ?? fail('needs an input'),
  known: ({ known }) => [known(0)],
  scalar: ([x], _attrs) => x ?? never(),
});
const never = (): never => {
  throw new Error('unreachable');
};
const two = defineOp({
  name: 'two',
  infer: ({ inputs, fail }) => inputs[0] ?? fail('needs an input'),
  scalar: ([x]) => x ?? never(),
});
/** Small ops of its own, so that the importer is tested apart from the op families. */
const registry = new Registry([
  definePlugin({
    name: 'test',
    api: 1,
    ops: [same, two],
    onnxOps: [
      ...constantOnnxOps,
      onnxOp('LeakyRelu', (n, b) => [b.node('identity', [n.input(0)], { alpha: n.float('alpha', 0) })]),
      onnxOp('Add', (n, b) => [b.node('two', [n.input(0), n.input(1)])]),
      onnxOp('Opt', (n, b) => [b.node('two', [n.input(0), n.inputs[1] ?? null])]),
      onnxOp('Old', (n, b) => [b.node('identity', [n.input(0)])], { until: 9 }),
      onnxOp('Broken', () => {
        throw new TypeError('boom');
      }),
      onnxOp('Pick', (n, b) => {
        const choice = n.constantInts(0);
        if (choice) return n.inline(choice[0] ? 'then_branch' : 'else_branch', []);
        return [b.node('identity', [n.input(0)], { body: n.subgraph('then_branch', []) })];
      }),
    ],
  }),
]);

const run = (graph: OnnxGraph, more: Partial<Model> = {}, options: Partial<OnnxImportOptions> = {}): Program =>
  importOnnx(encodeModel(graph, more), { name: 'm', ...options }, registry);

const main = (p: Program): Graph => p.entries.get('main') ?? new Graph('missing');

function failure(act: () => unknown): InfcError {
  try {
    act();
  } catch (e) {
    if (e instanceof InfcError) return e;
    throw e;
  }
  throw new Error('nothing was thrown');
}

const chain: OnnxGraph = {
  name: 'g',
  input: [info('x', ['batch', 3])],
  output: [info('y', ['batch', 3])],
  initializer: [f32('w', [3], [1, 2, 3])],
  node: [node('Add', ['x', 'w'], ['h'], [], { name: 'adder' }), node('LeakyRelu', ['h'], ['y'])],
};

describe('graphs', () => {
  it('imports inputs, initializers and nodes with their names and sources', () => {
    const g = main(run(chain));
    expect(g.inputs.map((v) => v.name)).toEqual(['x']);
    expect(g.nodes.map((n) => [n.op, n.source.name, n.source.op])).toEqual([
      ['two', 'adder', 'Add'],
      ['identity', 'LeakyRelu_y', 'LeakyRelu'],
    ]);
    expect(g.outputs.map((v) => v.name)).toEqual(['y']);
    const w = g.nodes[0]?.inputs[1]?.constant;
    expect([...new Float32Array(w?.read().slice().buffer ?? new ArrayBuffer(0))]).toEqual([1, 2, 3]);
  });

  it('keeps provenance and symbols', () => {
    const p = run(chain, { producerName: 'maker', producerVersion: '2' });
    expect(p.metadata).toMatchObject({ producer: 'maker 2', 'opset ai.onnx': '17', ir: '8' });
    expect([...p.symbols.keys()]).toEqual(['batch']);
  });

  it('treats initializers listed as inputs (before IR 4) as weights', () => {
    const g = main(run({ ...chain, input: [...(chain.input ?? []), info('w', [3])] }, { irVersion: 3 }));
    expect(g.inputs.map((v) => v.name)).toEqual(['x']);
  });

  it('sorts nodes that come in the wrong order', () => {
    const g = main(run({ ...chain, node: [...(chain.node ?? [])].reverse() }));
    expect(g.nodes.map((n) => n.op)).toEqual(['two', 'identity']);
  });

  it('gives outputs that are inputs or constants a node of their own', () => {
    const g = main(run({ ...chain, node: [], output: [info('x', [null, 3]), info('w', [3])] }));
    expect(g.outputs.map((v) => [v.name, v.producer?.op])).toEqual([
      ['x', 'identity'],
      ['w', 'identity'],
    ]);
  });

  it('keeps two nodes of one name apart', () => {
    const nodes = [
      node('LeakyRelu', ['x'], ['a'], [], { name: 'n' }),
      node('LeakyRelu', ['a'], ['y'], [], { name: 'n' }),
    ];
    expect(main(run({ ...chain, node: nodes })).nodes.map((n) => n.source.name)).toEqual(['n', 'n#2']);
  });

  it('passes omitted inputs as null', () => {
    const g = main(run({ ...chain, node: [node('Opt', ['x', ''], ['y'])] }));
    expect(g.nodes[0]?.inputs[1]).toBe(null);
  });
});

describe('dimensions', () => {
  const shapeOf = (p: Program) => main(p).inputs.map((v) => v.type.shape.map(formatDim).join());

  it('makes identifiers of odd names and symbols of unnamed dims', () => {
    const p = run({ ...chain, input: [info('x', ['p2o.DynamicDimension.0', 3]), info('z', [null, null, -1])] });
    expect(shapeOf(p)).toEqual(['p2o_DynamicDimension_0,3', 'z_dim0,z_dim1,z_dim2']);
  });

  it('does not take placeholders for names', () => {
    const p = run({ ...chain, input: [info('x', ['?', '?', 'None'])], output: [{ name: 'y' }] });
    expect(shapeOf(p)).toEqual(['x_dim0,x_dim1,x_dim2']);
  });

  it('takes values and bounds from options, under either name', () => {
    const graph = { ...chain, input: [info('x', ['p2o.N', 'h', 'w'])], output: [info('y', [1, 2, 3])] };
    const p = run(graph, {}, { dims: { 'p2o.N': 4, h: { min: 8, max: 64, multipleOf: 8 } } });
    expect(main(p).inputs[0]?.type.shape).toEqual([4, sym('h', { min: 8, max: 64, multipleOf: 8 }), sym('w')]);
    expect(failure(() => run(graph, {}, { dims: { q: 1 } }))).toMatchObject({ code: 'INFC1014' });
    expect(failure(() => run(graph, {}, { dims: { h: -1 } }))).toMatchObject({ code: 'INFC1013' });
    expect(failure(() => run(graph, {}, { dims: { h: { min: 5, max: 4 } } }))).toMatchObject({ code: 'INFC1013' });
  });

  it('reads dims that are sums of other dims, and nothing else, as arithmetic', () => {
    const p = run({
      ...chain,
      input: [info('x', ['past', 'seq']), info('m', ['past + seq']), info('q', ['past + other', 'floor(seq/2)'])],
    });
    expect(main(p).inputs[1]?.type.shape).toEqual([add(sym('past'), sym('seq'))]);
    expect(main(p).inputs[2]?.type.shape.map(formatDim)).toEqual(['past_other', '((seq)/(2))']);
  });

  it('avoids names that kernels use', () => {
    const p = run({ ...chain, input: [info('x', ['lane', 'for', 'i0', '0'])], output: [{ name: 'y' }] });
    expect(shapeOf(p)).toEqual(['lane_,for_,i0_,d0_']);
  });
});

describe('constants', () => {
  const constants = (...attributes: Parameters<typeof node>[3][]) =>
    attributes.map((a, i) => {
      const g = main(run({ ...chain, node: [node('Constant', [], ['c'], a), node('Add', ['x', 'c'], ['y'])] }));
      return { i, value: g.nodes[0]?.inputs[1] };
    });

  it('reads every attribute form of Constant', () => {
    const [a, b, c, d, e] = constants(
      [attribute.int('value_int', -7)],
      [attribute.ints('value_ints', [1, 2])],
      [attribute.float('value_float', 0.5)],
      [attribute.strings('value_strings', ['p', 'q'])],
      [attribute.tensor('value', i64('t', [2, 1], [5, 6]))],
    );
    expect(a?.value?.type).toEqual(tensor('i64', []));
    expect(a?.value && contentsOf(a.value)).toEqual([-7]);
    expect(b?.value && contentsOf(b.value)).toEqual([1, 2]);
    expect(new Float32Array(c?.value?.constant?.read().slice().buffer ?? new ArrayBuffer(0))[0]).toBe(0.5);
    expect(d?.value?.constant?.strings).toEqual(['p', 'q']);
    expect(e?.value?.type).toEqual(tensor('i64', [2, 1]));
    expect(e?.value?.name).toBe('c');
  });

  const bytesOfInitializer = (t: NonNullable<OnnxGraph['initializer']>[number]): number[] => {
    const g = main(run({ ...chain, initializer: [{ ...t, name: 'w' }] }));
    return [...(g.nodes[0]?.inputs[1]?.constant?.read() ?? [])];
  };

  it('reads typed data fields of each width', () => {
    expect(bytesOfInitializer({ dims: [2], dataType: 1, floatData: [1, -2] })).toEqual([0, 0, 128, 63, 0, 0, 0, 192]);
    expect(bytesOfInitializer({ dims: [2], dataType: 3, int32Data: [-1, 2] })).toEqual([255, 2]);
    expect(bytesOfInitializer({ dims: [1], dataType: 10, int32Data: [0x3c00] })).toEqual([0, 0x3c]);
    expect(bytesOfInitializer({ dims: [1], dataType: 7, int64Data: [-2] })).toEqual([
      254, 255, 255, 255, 255, 255, 255, 255,
    ]);
    expect(bytesOfInitializer({ dims: [1], dataType: 12, uint64Data: [4294967295] })).toEqual([255, 255, 255, 255]);
    expect(bytesOfInitializer({ dims: [3], dataType: 22, int32Data: [0x21, 0x03] })).toEqual([0x21, 0x03]);
  });

  it('unfolds sparse initializers, linear or by axis', () => {
    for (const indices of [i64('', [2], [1, 5]), i64('', [2, 2], [0, 1, 1, 2])]) {
      const g = main(
        run({
          ...chain,
          initializer: [],
          sparseInitializer: [{ values: f32('w', [2], [7, 8]), indices, dims: [2, 3] }],
        }),
      );
      const c = g.nodes[0]?.inputs[1]?.constant;
      expect([...new Float32Array(c?.read().slice().buffer ?? new ArrayBuffer(0))]).toEqual([0, 7, 0, 0, 0, 8]);
    }
  });

  it('refuses data that does not fill the shape', () => {
    const wrong = { dims: [4], dataType: 1, rawData: new Uint8Array(15) };
    expect(failure(() => bytesOfInitializer(wrong))).toMatchObject({ code: 'INFC1020' });
    expect(failure(() => bytesOfInitializer({ dims: [2 ** 30, 2 ** 30], dataType: 1 }))).toMatchObject({
      code: 'INFC1020',
    });
    expect(failure(() => bytesOfInitializer({ dims: [1], dataType: 99 }))).toMatchObject({ code: 'INFC1010' });
  });
});

describe('external data', () => {
  const external = (location: string, offset = '4', length = '12'): OnnxGraph => ({
    ...chain,
    initializer: [
      {
        name: 'w',
        dims: [3],
        dataType: 1,
        dataLocation: 1,
        externalData: [
          { key: 'location', value: location },
          { key: 'offset', value: offset },
          { key: 'length', value: length },
        ],
      },
    ],
  });
  const data = new Uint8Array(16).map((_, i) => i);
  const externalFiles = {
    size: (file: string) => (file === 'sub/w.bin' ? data.byteLength : undefined),
    read: (_file: string, offset: number, bytes: number) => data.subarray(offset, offset + bytes),
  };

  it('reads the range lazily', () => {
    const g = main(run(external('./sub/w.bin'), {}, { externalFiles }));
    expect([...(g.nodes[0]?.inputs[1]?.constant?.read() ?? [])]).toEqual([...data.subarray(4)]);
  });

  it.each(['../w.bin', '/etc/passwd', 'a/../../b', 'C:\\x', 'a\\b', '', 'a\0b'])('refuses the path %j', (path) => {
    expect(failure(() => run(external(path), {}, { externalFiles }))).toMatchObject({ code: 'INFC1023' });
  });

  it('refuses missing files, ranges beyond the file and odd numbers', () => {
    expect(failure(() => run(external('w2.bin'), {}, { externalFiles }))).toMatchObject({ code: 'INFC1024' });
    expect(failure(() => run(external('sub/w.bin')))).toMatchObject({ code: 'INFC1024' });
    expect(failure(() => run(external('sub/w.bin', '8'), {}, { externalFiles }))).toMatchObject({ code: 'INFC1024' });
    expect(failure(() => run(external('sub/w.bin', '-4'), {}, { externalFiles }))).toMatchObject({ code: 'INFC1020' });
    expect(failure(() => run(external('sub/w.bin', '0', '8'), {}, { externalFiles }))).toMatchObject({
      code: 'INFC1020',
    });
  });
});

describe('local functions', () => {
  const f = {
    name: 'F',
    domain: 'my',
    input: ['a', 'b'],
    output: ['o'],
    attribute: ['alpha'],
    opsetImport: [{ domain: '', version: 17 }],
    node: [node('LeakyRelu', ['a'], ['t'], [attribute.reference('alpha', 'alpha', 1)]), node('Opt', ['t', 'b'], ['o'])],
  };
  const calls = (...nodes: ReturnType<typeof node>[]): OnnxGraph => ({ ...chain, node: nodes });
  const call = (input: string[], output: string[], attributes = [attribute.float('alpha', 2)]) =>
    node('F', input, output, attributes, { domain: 'my', name: output[0] ?? '' });

  it('inlines them with attribute references and omitted inputs', () => {
    const g = main(run(calls(call(['x', 'w'], ['h']), call(['h'], ['y'], [])), { functions: [f] }));
    expect(g.nodes.map((n) => [n.op, n.source.name, n.attrs.alpha, n.inputs.length, n.inputs[1]?.name])).toEqual([
      ['identity', 'h/LeakyRelu_t', 2, 1, undefined],
      ['two', 'h/Opt_o', undefined, 2, 'w'],
      ['identity', 'y/LeakyRelu_t', 0, 1, undefined],
      ['two', 'y/Opt_o', undefined, 2, undefined],
    ]);
  });

  it('refuses recursion', () => {
    const loop = { ...f, node: [node('F', ['a'], ['o'], [], { domain: 'my' })] };
    expect(failure(() => run(calls(call(['x'], ['y'])), { functions: [loop] }))).toMatchObject({ code: 'INFC1053' });
  });

  it('refuses functions that multiply without end', () => {
    const level = (i: number) => ({
      ...f,
      name: `F${i}`,
      node: [0, 1, 2, 3].map((k) => node(`F${i + 1}`, ['a'], [`o${k === 3 ? '' : k}`], [], { domain: 'my' })),
    });
    const functions = [...Array.from({ length: 14 }, (_, i) => level(i)), { ...f, name: 'F14' }];
    expect(failure(() => run(calls(node('F0', ['x'], ['y'], [], { domain: 'my' })), { functions }))).toMatchObject({
      code: 'INFC1048',
    });
  }, 60000);
});

describe('bodies', () => {
  const branch = (name: string, out: string): OnnxGraph => ({
    name,
    output: [{ name: out }],
    node: [node('Add', ['x', 'w'], [out])],
  });
  const choose = (condition: string, more: Partial<OnnxGraph> = {}): OnnxGraph => ({
    ...chain,
    initializer: [f32('w', [3], [1, 2, 3]), { name: 'yes', dims: [], dataType: 9, int32Data: [1] }],
    node: [
      node(
        'Pick',
        [condition],
        ['y'],
        [attribute.graph('then_branch', branch('t', 'yt')), attribute.graph('else_branch', branch('e', 'ye'))],
      ),
    ],
    ...more,
  });

  it('inlines the branch of a constant condition', () => {
    const g = main(run(choose('yes')));
    expect(g.nodes.map((n) => n.source.name)).toEqual(['Add_yt']);
    expect(g.outputs[0]?.producer).toBe(g.nodes[0]);
  });

  it('captures outer values otherwise', () => {
    const g = main(run(choose('x')));
    const body = g.nodes[0]?.attrs.body;
    expect(body instanceof Graph && body.nodes[0]?.inputs[0] === g.inputs[0]).toBe(true);
    expect(g.inputs[0]?.uses.length).toBe(2);
  });
});

describe('refusals', () => {
  const cases: [string, OnnxGraph, Partial<Model>, string, RegExp][] = [
    [
      'an unknown op',
      { ...chain, node: [node('LeakyRely', ['x'], ['y'])] },
      {},
      'INFC1060',
      /closest supported op is LeakyRelu/,
    ],
    ['a value nothing produces', { ...chain, node: [node('LeakyRelu', ['q'], ['y'])] }, {}, 'INFC1041', /'q'/],
    ['a missing output', { ...chain, output: [info('z', [1])] }, {}, 'INFC1045', /'z'/],
    ['a wrong output type', { ...chain, output: [info('y', [1, 3], 7)] }, {}, 'INFC1047', /f32.*i64/],
    ['a wrong output rank', { ...chain, output: [info('y', [1])] }, {}, 'INFC1047', /declared/],
    ['no outputs', { ...chain, output: [] }, {}, 'INFC1046', /outputs/],
    [
      'a double producer',
      { ...chain, node: [...(chain.node ?? []), node('LeakyRelu', ['x'], ['h'])] },
      {},
      'INFC1042',
      /'h'/,
    ],
    ['a double input', { ...chain, input: [info('x', [1]), info('x', [1])] }, {}, 'INFC1042', /'x'/],
    ['an overwritten input', { ...chain, node: [node('LeakyRelu', ['x'], ['x'])] }, {}, 'INFC1042', /'x'/],
    [
      'a cycle',
      {
        ...chain,
        node: [node('LeakyRelu', ['b'], ['a']), node('LeakyRelu', ['a'], ['b']), node('LeakyRelu', ['b'], ['y'])],
      },
      {},
      'INFC1043',
      /circle/,
    ],
    ['a newer opset', chain, { opsetImport: [{ domain: '', version: 99 }] }, 'INFC1050', /opset 99/],
    ['no opset', chain, { opsetImport: [{ domain: 'other', version: 1 }] }, 'INFC1051', /opset/],
    ['a removed op', { ...chain, node: [node('Old', ['x'], ['y'])] }, {}, 'INFC1052', /1 to 9/],
    ['an adapter that throws', { ...chain, node: [node('Broken', ['x'], ['y'])] }, {}, 'INFC1090', /boom/],
    ['a missing required input', { ...chain, node: [node('LeakyRelu', [], ['y'])] }, {}, 'INFC1030', /input 0/],
    [
      'a wrong attribute kind',
      { ...chain, node: [node('LeakyRelu', ['x'], ['y'], [attribute.int('alpha', 1)])] },
      {},
      'INFC1030',
      /alpha/,
    ],
    [
      'an input without shape',
      { ...chain, input: [{ name: 'x', type: { tensorType: { elemType: 1 } } }] },
      {},
      'INFC1015',
      /shape/,
    ],
    [
      'a map of numbers that are no keys',
      { ...chain, input: [{ name: 'x', type: { mapType: { keyType: 7 } } }] },
      {},
      'INFC1011',
      /map/,
    ],
  ];
  it.each(cases)('refuses %s', (_what, graph, more, code, message) => {
    const e = failure(() => run(graph, more));
    expect(e.code).toBe(code);
    expect(e.message).toMatch(message);
    expect(e.fix).toBeTruthy();
  });
});

describe('bytes', () => {
  const good = encodeModel(chain);
  const load = (bytes: Uint8Array) => importOnnx(bytes, { name: 'm' }, registry);

  it('refuses every truncation with a place or a reason', () => {
    for (let n = 0; n < good.byteLength; n++) {
      const cut = good.subarray(0, n);
      let thrown: unknown;
      try {
        load(cut);
      } catch (e) {
        thrown = e;
      }
      // A cut between top-level fields can leave a smaller valid model.
      if (thrown !== undefined) expect(thrown).toBeInstanceOf(InfcError);
    }
    expect(failure(() => load(good.subarray(0, 40)))).toMatchObject({ code: 'INFC1001' });
  });

  it('refuses lying lengths and bottomless nesting', () => {
    expect(failure(() => load(Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f)))).toMatchObject({
      code: 'INFC1001',
      place: { offset: 0 },
    });
    let body: number[] = [];
    // graph -> node -> attribute -> graph ...
    for (let i = 0; i < 100; i++) {
      for (const tag of [0x32, 0x2a, 0x0a]) {
        const n = body.length;
        body = [tag, (n & 127) | 128, ((n >> 7) & 127) | 128, n >> 14, ...body];
      }
    }
    const n = body.length;
    const bytes = Uint8Array.from([0x3a, (n & 127) | 128, ((n >> 7) & 127) | 128, n >> 14, ...body]);
    expect(failure(() => load(bytes)).message).toMatch(/nest/);
  });

  it('refuses wrong wire types, groups and double graphs', () => {
    expect(failure(() => load(Uint8Array.of(0x38, 1))).message).toMatch(/wire type 0/);
    expect(failure(() => load(Uint8Array.of(0xfb, 0x07))).message).toMatch(/wire type 3/);
    expect(failure(() => load(Uint8Array.of(0x3a, 0, 0x3a, 0))).message).toMatch(/twice/);
    expect(failure(() => load(new Uint8Array(0))).code).toBe('INFC1001');
    expect(failure(() => load(Uint8Array.of(8, 8))).code).toBe('INFC1002');
  });
});
