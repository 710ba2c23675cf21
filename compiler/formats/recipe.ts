import { InfcError } from '../../runtime/errors.ts';

/** Place of a weight in the model: a table of embeddings, the matrix that gives the logits (also when tied to the table), any other. */
export type WeightRole = 'embedding' | 'head' | 'linear';

/** Which storage format weights get; every condition that is there must hold. */
export interface FormatRule {
  /** Name of the weight; `*` stands for any run of characters. */
  readonly match?: string;
  readonly role?: WeightRole;
  /** A storage format, `dense` (as the model has it) or `keep` (as the model file has it encoded). */
  readonly format: string;
  /** How values are chosen among those of the format: a quantizer by name; default rounding to nearest. */
  readonly algorithm?: string;
  /** An equalizer by name: channels are scaled before rounding. */
  readonly equalize?: string;
  /** Pattern of zeros (`2:4`, `unstructured:0.6`...) that a pruner makes first. */
  readonly sparsity?: string;
  /** The pruner; default magnitude. */
  readonly prune?: string;
}

/** How the weights of a model are stored: the first rule that fits decides; weights that no rule fits stay as they are. */
export interface FormatRecipe {
  readonly name: string;
  readonly rules: readonly FormatRule[];
  /** Activations are rounded to 8 bits while the model runs, so that products multiply codes. */
  readonly activations?: 'dynamic';
  /** Rotates the residual stream of a transformer first. */
  readonly rotate?: boolean;
}

const all = (name: string, format: string): FormatRecipe => ({ name, rules: [{ format }] });

/** Recipes by name. `auto` keeps what is encoded already, and gives the two ends of a language model, which suffer most, 8 bits. */
export const recipes: readonly FormatRecipe[] = [
  all('keep', 'keep'),
  all('f32', 'dense'),
  all('f16', 'dense-f16'),
  all('bf16', 'dense-bf16'),
  all('q8', 'q8g32'),
  all('q4', 'q4g32'),
  { name: 'w8a8', rules: [], activations: 'dynamic' },
  {
    name: 'auto',
    rules: [
      { match: '*', format: 'keep' },
      { role: 'embedding', format: 'q8g32' },
      { role: 'head', format: 'q8g32' },
      { format: 'q4g32' },
    ],
  },
];

/** The recipe of a name, of a storage format's name, or itself. Throws INFC8061 for an unknown name. */
export function recipeOf(
  given: string | FormatRecipe,
  formats: { format(name: string): { readonly name: string } | undefined },
): FormatRecipe {
  if (typeof given !== 'string') {
    for (const { format } of given.rules)
      if (format !== 'dense' && format !== 'keep' && !formats.format(format)) throw unknownFormat(format);
    return given;
  }
  const named = recipes.find((r) => r.name === given);
  if (named) return named;
  if (!formats.format(given)) throw unknownFormat(given);
  return all(given, given);
}

const unknownFormat = (name: string): InfcError =>
  new InfcError('INFC8061', `there is no recipe or storage format '${name}'`, {
    fix: `Recipes: ${recipes.map((r) => r.name).join(', ')}; or the name of a storage format`,
  });

/** Whether a weight's name fits a pattern with `*`. */
export function matchesName(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((p) => p.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}
