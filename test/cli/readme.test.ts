import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands } from '../../compiler/cli/commands.ts';
import { encodeModel, info, node } from '../import/build-onnx.ts';
import { infc } from './capture.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
let dir = '';
let readme = '';

const snippets = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map((m) => m[1] ?? '');

describe('README', () => {
  beforeAll(async () => {
    readme = await readFile(path.join(root, 'README.md'), 'utf8');
    dir = await mkdtemp(path.join(root, 'build/readme-'));
  });

  afterAll(async () => {
    if (dir) await rm(dir, { recursive: true, force: true });
  });

  it('shows TypeScript that type checks, against an artifact with the interface of its example', async () => {
    const model = encodeModel({
      name: 'mnist',
      input: [info('Input3', [1, 1, 28, 28])],
      output: [info('Plus214_Output_0', [1, 1, 28, 28])],
      node: [node('Relu', ['Input3'], ['Plus214_Output_0'])],
    });
    await writeFile(path.join(dir, 'mnist.onnx'), model);
    expect((await infc(['compile', 'mnist.onnx', '-o', 'out'], dir)).err).toBe('');
    const codes = snippets('ts');
    expect(codes.length).toBeGreaterThanOrEqual(4);
    for (const [i, code] of codes.entries())
      await writeFile(path.join(dir, `snippet-${i}.ts`), `${code}\nexport {};\n`);
    const config = {
      extends: '../../tsconfig.json',
      compilerOptions: {
        noUnusedLocals: false,
        paths: {
          infc: ['../../compiler/index.ts'],
          'infc/runtime': ['../../runtime/index.ts'],
          'infc/generate': ['../../runtime/generate/index.ts'],
          'infc/grammars': ['../../grammars/index.ts'],
          'infc/grammars/tools': ['../../grammars/tools/formats/index.ts'],
          'infc/grammars/warm-up': ['../../grammars/warm-up.ts'],
        },
      },
      include: ['snippet-*.ts'],
      exclude: [],
    };
    await writeFile(path.join(dir, 'tsconfig.json'), JSON.stringify(config));
    const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
    const checked = await run(process.execPath, [tsc, '-p', dir]).catch((error) => error);
    expect(checked.stdout).toBe('');
  });

  it('shows constraints that run', async () => {
    const codes = snippets('ts').filter((code) => !/from '(?!infc\/grammars(?:\/[-a-z]+)?')/.test(code));
    expect(codes.length).toBeGreaterThanOrEqual(2);
    const printed: string[] = [];
    for (const [i, code] of codes.entries()) {
      const outfile = path.join(dir, `run-${i}.mjs`);
      await build({
        stdin: { contents: code, loader: 'ts', resolveDir: root },
        alias: {
          'infc/grammars/tools': path.join(root, 'grammars/tools/formats/index.ts'),
          'infc/grammars/warm-up': path.join(root, 'grammars/warm-up.ts'),
          'infc/grammars': path.join(root, 'grammars/index.ts'),
        },
        bundle: true,
        platform: 'node',
        format: 'esm',
        outfile,
      });
      printed.push((await run(process.execPath, [outfile])).stdout);
    }
    expect(printed[0]).toBe('Oslo: sun\nfalse true true Oslo\n');
    expect(printed[1]).toMatch(/"\[" cannot follow here(?:.|\n)*\n1 257\n$/);
  });

  it('mentions only commands and options that exist, and every command', () => {
    const shell = snippets('sh').join('\n');
    for (const [, name = '', rest = ''] of shell.matchAll(/npx infc (\w+)([^#\n]*)/g)) {
      const command = commands.find((c) => c.name === name);
      expect(command, name).toBeDefined();
      for (const [, option = ''] of rest.matchAll(/--([\w-]+)/g))
        expect(Object.keys(command?.options ?? {})).toContain(option);
    }
    for (const c of commands) if (!c.hidden) expect(readme).toContain(`| \`${c.name}`);
  });

  it('links only to files that are there', async () => {
    for (const [, to = ''] of readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) await readFile(path.join(root, to));
    const contributing = await readFile(path.join(root, 'CONTRIBUTING.md'), 'utf8');
    const named = [
      ...contributing.matchAll(/`((?:compiler|passes|backends|runtime|grammars|test)\/[\w./-]+\.\w+)`/g),
    ].map((m) => m[1] ?? '');
    expect(named.length).toBeGreaterThan(8);
    for (const file of named) await readFile(path.join(root, file));
  });
});

await mkdir(path.join(root, 'build'), { recursive: true });
