import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { InfcError } from '../../runtime/errors.ts';
import type { Container } from '../../runtime/plan.ts';
import { nearest } from '../diagnostics.ts';
import { byteLength, type DType, viewOf } from '../ir/dtype.ts';
import type { HostTensor } from '../ir/op.ts';
import { parseJsonTensor } from './json-tensor.ts';
import { decodeNpy } from './npy.ts';
import { randomTensor } from './random-tensor.ts';

/** An input port whose dims are numbers already. */
export interface ConcretePort {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Axes that may have any length; absent: not known. */
  readonly free?: readonly boolean[];
  /** Not a plain tensor. */
  readonly container?: Container;
}

/** `--input x=random:7` -> ['x', 'random:7']. Input names may hold anything but the first '='. */
export function splitInput(text: string): [string, string] {
  const eq = text.indexOf('=');
  if (eq <= 0)
    throw new InfcError('INFC8003', `--input '${text}' has no NAME=SOURCE form`, {
      fix: 'Write --input x=random:1, x=FILE.npy or x=[1,2]',
    });
  return [text.slice(0, eq), text.slice(eq + 1)];
}

/** `--dims n=4 --dims h=8,w=8` (also n=4|h=8) as numbers. */
export function parseDimValues(list: readonly string[]): Record<string, number> {
  const out: Record<string, number> = {};
  for (const part of list.flatMap((s) => s.split(/[|,]/)).filter((s) => s !== '')) {
    const [name, value] = splitDim(part);
    const n = Number(value);
    if (!/^\d+$/.test(value))
      throw new InfcError('INFC8003', `--dims ${part}: '${value}' is not a whole number`, { fix: 'Write --dims n=4' });
    out[name] = n;
  }
  return out;
}

/** Bounds for compiling: `n=4`, `seq=1:4096`, `seq=8:4096:8`. */
export function parseDimBounds(
  list: readonly string[],
): Record<string, number | { min: number; max: number; multipleOf?: number }> {
  const out: Record<string, number | { min: number; max: number; multipleOf?: number }> = {};
  for (const part of list.flatMap((s) => s.split(/[|,]/)).filter((s) => s !== '')) {
    const [name, value] = splitDim(part);
    const m = /^(\d+)(?::(\d+)(?::(\d+))?)?$/.exec(value);
    const [min, max, multipleOf] = [Number(m?.[1]), Number(m?.[2]), Number(m?.[3])];
    if (!m || (m[2] !== undefined && max < min) || multipleOf === 0)
      throw new InfcError('INFC8003', `--dims ${part} is not a size or a range`, {
        fix: 'Write n=4, seq=1:4096 or seq=8:4096:8',
      });
    out[name] = m[2] === undefined ? min : m[3] === undefined ? { min, max } : { min, max, multipleOf };
  }
  return out;
}

function splitDim(part: string): [string, string] {
  const eq = part.lastIndexOf('=');
  if (eq <= 0) throw new InfcError('INFC8003', `--dims '${part}' has no NAME=VALUE form`, { fix: 'Write --dims n=4' });
  return [part.slice(0, eq).trim(), part.slice(eq + 1).trim()];
}

/**
 * Builds one tensor from its source text: a file, a generator or JSON. `port.shape` is what generators fill; files and JSON bring their
 * own shape, which the runtime checks.
 */
export async function readInput(port: ConcretePort, source: string, cwd: string): Promise<HostTensor> {
  if (port.container)
    throw new InfcError('INFC8019', `input '${port.name}' is a ${port.container}, which the command line cannot give`, {
      fix: "Run the artifact from a program: import { load } from './model.js' of its folder; model.d.ts has the input's type",
    });
  if (source === 'zeros' || source === 'ones') return randomTensor(port, { constant: source === 'ones' ? 1 : 0 });
  const random = /^random(?::(\d+)(?::(-?[\d.e+-]+):(-?[\d.e+-]+))?)?$/.exec(source);
  if (random) {
    const range = random[2] === undefined ? {} : { low: Number(random[2]), high: Number(random[3]) };
    return randomTensor(port, { seed: Number(random[1] ?? 1), ...range });
  }
  if (/^\s*[[\d"{-]|^(true|false)$/.test(source)) return parseJsonTensor(port, source);
  const at = source.lastIndexOf('@');
  const file = path.resolve(cwd, at > 0 ? source.slice(0, at) : source);
  if (file.endsWith('.npy')) return cast(decodeNpy(await readFile(file), source), port);
  if (/\.(bin|raw)$/.test(file)) {
    const shape =
      at > 0
        ? source
            .slice(at + 1)
            .split(/[x,]/)
            .map(Number)
        : port.shape;
    const bytes = new Uint8Array(await readFile(file));
    const elements = shape.reduce((n, d) => n * d, 1);
    if (!Number.isSafeInteger(elements) || bytes.length !== byteLength(port.dtype, elements))
      throw new InfcError('INFC8010', `${bytes.length} bytes cannot be ${port.dtype}[${shape.join(', ')}]`, {
        file,
        fix: `Give ${byteLength(port.dtype, elements)} bytes, or the shape: ${port.name}=${source}@1,2,3`,
      });
    return { dtype: port.dtype, shape, data: viewOf(port.dtype, bytes.slice().buffer, 0, elements) };
  }
  const near = nearest(source, ['random', 'zeros', 'ones']);
  throw new InfcError('INFC8003', `--input ${port.name}=${source}: this is no source of a tensor`, {
    fix: near ? `Did you mean ${port.name}=${near}?` : 'Give FILE.npy, FILE.bin, random:SEED, zeros, ones or JSON',
  });
}

/** numpy.save of a Python list gives f64, c128 or i64; a narrower port gets the same values when it can hold them. */
function cast(tensor: HostTensor, port: ConcretePort): HostTensor {
  const { data } = tensor;
  if (port.dtype === 'f32' && tensor.dtype === 'f64')
    return { ...tensor, dtype: 'f32', data: Float32Array.from(data, Number) };
  if (port.dtype === 'c64' && tensor.dtype === 'c128')
    return { ...tensor, dtype: 'c64', data: Float32Array.from(data, Number) };
  if (port.dtype === 'i32' && data instanceof BigInt64Array)
    return { ...tensor, dtype: 'i32', data: Int32Array.from(data, Number) };
  return tensor;
}

/** Every port's tensor: those given, the rest `random:1`. Throws INFC8003 for a name the model does not have. */
export async function readInputs(
  ports: readonly ConcretePort[],
  given: readonly string[],
  cwd: string,
): Promise<Record<string, HostTensor>> {
  const sources = new Map(given.map(splitInput));
  for (const name of sources.keys()) {
    if (ports.some((p) => p.name === name)) continue;
    const near = nearest(
      name,
      ports.map((p) => p.name),
    );
    throw new InfcError('INFC8003', `the model has no input '${name}'`, {
      fix: near ? `Did you mean '${near}'?` : `Its inputs are ${ports.map((p) => `'${p.name}'`).join(', ')}`,
    });
  }
  const out: Record<string, HostTensor> = {};
  for (const port of ports) out[port.name] = await readInput(port, sources.get(port.name) ?? 'random:1', cwd);
  return out;
}
