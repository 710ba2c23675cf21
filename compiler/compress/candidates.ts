import { squaredError } from '../../passes/format/rounding-error.ts';
import { roleOf, weightOf } from '../../passes/format/weights.ts';
import { bytesOf, type LayerChoices, type LayerOption } from '../../passes/precision/allocator.ts';
import { channelIntegers } from '../formats/channel-integers.ts';
import { fitsFormat, type StorageFormat } from '../formats/format.ts';
import { type FormatRecipe, type FormatRule, recipeOf, type WeightRole } from '../formats/recipe.ts';
import { denseRows } from '../formats/rows.ts';
import { bitsOf } from '../ir/dtype.ts';
import type { Program } from '../ir/graph.ts';
import type { Registry } from '../plugin.ts';
import { constantNumbers } from '../tensor-values.ts';
import type { Calibration } from './calibrate.ts';

/** Formats from small to large that layers choose among. */
const LADDER = ['a2g32', 'q3g32', 'a3g32', 'q4g32', 'a4g32', 'q5g32', 'q6g32', 'q8g32'];
/** Formats of uniform recipes for products; below 3 bits sums of signs do least damage. */
const UNIFORM = ['b2', 'a3g32', 'q4g32', 'a4g32', 'q5g32', 'q6g32', 'q8g32'];
/** Formats for the ends of a language model: the table of embeddings, which is looked up, and the head. */
const ENDS = ['q4g32', 'q5g32', 'q6g32', 'q8g32'];
/** Budgets of the mixed recipes, as bits a weight. */
const MIXED = [3.25, 3.75, 4.25, 4.75, 5.25, 6];
/** Uniform formats at whose sizes an allocator that measures whole models searches. */
export const SEARCHED = ['a3g32', 'q4g32'];

/** Weights of a product, a filter or a table. */
export interface Layer {
  readonly name: string;
  readonly rows: number;
  readonly length: number;
  readonly elements: number;
  /** Rows of formats' groups, not only whole numbers with a scale a channel. */
  readonly isMatrix: boolean;
  /** A table that is the head too counts as a table. */
  readonly role: WeightRole;
  /** Rows of weights, [rows, length]. */
  values(): Float32Array;
}

/** Weights of products, look-ups and convolutions, each once. */
export function layersOf(program: Program): Layer[] {
  const found = new Map<string, Layer>();
  for (const graph of program.entries.values()) {
    for (const node of graph.nodes) {
      const isTable = node.op === 'gather';
      const w = node.inputs[isTable ? 0 : 1];
      const constant = w?.constant;
      if (!constant || w.type.format !== 'dense') continue;
      const matrix = weightOf(node);
      if (!matrix && node.op !== 'conv') continue;
      const known = found.get(constant.name);
      if (known) {
        if (isTable) found.set(constant.name, { ...known, role: 'embedding' });
        continue;
      }
      const elements = w.type.shape.reduce<number>((n, d) => n * Number(d), 1);
      if (elements < 1024) continue;
      const rows = matrix ? matrix.size.rows : Number(w.type.shape[0]);
      found.set(constant.name, {
        name: constant.name,
        rows,
        length: elements / rows,
        elements,
        isMatrix: matrix !== undefined,
        role: roleOf({ node, constant }, graph, { program }),
        values: () =>
          matrix ? denseRows(constant, matrix.size, matrix.transposed) : Float32Array.from(constantNumbers(constant)),
      });
    }
  }
  return [...found.values()];
}

/** Bits a weight takes in a format, its parameters included. */
const widthOf = (format: StorageFormat): number =>
  Object.values(format.planes).reduce((n, p) => n + bitsOf[p.dtype] / p.per, 0);

const inRows = (layer: Layer, format: StorageFormat): boolean => layer.isMatrix && fitsFormat(format, layer.length);

/** What formats make of a layer. */
class Rounding {
  private readonly values: Float32Array;
  private readonly energy: number;

  constructor(
    private readonly layer: Layer,
    private readonly importance: Float32Array | undefined,
  ) {
    this.values = layer.values();
    this.energy = this.values.reduce((s, w, i) => s + w * w * (importance?.[i % layer.length] ?? 1), 0) || 1;
  }

