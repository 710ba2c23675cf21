import { describe, expect, it } from 'vitest';
import { evaluate, isTensor } from '../../backends/reference/evaluate.ts';
import { builtin } from '../../compiler/builtin.ts';
import { type CompileOptions, compile } from '../../compiler/compile.ts';
import { fitsFormat } from '../../compiler/formats/format.ts';
import { type FormatRecipe, matchesName } from '../../compiler/formats/recipe.ts';
import { planesOf } from '../../compiler/formats/rows.ts';
import { collectSyms, sym } from '../../compiler/ir/dim.ts';
import type { DType } from '../../compiler/ir/dtype.ts';
import { Graph, type Program, tensor, type Value } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { Registry } from '../../compiler/plugin.ts';
import { numbersOf } from '../../compiler/tensor-values.ts';
import { encodeFloat } from '../../runtime/minifloat.ts';
import { player } from '../conformance/onnx-targets.ts';

const registry = new Registry([builtin]);
const [VOCABULARY, WIDTH] = [101, 64];

/** logits = (table[ids] W + table[ids]) table^T, with W stored [in, out] as ONNX does. */
function tied(dtype: DType = 'f32', rows = sym('seq', { min: 1, max: 64 })): Program {
  const graph = new Graph('main');
  const b = new GraphBuilder(graph, registry, { name: 'test', op: 'test' });
  let s = 7;
  const weight = (name: string, shape: readonly [number, number]): Value => {
    const values = Array.from({ length: shape[0] * shape[1] }, () => {
      s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
      return s / 2 ** 31 - 1;
    });
    return b.constant(dtype, shape, dtype === 'f32' ? values : values.map((v) => encodeFloat(dtype, v)), name);
  };
  const ids = graph.input('ids', tensor('i64', [1, rows]));
  const table = weight('embed.weight', [VOCABULARY, WIDTH]);
  const x = b.node('gather', [table, ids], { axis: 0 });
  const y = b.node('add', [b.node('matmul', [x, weight('layer.w', [WIDTH, WIDTH])]), x]);
  graph.outputs = [b.node('matmul', [y, table], { transposeB: true }, 'logits')];
  return {
    name: 'tied',
    entries: new Map([['main', graph]]),
    states: [],
    symbols: new Map(collectSyms(rows)),
    metadata: {},
  };
}

const ids = (...list: number[]) => ({
  dtype: 'i64' as const,
  shape: [1, list.length],
  data: BigInt64Array.from(list.map(BigInt)),
});

async function logits(program: Program, options: CompileOptions, list: number[]) {
  const compilation = await compile(program, options);
  const p = await player(compilation, options.targets?.[0], { relaxedSimd: false }); // which makes bytes of activations
  try {
    const r = (await p.run({ ids: ids(...list) })).logits;
    if (r === undefined || !isTensor(r)) throw new Error('no logits');
    const expected = evaluate(
      compilation.program,
      'main',
      { ids: ids(...list) },
      { ops: registry, host: () => undefined },
    ).logits;
    if (expected === undefined || !isTensor(expected)) throw new Error('no expected logits');
    return { actual: r, expected, compilation };
  } finally {
    await p.dispose();
  }
}

describe('storage formats assigned by a recipe', () => {
  it.each([
    ['f16', 2],
    ['bf16', 2],
    ['q8g32', 8.5 / 8],
    ['q4', 4.5 / 8],
  ] as const)('%s: kernels agree with the reference, the tied table is stored once', async (quant, perWeight) => {
    for (const list of [[5], [0, 100, 7], Array.from({ length: 40 }, (_, i) => (i * 37) % 101)]) {
      const { actual, expected, compilation } = await logits(tied(), { quant }, list);
      expect(actual.shape).toEqual([1, list.length, VOCABULARY]);
      actual.data.forEach((v, i) => expect(Math.abs(Number(v) - Number(expected.data[i]))).toBeLessThan(1e-3 * 12));
      const weights = compilation.targets[0]?.assembled.files.filter((f) => f.name.endsWith('.safetensors')) ?? [];
      const bytes = weights.reduce((n, f) => n + f.bytes, 0);
      // The last panel overlaps its neighbour: at most 7 rows twice; and a header.
      expect(bytes).toBeLessThan((VOCABULARY + 7 + WIDTH) * WIDTH * perWeight + 1500);
    }
  });
});

/** Sparse formats hold no table, whole numbers need activations in codes, K-quants rows of 256. */
const everyFormat = [...registry.formats].filter((f) => !f.sparse && f.whole === undefined && fitsFormat(f, WIDTH));

