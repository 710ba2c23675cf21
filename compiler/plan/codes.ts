import type { ConditionCode, DimCode } from '../../runtime/plan.ts';
import type { Atom, Dim } from '../ir/dim.ts';
import type { DimCondition } from './schedule.ts';

/** A dim as the plan's prefix form. */
export function toDimCode(dim: Dim): DimCode {
  if (typeof dim === 'number') return dim;
  const parts: DimCode[] = dim.terms.map(({ coefficient, factors }) => {
    const codes = factors.map(atomCode);
    if (coefficient !== 1) codes.unshift(coefficient);
    const [only] = codes;
    return codes.length === 1 && only !== undefined ? only : ['mul', ...codes];
  });
  if (dim.constant !== 0) parts.push(dim.constant);
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : ['add', ...parts];
}

function atomCode(atom: Atom): DimCode {
  return atom.kind === 'sym' ? atom.name : [atom.kind, toDimCode(atom.a), toDimCode(atom.b)];
}

export function toConditionCode(c: DimCondition): ConditionCode {
  return c.kind === 'and' ? ['and', ...c.all.map(toConditionCode)] : [c.kind, toDimCode(c.a), toDimCode(c.b)];
}
