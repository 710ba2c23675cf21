import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Backend } from '../backends/backend.ts';
import { decodeRows } from '../backends/reference/decode-format.ts';
import { Reference } from '../backends/reference/evaluate.ts';
import { addProduct } from '../backends/wasm/add-product.ts';
import { type RoundingError, roundingWarning } from '../passes/format/rounding-error.ts';
import { unusedWarnings } from '../passes/format/unused-recipe.ts';
import type { DeferredWork, RoundedWeight } from '../passes/pass.ts';
import type { InputStatistics } from '../passes/precision/quantizer.ts';
import { type Change, orderPasses, runPasses } from '../passes/run.ts';
import { InfcError } from '../runtime/errors.ts';
import { hostFunctions } from '../runtime/host/index.ts';
import type { Plan } from '../runtime/plan.ts';
import { builtin } from './builtin.ts';
import { type FormatRecipe, recipeOf } from './formats/recipe.ts';
import { measuredTime } from './formats/sparse-speed.ts';
import { externalFilesIn } from './import/external-files.ts';
import { asLanguageModel } from './import/generation.ts';
import { importGguf } from './import/gguf/import.ts';
import { architectures, importHf } from './import/hf-config.ts';
import { isFolder, isGgufModel, isHfModel, openAdapter, openGgufModel, openHfModel } from './import/model-files.ts';
import { importOnnx } from './import/onnx.ts';
import type { DimOptions } from './import/symbols.ts';
import type { TransformerOptions } from './import/transformer/model.ts';
import { cloneProgram } from './ir/clone.ts';
import { forEachNode, type Program, type TokenizerFiles } from './ir/graph.ts';
import type { LoweredKernel } from './lower/template.ts';
import { artifactFiles, writeArtifact as writeFiles } from './plan/artifact.ts';
import { type Assembled, assemblePlan } from './plan/assemble.ts';
import { type MemoryReport, memoryReport } from './plan/report.ts';
import type { ArtifactFile } from './plan/weights-file.ts';
import { type Plugin, Registry } from './plugin.ts';
import { Scheduler } from './schedule.ts';
import { stepsOf } from './steps.ts';

