import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { InfcError } from '../../runtime/errors.ts';
import { parsePlan } from '../../runtime/load.ts';
import type { Plan, PlanGeneration, PlanStep } from '../../runtime/plan.ts';
import type { TokenizerFiles } from '../ir/graph.ts';
import type { Assembled } from './assemble.ts';
import { makeFolder } from './folders.ts';
import { writeTypedModule } from './typed-module.ts';
import { type ArtifactFile, fileOf } from './weights-file.ts';

export interface ArtifactOptions {
  /**
   * A built-in device (`wasm`, `webgpu`, `cuda`), or the file of a self-contained module that exports `createDevice` (third-party
   * backends), or another name: the caller of `load` then passes the device.
   */
  readonly device: string;
  /** Of language models. */
  readonly tokenizer?: TokenizerFiles;
  readonly strategies?: readonly string[];
  /** Folder of the built artifact parts; default the one in infc's own package. */
  readonly parts?: URL;
}

/** Which part of an artifact a file belongs to, for size reports. */
export type ArtifactPart = 'weights' | 'tokenizer' | 'kernels' | 'plan' | 'runtime' | 'module';

export function partOf(file: string): ArtifactPart {
  if (file.endsWith('.safetensors')) return 'weights';
  if (file === 'plan.json') return 'plan';
  if (/^(tokenizer(_config)?\.json|text\.js)$/.test(file)) return 'tokenizer';
  if (/^(runtime|worker|device|generate)\.js$|^(host|strategies)\//.test(file)) return 'runtime';
  return /^model\.|^package\.json$/.test(file) ? 'module' : 'kernels';
}

/**
 * All files of the artifact folder: the assembled ones, the typed module, and the runtime parts that this plan needs. The folder is
 * self-contained. Throws INFC8901 when infc's own built parts are missing.
 */
export async function artifactFiles({ plan, files }: Assembled, options: ArtifactOptions): Promise<ArtifactFile[]> {
  const { device } = options;
  const parts = options.parts ?? (await findParts());
  const own = new Set(await readdir(parts).catch(() => []));
  const builtIn = own.has(`runtime-${device}.js`);
  const part = async (from: string, to: string) => fileOf(to, await readFile(new URL(from, parts)));
  const isStatic = own.has(`runtime-${device}-static.js`) && !needsMore(plan);
  const kind = builtIn ? `${device}${isStatic ? '-static' : ''}` : 'custom';
  const runtime = [await part(`runtime-${kind}.js`, 'runtime.js')];
  if (device === 'wasm') runtime.push(await part('worker.js', 'worker.js'));
  const beside = !builtIn && /[/\\]|\.m?js$/.test(device);
  if (beside) runtime.push(fileOf('device.js', await readDevice(device)));
  const hosts = new Set(await readdir(new URL('host/', parts)).catch(() => []));
  const host = plan.host.filter((op) => hosts.has(`${op}.js`));
  for (const op of host) runtime.push(await part(`host/${op}.js`, `host/${op}.js`));
  const data = files.filter((f) => f.name !== 'plan.json');
  if (plan.generation) runtime.push(...(await generatorFiles(plan.generation, options, part, parts)));
  const { js, types } = await writeTypedModule(plan, {
    ...(plan.generation
      ? {
          generator: {
            encoder: plan.generation.kind === 'encoder',
            text: options.tokenizer !== undefined,
            strategies: options.strategies ?? [],
          },
        }
      : {}),
    files: data.map((f) => f.name),
    host,
    device: builtIn ? 'builtin' : beside ? 'beside' : 'caller',
  });
  const manifest = { private: true, type: 'module', main: 'model.js', types: 'model.d.ts' };
  return [
    fileOf('model.js', js),
    fileOf('model.d.ts', types),
    fileOf('package.json', `${JSON.stringify(manifest, null, 2)}\n`),
    ...files,
    ...runtime,
  ];
}

/** What a language model's artifact carries beyond its plan: the generator, wanted strategies, the tokenizer. */
async function generatorFiles(
  { kind, policy }: PlanGeneration,
  { tokenizer, strategies = [] }: ArtifactOptions,
  part: (from: string, to: string) => Promise<ArtifactFile>,
  parts: URL,
): Promise<ArtifactFile[]> {
  const known = (await readdir(new URL('strategies/', parts)).catch(() => [])).map((f) => f.replace(/\.js$/, ''));
  const unknown = strategies.find((s) => !known.includes(s));
  if (unknown !== undefined)
    throw new InfcError('INFC8906', `there is no decode strategy '${unknown}'`, {
      fix: `Strategies: ${known.join(', ')}`,
    });
  const of = kind === 'encoder' ? 'embed' : policy === undefined ? 'ports' : 'states';
  const files = [await part(`generate-${of}.js`, 'generate.js'), await part('generate.d.ts', 'generate.d.ts')];
  for (const s of strategies) files.push(await part(`strategies/${s}.js`, `strategies/${s}.js`));
  if (!tokenizer) return files;
  return [
    ...files,
    await part('text.js', 'text.js'),
    fileOf('tokenizer.json', tokenizer.tokenizer),
    fileOf('tokenizer_config.json', `${tokenizer.config}\n`),
  ];
}

/** Whether a plan needs more of the runtime than kernels, choices and plain copies in memory that is laid out already. */
function needsMore(plan: Plan): boolean {
  const onHost = (i: number) => plan.buffers[i]?.role === 'host';
  const needs = (steps: readonly PlanStep[]): boolean =>
    steps.some((s) => {
      if (s.kind === 'kernel') return false;
      if (s.kind === 'choose') return s.cases.some((c) => needs(c.steps));
      return s.kind !== 'copy' || s.defines !== undefined || onHost(s.from) || onHost(s.to);
    });
  return Object.values(plan.entries).some((e) => e.arena === undefined || needs(e.steps));
}

async function findParts(): Promise<URL> {
  // Bundled, this module lies in dist/; from source, in compiler/plan/.
  for (const place of ['./artifact/', '../../dist/artifact/']) {
    const url = new URL(place, import.meta.url);
    if ((await readdir(url).catch(() => [])).length > 0) return url;
  }
  throw new InfcError('INFC8901', 'the runtime parts of infc are not built', { fix: 'Run npm run build' });
}

async function readDevice(device: string): Promise<Uint8Array> {
  try {
    return await readFile(device.startsWith('file:') ? new URL(device) : device);
  } catch (cause) {
    throw new InfcError('INFC8902', `the device module '${device}' cannot be read`, {
      file: device,
      fix: 'Name a built-in device, or the address of a JavaScript module that exports createDevice',
      cause,
    });
  }
}

/**
 * Writes files into `folder`. They are written beside it first and moved in when all are complete, plan.json last: a failed or aborted
 * write leaves no partial artifact behind.
 */
export async function writeArtifact(
  folder: string,
  files: readonly ArtifactFile[],
  signal?: AbortSignal,
): Promise<void> {
  const target = path.resolve(folder);
  await refuseForeignPackage(target, files);
  const old = await filesOfOldPlan(target);
  const staging = `${target}.partial-${process.pid}`;
  try {
    for (const file of files) {
      signal?.throwIfAborted();
      const to = path.join(staging, file.name);
      await makeFolder(path.dirname(to));
      const handle = await open(to, 'w');
      try {
        for (const chunk of file.chunks()) await handle.writeFile(chunk);
      } finally {
        await handle.close();
      }
    }
    signal?.throwIfAborted();
    const order = [...files].sort((a, b) => Number(a.name === 'plan.json') - Number(b.name === 'plan.json'));
    for (const { name } of order) {
      await makeFolder(path.dirname(path.join(target, name)));
      await rename(path.join(staging, name), path.join(target, name));
    }
    const now = new Set(files.map((f) => f.name));
    for (const name of old) if (!now.has(name)) await rm(path.join(target, name), { force: true });
  } catch (cause) {
    if (cause instanceof InfcError || signal?.aborted) throw cause;
    throw new InfcError(
      'INFC8903',
      `the artifact cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        file: target,
        fix: 'Check the folder and the space on the disk',
        cause,
      },
    );
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** The artifact's own package.json must not replace that of a project. */
async function refuseForeignPackage(target: string, files: readonly ArtifactFile[]): Promise<void> {
  if (!files.some((f) => f.name === 'package.json')) return;
  const text = await readFile(path.join(target, 'package.json'), 'utf8').catch(() => undefined);
  if (text === undefined || /"main":\s*"model\.js"/.test(text)) return;
  throw new InfcError('INFC8904', 'the folder holds the package.json of something else', {
    file: target,
    fix: 'Write the artifact to a folder of its own',
  });
}

/** Names of the files that an earlier artifact in this folder may have beyond those of the new one. */
async function filesOfOldPlan(target: string): Promise<string[]> {
  try {
    const plan = parsePlan(JSON.parse(await readFile(path.join(target, 'plan.json'), 'utf8')));
    const named = [
      ...plan.weights.map((w) => w.file),
      ...plan.kernels.map((k) => k.file),
      ...(plan.variants ?? []).map((v) => v.use),
      ...plan.host.map((op) => `host/${op}.js`),
      'worker.js',
      'device.js',
      'generate.js',
      'generate.d.ts',
      'text.js',
      'tokenizer.json',
      'tokenizer_config.json',
    ];
    // Only what lies inside: the plan in the folder may be anything.
    return named.filter(
      (name) => !path.relative(target, path.resolve(target, name)).startsWith('..') && !path.isAbsolute(name),
    );
  } catch {
    return [];
  }
}
