import { defineFormat } from 'infc';

/** 8-bit weights in groups of 16 with one f32 scale: w = scale * code, code in -127..127. */
export const acmeQ8 = defineFormat({
  name: 'acme-q8g16',
  logical: 'f32',
  group: 16,
  multiple: 16,
  planes: { codes: { dtype: 'i8', per: 1 }, scales: { dtype: 'f32', per: 16 } },
  encode(row) {
    const codes = new Int8Array(row.length);
    const scales = new Float32Array(row.length / 16);
    for (let g = 0; g < scales.length; g++) {
      const group = row.subarray(g * 16, g * 16 + 16);
      const scale = Math.fround(group.reduce((m, w) => Math.max(m, Math.abs(w)), 0) / 127);
      scales[g] = scale;
      group.forEach((w, i) => {
        codes[g * 16 + i] = scale === 0 ? 0 : Math.round(w / scale);
      });
    }
    return { codes, scales };
  },
  decode: ({ codes = [], scales = [] }) => {
    const [scale] = scales;
    return { codes, ...(scale ? { scale } : {}) };
  },
  errorBound: 0.51 / 127,
});
