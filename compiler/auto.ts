import { squaredError } from '../passes/format/rounding-error.ts';
import { weightOf } from '../passes/format/weights.ts';
import type { Allocator, LayerChoices } from '../passes/precision/allocator.ts';
import { InfcError } from '../runtime/errors.ts';
import { openDecoder } from '../runtime/generate/open-decoder.ts';
import type { Model } from '../runtime/session.ts';
import { type Calibration, loadCompiled } from './calibrate.ts';
import { type CompileOptions, createCompiler } from './compile.ts';
import { calibrationFor } from './compress.ts';
import { type Damage, damageOf, dropOf, measureDamage, remembering } from './damage.ts';
import { evolve } from './evolve.ts';
import { channelIntegers } from './formats/channel-integers.ts';
import { gridSpan, type StorageFormat } from './formats/format.ts';
import { type FormatRecipe, type FormatRule, recipeOf } from './formats/recipe.ts';
import { denseRows } from './formats/rows.ts';
import { bitsOf } from './ir/dtype.ts';
import type { Program } from './ir/graph.ts';
import type { Plugin, Registry } from './plugin.ts';
import { calibrationRuns, firstOf, holdOut, type Samples } from './samples.ts';
import { constantNumbers } from './tensor-values.ts';

/** What a compressed model may cost. At least one bound. */
export interface Budget {
  /** Largest mean KL divergence (language models, nats a token) or relative error of an output. */
  readonly maxKl?: number;
  /** Largest share of decisions that change, 0 to 1. */
  readonly maxDrop?: number;
  /** Most bytes of weights. */
  readonly maxBytes?: number;
}

/** A recipe, compiled and measured on data that it was not calibrated on. */
export interface Candidate {
  readonly recipe: FormatRecipe;
  /** Bytes of the weights file. */
  readonly bytes: number;
  /** Fastest of a few runs: one token of a language model, one sample of others. */
  readonly ms: number;
  readonly damage: Damage;
  readonly within: boolean;
}

export interface AutoResult {
  /** As the model has it: no recipe. */
  readonly baseline: { readonly bytes: number; readonly ms: number };
  readonly candidates: readonly Candidate[];
  readonly chosen: Candidate;
  /** Format of each layer of the chosen recipe, with the damage expected of it alone. */
  readonly layers: readonly {
    readonly name: string;
    readonly format: string;
    readonly bits: number;
    readonly share: number;
  }[];
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

/** Formats from small to large that layers choose among. */
const LADDER = ['a2g32', 'q3g32', 'a3g32', 'q4g32', 'a4g32', 'q5g32', 'q6g32', 'q8g32'];
/** Budgets of the mixed recipes, as bits a weight. */
const MIXED = [3.25, 3.75, 4.25, 5, 6];
/** Uniform formats at whose sizes a measuring allocator searches. */
const SEARCHED = ['a3g32', 'q4g32'];
/** Larger models are screened with plain rounding, which takes no minutes. */
const SCREENED = 2e7;
/** Measured damage must stay this far below a bound, since other data will differ a little; and a divergence, this many standard errors. */
const [MARGIN, DEVIATIONS] = [0.9, 2];
/** Recipes that are tried as they are. */
const FIXED = ['f16', 'mixed', 'w8a8', 'w4a8'];

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
    rules: [{ format: 'q4g32', algorithm: algorithm ?? 'gptq' }],
    // How the values between kernels are distributed, for recipes that narrow them.
    ...(large ? {} : { precision: 'mixed' }),
  };
  const calibration: Calibration = canCalibrate
    ? await calibrationFor(model, wanted, {
        ...options.compile,
        plugins,
        runs: () => calibrationRuns(seen, generation),
      })
    : new Map();
  const choices = layers.map((l) => choicesOf(l, registry, calibration));

  const searched: FormatRecipe[] = [];
  const allocator = options.allocate === undefined ? undefined : registry.allocators.get(options.allocate);
  if (options.allocate !== undefined && !allocator)
    throw new InfcError('INFC2085', `there is no allocator '${options.allocate}'`, {
      fix: `Known: ${[...registry.allocators.keys()].join(', ')}`,
    });
  if (allocator) {
    const compileRounded = async (format: string) => {
      const recipe: FormatRecipe = { ...uniform(format, algorithm), simulate: true };
      return (await compiler.compile(model, { ...options.compile, quant: recipe, calibration })).targets[0];
    };
    for (const at of SEARCHED) {
      const bytes = choices.reduce((n, l) => n + (l.options.find((o) => o.format === at)?.bytes ?? 0), 0);
      const choice = await evolve(allocator, choices, bytes, {
        compileRounded,
        reference,
        samples: seen,
        seed: 1,
        ...(signal ? { signal } : {}),
        ...(onProgress ? { onProgress } : {}),
      });
      searched.push(recipeFor(`${options.allocate}@${at}`, choices, choice, algorithm));
    }
  }
  const candidates: Candidate[] = [];
  const known = samples.kind === 'inputs' ? remembering(reference) : reference;
  const recipes = [
    ...searched,
    ...(layers.length > 0 ? ladderFor(layers, registry).map((f) => uniform(f, algorithm)) : []),
    ...FIXED.map((name) => recipeOf(name, registry)),
    ...(await mixed(registry.allocators.get('baq'), choices, algorithm)),
  ];
  for (const [i, recipe] of recipes.entries()) {
    signal?.throwIfAborted();
    onProgress?.(`measuring ${recipe.name} (${i + 1} of ${recipes.length})`);
    const compilation = await compiler.compile(model, { ...options.compile, quant: recipe, calibration });
    await using made = await loadCompiled(compilation.targets[0]);
    const damage = await measureDamage(known, made, heldOut, signal ? { signal } : {});
    const bytes = weightBytes(compilation.targets[0]?.plan.weights);
    candidates.push({ recipe, bytes, ms: await timeOf(made, heldOut), damage, within: keeps(budget, bytes, damage) });
  }
  const chosen = best(budget, candidates);
  return { baseline, candidates, chosen, layers: describe(chosen.recipe, choices), calibration };
}

