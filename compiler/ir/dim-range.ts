import type { Atom, Dim, DimSum } from './dim-sum.ts';

/** All values from `min` to `max`. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

export function atomRange(atom: Atom): Range {
  if (atom.kind === 'sym')
    return { min: atom.min, max: typeof atom.max === 'number' ? atom.max : Math.max(atom.min, range(atom.max).max) };
  const a = range(atom.a);
  const b = range(atom.b);
  switch (atom.kind) {
    case 'min':
      return { min: Math.min(a.min, b.min), max: Math.min(a.max, b.max) };
    case 'max':
      return { min: Math.max(a.min, b.min), max: Math.max(a.max, b.max) };
    case 'mod':
      return { min: 0, max: Math.max(0, Math.min(b.max - 1, a.min >= 0 ? a.max : Number.POSITIVE_INFINITY)) };
    case 'div': {
      const bMin = Math.max(1, b.min);
      const lo = a.min >= 0 ? Math.floor(a.min / Math.max(1, b.max)) : Math.floor(a.min / bMin);
      const hi = a.max >= 0 ? Math.floor(a.max / bMin) : Math.floor(a.max / Math.max(1, b.max));
      return { min: lo, max: hi };
    }
  }
}

const ranges = new WeakMap<DimSum, Range>();

/** Interval of all values the dim can take. */
export function range(d: Dim): Range {
  if (typeof d === 'number') return { min: d, max: d };
  const old = ranges.get(d);
  if (old) return old;
  const r = computeRange(d);
  ranges.set(d, r);
  return r;
}

function computeRange(d: DimSum): Range {
  let lo = d.constant;
  let hi = d.constant;
  for (const t of d.terms) {
    let pMin = 1;
    let pMax = 1;
    for (const f of t.factors) {
      const r = atomRange(f);
      const c = [pMin * r.min, pMin * r.max, pMax * r.min, pMax * r.max].map((v) => (Number.isNaN(v) ? 0 : v));
      pMin = Math.min(...c);
      pMax = Math.max(...c);
    }
    lo += t.coefficient * (t.coefficient >= 0 ? pMin : pMax);
    hi += t.coefficient * (t.coefficient >= 0 ? pMax : pMin);
  }
  return { min: lo, max: hi };
}

export const lowerBound = (d: Dim): number => range(d).min;
export const upperBound = (d: Dim): number => range(d).max;
