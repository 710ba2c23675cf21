import path from 'node:path';
import { channelShare, parseSparsity } from '../../passes/precision/sparsity-pattern.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { PlanGeneration } from '../../runtime/plan.ts';
import type { CompileOptions, Compiler } from '../compile.ts';
import type { AutoResult, Candidate } from '../compress/auto.ts';
import { type Budget, MARGIN } from '../compress/budget.ts';
import type { Calibration } from '../compress/calibrate.ts';
import { damageOf, dropOf } from '../compress/damage.ts';
import type { Samples } from '../compress/samples.ts';
import { type FormatRecipe, PRECISIONS, recipeOf } from '../formats/recipe.ts';
import { asSym, type Sym, substitute } from '../ir/dim.ts';
import type { Program } from '../ir/graph.ts';
import type { Plugin } from '../plugin.ts';
import { type Args, numberOption } from './args.ts';
import type { Io } from './io.ts';
import { typicalSize } from './ports.ts';
import { readRecipe } from './recipe.ts';
import { randomText, readSamples, type SampleReader } from './samples.ts';
import { formatBytes, formatMs, table } from './table.ts';

/** What `--quant auto` within a budget found, as the record of an artifact keeps it for `infc explain precision`. */
export interface PrecisionReport {
  readonly budget: Budget;
  readonly baseline: AutoResult['baseline'];
  readonly candidates: readonly {
    readonly name: string;
    readonly bytes: number;
    readonly ms: number;
    readonly damage: number;
    readonly drop: number;
    /** Options whose bounds it does not keep with the margin that other data needs. */
    readonly missed: readonly string[];
    readonly chosen: boolean;
  }[];
  readonly layers: AutoResult['layers'];
  /** Absent in older artifacts. */
  readonly heldOut?: AutoResult['heldOut'];
}

/** How the options of the command line say that weights are stored. */
export interface Quantizing {
  readonly quant?: string | FormatRecipe;
  readonly calibration?: Calibration;
  readonly report?: PrecisionReport;
}

export interface QuantizingContext {
  readonly model: string;
  readonly compiler: Compiler;
  readonly plugins: readonly Plugin[];
  readonly options: CompileOptions;
  readonly io: Io;
}

/** Reads `--quant --precision --sparsity --prune --calibrate --max-kl --max-drop --max-bytes`; calibrates and searches where they ask for it. */
export async function quantizing(args: Args, context: QuantizingContext): Promise<Quantizing> {
  const { compiler, io } = context;
  const given = await readRecipe(args.value('quant'), io);
  const budget = budgetOf(args);
  const source = args.value('calibrate');
  refuseLeftOver(args, budget);
  if (budget) {
    if (given !== undefined && given !== 'auto')
      throw new InfcError('INFC8042', 'a budget chooses the recipe, and --quant names one', {
        fix: 'Write --quant auto, or leave out --max-kl, --max-drop and --max-bytes',
      });
    if (args.value('precision') !== undefined)
      throw new InfcError('INFC8042', 'a budget chooses the precision too, and --precision names one', {
        fix: 'Leave out --precision, or name a recipe with --quant',
      });
    return search(await samplesFor(source, context), budget, args.value('allocate'), context);
  }
  const recipe = withPrecision(withSparsity(given, args, compiler), args, compiler);
  if (recipe === undefined || source === undefined) return recipe === undefined ? {} : { quant: recipe };
  const { calibrationFor } = await import('../compress/compress.ts');
  const { calibrationRuns } = await import('../compress/samples.ts');
  const { samples, generation } = await samplesFor(source, context);
  const resolved = recipeOf(recipe, compiler.registry);
  const calibration = await calibrationFor(context.model, resolved, {
    ...context.options,
    plugins: context.plugins,
    runs: () => calibrationRuns(samples, generation),
    onCalibration: (n) => io.progress(`calibrating: ${n} runs`),
  });
  return { quant: recipe, ...(calibration.size > 0 ? { calibration } : {}) };
}

/** Refuses options that would change nothing. */
function refuseLeftOver(args: Args, budget: Budget | undefined): void {
  const without = (name: string, other: string, fix: string): void => {
    if (args.value(name) !== undefined) throw new InfcError('INFC8042', `--${name} does nothing ${other}`, { fix });
  };
  if (budget)
    without(
      'sparsity',
      'beside a budget',
      'Leave out the budget, or --sparsity: a budget chooses among formats of dense weights',
    );
  else without('allocate', 'without a budget', 'Give --max-kl, --max-drop or --max-bytes too');
  if (args.value('sparsity') === undefined) without('prune', 'without --sparsity', 'Give the pattern: --sparsity 2:4');
}

