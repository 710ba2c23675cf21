import { InfcError } from '../../runtime/errors.ts';
import { ALL_SET, type CharSet, CharSets, EMPTY_SET } from './charset.ts';
import { disjoint } from './intersection.ts';
import { EMPTY, EPSILON, type Expand, type Lang, type LanguageNode, type RuleDefinition, UNBOUNDED } from './node.ts';
import { mergeUnion } from './union.ts';

export { EMPTY, EPSILON, type Lang, type LanguageNode, type RuleDefinition } from './node.ts';

/** Unions and intersections wider than this are refused: their derivatives would be too costly. */
const MAX_WIDTH = 20_000;
/** Of so many languages at most the union or intersection is looked up. */
const FEW = 32;
const NO_KIDS: readonly Lang[] = [];
const MAX_DISTRIBUTION = 64;

type Fields = Partial<LanguageNode> & Pick<LanguageNode, 'kind' | 'nullable' | 'minLength' | 'maxLength'>;

/**
 * The store of language nodes and their smart constructors: hash-consed, flattened, sorted, with the rewrites that keep derivatives
 * few (left factoring, counter merging, class merging). Repeats stay counters and are never unrolled.
 */
export class Languages {
  readonly sets = new CharSets();
  readonly nodes: LanguageNode[] = [];
  readonly rules: RuleDefinition[] = [];
  readonly #ids = new Map<string, Lang>();
  /** Concatenations by `a * 2^26 + b`: the most frequent look-up. */
  readonly #concatenations = new Map<number, Lang>();
  readonly #classes: (Lang | undefined)[] = [];
  readonly #expansions = new Map<Lang, Expand>();
  readonly #expanded = new Map<Lang, Lang>();
  /** Every string. */
  readonly any: Lang;

  /** @param work is told how many members each union or intersection that is built has */
  constructor(private readonly work: (members: number) => void = () => undefined) {
    this.#intern('0', { kind: 'empty', nullable: false, minLength: UNBOUNDED, maxLength: 0 });
    this.#intern('1', { kind: 'epsilon', nullable: true, minLength: 0, maxLength: 0 });
    this.any = this.repeat(this.class(ALL_SET), 0, UNBOUNDED);
  }

  node(lang: Lang): LanguageNode {
    const node = this.nodes[lang];
    if (!node) throw new RangeError(`language ${lang} is not of this engine`);
    return node;
  }

  class(set: CharSet): Lang {
    if (set === EMPTY_SET) return EMPTY;
    let id = this.#classes[set];
    if (id === undefined) {
      id = this.#make(`c${set}`, { kind: 'class', a: set, nullable: false, minLength: 1, maxLength: 1 });
      this.#classes[set] = id;
    }
    return id;
  }

