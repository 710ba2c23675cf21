import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { InfcError } from '../../runtime/errors.ts';
import { parsePlan } from '../../runtime/load.ts';
import type { Plan } from '../../runtime/plan.ts';
import { type Compilation, type CompileOptions, type Compiler, createCompiler } from '../compile.ts';
import { recipeOf } from '../formats/recipe.ts';
import type { TransformerOptions } from '../import/transformer/model.ts';
import type { Io } from './io.ts';
import { modelHash } from './model-hash.ts';
import { loadPlugins } from './plugins.ts';
import type { PrecisionReport } from './quantizing.ts';
import { version } from './version.ts';

/** Name of the file in an artifact that says what it was compiled from; the runtime never reads it. */
export const RECORD = 'compiled.json';

/** How an artifact came to be. Holds no times, so that the same model and options give the same bytes. */
export interface CompileRecord extends TransformerOptions {
  readonly infc: string;
  /** Relative to the artifact's folder. */
  readonly model: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly name?: string;
  readonly targets: readonly string[];
  readonly dims: NonNullable<CompileOptions['dims']>;
  readonly plugins: readonly string[];
  readonly quant?: NonNullable<CompileOptions['quant']>;
  /** Data that the recipe's algorithms were calibrated on, relative to the artifact's folder. */
  readonly calibrate?: string;
  /** How the recipe was chosen. */
  readonly precision?: PrecisionReport;
  /** Folders of adapters, relative to the artifact's folder. */
  readonly lora?: readonly string[];
}

/** Record of a compilation about to be written to `dir`. */
export async function makeRecord(
  model: string,
  dir: string,
  options: TransformerOptions & {
    readonly targets: readonly string[];
    readonly dims: CompileRecord['dims'];
    readonly plugins: readonly string[];
    readonly lora?: readonly string[];
    readonly name?: string;
    readonly quant?: NonNullable<CompileOptions['quant']>;
    readonly calibrate?: string | undefined;
    readonly precision?: PrecisionReport;
  },
  cwd: string,
): Promise<CompileRecord> {
  const file = path.resolve(cwd, model);
  const relative = (f: string): string => path.relative(dir, path.resolve(cwd, f)).replaceAll('\\', '/');
  return {
    infc: version,
    model: relative(file),
    ...(await modelHash(file)),
    ...(options.name === undefined ? {} : { name: options.name }),
    targets: options.targets,
    dims: options.dims,
    plugins: options.plugins.map(relative),
    ...(options.quant === undefined ? {} : { quant: options.quant }),
    ...(options.calibrate === undefined ? {} : { calibrate: options.calibrate }),
    ...(options.precision === undefined ? {} : { precision: options.precision }),
    ...transformerOptions(options),
    ...(options.lora && options.lora.length > 0 ? { lora: options.lora.map(relative) } : {}),
  };
}

/** An artifact folder on disk. */
export interface Artifact {
  readonly dir: string;
  readonly plan: Plan;
  readonly record: CompileRecord | undefined;
  /** Folder of the record, which its paths are relative to: above `dir` when several targets were compiled. */
  readonly home: string;
}

/** Reads the plan of an artifact, and the record when there is one. Throws INFC8005 or INFC6001, INFC6002. */
export async function openArtifact(given: string, cwd: string, target?: string): Promise<Artifact> {
  const root = path.resolve(cwd, given);
  const dir = await findPlan(root, target);
  const plan = parsePlan(parseJson(await readFile(path.join(dir, 'plan.json'), 'utf8'), path.join(dir, 'plan.json')));
  for (const home of [root, path.dirname(root)]) {
    const record = await readRecord(home);
    // A folder above belongs to this artifact only when it is one of its targets.
    if (record && (home === root || record.targets.includes(path.basename(root)))) return { dir, plan, record, home };
  }
  return { dir, plan, record: undefined, home: dir };
}

async function findPlan(root: string, target: string | undefined): Promise<string> {
  const candidates = [...(target === undefined ? [] : [target]), '.', 'wasm', 'wgsl', 'cuda'];
  for (const c of candidates) {
    const found = await readFile(path.join(root, c, 'plan.json')).then(
      () => true,
      () => false,
    );
    if (found) return path.join(root, c);
  }
  const there = await stat(root).catch(() => undefined);
  throw new InfcError(
    'INFC8005',
    there ? 'this is no compiled artifact: it has no plan.json' : 'no such file or folder',
    { file: root, fix: there ? 'Compile a model first: infc compile MODEL -o DIR' : 'Check the path' },
  );
}

