import { InfcError } from '../../runtime/errors.ts';
import { openDecoder } from '../../runtime/generate/open-decoder.ts';
import type { Model } from '../../runtime/session.ts';
import { type CompileOptions, createCompiler } from '../compile.ts';
import type { FormatRecipe } from '../formats/recipe.ts';
import type { Plugin } from '../plugin.ts';
import { type Budget, best, missedBounds } from './budget.ts';
import { type Calibration, loadCompiled } from './calibrate.ts';
import {
  candidateRecipes,
  choicesOf,
  type LayerFormat,
  layerFormats,
  layersOf,
  recipeFor,
  SEARCHED,
  type Subject,
  uniform,
} from './candidates.ts';
import { calibrationFor } from './compress.ts';
import { type Damage, measureDamage, remembering } from './damage.ts';
import { evolve } from './evolve.ts';
import { calibrationRuns, countOf, firstOf, holdOut, type Samples } from './samples.ts';

/** A recipe, compiled and measured on data that it was not calibrated on. */
export interface Candidate {
  readonly recipe: FormatRecipe;
  /** Bytes of the weights file. */
  readonly bytes: number;
  /** Fastest of a few runs: one token of a language model, one sample of others. */
  readonly ms: number;
  readonly damage: Damage;
  /** Options whose bounds it does not keep with the margin that other data needs: `--max-kl`... */
  readonly missed: readonly string[];
}

export interface AutoResult {
  /** As the model has it: no recipe. */
  readonly baseline: { readonly bytes: number; readonly ms: number };
  readonly candidates: readonly Candidate[];
  readonly chosen: Candidate;
  /** What damage was measured on. */
  readonly heldOut: { readonly samples: number; readonly wasCalibratedOn: boolean };
  /** Format of each layer of the chosen recipe, with the damage expected of it alone. */
  readonly layers: readonly LayerFormat[];
  readonly calibration: Calibration;
}

export interface AutoOptions {
  readonly budget: Budget;
  readonly samples: Samples;
  readonly compile?: Omit<CompileOptions, 'quant' | 'calibration' | 'targets' | 'stopAfter' | 'onProgress'>;
  readonly plugins?: readonly Plugin[];
  /** An allocator that measures whole models (`evopress`): tried at the sizes of the uniform recipes. For small models. */
  readonly allocate?: string;
  readonly onProgress?: (what: string) => void;
}

/** Larger models are screened with plain rounding, which takes no minutes. */
const SCREENED = 2e7;

/**
 * Chooses how to store a model's weights: uniform recipes and mixed ones (bit allocation within several sizes) are compiled and measured
 * on samples that calibration did not see. The smallest within the bounds on damage wins, or the least damage within the bound on bytes.
 * Throws INFC2084 when no candidate keeps the bounds, naming the nearest that does not.
 */
