import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { InfcError } from '../../runtime/errors.ts';
import { exitCodes } from '../diagnostics.ts';
import { makeFolder } from '../plan/folders.ts';
import type { Args } from './args.ts';
import type { Io } from './io.ts';
import { exampleFiles, isPartName, partNames } from './plugin-example.ts';
import { version } from './version.ts';

/**
 * `infc plugin new NAME [--with PART,...]`: a package with an op, pass, storage format or backend under its conformance tests; `infc plugin
 * new op OPERATOR`: one for an ONNX operator.
 */
async function runPluginNew(args: Args, io: Io): Promise<number> {
  const [verb, kind, last, extra] = args.positionals;
  const operator = kind === 'op' && last !== undefined ? operatorOf(last) : undefined;
  const name = operator?.file ?? kind;
  const asked = args.value('with');
  if (verb !== 'new' || name === undefined || (operator ? (extra ?? asked) : last) !== undefined)
    throw new InfcError(
      'INFC8003',
      'the form is: infc plugin new NAME [--with PART,...], or infc plugin new op OPERATOR',
      {
        fix: 'Write infc plugin new acme-ops, or infc plugin new op acme.Whiten',
      },
    );
  if (!/^(@[a-z0-9-]+\/)?[a-z][a-z0-9-]*$/.test(name))
    throw new InfcError('INFC8003', `'${name}' is no package name`, { fix: 'Use small letters, digits and dashes' });
  if (operator) {
    const { createCompiler } = await import('../compile.ts');
    if (createCompiler().registry.onnxOp(operator.domain, operator.op))
      throw new InfcError('INFC8918', `infc has ONNX op '${last}' itself, and a second one would clash with it`, {
        fix: 'Write a plugin for an operator that infc inspect MODEL names as missing, or for one of a domain of your own',
      });
  }
  const own = name.replace(/^@[^/]+\//, '');
  const dir = path.resolve(io.cwd, own);
  if (existsSync(dir))
    throw new InfcError('INFC8007', 'the folder exists already', { file: dir, fix: 'Choose another name' });
  const parts = (asked ?? 'op').split(',').map((text) => {
    if (isPartName(text)) return text;
    throw new InfcError('INFC8003', `a plugin has no part '${text}'`, { fix: `Parts: ${partNames.join(', ')}` });
  });
  const files = {
    ...packageFiles(name, !operator && parts.includes('backend')),
    ...(operator ? operatorFiles(own, operator) : await exampleFiles(parts, own)),
  };
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

interface Operator {
  readonly domain: string;
  readonly op: string;
  /** Its name in small letters with dashes. */
  readonly file: string;
}

/** An ONNX operator by name, `domain.Name` or `domain::Name` outside ai.onnx. */
function operatorOf(text: string): Operator {
  const [, domain = '', op = ''] = /^(?:([A-Za-z][\w.-]*)(?:\.|::))?([A-Za-z]\w*)$/.exec(text) ?? [];
  if (op === '')
    throw new InfcError('INFC8003', `'${text}' is no operator name`, { fix: 'Write infc plugin new op acme.Whiten' });
  const file = op
    .replace(/([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])/g, '$1$3-$2$4')
    .replaceAll('_', '-')
    .toLowerCase();
  return { domain: domain === 'ai.onnx' ? '' : domain, op, file };
}

/** What differs in a package for an ONNX operator: the op, how the operator becomes it, and tests of both. */
function operatorFiles(name: string, { domain, op }: Operator): Record<string, string> {
  const id = op.charAt(0).toLowerCase() + op.slice(1);
  return {
    [`src/${name}.ts`]: `import { defineOp, onnxOp } from 'infc';

/**
 * What ${op} computes. This stub passes its first input on: put the real computation here. \`scalar\` is one element from one element of
 * each input; ops that move or reduce elements have \`element\` instead, compositions of other ops \`decompose\`.
 */
export const ${id} = defineOp({
  name: '${name}.${id}',
  infer: ({ inputs: [x], fail }) => x ?? fail('one input expected'),
  scalar: ([x]) => {
    if (!x) throw new TypeError('infer has checked the inputs');
    return x;
  },
});

/** How the ONNX operator becomes that op: read its attributes here (node.float('alpha', 1), node.ints('axes')...). */
export const ${id}Onnx = onnxOp('${op}', (node, builder) => [builder.node('${name}.${id}', [node.input(0)])]${domain === '' ? '' : `, { domain: '${domain}' }`});
`,
    'src/index.ts': `import { definePlugin } from 'infc';
import { ${id}, ${id}Onnx } from './${name}.ts';

export const plugin = definePlugin({ name: '${name}', api: 1, ops: [${id}], onnxOps: [${id}Onnx] });
`,
    'test/conformance.test.ts': `import { opConformance } from 'infc/test';
import { describe, it } from 'vitest';
import { plugin } from '../src/index.ts';

describe('${name}', () => {
  for (const check of opConformance({ plugin, op: '${name}.${id}', cases: [{ inputs: [{ dtype: 'f32', shape: [3, 17] }] }] })) {
    it(check.name, check.run);
  }
});
`,
  };
}

function packageFiles(name: string, backend: boolean): Record<string, string> {
  const pkg = {
    name,
    version: '0.1.0',
    type: 'module',
    exports: './dist/index.js',
    types: './dist/index.d.ts',
    files: ['dist'],
    scripts: { build: 'tsc -p tsconfig.build.json', test: 'vitest run', typecheck: 'tsc' },
    peerDependencies: { infc: `^${version}` },
    devDependencies: { '@types/node': '^20.17.0', infc: `^${version}`, typescript: '^7.0.2', vitest: '^4.1.12' },
  };
  const tsconfig = {
    compilerOptions: {
      target: 'es2023',
      lib: ['es2023', 'dom', 'esnext.disposable'],
      module: 'esnext',
      moduleResolution: 'bundler',
      rewriteRelativeImportExtensions: true,
      types: ['node'],
      strict: true,
      noEmit: true,
      skipLibCheck: true,
    },
    include: ['src', 'test'],
  };
  const building = {
    extends: './tsconfig.json',
    compilerOptions: { noEmit: false, declaration: true, outDir: 'dist', rootDir: 'src' },
    include: ['src'],
  };
  const target = backend ? ` --target ${name.replace(/^@[^/]+\//, '')}-js` : '';
  return {
    'package.json': `${JSON.stringify(pkg, null, 2)}\n`,
    'tsconfig.json': `${JSON.stringify(tsconfig, null, 2)}\n`,
    'tsconfig.build.json': `${JSON.stringify(building, null, 2)}\n`,
    'README.md': `# ${name}

A plugin for infc. \`npm test\` runs the conformance kit of \`infc/test\` on everything it adds. To use it:

\`\`\`sh
npm run build
npx infc compile model.onnx -o out --plugin dist/index.js${target}
npx infc run out
npx infc verify out
\`\`\`
`,
  };
}

export { runPluginNew as run };
