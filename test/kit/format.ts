import { interpret } from '../../backends/reference/interpret.ts';
import type { StorageFormat } from '../../compiler/formats/format.ts';
import { add, mul } from '../../compiler/ir/dim.ts';
import { byteLength, type TypedArray, viewOf } from '../../compiler/ir/dtype.ts';
import type { Expr } from '../../compiler/ir/expr.ts';
import { dimValue } from '../../compiler/ir/expr.ts';
import type { Kernel } from '../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { storeNumber } from '../../compiler/tensor-values.ts';
import { type Check, fail } from './check.ts';

/** Rows that formats must survive, `length` weights each. */
const rows: Readonly<Record<string, (length: number) => Float32Array>> = {
  zeros: (n) => new Float32Array(n),
  ramp: (n) => Float32Array.from({ length: n }, (_, i) => (2 * i) / n - 1),
  waves: (n) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 1.7) * (0.2 + 0.8 * Math.abs(Math.cos(i / 9)))),
  outlier: (n) => Float32Array.from({ length: n }, (_, i) => (i === n >> 1 ? 1 : Math.sin(i) / 50)),
  constant: (n) => new Float32Array(n).fill(-0.75),
  'tiny values': (n) => Float32Array.from({ length: n }, (_, i) => Math.sin(i) * 1e-6),
};

/**
 * Laws of a storage format: planes have the declared sizes, decode is executable and address-free (run by the interpreter on the encoded
 * planes), and |decode(encode(w)) - w| stays within `errorBound` times the row's largest magnitude.
 */
export function formatConformance(format: StorageFormat): Check[] {
  const length = lengthFor(format);
  const checks: Check[] = Object.entries(rows).map(([name, make]) => ({
    name: `${format.name}: ${name} within the error bound`,
    run: async () => {
      const row = make(length);
      const decoded = decodeRow(format, row);
      const largest = row.reduce((m, w) => Math.max(m, Math.abs(w)), 0);
      const allowed = format.errorBound * largest + Number.EPSILON;
      for (let i = 0; i < length; i++) {
        const error = Math.abs((decoded[i] ?? Number.NaN) - (row[i] ?? 0));
        if (!(error <= allowed)) fail(`weight ${i}: ${row[i]} came back as ${decoded[i]}, more than ${allowed} off`);
      }
    },
  }));
  checks.push({
    name: `${format.name}: planes have the declared sizes`,
    run: async () => {
      const planes = format.encode((rows.waves ?? fail('no rows'))(length));
      const [got, want] = [Object.keys(planes).sort().join(), Object.keys(format.planes).sort().join()];
      if (got !== want) fail(`encode gives planes ${got}, declared are ${want}`);
      for (const [name, plane] of Object.entries(format.planes)) {
        const expected = length / plane.per;
        if (!Number.isInteger(expected)) fail(`plane '${name}': a row of ${length} is not a multiple of ${plane.per}`);
        if (planes[name]?.length !== expected)
          fail(`plane '${name}' has ${planes[name]?.length} entries for ${length} weights, not ${expected}`);
      }
    },
  });
  checks.push({
    name: `${format.name}: encoding is deterministic`,
    run: async () => {
      const row = (rows.outlier ?? fail('no rows'))(length);
      const text = (): string => JSON.stringify(Object.entries(format.encode(row)).map(([k, v]) => [k, Array.from(v)]));
      const [first, second] = [text(), text()];
      if (first !== second) fail('two encodings of one row differ');
    },
  });
  return checks;
}

/** A row length that every plane and group divides: at least four groups. */
function lengthFor(format: StorageFormat): number {
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
  const unit = [format.group, format.multiple, ...Object.values(format.planes).map((p) => p.per)].reduce(
    (a, b) => (a * b) / gcd(a, b),
    1,
  );
  return unit * Math.max(2, Math.ceil((4 * format.group) / unit));
}

/** Runs `decode` over one encoded row in the interpreter. */
function decodeRow(format: StorageFormat, row: Float32Array): Float32Array {
  const planes = format.encode(row);
  const data: TypedArray[] = Object.entries(format.planes).map(([name, plane]) => {
    const entries = planes[name] ?? [];
    const view = viewOf(
      plane.dtype,
      new ArrayBuffer(Math.ceil(byteLength(plane.dtype, entries.length) / 8) * 8),
      0,
      entries.length,
    );
    for (let i = 0; i < entries.length; i++) {
      const v = entries[i] ?? 0;
      // Planes of 16-bit floats hold raw bits already.
      if (view instanceof BigInt64Array || view instanceof BigUint64Array) storeNumber(view, plane.dtype, i, v);
      else view[i] = v;
    }
    return view;
  });
  const out = new Float32Array(row.length);
  interpret(decodeKernel(format, row.length), [...data, out], {});
  return out;
}

function decodeKernel(format: StorageFormat, length: number): Kernel {
  const groups = length / format.group;
  const k = new KernelBuilder(`decode_${format.name}`, 'simd', 1, [groups, 1, 1]);
  const buffers = Object.entries(format.planes).map(
    ([name, plane]) => [name, plane, k.buffer(name, plane.dtype, 'read', length / plane.per)] as const,
  );
  const y = k.buffer('y', 'f32', 'write', length);
  const values: Record<string, readonly Expr[]> = {};
  const group = k.group.x;
  // An entry that covers several groups is passed to each of them: the widest plane says how many parts there are.
  const parts = Math.max(1, ...buffers.map(([, plane]) => plane.per / format.group));
  const write = (at: typeof group, which: number): void => {
    for (const [name, plane, buffer] of buffers) {
      const count = Math.max(1, format.group / plane.per);
      values[name] = Array.from({ length: count }, (_, j) =>
        k.load(buffer, plane.per >= format.group ? divide(at, plane.per / format.group) : add(mul(at, count), j)),
      );
    }
    const decoded = format.decode(values, which);
    decoded.codes.forEach((code, i) => {
      let w = code.f32;
      if (decoded.scale) w = w.mul(decoded.scale.f32);
      if (decoded.offset) w = w.sub(decoded.offset.f32);
      const column = decoded.columns?.[i];
      const index = column ? k.index(column, { min: 0, max: format.group - 1 }) : i;
      k.store(y, add(mul(at, format.group), index), w);
    });
  };
  if (parts === 1) write(group, 0);
  else {
    for (let which = 0; which < parts; which++) {
      k.if(dimValue(group).rem(parts).eq(which), () => write(group, which));
    }
  }
  return k.done({ op: 'decode', sources: [], template: 'conformance', why: 'conformance', bytes: 0, flops: 0 });

  function divide(at: typeof group, by: number): typeof group {
    return by === 1 ? at : k.index(dimValue(at).div(by), { min: 0, max: Math.max(0, Math.ceil(groups / by) - 1) });
  }
}
