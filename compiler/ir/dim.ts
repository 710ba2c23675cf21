import { InfcError } from '../../runtime/errors.ts';
import { atomRange, lowerBound, range } from './dim-range.ts';
import {
  type Atom,
  atomDim,
  constantOf,
  type Dim,
  type DimCall,
  intern,
  keyOf,
  type Sym,
  type Term,
  termsOf,
} from './dim-sum.ts';

export { range, upperBound } from './dim-range.ts';
export {
  type Atom,
  asSym,
  type Dim,
  type DimCall,
  type DimSum,
  isStatic,
  type Sym,
  sym,
  type Term,
} from './dim-sum.ts';

export function add(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  return combine(a, b, 1);
}

export function sub(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return combine(a, b, -1);
}

function combine(a: Dim, b: Dim, sign: number): Dim {
  const xs = termsOf(a);
  const ys = termsOf(b);
  const out: Term[] = [];
  let i = 0;
  let j = 0;
  while (i < xs.length || j < ys.length) {
    const x = xs[i];
    const y = ys[j];
    if (x && (!y || x.key < y.key)) {
      out.push(x);
      i++;
    } else if (y && (!x || y.key < x.key)) {
      out.push(sign === 1 ? y : { ...y, coefficient: -y.coefficient });
      j++;
    } else if (x && y) {
      const coefficient = x.coefficient + sign * y.coefficient;
      if (coefficient !== 0) out.push({ ...x, coefficient });
      i++;
      j++;
    }
  }
  const sum = intern(constantOf(a) + sign * constantOf(b), out);
  return out.some((t) => t.factors.some((f) => f.kind === 'mod')) ? recombine(sum) : sum;
}

/** c*d*(a/d) + c*(a%d) = c*a: splitting an index and putting it together again leaves no trace. */
function recombine(sum: Dim): Dim {
  for (const t of termsOf(sum)) {
    for (const f of t.factors) {
      if (f.kind !== 'mod') continue;
      const quotient = floorDiv(f.a, f.b);
      const rest = t.factors.reduce<Dim>((p, g) => (g === f ? p : mul(p, atomDim(g))), t.coefficient);
      const partner = mul(rest, mul(f.b, quotient));
      const wanted = termsOf(partner);
      if (wanted.length === 0 || constantOf(partner) !== 0) continue;
      const has = wanted.every((w) => termsOf(sum).some((x) => x.key === w.key && x.coefficient === w.coefficient));
      if (has) return add(sub(sub(sum, partner), intern(0, [t])), mul(rest, f.a));
    }
  }
  return sum;
}

export function mul(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a * b;
  const out = new Map<string, Term>();
  const put = (factors: readonly Atom[], coefficient: number) => {
    if (coefficient === 0) return;
    const key = factors.map((f) => f.key).join('.');
    const old = out.get(key);
    out.set(key, { key, factors, coefficient: coefficient + (old?.coefficient ?? 0) });
  };
  const ca = constantOf(a);
  const cb = constantOf(b);
  for (const x of termsOf(a)) {
    put(x.factors, x.coefficient * cb);
    for (const y of termsOf(b)) {
      put(
        [...x.factors, ...y.factors].sort((p, q) => (p.key < q.key ? -1 : p.key > q.key ? 1 : 0)),
        x.coefficient * y.coefficient,
      );
    }
  }
  for (const y of termsOf(b)) put(y.factors, ca * y.coefficient);
  const terms = [...out.values()].filter((t) => t.coefficient !== 0);
  terms.sort((p, q) => (p.key < q.key ? -1 : p.key > q.key ? 1 : 0));
  return intern(ca * cb, terms);
}

export const product = (dims: readonly Dim[]): Dim => dims.reduce(mul, 1);

/** Exact quotient of a monomial-divisible sum, or undefined. `d` must be a single term or a number. */
export function divideExactly(a: Dim, d: Dim): Dim | undefined {
  if (d === 1) return a;
  if (a === d) return 1;
  if (a === 0) return 0;
  const dc = typeof d === 'number' ? d : d.constant === 0 && d.terms.length === 1 ? d.terms[0]?.coefficient : undefined;
  if (dc === undefined || dc === 0) return undefined;
  const df = typeof d === 'number' ? [] : (d.terms[0]?.factors ?? []);
  const out: Term[] = [];
  const ac = constantOf(a);
  if (ac !== 0 && (df.length > 0 || ac % dc !== 0)) return undefined;
  for (const t of termsOf(a)) {
    if (t.coefficient % dc !== 0) return undefined;
    const left = [...t.factors];
    for (const f of df) {
      const at = left.findIndex((x) => x.key === f.key);
      if (at < 0) return undefined;
      left.splice(at, 1);
    }
    out.push({ key: left.map((f) => f.key).join('.'), factors: left, coefficient: t.coefficient / dc });
  }
  let rest: Dim = df.length === 0 ? ac / dc : 0;
  for (const t of out) rest = add(rest, t.factors.length === 0 ? t.coefficient : intern(0, [t]));
  return rest;
}

