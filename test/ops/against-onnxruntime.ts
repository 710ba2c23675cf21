import { createRequire } from 'node:module';
import { Reference } from '../../backends/reference/evaluate.ts';
import { fromOrt, toOrt } from '../../compiler/cli/onnxruntime.ts';
import { createCompiler } from '../../compiler/compile.ts';
import type { DType } from '../../runtime/dtype.ts';
import { hostFunctions } from '../../runtime/host/index.ts';
import type { HostTensor } from '../../runtime/host.ts';
import { difference, numbersOf, type Tolerance } from '../conformance/onnx-data.ts';
import { type Attribute, encodeModel, info, node } from '../import/build-onnx.ts';

const require = createRequire(import.meta.url);

/** onnxruntime-node where it is installed: the oracle of these tests. */
export function onnxruntime(): typeof import('onnxruntime-node') | undefined {
  try {
    return require('onnxruntime-node');
  } catch {
    return undefined;
  }
}

const ELEMENT_TYPES: Partial<Record<DType, number>> = {
  f32: 1,
  u8: 2,
  i8: 3,
  i32: 6,
  i64: 7,
  bool: 9,
  f64: 11,
  string: 8,
};

/** One node as a whole model. */
export interface NodeCase {
  readonly op: string;
  readonly domain?: string;
  readonly opset?: number;
  readonly attributes?: readonly Attribute[];
  /** By name in input order; null where an optional input is left out. */
  readonly inputs: readonly (HostTensor | null)[];
  /** dtypes of the outputs; '' leaves one out. */
  readonly outputs: readonly (DType | '')[];
  /** Ranks of the outputs. */
  readonly ranks: readonly number[];
}

export function modelOf(c: NodeCase): Uint8Array {
  const names = c.inputs.map((t, i) => (t ? `x${i}` : ''));
  const outputs = c.outputs.map((d, i) => (d === '' ? '' : `y${i}`));
  const domain = c.domain ?? '';
  return encodeModel(
    {
      name: 'g',
      node: [node(c.op, names, outputs, [...(c.attributes ?? [])], { name: 'n', domain })],
      input: c.inputs.flatMap((t, i) => (t ? [info(`x${i}`, [...t.shape], ELEMENT_TYPES[t.dtype])] : [])),
      output: c.outputs.flatMap((d, i) =>
        d === '' ? [] : [info(`y${i}`, new Array(c.ranks[i] ?? 0).fill(null), ELEMENT_TYPES[d])],
      ),
    },
    { opsetImport: [{ domain: '', version: c.opset ?? 17 }, ...(domain ? [{ domain, version: 1 }] : [])] },
  );
}

/** Outputs of onnxruntime by name. */
export async function runOnnxruntime(c: NodeCase): Promise<Record<string, HostTensor>> {
  const ort = onnxruntime();
  if (!ort) throw new Error('onnxruntime-node is not installed');
  const session = await ort.InferenceSession.create(modelOf(c), { logSeverityLevel: 3 });
  const feeds: Record<string, import('onnxruntime-node').Tensor> = {};
  c.inputs.forEach((t, i) => {
    if (t) feeds[`x${i}`] = toOrt(ort, t);
  });
  const results = await session.run(feeds);
  return Object.fromEntries(
    c.outputs.flatMap((d, i) => {
      const r = results[`y${i}`];
      return d !== '' && r ? [[`y${i}`, fromOrt(r, `y${i}`)]] : [];
    }),
  );
}

/** Outputs of the reference by name. */
export async function runReference(c: NodeCase): Promise<Record<string, HostTensor>> {
  const compiler = createCompiler();
  const program = await compiler.import(modelOf(c));
  const [graph] = program.entries.values();
  if (!graph) throw new Error('no entry');
  const inputs = Object.fromEntries(c.inputs.flatMap((t, i) => (t ? [[`x${i}`, t]] : [])));
  return new Reference({ ops: compiler.registry, host: hostFunctions }).run(graph, inputs) as Record<
    string,
    HostTensor
  >;
}

/** What differs between the reference and onnxruntime, or undefined. */
export async function disagreement(
  c: NodeCase,
  tolerance: Tolerance = { relative: 1e-4, absolute: 1e-5 },
): Promise<string | undefined> {
  const [mine, theirs] = [await runReference(c), await runOnnxruntime(c)];
  for (const [name, wanted] of Object.entries(theirs)) {
    const d = difference(mine[name], wanted, tolerance);
    if (d)
      return `${name}: ${d} (first values ${numbersOf(mine[name] ?? wanted)
        .slice(0, 4)
        .join(', ')})`;
  }
  return undefined;
}

/** Reproducible numbers in [-1, 1). */
export function random(shape: readonly number[], seed: number): HostTensor {
  const count = shape.reduce((n, d) => n * d, 1);
  return {
    dtype: 'f32',
    shape,
    data: Float32Array.from(
      { length: count },
      (_, i) => ((((Math.sin((i + 1) * 12.9898 + seed * 78.233) * 43758.5453) % 1) + 1) % 1) * 2 - 1,
    ),
  };
}

/** Reproducible codes of a whole byte. */
export function bytes(dtype: 'u8' | 'i8', shape: readonly number[], seed: number): HostTensor {
  const noise = random(shape, seed).data as Float32Array;
  const codes = Array.from(noise, (v) => Math.floor((v + 1) * 128));
  return { dtype, shape, data: dtype === 'u8' ? Uint8Array.from(codes) : Int8Array.from(codes, (v) => v - 128) };
}

export const floats = (shape: readonly number[], values: readonly number[]): HostTensor => ({
  dtype: 'f32',
  shape,
  data: Float32Array.from(values),
});
export const wholes = (dtype: 'i32' | 'i64', shape: readonly number[], values: readonly number[]): HostTensor => ({
  dtype,
  shape,
  data: dtype === 'i32' ? Int32Array.from(values) : BigInt64Array.from(values, BigInt),
});
