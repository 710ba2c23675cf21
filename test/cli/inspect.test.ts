import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../compiler/diagnostics.ts';
import { encodeModel, i64, info, node } from '../import/build-onnx.ts';
import { infc } from './capture.ts';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'infc-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function inspect(model: Uint8Array, ...more: string[]) {
  await writeFile(path.join(dir, 'm.onnx'), model);
  return infc(['inspect', 'm.onnx', ...more], dir);
}

describe('infc inspect of a model', () => {
  const model = encodeModel({
    name: 'g',
    input: [info('x', [2, 3]), info('d', [2], 11)],
    initializer: [i64('k', [1], [2]), i64('a', [1], [1]), i64('b', [1], [2])],
    output: [info('v', [2, 2]), info('i', [2, 2], 7), info('e', [2], 11), info('c', [1], 7)],
    node: [
      node('Relu', ['x'], ['r']),
      node('TopK', ['r', 'k'], ['v', 'i']),
      node('Abs', ['d'], ['e']),
      node('Add', ['a', 'b'], ['c']),
    ],
  });

  it('says for each op where it runs on each target, and why', async () => {
    const { code, out } = await inspect(model, '--json');
    expect(code).toBe(0);
    const places = Object.fromEntries(
      (JSON.parse(out).places as { op: string; targets: Record<string, { where: string; why?: string }> }[]).map(
        (p) => [p.op, p.targets],
      ),
    );
    expect(places.Relu).toEqual({ wasm: { where: 'kernel' }, wgsl: { where: 'kernel' }, cuda: { where: 'kernel' } });
    expect(places.TopK?.wasm).toMatchObject({ where: 'host', why: expect.stringContaining('top_k') });
    expect(places.Abs?.wasm).toEqual({ where: 'kernel' });
    expect(places.Abs?.wgsl?.why).toContain('wgsl has no kernels for f64');
    expect(places.Add?.wasm?.where).toBe('folded');
  });

  it('shows it as a table', async () => {
    const { out } = await inspect(model);
    expect(out).toMatch(/op +nodes +wasm +wgsl +cuda +why/);
    expect(out).toMatch(/TopK +1 +host +host +host +top_k: it is not a tensor expression/);
  });

  it('names the operators that nothing imports', async () => {
    const unknown = encodeModel(
      {
        name: 'g',
        input: [info('x', [1])],
        output: [info('y', [1])],
        node: [node('Relu', ['x'], ['r']), node('Whiten', ['r'], ['y'], [], { domain: 'acme', name: 'w' })],
      },
      {
        opsetImport: [
          { domain: '', version: 17 },
          { domain: 'acme', version: 1 },
        ],
      },
    );
    const { code, out, err } = await inspect(unknown);
    expect(code).toBe(exitCodes.unsupported);
    expect(out).toContain('1 not supported: acme::Whiten');
    expect(err).toContain('infc plugin new op acme.Whiten');
  });
});
