import type { HostMap, HostTensor, HostValue } from '../runtime/host.ts';
import type { DimCode, Plan, PlanBuffer, PlanPort, PlanStep } from '../runtime/plan.ts';
import type { DType } from './ir/dtype.ts';
import { isFloat } from './ir/dtype.ts';
import { numbersOf, typedData } from './tensor-values.ts';

/**
 * How far two values may be apart: relative for floats, whole steps for 8-bit integers (rounding ties), nothing for the rest. Floats that
 * were codes of 8 bits on the way may be `steps` of 1/255 of their range apart instead, all but one in a thousand of them.
 */
export interface Tolerance {
  readonly relative: number;
  readonly steps: number;
}

/** The model rounds nothing itself where kernels make bytes of activations: every layer adds its rounding to that of those before it. */
const BYTES_STEPS = 4;

/**
 * What a model computes with: element types, `codes` when it quantizes activations to 8 bits on the way, `bytes` when kernels do (sums to
 * look up, or products with relaxed SIMD).
 */
export type Precisions = ReadonlySet<DType | 'codes' | 'bytes'>;

/** Relative error allowed in values of a float type. */
const relativeOf: Partial<Record<DType, number>> = { f64: 1e-3, f32: 1e-3, f16: 1e-2, bf16: 3e-2 };

/**
 * Tolerance of a value of this dtype in a model that computes with `others` too: an f32 output of a model with f16 inside is only as
 * exact as f16, one of a quantized model as exact as its 8-bit steps.
 */
export function toleranceOf(dtype: DType, others: Precisions = new Set()): Tolerance {
  if (!isFloat(dtype)) return { relative: 0, steps: dtype === 'i8' || dtype === 'u8' ? 1 : 0 };
  let relative = relativeOf[dtype] ?? 0.125;
  for (const o of others)
    if (o !== 'codes' && o !== 'bytes' && isFloat(o)) relative = Math.max(relative, relativeOf[o] ?? 0.125);
  return { relative, steps: others.has('bytes') ? BYTES_STEPS : others.has('codes') ? 1 : 0 };
}

/** Result of comparing one value. */
export interface Comparison {
  readonly name: string;
  readonly agrees: boolean;
  readonly dtype?: DType;
  readonly shape?: readonly number[];
  /**
   * Largest error: |actual - expected| / max(|expected|, rms(expected)) for floats, the difference for integers; for floats of a quantized
   * model that are further apart than floats may be, the difference in steps that 99.9 % of them stay below.
   */
  readonly error: number;
  readonly allowed: number;
  /** Row-major position of the largest error, with both values. */
  readonly at?: number;
  readonly actual?: number | string;
  readonly expected?: number | string;
  /** Why the values cannot be compared element by element. */
  readonly reason?: string;
}

const isTensor = (v: HostValue | undefined): v is HostTensor =>
  v !== null && v !== undefined && !Array.isArray(v) && 'dtype' in v;

/** Compares a value with what it should be. NaN equals NaN; infinities equal themselves. */
export function compareValues(
  name: string,
  actual: HostValue | undefined,
  expected: HostValue | undefined,
  tolerance?: Tolerance,
  others?: Precisions,
): Comparison {
  const differs = (reason: string): Comparison => ({
    name,
    agrees: false,
    error: Number.POSITIVE_INFINITY,
    allowed: 0,
    reason,
  });
  if (Array.isArray(actual) && Array.isArray(expected)) {
    if (actual.length !== expected.length) return differs(`${actual.length} elements instead of ${expected.length}`);
    const parts = actual.map((a: HostValue, i) => compareValues(`${name}[${i}]`, a, expected[i], tolerance, others));
    return parts.find((p) => !p.agrees) ?? parts[0] ?? { name, agrees: true, error: 0, allowed: 0 };
  }
  if (actual instanceof Map && expected instanceof Map) {
    const keys = [...expected.keys()];
    if (keys.join() !== [...actual.keys()].join()) return differs(`keys ${[...actual.keys()].join(', ')}`);
    return compareValues(name, valuesOf(actual), valuesOf(expected), tolerance, others);
  }
  if (!isTensor(actual) || !isTensor(expected)) {
    const same = actual === null && expected === null;
    return same ? { name, agrees: true, error: 0, allowed: 0 } : differs('one of the two is absent');
  }
  const { dtype, shape } = expected;
  if (actual.dtype !== dtype) return differs(`dtype ${actual.dtype} instead of ${dtype}`);
  if (actual.shape.length !== shape.length || actual.shape.some((d, i) => d !== shape[i]))
    return differs(`shape [${actual.shape.join(', ')}] instead of [${shape.join(', ')}]`);
  if (!typedData(expected)) return compareStrings(name, actual, expected);
  return compareNumbers(name, actual, expected, tolerance ?? toleranceOf(dtype, others));
}

/** Values of a map as a tensor: numbers of up to 32 bits, whatever the map was declared with, or strings. */
const valuesOf = (map: HostMap): HostTensor => {
  const values = [...map.values()];
  return values.every((v) => typeof v === 'number')
    ? { dtype: 'f32', shape: [values.length], data: Float32Array.from(values) }
    : { dtype: 'string', shape: [values.length], data: values.map(String) };
};

