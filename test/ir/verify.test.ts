import { describe, expect, it } from 'vitest';
import { builtin } from '../../compiler/builtin.ts';
import { add, mul, sym } from '../../compiler/ir/dim.ts';
import { constant, variable } from '../../compiler/ir/expr.ts';
import { Graph, type Node, type Program, tensor, Value } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import type { Kernel, Stmt } from '../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { verifyGraph, verifyProgram } from '../../compiler/ir/verify.ts';
import { verifyKernel } from '../../compiler/ir/verify-kernel.ts';
import { Registry } from '../../compiler/plugin.ts';

const registry = new Registry([builtin]);

function graph(): { g: Graph; nodes: Node[] } {
  const g = new Graph('g');
  const x = g.input('x', tensor('f32', [2, 3]));
  const b = new GraphBuilder(g, registry, { name: 'n', op: 'Op' });
  const y = b.node('relu', [x]);
  g.outputs.push(b.node('add', [y, x]));
  return { g, nodes: g.nodes };
}

describe('verifyGraph', () => {
  it('accepts what the builder builds', () => {
    expect(() => verifyGraph(graph().g, registry)).not.toThrow();
  });

  it('finds uses before definitions', () => {
    const { g } = graph();
    g.nodes.reverse();
    expect(() => verifyGraph(g, registry)).toThrow(/INFC2022.*not defined before/);
  });

  it('finds values of another graph', () => {
    const { g } = graph();
    g.outputs.push(new Value(-1, 'stray', tensor('f32', [])));
    expect(() => verifyGraph(g, registry)).toThrow(/INFC2022.*stray/);
  });

  it('finds stale use lists', () => {
    const { g } = graph();
    g.inputs[0]?.uses.pop();
    expect(() => verifyGraph(g, registry)).toThrow(/INFC2023/);
    const other = graph();
    other.g.inputs[0]?.uses.push(...other.g.nodes.slice(0, 1));
    expect(() => verifyGraph(other.g, registry)).toThrow(/INFC2023/);
  });

  it('finds types that inference does not give', () => {
    const { g, nodes } = graph();
    const out = nodes[0]?.outputs[0];
    if (out) out.type = tensor('f32', [2, 4]);
    expect(() => verifyGraph(g, registry)).toThrow(/INFC2025.*\[2, 4\].*\[2, 3\]/);
  });

  it('finds unknown ops', () => {
    const { g } = graph();
    g.node('nonsense', [], {}, [], { name: 'n', op: 'N' });
    expect(() => verifyGraph(g, registry)).toThrow(/INFC2024.*nonsense/);
  });

  it('lets bodies see outer values, and not the other way round', () => {
    const { g } = graph();
    const b = new GraphBuilder(g, registry, { name: 'if', op: 'If' });
    const flag = g.input('flag', tensor('bool', []));
    const [x] = g.inputs;
    const body = () => {
      const inner = new Graph('body');
      inner.outputs.push(new GraphBuilder(inner, registry, { name: 'r', op: 'Relu' }).node('relu', [x ?? null]));
      return inner;
    };
    const yes = body();
    b.nodes('if', [flag], { body: yes, otherwise: body() });
    expect(() => verifyGraph(g, registry)).not.toThrow();
    b.node('relu', [yes.outputs[0] ?? null]);
    expect(() => verifyGraph(g, registry)).toThrow(/INFC2022/);
  });

  it('wants symbols declared', () => {
    const g = new Graph('g');
    g.outputs.push(
      new GraphBuilder(g, registry, { name: 'n', op: 'R' }).node('relu', [g.input('x', tensor('f32', [sym('q')]))]),
    );
    const p: Program = { name: 'p', entries: new Map([['main', g]]), states: [], symbols: new Map(), metadata: {} };
    expect(() => verifyProgram(p, registry)).toThrow(/INFC2026.*'q'/);
  });
});

const note = { op: 'o', sources: [], template: 't', why: 'w', bytes: 0, flops: 0 };

describe('verifyKernel', () => {
  const n = sym('n', { min: 1, max: 100 });
  function kernel(write: (k: KernelBuilder, x: ReturnType<KernelBuilder['buffer']>) => void, size = add(n, 0)): Kernel {
    const k = new KernelBuilder('k', 'simd', 1, [n, 1, 1]);
    const x = k.buffer('x', 'f32', 'read_write', size);
    write(k, x);
    return k.done(note);
  }

  it('proves accesses inside the grid', () => {
    expect(verifyKernel(kernel((k, x) => k.store(x, k.group.x, k.load(x, k.group.x).add(1))))).toEqual([]);
  });

  it('proves loops whose bound is the buffer', () => {
    expect(verifyKernel(kernel((k, x) => k.for(0, n, 1, (i) => k.store(x, i, constant('f32', 0)))))).toEqual([]);
  });

  it('reports what it cannot prove', () => {
    const k = kernel((b, x) => b.store(x, mul(2, b.group.x), constant('f32', 0)));
    expect(verifyKernel(k)).toEqual([{ buffer: 'x', index: '2*groupX', kind: 'store' }]);
  });

  const withBody = (body: Stmt[]): Kernel => ({ ...kernel(() => {}), body });
  const f = constant('f32', 1);
  const cases: [string, Kernel, RegExp][] = [
    [
      'undefined names',
      withBody([{ kind: 'let', name: 'a', value: variable('q', 'f32') }]),
      /'q' is used but not defined/,
    ],
    [
      'double names',
      withBody([
        { kind: 'let', name: 'a', value: f },
        { kind: 'let', name: 'a', value: f },
      ]),
      /defined twice/,
    ],
    [
      'setting a let',
      withBody([
        { kind: 'let', name: 'a', value: f },
        { kind: 'set', name: 'a', value: f },
      ]),
      /no variable/,
    ],
    ['barriers in simd kernels', withBody([{ kind: 'barrier' }]), /barrier/],
    [
      'names that left their block',
      withBody([
        { kind: 'if', condition: f.lt(2), body: [{ kind: 'let', name: 'a', value: f }], otherwise: [] },
        { kind: 'let', name: 'b', value: variable('a', 'f32') },
      ]),
      /'a' is used but not defined/,
    ],
    ['writes of another type', kernel((k, x) => k.store(x, 0, constant('i32', 1))), /i32 is stored to f32/],
    [
      'writes to read-only buffers',
      (() => {
        const k = new KernelBuilder('k', 'simd', 1, [1, 1, 1]);
        k.store(k.buffer('x', 'f32', 'read', 1), 0, f);
        return k.done(note);
      })(),
      /read-only/,
    ],
    [
      'undeclared index symbols',
      withBody([
        {
          kind: 'store',
          buffer: kernel(() => {}).buffers[0] ?? {
            name: '',
            storage: 'f32',
            space: 'global',
            access: 'read',
            elements: 1,
          },
          index: sym('zz'),
          value: f,
        },
      ]),
      /not one of the kernel's|'zz'/,
    ],
  ];
  it.each(cases)('refuses %s', (_what, k, message) => {
    expect(() => verifyKernel(k)).toThrow(message);
  });
});