const weightBytes = (files: readonly { readonly bytes: number }[] = []): number =>
  files.reduce((n, f) => n + f.bytes, 0);

const keeps = ({ maxKl, maxDrop, maxBytes }: Budget, bytes: number, d: Damage): boolean =>
  damageOf(d) <= (maxKl ?? Number.POSITIVE_INFINITY) * MARGIN &&
  damageOf(d) + (d.kind === 'tokens' ? DEVIATIONS * d.klError : 0) <= (maxKl ?? Number.POSITIVE_INFINITY) &&
  dropOf(d) <= (maxDrop ?? Number.POSITIVE_INFINITY) * MARGIN &&
  dropOf(d) + dropError(d) <= (maxDrop ?? Number.POSITIVE_INFINITY) &&
  bytes <= (maxBytes ?? Number.POSITIVE_INFINITY);

/** Standard error of the share of changed decisions: few of them say little. */
function dropError(d: Damage): number {
  const of = (top1: number, n: number): number => Math.sqrt((top1 * (1 - top1)) / Math.max(1, n));
  if (d.kind === 'tokens') return of(d.top1, d.positions);
  return Math.max(0, ...Object.values(d.outputs).map((o) => of(o.top1, o.rows)));
}

function best(budget: Budget, candidates: readonly Candidate[]): Candidate {
  const byBytes = (a: Candidate, b: Candidate): number => a.bytes - b.bytes || damageOf(a.damage) - damageOf(b.damage);
  const byDamage = (a: Candidate, b: Candidate): number => damageOf(a.damage) - damageOf(b.damage) || a.bytes - b.bytes;
  const boundsDamage = budget.maxKl !== undefined || budget.maxDrop !== undefined;
  const order = boundsDamage ? byBytes : byDamage;
  const [found] = candidates.filter((c) => c.within).sort(order);
  if (found) return found;
  const near = [...candidates].sort(budget.maxBytes !== undefined && !boundsDamage ? byBytes : byDamage)[0];
  throw new InfcError(
    'INFC2084',
    near
      ? `no recipe keeps the budget: the nearest, ${near.recipe.name}, takes ${near.bytes} bytes and does damage ${damageOf(near.damage).toPrecision(3)} (${(100 * dropOf(near.damage)).toFixed(2)} % of decisions)`
      : 'there is no recipe to choose from',
    { fix: 'Allow more damage (--max-kl, --max-drop) or more bytes (--max-bytes)' },
  );
}

/** The ends of a language model suffer most and are looked up or multiplied once: they keep 8 bits unless the rest is as wide. */
const ends: readonly FormatRule[] = [
  { role: 'embedding', format: 'q8g32' },
  { role: 'head', format: 'q8g32' },
];

const withAlgorithm = (rule: FormatRule, algorithm: string | undefined): FormatRule =>
  algorithm === undefined ? rule : { ...rule, algorithm };

const uniform = (format: string, algorithm: string | undefined): FormatRecipe => ({
  name: algorithm === undefined ? format : `${format}+${algorithm}`,
  rules: [...ends, withAlgorithm({ format }, algorithm)],
});

/** A rule a layer. */
function recipeFor(
  name: string,
  layers: readonly LayerChoices[],
  choice: readonly number[],
  algorithm: string | undefined,
): FormatRecipe {
  const rules = layers.map((l, i) =>
    withAlgorithm({ match: l.name, format: l.options[choice[i] ?? 0]?.format ?? 'q8g32', channels: true }, algorithm),
  );
  return { name, rules: [...ends, ...rules, { format: 'q8g32' }] };
}

