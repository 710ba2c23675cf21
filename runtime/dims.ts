import type { ConditionCode, DimCode } from './plan.ts';

/** Values of symbols by name. */
export type SymbolValues = ReadonlyMap<string, number>;

/** The value of a dimension expression; NaN while a symbol it needs has no value. */
export function evaluateDim(code: DimCode, values: SymbolValues): number {
  if (typeof code === 'number') return code;
  if (typeof code === 'string') return values.get(code) ?? Number.NaN;
  let result = evaluateDim(code[1] ?? Number.NaN, values);
  for (let i = 2; i < code.length; i++) result = apply(code[0], result, evaluateDim(code[i] ?? Number.NaN, values));
  return result;
}

function apply(op: string, a: number, b: number): number {
  switch (op) {
    case 'add':
      return a + b;
    case 'mul':
      return a * b;
    case 'div':
      return Math.floor(a / b);
    case 'mod':
      return a - Math.floor(a / b) * b;
    case 'min':
      return Math.min(a, b);
    case 'max':
      return Math.max(a, b);
    default:
      return Number.NaN;
  }
}

/** Whether a condition holds; undefined while it depends on a symbol without a value. */
export function evaluateCondition(code: ConditionCode, values: SymbolValues): boolean | undefined {
  if (code[0] === 'and') {
    const [, ...parts] = code;
    let known: boolean | undefined = true;
    for (const part of parts) {
      const holds = evaluateCondition(part, values);
      if (holds === false) return false;
      known &&= holds;
    }
    return known;
  }
  const a = evaluateDim(code[1], values);
  const b = evaluateDim(code[2], values);
  if (Number.isNaN(a) || Number.isNaN(b)) return undefined;
  return code[0] === 'eq' ? a === b : code[0] === 'ne' ? a !== b : code[0] === 'lt' ? a < b : a <= b;
}

/**
 * The symbol that `code = actual` fixes when it is the only one without a value: `n`, `2*n`, `n+3` and nests of these.
 * Undefined when nothing is left to bind, or no integer fits.
 */
export function solveDim(code: DimCode, actual: number, values: SymbolValues): [string, number] | undefined {
  if (typeof code === 'string') return values.has(code) ? undefined : [code, actual];
  if (typeof code === 'number' || (code[0] !== 'add' && code[0] !== 'mul')) return undefined;
  const [op, ...operands] = code;
  let open: DimCode | undefined;
  let rest = op === 'add' ? 0 : 1;
  for (const o of operands) {
    const v = evaluateDim(o, values);
    if (!Number.isNaN(v)) rest = apply(op, rest, v);
    else if (open === undefined) open = o;
    else return undefined;
  }
  if (open === undefined) return undefined;
  const value = op === 'add' ? actual - rest : actual / rest;
  return Number.isInteger(value) ? solveDim(open, value, values) : undefined;
}

/** Human-readable form, e.g. `2*n+1`. */
export function formatDimCode(code: DimCode): string {
  if (typeof code !== 'object') return String(code);
  const [op, ...operands] = code;
  const sign = { add: '+', mul: '*', div: '/', mod: '%', min: '', max: '' }[op];
  const parts = operands.map((o) =>
    sign && sign !== '+' && typeof o === 'object' ? `(${formatDimCode(o)})` : formatDimCode(o),
  );
  return sign ? parts.join(sign).replaceAll('+-', '-') : `${op}(${parts.join(',')})`;
}

/** `[n, 3, 2*h]`; without values the symbols stay names. */
export const formatShape = (shape: readonly DimCode[]): string => `[${shape.map(formatDimCode).join(', ')}]`;
