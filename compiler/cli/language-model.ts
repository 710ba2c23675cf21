import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { InfcError } from '../../runtime/errors.ts';
import type { Embedder, LanguageModel } from '../../runtime/generate/index.ts';
import type { LoadOptions } from '../../runtime/load.ts';
import type { Plan } from '../../runtime/plan.ts';
import { footprint } from '../plan/report.ts';
import type { Args } from './args.ts';
import { loadOptions } from './devices.ts';
import type { Io } from './io.ts';
import { openArtifact } from './record.ts';
import { formatBytes } from './table.ts';

/** Folder with a plan: the one given, or a temporary one that the model given is compiled to first. */
export async function artifactFor(
  given: string,
  io: Io,
): Promise<{ readonly dir: string; readonly plan: Plan; drop(): Promise<void> }> {
  const place = path.resolve(io.cwd, given);
  const compiled = ['.', 'wasm', 'wgsl', 'cuda'].some((t) => existsSync(path.join(place, t, 'plan.json')));
  if (compiled || !existsSync(place)) {
    const { dir, plan } = await openArtifact(given, io.cwd);
    return { dir, plan, drop: async () => undefined };
  }
  const dir = await mkdtemp(path.join(os.tmpdir(), 'infc-model-'));
  const drop = (): Promise<void> => rm(dir, { recursive: true, force: true });
  try {
    const { compile, writeArtifact } = await import('../compile.ts');
    const onProgress = ({ phase }: { readonly phase: string }) => io.progress(`compiling ${given}: ${phase}`);
    await writeArtifact(await compile(place, { signal: io.signal, onProgress }), dir, io.signal);
    io.progress('');
    const { plan } = await openArtifact(dir, io.cwd);
    return { dir, plan, drop };
  } catch (error) {
    await drop();
    throw error;
  }
}

type Loader<T> = (dir: string, options: LoadOptions) => Promise<T>;

/**
 * Loads the language model of an artifact, or of a model that is compiled for this run; says first what memory it takes. Throws INFC8032
 * when the machine has less, INFC6428 when the artifact does not write text.
 */
export const openLanguageModel = (given: string, args: Args, io: Io): Promise<LanguageModel> =>
  open(given, args, io, async (dir, options) => (await import('../../runtime/generate/index.ts')).load(dir, options));

/** Loads a model that embeds texts, as {@link openLanguageModel}. */
export const openEmbedder = (given: string, args: Args, io: Io): Promise<Embedder> =>
  open(given, args, io, async (dir, options) =>
    (await import('../../runtime/generate/index.ts')).loadEmbedder(dir, options),
  );

async function open<T>(given: string, args: Args, io: Io, load: Loader<T>): Promise<T> {
  const { dir, plan, drop } = await artifactFor(given, io);
  try {
    announceMemory(plan, io);
    const onProgress = ({ bytes, totalBytes }: { readonly bytes: number; readonly totalBytes: number }) =>
      io.progress(bytes < totalBytes ? `loading ${formatBytes(bytes)} of ${formatBytes(totalBytes)}` : '');
    return await load(dir, { ...(await loadOptions({ dir, plan }, args, io)), onProgress });
  } finally {
    await drop();
  }
}

function announceMemory(plan: Plan, io: Io): void {
  const { weights, states, activations, total } = footprint(plan);
  if (plan.target.kind === 'wasm' && total > os.totalmem())
    throw new InfcError(
      'INFC8032',
      `the model takes ${formatBytes(total)}, this machine has ${formatBytes(os.totalmem())}`,
      {
        fix: 'Compile it with --quant q8 or q4, or with a smaller --context',
      },
    );
  if (io.json) return;
  const parts = [`weights ${formatBytes(weights)}`];
  if (states > 0) parts.push(`cache ${formatBytes(states)}`);
  if (activations > 0) parts.push(`activations ${formatBytes(activations)}`);
  io.err(io.style.dim(`memory: ${parts.join(', ')}`));
}
