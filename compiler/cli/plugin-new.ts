import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { InfcError } from '../../runtime/errors.ts';
import { exitCodes } from '../diagnostics.ts';
import { makeFolder } from '../plan/folders.ts';
import type { Args } from './args.ts';
import type { Io } from './io.ts';
import { version } from './version.ts';

/** `infc plugin new NAME`: a package with one op under its conformance test. */
async function runPluginNew(args: Args, io: Io): Promise<number> {
  const [verb, name, extra] = args.positionals;
  if (verb !== 'new' || name === undefined || extra !== undefined)
    throw new InfcError('INFC8003', 'the form is: infc plugin new NAME', { fix: 'Write infc plugin new acme-ops' });
  if (!/^(@[a-z0-9-]+\/)?[a-z][a-z0-9-]*$/.test(name))
    throw new InfcError('INFC8003', `'${name}' is no package name`, { fix: 'Use small letters, digits and dashes' });
  const dir = path.resolve(io.cwd, name.replace(/^@[^/]+\//, ''));
  if (existsSync(dir))
    throw new InfcError('INFC8007', 'the folder exists already', { file: dir, fix: 'Choose another name' });
  const files = pluginFiles(name);
  for (const [file, text] of Object.entries(files)) {
    await makeFolder(path.dirname(path.join(dir, file)));
    await writeFile(path.join(dir, file), text);
  }
  if (io.json) io.out(JSON.stringify({ ok: true, dir, files: Object.keys(files) }, null, 2));
  else {
    io.out(`Wrote ${path.relative(io.cwd, dir)}/: ${Object.keys(files).join(', ')}`);
    io.out(`Next: cd ${path.relative(io.cwd, dir)} && npm install && npm test`);
  }
  return exitCodes.ok;
}

function pluginFiles(name: string): Record<string, string> {
  const pkg = {
    name,
    version: '0.1.0',
    type: 'module',
    exports: './src/index.ts',
    scripts: { test: 'vitest run', typecheck: 'tsc --noEmit' },
    peerDependencies: { infc: `^${version}` },
    devDependencies: { '@types/node': '^20.17.0', infc: `^${version}`, typescript: '^7.0.2', vitest: '^4.1.12' },
  };
  const tsconfig = {
    compilerOptions: {
      target: 'es2023',
      lib: ['es2023', 'dom', 'esnext.disposable'],
      module: 'esnext',
      moduleResolution: 'bundler',
      allowImportingTsExtensions: true,
      types: ['node'],
      strict: true,
      noEmit: true,
      skipLibCheck: true,
    },
    include: ['src', 'test'],
  };
  return {
    'package.json': `${JSON.stringify(pkg, null, 2)}\n`,
    'tsconfig.json': `${JSON.stringify(tsconfig, null, 2)}\n`,
    'src/hardshrink.ts': `import { constant, defineOp } from 'infc';

/** x where |x| > lambda, else 0. One body gives the reference value, constant folding, fusion and the kernels of every backend. */
export const hardshrink = defineOp({
  name: '${name}.hardshrink',
  infer: ({ inputs: [x], fail }) => x ?? fail('one input expected'),
  scalar: ([x], attrs) => {
    if (!x) throw new Error('infer has checked the inputs');
    const lambda = typeof attrs.lambda === 'number' ? attrs.lambda : 0.5;
    return x.abs().gt(lambda).select(x, constant(x.type, 0));
  },
});
`,
    'src/index.ts': `import { definePlugin } from 'infc';
import { hardshrink } from './hardshrink.ts';

export const plugin = definePlugin({ name: '${name}', api: 1, ops: [hardshrink] });
`,
    'test/conformance.test.ts': `import { opConformance } from 'infc/test';
import { describe, it } from 'vitest';
import { plugin } from '../src/index.ts';

describe('${name}', () => {
  for (const check of opConformance({ plugin, op: '${name}.hardshrink', cases: [{ inputs: [{ dtype: 'f32', shape: [3, 17] }], attrs: { lambda: 0.5 } }] })) {
    it(check.name, check.run);
  }
});
`,
    'README.md': `# ${name}\n\nA plugin for infc. \`npm test\` runs the conformance kit of \`infc/test\` on everything it adds.\n`,
  };
}

export { runPluginNew as run };
