import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import { compileConstraint } from '../../grammars/artifact/artifact.ts';
import { constrain, vocabularyFromBytes } from '../../grammars/index.ts';
import { missingChromium, openFolder, STRICT, titleOf } from '../kit/page.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

const PAGE = `
import { constrain, grammar, regex, tools, vocabularyFromBytes, vocabularyFromTokenizerJson } from 'infc/grammars';

const vocabulary = vocabularyFromBytes([...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)), null], { special: { end: 256 }, eos: ['end'] });
const Point = constrain({ type: 'object', properties: { x: { type: 'integer', maximum: 9 } }, required: ['x'], additionalProperties: false });
const live = Point.matcher(vocabulary);
const opened = constrain.static(Uint8Array.from(ARTIFACT)).matcher(vocabulary);
const text = new TextEncoder().encode('{"x":-1}');
const same = [];
for (const byte of text) {
  same.push(live.mask().every((word, i) => word === opened.mask()[i]));
  live.commit(byte);
  opened.commit(byte);
}
const sum = await grammar({ gbnf: 'root ::= [0-9]+ ("+" root)?' });
const greeting = await grammar({ lark: 'start: "hi" NAME\\n%import common.WORD -> NAME' });
const words = vocabularyFromTokenizerJson({
  model: { type: 'BPE', vocab: { a: 0, Ġ: 1, Ġa: 2 }, merges: ['Ġ a'] },
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
});
document.title = JSON.stringify([
  same.every(Boolean), live.accepting, opened.accepting, sum.accepts('1+2'), greeting.accepts('hiyou'), regex(/é+/iu).accepts('éÉ'),
  tools({ now: { input: { type: 'object' } } }).accepts('text'), constrain.check({ minLenght: 1 }).ignored.length, words.encode('a a'),
]);
`;

/** The page's constraint, compiled ahead of time for its vocabulary. */
function artifact(): Uint8Array {
  const bytes = [...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)), null];
  const vocabulary = vocabularyFromBytes(bytes, { special: { end: 256 }, eos: ['end'] });
  const properties = { x: { type: 'integer', maximum: 9 } };
  const Point = constrain({ type: 'object', properties, required: ['x'], additionalProperties: false });
  return compileConstraint(Point.masks(vocabulary)).bytes;
}

it.skipIf(missingChromium)(
  `runs in a page from a bundle, without eval${missingChromium}`,
  async () => {
    if (!existsSync(path.join(root, 'dist/grammars.js')))
      throw new Error('dist/ is not built: npm test builds it, or run npm run build');
    const folder = await mkdtemp(path.join(os.tmpdir(), 'infc-grammars-page-'));
    try {
      await build({
        stdin: {
          contents: PAGE.replace('infc/grammars', './dist/grammars.js').replace(
            'ARTIFACT',
            JSON.stringify([...artifact()]),
          ),
          resolveDir: root,
        },
        bundle: true,
        splitting: true,
        format: 'esm',
        platform: 'browser',
        minify: true,
        outdir: folder,
        logLevel: 'error',
      });
      await writeFile(
        path.join(folder, 'index.html'),
        '<meta charset="utf-8"><script type="module" src="stdin.js"></script>',
      );
      const { browser, origin, close } = await openFolder(folder, { policy: STRICT });
      try {
        const page = await browser.newPage();
        await page.goto(`${origin}/plain/index.html`);
        expect(await titleOf(page)).toEqual([true, true, true, true, true, true, true, 1, [0, 2]]);
      } finally {
        await close();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  90_000,
);
