import { describe, expect, it } from 'vitest';
import { interpret } from '../../backends/reference/interpret.ts';
import type { StorageFormat } from '../../compiler/formats/format.ts';
import { formats } from '../../compiler/formats/index.ts';
import { add, mul } from '../../compiler/ir/dim.ts';
import { byteLength, type TypedArray, viewOf } from '../../compiler/ir/dtype.ts';
import type { Kernel } from '../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { instantiate } from '../kernels/run-wasm.ts';

/** A kernel that decodes rows of `length` weights kept side by side, `width` rows interleaved. */
function decoder(format: StorageFormat, length: number, width: 1 | 4): Kernel {
  const k = new KernelBuilder('decode', 'simd', 1, [1, 1, 1]);
  const planes = Object.entries(format.planes).map(([name, p]) => ({
    name,
    per: p.per,
    buffer: k.buffer(name, p.dtype, 'read', (length / p.per) * width),
  }));
  const out = k.buffer('out', 'f32', 'write', length * width);
  k.for(0, length / format.group, 1, (g) => {
    const values = Object.fromEntries(
      planes.map(({ name, per, buffer }) => {
        const entries = Math.max(1, format.group / per);
        const first = mul(g, entries);
        return [name, Array.from({ length: entries }, (_, i) => k.load(buffer, mul(add(first, i), width), width))];
      }),
    );
    const { codes, scale, offset } = format.decode(values, 0);
    codes.forEach((code, i) => {
      const scaled = scale ? code.mul(scale) : code;
      k.store(out, mul(add(mul(g, format.group), i), width), offset ? scaled.sub(offset) : scaled);
    });
  });
  return k.done({ op: 'test', sources: [], template: 'test', why: 'test', bytes: 0, flops: 0 });
}

function encodeRows(format: StorageFormat, rows: readonly Float32Array[], length: number): TypedArray[] {
  const encoded = rows.map((r) => format.encode(r));
  return Object.entries(format.planes).map(([name, p]) => {
    const n = (length / p.per) * rows.length;
    const view = viewOf(p.dtype, new ArrayBuffer(byteLength(p.dtype, n)), 0, n);
    encoded.forEach((planes, r) => {
      for (let i = 0; i < length / p.per; i++) view[i * rows.length + r] = Number(planes[name]?.[i] ?? 0);
    });
    return view;
  });
}

const LENGTH = 128;

function row(seed: number, scale: number): Float32Array {
  let s = seed;
  const v = Float32Array.from({ length: LENGTH }, () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s / 2147483648 - 1;
  });
  const largest = v.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  return v.map((x) => (x / largest) * scale);
}

describe.each(formats.map((f) => [f.name, f] as const))('storage format %s', (_, format) => {
  const rows = [row(1, 1), row(2, 0.01), row(3, 30), row(4, 1)];
  rows[3]?.fill(0, 0, 64);

  it('decodes what it encoded to within its bound', () => {
    for (const r of rows) {
      const out = new Float32Array(LENGTH);
      interpret(decoder(format, LENGTH, 1), [...encodeRows(format, [r], LENGTH), out]);
      const largest = r.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
      for (let i = 0; i < LENGTH; i++)
        expect(
          Math.abs((out[i] ?? 0) - (r[i] ?? 0)) / largest,
          `weight ${i} = ${r[i]} became ${out[i]}`,
        ).toBeLessThanOrEqual(format.errorBound);
    }
  });

  it('keeps zeros', () => {
    const out = new Float32Array(LENGTH).fill(1);
    interpret(decoder(format, LENGTH, 1), [...encodeRows(format, [new Float32Array(LENGTH)], LENGTH), out]);
    expect([...out].every((v) => v === 0)).toBe(true);
  });

  it('is stable: encoding the decoded weights changes nothing', () => {
    const planes = encodeRows(format, [rows[0] ?? new Float32Array(LENGTH)], LENGTH);
    const once = new Float32Array(LENGTH);
    interpret(decoder(format, LENGTH, 1), [...planes, once]);
    const twice = new Float32Array(LENGTH);
    interpret(decoder(format, LENGTH, 1), [...encodeRows(format, [once], LENGTH), twice]);
    for (let i = 0; i < LENGTH; i++) expect(Math.abs((twice[i] ?? 0) - (once[i] ?? 0))).toBeLessThanOrEqual(2e-3);
  });

  it('gives the same on Wasm, one row and four rows side by side', () => {
    const kernel = decoder(format, LENGTH, 4);
    const planes = encodeRows(format, rows, LENGTH);
    const expected = new Float32Array(LENGTH * 4);
    interpret(kernel, [...planes, expected]);
    const running = instantiate(kernel, [...planes, new Float32Array(LENGTH * 4)]);
    running.run();
    expect([...(running.views.at(-1) ?? [])]).toEqual([...expected]);
    const single = new Float32Array(LENGTH);
    interpret(decoder(format, LENGTH, 1), [...encodeRows(format, [rows[2] ?? single], LENGTH), single]);
    for (let i = 0; i < LENGTH; i++) expect(expected[i * 4 + 2]).toBe(single[i]);
  });
});
