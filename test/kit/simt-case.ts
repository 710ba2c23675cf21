import { interpret } from '../../backends/reference/interpret.ts';
import { elementAccess } from '../../backends/reference/memory.ts';
import { add, evaluate, floorDiv, mul } from '../../compiler/ir/dim.ts';
import type { DType, TypedArray } from '../../compiler/ir/dtype.ts';
import { bitsOf, byteLength, viewOf } from '../../compiler/ir/dtype.ts';
import { dimValue, type Expr } from '../../compiler/ir/expr.ts';
import type { Kernel, KernelNote } from '../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { decodeFloat } from '../../runtime/minifloat.ts';

/** A kernel with data: what the interpreter makes of it is what every backend must make of it. */
export interface SimtCase {
  readonly kernel: Kernel;
  readonly data: readonly TypedArray[];
  readonly scalars: Readonly<Record<string, number>>;
  /** Largest relative error of a float result against the interpreter; 0 = bit for bit. */
  readonly tolerance: number;
}

export const note: KernelNote = { op: 'test', sources: [], template: 'test', why: 'test', bytes: 0, flops: 0 };

/** Deterministic numbers in [0, 1). */
export function randomSource(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s / 4294967296;
  };
}

/** A dense array of a dtype from numbers, rounded or wrapped as storage does. */
export function arrayOf(dtype: DType, values: readonly (number | bigint)[]): TypedArray {
  const bytes = new ArrayBuffer(Math.ceil(byteLength(dtype, values.length) / 8) * 8 + 16);
  const a = viewOf(dtype, bytes, 0, values.length);
  const { write } = elementAccess(dtype, a);
  values.forEach((v, i) => {
    write(i, a instanceof BigInt64Array || a instanceof BigUint64Array ? BigInt(v) : Number(v));
  });
  return a;
}

/** Element `i` as a number. */
export function valueAt(dtype: DType, a: TypedArray, i: number): number {
  const raw = Number(a[i]);
  return dtype === 'f16' || dtype === 'bf16' ? decodeFloat(dtype, raw) : raw;
}

/** A kernel that computes `f` of each element of its inputs. */
export function elementwise(
  name: string,
  inputs: readonly DType[],
  output: DType,
  values: readonly (readonly (number | bigint)[])[],
  f: (xs: readonly Expr[]) => Expr,
  tolerance: number,
): SimtCase {
  const n = values[0]?.length ?? 0;
  const lanes = 8;
  const k = new KernelBuilder(name, 'simt', lanes, [floorDiv(n + lanes - 1, lanes), 1, 1]);
  const xs = inputs.map((d, i) => k.buffer(`x${i}`, d, 'read', n));
  const y = k.buffer('y', output, 'write', n);
  const i = add(mul(k.group.x, lanes), k.lane);
  k.if(dimValue(i).lt(n), () => k.store(y, i, f(xs.map((x) => k.load(x, i)))));
  return {
    kernel: k.done(note),
    data: [...inputs.map((d, j) => arrayOf(d, values[j] ?? [])), arrayOf(output, new Array<number>(n).fill(0))],
    scalars: {},
    tolerance,
  };
}

/** The interpreter's result for each buffer. */
export function expected(c: SimtCase, subgroupSize = 32): TypedArray[] {
  const data = c.data.map((a) => a.slice());
  interpret(c.kernel, data, c.scalars, { subgroupSize });
  return data;
}

export const gridOf = (c: SimtCase): [number, number, number] => {
  const [x, y, z] = c.kernel.grid;
  return [evaluate(x, c.scalars), evaluate(y, c.scalars), evaluate(z, c.scalars)];
};

export const bytesOf = (a: TypedArray): Uint8Array => new Uint8Array(a.buffer, a.byteOffset, a.byteLength).slice();

/** First difference beyond the tolerance, as a sentence; empty when they agree. */
export function disagreement(c: SimtCase, want: readonly TypedArray[], got: readonly Uint8Array[]): string {
  for (const [b, buffer] of c.kernel.buffers.entries()) {
    const w = want[b];
    const bytes = got[b];
    if (buffer.access === 'read' || !w || !bytes) continue;
    const padded = new ArrayBuffer(Math.ceil(bytes.byteLength / 8) * 8);
    new Uint8Array(padded).set(bytes);
    const g = viewOf(
      buffer.storage,
      padded,
      0,
      Math.floor((w.length * w.BYTES_PER_ELEMENT * 8) / bitsOf[buffer.storage]),
    );
    for (let i = 0; i < w.length; i++) {
      const x = valueAt(buffer.storage, w, i);
      const y = valueAt(buffer.storage, g, i);
      const exact = w[i] === g[i] || x === y || (Number.isNaN(x) && Number.isNaN(y));
      if (exact) continue;
      if (c.tolerance > 0 && Math.abs(x - y) <= c.tolerance * Math.max(Math.abs(x), 1e-3)) continue;
      const inputs = c.kernel.buffers
        .map((q, j) => (q.access === 'read' ? String(c.data[j]?.[i]) : ''))
        .filter(Boolean);
      return `${c.kernel.name}: ${buffer.name}[${i}] is ${y} (${String(g[i])}), expected ${x} (${String(w[i])}) for ${inputs.join(', ')}`;
    }
  }
  return '';
}
