import { InfcError } from '../../runtime/errors.ts';
import { editDistance, nearest } from '../diagnostics.ts';

/** Place of a weight in the model: a table of embeddings, the matrix that gives the logits (also when tied to the table), any other. */
export type WeightRole = 'embedding' | 'head' | 'linear';

/** Which storage format weights get; every condition that is there must hold. */
export interface FormatRule {
  /** Name of the weight; `*` stands for any run of characters. */
  readonly match?: string;
  readonly role?: WeightRole;
  /** Weights of at most so many values. */
  readonly atMost?: number;
  /** A storage format, `dense` (as the model has it) or `keep` (as the model file has it encoded). */
  readonly format: string;
  /** How values are chosen among those of the format: a quantizer by name; default rounding to nearest. */
  readonly algorithm?: string;
  /** Rank of a product that makes up for what rounding took (LREC); for weights of products. */
  readonly correct?: number;
  /** An equalizer by name: channels are scaled before rounding. */
  readonly equalize?: string;
  /** Rows that the format's groups do not divide get one scale each; a rule that names weights (`match`) refuses them otherwise. */
  readonly channels?: boolean;
  /** Pattern of zeros (`2:4`, `unstructured:0.6`...) that a pruner makes first. */
  readonly sparsity?: string;
  /** The pruner; default magnitude. */
  readonly prune?: string;
}

/** Floats that values between kernels are kept as: one of 16 bits where its range and rounding allow, or what suits each value. */
export type Precision = 'f16' | 'bf16' | 'mixed';

export const PRECISIONS: readonly Precision[] = ['f16', 'bf16', 'mixed'];

/** How the weights of a model are stored: the first rule that fits decides; weights that no rule fits stay as they are. */
export interface FormatRecipe {
  readonly name: string;
  readonly rules: readonly FormatRule[];
  /** Activations are rounded to 8 bits, so that products multiply codes: over the range of each run, or the range that calibration saw. */
  readonly activations?: 'dynamic' | 'static';
  /** With `activations`: input columns of products that reach this magnitude on the calibration data stay floats. */
  readonly outliers?: number;
  /** Values between kernels are kept as 16-bit floats where that is safe. */
  readonly precision?: Precision;
  /** Products of one row leave unread what zeros among their inputs would multiply, where that was measured to pay. */
  readonly skipZeros?: boolean;
  /** Rotates the residual stream of a transformer first. */
  readonly rotate?: boolean;
  /** Rounds weights to their formats but keeps them dense, to measure what formats do. */
  readonly simulate?: boolean;
}

const all = (name: string, format: string): FormatRecipe => ({ name, rules: [{ format }] });

/** Up to so many values 16 bits cost little: at most 16 kB more than 8 bits for one weight, 512 kB for a table of embeddings. */
const SMALL = 2 ** 14;
const SMALL_TABLE = 2 ** 19;

/** A table that is looked up has no activations to round. */
const TABLE: FormatRule = { role: 'embedding', format: 'q8g32' };
/** The ends of a language model, which suffer most and often are one matrix. */
const ENDS: readonly FormatRule[] = [TABLE, { role: 'head', format: 'q8g32' }];

/**
 * Recipes by name. `q8` is to change what a model says as little as 8 bits can, so weights that are too small to be worth it keep 16: a
 * small model has little to spare (`q8g32` has all in 8). `auto` keeps what is encoded already, and gives the two ends of a language model,
 * which suffer most, 8 bits.
 */
export const recipes: readonly FormatRecipe[] = [
  all('keep', 'keep'),
  all('f32', 'dense'),
  all('f16', 'dense-f16'),
  all('bf16', 'dense-bf16'),
  {
    name: 'q8',
    rules: [
      { atMost: SMALL, format: 'dense-f16' },
      { role: 'embedding', atMost: SMALL_TABLE, format: 'dense-f16' },
      { role: 'head', atMost: SMALL_TABLE, format: 'dense-f16' },
      { format: 'q8g32' },
    ],
  },
  all('q4', 'q4g32'),
  { name: 'mixed', rules: [{ format: 'dense-f16' }], precision: 'mixed' },
  { name: 'w8a8', rules: [TABLE, { format: 'dense' }], activations: 'dynamic' },
  { name: 'w8a8-static', rules: [TABLE, { format: 'dense' }], activations: 'static' },
  // QoQ; what groups of 64 do not divide keeps 8 bits.
  {
    name: 'w4a8',
    rules: [...ENDS, { format: 'p4g64' }],
    activations: 'dynamic',
  },
  // The threshold of LLM.int8().
  { name: 'w8a8-outliers', rules: [TABLE, { format: 'dense' }], activations: 'dynamic', outliers: 6 },
  {
    name: 'auto',
    rules: [{ match: '*', format: 'keep' }, ...ENDS, { format: 'q4g32' }],
  },
];