export async function chooseRecipe(model: string | Uint8Array, options: AutoOptions): Promise<AutoResult> {
  const { budget, samples, plugins = [], onProgress } = options;
  const compiler = createCompiler({ plugins });
  const { registry } = compiler;
  const { signal } = options.compile ?? {};
  const allocator = options.allocate === undefined ? undefined : registry.allocators.get(options.allocate);
  if (options.allocate !== undefined && !allocator)
    throw new InfcError('INFC2085', `there is no allocator '${options.allocate}'`, {
      fix: `Known: ${[...registry.allocators.keys()].join(', ')}`,
    });
  const { calibration: seen, heldOut } = holdOut(samples);
  onProgress?.('compiling in full precision');
  const plain = await compiler.compile(model, { ...options.compile, quant: 'f32' });
  await using reference = await loadCompiled(plain.targets[0]);
  const generation = plain.targets[0]?.plan.generation;
  const baseline = { bytes: weightBytes(plain.targets[0]?.plan.weights), ms: await timeOf(reference, heldOut) };

  // As the recipe will find them: later passes may fold and rename weights.
  const unfused = await compiler.compile(model, { ...options.compile, quant: 'f32', stopAfter: 'precision' });
  const layers = layersOf(unfused.program);
  const large = layers.reduce((n, l) => n + l.elements, 0) > SCREENED;
  const canCalibrate = samples.kind === 'inputs' || generation?.policy !== undefined;
  const algorithm = !large && canCalibrate && layers.length > 0 ? 'gptq' : undefined;
  onProgress?.('calibrating');
  const wanted: FormatRecipe = {
    name: 'auto',
    // Without GPTQ the moments will do, for the allocation.
    rules: [{ format: 'q4g32', algorithm: algorithm ?? 'aqlm' }],
    // How the values between kernels are distributed, for recipes that narrow them.
    ...(large ? {} : { precision: 'mixed' }),
  };
  const calibration: Calibration = canCalibrate
    ? await calibrationFor(model, wanted, {
        ...options.compile,
        plugins,
        runs: () => calibrationRuns(seen, generation),
        onCalibration: (n) => onProgress?.(`calibrating: ${n} runs`),
      })
    : new Map();
  const choices = layers.map((l) => choicesOf(l, registry, calibration));
  const subject: Subject = { layers, choices, registry, calibration, algorithm };

  const searched: FormatRecipe[] = [];
  if (allocator) {
    const compileRounded = async (format: string) => {
      const recipe: FormatRecipe = { ...uniform(subject, format), simulate: true };
      return (await compiler.compile(model, { ...options.compile, quant: recipe, calibration })).targets[0];
    };
    for (const at of SEARCHED) {
      const start = choices.map((l) => l.options.findIndex((o) => o.format === at));
      const bytes = choices.reduce((n, l) => n + (l.options.find((o) => o.format === at)?.bytes ?? 0), 0);
      const choice = await evolve(allocator, choices, bytes, {
        compileRounded,
        reference,
        samples: seen,
        ...(start.includes(-1) ? {} : { start }),
        seed: 1,
        ...(signal ? { signal } : {}),
        ...(onProgress ? { onProgress } : {}),
      });
      searched.push(recipeFor(`${options.allocate}@${at}`, choices, choice, algorithm));
    }
  }
  const candidates: Candidate[] = [];
  const known = samples.kind === 'inputs' ? remembering(reference) : reference;
  const recipes = [...searched, ...(await candidateRecipes(subject))];
  for (const [i, recipe] of recipes.entries()) {
    signal?.throwIfAborted();
    const what = `measuring ${recipe.name} (${i + 1} of ${recipes.length})`;
    onProgress?.(what);
    const compilation = await compiler.compile(model, {
      ...options.compile,
      quant: recipe,
      calibration,
      onWeight: ({ done, total }) => onProgress?.(`${what}: weight ${Math.ceil(done)} of ${total}`),
    });
    await using made = await loadCompiled(compilation.targets[0]);
    const damage = await measureDamage(known, made, heldOut, {
      ...(signal ? { signal } : {}),
      onProgress: (done, total) => onProgress?.(`${what}: sample ${done} of ${total}`),
    });
    const bytes = weightBytes(compilation.targets[0]?.plan.weights);
    const missed = missedBounds(budget, { bytes, damage });
    candidates.push({ recipe, bytes, ms: await timeOf(made, heldOut), damage, missed });
  }
  const chosen = best(budget, candidates);
  const measuredOn = {
    samples: countOf(heldOut),
    wasCalibratedOn: samples.kind === 'inputs' && countOf(samples) === 1,
  };
  return {
    baseline,
    candidates,
    chosen,
    heldOut: measuredOn,
    layers: layerFormats(chosen.recipe, subject),
    calibration,
  };
}

const weightBytes = (files: readonly { readonly bytes: number }[] = []): number =>
  files.reduce((n, f) => n + f.bytes, 0);

/** Fastest of a few runs on the first sample. */
async function timeOf(model: Model, samples: Samples): Promise<number> {
  const first = firstOf(samples, 0);
  let fastest = Number.POSITIVE_INFINITY;
  const { generation } = model.plan;
  if (first.kind === 'tokens' && generation) {
    const decoder = openDecoder(model, generation);
    await decoder.truncate(0);
    for (const token of first.texts[0]?.slice(0, 12) ?? []) {
      const start = performance.now();
      await decoder.forward([token], 'last');
      fastest = Math.min(fastest, performance.now() - start);
    }
  } else if (first.kind === 'inputs') {
    for (let i = 0; i < 4; i++) {
      model.reset();
      const start = performance.now();
      await model.run(first.inputs[0] ?? {});
      fastest = Math.min(fastest, performance.now() - start);
    }
  }
  return fastest;
}
