import { readdir, readFile } from 'node:fs/promises';

/** The part of a plugin that a file of the example belongs to, its export and the list of `definePlugin` that it goes to. */
interface Part {
  readonly files: readonly string[];
  readonly lists: Readonly<Record<string, string>>;
  /** A part that this one works on. */
  readonly needs?: PartName;
  readonly imports: readonly string[];
  readonly test: string;
}

export type PartName = 'op' | 'pass' | 'format' | 'backend';

const CASES = `const cases = [
  { inputs: [{ dtype: 'f32', shape: [5], values: [-2, -0.5, 0.25, 0.5, 3] }], attrs: { lambda: 0.5 }, expected: [-2, 0, 0, 0, 3] },
  { inputs: [{ dtype: 'f32', shape: [3, 17] }], attrs: { lambda: 1 } },
] as const;
`;

const PARTS: Readonly<Record<PartName, Part>> = {
  op: {
    files: ['hardshrink.ts'],
    lists: { ops: 'hardshrink', onnxOps: 'onnxHardShrink' },
    imports: ['opConformance'],
    test: `${CASES}
describe('op', () => {
  for (const check of opConformance({ plugin, op: 'acme.hardshrink', cases })) it(check.name, check.run);
});
`,
  },
  pass: {
    files: ['remove-double-hardshrink.ts'],
    lists: { passes: 'removeDoubleHardshrink' },
    needs: 'op',
    imports: ['rewriteConformance', 'rewritesOf'],
    test: `describe('pass', () => {
  for (const pass of plugin.passes)
    for (const check of rewriteConformance({ plugins: [plugin], rewrites: rewritesOf(pass) })) it(check.name, check.run);
});
`,
  },
  format: {
    files: ['q8-rows.ts'],
    lists: { formats: 'acmeQ8' },
    imports: ['formatConformance'],
    test: `describe('storage format', () => {
  for (const format of plugin.formats) for (const check of formatConformance(format)) it(check.name, check.run);
});
`,
  },
  backend: {
    files: ['backend.ts', 'device.ts', 'print-js.ts'],
    lists: { backends: 'acmeBackend' },
    imports: ['backendConformance'],
    test: `describe('backend', () => {
  for (const backend of plugin.backends)
    for (const check of backendConformance({ backend, createDevice })) it(check.name, check.run);
});
`,
  },
};

export const partNames: readonly string[] = Object.keys(PARTS);

export const isPartName = (text: string): text is PartName => Object.hasOwn(PARTS, text);

/**
 * Sources and tests of a plugin with these parts: the example plugin of infc's own tests under another name. Files are read beside the built
 * program, else from the sources.
 */
export async function exampleFiles(asked: readonly PartName[], plugin: string): Promise<Record<string, string>> {
  const wanted = new Set(asked.flatMap((name) => [...(PARTS[name].needs ? [PARTS[name].needs] : []), name]));
  const parts = Object.entries(PARTS).flatMap(([name, part]) => (isPartName(name) && wanted.has(name) ? [part] : []));
  const rename = renamed(plugin);
  const sources = await exampleSources();
  const files: Record<string, string> = {};
  for (const name of parts.flatMap((p) => p.files)) files[`src/${name}`] = rename(sources[name] ?? '');
  const imports = parts.map(
    ({ files: [file], lists }) => `import { ${Object.values(lists).sort().join(', ')} } from './${file}';\n`,
  );
  const lists = parts.flatMap((p) => Object.entries(p.lists));
  const playable = wanted.has('backend');
  files['src/index.ts'] = rename(
    `import { definePlugin } from 'infc';\n${imports.join('')}${playable ? "\nexport { createDevice } from './device.ts';\n" : ''}
export const plugin = definePlugin({
  name: 'acme',
  api: 1,
${lists.map(([list, value]) => `  ${list}: [${value}],\n`).join('')}});
`,
  );
  files['test/conformance.test.ts'] = rename(
    `import { ${parts
      .flatMap((p) => p.imports)
      .sort()
      .join(', ')} } from 'infc/test';
import { describe, it } from 'vitest';
import { plugin${playable ? ', createDevice' : ''} } from '../src/index.ts';

${parts.map((p) => p.test).join('\n')}`,
  );
  return files;
}

async function exampleSources(): Promise<Readonly<Record<string, string>>> {
  try {
    return JSON.parse(await readFile(new URL('./plugin-example.json', import.meta.url), 'utf8'));
  } catch {
    const folder = new URL('../../test/plugins/acme/src/', import.meta.url);
    const names = (await readdir(folder)).filter((f) => f.endsWith('.ts'));
    return Object.fromEntries(
      await Promise.all(names.map(async (f) => [f, await readFile(new URL(f, folder), 'utf8')] as const)),
    );
  }
}

/** Puts a plugin's name for the example's. */
function renamed(plugin: string): (text: string) => string {
  const camel = plugin.replace(/-([a-z0-9])/g, (_, c: string) => c.toUpperCase());
  const pascal = camel.charAt(0).toUpperCase() + camel.slice(1);
  return (text) =>
    text
      .replace(/\bAcme(?=[A-Z])/g, pascal)
      .replace(/\bacme(?=[A-Z])/g, camel)
      .replace(/\bacme\b/g, plugin);
}
