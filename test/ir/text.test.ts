import { describe, expect, it } from 'vitest';
import { builtin } from '../../compiler/builtin.ts';
import { add, floorDiv, max, mod, mul, sym } from '../../compiler/ir/dim.ts';
import { constant, dimValue, pack } from '../../compiler/ir/expr.ts';
import { type Constant, Graph, type Program, tensor } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import type { Kernel } from '../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { parseGraph, parseProgram, printGraph, printProgram } from '../../compiler/ir/text.ts';
import { parseKernel, printKernel } from '../../compiler/ir/text-kernel.ts';
import { verifyKernel } from '../../compiler/ir/verify-kernel.ts';
import { Registry } from '../../compiler/plugin.ts';

const registry = new Registry([builtin]);

/** A graph with everything the text has to carry: symbols, constants, null inputs, bodies, odd names. */
function sample(): Program {
  const n = sym('n', { min: 1, max: 64, multipleOf: 4 });
  const g = new Graph('main');
  const x = g.input('x', tensor('f32', [n, 3]));
  const flag = g.input('is "it"?', tensor('bool', []));
  const b = new GraphBuilder(g, registry, { name: 'node\n1', op: 'Add' });
  const big: Constant = { name: 'big', type: tensor('f32', [100, 3]), bytes: 1200, read: () => new Uint8Array(1200) };
  const w = b.constant('f32', [3], [1, Number.NaN, -0]);
  const y = b.node('add', [x, w], {}, 'y 1');
  const z = b.node('slice', [y], { starts: [0, 1], steps: [1, 1], shape: [floorDiv(add(n, 3), 4), 2] });
  const stacked = b.node('concat', [g.constant(big), y], { axis: 0 });
  const bodies = ['then', 'else'].map((name) => {
    const body = new Graph(name);
    body.outputs.push(
      new GraphBuilder(body, registry, { name, op: 'Relu' }).node(name === 'then' ? 'relu' : 'neg', [z]),
    );
    return body;
  });
  const [chosen] = b.nodes('if', [flag], { body: bodies[0], otherwise: bodies[1] });
  const s = b.node('sequence_insert', [b.node('sequence_empty', [], { dtype: 'f32' }), z, null]);
  g.outputs.push(stacked, s, ...(chosen ? [chosen] : []));
  const symbols = new Map([['n', { kind: 'sym', key: '', name: 'n', min: 1, max: 64, multipleOf: 4 } as const]]);
  return {
    name: 'a model',
    entries: new Map([['main', g]]),
    states: [{ name: 's', type: tensor('f16', [2]) }],
    symbols,
    metadata: { 'opset ai.onnx': '17' },
  };
}

describe('graph text', () => {
  it('reads back what it prints', () => {
    const text = printProgram(sample());
    const big: Constant = { name: 'big', type: tensor('f32', [100, 3]), bytes: 1200, read: () => new Uint8Array(1200) };
    const again = parseProgram(text, (name) => (name === 'big' ? big : undefined));
    expect(printProgram(again)).toBe(text);
    expect(text).toContain('%3 "y 1": f32[n, 3] = add(%0, %2)');
    expect([...again.symbols.keys()]).toContain('n');
    expect(again.entries.get('main')?.inputs[0]?.type).toEqual(sample().entries.get('main')?.inputs[0]?.type);
  });

  it('prints equal graphs equally', () => {
    expect(printProgram(sample())).toBe(printProgram(sample()));
  });

  it('says where text is wrong', () => {
    expect(() => parseGraph('graph g(%0 x: f32[n]) {\n return %0 }')).toThrow(/INFC2030.*line 1.*'n'/);
    expect(() => parseGraph('graph g(%0 x: f32[2]) {\n\n return %1 }')).toThrow(/line 3.*%1/);
    expect(() => parseGraph('graph g(%0 x: q7[2]) { return %0 }')).toThrow(/q7/);
    expect(() => parseGraph(printGraph(sample().entries.get('main') ?? new Graph('')))).toThrow(/'big'/);
  });
});

function kernel(): Kernel {
  const n = sym('n', { min: 1, max: 1000 });
  const k = new KernelBuilder('axpy', 'simt', 8, [floorDiv(add(n, 7), 8), 1, 1]);
  const x = k.buffer('x', 'f32', 'read', n);
  const out = k.buffer('out', 'f16', 'write', mul(2, n));
  const big = k.buffer('big', 'i64', 'read_write', 4);
  const tile = k.shared('tile', 'f32', 8);
  const i = add(mul(k.group.x, 8), k.lane);
  const inside = dimValue(i).lt(dimValue(n));
  const sum = k.var(constant('f32', Number.NEGATIVE_INFINITY));
  k.store(tile, k.lane, inside.guard(k.load(x, i), 0));
  k.barrier();
  k.for(0, 8, 2, (j) => {
    const t = k.let(k.load(tile, j).fma(2, 1e-7));
    sum.set(sum.value.max(t).min(Number.NaN));
  });
  k.if(
    inside,
    () => k.store(out, i, inside.select(sum.value.neg().exp(), 0)),
    () => k.comment('outside "the" grid'),
  );
  const v = pack([sum.value, sum.value, sum.value, sum.value]);
  k.let(v.shuffle(v, [0, 5, 2, 7]).extract(3).narrow('bf16').cast('i32'));
  k.let(k.intrinsic('relaxed', 'f32', 4, v, v.splat(4)).subgroupAdd());
  k.let(
    dimValue(max(mod(i, 3), 1))
      .u32.dot4(constant('u32', 7), constant('i32', -1))
      .splat(2)
      .halves()
      .dot2(constant('u32', 9), constant('i32', 2))
      .bitcast('u32'),
  );
  k.store(big, 0, constant('i64', -9007199254740993n));
  k.atomicAdd(big, 1, constant('i64', 1n));
  k.intrinsicStatement('fence', big, i, sum.value);
  return k.done({ op: 'axpy', sources: ['/a', 'b c'], template: 'none', why: 'test', bytes: mul(4, n), flops: n });
}

describe('kernel text', () => {
  it('reads back what it prints', () => {
    const text = printKernel(kernel());
    const again = parseKernel(text);
    expect(printKernel(again)).toBe(text);
    expect(again.scalars).toEqual(['n']);
    expect(again.body).toEqual(kernel().body);
  });

  it('keeps what the verifier checks', () => {
    expect(verifyKernel(parseKernel(printKernel(kernel())))).toEqual(verifyKernel(kernel()));
  });

  it('says where text is wrong', () => {
    const text = printKernel(kernel());
    expect(() => parseKernel(text.replace('barrier', 'barier'))).toThrow(/INFC2030.*line/);
    expect(() => parseKernel(text.replaceAll('f32', 'f99'))).toThrow(/f99/);
  });
});
