import { decodeFloat, encodeFloat } from '../../runtime/minifloat.ts';
import { constant } from '../ir/expr.ts';
import { defineFormat } from './format.ts';

const GROUP = 32;

/**
 * 8-bit integers, symmetric, one f16 scale for 32 weights: w = scale * code with codes in [-127, 127], four to a word, low byte first.
 * 8.5 bits a weight.
 */
export const q8g32 = defineFormat({
  name: 'q8g32',
  logical: 'f32',
  group: GROUP,
  multiple: GROUP,
  planes: { codes: { dtype: 'u32', per: 4 }, scale: { dtype: 'f16', per: GROUP } },
  encode: (row) => {
    const codes = new Uint32Array(row.length / 4);
    const scale: number[] = [];
    for (let g = 0; g < row.length; g += GROUP) {
      const largest = row.subarray(g, g + GROUP).reduce((m, v) => Math.max(m, Math.abs(v)), 0);
      const bits = encodeFloat('f16', largest / 127);
      const step = decodeFloat('f16', bits);
      scale.push(bits);
      for (let i = g; i < g + GROUP; i++) {
        const q = step === 0 ? 0 : Math.max(-127, Math.min(127, Math.round((row[i] ?? 0) / step)));
        codes[i >> 2] = (codes[i >> 2] ?? 0) | ((q & 255) << (8 * (i & 3)));
      }
    }
    return { codes, scale };
  },
  decode: ({ codes = [], scale = [] }) => {
    const [step] = scale;
    return {
      codes: codes.flatMap((word) =>
        [24, 16, 8, 0].map((up) => word.bitcast('i32').shl(constant('i32', up)).shr(constant('i32', 24)).cast('f32')),
      ),
      ...(step ? { scale: step } : {}),
    };
  },
  integer: {
    largest: 128,
    signed: true,
    step: 4,
    bytes: ({ codes = [] }) => codes.map((word, i) => ({ word, elements: [0, 1, 2, 3].map((e) => 4 * i + e) })),
  },
  // Half a step, and what is lost at the end of the range when the f16 scale rounds down.
  errorBound: 0.5 / 127 + 2 ** -10,
});