  /** Undefined for formats that have neither a grid nor a width for filters. */
  to(named: StorageFormat): LayerOption | undefined {
    const { layer } = this;
    const isGrouped = inRows(layer, named);
    if (!named.grid || (!isGrouped && named.bits === undefined)) return undefined;
    const width = named.bits ?? 8;
    const format = isGrouped ? named : channelIntegers(width, layer.length);
    const bits = widthOf(format) - (isGrouped ? 0 : 8 - width);
    const damage = squaredError(this.values, layer, format, this.importance);
    // Relative to what the layer gives: how much an error weighs depends on what it is added to.
    return { format: named.name, bits, bytes: (layer.elements * bits) / 8, damage: damage / this.energy };
  }
}

/** Bytes and expected damage of a layer in each format of the ladder. */
export function choicesOf(layer: Layer, registry: Registry, calibration: Calibration): LayerChoices {
  const statistics = calibration.get(layer.name);
  const rounding = new Rounding(layer, statistics?.meanSquare);
  const widths = new Set<number>();
  const options = LADDER.flatMap((name) => {
    const format = registry.format(name);
    const width = format?.bits;
    if (!format || width === undefined) return [];
    // One option a width for filters.
    if (!inRows(layer, format) && widths.has(width)) return [];
    widths.add(width);
    const option = rounding.to(format);
    return option ? [option] : [];
  }).sort((a, b) => a.bytes - b.bytes);
  return {
    name: layer.name,
    elements: layer.elements,
    options: options.length > 0 ? options : [{ format: 'q8g32', bits: 32, bytes: layer.elements * 4, damage: 0 }],
    ...(statistics?.entropy === undefined ? {} : { entropy: statistics.entropy }),
  };
}

/** What recipes are made for. */
export interface Subject {
  readonly layers: readonly Layer[];
  readonly choices: readonly LayerChoices[];
  readonly registry: Registry;
  readonly calibration: Calibration;
  /** A quantizer that the data allows; undefined: plain rounding. */
  readonly algorithm: string | undefined;
}

/** All weights in one format; the ends of a language model may be wider. */
export function uniform({ algorithm, registry }: Subject, format: string, ends?: string): FormatRecipe {
  const by = algorithm === undefined || registry.format(format)?.grid === undefined ? undefined : algorithm;
  const rule = withAlgorithm({ format }, by);
  const name = by === undefined ? format : `${format}+${by}`;
  if (ends === undefined || ends === format) return { name, rules: [rule] };
  return { name: `${name}, ends ${ends}`, rules: [...endRules(ends, algorithm), rule] };
}

const withAlgorithm = (rule: FormatRule, algorithm: string | undefined): FormatRule =>
  algorithm === undefined ? rule : { ...rule, algorithm };

const endRules = (format: string, algorithm: string | undefined): FormatRule[] => [
  { role: 'embedding', format },
  withAlgorithm({ role: 'head', format }, algorithm),
];

/**
 * Recipes worth measuring: uniform ones of every width, those that round activations or values too, and mixtures of bits within several
 * sizes, as an allocator deals them out.
 */
