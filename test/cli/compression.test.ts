import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeNpy } from '../../compiler/cli/npy.ts';
import { exitCodes } from '../../compiler/diagnostics.ts';
import { encodeModel, f32, info, node } from '../import/build-onnx.ts';
import { infc } from './capture.ts';

let dir = '';
const run = (...argv: string[]) => infc(argv, dir);

beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'infc-compression-'));
  let seed = 5;
  const values = (n: number): number[] =>
    Array.from({ length: n }, () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed / 2 ** 31 - 1;
    });
  const bytes = encodeModel({
    name: 'mlp',
    input: [info('x', [8, 64])],
    output: [info('y', [8, 96])],
    node: [
      node('MatMul', ['x', 'up'], ['h']),
      node('Relu', ['h'], ['r']),
      node('MatMul', ['r', 'mid'], ['m']),
      node('Relu', ['m'], ['s']),
      node('MatMul', ['s', 'down'], ['y']),
    ],
    initializer: [
      f32('up', [64, 96], values(64 * 96)),
      f32('mid', [96, 96], values(96 * 96)),
      f32('down', [96, 96], values(96 * 96)),
    ],
  });
  await writeFile(path.join(dir, 'mlp.onnx'), bytes);
  const weights: Readonly<Record<string, (i: number) => number>> = {
    huge: (i) => (i === 77 ? 1e30 : Math.sin(i)),
    large: (i) => 1e6 * Math.sin(i),
    tiny: (i) => 1e-40 * Math.sin(i),
    plain: (i) => Math.sin(i),
    broken: (i) => (i === 200 ? Number.NaN : Math.sin(i)),
  };
  for (const [name, value] of Object.entries(weights)) {
    const w = f32(
      'w',
      [64, 64],
      Array.from({ length: 4096 }, (_, i) => value(i)),
    );
    const made = { name, input: [info('x', [8, 64])], output: [info('y', [8, 64])], initializer: [w] };
    await writeFile(
      path.join(dir, `${name}.onnx`),
      encodeModel({ ...made, node: [node('MatMul', ['x', 'w'], ['y'])] }),
    );
  }
  const io = { input: [info('x', [8, 64])], output: [info('y', [8, 64])] };
  for (const [name, scale] of Object.entries({ endless: Number.POSITIVE_INFINITY, undefined: Number.NaN }))
    await writeFile(
      path.join(dir, `${name}.onnx`),
      encodeModel({
        ...{ name, ...io, initializer: [f32('s', [], [scale])] },
        node: [node('QuantizeLinear', ['x', 's'], ['q']), node('DequantizeLinear', ['q', 's'], ['y'])],
      }),
    );
  const recipes: Readonly<Record<string, unknown>> = {
    typo: { rules: [{ format: 'q4g32', algoritm: 'gptq' }] },
    none: { rules: [] },
    odd: { rules: [{ match: 'mid', format: 'q4g64' }] },
    'w4a8-tables': { rules: [{ format: 'p4g64' }] },
  };
  for (const [name, recipe] of Object.entries(recipes))
    await writeFile(path.join(dir, `${name}.json`), JSON.stringify(recipe));
  await mkdir(path.join(dir, 'samples'));
  await mkdir(path.join(dir, 'others'));
  for (let i = 0; i < 12; i++) {
    const data = Float32Array.from({ length: 512 }, (_, j) => Math.sin(i + j * j));
    await writeFile(
      path.join(dir, `${i < 6 ? 'samples' : 'others'}/${i}.npy`),
      encodeNpy({ dtype: 'f32', shape: [8, 64], data }),
    );
  }
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** A plugin whose pass loses what rows keep of a sparse format, in the graph and in the file alike: what joining products once did. */
const losing = `export default { name: 'losing', api: 1, passes: [{
  name: 'lose-values', phase: 'format', after: ['store-weights'], does: 'loses the values of sparse weights',
  run(graph, { storage, changed }) {
    for (const node of graph.nodes) {
      const c = node.inputs[1]?.constant;
      const format = c?.type.format.startsWith('bitmap') ? storage.format(c.type.format) : undefined;
      if (!format) continue;
      const lost = ([name, plane]) => [name, name in format.sparse.ragged ? plane.slice().fill(0) : plane];
      const planes = () => Object.fromEntries(Object.entries(c.encoded.planes()).map(lost));
      const [rows, length] = c.type.shape;
      const read = () => new Uint8Array(storage.decode(format, planes(), { rows, length }).buffer);
      graph.setInput(node, 1, graph.constant({ ...c, encoded: { format: format.name, planes }, read }));
      changed(node, 'values lost');
    }
  },
}] };`;

