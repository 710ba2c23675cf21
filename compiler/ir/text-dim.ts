import { type Atom, add, collectSyms, type Dim, floorDiv, max, min, mod, mul, type Sym, sym } from './dim.ts';
import { forEachNode, type Graph } from './graph.ts';
import { type Scanner, word } from './text-scanner.ts';

/** A dim in prefix form: `3`, `n`, `(add 1 (mul 2 n))`, `(div a b)`. */
export function printDim(d: Dim): string {
  if (typeof d === 'number') return String(d);
  const terms = d.terms.map((t) => {
    const factors = t.factors.map(printAtom);
    if (t.coefficient !== 1) factors.unshift(String(t.coefficient));
    return factors.length === 1 ? (factors[0] ?? '') : `(mul ${factors.join(' ')})`;
  });
  if (d.constant !== 0) terms.push(String(d.constant));
  return terms.length === 1 ? (terms[0] ?? '') : `(add ${terms.join(' ')})`;
}

const printAtom = (a: Atom): string =>
  a.kind === 'sym' ? word(a.name) : `(${a.kind} ${printDim(a.a)} ${printDim(a.b)})`;

/** Declarations of every symbol of the dims, those in bounds of others first: `sym n 0 2147483647 1`. */
export function printSymbols(dims: Iterable<Dim>): string[] {
  const lines: string[] = [];
  const done = new Set<string>();
  const declare = (s: Sym): void => {
    if (done.has(s.name)) return;
    done.add(s.name);
    for (const other of collectSyms(s.max).values()) declare(other);
    lines.push(`sym ${word(s.name)} ${s.min} ${printDim(s.max)} ${s.multipleOf}`);
  };
  for (const d of dims) for (const s of collectSyms(d).values()) declare(s);
  return lines;
}

const FUNCTIONS: Readonly<Record<string, (a: Dim, b: Dim) => Dim>> = { add, mul, div: floorDiv, mod, min, max };

/** Reads dims over declared symbols. */
export class DimReader {
  private readonly symbols = new Map<string, Dim>();

  constructor(private readonly scanner: Scanner) {}

  /** Reads declarations up to the first other word. */
  declarations(): void {
    while (this.scanner.take('sym')) {
      const name = this.scanner.name();
      const low = this.scanner.integer();
      const high = this.dim();
      this.symbols.set(name, sym(name, { min: low, max: high, multipleOf: this.scanner.integer() }));
    }
  }

  /** Declared symbols that the shapes of the graphs' values mention, or that callers give: those of a program. */
  inputSymbols(graphs: Iterable<Graph>): Map<string, Sym> {
    const symbols = new Map<string, Sym>();
    for (const g of graphs) {
      for (const name of g.given) collectSyms(this.symbols.get(name) ?? 0, symbols);
      forEachNode(g, (node) => {
        for (const v of [...node.inputs, ...node.outputs]) for (const d of v?.type.shape ?? []) collectSyms(d, symbols);
      });
    }
    return symbols;
  }

  dim(): Dim {
    const n = this.scanner.number();
    if (n !== undefined) return n;
    if (!this.scanner.take('(')) {
      const name = this.scanner.name();
      return this.symbols.get(name) ?? this.scanner.fail(`symbol '${name}' is not declared`);
    }
    const name = this.scanner.name();
    const f = FUNCTIONS[name];
    if (!f) return this.scanner.fail(`'${name}' is no operation on dims`);
    let d = this.dim();
    while (!this.scanner.take(')')) d = f(d, this.dim());
    return d;
  }
}
