import { InfcError } from '../runtime/errors.ts';
import type { Vocabulary } from './vocabulary.ts';

/** Names of options with the values that each may have, or what `typeof` says of them; undefined where a type checks itself. */
export type Choices<O> = Readonly<Record<keyof O, readonly unknown[] | 'string' | 'number' | 'object' | undefined>>;

/** Refuses options that no type checker has seen: a misspelled one would be ignored. Throws INFC5027. */
export function checkOptions<O extends object>(options: O, known: Choices<O>): void {
  const given: unknown = options;
  if (typeof given !== 'object' || !given)
    throw new InfcError('INFC5027', `options cannot be ${String(given)}`, { fix: 'Give an object or nothing' });
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(known, name))
      throw new InfcError('INFC5027', `there is no option '${name}'`, {
        fix: `Use one of ${Object.keys(known).join(', ')}`,
      });
    const choices = known[name as keyof O];
    if (value === undefined || !choices) continue;
    const typed = typeof choices === 'string';
    if (typed ? typeof value === choices && value !== null && !Number.isNaN(value) : choices.includes(value)) continue;
    throw new InfcError('INFC5027', `option ${name} cannot be ${JSON.stringify(value)}`, {
      fix: typed ? `Give it a value of type ${choices}` : `Use one of ${choices.join(', ')}`,
    });
  }
}

/** Refuses an argument that no type checker has seen. Throws INFC5032. */
export function checkArgument(fits: boolean, argument: string, what: string): void {
  if (!fits) throw new InfcError('INFC5032', `${argument} must be ${what}`, { fix: `Give ${what}` });
}

/** What a constraint shares between the matchers of one vocabulary. Throws INFC5206 when it is given something else. */
export function sharedBy<M>(machines: WeakMap<Vocabulary, M>, vocabulary: Vocabulary, make: () => M): M {
  const given: Partial<Vocabulary> | undefined = vocabulary;
  if (!Array.isArray(given?.bytes) || given.hash === undefined)
    throw new InfcError('INFC5206', 'a vocabulary is needed', {
      fix: "Make one with vocabularyFromTokenizerJson(text of the model's tokenizer.json)",
    });
  let machine = machines.get(vocabulary);
  if (!machine) machines.set(vocabulary, (machine = make()));
  return machine;
}
