import type { Partition } from './charset.ts';
import type { Uncounted } from './counters.ts';
import type { CostModel } from './decisions.ts';
import type { RegexEngine } from './index.ts';
import type { Lang, Languages } from './language.ts';
import { EMPTY, EPSILON, type RuleDefinition } from './node.ts';
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
    return languages.rule(new BorrowedRule(this, languages, from, theirs));
  }
}

/** One of them. There are thousands: an object of closures would take several times the memory of an instance. */
class BorrowedRule implements RuleDefinition {
  readonly nullable: boolean;
  readonly minLength: number;
  readonly maxLength: number;
  readonly plain: boolean;
  readonly idempotent = false;

  constructor(
    private readonly borrowed: Borrowed,
    private readonly languages: Languages,
    private readonly from: RegexEngine,
    private readonly theirs: Lang,
  ) {
    const { minLength, maxLength, plain } = from.internals.languages.node(theirs);
    this.nullable = from.nullable(theirs);
    this.minLength = minLength;
    this.maxLength = maxLength;
    this.plain = plain;
  }

  get origin(): string {
    return `${this.from.serial}.${this.theirs}`;
  }

  classes(): Partition {
    return this.languages.sets.adopt(this.from.classes(this.theirs));
  }

  derive(codePoint: number): Lang {
    return this.borrowed.lang(this.from.derive(this.theirs, codePoint));
  }

  shortest(cost: CostModel): number {
    return this.from.shortest(this.theirs, cost);
  }

  cardinality(): number {
    return this.from.cardinality(this.theirs);
  }

  need(): number {
    return this.from.need(this.theirs);
  }

  parts(): readonly Lang[] {
    return partsOf(this.from.internals.languages, this.theirs).map((part) => this.borrowed.lang(part));
  }

  uncounted(): Uncounted {
    const { lang, limit } = this.from.uncounted(this.theirs);
    return { lang: this.borrowed.lang(lang), limit };
  }
}
