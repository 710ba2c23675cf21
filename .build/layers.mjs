// Checks the layer rules of .dependency-cruiser.cjs. TypeScript 7 has no JavaScript API for dependency-cruiser to parse with, so esbuild
// strips the types first: once keeping every import (most layers hold for types too), once keeping only what runs (cycles of types are fine).
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise } from 'dependency-cruiser';
import { transform } from 'esbuild';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const folders = ['compiler', 'passes', 'backends', 'runtime', 'grammars'];
const { forbidden: rules, ofValues } = createRequire(import.meta.url)('../.dependency-cruiser.cjs');

let violations = 0;
let modules = 0;
for (const keep of ['types', 'values']) {
  const out = path.join(root, 'build', `layers-${keep}`);
  await rm(out, { recursive: true, force: true });
  for (const folder of folders) modules += await strip(folder, out, keep);
  const options = {
    baseDir: out,
    ruleSet: { forbidden: rules.filter((r) => ofValues.includes(r.name) === (keep === 'values')) },
    validate: true,
    outputType: 'json',
    doNotFollow: { path: 'node_modules' },
  };
  const { output } = await cruise(folders, options);
  const { summary } = JSON.parse(output);
  for (const v of summary.violations) {
    violations++;
    const way = v.cycle ? [v.from, ...v.cycle.map((c) => c.name ?? c)].join(' -> ') : `${v.from} -> ${v.to}`;
    console.error(
      `${v.rule.name}: ${way.replaceAll('.js', '.ts')}\n  ${rules.find((r) => r.name === v.rule.name).comment}`,
    );
  }
}
if (modules === 0) throw new Error('no module was checked');
console.log(`layer rules: ${modules / 2} modules, ${violations} violations`);
process.exitCode = violations === 0 ? 0 : 1;

async function strip(folder, out, keep) {
  let count = 0;
  for (const entry of await readdir(path.join(root, folder), { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (!entry.isFile() || !file.endsWith('.ts') || file.endsWith('.d.ts')) continue;
    let code = await readFile(file, 'utf8');
    if (keep === 'types') {
      const inline = [...code.matchAll(/\bimport\('(\.[^']+)'\)/g)].map((m) => `\nimport '${m[1]}';`);
      code = code.replace(/^import type /gm, 'import ').replace(/^export type (?=[{*])/gm, 'export ') + inline.join('');
    }
    const js = await transform(code, {
      loader: 'ts',
      format: 'esm',
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    });
    const target = path.join(out, path.relative(root, file)).replace(/\.ts$/, '.js');
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, js.code.replace(/(['"])(\.{1,2}\/[^'"]+)\.ts\1/g, '$1$2.js$1'));
    count++;
  }
  return count;
}
