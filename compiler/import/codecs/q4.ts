import { defineCodec, halfAt, type Put, scaleOnly } from './codec.ts';

/** 16 bytes of nibbles: low ones are the first half of the block, high ones the second. */
export function nibbles(view: DataView, at: number, codes: Int8Array, zero: number): void {
  for (let i = 0; i < 16; i++) {
    const byte = view.getUint8(at + i);
    codes[i] = (byte & 15) - zero;
    codes[i + 16] = (byte >> 4) - zero;
  }
}

/** The two f16 at the start of a block, where the second is added: formats subtract it. */
export function scaleAndMinimum(view: DataView, at: number, index: number, put: Put): void {
  put('scale', index, view.getUint16(at, true));
  put('offset', index, view.getUint16(at + 2, true) ^ 0x8000);
}

/** f16 scale, 32 nibbles with 8 for zero. */
export const q40 = defineCodec({
  name: 'Q4_0',
  block: 32,
  bytes: 18,
  group: 32,
  unpack(view, at, { codes, scales }) {
    scales[0] = halfAt(view, at);
    nibbles(view, at + 2, codes, 8);
  },
  stored: { format: 'q4g32', bits: 4, zero: 8, parameters: scaleOnly },
});

/** f16 scale, f16 minimum, 32 nibbles. */
export const q41 = defineCodec({
  name: 'Q4_1',
  block: 32,
  bytes: 20,
  group: 32,
  unpack(view, at, { codes, scales, offsets }) {
    scales[0] = halfAt(view, at);
    offsets[0] = halfAt(view, at + 2);
    nibbles(view, at + 4, codes, 0);
  },
  stored: { format: 'a4g32', bits: 4, zero: 0, parameters: scaleAndMinimum },
});
