import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile, writeArtifact } from '../../compiler/compile.ts';
import { load } from '../../runtime/generate/index.ts';
import { missingChromium, type OpenFolder, openFolder, STRICT, titleOf } from '../kit/page.mjs';
import { writeTinyModel } from './tiny-model.ts';

/** The page: the artifact as it is, and a constraint of infc/grammars bundled by the page's author. */
const script = `
import { load, promptLookup } from './out/model.js';
import { constrain } from ${JSON.stringify(fileURLToPath(new URL('../../grammars/index.ts', import.meta.url)))};
let out;
try {
  const loading = [];
  const g = await load({ threads: 1, onProgress: ({ phase }) => loading.push(phase) });
  let streamed = '';
  const stream = g.stream([{ role: 'user', content: 'hi' }], { maxTokens: 12 });
  for await (const piece of stream) streamed += piece.text;
  const said = await stream.result();
  const drafted = await g.generate([{ role: 'user', content: 'hi' }], { maxTokens: 12, strategy: promptLookup() });
  const Age = constrain({ type: 'object', properties: { age: { type: 'integer', minimum: 0, maximum: 99 } }, required: ['age'], additionalProperties: false });
  const { value } = await g.generate('x', { output: Age, temperature: 1, seed: 5, maxTokens: 40 });
  const controller = new AbortController();
  let code;
  try {
    for await (const piece of g.stream('x', { signal: controller.signal })) controller.abort();
  } catch (error) {
    code = error.code;
  }
  out = { streamed: streamed === said.text, tokens: said.tokens, drafted: drafted.tokens, value, code, loading: [...new Set(loading)] };
  await g.dispose();
} catch (error) {
  out = { error: String(error) };
}
document.title = JSON.stringify(out);
`;

let folder: string;
let page: OpenFolder;

beforeAll(async () => {
  if (missingChromium) return;
  folder = await mkdtemp(path.join(tmpdir(), 'infc-page-'));
  await writeTinyModel(path.join(folder, 'tiny'));
  await writeArtifact(
    await compile(path.join(folder, 'tiny'), { strategies: ['prompt-lookup'] }),
    path.join(folder, 'out'),
  );
  await build({
    stdin: { contents: script, resolveDir: folder },
    bundle: true,
    format: 'esm',
    outfile: path.join(folder, 'main.js'),
    external: ['./out/model.js'],
  });
  await writeFile(
    path.join(folder, 'index.html'),
    '<!doctype html><title></title><script type="module" src="main.js"></script>',
  );
  page = await openFolder(folder, { policy: STRICT });
}, 90_000);

afterAll(async () => {
  await page?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

describe.skipIf(missingChromium !== '')(
  `a language model in Chromium under a strict content security policy${missingChromium}`,
  () => {
    it('talks, speculates, obeys a schema and stops as it does in Node', async () => {
      await using g = await load(path.join(folder, 'out'), { threads: 1 });
      const want = await g.generate([{ role: 'user', content: 'hi' }], { maxTokens: 12 });
      const tab = await page.browser.newPage();
      const refused: string[] = [];
      tab.on('console', (m) => m.type() === 'error' && refused.push(m.text()));
      await tab.goto(`${page.origin}/plain/`);
      const out = await titleOf(tab);
      expect(refused.filter((t) => !t.includes('favicon'))).toEqual([]);
      expect(out).toEqual({
        streamed: true,
        tokens: want.tokens,
        drafted: want.tokens,
        value: { age: expect.any(Number) },
        code: 'INFC6010',
        loading: ['weights', 'kernels'],
      });
    }, 90_000);
  },
);
