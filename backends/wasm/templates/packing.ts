import type { DType } from '../../../compiler/ir/dtype.ts';
import { byteLength } from '../../../compiler/ir/dtype.ts';
import { type Constant, tensor } from '../../../compiler/ir/graph.ts';

/** A constant of `length` i32 values computed when first read. */
export function packedIndices(name: string, length: number, fill: () => Int32Array): Constant {
  return { name, type: tensor('i32', [length]), bytes: length * 4, read: () => new Uint8Array(fill().buffer) };
}

/** 8-bit codes laid out for a kernel; it takes `minus` off each after widening it. */
export interface PackedCodes {
  readonly constant: Constant;
  readonly minus: number;
}

type Codes = Int8Array | Uint8Array | Int16Array;

/** The codes of a constant of i8 or u8. */
export function codesOf(constant: Constant, elements: number): Int8Array | Uint8Array {
  const bytes = constant.read();
  if (bytes.byteLength < elements) throw new RangeError(`constant '${constant.name}' is too short`);
  return constant.type.dtype === 'i8'
    ? new Int8Array(bytes.buffer, bytes.byteOffset, elements)
    : bytes.subarray(0, elements);
}

/**
 * Lays out `length` codes, each less its zero point: as i8 where all such differences fit, else as they are with the zero point to be
 * taken off later, else (zero points that differ from channel to channel) as i16. `place` puts source element `from` at `to`; places
 * left out count as nothing. `channelOf` gives the index of a source element's zero point.
 */
export function packCodes(
  name: string,
  source: Constant,
  zero: Constant | undefined,
  elements: number,
  length: number,
  channelOf: (from: number) => number,
  place: (put: (to: number, from: number) => void) => void,
): PackedCodes {
  const { dtype } = source.type;
  const zeros = zero ? codesOf(zero, zero.bytes) : new Uint8Array(1);
  const single = zeros.every((z) => z === zeros[0]);
  const first = zeros[0] ?? 0;
  const zeroOf = (from: number): number => (single ? first : (zeros[channelOf(from)] ?? 0));
  const codes = codesOf(source, elements);
  let fits = single && first === 0 && dtype === 'i8';
  if (!fits) {
    fits = true;
    for (let i = 0; i < elements && fits; i++) {
      const v = (codes[i] ?? 0) - zeroOf(i);
      fits = v >= -128 && v <= 127;
    }
  }
  const stored: DType = fits ? 'i8' : single ? dtype : 'i16';
  const minus = fits || !single ? 0 : first;
  const bytes = byteLength(stored, length);
  const read = (): Uint8Array => {
    const view = new Uint8Array(bytes);
    const out: Codes =
      stored === 'i8' ? new Int8Array(view.buffer) : stored === 'u8' ? view : new Int16Array(view.buffer);
    if (minus !== 0) out.fill(minus);
    const from = codesOf(source, elements);
    if (stored === 'i16' || fits) place((to, i) => (out[to] = (from[i] ?? 0) - zeroOf(i)));
    else place((to, i) => (out[to] = from[i] ?? 0));
    return view;
  };
  return { constant: { name, type: tensor(stored, [length]), bytes, read }, minus };
}