  /** Matches nothing, or the empty string, by whether the look-behind of that index holds here. */
  behind(index: number, negated: boolean): Lang {
    return this.#make(`b${index},${negated ? 1 : 0}`, {
      kind: 'behind',
      a: index,
      b: negated ? 1 : 0,
      nullable: undefined,
      minLength: 0,
      maxLength: 0,
      plain: false,
      opaque: true,
      behinds: 1 << index,
    });
  }

  /** A recursive loop, known by its key; `expand` is called at most once. */
  loop(key: string, minLength: number, behinds: number, nullable: boolean | undefined, expand: Expand): Lang {
    const id = this.#make(`l${key}`, {
      kind: 'loop',
      nullable,
      minLength,
      maxLength: UNBOUNDED,
      plain: false,
      opaque: true,
      behinds,
      looping: true,
    });
    if (!this.#expansions.has(id)) this.#expansions.set(id, expand);
    return id;
  }

  /** A new nonterminal. */
  rule(definition: RuleDefinition): Lang {
    const a = this.rules.push(definition) - 1;
    const { nullable, minLength, maxLength = UNBOUNDED, plain = true } = definition;
    const looping = definition.maxLength === undefined;
    return this.#make(`n${a}`, { kind: 'rule', a, nullable, minLength, maxLength, plain, looping });
  }

  /** The definition of a loop. */
  expand(loop: Lang): Lang {
    let body = this.#expanded.get(loop);
    if (body === undefined) {
      body = this.#expansions.get(loop)?.() ?? EMPTY;
      this.#expanded.set(loop, body);
    }
    return body;
  }

  /** Closes an expression over the histories of its look-behinds. */
  context(expression: Lang, histories: readonly Lang[]): Lang {
    let body = expression;
    histories.forEach((history, index) => {
      if (history === EMPTY) body = this.#substitute(body, index, false);
      else if (history === this.any) body = this.#substitute(body, index, true);
    });
    const used = this.node(body).behinds;
    if (used === 0) return body;
    const kids = [body, ...histories.map((history, index) => ((used >> index) & 1 ? history : EMPTY))];
    const bits = kids.slice(1).reduce((mask, history, i) => (this.nullableIn(history, 0) ? mask | (1 << i) : mask), 0);
    return this.#make(`x${kids.join()}`, {
      kind: 'context',
      kids,
      nullable: this.nullableIn(body, bits),
      minLength: this.node(body).minLength,
      maxLength: this.node(body).maxLength,
      plain: false,
      opaque: true,
    });
  }

  /** Nullability where the look-behinds have these truth values. */
  nullableIn(lang: Lang, bits: number): boolean {
    const node = this.node(lang);
    if (node.nullable !== undefined) return node.nullable;
    switch (node.kind) {
      case 'behind':
        return ((bits >> node.a) & 1) !== node.b;
      case 'concat':
        return this.nullableIn(node.a, bits) && this.nullableIn(node.b, bits);
      case 'union':
        return node.kids.some((kid) => this.nullableIn(kid, bits));
      case 'intersect':
        return node.kids.every((kid) => this.nullableIn(kid, bits));
      case 'not':
        return !this.nullableIn(node.a, bits);
      case 'loop':
        return this.nullableIn(this.expand(lang), bits);
      default:
        return false;
    }
  }

  concat(a: Lang, b: Lang): Lang {
    if (a === EMPTY || b === EMPTY) return EMPTY;
    if (a === EPSILON) return b;
    if (b === EPSILON) return a;
    const key = a * 0x4000000 + b;
    const known = this.#concatenations.get(key);
    if (known !== undefined) return known;
    const out = this.#concat(a, b);
    this.#concatenations.set(key, out);
    return out;
  }

  #concat(a: Lang, b: Lang): Lang {
    const left = this.node(a);
    if (left.kind === 'concat') {
      const spine: Lang[] = [];
      let rest = a;
      for (let node = left; node.kind === 'concat'; node = this.node(rest)) {
        spine.push(node.a);
        rest = node.b;
      }
      let out = this.concat(rest, b);
      for (let i = spine.length - 1; i >= 0; i--) out = this.concat(spine[i] ?? EPSILON, out);
      return out;
    }
    const right = this.node(b);
    const [head, tail] = right.kind === 'concat' ? [right.a, right.b] : [b, EPSILON];
    const next = this.node(head);
    if (a === head && left.kind === 'rule' && this.rules[left.a]?.idempotent) return b;
    const base = left.kind === 'repeat' ? left.a : a;
    if ((left.kind === 'repeat' || next.kind === 'repeat') && (next.kind === 'repeat' ? next.a : head) === base) {
      const [min, max] = left.kind === 'repeat' ? [left.min, left.max] : [1, 1];
      const [min2, max2] = next.kind === 'repeat' ? [next.min, next.max] : [1, 1];
      return this.concat(this.repeat(base, min + min2, max + max2), tail);
    }
    if ((a === this.any && right.nullable === true) || (b === this.any && left.nullable === true)) return this.any;
    const nullable = left.nullable === false || right.nullable === false ? false : left.nullable && right.nullable;
    return this.#add({
      kind: 'concat',
      a,
      b,
      nullable,
      minLength: left.minLength + right.minLength,
      maxLength: left.maxLength + right.maxLength,
      plain: left.plain && right.plain,
      opaque: left.opaque || right.opaque,
      behinds: left.behinds | right.behinds,
      looping: left.looping || right.looping,
    });
  }

  repeat(a: Lang, low: number, max: number): Lang {
    const node = this.node(a);
    const min = node.nullable === true ? 0 : low;
    if (max === 0 || a === EPSILON) return EPSILON;
    if (a === EMPTY) return min === 0 ? EPSILON : EMPTY;
    if (min === 1 && max === 1) return a;
    if (max > Number.MAX_SAFE_INTEGER && max !== UNBOUNDED) return this.repeat(a, min, UNBOUNDED);
    // (r{p,q}){m,n} has no gap between consecutive counts when m(q-p)+1 >= p.
    if (
      node.kind === 'repeat' &&
      (min === max || (min === 0 ? node.min <= 1 : min * (node.max - node.min) + 1 >= node.min))
    ) {
      return this.repeat(
        node.a,
        min * node.min,
        node.max === UNBOUNDED || max === UNBOUNDED ? UNBOUNDED : max * node.max,
      );
    }
    if (node.kind === 'union' && min === 0 && node.kids.includes(EPSILON)) {
      return this.repeat(this.union(node.kids.filter((kid) => kid !== EPSILON)), min, max);
    }
    return this.#make(`r${a},${min},${max}`, {
      kind: 'repeat',
      a,
      min,
      max,
      nullable: min === 0,
      minLength: min === 0 ? 0 : min * node.minLength,
      maxLength: node.maxLength === 0 ? 0 : node.maxLength * max,
      plain: node.plain,
      opaque: node.opaque && min > 0,
      looping: node.looping,
    });
  }

  union(kids: readonly Lang[]): Lang {
    return this.#remembered('u', kids, () => this.#union(kids));
  }

  /** What a few languages were joined to before; of many the text to look them up by would cost more. */
  #remembered(kind: string, kids: readonly Lang[], join: () => Lang): Lang {
    if (kids.length > FEW) return join();
    const key = kind + kids.join();
    let lang = this.#ids.get(key);
    if (lang === undefined) this.#ids.set(key, (lang = join()));
    return lang;
  }

  #union(kids: readonly Lang[]): Lang {
    const members = new Set<Lang>();
    let set: CharSet = EMPTY_SET;
    const visit = (lang: Lang): void => {
      const node = this.node(lang);
      if (node.kind === 'union') for (const kid of node.kids) visit(kid);
      else if (node.kind === 'class') set = this.sets.union(set, node.a);
      else if (lang !== EMPTY) members.add(lang);
    };
    for (const kid of kids) visit(kid);
    if (set !== EMPTY_SET) members.add(this.class(set));
    if (members.size > 1 && !members.has(this.any)) mergeUnion(this, members);
    if (members.has(this.any)) return this.any;
    for (const lang of members) {
      const node = this.node(lang);
      if (node.kind === 'not' && members.has(node.a)) return this.any;
      if (node.kind === 'intersect' && node.kids.some((kid) => members.has(kid))) members.delete(lang);
    }
    if (members.has(EPSILON) && [...members].some((lang) => lang !== EPSILON && this.node(lang).nullable === true))
      members.delete(EPSILON);
    return this.#exclusive(members) ?? this.#makeSet('union', members);
  }

  /** One language but none of some others, or exactly one of these but not the first, is exactly one of all: they derive one by one. */
  #exclusive(members: ReadonlySet<Lang>): Lang | undefined {
    for (const own of members.size === 2 ? members : [])
      for (const rest of members) {
        const { kind, kids, behinds, looping } = this.node(rest);
        for (const no of kind === 'intersect' && behinds === 0 && !looping ? kids : []) {
          const first = this.node(no).a;
          if (this.node(no).kind !== 'not' || !this.node(own).kids.includes(first)) continue;
          const other = this.intersect(kids.filter((kid) => kid !== no));
          const node = this.node(other);
          const others = node.kind === 'one' ? node.kids : [other];
          if (own === this.intersect([first, this.not(this.union(others))])) return this.one([first, ...others]);
        }
      }
    return undefined;
  }

  /** Texts that are in exactly one of some languages, which do not look behind. */
  one(list: readonly Lang[]): Lang {
    const twice = list.filter((lang, i) => list.indexOf(lang) < i);
    const single = list.filter((lang) => lang !== EMPTY && !twice.includes(lang));
    const kids = single.filter((lang) => lang !== this.any);
    const lang = kids.length < single.length ? this.not(this.union(kids)) : this.#makeSet('one', new Set(kids));
    return this.intersect([lang, this.not(this.union(twice))]);
  }

  intersect(kids: readonly Lang[]): Lang {
    return this.#remembered('i', kids, () => this.#intersect(kids));
  }

  #intersect(kids: readonly Lang[]): Lang {
    const members = new Set<Lang>();
    let set: CharSet | undefined;
    let span: { set: CharSet; min: number; max: number } | undefined;
    const visit = (lang: Lang): void => {
      const node = this.node(lang);
      if (node.kind === 'intersect') for (const kid of node.kids) visit(kid);
      else if (node.kind === 'class') set = set === undefined ? node.a : this.sets.intersect(set, node.a);
      else if (node.kind === 'repeat' && this.node(node.a).kind === 'class') {
        const own = this.node(node.a).a;
        span = {
          set: span ? this.sets.intersect(span.set, own) : own,
          min: Math.max(span?.min ?? 0, node.min),
          max: Math.min(span?.max ?? UNBOUNDED, node.max),
        };
      } else members.add(lang);
    };
    for (const kid of kids) visit(kid);
    members.add(spanned(this, span));
    if (set !== undefined) members.add(this.class(set));
    members.delete(this.any);
    if (members.has(EMPTY)) return EMPTY;
    if (members.size > 1 && disjoint(this, members)) return EMPTY;
    if (members.has(EPSILON) && [...members].every((lang) => this.node(lang).nullable === true)) return EPSILON;
    for (const lang of members) {
      const node = this.node(lang);
      if (node.kind === 'union' && node.kids.some((kid) => members.has(kid))) members.delete(lang);
    }
    return this.#distribute(members) ?? this.#makeSet('intersect', members);
  }

  /** Intersections over looping unions become unions of intersections: only so are their derivatives finitely many. */
  #distribute(members: Set<Lang>): Lang | undefined {
    let size = 1;
    const factors: (readonly Lang[])[] = [];
    let worth = false;
    for (const lang of members) {
      const node = this.node(lang);
      const spread = node.kind === 'union' && node.looping;
      worth ||= spread;
      factors.push(spread ? node.kids : [lang]);
      size *= spread ? node.kids.length : 1;
    }
    if (!worth || size > MAX_DISTRIBUTION) return undefined;
    let products: Lang[][] = [[]];
    for (const factor of factors) products = products.flatMap((product) => factor.map((lang) => [...product, lang]));
    return this.union(products.map((product) => this.intersect(product)));
  }

  not(a: Lang): Lang {
    if (a === EMPTY) return this.any;
    if (a === this.any) return EMPTY;
    const node = this.node(a);
    if (node.kind === 'not') return node.a;
    const all = this.class(ALL_SET);
    if (a === EPSILON) return this.repeat(all, 1, UNBOUNDED);
    const [base, min, max] = node.kind === 'repeat' ? [node.a, node.min, node.max] : [a, 1, 1];
    if (base === all)
      return this.union([
        min > 0 ? this.repeat(all, 0, min - 1) : EMPTY,
        max < UNBOUNDED ? this.repeat(all, max + 1, UNBOUNDED) : EMPTY,
      ]);
    return this.#make(`~${a}`, {
      kind: 'not',
      a,
      nullable: node.nullable === undefined ? undefined : !node.nullable,
      minLength: node.nullable === true ? 1 : 0,
      maxLength: UNBOUNDED,
      plain: false,
      opaque: true,
      behinds: node.behinds,
      looping: node.looping,
    });
  }

  #makeSet(kind: 'union' | 'intersect' | 'one', members: ReadonlySet<Lang>): Lang {
    const union = kind !== 'intersect';
    const [only] = members;
    if (only === undefined) return union ? EMPTY : this.any;
    if (members.size === 1) return only;
    if (members.size > MAX_WIDTH)
      throw new InfcError('INFC5104', `a regular expression needs ${members.size} alternatives at once`, {
        fix: 'Make its repeats less ambiguous',
      });
    this.work(members.size);
    const kids = [...members].sort((x, y) => x - y);
    let nullable: boolean | undefined = !union;
    let minLength = union ? UNBOUNDED : 0;
    let maxLength = union ? 0 : UNBOUNDED;
    let plain = kind === 'union';
    let opaque = true;
    let behinds = 0;
    let looping = false;
    for (const kid of kids) {
      const node = this.node(kid);
      if (nullable !== union)
        nullable = node.nullable === union ? union : node.nullable === undefined ? undefined : nullable;
      minLength = union ? Math.min(minLength, node.minLength) : Math.max(minLength, node.minLength);
      maxLength = union ? Math.max(maxLength, node.maxLength) : Math.min(maxLength, node.maxLength);
      plain &&= node.plain;
      opaque &&= kind !== 'union' || node.opaque;
      behinds |= node.behinds;
      looping ||= node.looping;
    }
    if (kind === 'one') nullable = kids.filter((kid) => this.node(kid).nullable).length === 1;
    return this.#make(kind + kids.join(), {
      kind,
      kids,
      nullable,
      minLength,
      maxLength,
      plain,
      opaque,
      behinds,
      looping,
    });
  }

  /** The expression with one look-behind decided for good. */
  #substitute(lang: Lang, index: number, value: boolean, memo = new Map<Lang, Lang>()): Lang {
    const node = this.node(lang);
    if (!((node.behinds >> index) & 1)) return lang;
    const known = memo.get(lang);
    if (known !== undefined) return known;
    const go = (kid: Lang) => this.#substitute(kid, index, value, memo);
    let out: Lang;
    switch (node.kind) {
      case 'behind':
        out = value === (node.b === 0) ? EPSILON : EMPTY;
        break;
      case 'concat':
        out = this.concat(go(node.a), go(node.b));
        break;
      case 'union':
        out = this.union(node.kids.map(go));
        break;
      case 'intersect':
        out = this.intersect(node.kids.map(go));
        break;
      case 'not':
        out = this.not(go(node.a));
        break;
      case 'loop':
        out = this.loop(`${lang}/${index}/${value}`, node.minLength, node.behinds & ~(1 << index), undefined, () =>
          this.#substitute(this.expand(lang), index, value),
        );
        break;
      default:
        out = lang;
    }
    memo.set(lang, out);
    return out;
  }

  #make(key: string, fields: Fields): Lang {
    return this.#ids.get(key) ?? this.#intern(key, fields);
  }

  #intern(key: string, fields: Fields): Lang {
    const id = this.#add(fields);
    this.#ids.set(key, id);
    return id;
  }

  /** Nodes have their fields in one order, whoever makes them: engines read such objects quicker. */
  #add(f: Fields): Lang {
    const { kind, a = 0, b = 0, min = 0, max = 0, kids = NO_KIDS, nullable, minLength, maxLength } = f;
    const { plain = true, opaque = false, behinds = 0, looping = false } = f;
    const node = { kind, a, b, min, max, kids, nullable, minLength, maxLength, plain, opaque, behinds, looping };
    return this.nodes.push(node) - 1;
  }
}

function spanned(languages: Languages, span: { set: CharSet; min: number; max: number } | undefined): Lang {
  if (!span) return languages.any;
  return span.min > span.max ? EMPTY : languages.repeat(languages.class(span.set), span.min, span.max);
}