/** Short names of formats: `w4` is 4-bit weights; activations are floats of 16 or 32 bits (`--precision`) unless a recipe says otherwise. */
const SHORT: Readonly<Record<string, string>> = {
  w8: 'q8g32',
  w8a16: 'q8g32',
  w6: 'q6g32',
  w5: 'q5g32',
  w4: 'q4g32',
  w4a16: 'q4g32',
  w3: 'a3g32',
  w3a16: 'a3g32',
  w2: 'a2g32',
  w2a16: 'a2g32',
  fp8: 'fp8-e4m3',
};

/** What {@link recipeOf} looks names up in. */
export interface RecipeNames {
  format(name: string): { readonly name: string } | undefined;
  /** To name those that were perhaps meant. */
  readonly formats?: Iterable<{ readonly name: string }>;
  readonly quantizers?: ReadonlyMap<string, unknown>;
  readonly equalizers?: ReadonlyMap<string, unknown>;
}

/**
 * The recipe of a name, of a storage format's name, or itself. `+` adds algorithms to every rule: `q4+gptq`, `a3g32+awq+gptq`, `w2+lrec16`,
 * `w4+rotate`. Throws INFC8061 for an unknown name.
 */
export function recipeOf(given: string | FormatRecipe, names: RecipeNames): FormatRecipe {
  if (typeof given !== 'string') {
    for (const { format } of given.rules)
      if (format !== 'dense' && format !== 'keep' && !names.format(format)) throw unknownInRule(format, names);
    return given;
  }
  const [first = '', ...more] = given.split('+');
  const base = SHORT[first] ?? first;
  const named = recipes.find((r) => r.name === base);
  if (!named && !names.format(base)) throw unknownFormat(first, names);
  let recipe = named ?? all(given, base);
  for (const name of more) recipe = extended(recipe, name, names);
  return more.length > 0 ? { ...recipe, name: given } : recipe;
}

/** Weights of such rules are not rounded. */
const isLeft = (format: string): boolean => format === 'keep' || format.startsWith('dense');

function extended(recipe: FormatRecipe, name: string, names: RecipeNames): FormatRecipe {
  if (name === 'rotate') return { ...recipe, rotate: true };
  const add = (more: Partial<FormatRule>): FormatRecipe => ({
    ...recipe,
    rules: recipe.rules.map((r) =>
      isLeft(r.format) && !(more.equalize && recipe.activations) ? r : { ...r, ...more },
    ),
  });
  if (names.quantizers?.has(name)) return add({ algorithm: name });
  if (names.equalizers?.has(name)) return add({ equalize: name });
  const rank = /^lrec([1-9]\d{0,3})$/.exec(name);
  if (rank) return add({ correct: Number(rank[1]) });
  const known = [...(names.quantizers?.keys() ?? []), ...(names.equalizers?.keys() ?? []), 'rotate', 'lrec16'];
  throw new InfcError('INFC8064', `'${name}' is no algorithm`, { fix: `After + write one of ${known.join(', ')}` });
}

function unknownFormat(name: string, { formats = [] }: RecipeNames): InfcError {
  const named = [...recipes.map((r) => r.name), ...Object.keys(SHORT)];
  const stored = [...formats].map((f) => f.name);
  const meant = nearest(name, [...named, ...stored]);
  return new InfcError('INFC8061', `there is no recipe or storage format '${name}'`, {
    fix:
      meant === undefined
        ? `Recipes: ${named.join(', ')}; storage formats: ${stored.join(', ')}; or a file that ends in .json`
        : `Did you mean '${meant}'? Recipes: ${named.join(', ')}; or the name of a storage format`,
  });
}

/** Rules name storage formats; for the name of a recipe, that of most of its weights. */
function unknownInRule(name: string, { formats = [] }: RecipeNames): InfcError {
  const stored = [...formats].map((f) => f.name);
  const meant = SHORT[name] ?? recipes.find((r) => r.name === name)?.rules.at(-1)?.format ?? nearest(name, stored);
  return new InfcError('INFC8061', `a rule of the recipe names '${name}', which is no storage format`, {
    fix: meant === undefined ? `Storage formats: keep, dense, ${stored.join(', ')}` : `Did you mean '${meant}'?`,
  });
}

/** Whether a weight's name fits a pattern with `*`. */
export function matchesName(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((p) => p.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}

/** The names that a pattern with `*` comes nearest to: fewest characters to change, those under a `*` free. */
export function nearestNames(pattern: string, names: Iterable<string>, most = 3): string[] {
  return [...names]
    .map((name) => ({ name, off: editDistance(pattern, name, '*') }))
    .sort((a, b) => a.off - b.off)
    .slice(0, most)
    .map(({ name }) => name);
}