function withSparsity(given: string | FormatRecipe | undefined, args: Args, compiler: Compiler) {
  const sparsity = args.value('sparsity');
  const prune = args.value('prune');
  if (sparsity === undefined) return given;
  if (sparsity === 'activations') {
    const recipe = recipeOf(given ?? 'f32', compiler.registry);
    return { ...recipe, name: `${recipe.name} activations`, skipZeros: true };
  }
  if (channelShare(sparsity) === undefined) parseSparsity(sparsity);
  // Formats of group-sparse, group-quantized weights name their bits themselves.
  const bits = /^gqsa:w(\d)/.exec(sparsity)?.[1];
  const base = given ?? (bits === undefined ? undefined : `q${bits}`);
  const recipe =
    base === undefined ? { name: 'dense', rules: [{ format: 'dense' }] } : recipeOf(base, compiler.registry);
  const rules = recipe.rules.map((r) =>
    r.role === 'embedding' || r.role === 'head' ? r : { ...r, sparsity, ...(prune === undefined ? {} : { prune }) },
  );
  return { ...recipe, name: `${recipe.name} ${sparsity}`, rules };
}

function withPrecision(given: string | FormatRecipe | undefined, args: Args, compiler: Compiler) {
  const name = args.value('precision');
  if (name === undefined) return given;
  const precision = PRECISIONS.find((p) => p === name);
  if (!precision)
    throw new InfcError('INFC8003', `--precision '${name}' is not known`, {
      fix: `Write one of ${PRECISIONS.join(', ')}`,
    });
  // Weights without a recipe of their own are as narrow as the values.
  const recipe = recipeOf(given ?? (precision === 'bf16' ? 'bf16' : 'f16'), compiler.registry);
  return { ...recipe, name: given === undefined ? precision : `${recipe.name} ${precision}`, precision };
}

function budgetOf(args: Args): Budget | undefined {
  const [kl, drop, bytes] = [numberOption(args, 'max-kl'), args.value('max-drop'), args.value('max-bytes')];
  if (kl === undefined && drop === undefined && bytes === undefined) return undefined;
  const bad = (name: string, fix: string): InfcError =>
    new InfcError('INFC8003', `--${name} '${args.value(name)}' is no bound`, { fix });
  if (kl !== undefined && !(kl > 0)) throw bad('max-kl', 'Write --max-kl 0.02');
  const share = drop === undefined ? undefined : Number(drop.replace(/%$/, '')) / (drop.endsWith('%') ? 100 : 1);
  if (share !== undefined && !(share > 0 && share <= 1)) throw bad('max-drop', 'Write --max-drop 1%');
  const size = bytes === undefined ? undefined : /^([\d.]+)\s*([kMG]?)B?$/.exec(bytes);
  const unit = { k: 1e3, M: 1e6, G: 1e9 }[size?.[2] ?? ''] ?? 1;
  const most = size ? Number(size[1]) * unit : undefined;
  if (bytes !== undefined && !(most !== undefined && most > 0)) throw bad('max-bytes', 'Write --max-bytes 80MB');
  return {
    ...(kl === undefined ? {} : { maxKl: kl }),
    ...(share === undefined ? {} : { maxDrop: share }),
    ...(most === undefined ? {} : { maxBytes: most }),
  };
}

/** The samples that `--calibrate` names, and what the model says about itself. */
export async function samplesFor(
  source: string | undefined,
  { model, compiler, options, io }: QuantizingContext,
): Promise<{ readonly samples: Samples; readonly generation: PlanGeneration | undefined }> {
  if (source === undefined)
    throw new InfcError('INFC8043', 'choosing within a budget needs data like what the model will see', {
      fix: 'Give it with --calibrate FILE (text for language models) or --calibrate FOLDER',
    });
  const program = await compiler.import(model, options);
  const reader = await readerOf(program, source.startsWith('random:'), io);
  return { samples: await readSamples(source, reader), generation: program.generation };
}

async function readerOf(program: Program, isRandom: boolean, io: Io): Promise<SampleReader> {
  const { generation, tokenizer } = program;
  const [graph] = program.entries.values();
  const batches = new Set((graph?.inputs ?? []).map((v) => asSym(v.type.shape[0] ?? 1)?.name));
  const dims: Record<string, number> = {};
  // The smallest that every model takes, or what a sample may well have.
  const sizeOf = (s: Sym): number => {
    const size =
      isRandom && !batches.has(s.name)
        ? typicalSize({ ...s, max: typeof s.max === 'number' ? s.max : Number.POSITIVE_INFINITY })
        : Math.max(1, s.min);
    if (isRandom) dims[s.name] = size;
    return size;
  };
  const ports = (graph?.inputs ?? []).map((v) => ({
    name: v.name,
    dtype: v.type.dtype,
    shape: v.type.shape.map((d) => Number(substitute(d, sizeOf))),
    free: v.type.shape.map((d) => typeof d !== 'number'),
  }));
  if (Object.keys(dims).length > 0) io.err(`note: ${randomText(dims)}; compiling with --dims gives others`);
  const encode = async (text: string): Promise<readonly number[]> => {
    const { openText } = await import('../../runtime/text/codec.ts');
    const { tokenizer: file, config } = tokenizer ?? { tokenizer: '{}', config: '{}' };
    return openText(JSON.parse(file), JSON.parse(config), generation?.eos ?? []).encode(text, true);
  };
  return {
    ...(generation && generation.kind !== 'encoder' ? { generation } : {}),
    ...(tokenizer ? { encode } : {}),
    ports,
    cwd: io.cwd,
  };
}

