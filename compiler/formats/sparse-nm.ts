import { InfcError } from '../../runtime/errors.ts';
import { constant } from '../ir/expr.ts';
import { defineFormat, type StorageFormat } from './format.ts';
import { type KeptValues, keptValues, packValues } from './kept-values.ts';

/** Weights decoded at once. */
const GROUP = 32;

/**
 * N:M sparsity: of every `of` consecutive weights at most `keep` are not zero (2:4 is what NVIDIA's sparse tensor cores take: Mishra et al.
 * 2021). Stored are `keep` values and their places among the `of`, 2 bits each, or 4 where `of` is 8. 2:4 with 8-bit values takes 5.25 bits a weight.
 */
function nOfM(keep: number, of: 4 | 8, values: KeptValues): StorageFormat {
  const name = `${keep}of${of}-${values.name}`;
  const width = of === 4 ? 2 : 4;
  const count = (GROUP / of) * keep;
  const perWord = 32 / width;
  return defineFormat({
    name,
    logical: 'f32',
    ...(values.bits === undefined ? {} : { bits: values.bits }),
    group: GROUP,
    multiple: 2 * GROUP,
    planes: {
      values: { dtype: values.entry, per: (values.perEntry * of) / keep },
      places: { dtype: 'u32', per: (perWord * of) / keep },
      ...values.planes,
    },
    sparse: { pattern: `${keep}:${of}`, dense: values.dense },
    ...(values.grid ? { grid: values.grid } : {}),
    encode: (row, grids) => {
      const { codes, planes } = values.codes(row, grids);
      const kept: number[] = [];
      const places = new Uint32Array(((row.length / of) * keep) / perWord);
      for (let at = 0; at < row.length; at += of) {
        const own = Array.from({ length: of }, (_, i) => i).filter((i) => row[at + i] !== 0);
        if (own.length > keep)
          throw new InfcError(
            'INFC2096',
            `${own.length} of the ${of} weights from column ${at} on are not zero, ${name} keeps ${keep}`,
            { fix: `Prune with --sparsity ${keep}:${of}, or choose a format that holds other zeros` },
          );
        // Places left over name columns that nothing else names.
        for (let i = 0; own.length < keep; i++) if (!own.includes(i)) own.push(i);
        for (const i of own.sort((a, b) => a - b)) {
          const word = Math.floor(kept.length / perWord);
          places[word] = (places[word] ?? 0) | (i << (width * (kept.length % perWord)));
          kept.push(codes[at + i] ?? 0);
        }
      }
      return { values: packValues(values, Int32Array.from(kept)), places, ...planes };
    },
    decode: (planes, part) => {
      const [scale] = planes.scale ?? [];
      const [entries, words] = [planes.values ?? [], planes.places ?? []];
      const stored = Array.from({ length: count }, (_, i) => i);
      return {
        codes: stored.map((i) => {
          const entry = entries[Math.floor(i / values.perEntry)];
          if (!entry) throw new RangeError('too few values');
          return values.value(entry, i % values.perEntry);
        }),
        columns: stored.map((i) => {
          // Places of two groups may share a word.
          const at = perWord > count ? ((part * count) % perWord) + i : i;
          const word = words[perWord > count ? 0 : Math.floor(i / perWord)];
          if (!word) throw new RangeError('too few places');
          return word
            .shr(constant('u32', width * (at % perWord)))
            .and(of - 1)
            .cast('i32')
            .add(Math.floor(i / keep) * of);
        }),
        ...(scale ? { scale } : {}),
      };
    },
    errorBound: values.errorBound,
  });
}

const patterns: readonly (readonly [number, 4 | 8])[] = [
  [2, 4],
  [4, 8],
  [1, 4],
  [2, 8],
];

export const sparseNm = patterns.flatMap(([keep, of]) => keptValues.map((v) => nOfM(keep, of, v)));
