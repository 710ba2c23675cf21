import { join } from 'node:path';
import { fromOrt, toOrt } from '../../compiler/cli/onnxruntime.ts';
import { evaluate } from '../../compiler/ir/dim.ts';
import type { TypedArray } from '../../compiler/ir/dtype.ts';
import type { Program } from '../../compiler/ir/graph.ts';
import { numbersOf } from '../../compiler/tensor-values.ts';
import { encodeFloat } from '../../runtime/minifloat.ts';
import { type ModelCase, modelsFolder } from './models.ts';

export interface Feed {
  readonly dtype: 'f32' | 'f16' | 'i64' | 'i32' | 'u8' | 'bool';
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

export const modelPath = (c: ModelCase): string => join(modelsFolder, c.file);

/** Deterministic inputs for the first entry of a program. */
export function feedsFor(program: Program, c: ModelCase): Record<string, Feed> {
  let seed = 12345;
  const random = (): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 4294967296;
  };
  const [entry] = program.entries.values();
  const feeds: Record<string, Feed> = {};
  for (const v of entry?.inputs ?? []) {
    const sizes = c.sizes?.[v.name] ?? c.sizes?.['*'];
    const shape = v.type.shape.map((d, i) =>
      typeof d === 'number' ? d : (sizes?.[i] ?? evaluate(d, { [symbolName(d)]: 1 })),
    );
    const n = shape.reduce((p, d) => p * d, 1);
    const top = c.integers?.[v.name] ?? 2;
    const fixed = c.values?.[v.name];
    const values = Array.from({ length: n }, random);
    const { dtype } = v.type;
    const integer = (x: number): number => fixed ?? Math.floor(x * top);
    const data: TypedArray =
      dtype === 'i64'
        ? BigInt64Array.from(values, (x) => BigInt(integer(x)))
        : dtype === 'i32'
          ? Int32Array.from(values, integer)
          : dtype === 'f16'
            ? Uint16Array.from(values, (x) => encodeFloat('f16', x))
            : dtype === 'u8' || dtype === 'bool'
              ? Uint8Array.from(values, integer)
              : Float32Array.from(values);
    if (dtype !== 'f32' && dtype !== 'f16' && dtype !== 'i64' && dtype !== 'i32' && dtype !== 'u8' && dtype !== 'bool')
      throw new Error(`no random ${dtype}`);
    feeds[v.name] = { dtype, shape, data };
  }
  return feeds;
}

const symbolName = (d: object | number): string =>
  typeof d === 'object' && 'key' in d ? String(d.key).replace(/^1\*/, '').replace(/\[.*$/, '') : '';

/** What onnxruntime-node makes of the same inputs, as numbers. */
export async function onnxruntimeOutputs(
  c: ModelCase,
  feeds: Record<string, Feed>,
): Promise<Record<string, Float64Array>> {
  const ort = await import('onnxruntime-node');
  const session = await ort.InferenceSession.create(modelPath(c));
  const inputs: Record<string, InstanceType<typeof ort.Tensor>> = {};
  for (const [name, f] of Object.entries(feeds)) inputs[name] = toOrt(ort, f);
  const results = await session.run(inputs);
  const out: Record<string, Float64Array> = {};
  for (const [name, t] of Object.entries(results)) {
    out[name] = Float64Array.from(numbersOf(fromOrt(t, name)));
  }
  return out;
}

/** Largest |a - b| over the larger of the largest |b| and 1e-6. */
export function relativeDifference(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY;
  let top = 1e-6;
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    const [a, b] = [got[i] ?? Number.NaN, want[i] ?? Number.NaN];
    if (Number.isFinite(b)) top = Math.max(top, Math.abs(b));
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const d = Math.abs(a - b);
    worst = Math.max(worst, Number.isNaN(d) ? Number.POSITIVE_INFINITY : d);
  }
  return worst / top;
}

/** The largest relative difference to onnxruntime over all outputs of one run. */
export async function differenceToOnnxruntime(
  c: ModelCase,
  feeds: Record<string, Feed>,
  results: Readonly<Record<string, Parameters<typeof numbersOf>[0]>>,
): Promise<number> {
  let difference = 0;
  for (const [output, expected] of Object.entries(await onnxruntimeOutputs(c, feeds))) {
    const got = results[output];
    if (!got) throw new Error(`output '${output}' is missing`);
    difference = Math.max(difference, relativeDifference(numbersOf(got), expected));
  }
  return difference;
}

/** What a child process reports of each name: the result, or the error as text. */
export async function attempts<T>(
  names: readonly string[],
  run: (name: string) => Promise<T>,
): Promise<(T | { readonly name: string; readonly error: string })[]> {
  const out: (T | { readonly name: string; readonly error: string })[] = [];
  for (const name of names) {
    try {
      out.push(await run(name));
    } catch (e) {
      out.push({ name, error: e instanceof Error ? (e.stack ?? e.message) : String(e) });
    }
  }
  return out;
}