async function search(
  { samples }: { readonly samples: Samples },
  budget: Budget,
  allocate: string | undefined,
  { model, plugins, options, io }: QuantizingContext,
): Promise<Quantizing> {
  const { chooseRecipe } = await import('../compress/auto.ts');
  const { onProgress: _, quant: __, targets: ___, ...compile } = options;
  const result = await chooseRecipe(model, {
    budget,
    samples,
    compile,
    plugins,
    ...(allocate === undefined ? {} : { allocate }),
    onProgress: (t) => io.progress(t),
  });
  io.progress('');
  const report = reportOf(result, budget);
  if (!io.json) io.out(`${precisionTable(report, io)}\n`);
  return { quant: result.chosen.recipe, calibration: result.calibration, report };
}

const reportOf = (r: AutoResult, budget: Budget): PrecisionReport => ({
  budget,
  baseline: r.baseline,
  candidates: r.candidates.map((c: Candidate) => ({
    name: c.recipe.name,
    bytes: c.bytes,
    ms: c.ms,
    damage: damageOf(c.damage),
    drop: dropOf(c.damage),
    missed: c.missed,
    chosen: c === r.chosen,
  })),
  layers: r.layers,
  heldOut: r.heldOut,
});

/** The budget, and the candidates from small to large: the chosen one is marked `>`, those that no other beats in size and loss `*`. */
export function precisionTable({ budget, baseline, candidates, heldOut }: PrecisionReport, io: Io): string {
  const { style } = io;
  // In what the budget bounds.
  const loss = (c: (typeof candidates)[number]): number =>
    budget.maxKl === undefined && budget.maxDrop !== undefined ? c.drop : c.damage;
  const isBeaten = (c: (typeof candidates)[number]): boolean =>
    candidates.some((o) => o.bytes <= c.bytes && loss(o) <= loss(c) && (o.bytes < c.bytes || loss(o) < loss(c)));
  const bound = (option: string, { damage }: (typeof candidates)[number]): string =>
    option === '--max-kl' && damage <= MARGIN * (budget.maxKl ?? 0)
      ? `${option}, samples differ too much to tell`
      : option;
  const rows = [...candidates]
    .sort((a, b) => a.bytes - b.bytes)
    .map((c) => [
      c.chosen ? style.green(`> ${c.name}`) : `${isBeaten(c) ? ' ' : '*'} ${c.name}`,
      formatBytes(c.bytes),
      formatMs(c.ms),
      c.damage.toExponential(2),
      `${(100 * c.drop).toFixed(2)} %`,
      c.missed.length === 0 ? 'yes' : style.dim(`no: ${c.missed.map((option) => bound(option, c)).join(', ')}`),
    ]);
  rows.push(['  as the model has it', formatBytes(baseline.bytes), formatMs(baseline.ms), '0', '0', '']);
  const bounds = [
    ...(budget.maxKl === undefined ? [] : [`damage at most ${budget.maxKl}`]),
    ...(budget.maxDrop === undefined
      ? []
      : [`at most ${Number((100 * budget.maxDrop).toPrecision(4))} % of decisions changed`]),
    ...(budget.maxBytes === undefined ? [] : [`at most ${formatBytes(budget.maxBytes)}`]),
  ];
  const aim = budget.maxKl ?? budget.maxDrop;
  const seen = heldOut?.wasCalibratedOn
    ? 'on the one sample that it was calibrated on: give more'
    : `on ${heldOut ? `${heldOut.samples} ` : ''}sample${heldOut?.samples === 1 ? '' : 's'} that calibration did not see`;
  const chosen = `Budget: ${bounds.join(', ')}. Chosen (>): ${aim === undefined ? 'the least damage' : 'the smallest'} that keeps it with some margin, ${seen}.`;
  const measures =
    'Damage: KL divergence in nats a token, or relative error. * nothing else is smaller and better in what the budget bounds.';
  const shown = table(
    [
      { title: '  recipe' },
      { title: 'weights', right: true },
      { title: 'time', right: true },
      { title: 'damage', right: true },
      { title: 'changed', right: true },
      { title: 'within budget' },
    ],
    rows,
    style,
  );
  return `${chosen}\n${style.dim(measures)}\n\n${shown}`;
}

/** Path of the calibration data as a record keeps it. */
export const relativeSource = (source: string | undefined, dir: string, cwd: string): string | undefined =>
  source === undefined || /^random:\d+$/.test(source)
    ? source
    : path.relative(dir, path.resolve(cwd, source)).replaceAll('\\', '/');
