import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCompiler } from '../../compiler/compile.ts';
import { artifactFiles, writeArtifact } from '../../compiler/plan/artifact.ts';
import { numbersOf } from '../../compiler/tensor-values.ts';
import { type Feed, feedsFor, modelPath, onnxruntimeOutputs, relativeDifference } from '../kit/model-feeds.ts';
import { findCase, hasModels } from '../kit/models.ts';

const executablePath = process.env.INFC_CHROMIUM ?? '/usr/bin/chromium';
const reason = !existsSync(executablePath)
  ? ' (chromium is absent)'
  : !hasModels
    ? ' (../shared/models is absent)'
    : '';
const names = ['iris-mlp', 'mnist-cntk', 'motor-fault-extdata', 'cifar-cnn', 'superres', 'magika'];

const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.json': 'application/json' };

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
  let server: Server;
  let browser: Browser;
  let origin: string;

  beforeAll(async () => {
    if (reason) return;
    folder = await mkdtemp(path.join(tmpdir(), 'infc-webgpu-'));
    const { buildArtifactParts } = (await import('../../build-artifact.mjs' as string)) as {
      buildArtifactParts(outdir: string): Promise<unknown>;
    };
    await buildArtifactParts(path.join(folder, 'parts'));
    await writeFile(path.join(folder, 'page.js'), page);
    await writeFile(
      path.join(folder, 'index.html'),
      '<!doctype html><title>t</title><script type="module" src="page.js"></script>',
    );
    server = createServer(async (request, response) => {
      const file = path.join(folder, new URL(request.url ?? '/', 'http://localhost').pathname);
      const found = file.endsWith('/') ? path.join(file, 'index.html') : file;
      if (!existsSync(found)) {
        response.writeHead(404).end();
        return;
      }
      response.writeHead(200, {
        'content-type': types[path.extname(found)] ?? 'application/octet-stream',
        'content-security-policy': "default-src 'none'; script-src 'self'; connect-src 'self'",
      });
      response.end(await readFile(found));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://localhost:${(server.address() as AddressInfo).port}`;
    browser = await chromium.launch({
      executablePath,
      args: [
        ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
        ...['--disable-background-networking', '--disable-component-update'],
        ...['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
      ],
    });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    server?.close();
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
      const tab = await browser.newPage();
      await tab.goto(`${origin}/`);
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
