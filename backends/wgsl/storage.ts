import { type Dim, isMultipleOf } from '../../compiler/ir/dim.ts';
import type { DType } from '../../compiler/ir/dtype.ts';
import { bitsOf, computeType } from '../../compiler/ir/dtype.ts';
import type { Buffer, Expr, Width } from '../../compiler/ir/expr.ts';
import type { Kernel, Stmt } from '../../compiler/ir/kernel.ts';
import { visitExpr } from '../../compiler/ir/kernel-builder.ts';
import { type KernelPrinter, type Text, unwrap } from '../c-like-printer.ts';
import { isLegalized } from '../legalize.ts';

/**
 * How a buffer is declared in one kernel. Memory is always the dense layout of its dtype, little end first:
 * - `plain`: 32-bit elements; `vec4` when every access is four aligned elements;
 * - `pair`: 64-bit integers as vec2<u32>, low word first;
 * - `packed`: 16-bit and narrower elements inside u32 words. Whole aligned words are stored plainly; a kernel that stores single elements
 *   declares the words atomic and clears, then sets, only its own bits: correct whichever lanes share the word;
 * - `wide`: workgroup memory of narrow types, one 32-bit element each, rounded on store.
 */
export interface Representation {
  readonly form: 'plain' | 'vec4' | 'pair' | 'packed' | 'wide';
  readonly element: string;
  readonly atomic: boolean;
}

const NARROW: ReadonlySet<DType> = new Set([
  ...(['bool', 'i8', 'u8', 'i16', 'u16', 'f16', 'bf16', 'i4', 'u4', 'i2', 'u2'] as const),
]);

/** dtypes whose elements kernels of this backend may load and store. */
export const storable = (dtype: DType): boolean =>
  NARROW.has(dtype) ||
  isLegalized(dtype) ||
  dtype === 'f32' ||
  dtype === 'i32' ||
  dtype === 'u32' ||
  dtype === 'i64' ||
  dtype === 'u64';

interface Access {
  readonly width: Width;
  readonly index: Dim;
  readonly kind: 'load' | 'store' | 'atomic';
}

/** Every access of each buffer, by name. */
function accessesOf(kernel: Kernel): Map<string, Access[]> {
  const out = new Map<string, Access[]>();
  const put = (b: Buffer, a: Access) => {
    const list = out.get(b.name);
    if (list) list.push(a);
    else out.set(b.name, [a]);
  };
  const seen = new Set<Expr>();
  const expr = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    if (e.node.kind === 'load') put(e.node.buffer, { width: e.width, index: e.node.index, kind: 'load' });
    visitExpr(e, expr, () => undefined);
  };
  const visit = (list: readonly Stmt[]): void => {
    for (const s of list) {
      if (s.kind === 'let' || s.kind === 'var' || s.kind === 'set') expr(s.value);
      else if (s.kind === 'store' || s.kind === 'atomicAdd') {
        put(s.buffer, { width: s.value.width, index: s.index, kind: s.kind === 'store' ? 'store' : 'atomic' });
        expr(s.value);
      } else if (s.kind === 'for') visit(s.body);
      else if (s.kind === 'if') {
        expr(s.condition);
        visit(s.body);
        visit(s.otherwise);
      }
    }
  };
  visit(kernel.body);
  return out;
}

const elementsPerWord = (dtype: DType): number => 32 / bitsOf[dtype];
const isWholeWord = (dtype: DType, a: Access): boolean =>
  a.width % elementsPerWord(dtype) === 0 && isMultipleOf(a.index, elementsPerWord(dtype));

/** The representation of each buffer of a kernel, by name. */
export function representations(kernel: Kernel): Map<string, Representation> {
  const accesses = accessesOf(kernel);
  const out = new Map<string, Representation>();
  for (const b of [...kernel.buffers, ...kernel.shared]) {
    const list = accesses.get(b.name) ?? [];
    const atomic = list.some((a) => a.kind === 'atomic');
    const type = computeType(b.storage);
    if (b.storage === 'i64' || b.storage === 'u64')
      out.set(b.name, { form: 'pair', element: 'vec2<u32>', atomic: false });
    else if (NARROW.has(b.storage)) {
      if (b.space === 'shared')
        out.set(b.name, { form: 'wide', element: type === 'bool' ? 'u32' : type, atomic: false });
      else
        out.set(b.name, {
          form: 'packed',
          element: 'u32',
          atomic: list.some((a) => a.kind === 'store' && !isWholeWord(b.storage, a)),
        });
    } else if (
      !atomic &&
      list.length > 0 &&
      list.every((a) => a.width === 4 && isMultipleOf(a.index, 4)) &&
      isMultipleOf(b.elements, 4)
    )
      out.set(b.name, { form: 'vec4', element: `vec4<${type}>`, atomic: false });
    else out.set(b.name, { form: 'plain', element: atomic && b.storage === 'f32' ? 'u32' : type, atomic });
  }
  return out;
}

const scaled = (index: Dim, by: number, p: KernelPrinter): string => {
  const text = p.dim(index);
  return /^\d+$/.test(text) ? String(Number(text) / by) : `${text} / ${by}`;
};

