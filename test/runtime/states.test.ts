import { describe, expect, it } from 'vitest';
import { evaluate, isTensor } from '../../backends/reference/evaluate.ts';
import { builtin } from '../../compiler/builtin.ts';
import { compile } from '../../compiler/compile.ts';
import { asSym, sym } from '../../compiler/ir/dim.ts';
import { Graph, type Program, tensor } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import type { HostTensor } from '../../compiler/ir/op.ts';
import { verifyProgram } from '../../compiler/ir/verify.ts';
import { Registry } from '../../compiler/plugin.ts';
import { player } from '../conformance/onnx-targets.ts';
import { attentionCases, attentionError, attentionProgram } from '../kit/attention-cases.ts';
import { runInChild } from '../kit/child.ts';
import { hasGxx } from '../kit/cuda-cpu.ts';
import { hasSwiftShader, swiftShaderEnv } from '../kit/dawn.ts';

const registry = new Registry([builtin]);

/** Deterministic numbers in [0, 1). */
const randomOf = (seed: number) => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};

const backendOf = (target: string): string => (target === 'cuda-cpu' ? 'cuda' : target.replace('interpreted ', ''));

const targets = ['reference', 'wasm', 'interpreted wasm', 'interpreted wgsl', ...(hasGxx ? ['cuda-cpu'] : [])];

describe.each(targets)('cached attention on %s', (target) => {
  // Every CUDA kernel costs a compiler run, and the interpreter is slow.
  const cases =
    target === 'cuda-cpu' || target.startsWith('interpreted')
      ? attentionCases.filter((_, i) => i % 4 === 3)
      : attentionCases;
  it.each(cases)('$name', async (c) => {
    const program = attentionProgram(c, registry);
    verifyProgram(program, registry);
    if (target === 'reference') {
      const states = new Map<string, HostTensor>();
      const error = await attentionError(c, randomOf(5), async (entry, inputs, past) => {
        const { y } = evaluate(program, entry, inputs, {
          ops: registry,
          host: () => undefined,
          states,
          symbols: { past },
        });
        return y && isTensor(y) ? y.data : [];
      });
      expect(error).toBeLessThan(1e-4);
      return;
    }
    const model = await player(await compile(program, { targets: [backendOf(target)] }), target);
    for (const seed of [5, 6]) {
      const error = await attentionError(c, randomOf(seed), async (entry, inputs, past) => {
        const { y } = await model.run(inputs, entry, { past });
        return y && isTensor(y) ? y.data : [];
      });
      expect(error).toBeLessThan(1e-4);
      // What an earlier text left behind is never seen: no reset is needed.
    }
    await model.dispose();
  });
});

const f32 = (...data: number[]): HostTensor => ({ dtype: 'f32', shape: [data.length], data: Float32Array.from(data) });

/** A program over a state of four numbers: `build` gets its contents and the input x [n]. */
function counter(build: (b: GraphBuilder, state: ReturnType<GraphBuilder['node']>, graph: Graph) => void): Program {
  const graph = new Graph('main');
  const b = new GraphBuilder(graph, registry, { name: 'node', op: 'test' });
  const past = sym('past', { min: 0, max: 3 });
  graph.given.push('past');
  const before = b.node('state_read', [], { state: 's', dtype: 'f32', shape: [4] }, 'before');
  build(b, before, graph);
  const n = sym('n', { min: 1, max: 4 });
  const symbols = new Map(
    [past, n].flatMap((d) => {
      const s = asSym(d);
      return s ? [[s.name, s] as const] : [];
    }),
  );
  return {
    name: 'counter',
    entries: new Map([['main', graph]]),
    states: [{ name: 's', type: tensor('f32', [4]) }],
    symbols,
    metadata: {},
  };
}

const past = sym('past', { min: 0, max: 3 });
const n = sym('n', { min: 1, max: 4 });

/** y = exp(-|old contents|), z = new contents + 1: what is read before the write must be the old. */
const readThenWrite = (): Program =>
  counter((b, before, graph) => {
    const x = graph.input('x', tensor('f32', [n]));
    const old = b.node('exp', [b.node('neg', [b.node('abs', [b.node('reshape', [before], { shape: [2, 2] })])])]);
    const after = b.node('state_write', [before, x], { axis: 0, at: past });
    graph.outputs.push(b.node('mul', [b.node('reshape', [old], { shape: [4] }), b.scalar('f32', 2)], {}, 'y'));
    graph.outputs.push(b.node('add', [after, b.scalar('f32', 1)], {}, 'z'));
  });

