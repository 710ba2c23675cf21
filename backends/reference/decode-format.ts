import type { StorageFormat } from '../../compiler/formats/format.ts';
import type { MatrixSize, Planes } from '../../compiler/formats/rows.ts';
import { add, mul, sym } from '../../compiler/ir/dim.ts';
import type { Expr } from '../../compiler/ir/expr.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { compileJs, type JsKernel } from './print-js.ts';

const compiled = new WeakMap<StorageFormat, JsKernel>();

/** The weights that planes stand for, by the format's own `decode`: rows of `length` values. */
export function decodeRows(format: StorageFormat, planes: Planes, { rows, length }: MatrixSize): Float32Array {
  const total = rows * length;
  let run = compiled.get(format);
  if (!run) compiled.set(format, (run = compileJs(decoder(format))));
  const out = new Float32Array(total);
  run([...Object.keys(format.planes).map((name) => planes[name] ?? new Uint8Array(0)), out], [total / blockOf(format)]);
  return out;
}

/** Groups never cross rows, so rows do not matter here. */
function decoder(format: StorageFormat) {
  const block = blockOf(format);
  const blocks = sym('blocks', { min: 1 });
  const k = new KernelBuilder('decode', 'simd', 1, [blocks, 1, 1]);
  const buffers = Object.entries(format.planes).map(
    ([name, { dtype, per }]) => [name, per, k.buffer(name, dtype, 'read', mul(blocks, block / per))] as const,
  );
  const out = k.buffer('out', 'f32', 'write', mul(blocks, block));
  for (let part = 0; part < block / format.group; part++) {
    const values: Record<string, readonly Expr[]> = Object.fromEntries(
      buffers.map(([name, per, buffer]) => {
        const first = add(mul(k.group.x, block / per), Math.floor((part * format.group) / per));
        const own = Math.max(1, format.group / per);
        return [name, Array.from({ length: own }, (_, i) => k.let(k.load(buffer, add(first, i))))];
      }),
    );
    const { codes, scale, offset, columns } = format.decode(values, part);
    const step = scale && k.let(scale);
    const base = offset && k.let(offset);
    codes.forEach((code, i) => {
      const scaled = step ? code.mul(step) : code;
      const column = columns?.[i];
      const at = column ? k.index(column, { min: 0, max: format.group - 1 }) : i;
      k.store(out, add(add(mul(k.group.x, block), part * format.group), at), base ? scaled.sub(base) : scaled);
    });
  }
  return k.done({ op: 'decode', sources: [], template: 'decode', why: 'reference', bytes: 0, flops: 0 });
}

/** Weights of a block: the longest run that one entry of some plane covers. */
const blockOf = (format: StorageFormat): number =>
  Object.values(format.planes).reduce((n, p) => Math.max(n, p.per), format.group);