/** Expression text of `width` consecutive elements. */
export function printLoad(buffer: Buffer, r: Representation, index: Dim, width: Width, p: KernelPrinter): string {
  const name = p.identifier(buffer.name);
  const type = computeType(buffer.storage);
  const at = (i: string, element: string): string => {
    const raw = r.atomic ? `atomicLoad(&${name}[${unwrap(i)}])` : `${name}[${unwrap(i)}]`;
    return r.atomic && element === 'f32' ? `bitcast<f32>(${raw})` : raw;
  };
  if (r.form === 'vec4') return `${name}[${scaled(index, 4, p)}]`;
  if (r.form === 'pair' && width !== 1) throw p.error('vectors of 64-bit integers are not available in WGSL');
  if (r.form === 'packed') return printPackedLoad(buffer, index, width, at, p);
  const wrap = (text: string): string => (r.form === 'wide' && type === 'bool' ? `(${text} != 0u)` : text);
  if (width === 1) return wrap(at(p.dim(index), type));
  const base = p.namedDim(index);
  const parts = Array.from({ length: width }, (_, i) => wrap(at(i === 0 ? base : `${base} + ${i}`, type)));
  return `vec${width}<${type}>(${parts.join(', ')})`;
}

function printPackedLoad(
  buffer: Buffer,
  index: Dim,
  width: Width,
  at: (i: string, element: string) => string,
  p: KernelPrinter,
): string {
  const { storage } = buffer;
  const per = elementsPerWord(storage);
  const type = computeType(storage);
  const unpack = (word: string, i: string): string => `${p.need(`unpack_${storage}`)}(${word}, ${i})`;
  if (width > 1 && isMultipleOf(index, per) && width % per === 0) {
    const words = Array.from({ length: width / per }, (_, k) => {
      const text = scaled(index, per, p);
      return p.name({ text: at(k === 0 ? text : `${text} + ${k}`, 'u32'), type: 'u32', width: 1 }, 'w');
    });
    const parts = words.flatMap((w) => Array.from({ length: per }, (_, i) => unpack(w, String(i))));
    return width === 1 ? (parts[0] ?? '') : `vec${width}<${type}>(${parts.join(', ')})`;
  }
  const base = p.namedDim(index);
  const one = (k: number): string => {
    if (/^\d+$/.test(base)) {
      const i = Number(base) + k;
      return unpack(at(String(Math.floor(i / per)), 'u32'), String(i % per));
    }
    const i = k === 0 ? base : `(${base} + ${k})`;
    return unpack(at(`${i} / ${per}`, 'u32'), `${i} & ${per - 1}`);
  };
  return width === 1 ? one(0) : `vec${width}<${type}>(${Array.from({ length: width }, (_, k) => one(k)).join(', ')})`;
}

/** Emits the statements that store a value at consecutive elements. */
export function printStore(buffer: Buffer, r: Representation, index: Dim, value: Text, p: KernelPrinter): void {
  const name = p.identifier(buffer.name);
  const { storage } = buffer;
  const type = computeType(storage);
  if (r.form === 'vec4') {
    p.emit(`${name}[${scaled(index, 4, p)}] = ${value.text};`);
    return;
  }
  if (r.form === 'pair' && value.width !== 1) throw p.error('vectors of 64-bit integers are not available in WGSL');
  const parts = componentsOf(value, p);
  if (r.form === 'packed') {
    const per = elementsPerWord(storage);
    const bits = parts.map((v) => `${p.need(`pack_${storage}`)}(${v})`);
    if (!r.atomic) {
      const base = scaled(index, per, p);
      for (let w = 0; w < parts.length / per; w++) {
        const word = bits.slice(w * per, w * per + per).map((b, i) => (i === 0 ? b : `(${b} << ${(32 / per) * i}u)`));
        p.emit(`${name}[${w === 0 ? base : `${base} + ${w}`}] = ${word.join(' | ')};`);
      }
      return;
    }
    const base = p.namedDim(index);
    const mask = `0x${(2 ** bitsOf[storage] - 1).toString(16)}u`;
    bits.forEach((b, k) => {
      const i = p.name({ text: k === 0 ? base : `${base} + ${k}`, type: 'i32', width: 1 }, 'at');
      const shift = p.name({ text: `u32(${i} & ${per - 1}) * ${32 / per}u`, type: 'u32', width: 1 }, 'shift');
      p.emit(`atomicAnd(&${name}[${i} / ${per}], ~(${mask} << ${shift}));`);
      p.emit(`atomicOr(&${name}[${i} / ${per}], ${b} << ${shift});`);
    });
    return;
  }
  const base = parts.length === 1 ? unwrap(p.dim(index)) : p.namedDim(index);
  parts.forEach((v, k) => {
    const at = k === 0 ? base : `${base} + ${k}`;
    let text = v;
    if (r.form === 'wide') text = type === 'bool' ? `select(0u, 1u, ${v})` : `${p.need(`narrow_${storage}`)}(${v})`;
    if (r.atomic) p.emit(`atomicStore(&${name}[${at}], ${storage === 'f32' ? `bitcast<u32>(${text})` : text});`);
    else p.emit(`${name}[${at}] = ${text};`);
  });
}

function componentsOf(value: Text, p: KernelPrinter): string[] {
  if (value.width === 1) return [value.text];
  const v = p.name(value);
  return Array.from({ length: value.width }, (_, i) => p.language.component(v, i));
}
