import { InfcError } from '../../runtime/errors.ts';
import { add, asSym, type Dim, floorDiv, max, min, mod, mul, type Sym, sub, sym } from '../ir/dim.ts';

/** What a user may say about a named dimension: its value, or bounds. */
export type DimOption = number | Bounds;
export interface Bounds {
  readonly min?: number;
  readonly max?: number;
  readonly multipleOf?: number;
}
export type DimOptions = Readonly<Record<string, DimOption>>;

/** Words that kernels, WGSL, CUDA or JavaScript already use, and the pattern of names that the kernel builder makes up. */
const TAKEN =
  /^(lane|group[XYZ]|[A-Za-z]{1,6}\d+|if|for|in|do|while|int|float|bool|let|var|const|loop|main|return|fn)$/;

/**
 * Dimension symbols of one model. Model names (`p2o.DynamicDimension.0`) become identifiers, so that every printer can use them; options
 * are accepted under both. Names that are arithmetic over other input dims (`past + seq`) become that expression.
 */
export class SymbolTable {
  private readonly byModelName = new Map<string, Dim>();
  private readonly names = new Set<string>();
  private readonly usedOptions = new Set<string>();
  readonly symbols = new Map<string, Sym>();

  constructor(
    private readonly options: DimOptions,
    /** Names that are dims of their own somewhere in the inputs: only these may occur in expressions. */
    private readonly plain: ReadonlySet<string> = new Set(),
  ) {
    for (const [name, o] of Object.entries(options)) checkOption(name, o);
  }

  /** The dim a model calls by this name; the same name is the same dim. `bounds` hold where the options say nothing else. */
  named(name: string, bounds: Bounds = {}): Dim {
    const known = this.byModelName.get(name);
    if (known !== undefined) return known;
    const dim = this.expression(name) ?? this.create(name, bounds);
    this.byModelName.set(name, dim);
    return dim;
  }

  /** A dim of its own for an unnamed one; `hint` is a readable name for it. */
  fresh(hint: string): Dim {
    return this.create(hint);
  }

  /** Throws INFC1014 when an option names no dim of the model. */
  checkOptionsUsed(): void {
    const unused = Object.keys(this.options).filter((k) => !this.usedOptions.has(k));
    if (unused.length === 0) return;
    const have = [...this.names].join(', ');
    throw new InfcError('INFC1014', `the model has no dimension '${unused[0]}'`, {
      fix: have ? `Its dynamic dimensions are: ${have}` : 'All its dimensions are static: give no dims',
    });
  }

  private create(modelName: string, bounds: Bounds = {}): Dim {
    const name = this.identifier(modelName);
    this.names.add(name);
    const key = Object.hasOwn(this.options, modelName)
      ? modelName
      : Object.hasOwn(this.options, name)
        ? name
        : undefined;
    const option = key === undefined ? undefined : this.options[key];
    if (key !== undefined) this.usedOptions.add(key);
    if (typeof option === 'number') return option;
    const dim = sym(name, { ...bounds, ...option });
    const s = asSym(dim);
    if (s) this.symbols.set(name, s);
    return dim;
  }

  private identifier(modelName: string): string {
    let name = modelName
      .replace(/[^A-Za-z0-9_]+/g, '_')
      .replace(/^(?=\d)/, 'd')
      .replace(/^_+$/, 'dim')
      .slice(0, 60);
    if (name === '' || TAKEN.test(name)) name += '_';
    let unique = name;
    for (let i = 2; this.names.has(unique); i++) unique = `${name}_${i}_`;
    return unique;
  }

  /** `a + b*2`, `floor(h/2)`, `max(1, n)` over dims that are declared plainly elsewhere; undefined when it is none of these. */
  private expression(text: string): Dim | undefined {
    if (!/[-+*/%()]/.test(text) || text.length > 500) return undefined;
    const tokens = text.match(/[A-Za-z_][\w.]*|\d+|\/\/|[-+*/%(),]|\S/g) ?? [];
    let at = 0;
    let depth = 0;
    const next = (t: string): boolean => tokens[at] === t && ++at > 0;
    const sum = (): Dim => {
      if (++depth > 100) throw new SyntaxError(text);
      let d = next('-') ? sub(0, term()) : term();
      for (;;) {
        if (next('+')) d = add(d, term());
        else if (next('-')) d = sub(d, term());
        else {
          depth--;
          return d;
        }
      }
    };
    const term = (): Dim => {
      let d = atom();
      for (;;) {
        if (next('*')) d = mul(d, atom());
        else if (next('//') || next('/')) d = floorDiv(d, positive(atom()));
        else if (next('%')) d = mod(d, positive(atom()));
        else return d;
      }
    };
    const atom = (): Dim => {
      if (next('(')) return closed(sum());
      const t = tokens[at++] ?? '';
      if (/^\d+$/.test(t)) return Number(t);
      if (/^(floor|max|min|mod)$/i.test(t) && next('(')) {
        const a = sum();
        if (/^floor$/i.test(t)) return closed(a);
        if (!next(',')) throw new SyntaxError(text);
        const b = sum();
        return closed(/^max$/i.test(t) ? max(a, b) : /^min$/i.test(t) ? min(a, b) : mod(a, positive(b)));
      }
      if (!this.plain.has(t) || t === text) throw new SyntaxError(text);
      return this.named(t);
    };
    const closed = (d: Dim): Dim => {
      if (!next(')')) throw new SyntaxError(text);
      return d;
    };
    const positive = (d: Dim): Dim => {
      if (typeof d !== 'number' || d <= 0) throw new SyntaxError(text);
      return d;
    };
    try {
      const d = sum();
      return at === tokens.length ? d : undefined;
    } catch (e) {
      if (e instanceof SyntaxError) return undefined;
      throw e;
    }
  }
}

function checkOption(name: string, o: DimOption): void {
  const { min: low = 0, max: high = 2147483647, multipleOf = 1 } = typeof o === 'number' ? { min: o, max: o } : o;
  const good = [low, high, multipleOf].every((n) => Number.isInteger(n) && n >= 0 && n <= 2147483647);
  if (!good || low > high || multipleOf < 1)
    throw new InfcError('INFC1013', `dimension '${name}' cannot be ${JSON.stringify(o)}`, {
      fix: `Give a whole number, or a range as in ${name}=1:4096`,
    });
}
