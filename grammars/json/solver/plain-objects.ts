import type { Formula } from '../formula/formula.ts';
import type { Shape } from '../formula/terms.ts';
import type { Solver } from './solver.ts';

/** Names, sorted by UTF-16 units, and as a set. */
export interface Names {
  readonly list: readonly string[];
  readonly set: ReadonlySet<string>;
}

/** An object demand that is a conjunction of shapes and required names: nearly all are. */
export class Plain {
  constructor(
    readonly state: Formula,
    /** The conjunction of the shapes alone: equal for demands that differ in required names only. */
    readonly shape: Formula,
    readonly shapes: readonly Shape[],
    /** Names still required, and the literals that say so. */
    readonly required: ReadonlyMap<string, Formula>,
  ) {}

  /** No shape has patterns: all unlisted names are alike. */
  get simple(): boolean {
    return this.shapes.every((shape) => shape.patterns.length === 0);
  }

  /** Whether a name that must come has its place before `place`, apart from `key`: in declared order it could no longer come. */
  owes(order: ReadonlyMap<string, number>, place: number, key: string | undefined): boolean {
    for (const name of this.required.keys())
      if (name !== key && (order.get(name) ?? Number.POSITIVE_INFINITY) < place) return true;
    return false;
  }
}

/** What plain object demands say of each name, shared by demands of the same shapes. */
export class PlainObjects {
  private readonly known = new Map<Formula, Plain | null>();
  private readonly needs = new Map<Formula, Map<string, Formula>>();
  private readonly others = new Map<Formula, Formula>();
  private readonly nameLists = new Map<string, Names>();

  constructor(private readonly solver: Solver) {}

  /** The demand as a plain one, if it is. */
  of(state: Formula): Plain | undefined {
    let plain = this.known.get(state);
    if (plain === undefined) {
      plain = this.read(state) ?? null;
      this.known.set(state, plain);
    }
    return plain ?? undefined;
  }

  /** What the value of a name must satisfy; without a name, the value of any that no shape lists (no shape has patterns then). */
  need(plain: Plain, key: string | undefined): Formula {
    const { solver } = this;
    const { formulas } = solver;
    if (key === undefined) {
      let need = this.others.get(plain.shape);
      if (need === undefined) {
        need = formulas.and(plain.shapes.map((shape) => shape.rest));
        this.others.set(plain.shape, need);
      }
      return need;
    }
    let needs = this.needs.get(plain.shape);
    if (!needs) this.needs.set(plain.shape, (needs = new Map()));
    let need = needs.get(key);
    if (need === undefined) {
      need = formulas.and(plain.shapes.map((shape) => solver.objects.valueOf(shape, key)));
      needs.set(key, need);
    }
    return need;
  }

  /** What remains after a property. */
  without(plain: Plain, key: string): Formula {
    const owed = plain.required.get(key);
    if (owed === undefined) return plain.state;
    const { formulas } = this.solver;
    return formulas.and(formulas.conjuncts(plain.state).filter((x) => x !== owed));
  }

  /** Names the demands list. */
  names(plains: readonly Plain[]): Names {
    const listed = plains.every((x) => [...x.required.keys()].every((name) => this.lists(x, name)));
    const key = plains.map((x) => (listed ? x.shape : x.state)).join();
    let names = this.nameLists.get(key);
    if (!names) {
      const set = new Set<string>();
      for (const { shapes, required } of plains) {
        for (const shape of shapes) for (const name of shape.names) set.add(name);
        for (const name of required.keys()) set.add(name);
      }
      names = { list: [...set].sort(), set };
      this.nameLists.set(key, names);
    }
    return names;
  }

  private lists({ shapes }: Plain, name: string): boolean {
    return shapes.some((shape) => shape.named(name) !== undefined);
  }

  private read(state: Formula): Plain | undefined {
    const { formulas } = this.solver;
    const shapes: Shape[] = [];
    const required = new Map<string, Formula>();
    const others = formulas.conjuncts(state).filter((literal) => {
      const term = formulas.isLiteral(literal) && formulas.isPositive(literal) ? this.solver.term(literal) : undefined;
      if (term?.sort === 'shape') shapes.push(term.shape);
      if (term?.sort === 'required') required.set(term.key, literal);
      return term?.sort !== 'required';
    });
    return others.length > shapes.length ? undefined : new Plain(state, formulas.and(others), shapes, required);
  }
}
