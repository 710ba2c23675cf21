import { decodeGroup, gridSpan, type StorageFormat } from '../../compiler/formats/format.ts';
import { add, mul } from '../../compiler/ir/dim.ts';
import { byteLength, type TypedArray, viewOf } from '../../compiler/ir/dtype.ts';
import type { Kernel } from '../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';

/** A kernel that decodes rows of `length` weights kept side by side, `width` rows interleaved. */
export function decoder(format: StorageFormat, length: number, width: 1 | 4): Kernel {
  const k = new KernelBuilder('decode', 'simd', 1, [1, 1, 1]);
  const planes = Object.entries(format.planes).map(([name, p]) => ({
    name,
    per: p.per,
    buffer: k.buffer(name, p.dtype, 'read', (length / p.per) * width),
  }));
  const out = k.buffer('out', 'f32', 'write', length * width);
  const span = gridSpan(format);
  k.for(0, length / span, 1, (s) => {
    for (let part = 0; part < span / format.group; part++) {
      const at = part * format.group;
      const values = Object.fromEntries(
        planes.map(({ name, per, buffer }) => {
          const own = Math.max(1, format.group / per);
          const first = add(mul(s, span / per), Math.floor(at / per));
          return [name, Array.from({ length: own }, (_, i) => k.load(buffer, mul(add(first, i), width), width))];
        }),
      );
      const { codes, scale, offset } = decodeGroup(format, values, part);
      codes.forEach((code, i) => {
        const scaled = scale ? code.mul(scale) : code;
        k.store(out, mul(add(mul(s, span), at + i), width), offset ? scaled.sub(offset) : scaled);
      });
    }
  });
  return k.done({ op: 'test', sources: [], template: 'test', why: 'test', bytes: 0, flops: 0 });
}

/** Planes of several rows, entries of the rows interleaved. */
export function encodeRows(format: StorageFormat, rows: readonly Float32Array[], length: number): TypedArray[] {
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
