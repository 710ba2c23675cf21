import type { RegexEngine } from './index.ts';
import type { Lang, Languages } from './language.ts';
import { EMPTY, EPSILON } from './node.ts';
import { partsOf } from './union.ts';

/** Languages of another engine as nonterminals of this one: what was derived there once serves every engine that borrows. */
export class Borrowed {
  readonly #langs = new Map<Lang, Lang>();

  constructor(
    private readonly languages: Languages,
    private readonly from: RegexEngine,
  ) {}

  lang(theirs: Lang): Lang {
    let ours = this.#langs.get(theirs);
    if (ours === undefined) this.#langs.set(theirs, (ours = this.#make(theirs)));
    return ours;
  }

  #make(theirs: Lang): Lang {
    const { from, languages } = this;
    if (from.isEmpty(theirs)) return EMPTY;
    if (theirs === from.epsilon) return EPSILON;
    if (theirs === from.any) return languages.any;
    const { sets, nodes } = from.internals.languages;
    const node = nodes[theirs];
    // Runs of one class stay what they are: masks know them.
    const base = node?.kind === 'repeat' ? nodes[node.a] : node;
    const { min, max } = node?.kind === 'repeat' ? node : { min: 1, max: 1 };
    if (base?.kind === 'class')
      return languages.repeat(languages.class(languages.sets.copy(sets.ranges(base.a))), min, max);
    return languages.rule({
      nullable: from.nullable(theirs),
      minLength: node?.minLength ?? 0,
      maxLength: node?.maxLength,
      plain: node?.plain,
      idempotent: false,
      origin: `${from.serial}.${theirs}`,
      classes: () => languages.sets.adopt(from.classes(theirs)),
      derive: (codePoint) => this.lang(from.derive(theirs, codePoint)),
      shortest: (cost) => from.shortest(theirs, cost),
      cardinality: () => from.cardinality(theirs),
      need: () => from.need(theirs),
      parts: () => partsOf(from.internals.languages, theirs).map((part) => this.lang(part)),
      uncounted: () => {
        const { lang, limit } = from.uncounted(theirs);
        return { lang: this.lang(lang), limit };
      },
    });
  }
}
