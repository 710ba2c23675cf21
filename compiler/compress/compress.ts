import type { Needs } from '../../passes/precision/quantizer.ts';
import { type Compilation, type CompileOptions, createCompiler, type ModelSource } from '../compile.ts';
import { type FormatRecipe, matchesName, recipeOf } from '../formats/recipe.ts';
import type { Plugin, Registry } from '../plugin.ts';
import { type Calibration, type CalibrationRun, calibrate } from './calibrate.ts';

export interface CompressOptions extends CompileOptions {
  readonly quant: string | FormatRecipe;
  readonly plugins?: readonly Plugin[];
  /** Runs on data like what the model will see; needed when an algorithm of the recipe asks for statistics. */
  readonly runs?: () => AsyncIterable<CalibrationRun> | Iterable<CalibrationRun>;
  readonly onCalibration?: (runs: number) => void;
}

const LEVELS: readonly Needs[] = ['nothing', 'moments', 'gram'];

/** What the algorithms that a recipe names for a weight want to know, whatever the weight's role. */
export function needsOf(recipe: FormatRecipe, registry: Registry): (weight: string) => Needs {
  const isRanged = recipe.activations === 'static' || recipe.outliers !== undefined || recipe.skipZeros === true;
  return (weight) => {
    let level = isRanged ? 1 : 0;
    for (const rule of recipe.rules) {
      if (rule.match !== undefined && !matchesName(rule.match, weight)) continue;
      const named = [
        registry.quantizers.get(rule.algorithm ?? ''),
        registry.equalizers.get(rule.equalize ?? ''),
        rule.sparsity === undefined ? undefined : registry.pruners.get(rule.prune ?? 'magnitude'),
      ];
      for (const a of named) level = Math.max(level, LEVELS.indexOf(a?.needs ?? 'nothing'));
    }
    return LEVELS[level] ?? 'nothing';
  };
}

/** Statistics that a recipe's algorithms need, empty when they need none. The rotation of the recipe is applied before. */
export async function calibrationFor(
  model: ModelSource,
  recipe: FormatRecipe,
  options: Omit<CompressOptions, 'quant'>,
): Promise<Calibration> {
  const { plugins = [], runs, onCalibration, ...all } = options as CompressOptions;
  const { onProgress: _, quant: __, stopAfter: ___, ...compile } = all;
  const { registry } = createCompiler({ plugins });
  const needs = needsOf(recipe, registry);
  const values = recipe.precision !== undefined;
  const needsRanges = recipe.activations === 'static' || recipe.outliers !== undefined || recipe.skipZeros === true;
  if (!values && !needsRanges && !recipe.rules.some((r) => r.algorithm ?? r.equalize ?? r.prune)) return new Map();
  return calibrate(model, runs?.() ?? [], {
    compile: {
      ...compile,
      plugins,
      quant: { name: 'calibration', rules: [], rotate: recipe.rotate === true, simulate: true },
    },
    calibrators: [...registry.calibrators.values()],
    needs,
    values,
    ...(options.signal ? { signal: options.signal } : {}),
    ...(onCalibration ? { onProgress: onCalibration } : {}),
  });
}

/** Compiles with a recipe, calibrating first where its algorithms ask for it. Throws INFC2077 when they do and there is no data. */
export async function compress(model: ModelSource, options: CompressOptions): Promise<Compilation> {
  const compiler = createCompiler(options.plugins ? { plugins: options.plugins } : {});
  const recipe = recipeOf(options.quant, compiler.registry);
  const calibration = options.calibration ?? (await calibrationFor(model, recipe, options));
  return compiler.compile(model, { ...options, quant: recipe, ...(calibration.size > 0 ? { calibration } : {}) });
}
