import { matchesName, nearestNames } from '../../compiler/formats/recipe.ts';
import { forEachNode } from '../../compiler/ir/graph.ts';
import { InfcError } from '../../runtime/errors.ts';
import { definePass } from '../pass.ts';

/**
 * Refuses rules for weights that the model does not have (INFC2091): they would change nothing. Before the passes that follow rename what
 * they round.
 */
export const checkRecipe = definePass({
  name: 'check-recipe',
  phase: 'precision',
  does: 'refuses a recipe that names weights which the model does not have (--quant recipe.json)',
  run(_graph, { program, storage }) {
    const matches = (storage?.recipe?.rules ?? []).flatMap(({ match }) => match ?? []);
    if (matches.length === 0) return;
    const names = new Set<string>();
    for (const g of program.entries.values())
      forEachNode(g, (n) => n.inputs.forEach((v) => v?.constant?.name && names.add(v.constant.name)));
    for (const match of matches) {
      if ([...names].some((name) => matchesName(match, name))) continue;
      const near = nearestNames(match, [...names]);
      throw new InfcError('INFC2091', `a rule of the recipe names '${match}', and no weight is called so`, {
        fix: `The nearest of ${names.size} names: ${near.map((n) => `'${n}'`).join(', ')}; * stands for any run of characters`,
      });
    }
  },
});
