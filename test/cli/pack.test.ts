import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeModel, f32, info, node } from '../import/build-onnx.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
let dir = '';

/** What `npm install infc.tgz` leaves, with the dependencies taken from this checkout so that it needs no network. */
async function install(): Promise<void> {
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', dir], { cwd: root });
  const [packed] = JSON.parse(stdout);
  const modules = path.join(dir, 'node_modules');
  const home = path.join(modules, 'infc');
  await mkdir(path.join(modules, '.bin'), { recursive: true });
  await mkdir(home);
  await run('tar', ['xzf', path.join(dir, packed.filename), '-C', home, '--strip-components=1']);
  const pkg = JSON.parse(await readFile(path.join(home, 'package.json'), 'utf8'));
  for (const name of [...Object.keys(pkg.dependencies), '@types/node', 'typescript', 'onnxruntime-node', 'vitest']) {
    await mkdir(path.dirname(path.join(modules, name)), { recursive: true });
    await symlink(path.join(root, 'node_modules', name), path.join(modules, name));
  }
  const bin = path.join(home, pkg.bin.infc);
  await chmod(bin, 0o755);
  await symlink(bin, path.join(modules, '.bin', 'infc'));
  await writeFile(path.join(dir, 'package.json'), '{ "private": true, "type": "module" }');
}

const npx = (...args: string[]) =>
  run('npx', ['--no-install', 'infc', ...args], { cwd: dir, env: { ...process.env, NO_COLOR: '1' } });