describe('states', () => {
  it.each(targets.slice(1))('are read before they are overwritten, and keep what is not (%s)', async (target) => {
    const program = readThenWrite();
    verifyProgram(program, registry);
    const model = await player(await compile(program, { targets: [backendOf(target)] }), target);
    const run = async (at: number, ...x: number[]) => {
      const out = await model.run({ x: f32(...x) }, 'main', { past: at });
      return ['y', 'z'].map((k) =>
        isTensor(out[k]) ? Array.from(out[k].data, Number).map((v) => Math.round(v * 1000) / 1000) : [],
      );
    };
    expect(await run(1, 1, 1)).toEqual([
      [2, 2, 2, 2],
      [1, 2, 2, 1],
    ]);
    expect(await run(0, 5)).toEqual([
      [2, 0.736, 0.736, 2],
      [6, 2, 2, 1],
    ]);
    expect(await run(3, -1)).toEqual([
      [0.013, 0.736, 0.736, 2],
      [6, 2, 2, 0],
    ]);
    model.reset();
    expect(await run(0, 0, 0, 0, 0)).toEqual([
      [2, 2, 2, 2],
      [1, 1, 1, 1],
    ]);
    await model.dispose();
  });

  it('refuses symbols that are missing, broken, out of bounds or beyond the state', async () => {
    const model = await player(await compile(readThenWrite()));
    const run = (x: number[], symbols?: Record<string, number>) => model.run({ x: f32(...x) }, 'main', symbols);
    await expect(run([1])).rejects.toThrow(/INFC6007.*symbols option.*past/);
    await expect(run([1], { pats: 1 })).rejects.toThrow(/INFC6007.*past/);
    await expect(run([1], { past: 0.5 })).rejects.toThrow(/INFC6007.*0.5/);
    await expect(run([1], { past: Number.NaN })).rejects.toThrow(/INFC6007/);
    await expect(run([1], { past: -1 })).rejects.toThrow(/INFC6007.*past/);
    await expect(run([1], { past: 4 })).rejects.toThrow(/INFC6007.*past/);
    await expect(run([1, 2], { past: 3 })).rejects.toThrow(/INFC6009.*4 rows/);
    // None of these left a trace.
    const { z } = await run([1, 2], { past: 2 });
    expect(isTensor(z) && Array.from(z.data, Number)).toEqual([1, 1, 2, 3]);
    await model.dispose();
  });

  it('may not be read after they are overwritten', () => {
    const late = counter((b, before, graph) => {
      const x = graph.input('x', tensor('f32', [n]));
      const view = b.node('reshape', [before], { shape: [2, 2] });
      b.node('state_write', [before, x], { axis: 0, at: past });
      graph.outputs.push(b.node('neg', [view], {}, 'y'));
    });
    expect(() => verifyProgram(late, registry)).toThrow(/INFC2027/);
    const twice = counter((b, before, graph) => {
      const x = graph.input('x', tensor('f32', [n]));
      b.node('state_write', [before, x], { axis: 0, at: past });
      graph.outputs.push(b.node('state_write', [before, x], { axis: 0, at: past }));
    });
    expect(() => verifyProgram(twice, registry)).toThrow(/INFC2027/);
    const other = counter((b, _, graph) => {
      const x = graph.input('x', tensor('f32', [n]));
      graph.outputs.push(b.node('state_write', [b.node('neg', [x]), x], { axis: 0, at: past }));
    });
    expect(() => verifyProgram(other, registry)).toThrow(/INFC2028/);
    const absent = counter((b, _, graph) => {
      graph.outputs.push(b.node('state_read', [], { state: 'nope', dtype: 'f32', shape: [4] }));
    });
    expect(() => verifyProgram(absent, registry)).toThrow(/INFC2028.*nope/);
  });
});

const wgslCases = attentionCases.filter((_, i) => i % 2 === 1).map((c) => c.name);

describe('cached attention on WebGPU', () => {
  it.skipIf(!hasSwiftShader)(
    `agrees over SwiftShader${hasSwiftShader ? '' : ' (chromium with SwiftShader is absent)'}`,
    async () => {
      const errors = await runInChild<unknown, Record<string, number | string>>(
        'attention-webgpu.ts',
        { names: wgslCases },
        { env: swiftShaderEnv, timeoutMs: 170_000 },
      );
      expect(Object.keys(errors)).toEqual(wgslCases);
      for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(1e-4);
    },
    180_000,
  );
});