async function readRecord(root: string): Promise<CompileRecord | undefined> {
  const file = path.join(root, RECORD);
  const text = await readFile(file, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (parseJson(text, file) as CompileRecord);
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InfcError('INFC8010', 'this file is not JSON', { file, fix: 'Compile the model again' });
  }
}

/** The model an artifact was compiled from. Throws INFC8012 when it is unknown, gone or has changed. */
export async function modelOf({ home, record }: Artifact, given: string | undefined, cwd: string): Promise<string> {
  const file = given === undefined ? record && path.resolve(home, record.model) : path.resolve(cwd, given);
  if (file === undefined)
    throw new InfcError('INFC8012', `the artifact does not say what it was compiled from (no ${RECORD})`, {
      fix: 'Give the model: --model FILE',
    });
  const { sha256 } = await modelHash(file).catch((cause: unknown) => {
    throw new InfcError('INFC8012', 'the model of this artifact is not there any more', {
      file,
      fix: 'Give its place: --model FILE',
      cause,
    });
  });
  if (record && sha256 !== record.sha256)
    throw new InfcError('INFC8012', 'the model has changed since it was compiled', { file, fix: 'Compile it again' });
  return file;
}

/** The compiler an artifact was made with: its plugins, or those given instead. */
export async function compilerOf(
  { home, record }: Artifact,
  plugins: readonly string[],
  cwd: string,
): Promise<Compiler> {
  const files = plugins.length > 0 ? plugins : (record?.plugins ?? []).map((f) => path.resolve(home, f));
  return createCompiler({ plugins: await loadPlugins(files, cwd) });
}

/** What decides how language models are built. */
const transformerOptions = ({ context, kv, batch, dropLayers, dropHeads }: TransformerOptions): TransformerOptions => ({
  ...(context === undefined ? {} : { context }),
  ...(kv === undefined ? {} : { kv }),
  ...(batch === undefined ? {} : { batch }),
  ...(dropLayers === undefined ? {} : { dropLayers }),
  ...(dropHeads === undefined ? {} : { dropHeads }),
});

/** Options that an artifact's model was imported with. */
export const importOptions = ({
  record,
  home,
}: Artifact): Pick<CompileOptions, 'dims' | 'lora' | keyof TransformerOptions> =>
  record
    ? {
        dims: record.dims,
        ...transformerOptions(record),
        ...(record.lora ? { lora: record.lora.map((f) => path.resolve(home, f)) } : {}),
      }
    : {};

/** Compiles an artifact's model again with the same options: passes and plan come out the same, with the graph still at hand. */
export async function recompile(
  compiler: Compiler,
  artifact: Artifact,
  model: string,
  io: Io,
  /** Last phase of passes to run. */
  stopAfter?: string,
): Promise<Compilation> {
  const { plan, record, home } = artifact;
  const options: CompileOptions = {
    ...importOptions(artifact),
    ...(record?.name === undefined ? {} : { name: record.name }),
    onProgress: ({ phase, done, total }) => io.progress(`${phase} ${done}/${total}`),
    signal: io.signal,
    ...(stopAfter === undefined ? {} : { stopAfter }),
  };
  const { quant, calibrate } = record ?? {};
  const again = { ...options, targets: [plan.target.kind], ...(quant === undefined ? {} : { quant }) };
  if (calibrate === undefined || quant === undefined) return compiler.compile(model, again);
  const { samplesFor } = await import('./quantizing.ts');
  const { calibrationFor } = await import('../compress/compress.ts');
  const { calibrationRuns, holdOut } = await import('../compress/samples.ts');
  const source = /^random:/.test(calibrate) ? calibrate : path.resolve(home, calibrate);
  const plugins = compiler.registry.plugins.slice(1);
  const { samples, generation } = await samplesFor(source, { model, compiler, plugins, options, io });
  // A searched recipe was calibrated on the part that was not held out.
  const seen = record?.precision ? holdOut(samples).calibration : samples;
  const { stopAfter: _, ...whole } = options;
  const calibration = await calibrationFor(model, recipeOf(quant, compiler.registry), {
    ...whole,
    plugins,
    runs: () => calibrationRuns(seen, generation),
  });
  return compiler.compile(model, { ...again, calibration });
}