describe('the packed package in an empty folder', () => {
  beforeAll(async () => {
    if (!existsSync(path.join(root, 'dist/cli.js')))
      throw new Error('dist/ is not built: npm test builds it, or run npm run build');
    dir = await mkdtemp(path.join(os.tmpdir(), 'infc-pack-'));
    await install();
    const tiny = encodeModel({
      name: 'tiny',
      input: [info('x', ['n', 3])],
      output: [info('y', ['n', 3])],
      initializer: [f32('b', [3], [1, -2, 0.5])],
      node: [node('Add', ['x', 'b'], ['s']), node('Relu', ['s'], ['y'])],
    });
    await writeFile(path.join(dir, 'tiny.onnx'), tiny);
  });

  afterAll(async () => {
    if (dir) await rm(dir, { recursive: true, force: true });
  });

  it('answers npx infc doctor and --help, the help within 200 ms', async () => {
    const { stdout } = await npx('doctor', '--json');
    expect(JSON.parse(stdout).ok).toBe(true);
    const cli = path.join(dir, 'node_modules/.bin/infc');
    const timeOf = async (...args: string[]): Promise<number> => {
      const t = performance.now();
      await run(process.execPath, args);
      return performance.now() - t;
    };
    // On a machine busy with other tests, Node's own start beside it is the yardstick.
    let excess = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 12 && excess > 0; i++) {
      const bare = await timeOf('-e', '0');
      excess = Math.min(excess, (await timeOf(cli, '--help')) - Math.max(200, 2.5 * bare));
    }
    expect(excess).toBeLessThanOrEqual(0);
  });

  it('compiles, runs, verifies and inspects', async () => {
    await npx('compile', 'tiny.onnx', '-o', 'out');
    const ran = JSON.parse(
      (await npx('run', 'out', '--input', 'x=[[1, 1, 1], [-4, 3, -1]]', '--dims', 'n=2', '--json')).stdout,
    );
    expect(ran.outputs.y).toEqual({ dtype: 'f32', shape: [2, 3], data: [2, 0, 1.5, 0, 1, 0] });
    expect((await npx('verify', 'out', '--dims', 'n=2')).stdout).toContain('agrees');
    expect((await npx('inspect', 'out')).stdout).toContain('f32[n, 3]');
    expect((await npx('view', 'out')).stdout).toContain('view.html');
    const bench = JSON.parse(
      (await npx('bench', 'out', '--dims', 'n=2', '--seconds', '0.1', '--vs', 'onnxruntime-node', '--json')).stdout,
    );
    expect(bench.rows.map((r: { engine: string }) => r.engine)).toEqual(['infc', 'onnxruntime-node']);
    expect(bench.peaks.gflops).toBeGreaterThan(0.1);
    expect(await readdir(path.join(dir, 'out'))).toContain('model.d.ts');
  });

  it('gives a module that runs untouched and is typed', async () => {
    const use = [
      "import { load } from './out/model.js';",
      'const m = await load();',
      'const { y } = await m.run({ x: { shape: [1, 3], data: [1, 2, 3] } });',
      'console.log(JSON.stringify(Array.from(y.data)));',
      'await m.dispose();',
    ].join('\n');
    await writeFile(path.join(dir, 'use.mjs'), use);
    expect((await run(process.execPath, ['use.mjs'], { cwd: dir })).stdout.trim()).toBe('[2,0,3.5]');
    await writeFile(
      path.join(dir, 'bare.mjs'),
      use.replace('./out/model.js', 'infc/runtime').replace('load()', "load('out')"),
    );
    expect((await run(process.execPath, ['bare.mjs'], { cwd: dir })).stdout.trim()).toBe('[2,0,3.5]');
    const typed = `${use.replace('console.log(JSON.stringify(Array.from(y.data)));', 'export const data: Float32Array = y.data;')}
// @ts-expect-error the input is called x
await m.run({ z: { shape: [1, 3], data: [1, 2, 3] } });
// @ts-expect-error x has rank 2
await m.run({ x: { shape: [3], data: [1, 2, 3] } });
// @ts-expect-error the last dimension is 3
await m.run({ x: { shape: [1, 4], data: [1, 2, 3, 4] } });
import { constant, defineOp, definePlugin } from 'infc';
import { load as loadAny } from 'infc/runtime';
export const plugin = definePlugin({ name: 'p', api: 1, ops: [defineOp({ name: 'p.zero', infer: ({ inputs: [x], fail }) => x ?? fail('x'), scalar: ([x]) => constant(x?.type ?? 'f32', 0) })] });
export const other = loadAny('./out');
`;
    await writeFile(path.join(dir, 'use.ts'), typed);
    const options = [
      '--noEmit',
      '--strict',
      '--target',
      'es2022',
      '--lib',
      'es2023,dom,esnext.disposable',
      '--module',
      'esnext',
      '--moduleResolution',
      'bundler',
      '--types',
      'node',
      '--exactOptionalPropertyTypes',
      '--skipLibCheck',
      '--noUncheckedIndexedAccess',
    ];
    const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
    const checked = await run(process.execPath, [tsc, ...options, 'use.ts'], { cwd: dir }).catch((error) => error);
    expect(checked.stdout).toBe('');
    await import(path.join(dir, 'node_modules/infc/dist/index.js'));
  });

  it('starts a plugin package with all parts, whose types and tests pass, and whose backend plays models', async () => {
    await npx('plugin', 'new', 'acme-ops', '--with', 'pass,format,backend');
    const cwd = path.join(dir, 'acme-ops');
    const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
    const checked = await run(process.execPath, [tsc], { cwd }).catch((error) => error);
    expect(checked.stdout).toBe('');
    const tested = await run(
      process.execPath,
      [path.join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=json'],
      { cwd },
    );
    const report = JSON.parse(tested.stdout);
    expect(report).toMatchObject({ numFailedTests: 0 });
    expect(report.numPassedTests).toBeGreaterThan(20);
    await run(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd });
    await npx('compile', 'tiny.onnx', '-o', 'played', '--plugin', 'acme-ops/dist/index.js', '--target', 'acme-ops-js');
    expect(JSON.parse((await npx('verify', 'played', '--json')).stdout)).toMatchObject({
      ok: true,
      device: 'acme-ops-js',
    });
  });
});
