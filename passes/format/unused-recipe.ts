import type { FormatRecipe } from '../../compiler/formats/recipe.ts';
import { InfcError } from '../../runtime/errors.ts';
import { channelShare } from '../precision/sparsity-pattern.ts';
import type { Change } from '../run.ts';

/** Something a recipe asks for: how to know that a pass did it, and why a model may have no place for it. */
interface Request {
  asks(recipe: FormatRecipe): string | undefined;
  isDone(change: Change): boolean;
  readonly left: string;
  readonly fix: string;
}

const PRODUCTS = 'constant weights of matrix products (MatMul, Gemm), of 4,096 values or more';

const requests: readonly Request[] = [
  {
    asks: ({ name, rules }) =>
      rules.some(({ format }) => format !== 'keep' && format !== 'dense') ? `recipe '${name}'` : undefined,
    isDone: ({ fate }) => fate?.to !== undefined,
    left: 'changes no weight of this model',
    fix: 'Rows of products and tables take any format from 4,096 weights on; convolutions and rows that groups do not divide take whole numbers: write q8, q4 or f16',
  },
  {
    asks: ({ rules }) => {
      const rule = rules.find((r) => r.sparsity !== undefined && channelShare(r.sparsity) === undefined);
      return rule && `sparsity ${rule.sparsity}`;
    },
    isDone: ({ pass, fate }) => pass === 'prune-weights' && fate === undefined,
    left: 'sets no weight of this model to zero',
    fix: `Patterns are for ${PRODUCTS}; convolutions lose whole channels: --sparsity channels:0.25`,
  },
  {
    asks: ({ rules }) => {
      const rule = rules.find((r) => channelShare(r.sparsity) !== undefined);
      return rule && `sparsity ${rule.sparsity}`;
    },
    isDone: ({ pass }) => pass === 'prune-channels',
    left: 'finds no channels in this model that could go',
    fix: 'Channels go where every reader of a value is a product or convolution with constant weights; write a pattern such as 2:4 instead',
  },
  {
    asks: ({ rules }) => rules.find((r) => r.equalize !== undefined)?.equalize,
    isDone: ({ pass }) => pass === 'equalize',
    left: 'scales no channel of this model',
    fix: `Equalizers scale the inputs of ${PRODUCTS}; leave it out`,
  },
  {
    asks: ({ skipZeros }) => (skipZeros === true ? 'sparsity activations' : undefined),
    isDone: ({ pass }) => pass === 'skip-zeros',
    left: 'skips nothing in this model',
    fix: `It is for products of one row whose inputs were often zero on the calibration data (after ReLU), with ${PRODUCTS}`,
  },
];

/** What to tell whose recipe asks for something that no pass found a place for (INFC2099). */
export const unusedWarnings = (recipe: FormatRecipe, changes: readonly Change[]): InfcError[] =>
  requests.flatMap(({ asks, isDone, left, fix }) => {
    const what = asks(recipe);
    return what === undefined || changes.some(isDone) ? [] : [new InfcError('INFC2099', `${what} ${left}`, { fix })];
  });