/** Splits `a = d*q + r` where `r` gathers what is not divisible term by term. */
function splitBy(a: Dim, d: Dim): { q: Dim; r: Dim } {
  let q: Dim = 0;
  let r: Dim = 0;
  for (const t of termsOf(a)) {
    const part = intern(0, [t]);
    const exact = divideExactly(part, d);
    if (exact === undefined) r = add(r, part);
    else q = add(q, exact);
  }
  const c = constantOf(a);
  if (typeof d === 'number') {
    q = add(q, Math.floor(c / d));
    r = add(r, c - Math.floor(c / d) * d);
  } else {
    r = add(r, c);
  }
  return { q, r };
}

/** Floor division by a positive dim. */
export function floorDiv(a: Dim, d: Dim): Dim {
  if (d === 1 || a === 0) return a;
  if (typeof d === 'number' && d <= 0) throw new InfcError('INFC2001', `division of a dimension by ${d}`);
  if (typeof a === 'number' && typeof d === 'number') return Math.floor(a / d);
  const { q, r } = splitBy(a, d);
  if (isWithin(r, d)) return q;
  if (q !== 0) return add(q, floorDiv(r, d));
  // floor(floor(x / m) / d) = floor(x / (m * d))
  const inner = soleCall(a, 'div');
  if (inner) return floorDiv(inner.a, mul(inner.b, d));
  return atomDim({ kind: 'div', key: `(${keyOf(a)})/(${keyOf(d)})`, a, b: d });
}

/** Remainder of floor division by a positive dim, in [0, d). */
export function mod(a: Dim, d: Dim): Dim {
  if (d === 1 || a === 0) return 0;
  if (typeof d === 'number' && d <= 0) throw new InfcError('INFC2001', `remainder of a dimension by ${d}`);
  if (typeof a === 'number' && typeof d === 'number') return a - Math.floor(a / d) * d;
  const { r } = splitBy(a, d);
  if (isWithin(r, d)) return r;
  if (r !== a) return mod(r, d);
  const inner = soleCall(a, 'mod');
  if (inner && divideExactly(inner.b, d) !== undefined) return mod(inner.a, d);
  return atomDim({ kind: 'mod', key: `(${keyOf(a)})%(${keyOf(d)})`, a, b: d });
}

export const ceilDiv = (a: Dim, d: Dim): Dim => floorDiv(add(a, sub(d, 1)), d);

export function min(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return Math.min(a, b);
  if (isAtMost(a, b)) return a;
  if (isAtMost(b, a)) return b;
  const [x, y] = keyOf(a) < keyOf(b) ? [a, b] : [b, a];
  return atomDim({ kind: 'min', key: `min(${keyOf(x)},${keyOf(y)})`, a: x, b: y });
}

export function max(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return Math.max(a, b);
  if (isAtMost(a, b)) return b;
  if (isAtMost(b, a)) return a;
  const [x, y] = keyOf(a) < keyOf(b) ? [a, b] : [b, a];
  return atomDim({ kind: 'max', key: `max(${keyOf(x)},${keyOf(y)})`, a: x, b: y });
}

function soleCall(d: Dim, kind: DimCall['kind']): DimCall | undefined {
  if (typeof d === 'number' || d.constant !== 0 || d.terms.length !== 1) return undefined;
  const t = d.terms[0];
  const atom = t?.factors[0];
  return t?.coefficient === 1 && t.factors.length === 1 && atom !== undefined && atom.kind === kind
    ? (atom as DimCall)
    : undefined;
}

/** 0 <= r < d, proven. */
function isWithin(r: Dim, d: Dim): boolean {
  return lowerBound(r) >= 0 && isAtMost(r, sub(d, 1));
}

/** a <= b, proven (false means "not proven"). */
export function isAtMost(a: Dim, b: Dim): boolean {
  const gap = sub(b, a);
  if (typeof gap === 'number') return gap >= 0;
  if (lowerBound(gap) >= 0) return true;
  // Replace loop-like symbols (those with a symbolic max) that lower the gap by their max: symbolic bounds then cancel.
  let tight: Dim = gap;
  for (let round = 0; round < 4; round++) {
    const next = relaxNegative(tight);
    if (next === tight) return false;
    tight = next;
    if (lowerBound(tight) >= 0) return true;
  }
  return false;
}

function relaxNegative(d: Dim): Dim {
  for (const t of termsOf(d)) {
    if (t.coefficient >= 0) continue;
    const at = t.factors.findIndex((f) => f.kind === 'sym' && typeof f.max !== 'number');
    const s = t.factors[at];
    if (s?.kind !== 'sym') continue;
    const others = t.factors.filter((_, i) => i !== at);
    if (others.some((f) => atomRange(f).min < 0)) continue;
    const rest = others.reduce<Dim>((p, f) => mul(p, atomDim(f)), 1);
    return add(sub(d, intern(0, [t])), mul(mul(rest, s.max), t.coefficient));
  }
  return d;
}

