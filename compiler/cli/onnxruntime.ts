import { createRequire } from 'node:module';
import path from 'node:path';
import { InfcError } from '../../runtime/errors.ts';
import type { HostTensor } from '../../runtime/host.ts';
import type { DType } from '../ir/dtype.ts';
import { typedData } from '../tensor-values.ts';

/** The part of onnxruntime's JavaScript API that infc uses; the packages are the user's, found from the current folder. */
interface OrtTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: unknown;
}
interface OrtSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>>;
  release?(): Promise<void>;
}
interface Ort {
  readonly InferenceSession: { create(model: string | Uint8Array, options?: object): Promise<OrtSession> };
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => OrtTensor;
  readonly env: { wasm: { numThreads?: number; wasmPaths?: string }; logLevel?: string };
}

export type Engine = 'onnxruntime-node' | 'onnxruntime-web';

/** onnxruntime's names of dtypes, and the way back. */
export const ortTypes: Readonly<Partial<Record<DType, string>>> = {
  f32: 'float32',
  f64: 'float64',
  f16: 'float16',
  i64: 'int64',
  i32: 'int32',
  i16: 'int16',
  i8: 'int8',
  u64: 'uint64',
  u32: 'uint32',
  u16: 'uint16',
  u8: 'uint8',
  bool: 'bool',
  string: 'string',
};
export const ortDTypes = new Map(Object.entries(ortTypes).map(([dtype, name]) => [name, dtype as DType]));

/**
 * A tensor of onnxruntime. Where JavaScript has Float16Array (Node 24), onnxruntime makes half floats one, which onnxruntime-node 1.30's
 * addon takes for empty: it is shown the bits, as in Node 20.
 */
export function toOrt<T extends object>(
  ort: { readonly Tensor: new (type: never, data: never, dims: readonly number[]) => T },
  t: HostTensor,
): T {
  const data = typedData(t) ?? t.data;
  const made = new ort.Tensor(ortTypes[t.dtype] as never, data as never, t.shape);
  if (t.dtype === 'f16') Object.defineProperty(made, 'data', { value: data });
  return made;
}

/** A model loaded in onnxruntime. */
export interface OrtModel {
  readonly outputNames: readonly string[];
  run(inputs: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor>>;
}

async function loadEngine(engine: Engine, cwd: string): Promise<Ort> {
  for (const from of [path.join(cwd, 'index.js'), import.meta.url]) {
    let file: string;
    try {
      file = createRequire(from).resolve(engine);
    } catch {
      continue;
    }
    const module = await import(file);
    const ort: unknown = module.InferenceSession ? module : module.default;
    return ort as Ort;
  }
  throw new InfcError('INFC8004', `the package ${engine} is not installed here`, { fix: `Run npm install ${engine}` });
}

/** Opens a model in onnxruntime with a fixed number of threads. Throws INFC8004 without the package, INFC8013 when it refuses the model. */
export async function openOrt(
  engine: Engine,
  model: string | Uint8Array,
  threads: number,
  cwd: string,
): Promise<OrtModel> {
  const ort = await loadEngine(engine, cwd);
  ort.env.logLevel = 'error';
  ort.env.wasm.numThreads = threads;
  let session: OrtSession;
  try {
    session = await ort.InferenceSession.create(model, {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
      ...(engine === 'onnxruntime-web' ? { executionProviders: ['wasm'] } : {}),
    });
  } catch (cause) {
    throw refused(engine, cause);
  }
  return {
    outputNames: session.outputNames,
    run: async (inputs) => {
      const feeds: Record<string, OrtTensor> = {};
      for (const name of session.inputNames) {
        const t = inputs[name];
        if (!t) continue;
        if (ortTypes[t.dtype] === undefined)
          throw new InfcError('INFC8013', `${engine} takes no ${t.dtype} input`, { fix: 'Use --against reference' });
        feeds[name] = toOrt(ort, t);
      }
      const outputs = await session.run(feeds).catch((cause: unknown) => {
        throw refused(engine, cause);
      });
      return Object.fromEntries(Object.entries(outputs).map(([name, t]) => [name, fromOrt(t, name)]));
    },
  };
}

const refused = (engine: Engine, cause: unknown): InfcError =>
  new InfcError('INFC8013', `${engine}: ${cause instanceof Error ? cause.message : String(cause)}`, {
    fix: 'Check that the inputs suit the model (--input, --dims)',
    cause,
  });

/** A result of onnxruntime. Throws INFC8013 for types that infc does not read. */
export function fromOrt(t: Pick<OrtTensor, 'type' | 'dims' | 'data'>, name: string): HostTensor {
  const dtype = ortDTypes.get(t.type);
  if (dtype === undefined)
    throw new InfcError('INFC8013', `output '${name}' has type ${t.type}, which infc does not read`);
  if (Array.isArray(t.data)) return { dtype, shape: t.dims, data: t.data.map(String) };
  // A Float16Array, where the engine gives one, holds the same bits.
  const data = t.data as Float32Array;
  const copy = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  return { dtype, shape: t.dims, data: dtype === 'f16' ? new Uint16Array(copy.buffer) : data };
}