/** A plugin whose pass claims to change the form of the graph alone, and makes weights larger. */
const scaling = `export default { name: 'scaling', api: 1, passes: [{
  name: 'scale', phase: 'precision', alters: 'form', does: 'doubles a weight',
  run(graph, { changed }) {
    const node = graph.nodes.find((n) => n.op === 'matmul');
    const c = node.inputs[1].constant;
    const read = () => new Uint8Array(Float32Array.from(new Float32Array(c.read().slice().buffer), (w) => 2 * w).buffer);
    graph.setInput(node, 1, graph.constant({ ...c, read }));
    changed(node, 'doubled');
  },
}] };`;

describe('infc verify with a recipe', () => {
  test.each([
    [
      'q4g32',
      /^reference: 3 weights in formats \(3 q4g32\), decoded anew from the model's own, in the graph as imported$/m,
    ],
    ['w3+awq', /\(3 a3g32\), decoded anew from the model's own, in the graph after equalize$/m],
    ['w2+lrec8', /\(3 a2g32\), as the recipe's algorithms chose their values, in the graph as imported$/m],
    ['w4a8+gptq', /^reference: \d weights .*, in the graph after quantize-activations$/m],
  ])(
    '%s is compared with the model as imported, its weights rounded anew',
    async (recipe, said) => {
      const made = await run('compile', 'mlp.onnx', '-o', recipe, '--quant', recipe, '--calibrate', 'samples');
      expect(made.code).toBe(0);
      const { code, out } = await run('verify', recipe);
      expect(out).toMatch(said);
      expect(code).toBe(0);
    },
    120_000,
  );

  test.each([
    [
      losing,
      ['--sparsity', 'unstructured:0.7', '--quant', 'q8g32'],
      /^INFC8020 first divergence: value 'h' \(.*; a pass changed the meaning\)$/m,
    ],
    [scaling, ['--quant', 'q8g32'], /^INFC8020 first divergence: value 'h' \(matmul; scale changed the meaning\)$/m],
  ])(
    'finds what a pass does to the artifact and to the graph alike',
    async (plugin, argv, said) => {
      const file = plugin === losing ? 'losing.mjs' : 'scaling.mjs';
      await writeFile(path.join(dir, file), plugin);
      const made = await run('compile', 'mlp.onnx', '-o', `${file}-out`, ...argv, '--plugin', file);
      expect(made.code).toBe(0);
      const { code, out } = await run('verify', `${file}-out`);
      expect(out).toMatch(said);
      expect(code).toBe(exitCodes.disagreement);
      const { error } = JSON.parse((await run('verify', `${file}-out`, '--json')).out);
      expect(error.code).toBe('INFC8020');
      expect(error.reason).toMatch(/^value '\w' .*is [-\d.e]+ at \d+ instead of [-\d.e]+ \(/);
    },
    120_000,
  );
});

describe('infc compile --quant and infc eval', () => {
  test('says how both sides do against labels', async () => {
    const made = await run('compile', 'mlp.onnx', '-o', 'q8', '--quant', 'q8');
    expect(made.code).toBe(0);
    const labels = Object.fromEntries(['0', '1', '2', '3', '4', '5'].map((n) => [n, [0, 1, 2, 3, 4, 5, 6, 7]]));
    await writeFile(path.join(dir, 'labels.json'), JSON.stringify(labels));
    const all = ['eval', 'q8', '--against', 'mlp.onnx', '--inputs', 'samples', '--labels', 'labels.json'];
    const { out } = await run(...all, '--json');
    const { task } = JSON.parse(out);
    expect(task.output).toBe('y');
    expect(Object.keys(task.scores)).toEqual(['accuracy', 'top-5']);
    // 48 rows, and the same ones right on both sides.
    expect(task.scores.accuracy * 48).toBeCloseTo(Math.round(task.scores.accuracy * 48));
    expect(task.scores).toEqual(task.reference);
    expect((await run(...all)).out).toContain('against labels, y');
    await writeFile(path.join(dir, 'labels.json'), JSON.stringify({ ...labels, 3: null }));
    expect((await run(...all)).err).toContain('INFC8047');
    await writeFile(path.join(dir, 'labels.json'), '0 no tab');
    expect((await run(...all)).err).toContain('INFC8047');
  });
  test('measures what a recipe costs, layer by layer', async () => {
    const made = await run('compile', 'mlp.onnx', '-o', 'q3', '--quant', 'q3g32+gptq', '--calibrate', 'samples');
    expect(made.code).toBe(0);
    const { err, out } = await run(
      'eval',
      'q3',
      '--against',
      'mlp.onnx',
      '--inputs',
      'samples',
      '--html',
      'e.html',
      '--json',
    );
    expect(err).toBe('');
    const r = JSON.parse(out);
    expect(r.damage.outputs.y.relative).toBeGreaterThan(0.001);
    expect(r.damage.outputs.y.relative).toBeLessThan(0.3);
    expect(r.bytes[0]).toBeLessThan(r.bytes[1] / 6);
    expect(r.layers.length).toBeGreaterThanOrEqual(2);
    expect(await readFile(path.join(dir, 'e.html'), 'utf8')).toMatch(
      /<svg .*MatMul_h: .*MatMul_m: [\s\S]*Worst first[\s\S]*MatMul_m[\s\S]*MatMul_h/,
    );
    expect(await run('verify', 'q3')).toMatchObject({ code: 0, err: '' });
    // A bound that is exceeded shows in the exit code.
    expect((await run('eval', 'q3', '--against', 'mlp.onnx', '--inputs', 'samples', '--max-kl', '1e-9')).code).toBe(1);
  }, 120_000);

  test('chooses within a budget, says why, keeps it on other data', async () => {
    const made = await run('compile', 'mlp.onnx', '-o', 'auto', '--max-kl', '0.05', '--calibrate', 'samples', '--json');
    expect(made.code).toBe(0);
    const { precision } = JSON.parse(made.out);
    const chosen = precision.candidates.find((c: { chosen: boolean }) => c.chosen);
    expect(precision.candidates.length).toBeGreaterThanOrEqual(7);
    for (const c of precision.candidates) if (c.within) expect(c.bytes).toBeGreaterThanOrEqual(chosen.bytes);
    const { out } = await run('eval', 'auto', '--against', 'mlp.onnx', '--inputs', 'others', '--json');
    expect(JSON.parse(out).damage.outputs.y.relative).toBeLessThan(0.05);
    const why = await run('explain', 'precision', 'auto');
    expect(why.out).toContain(`> ${chosen.name}`);
    expect(why.out).toContain('mid');
    const small = await run(
      'compile',
      'mlp.onnx',
      '-o',
      'small',
      '--max-bytes',
      '20kB',
      '--calibrate',
      'samples',
      '--json',
    );
    expect(
      JSON.parse(small.out).targets[0].parts.find((p: { part: string }) => p.part === 'weights').bytes,
    ).toBeLessThan(20_000);
  }, 120_000);

  test('stores the pruned weight of the outputs sparse, as any other', async () => {
    const { out } = await run('compile', 'plain.onnx', '-o', 'p', '--sparsity', 'unstructured:0.7', '--quant', 'q8g32');
    expect(out).toMatch(/^zeros +1 weight: stored as bitmap-q8: a product in bitmap-q8 takes/m);
    expect((await run('verify', 'p')).code).toBe(0);
  }, 60_000);

  test('prunes in patterns', async () => {
    const { code } = await run(
      'compile',
      'mlp.onnx',
      '-o',
      's',
      '--sparsity',
      '2:4',
      '--prune',
      'wanda',
      '--calibrate',
      'samples',
    );
    expect(code).toBe(0);
    const { out } = await run('eval', 's', '--against', 'mlp.onnx', '--inputs', 'samples', '--json');
    expect(JSON.parse(out).damage.outputs.y.relative).toBeLessThan(1);
  }, 120_000);

  test.each([
    [['compile', 'mlp.onnx', '-o', 'e', '--max-kl', '0.1'], 'INFC8043'],
    [['compile', 'mlp.onnx', '-o', 'e', '--max-kl', '0.1', '--quant', 'q4', '--calibrate', 'samples'], 'INFC8042'],
    [['compile', 'mlp.onnx', '-o', 'e', '--max-kl', '1e-12', '--calibrate', 'samples'], 'INFC2084'],
    [['compile', 'mlp.onnx', '-o', 'e', '--quant', 'q4+gptq'], 'INFC2072'],
    [['compile', 'mlp.onnx', '-o', 'e', '--quant', 'q4+nope'], 'INFC8064'],
    [['compile', 'mlp.onnx', '-o', 'e', '--quant', 'q4+gptq', '--calibrate', 'nowhere'], 'INFC8005'],
    [['compile', 'mlp.onnx', '-o', 'e', '--quant', 'q4+gptq', '--calibrate', 'odd'], 'INFC8041'],
    [['compile', 'mlp.onnx', '-o', 'e', '--quant', 'q4+gptq', '--calibrate', 'nan'], 'INFC2078'],
    [['compile', 'mlp.onnx', '-o', 'e', '--max-drop', '200%'], 'INFC8003'],
    [['compile', 'mlp.onnx', '-o', 'e', '--max-bytes', 'few'], 'INFC8003'],
    [['compile', 'mlp.onnx', '-o', 'e', '--sparsity', '5:4'], 'INFC8031'],
    [['compile', 'huge.onnx', '-o', 'e', '--quant', 'mxfp4'], 'INFC2092'],
    [['compile', 'large.onnx', '-o', 'e', '--quant', 'q4'], 'INFC2092'],
    [['compile', 'endless.onnx', '-o', 'e'], "scale 's' is Infinity"],
    [['compile', 'undefined.onnx', '-o', 'e'], "scale 's' is NaN"],
    [['compile', 'broken.onnx', '-o', 'e', '--quant', 'q8'], 'INFC2092'],
    [['compile', 'broken.onnx', '-o', 'e', '--quant', 'w8a8'], 'INFC2092'],
    [['compile', 'broken.onnx', '-o', 'e', '--sparsity', '2:4'], 'INFC2092'],
    [['compile', 'tiny.onnx', '-o', 'e', '--quant', 'q8'], 'INFC2095'],
    [['compile', 'tiny.onnx', '-o', 'e', '--quant', 'mxfp4'], 'INFC2095'],
    [['compile', 'mlp.onnx', '-o', 'e', '--quant', 'typo.json'], 'INFC8062'],
    [['compile', 'mlp.onnx', '-o', 'e', '--quant', 'none.json'], 'INFC8062'],
    [['compile', 'mlp.onnx', '-o', 'e', '--quant', 'odd.json'], 'INFC2098'],
    [['compile', 'mlp.onnx', '-o', 'e', '--quant', 'w4a8-tables.json'], 'INFC2093'],
    [['eval', 'mlp.onnx'], 'INFC8003'],
    [['eval', 'mlp.onnx', '--against', 'mlp.onnx'], 'INFC8003'],
    [['eval', 'mlp.onnx', '--against', 'mlp.onnx', '--inputs', 'nowhere'], 'INFC8005'],
  ])(
    '%j fails with its code',
    async (argv, code) => {
      await mkdir(path.join(dir, 'odd'), { recursive: true });
      await mkdir(path.join(dir, 'nan'), { recursive: true });
      const array = (n: number, v: number) =>
        encodeNpy({ dtype: 'f32', shape: n === 512 ? [8, 64] : [n], data: new Float32Array(n).fill(v) });
      await writeFile(path.join(dir, 'odd/0.npy'), array(4, 1));
      await writeFile(path.join(dir, 'nan/0.npy'), array(512, Number.NaN));
      const r = await run(...argv);
      expect(r.err + r.out).toContain(code);
      expect(r.code).not.toBe(0);
    },
    60_000,
  );
});