/** True or false when it holds for every value of the symbols, else undefined: the caller must guard. */
export function equals(a: Dim, b: Dim): boolean | undefined {
  const gap = sub(a, b);
  if (typeof gap === 'number') return gap === 0;
  const r = range(gap);
  if (r.min > 0 || r.max < 0) return false;
  // 512*t = 1 has no solution: the constant is no multiple of what divides every term.
  const step = gap.terms.reduce((g, t) => gcd(g, termStep(t)), 0);
  return step > 1 && gap.constant % step !== 0 ? false : undefined;
}

const gcd = (a: number, b: number): number => (b === 0 ? Math.abs(a) : gcd(b, a % b));

/** A number that divides the term for every value of its symbols. */
const termStep = (t: Term): number =>
  t.factors.reduce((n, f) => (f.kind === 'sym' ? n * f.multipleOf : n), t.coefficient);

/** a < b for every value (true), for none (false), or it depends (undefined). */
export function lessThan(a: Dim, b: Dim): boolean | undefined {
  if (isAtMost(add(a, 1), b)) return true;
  if (isAtMost(b, a)) return false;
  return undefined;
}

/** Whether every value of the dim is a multiple of `n`, as far as can be proven. */
export function isMultipleOf(d: Dim, n: number): boolean {
  if (typeof d === 'number') return d % n === 0;
  if (d.constant % n !== 0) return false;
  return d.terms.every((t) => {
    let m = Math.abs(t.coefficient);
    for (const f of t.factors) if (f.kind === 'sym') m *= f.multipleOf;
    return m % n === 0;
  });
}

/** Replaces symbols by name; the result is re-simplified. */
export function substitute(d: Dim, replace: (s: Sym) => Dim | undefined): Dim {
  if (typeof d === 'number') return d;
  let out: Dim = d.constant;
  for (const t of d.terms) {
    let p: Dim = t.coefficient;
    for (const f of t.factors) p = mul(p, substituteAtom(f, replace));
    out = add(out, p);
  }
  return out;
}

function substituteAtom(atom: Atom, replace: (s: Sym) => Dim | undefined): Dim {
  if (atom.kind === 'sym') return replace(atom) ?? atomDim(atom);
  const a = substitute(atom.a, replace);
  const b = substitute(atom.b, replace);
  return atom.kind === 'div'
    ? floorDiv(a, b)
    : atom.kind === 'mod'
      ? mod(a, b)
      : atom.kind === 'min'
        ? min(a, b)
        : max(a, b);
}

/** The value under an assignment of all its symbols. */
export function evaluate(d: Dim, values: ReadonlyMap<string, number> | Readonly<Record<string, number>>): number {
  const lookup =
    values instanceof Map
      ? (n: string) => values.get(n)
      : (n: string) => (values as Readonly<Record<string, number>>)[n];
  const v = substitute(d, (s) => lookup(s.name));
  if (typeof v !== 'number')
    throw new InfcError('INFC2002', `dimension ${formatDim(v)} has no value yet`, {
      fix: 'Give every symbolic dimension a value',
    });
  return v;
}

/** Adds every symbol in `d` to `into`, by name. */
export function collectSyms(d: Dim, into: Map<string, Sym> = new Map()): Map<string, Sym> {
  for (const t of termsOf(d)) {
    for (const f of t.factors) {
      if (f.kind === 'sym') into.set(f.name, f);
      else {
        collectSyms(f.a, into);
        collectSyms(f.b, into);
      }
    }
  }
  return into;
}

/** `coefficient` of symbol `name` if the dim is affine in it, as a Dim free of the symbol; undefined when it is not affine. */
export function coefficientOf(d: Dim, name: string): Dim | undefined {
  let c: Dim = 0;
  for (const t of termsOf(d)) {
    let hits = 0;
    let rest: Dim = t.coefficient;
    for (const f of t.factors) {
      if (f.kind === 'sym' && f.name === name) hits++;
      else {
        if (f.kind !== 'sym' && collectSyms(atomDim(f)).has(name)) return undefined;
        rest = mul(rest, atomDim(f));
      }
    }
    if (hits > 1) return undefined;
    if (hits === 1) c = add(c, rest);
  }
  return c;
}

/** Human-readable form, e.g. `3*h*w+1`. */
export function formatDim(d: Dim): string {
  if (typeof d === 'number') return String(d);
  let out = '';
  for (const t of d.terms) {
    const body = t.factors.map(formatAtom).join('*');
    const c = Math.abs(t.coefficient) === 1 ? body : `${Math.abs(t.coefficient)}*${body}`;
    out += t.coefficient < 0 ? `-${c}` : out === '' ? c : `+${c}`;
  }
  return d.constant === 0 ? out : d.constant > 0 ? `${out}+${d.constant}` : `${out}${d.constant}`;
}

function formatAtom(a: Atom): string {
  if (a.kind === 'sym') return a.name;
  const x = formatDim(a.a);
  const y = formatDim(a.b);
  return a.kind === 'div' ? `((${x})/(${y}))` : a.kind === 'mod' ? `((${x})%(${y}))` : `${a.kind}(${x},${y})`;
}