async function mixed(
  allocator: Allocator | undefined,
  layers: readonly LayerChoices[],
  algorithm: string | undefined,
): Promise<FormatRecipe[]> {
  const total = layers.reduce((n, l) => n + l.elements, 0);
  const recipes: FormatRecipe[] = [];
  for (const bits of MIXED) {
    const bytes = Math.floor((total * bits) / 8);
    const least = layers.reduce((n, l) => n + (l.options[0]?.bytes ?? 0), 0);
    if (!allocator || layers.length < 2 || bytes < least) continue;
    const choice = await allocator.allocate({ layers, bytes, seed: 1 });
    recipes.push(recipeFor(`mixed-${bits}`, layers, choice, algorithm));
  }
  return recipes;
}

interface Layer {
  readonly name: string;
  readonly rows: number;
  readonly length: number;
  readonly elements: number;
  readonly isMatmul: boolean;
  /** Rows of weights, [rows, length]. */
  values(): Float32Array;
}

/** Weights of products and convolutions, each once. */
function layersOf(program: Program): Layer[] {
  const found = new Map<string, Layer>();
  for (const graph of program.entries.values()) {
    for (const node of graph.nodes) {
      const w = node.inputs[1];
      const constant = w?.constant;
      if (!constant || found.has(constant.name) || w.type.format !== 'dense') continue;
      const matmul = node.op === 'matmul' ? weightOf(node) : undefined;
      if (!matmul && node.op !== 'conv') continue;
      const [y] = node.outputs;
      // The head goes by its own rule.
      if (matmul && y && graph.outputs.includes(y)) continue;
      const elements = w.type.shape.reduce<number>((n, d) => n * Number(d), 1);
      if (elements < 1024) continue;
      const rows = matmul ? matmul.size.rows : Number(w.type.shape[0]);
      found.set(constant.name, {
        name: constant.name,
        rows,
        length: elements / rows,
        elements,
        isMatmul: matmul !== undefined,
        values: () =>
          matmul ? denseRows(constant, matmul.size, matmul.transposed) : Float32Array.from(constantNumbers(constant)),
      });
    }
  }
  return [...found.values()];
}

/** Formats that uniform recipes try: filters know widths only, so that one format a width will do for models of nothing else. */
function ladderFor(layers: readonly Layer[], registry: Registry): string[] {
  if (layers.some((l) => l.isMatmul)) return LADDER.filter((f) => f !== 'a2g32');
  const widths = LADDER.map((f) => registry.format(f)?.bits);
  return LADDER.filter((_, i) => widths.indexOf(widths[i]) === i);
}

/** Bits a weight takes in a format, its parameters included. */
const widthOf = (format: StorageFormat): number =>
  Object.values(format.planes).reduce((n, p) => n + bitsOf[p.dtype] / p.per, 0);

/** Bytes and expected damage of a layer in each format of the ladder. */
function choicesOf(layer: Layer, registry: Registry, calibration: Calibration): LayerChoices {
  const statistics = calibration.get(layer.name);
  const values = layer.values();
  const importance = statistics?.meanSquare;
  const energy = values.reduce((s, w, i) => s + w * w * (importance?.[i % layer.length] ?? 1), 0) || 1;
  const widths = new Set<number>();
  const options = LADDER.flatMap((name) => {
    const stored = registry.format(name);
    const width = stored?.bits;
    if (!stored?.grid || width === undefined) return [];
    const inRows = layer.isMatmul && layer.length % gridSpan(stored) === 0;
    // One option a width for filters.
    if (!inRows && widths.has(width)) return [];
    widths.add(width);
    const format = inRows ? stored : channelIntegers(width, layer.length);
    const bits = widthOf(format) - (inRows ? 0 : 8 - width);
    const damage = squaredError(values, layer, format, importance);
    // Relative to what the layer gives: how much an error weighs depends on what it is added to.
    return [{ format: name, bits, bytes: (layer.elements * bits) / 8, damage: damage / energy }];
  }).sort((a, b) => a.bytes - b.bytes);
  return {
    name: layer.name,
    elements: layer.elements,
    options: options.length > 0 ? options : [{ format: 'q8g32', bits: 32, bytes: layer.elements * 4, damage: 0 }],
    ...(statistics?.entropy === undefined ? {} : { entropy: statistics.entropy }),
  };
}

function describe(recipe: FormatRecipe, layers: readonly LayerChoices[]): AutoResult['layers'] {
  const last = recipe.rules.at(-1)?.format ?? 'dense';
  const rows = layers.map((l) => {
    const format = recipe.rules.find((r) => r.match === l.name)?.format ?? last;
    const option = l.options.find((o) => o.format === format);
    return { name: l.name, format, bits: option?.bits ?? 32, damage: option?.damage ?? 0 };
  });
  const total = rows.reduce((n, r) => n + r.damage, 0) || 1;
  return rows.map(({ damage, ...r }) => ({ ...r, share: damage / total }));
}

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
