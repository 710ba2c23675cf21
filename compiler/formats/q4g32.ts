import { decodeFloat, encodeFloat } from '../../runtime/minifloat.ts';
import { constant } from '../ir/expr.ts';
import { defineFormat } from './format.ts';

const GROUP = 32;

/**
 * 4-bit integers, symmetric, one f16 scale for 32 weights: w = scale * (code - 8) with codes in [1, 15], eight to a word, low nibble
 * first. 4.5 bits a weight.
 */
export const q4g32 = defineFormat({
  name: 'q4g32',
  logical: 'f32',
  group: GROUP,
  multiple: GROUP,
  planes: { codes: { dtype: 'u32', per: 8 }, scale: { dtype: 'f16', per: GROUP } },
  encode: (row) => {
    const codes = new Uint32Array(row.length / 8);
    const scale: number[] = [];
    for (let g = 0; g < row.length; g += GROUP) {
      const largest = row.subarray(g, g + GROUP).reduce((m, v) => Math.max(m, Math.abs(v)), 0);
      const bits = encodeFloat('f16', largest / 7);
      const step = decodeFloat('f16', bits);
      scale.push(bits);
      for (let i = g; i < g + GROUP; i++) {
        const q = step === 0 ? 0 : Math.max(-7, Math.min(7, Math.round((row[i] ?? 0) / step)));
        codes[i >> 3] = (codes[i >> 3] ?? 0) | ((q + 8) << (4 * (i & 7)));
      }
    }
    return { codes, scale };
  },
  decode: ({ codes = [], scale = [] }) => {
    const [step] = scale;
    return {
      codes: codes.flatMap((word) =>
        Array.from({ length: 8 }, (_, i) =>
          word
            .shr(constant('u32', 4 * i))
            .and(constant('u32', 15))
            .cast('i32')
            .cast('f32'),
        ),
      ),
      ...(step ? { scale: step, offset: step.mul(8) } : {}),
    };
  },
  integer: {
    largest: 15,
    signed: false,
    step: 8,
    bytes: ({ codes = [] }) =>
      codes.flatMap((word, i) =>
        [0, 1].map((odd) => ({
          word: (odd ? word.shr(constant('u32', 4)) : word).and(constant('u32', 0x0f0f0f0f)),
          elements: [0, 2, 4, 6].map((e) => 8 * i + e + odd),
        })),
      ),
    halves: ({ codes = [] }) =>
      codes.flatMap((word, i) =>
        [0, 1, 2, 3].map((e) => ({
          word: word.shr(constant('u32', 4 * e)).and(constant('u32', 0x000f000f)),
          elements: [8 * i + e, 8 * i + e + 4],
        })),
      ),
  },
  errorBound: 0.5 / 7 + 2 ** -10,
});
