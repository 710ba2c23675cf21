import { evaluateCondition, evaluateDim, formatDimCode, formatShape, solveDim } from './dims.ts';
import { InfcError } from './errors.ts';
import type { HostMap, HostValue } from './host.ts';
import type { DimCode, Plan, PlanEntry, PlanPort } from './plan.ts';
import { elementsOf, type Tensor, toArray } from './tensor.ts';

/** Gives symbol `name` a value, within the bounds the plan states. Throws INFC6007. */
export function bindSymbol(plan: Plan, values: Map<string, number>, name: string, value: number, from: string): void {
  const bounds = plan.symbols[name];
  const { min = 0, max = Number.POSITIVE_INFINITY, multipleOf = 1 } = bounds ?? {};
  if (!(value >= min && value <= max && value % multipleOf === 0)) {
    const rule = `${min}${max === Number.POSITIVE_INFINITY ? ' or more' : ` to ${max}`}${multipleOf > 1 ? ` in steps of ${multipleOf}` : ''}`;
    throw new InfcError('INFC6007', `${from} makes dimension '${name}' ${value}; the model was compiled for ${rule}`, {
      fix: 'Change the shape, or compile the model again with other --dims',
    });
  }
  values.set(name, value);
}

/**
 * Matches an actual shape against a declared one and binds the symbols it fixes (only those in `may`, when given).
 * Throws INFC6006 naming `what`, the expected and the given shape.
 */
export function bindShape(
  plan: Plan,
  values: Map<string, number>,
  what: string,
  declared: readonly DimCode[],
  actual: readonly number[],
  may?: ReadonlySet<string>,
): void {
  const mismatch = (why: string) =>
    new InfcError('INFC6006', `${what} has shape [${actual.join(', ')}] and must have ${formatShape(declared)}${why}`, {
      fix: 'Give a tensor of that shape',
    });
  if (declared.length !== actual.length) throw mismatch('');
  // Dims that are a symbol alone bind first, whatever their order: `[2*n, n]` works.
  for (const alone of [true, false]) {
    declared.forEach((code, i) => {
      if ((typeof code === 'string') !== alone) return;
      const size = actual[i] ?? -1;
      if (!Number.isSafeInteger(size) || size < 0) throw mismatch('');
      const bound = solveDim(code, size, values);
      if (bound && (may === undefined || may.has(bound[0]))) bindSymbol(plan, values, bound[0], bound[1], what);
      const expected = evaluateDim(code, values);
      if (expected !== size) {
        const known = typeof code === 'number' || Number.isNaN(expected);
        throw mismatch(known ? '' : ` where ${formatDimCode(code)} is ${expected}`);
      }
    });
  }
}

/**
 * Checks a run's inputs against an entry: names, dtypes, shapes, symbol bounds, guards. Returns dense arrays in port order and the
 * symbols' values; `symbols` are those the caller gives. Throws INFC6003 to INFC6009, naming the input, what was expected and what was given.
 */
export function bindInputs(
  plan: Plan,
  entry: PlanEntry,
  inputs: Readonly<Record<string, unknown>>,
  symbols: Readonly<Record<string, number>> = {},
): { tensors: HostValue[]; values: Map<string, number> } {
  const names = entry.inputs.map((p) => p.name);
  const list = `This model takes ${names.map((n) => `'${n}'`).join(', ') || 'no inputs'}`;
  for (const name of Object.keys(inputs)) {
    if (!names.includes(name)) throw new InfcError('INFC6005', `there is no input '${name}'`, { fix: list });
  }
  const values = new Map<string, number>();
  // A symbol that is missing is out of bounds too.
  for (const name of entry.symbols ?? [])
    bindSymbol(plan, values, name, symbols[name] ?? Number.NaN, 'the symbols option');
  const given = entry.inputs.map((port) => {
    const value = inputs[port.name];
    if (port.container) return undefined;
    if (value === undefined || value === null)
      throw new InfcError('INFC6005', `input '${port.name}' is missing`, { fix: list });
    return asTensor(port, value);
  });
  const order = [...entry.inputs.keys()].sort(
    (i, j) => Number(compound(entry.inputs[i])) - Number(compound(entry.inputs[j])) || i - j,
  );
  for (const i of order) {
    const port = entry.inputs[i];
    const t = given[i];
    if (port && t) bindShape(plan, values, `input '${port.name}'`, port.shape, t.shape);
  }
  for (const guard of entry.guards) {
    if (evaluateCondition(guard.condition, values) === false)
      throw new InfcError(
        'INFC6009',
        `these inputs break what the model was compiled for: ${guard.why}; here ${[...values].map((v) => v.join(' = ')).join(', ')}`,
        {
          fix: 'Change the shapes, or compile the model again with other --dims',
        },
      );
  }
  const tensors = entry.inputs.map((port, i): HostValue => {
    const t = given[i];
    return t ? dense(port, t) : containerValue(port, inputs[port.name]);
  });
  return { tensors, values };
}

const dense = (port: PlanPort, t: Untyped): Tensor => ({
  ...t,
  data: toArray(`input '${port.name}'`, t.dtype, elementsOf(t.shape), t.data) as Tensor['data'],
});

/** A sequence is an array of tensors, an optional is a value or nothing. */
function containerValue(port: PlanPort, value: unknown): HostValue {
  if (value instanceof Map) return value as HostMap;
  const isOptional = port.container?.startsWith('optional');
  if (isOptional && (value === undefined || value === null)) return null;
  if (port.container === 'optional') return dense(port, asTensor(port, value));
  if (!Array.isArray(value))
    throw new InfcError('INFC6003', `input '${port.name}' is no ${port.container}`, {
      fix: port.container?.endsWith('p') ? 'Give a Map' : `Give an array of tensors of ${port.dtype}`,
    });
  return value.map((v) => dense(port, asTensor(port, v)));
}

const compound = (port: PlanPort | undefined): boolean => port?.shape.some((d) => typeof d === 'object') ?? false;

interface Untyped {
  readonly dtype: PlanPort['dtype'];
  readonly shape: readonly number[];
  readonly data: unknown;
}

function asTensor(port: PlanPort, value: unknown): Untyped {
  if (typeof value !== 'object' || value === null)
    throw new InfcError('INFC6003', `input '${port.name}' is not a tensor`, {
      fix: `Give { shape: ${formatShape(port.shape)}, data }`,
    });
  const isArray = Array.isArray(value) || ArrayBuffer.isView(value);
  const t = (isArray ? { data: value } : value) as { dtype?: unknown; shape?: unknown; data?: unknown };
  if (t.dtype !== undefined && t.dtype !== port.dtype)
    throw new InfcError('INFC6003', `input '${port.name}' is ${port.dtype} and was given ${String(t.dtype)}`, {
      fix: `Give a tensor of ${port.dtype}`,
    });
  let shape = t.shape;
  if (shape === undefined) {
    const length = (t.data as { length?: number } | undefined)?.length;
    // Without a shape the data must say it all: a static shape, or one axis.
    shape = port.shape.every((d) => typeof d === 'number')
      ? port.shape
      : port.shape.length === 1
        ? [length]
        : undefined;
  }
  if (!Array.isArray(shape))
    throw new InfcError('INFC6006', `input '${port.name}' comes without a shape`, {
      fix: `Give { shape: ${formatShape(port.shape)}, data }`,
    });
  return { dtype: port.dtype, shape, data: t.data };
}
