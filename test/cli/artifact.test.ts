import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../compiler/diagnostics.ts';
import { encodeModel, f32, info, node } from '../import/build-onnx.ts';
import { infc } from './capture.ts';

let dir = '';

const tiny = encodeModel({
  name: 'tiny',
  input: [info('x', ['n', 4])],
  output: [info('y', ['n', 3])],
  initializer: [f32('w', [4, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 0, -1]), f32('b', [3], [1, -2, 0.5])],
  node: [
    node('MatMul', ['x', 'w'], ['m'], [], { name: 'project' }),
    node('Add', ['m', 'b'], ['s'], [], { name: 'shift' }),
    node('Relu', ['s'], ['r'], [], { name: 'clip' }),
    node('Softmax', ['r'], ['y'], [], { name: 'normalise' }),
  ],
});

describe('artifact commands', () => {
  beforeAll(async () => {
    dir = await mkdtemp(path.join(os.tmpdir(), 'infc-cli-'));
    await writeFile(path.join(dir, 'tiny.onnx'), tiny);
    const compiled = await infc(['compile', 'tiny.onnx', '-o', 'out'], dir);
    expect(compiled.err).toBe('');
    expect(compiled.code).toBe(0);
    expect(compiled.out).toContain('4 nodes in');
  });

  afterAll(async () => {
    if (dir) await rm(dir, { recursive: true, force: true });
  });

  it('writes the same bytes every time', async () => {
    await infc(['compile', 'tiny.onnx', '-o', 'again'], dir);
    const names = (await readdir(path.join(dir, 'out'), { recursive: true })).sort();
    expect((await readdir(path.join(dir, 'again'), { recursive: true })).sort()).toEqual(names);
    for (const name of names.filter((n) => n.includes('.')))
      expect(await readFile(path.join(dir, 'again', name)), name).toEqual(await readFile(path.join(dir, 'out', name)));
  });

  it('refuses to replace a folder of somebody else, and leaves nothing behind when a model is bad', async () => {
    await writeFile(path.join(dir, 'bad.onnx'), tiny.subarray(0, 60));
    expect((await infc(['compile', 'tiny.onnx', '-o', '.'], dir)).err).toContain('INFC8007');
    const bad = await infc(['compile', 'bad.onnx', '-o', 'nothing'], dir);
    expect(bad.code).toBe(exitCodes.badInput);
    expect(existsSync(path.join(dir, 'nothing'))).toBe(false);
    const missing = await infc(['compile', 'missing.onnx', '-o', 'nothing'], dir);
    expect([missing.code, missing.err]).toEqual([exitCodes.badInput, expect.stringContaining('INFC8005')]);
    const target = await infc(['compile', 'tiny.onnx', '-o', 'nothing', '--target', 'wasn'], dir);
    expect([target.code, target.err]).toEqual([exitCodes.unsupported, expect.stringContaining('wasn')]);
  });

  it('runs with JSON, fills and written outputs', async () => {
    const ran = await infc(['run', 'out', '--input', 'x=[[0, 0, 0, 0]]', '--json', '--output', 'results'], dir);
    const y = JSON.parse(ran.out).outputs.y;
    expect(y.shape).toEqual([1, 3]);
    const [a, b, c] = [Math.exp(1), 1, Math.exp(0.5)];
    [a, b, c].forEach((e, i) => {
      expect(y.data[i]).toBeCloseTo(e / (a + b + c), 5);
    });
    expect(existsSync(path.join(dir, 'results/y.npy'))).toBe(true);
    expect((await infc(['run', 'out', '--dims', 'n=5', '--repeat', '3'], dir)).out).toContain('f32[5, 3]');
  });

  it('names wrong inputs, shapes and dims', async () => {
    expect((await infc(['run', 'out', '--input', 'photo=zeros'], dir)).err).toContain("Its inputs are 'x'");
    const shape = await infc(['run', 'out', '--input', 'x=[[1, 2]]'], dir);
    expect([shape.code, shape.err]).toEqual([exitCodes.badInput, expect.stringContaining('INFC6')]);
    expect((await infc(['run', 'out', '--dims', 'm=5'], dir)).err).toContain("no dim 'm'");
  });

  it('verifies against the reference, and against onnxruntime', async () => {
    const reference = await infc(['verify', 'out', '--dims', 'n=3'], dir);
    expect([reference.code, reference.err]).toEqual([0, '']);
    const ort = await infc(['verify', 'out', '--against', 'onnxruntime', '--dims', 'n=2', '--json'], dir);
    expect(JSON.parse(ort.out)).toMatchObject({ ok: true, outputs: [{ name: 'y', agrees: true, allowed: 1e-3 }] });
  });

  it('finds the first op that diverges when weights are damaged, and writes a repro folder', async () => {
    await infc(['compile', 'tiny.onnx', '-o', 'damaged'], dir);
    const weights = (await readdir(path.join(dir, 'damaged'))).find((f) => f.endsWith('.safetensors')) ?? '';
    const file = path.join(dir, 'damaged', weights);
    const bytes = await readFile(file);
    const header = Number(bytes.readBigUInt64LE(0));
    for (let at = 8 + header; at + 4 <= bytes.length; at += 4)
      if (bytes.readFloatLE(at) === 9) bytes.writeFloatLE(-90, at);
    await writeFile(file, bytes);
    const result = await infc(['verify', 'damaged', '--json'], dir);
    expect(result.code).toBe(exitCodes.disagreement);
    const found = JSON.parse(result.out);
    expect(found.divergence.stage).toBe('kernel');
    expect(found.divergence.sources.join()).toContain('project');
    expect(await readdir(found.repro)).toEqual(
      expect.arrayContaining(['README.txt', 'actual', 'expected', 'inputs', 'report.json']),
    );
  });

  it('inspects the model and the artifact', async () => {
    const model = JSON.parse((await infc(['inspect', 'tiny.onnx', '--json'], dir)).out);
    expect(model).toMatchObject({ kind: 'model', nodes: 4, parameters: 15, ops: { matmul: 1, softmax: 1 } });
    const artifact = await infc(['inspect', 'out'], dir);
    expect(artifact.out).toContain('tiny for wasm');
  });

  it('explains kernels, nodes and the pipeline', async () => {
    const plan = JSON.parse(await readFile(path.join(dir, 'out/plan.json'), 'utf8'));
    const kernel = await infc(['explain', 'kernel', plan.kernels[0].name, 'out'], dir);
    expect(kernel.out).toContain('roofline');
    const named = await infc(['explain', 'node', 'project', 'out'], dir);
    expect(named.out).toContain('matmul');
    expect((await infc(['explain', 'node', 'projct', 'out'], dir)).err).toContain("Did you mean 'project'?");
    expect((await infc(['explain', 'pipeline'], dir)).out).toContain('fold-constants');
  });

  it('writes a page that needs nothing else', async () => {
    expect((await infc(['view', 'out'], dir)).code).toBe(0);
    const html = await readFile(path.join(dir, 'out/view.html'), 'utf8');
    expect(html).toContain('project');
    expect(html).not.toMatch(/(src|href)="(?!#)/);
  });

  it('compiles for several targets into a folder each', async () => {
    const { code, err } = await infc(['compile', 'tiny.onnx', '-o', 'both', '--target', 'wasm,wgsl'], dir);
    expect([code, err]).toEqual([0, '']);
    expect(existsSync(path.join(dir, 'both/wasm/plan.json')) && existsSync(path.join(dir, 'both/wgsl/plan.json'))).toBe(
      true,
    );
    expect((await infc(['run', 'both', '--json'], dir)).code).toBe(0);
  });

  it('refuses an artifact of a newer format and one whose model changed', async () => {
    await infc(['compile', 'tiny.onnx', '-o', 'newer'], dir);
    const file = path.join(dir, 'newer/plan.json');
    const plan = JSON.parse(await readFile(file, 'utf8'));
    await writeFile(file, JSON.stringify({ ...plan, infc: plan.infc + 1 }));
    expect((await infc(['run', 'newer'], dir)).err).toContain('Update infc');
    await writeFile(path.join(dir, 'changing.onnx'), tiny);
    await infc(['compile', 'changing.onnx', '-o', 'stale'], dir);
    await writeFile(path.join(dir, 'changing.onnx'), Buffer.concat([tiny, Buffer.from([0x32, 0])]));
    expect((await infc(['verify', 'stale'], dir)).err).toContain('INFC8012');
  });

  it('stops after a phase and prints the graph', async () => {
    const { out } = await infc(['compile', 'tiny.onnx', '--stop-after', 'import'], dir);
    expect(out).toContain('matmul');
  });
});
