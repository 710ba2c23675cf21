import { InfcError } from '../runtime/errors.ts';
import type { Vocabulary } from './vocabulary.ts';

/** Names of options with the values that each may have; undefined where a type checks itself. */
export type Choices<O> = Readonly<Record<keyof O, readonly unknown[] | undefined>>;

/** Refuses options that no type checker has seen: a misspelled one would be ignored. Throws INFC5027. */
export function checkOptions<O extends object>(options: O, known: Choices<O>): void {
  for (const [name, value] of Object.entries(options)) {
    const there = Object.hasOwn(known, name);
    const choices = there ? known[name as keyof O] : Object.keys(known);
    if (there && (value === undefined || !choices || choices.includes(value))) continue;
    const what = there ? `option ${name} cannot be ${JSON.stringify(value)}` : `there is no option '${name}'`;
    throw new InfcError('INFC5027', what, { fix: `Use one of ${(choices ?? []).join(', ')}` });
  }
}

/** What a constraint shares between the matchers of one vocabulary. Throws INFC5206 when it is given something else. */
export function sharedBy<M>(machines: WeakMap<Vocabulary, M>, vocabulary: Vocabulary, make: () => M): M {
  const given: Partial<Vocabulary> | undefined = vocabulary;
  if (!Array.isArray(given?.bytes) || given.hash === undefined)
    throw new InfcError('INFC5206', 'a matcher needs a vocabulary', {
      fix: "Make one with vocabularyFromTokenizerJson(text of the model's tokenizer.json)",
    });
  let machine = machines.get(vocabulary);
  if (!machine) machines.set(vocabulary, (machine = make()));
  return machine;
}
