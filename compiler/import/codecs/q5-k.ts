import { defineCodec } from './codec.ts';
import { superParameters, superScales } from './q4-k.ts';

/** Q4_K with 32 bytes of fifth bits between scales and nibbles: bit g of byte i belongs to weight i of group g. */
export const q5k = defineCodec({
  name: 'Q5_K',
  block: 256,
  bytes: 176,
  group: 32,
  unpack(view, at, groups) {
    superScales(view, at, groups);
    for (let i = 0; i < 256; i++) {
      const byte = view.getUint8(at + 48 + (i >> 6) * 32 + (i & 31));
      const high = (view.getUint8(at + 16 + (i & 31)) >> (i >> 5)) & 1;
      groups.codes[i] = (i & 32 ? byte >> 4 : byte & 15) | (high << 4);
    }
  },
  stored: { format: 'q5_k', bits: 5, zero: 0, parameters: superParameters },
});