export async function candidateRecipes(subject: Subject): Promise<FormatRecipe[]> {
  const { layers, choices, registry, algorithm } = subject;
  const hasTable = layers.some((l) => l.role === 'embedding');
  const widthsOf = (names: readonly string[]): (number | undefined)[] => names.map((f) => registry.format(f)?.bits);
  const recipes: FormatRecipe[] = [];
  if (layers.length > 0) {
    // Filters know widths only, so that one format a width will do for models of nothing else.
    const widths = widthsOf(LADDER);
    const formats = layers.some((l) => l.isMatrix) ? UNIFORM : LADDER.filter((_, i) => widths.indexOf(widths[i]) === i);
    const ends = widthsOf(ENDS);
    for (const format of formats) {
      const width = registry.format(format)?.bits ?? 8;
      // The narrowest ends that are as wide, and the next wider ones, which pay from 4 bits on.
      const first = Math.max(
        0,
        ends.findIndex((w) => (w ?? 0) >= width),
      );
      for (const end of hasTable ? ENDS.slice(first, first + (width < 4 ? 1 : 2)) : [undefined])
        recipes.push(uniform(subject, format, end));
    }
  }
  for (const name of ['f16', 'mixed']) recipes.push(recipeOf(name, registry));
  const w8a8 = recipeOf('w8a8', registry);
  recipes.push(hasTable ? { ...w8a8, rules: [...endRules('q8g32', algorithm), ...w8a8.rules] } : w8a8);
  const w4a8 = recipeOf(algorithm === undefined ? 'w4a8' : `w4a8+${algorithm}`, registry);
  // Of filters it would be the same as w8a8.
  if (layers.some((l) => l.isMatrix)) recipes.push(w4a8);
  if (hasTable)
    recipes.push({
      ...w4a8,
      name: `${w4a8.name}, ends q6g32`,
      rules: w4a8.rules.map((r) => (r.role === undefined ? r : { ...r, format: 'q6g32' })),
    });
  // Expected damages say how layers compare, not how layers compare with the ends: these stay uniform.
  const inner = hasTable ? choices.filter((_, i) => layers[i]?.role === 'linear') : choices;
  const total = inner.reduce((n, l) => n + l.elements, 0);
  const least = bytesOf(
    inner,
    inner.map(() => 0),
  );
  const allocator = registry.allocators.get('baq');
  for (const bits of MIXED) {
    const bytes = Math.floor((total * bits) / 8);
    if (!allocator || inner.length < 2 || bytes < least) continue;
    const choice = await allocator.allocate({ layers: inner, bytes, seed: 1 });
    const mixed = recipeFor(`mixed-${bits}`, inner, choice, algorithm);
    const end = hasTable ? ENDS.find((f) => Number(bitsIn(f, registry)) >= bits) : undefined;
    recipes.push(
      end === undefined ? mixed : { name: mixed.name, rules: [...endRules(end, algorithm), ...mixed.rules] },
    );
  }
  return recipes;
}

const bitsIn = (name: string, registry: Registry): number | undefined => {
  const format = registry.format(name);
  return format && widthOf(format);
};

/** A rule a layer. */
export function recipeFor(
  name: string,
  choices: readonly LayerChoices[],
  choice: readonly number[],
  algorithm: string | undefined,
): FormatRecipe {
  const rules = choices.map((l, i) =>
    withAlgorithm({ match: l.name, format: l.options[choice[i] ?? 0]?.format ?? 'q8g32', channels: true }, algorithm),
  );
  return { name, rules: [...rules, { format: 'q8g32' }] };
}

/** How a recipe keeps a layer. */
export interface LayerFormat {
  readonly name: string;
  readonly format: string;
  /** Bits a weight, scales included. */
  readonly bits: number;
  /** Share of the damage that the layers' rounding is expected to do; 0 where that is not known. */
  readonly share: number;
}

/** What a recipe does with each layer. */
export function layerFormats(recipe: FormatRecipe, { layers, registry, calibration }: Subject): LayerFormat[] {
  const rows = layers.map((l) => {
    const rule = recipe.rules.find((r) => (r.match ?? l.name) === l.name && (r.role ?? l.role) === l.role);
    const name = rule?.format ?? 'dense';
    // Codes with a scale a channel.
    if (name === 'dense' && recipe.activations !== undefined && l.role !== 'embedding')
      return { name: l.name, format: '8-bit codes', bits: 8, damage: 0 };
    const format = registry.format(name);
    const option = format && new Rounding(l, calibration.get(l.name)?.meanSquare).to(format);
    const bits = option?.bits ?? (format ? widthOf(format) : 32);
    return { name: l.name, format: name, bits, damage: option?.damage ?? 0 };
  });
  const total = rows.reduce((n, r) => n + r.damage, 0) || 1;
  return rows.map(({ damage, ...r }) => ({ ...r, share: damage / total }));
}