export interface CompileOptions extends TransformerOptions {
  /** Targets by backend name; default `['wasm']`. */
  readonly targets?: readonly string[];
  /** Values or bounds for symbolic dimensions, by their name in the model. */
  readonly dims?: DimOptions;
  /** Name of the model; default: the file's. */
  readonly name?: string;
  /** Folders of LoRA adapters (PEFT) to merge into the weights of a language model, in this order. */
  readonly lora?: readonly string[];
  readonly onProgress?: (event: { readonly phase: string; readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
  /** Decode strategies that a language model's artifact carries beyond greedy and sampling: beam, speculative and so on. */
  readonly strategies?: readonly string[];
  /** How weights are stored: a recipe, its name (f16, q8, q4, auto, w8a8...) or that of a storage format. Default: as the model has them. */
  readonly quant?: string | FormatRecipe;
  /** What the recipe's algorithms know about the weights' inputs, from `calibrate`. */
  readonly calibration?: ReadonlyMap<string, InputStatistics>;
  /** Progress of the recipe's algorithms, weight by weight. */
  readonly onWeight?: (event: { readonly name: string; readonly done: number; readonly total: number }) => void;
  /** Told what is not wrong but probably not wanted: rounding that changes weights much (INFC2094), a recipe that changes nothing (INFC2099), a chat template that cannot be rendered (INFC6425). Weights are looked at for it. */
  readonly onWarning?: (warning: InfcError) => void;
  /** Last phase of passes to run, for looking at intermediate graphs; nothing is lowered then. */
  readonly stopAfter?: string;
}

export interface TargetCompilation {
  readonly target: string;
  /** Device module that plays the plan, see Backend.device. */
  readonly device: string;
  readonly plan: Plan;
  /** plan.json, kernels and weights. */
  readonly assembled: Assembled;
  /** All files of the artifact: the assembled ones, the typed module and the runtime parts it needs. */
  files(): Promise<readonly ArtifactFile[]>;
  readonly kernels: readonly LoweredKernel[];
  readonly memory: MemoryReport;
}

export interface CompileReport {
  readonly nodesIn: number;
  readonly nodesAfter: number;
  readonly kernels: number;
  /** Nodes that run inside another node's kernel. */
  readonly fused: number;
  readonly folded: number;
  readonly phases: readonly { readonly name: string; readonly ms: number }[];
  readonly changes: readonly Change[];
}

export interface Compilation {
  /** After the passes. */
  readonly program: Program;
  /**
   * With a recipe, where the passes were stopped (`stopAfter`): the program before its weights were rounded, and what became of each. A
   * compilation that goes on would hold every weight's tables until its end.
   */
  readonly rounding?: { readonly before: Program; readonly weights: readonly RoundedWeight[] };
  readonly targets: readonly TargetCompilation[];
  readonly report: CompileReport;
}

/** A model to compile: the path of an .onnx file or of a folder with config.json and safetensors, the bytes of an ONNX model, or a program. */
export type ModelSource = string | Uint8Array | Program;

export interface Compiler {
  readonly registry: Registry;
  /** Reads a model into the graph IR without transforming it. */
  import(model: ModelSource, options?: CompileOptions): Promise<Program>;
  compile(model: ModelSource, options?: CompileOptions): Promise<Compilation>;
}

/** A compiler with the built-ins and the given plugins; nothing is global, so several can coexist. Throws INFC7xxx when plugins clash. */
export function createCompiler(options: { readonly plugins?: readonly Plugin[] } = {}): Compiler {
  const registry = new Registry([builtin, ...(options.plugins ?? [])]);
  orderPasses(registry.passes);
  const reference = new Reference({ ops: registry, host: hostFunctions });
  const read = async (model: ModelSource, o: CompileOptions = {}): Promise<Program> => {
    if (typeof model !== 'string' && !(model instanceof Uint8Array)) return model;
    const file = typeof model === 'string' ? model : undefined;
    const folder = file === undefined ? undefined : isFolder(file) ? file : path.dirname(file);
    const adapters = (o.lora ?? []).map(openAdapter);
    if (file !== undefined && isHfModel(file))
      return asLanguageModel(importHf({ ...openHfModel(file, o.name), adapters }, registry, o.dims, o), folder);
    if (file !== undefined && isGgufModel(file))
      return asLanguageModel(
        importGguf({ ...openGgufModel(file, o.name), adapters }, architectures, registry, o.dims, o),
        undefined,
      );
    const bytes = typeof model === 'string' ? await readModel(model) : model;
    const name = o.name ?? (file ? path.basename(file).replace(/\.[^.]+$/, '') : 'model');
    if ((o.batch ?? 1) > 1)
      throw new InfcError(
        'INFC1099',
        'several sequences at once need caches that are states, and an ONNX model has none',
        {
          ...(file ? { file } : {}),
          fix: 'Compile from safetensors or GGUF, or without --batch: prompts are then taken one after the other',
        },
      );
    const program = importOnnx(
      bytes,
      {
        name,
        evaluate: (v) => reference.evaluateConstant(v),
        ...(o.dims ? { dims: o.dims } : {}),
        ...(file ? { externalFiles: externalFilesIn(path.dirname(file)) } : {}),
      },
      registry,
    );
    return asLanguageModel(program, folder);
  };
  return {
    registry,
    import: read,
    compile: async (model, o = {}) => {
      const clock = new Clock(o);
      const backends = (o.targets ?? ['wasm']).map((name) => findBackend(registry, name));
      const program = await clock.phase('import', () => read(model, o));
      const nodesIn = countNodes(program);
      const later: DeferredWork[] = [];
      const errors: RoundingError[] = [];
      const rounded: RoundedWeight[] | undefined = o.quant !== undefined && o.stopAfter !== undefined ? [] : undefined;
      let before: Program | undefined;
      const changes = await clock.phase('passes', () =>
        runPasses(program, registry.passes, {
          ops: registry,
          evaluate: (v) => reference.evaluateConstant(v),
          storage: {
            format: (name) => registry.format(name),
            formats: () => registry.formats,
            sparseSpeed: (format, zeros) => {
              const times = backends.map((b) => measuredTime(b.sparseSpeed ?? [], format, zeros)?.time);
              return times.includes(undefined) ? undefined : Math.max(...times.map(Number));
            },
            decode: decodeRows,
            algorithms: registry,
            addProduct,
            later,
            ...(rounded ? { rounded } : {}),
            ...(o.onWarning ? { errors } : {}),
            ...(o.calibration ? { calibration: new Map(o.calibration) } : {}),
            ...(o.quant === undefined ? {} : { recipe: recipeOf(o.quant, registry) }),
          },
          onPhase: (phase) => {
            if (phase === 'precision' && rounded) before = cloneProgram(program);
          },
          ...(o.stopAfter === undefined ? {} : { stopAfter: o.stopAfter }),
        }),
      );
      if (later.length > 0) await clock.phase('quantize', () => runLater(later, o));
      const unused = o.quant === undefined ? [] : unusedWarnings(recipeOf(o.quant, registry), changes);
      const untold = o.onWarning && program.tokenizer ? await templateWarning(program.tokenizer) : undefined;
      for (const warning of [roundingWarning(errors), ...unused, untold]) if (warning) o.onWarning?.(warning);
      const nodesAfter = countNodes(program);
      const targets: TargetCompilation[] = [];
      let fused = 0;
      if (o.stopAfter === undefined) {
        for (const backend of backends) {
          const { compiled, swallowed } = await compileTarget(program, registry, backend, clock, o.strategies ?? []);
          fused = swallowed;
          targets.push(compiled);
        }
      }
      return {
        program,
        ...(before && rounded ? { rounding: { before, weights: rounded } } : {}),
        targets,
        report: {
          nodesIn,
          nodesAfter,
          kernels: targets[0]?.kernels.length ?? 0,
          fused,
          folded: changes.filter((c) => c.pass === 'fold-constants').length,
          phases: clock.phases,
          changes,
        },
      };
    },
  };
}

/** What is wrong with the chat template: the model writes on after texts without one. */
async function templateWarning({ config }: TokenizerFiles): Promise<InfcError | undefined> {
  const { chat_template: template } = JSON.parse(config) as { readonly chat_template?: unknown };
  if (typeof template !== 'string') return undefined;
  const { parseTemplate } = await import('../runtime/text/codec.ts');
  try {
    parseTemplate(template);
    return undefined;
  } catch (error) {
    if (error instanceof InfcError) return error;
    throw error;
  }
}

/** Compiles a model with the built-in passes and backends (and `plugins`). */
export const compile = (
  model: ModelSource,
  options: CompileOptions & { readonly plugins?: readonly Plugin[] } = {},
): Promise<Compilation> => createCompiler(options.plugins ? { plugins: options.plugins } : {}).compile(model, options);

/**
 * Writes what a compilation made: one target into `folder` itself, several into a folder each; `more` are further files of `folder`.
 * Files appear when all are complete; a failed or aborted write leaves nothing behind.
 */
export async function writeArtifact(
  compilation: Compilation,
  folder: string,
  signal?: AbortSignal,
  more: readonly ArtifactFile[] = [],
): Promise<void> {
  const all = [...more];
  for (const t of compilation.targets) {
    const prefix = compilation.targets.length === 1 ? '' : `${t.target}/`;
    for (const file of await t.files()) all.push({ ...file, name: `${prefix}${file.name}` });
  }
  await writeFiles(folder, all, signal);
}

async function compileTarget(
  program: Program,
  registry: Registry,
  backend: Backend,
  clock: Clock,
  strategies: readonly string[],
) {
  const { tokenizer } = program;
  const target = backend.target();
  const scheduler = new Scheduler(registry, backend, target, () => clock.tick());
  const schedule = await clock.phase(`lower ${backend.name}`, () => scheduler.schedule(program));
  const assembled = await clock.phase(`plan ${backend.name}`, () => assemblePlan(schedule, { backend, target }));
  const { plan } = assembled;
  const compiled: TargetCompilation = {
    target: backend.name,
    device: backend.device,
    plan,
    assembled,
    files: () => artifactFiles(assembled, { device: backend.device, strategies, ...(tokenizer ? { tokenizer } : {}) }),
    kernels: scheduler.kernels,
    memory: memoryReport(plan, Object.keys(plan.entries)[0] ?? 'main'),
  };
  return { compiled, swallowed: scheduler.regions.reduce((n, r) => n + r.nodes.length - 1, 0) };
}

function findBackend(registry: Registry, name: string): Backend {
  const b = registry.backend(name);
  if (!b)
    throw new InfcError('INFC4004', `there is no target '${name}'`, {
      fix: `Targets: ${[...registry.backends].map((x) => x.name).join(', ')}`,
    });
  return b;
}

async function readModel(file: string): Promise<Uint8Array> {
  try {
    const { buffer, byteOffset, byteLength } = await readFile(file);
    // A plain array: a Buffer's `slice` would not copy.
    return new Uint8Array(buffer, byteOffset, byteLength);
  } catch (cause) {
    if (isFolder(file))
      throw new InfcError('INFC1003', 'the folder has no config.json', {
        file,
        cause,
        fix: 'Give a folder in the layout of Hugging Face, or a .onnx, .gguf or .safetensors file',
      });
    throw new InfcError('INFC1003', 'the model cannot be read', { file, cause, fix: 'Check the path' });
  }
}

/** Milliseconds of work after which the event loop has a turn. */
const TURN = 50;

/** Runs the slow work on weights one by one; between two of them, and where one stops, the event loop has a turn, so that a cancel arrives. */
async function runLater(later: readonly DeferredWork[], o: CompileOptions): Promise<void> {
  for (const [i, work] of later.entries()) {
    o.signal?.throwIfAborted();
    const report = (share: number): void => o.onWeight?.({ name: work.name, done: i + share, total: later.length });
    report(0);
    let turn = performance.now();
    for (const share of stepsOf(work.run(report, o.signal))) {
      report(share);
      if (performance.now() - turn < TURN) continue;
      await new Promise((resolve) => setTimeout(resolve));
      o.signal?.throwIfAborted();
      turn = performance.now();
    }
    await new Promise((resolve) => setTimeout(resolve));
  }
}

function countNodes(program: Program): number {
  let n = 0;
  for (const g of program.entries.values()) forEachNode(g, () => n++);
  return n;
}

/** Times phases and passes on progress; a cancelled compile stops between steps with the signal's reason. */
class Clock {
  readonly phases: { name: string; ms: number }[] = [];

  constructor(private readonly options: CompileOptions) {}

  async phase<T>(name: string, work: () => T | Promise<T>): Promise<T> {
    this.tick();
    this.options.onProgress?.({ phase: name, done: this.phases.length, total: 5 });
    const start = performance.now();
    const result = await work();
    this.phases.push({ name, ms: performance.now() - start });
    return result;
  }

  tick(): void {
    this.options.signal?.throwIfAborted();
  }
}