it.each(everyFormat.map((f) => f.name))('a table and head in %s: kernels agree with the reference', async (quant) => {
  const { actual, expected } = await logits(tied(), { quant }, [0, 100, 5, 99]);
  const [got, wanted] = [numbersOf(actual), numbersOf(expected)];
  const largest = wanted.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  expect(largest).toBeGreaterThan(1);
  // Look-ups multiply with bytes of the activations.
  const allowed = registry.format(quant)?.signs ? 2e-2 : 1e-3;
  got.forEach((v, i) => expect(Math.abs(v - (wanted[i] ?? 0))).toBeLessThan(allowed * largest));
});

describe('recipes', () => {
  const formatsOf = async (quant: string | FormatRecipe): Promise<string[]> => {
    const { program } = await compile(tied(), { quant, stopAfter: 'format' });
    return (program.entries.get('main')?.nodes ?? [])
      .filter((n) => n.op === 'gather' || n.op === 'matmul')
      .map((n) => n.inputs[n.op === 'gather' ? 0 : 1]?.type.format ?? '');
  };

  it('auto keeps the ends of a language model wider', async () => {
    expect(await formatsOf('auto')).toEqual(['q8g32', 'q4g32', 'q8g32']);
    expect(await formatsOf('f32')).toEqual(['dense', 'dense', 'dense']);
    expect(await formatsOf('q4g32')).toEqual(['q4g32', 'q4g32', 'q4g32']);
  });

  it('q8 leaves 16 bits to what is small', async () => {
    expect(await formatsOf('q8')).toEqual(['dense-f16', 'dense-f16', 'dense-f16']);
    const rules = [{ atMost: WIDTH * WIDTH, format: 'q4g32' }, { format: 'q8g32' }];
    expect(await formatsOf({ name: 'mine', rules })).toEqual(['q8g32', 'q4g32', 'q8g32']);
  });

  it('takes the first rule whose name and role fit', async () => {
    const rules = [
      { match: 'layer.*', format: 'q8g32' },
      { role: 'embedding', format: 'dense-f16' },
    ] as const;
    expect(await formatsOf({ name: 'mine', rules })).toEqual(['dense-f16', 'q8g32', 'dense']);
    expect(matchesName('*.w', 'layer.w')).toBe(true);
    expect(matchesName('l.*', 'layer.w')).toBe(false);
  });

  it('refuses unknown names', async () => {
    await expect(compile(tied(), { quant: 'q9' })).rejects.toThrow(/INFC8061.*'q9'/);
    await expect(compile(tied(), { quant: 'mxfp5' })).rejects.toThrow(/INFC8061.*'mxfp5'.*'mxfp4'/);
    const missed = { name: 'r', rules: [{ match: 'layr.w', format: 'q4g32' }] };
    await expect(compile(tied(), { quant: missed })).rejects.toThrow(
      /INFC2091.*'layr.w'.*nearest of 2 names: 'layer.w'/,
    );
    const rules = [{ format: 'nope' }];
    await expect(compile(tied(), { quant: { name: 'r', rules } })).rejects.toThrow(/INFC8061.*'nope'/);
    // The name of a recipe is no format, though rules of it are.
    await expect(compile(tied(), { quant: { name: 'r', rules: [{ format: 'q4' }] } })).rejects.toThrow(
      /INFC8061.*'q4'.*'q4g32'/,
    );
  });

  it('looks names up before activations are rounded, which renames weights', async () => {
    const quant = { name: 'r', rules: [{ match: 'layer.w', format: 'dense' }], activations: 'dynamic' } as const;
    await expect(compile(tied(), { quant, stopAfter: 'format' })).resolves.toBeDefined();
  });

  it('keeps the dtype of results', async () => {
    for (const dtype of ['f16', 'bf16'] as const) {
      const { actual, expected } = await logits(tied(dtype), { quant: 'q8g32' }, [3, 4]);
      expect(actual.dtype).toBe(dtype);
      expect(numbersOf(actual).every((v, i) => Math.abs(v - (numbersOf(expected)[i] ?? 0)) < 0.2)).toBe(true);
    }
  });

  it('does not quantize what is encoded already', async () => {
    const program = tied();
    const format = registry.format('q8g32');
    const table = program.entries.get('main')?.nodes[0]?.inputs[0];
    if (!format || !table?.constant) throw new Error('no table');
    const planes = planesOf(table.constant, format, { rows: VOCABULARY, length: WIDTH });
    let asked = 0;
    const encoded = {
      format: 'q8g32',
      planes: () => {
        asked++;
        return planes;
      },
    };
    const dense = table.constant;
    const constant = { ...dense, encoded };
    for (const n of program.entries.get('main')?.nodes ?? [])
      for (const v of n.inputs) if (v?.constant === dense) v.constant = constant;
    const { compilation } = await logits(program, {}, [1]);
    expect(asked).toBeGreaterThan(0);
    const formats = compilation.program.entries.get('main')?.nodes.flatMap((n) => n.inputs.map((v) => v?.type.format));
    expect(formats?.filter((f) => f === 'q8g32').length).toBe(2);
  });
});