function compareStrings(name: string, actual: HostTensor, expected: HostTensor): Comparison {
  const [a, e] = [actual.data, expected.data];
  const at = Array.from(e, String).findIndex((s, i) => s !== String(a[i]));
  const base = { name, dtype: expected.dtype, shape: expected.shape, allowed: 0 };
  return at < 0
    ? { ...base, agrees: true, error: 0 }
    : { ...base, agrees: false, error: 1, at, actual: String(a[at]), expected: String(e[at]) };
}

function compareNumbers(name: string, actual: HostTensor, expected: HostTensor, tolerance: Tolerance): Comparison {
  const base = { name, dtype: expected.dtype, shape: expected.shape };
  const [a, e] = [numbersOf(actual), numbersOf(expected)];
  const float = isFloat(expected.dtype);
  const scale = float ? rootMeanSquare(e) : 0;
  let [error, at] = [0, -1];
  for (let i = 0; i < e.length; i++) {
    const [x, y] = [a[i] ?? 0, e[i] ?? 0];
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue;
    const gap = Math.abs(x - y);
    const d = !float
      ? gap
      : Number.isFinite(gap)
        ? gap / Math.max(Math.abs(y), scale, Number.MIN_VALUE)
        : Number.POSITIVE_INFINITY;
    if (d > error) [error, at] = [d, i];
  }
  if (float && tolerance.steps > 0 && error > tolerance.relative && Number.isFinite(error)) {
    error = gapInSteps(a, e);
    return {
      ...base,
      agrees: error <= tolerance.steps,
      error,
      allowed: tolerance.steps,
      at,
      actual: a[at] ?? 0,
      expected: e[at] ?? 0,
    };
  }
  const allowed = float ? tolerance.relative : tolerance.steps;
  return {
    ...base,
    agrees: error <= allowed,
    error,
    allowed,
    ...(at < 0 ? {} : { at, actual: a[at] ?? 0, expected: e[at] ?? 0 }),
  };
}

/** The gap that 99.9 % of the elements stay within, in steps of 1/255 of the range of what is expected (0 included). */
function gapInSteps(actual: Float64Array, expected: Float64Array): number {
  let [low, high] = [0, 0];
  for (const v of expected) [low, high] = [Math.min(low, v), Math.max(high, v)];
  const gaps = expected.map((v, i) => Math.abs((actual[i] ?? 0) - v)).sort();
  const gap = gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * 0.999))] ?? 0;
  return gap / ((high - low) / 255 || 1);
}

function rootMeanSquare(values: Float64Array): number {
  let [sum, n] = [0, 0];
  for (const v of values) {
    if (!Number.isFinite(v)) continue;
    sum += v * v;
    n++;
  }
  return n === 0 ? 0 : Math.sqrt(sum / n);
}

/** A value that a step of the plan writes. */
export interface KeptValue {
  readonly name: string;
  readonly buffer: number;
  /** Kernel or host function that wrote it. */
  readonly by: string;
}

/**
 * The plan with every value its top-level steps write as a further output of `entry`, so that they can be compared one by one. Values are
 * no longer placed at fixed offsets: the runtime plans memory with the longer lives. `names` gives the value of each buffer.
 */
export function keepValues(
  plan: Plan,
  entryName: string,
  names: ReadonlyMap<number, string>,
): { readonly plan: Plan; readonly kept: readonly KeptValue[] } {
  const entry = plan.entries[entryName];
  if (!entry) return { plan, kept: [] };
  const outputs: PlanPort[] = [...entry.outputs];
  const taken = new Set(outputs.map((o) => o.name));
  const kept: KeptValue[] = [];
  const seen = new Set<number>();
  for (const step of entry.steps) {
    for (const { buffer, by } of writtenBy(plan, step)) {
      const b = plan.buffers[buffer];
      const name = b?.name ?? names.get(buffer);
      if (!b || name === undefined || seen.has(buffer) || b.role === 'state') continue;
      seen.add(buffer);
      kept.push({ name, buffer, by });
      if (!taken.has(name)) outputs.push({ name, buffer, dtype: b.dtype, shape: b.shape });
      taken.add(name);
    }
  }
  const buffers = plan.buffers.map((b): PlanBuffer => {
    const { offset: _, ...rest } = b;
    return rest;
  });
  const { arena: _, ...free } = entry;
  return { plan: { ...plan, buffers, entries: { ...plan.entries, [entryName]: { ...free, outputs } } }, kept };
}

function writtenBy(plan: Plan, step: PlanStep): { buffer: number; by: string }[] {
  switch (step.kind) {
    case 'kernel': {
      // A kernel's outputs are those of its buffers that no earlier step filled; the last arena or output binding is one.
      const by = plan.kernels[step.kernel]?.name ?? '';
      const own = step.bind.filter((i) => ['arena', 'output'].includes(plan.buffers[i]?.role ?? ''));
      return own.map((buffer) => ({ buffer, by }));
    }
    case 'choose':
      return step.cases.flatMap((c) => c.steps.flatMap((s) => writtenBy(plan, s)));
    case 'copy':
      return [{ buffer: step.to, by: 'copy' }];
    case 'host':
      return step.outputs.map((buffer) => ({ buffer, by: step.op }));
    default:
      return [];
  }
}

/** Bytes of a shape when every dim is a number. */
export const isStaticShape = (shape: readonly DimCode[]): shape is readonly number[] =>
  shape.every((d) => typeof d === 'number');
