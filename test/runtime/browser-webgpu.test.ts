import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCompiler } from '../../compiler/compile.ts';
import { artifactFiles, writeArtifact } from '../../compiler/plan/artifact.ts';
import { numbersOf } from '../../compiler/tensor-values.ts';
import { type Feed, feedsFor, modelPath, onnxruntimeOutputs, relativeDifference } from '../kit/model-feeds.ts';
import { findCase, hasModels } from '../kit/models.ts';
import { missingChromium, type OpenFolder, openFolder } from '../kit/page.mjs';

const reason = missingChromium || (hasModels ? '' : ' (../shared/models is absent)');
const names = ['iris-mlp', 'mnist-cntk', 'motor-fault-extdata', 'cifar-cnn', 'superres', 'magika'];

/** What the page runs: the artifact as a user would import it. */
const page = `
window.play = async (name, feeds) => {
  const { load } = await import('./' + name + '/model.js');
  const views = { f32: Float32Array, f16: Uint16Array, i64: BigInt64Array, i32: Int32Array, u8: Uint8Array, bool: Uint8Array };
  const inputs = {};
  for (const [key, f] of Object.entries(feeds)) {
    const bytes = Uint8Array.from(atob(f.base64), (c) => c.charCodeAt(0));
    inputs[key] = { dtype: f.dtype, shape: f.shape, data: new views[f.dtype](bytes.buffer) };
  }
  const model = await load();
  const outputs = await model.run(inputs);
  const kind = model.device.kind;
  await model.dispose();
  return { kind, outputs: Object.fromEntries(Object.entries(outputs).map(([k, t]) => [k, { dtype: t.dtype, numbers: Array.from(t.data, Number) }])) };
};`;

describe('WebGPU artifacts in Chromium over SwiftShader', () => {
  let folder: string;
  let pages: OpenFolder;

  beforeAll(async () => {
    if (reason) return;
    folder = await mkdtemp(path.join(tmpdir(), 'infc-webgpu-'));
    const { buildArtifactParts } = (await import('../../.build/artifact.mjs' as string)) as {
      buildArtifactParts(outdir: string): Promise<unknown>;
    };
    await buildArtifactParts(path.join(folder, 'parts'));
    await writeFile(path.join(folder, 'page.js'), page);
    await writeFile(
      path.join(folder, 'index.html'),
      '<!doctype html><title>t</title><script type="module" src="page.js"></script>',
    );
    pages = await openFolder(folder, {
      policy: "default-src 'none'; script-src 'self'; connect-src 'self'",
      flags: ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
    });
  }, 120_000);

  afterAll(async () => {
    await pages?.close();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  test.skipIf(reason !== '').each(names)(
    `%s agrees with onnxruntime${reason}`,
    async (name) => {
      const c = findCase(name);
      const { program, targets } = await createCompiler().compile(modelPath(c), { targets: ['wgsl'] });
      const [target] = targets;
      if (!target) throw new Error('no target');
      const parts = pathToFileURL(`${folder}/parts/`);
      await writeArtifact(path.join(folder, name), await artifactFiles(target.assembled, { device: 'webgpu', parts }));
      const feeds = feedsFor(program, c);
      const encode = (f: Feed) => ({
        dtype: f.dtype,
        shape: f.shape,
        base64: Buffer.from(f.data.buffer, f.data.byteOffset, f.data.byteLength).toString('base64'),
      });
      const tab = await pages.browser.newPage();
      await tab.goto(`${pages.origin}/plain/`);
      await tab.waitForFunction('window.play');
      const played = (await tab.evaluate(
        `window.play(${JSON.stringify(name)}, ${JSON.stringify(Object.fromEntries(Object.entries(feeds).map(([k, f]) => [k, encode(f)])))})`,
      )) as { kind: string; outputs: Record<string, { dtype: string; numbers: number[] }> };
      await tab.close();
      expect(played.kind).toBe('webgpu');
      const want = await onnxruntimeOutputs(c, feeds);
      for (const [output, expected] of Object.entries(want)) {
        const got = played.outputs[output];
        if (!got) throw new Error(`output '${output}' is missing`);
        const numbers =
          got.dtype === 'f16' ? numbersOf({ dtype: 'f16', data: Uint16Array.from(got.numbers) }) : got.numbers;
        expect(relativeDifference(numbers, expected), output).toBeLessThanOrEqual(c.tolerance);
      }
    },
    180_000,
  );
});
