import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sym } from '../../compiler/ir/dim.ts';
import { Graph, tensor as type } from '../../compiler/ir/graph.ts';
import { artifactFiles, partOf, writeArtifact } from '../../compiler/plan/artifact.ts';
import { assemblePlan } from '../../compiler/plan/assemble.ts';
import type { Schedule } from '../../compiler/plan/schedule.ts';
import { contentsOf } from '../../compiler/plan/weights-file.ts';
import { binary, handBackend, resetNames, target } from './hand-backend.ts';

const run = promisify(execFile);
let folder: string;
let parts: URL;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'infc-artifact-'));
  const { buildArtifactParts } = (await import('../../.build/artifact.mjs' as string)) as {
    buildArtifactParts(outdir: string): Promise<unknown>;
  };
  await buildArtifactParts(path.join(folder, 'parts'));
  parts = pathToFileURL(`${folder}/parts/`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** y = x + w over [n], twice under two entry points. */
function schedule(): Schedule {
  resetNames();
  const n = sym('seq-len', { min: 1, max: 64 });
  const entry = (name: string): Schedule['entries'][number] => {
    const g = new Graph(name);
    const [x, w, y] = ['x', "it's w", 'y'].map((v) => g.input(v, type('f32', [n]))) as [never, never, never];
    const image = g.input('image', type('f32', [1, 3, n]));
    return {
      name,
      inputs: [x, w, image],
      outputs: [{ name: 'y', value: y }],
      items: [binary('add', x, w, y)],
      guards: [],
    };
  };
  const symbol = { kind: 'sym', key: 'n', name: 'seq-len', min: 1, max: 64, multipleOf: 1 } as const;
  return {
    name: 'tiny */ model',
    entries: [entry('main'), entry('decode')],
    states: [],
    symbols: new Map([['seq-len', symbol]]),
  };
}

async function write(name: string): Promise<string> {
  const assembled = await assemblePlan(schedule(), { backend: handBackend, target });
  const out = path.join(folder, name);
  await writeArtifact(out, await artifactFiles(assembled, { device: 'wasm', parts }));
  return out;
}

describe('the artifact', () => {
  it('is a folder that Node loads as it is, from anywhere, with and without threads', async () => {
    const out = await write('model');
    expect((await readdir(out)).sort()).toEqual(
      ['kernels.wasm', 'model.d.ts', 'model.js', 'package.json', 'plan.json', 'runtime.js', 'worker.js'].sort(),
    );
    const script = `
      import { load, tensor, InfcError } from ${JSON.stringify(pathToFileURL(path.join(out, 'model.js')).href)};
      for (const threads of [1, 2]) {
        const m = await load({ threads });
        const image = tensor('f32', [1, 3, 2]);
        const { y } = await m.run({ x: [1, 2], "it's w": tensor('f32', [2], [10, 20]), image });
        const second = await m.run({ x: [1, 2], "it's w": [0, 0], image }, { entry: 'decode' });
        console.log(JSON.stringify([Array.from(y.data), y.shape, Array.from(second.y.data)]));
        await m.run({ x: [1] }).catch((e) => console.log(e instanceof InfcError, e.code));
      }`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], {
      cwd: tmpdir(),
      timeout: 30_000,
    });
    expect(stdout).toBe('[[11,22],[2],[1,2]]\ntrue INFC6005\n'.repeat(2));
    const js = await readFile(path.join(out, 'model.js'), 'utf8');
    expect(js).not.toMatch(/eval|new Function|import\(/);
  });

  it('bundles for browsers without a warning, its files still beside it', async () => {
    const out = await write('bundled');
    const bundle = await build({
      entryPoints: [path.join(out, 'model.js')],
      ...{ bundle: true, platform: 'browser', format: 'esm', write: false, logLevel: 'silent' },
    });
    expect([...bundle.warnings, ...bundle.errors]).toEqual([]);
    const code = bundle.outputFiles[0]?.text ?? '';
    expect(code).not.toMatch(/\brequire\(|from ?["']node:/);
    for (const f of ['plan.json', 'kernels.wasm', 'worker.js'])
      expect(code).toMatch(new RegExp(`new URL\\(["']\\./${f}["'], import\\.meta\\.url\\)`));
  });

  it('carries the device of a third-party backend, or leaves it to the caller', async () => {
    // A device that adds on plain arrays, whatever the kernel.
    const device = `
      export const createDevice = () => ({
        kind: 'abacus', align: 64, load: async () => {},
        allocate: (bytes) => ({ bytes, data: new Uint8Array(bytes) }), free() {}, fill() {}, copy() {},
        write: (m, at, data) => m.data.set(data, at),
        read: ({ memory, offset, bytes }) => memory.data.subarray(offset, offset + bytes),
        prepare: (request) => ({ kernel: request.kernel, request }),
        launch({ request: { bindings, grid } }) {
          const [a, b, c] = bindings.map((r) => new Float32Array(r.memory.data.buffer, r.offset, grid[0]));
          a.forEach((v, i) => { c[i] = v + b[i]; });
        },
        finish() {}, destroy() {},
      });`;
    const file = path.join(folder, 'abacus.js');
    await writeFile(file, device);
    const abacus = { ...target, kind: 'abacus' };
    const assembled = await assemblePlan(schedule(), { backend: handBackend, target: abacus });
    await writeArtifact(path.join(folder, 'beside'), await artifactFiles(assembled, { device: file, parts }));
    await writeArtifact(path.join(folder, 'caller'), await artifactFiles(assembled, { device: 'abacus', parts }));
    const script = `
      import { load as beside, tensor } from './beside/model.js';
      import { load as caller } from './caller/model.js';
      import { createDevice } from './abacus.js';
      for (const m of [await beside(), await caller({ device: createDevice() })]) {
        const { y } = await m.run({ x: [1, 2], "it's w": [3, 4], image: tensor('f32', [1, 3, 2]) });
        console.log(Array.from(y.data).join());
      }
      await caller().catch((e) => console.log(e.code));`;
    await writeFile(path.join(folder, 'abacus-test.mjs'), script);
    const { stdout } = await run(process.execPath, [path.join(folder, 'abacus-test.mjs')], { timeout: 30_000 });
    expect(stdout).toBe('4,6\n4,6\nINFC6020\n');
    const missing = artifactFiles(assembled, { device: './no/such.js', parts });
    await expect(missing).rejects.toThrow(/INFC8902.*no\/such/);
  });

  it('types shapes: a wrong static shape, dtype or name is a compile error', async () => {
    await write('typed');
    const good = `
      import { load, tensor } from './typed/model.js';
      const m = await load();
      const image = tensor('f32', [1, 3, 5]);
      const x = tensor('f32', [5]);
      const r = await m.run({ x, "it's w": [1, 2, 3, 4, 5], image });
      const five: 5 = r.y.shape[0];
      const data: Float32Array = r.y.data;
      const n: number = Math.random();
      const any = await m.run({ x: tensor('f32', [n]), "it's w": new Float32Array(n), image: { shape: [1, 3, n], data: [] } }, { entry: 'decode' });
      const length: number = any.y.shape[0];
      export { five, data, length };`;
    const wrong: Record<string, string> = {
      dim: `await m.run({ x, "it's w": x, image: tensor('f32', [1, 4, 5]) });`,
      literal: `await m.run({ x, "it's w": x, image: { shape: [1, 4, 5], data: [] } });`,
      rank: `await m.run({ x: tensor('f32', [5, 1]), "it's w": x, image });`,
      dtype: `await m.run({ x: tensor('i64', [5]), "it's w": x, image });`,
      missing: `await m.run({ x, image });`,
      unknown: `await m.run({ x, y: x, "it's w": x, image });`,
      entry: `await m.run({ x, "it's w": x, image }, { entry: 'encode' });`,
    };
    const prelude = `import { load, tensor } from './typed/model.js';\nconst m = await load();\nconst x = tensor('f32', [5]);\nconst image = tensor('f32', [1, 3, 5]);\n`;
    await writeFile(path.join(folder, 'good.ts'), good);
    for (const [name, line] of Object.entries(wrong))
      await writeFile(path.join(folder, `wrong-${name}.ts`), `${prelude}${line}\nexport {};\n`);
    const files = ['good.ts', ...Object.keys(wrong).map((n) => `wrong-${n}.ts`)];
    const compilerOptions = {
      ...{
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        target: 'es2022',
        module: 'esnext',
        skipLibCheck: false,
      },
      ...{ moduleResolution: 'bundler', lib: ['es2023', 'dom', 'esnext.disposable'], types: [] },
    };
    await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
    const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
    const { stdout } = await run(process.execPath, [tsc, '-p', folder]).catch((e: { stdout: string }) => e);
    const failing = new Set([...stdout.matchAll(/(?:^|\/)([\w.-]+\.ts)\(/gm)].map((m) => m[1]));
    expect(stdout).not.toContain('good.ts');
    expect(stdout).not.toContain('model.d.ts(');
    expect([...failing].sort()).toEqual(files.slice(1).sort());
  }, 60_000);

  it('has the same bytes every time, and a runtime of at most 15 kB gzip', async () => {
    const make = async () =>
      artifactFiles(await assemblePlan(schedule(), { backend: handBackend, target }), { device: 'wasm', parts });
    const [a, b] = [await make(), await make()];
    expect(a.map((f) => [f.name, Buffer.from(contentsOf(f)).toString('hex')])).toEqual(
      b.map((f) => [f.name, Buffer.from(contentsOf(f)).toString('hex')]),
    );
    const gzip = a
      .filter((f) => partOf(f.name) === 'runtime')
      .reduce((n, f) => n + gzipSync(contentsOf(f), { level: 9 }).length, 0);
    expect(gzip).toBeLessThan(15_000);
    // The same bar holds for plans with host steps, branches and loops.
    const full = await Promise.all(['runtime-wasm.js', 'worker.js'].map((f) => readFile(new URL(f, parts))));
    expect(full.reduce((n, bytes) => n + gzipSync(bytes, { level: 9 }).length, 0)).toBeLessThan(15_000);
  });

  it('replaces an earlier artifact entirely, and nothing else', async () => {
    const out = await write('again');
    const plan = JSON.parse(await readFile(path.join(out, 'plan.json'), 'utf8'));
    const old = {
      ...plan,
      weights: [
        { file: 'weights-9.safetensors', bytes: 1 },
        { file: '../outside', bytes: 1 },
      ],
      host: ['gone'],
    };
    await writeFile(path.join(out, 'plan.json'), JSON.stringify(old));
    await mkdir(path.join(out, 'host'), { recursive: true });
    for (const f of ['weights-9.safetensors', 'host/gone.js', 'mine.txt', '../outside'])
      await writeFile(path.join(out, f), 'x');
    const before = (await readdir(await write('fresh'))).sort();
    await write('again');
    expect((await readdir(out)).sort()).toEqual([...before, 'host', 'mine.txt'].sort());
    expect(await readdir(path.join(out, 'host'))).toEqual([]);
    expect(await readFile(path.join(folder, 'outside'), 'utf8')).toBe('x');

    await mkdir(path.join(folder, 'project'));
    await writeFile(path.join(folder, 'project/package.json'), '{"name":"project"}');
    await expect(write('project')).rejects.toThrow(/INFC8904/);
    expect(await readFile(path.join(folder, 'project/package.json'), 'utf8')).toBe('{"name":"project"}');
  });

  it('leaves nothing behind when writing fails or is aborted', async () => {
    const broken = {
      name: 'weights-0.safetensors',
      bytes: 4,
      chunks: (): never => {
        throw new Error('disk gone');
      },
    };
    const files = [
      ...(await artifactFiles(await assemblePlan(schedule(), { backend: handBackend, target }), {
        device: 'wasm',
        parts,
      })),
      broken,
    ];
    await expect(writeArtifact(path.join(folder, 'broken'), files)).rejects.toThrow(/INFC8903.*disk gone/);
    await expect(writeArtifact(path.join(folder, 'broken'), files, AbortSignal.abort())).rejects.toThrow();
    expect((await readdir(folder)).filter((f) => f.startsWith('broken'))).toEqual([]);
  });
});
