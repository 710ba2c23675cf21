import { InfcError } from '../../runtime/errors.ts';
import { constant } from '../ir/expr.ts';
import { defineFormat, type StorageFormat } from './format.ts';
import { type KeptValues, keptValues, packValues } from './kept-values.ts';

const GROUP = 32;

/**
 * Zeros anywhere: a bit a weight says whether it is kept, the values of a row follow one another, and a 16-bit number for each 32 weights
 * says how many come before. Loaded sparse, computed dense, as in Flash-LLM (Xia et al. 2023). 1.5 bits a weight and the kept values.
 */
function bitmap(values: KeptValues): StorageFormat {
  return defineFormat({
    name: `bitmap-${values.name}`,
    logical: 'f32',
    ...(values.bits === undefined ? {} : { bits: values.bits }),
    group: GROUP,
    multiple: 2 * GROUP,
    planes: {
      kept: { dtype: 'u32', per: 32 },
      before: { dtype: 'u16', per: 32 },
      ...values.planes,
    },
    sparse: { pattern: 'unstructured', dense: values.dense, ragged: { values: values.entry } },
    ...(values.grid ? { grid: values.grid } : {}),
    encode: (row, grids) => {
      const { codes, planes } = values.codes(row, grids);
      const kept = new Uint32Array(row.length / 32);
      const before = new Uint16Array(row.length / 32);
      const own = new Int32Array(row.length);
      let count = 0;
      for (let i = 0; i < row.length; i++) {
        if (i % 32 === 0) before[i / 32] = count;
        if (row[i] === 0) continue;
        kept[i >> 5] = (kept[i >> 5] ?? 0) | (1 << (i & 31));
        own[count++] = codes[i] ?? 0;
      }
      if (count > 0xffff)
        throw new InfcError('INFC2097', `${count} weights of a row are kept, bitmap-${values.name} counts to 65,535`, {
          fix: 'Store this weight in a dense format',
        });
      return { kept, before, ...planes, values: packValues(values, own.subarray(0, count)) };
    },
    decode: ({ kept = [], before = [], scale = [] }, _, read) => {
      const [word] = kept;
      const [first] = before;
      const [step] = scale;
      if (!word || !first) throw new RangeError('too few entries');
      const zero = constant('f32', 0).splat(word.width);
      return {
        codes: Array.from({ length: GROUP }, (__, i) => {
          const bit = word.shr(constant('u32', i)).and(1);
          const rank =
            i === 0
              ? first.cast('i32')
              : first.cast('i32').add(
                  word
                    .and(2 ** i - 1)
                    .popcount()
                    .cast('i32'),
                );
          const per = values.perEntry;
          const entry = read('values', per === 1 ? rank : rank.shr(constant('i32', Math.log2(per))));
          const value = values.value(entry, per === 1 ? 0 : rank.and(per - 1));
          return bit.ne(0).select(value, zero);
        }),
        ...(step ? { scale: step } : {}),
      };
    },
    errorBound: values.errorBound,
  });
}

export const sparseBitmap = keptValues.map(bitmap);
