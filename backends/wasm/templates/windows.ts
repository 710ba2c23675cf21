import type { DecodedRows } from '../../reference/decode-format.ts';

/** Rows of weights that are multiplied together. */
export const HEIGHT = 8;
/** Columns that one register of bytes holds. */
export const WIDTH = 16;
/** 32-bit words of two steps: where their windows are, 16 weights of each, 16 pairs of 4-bit places. */
export const PAIR_WORDS = 13;
/** Words at the head of a segment: how many pairs of steps follow, and the scale of each row. */
export const HEAD_WORDS = 1 + HEIGHT;

/** Weights in windows: see {@link packWindows}. */
export interface Windows {
  readonly stream: Uint32Array;
  /** Word of the stream where each panel of {@link HEIGHT} rows begins. */
  readonly starts: Uint32Array;
}

/** First row of a panel: the last one overlaps its neighbour where rows do not fill it. */
export const firstRow = (panel: number, rows: number): number =>
  rows >= HEIGHT ? Math.min(panel * HEIGHT, rows - HEIGHT) : 0;

/**
 * Integer weights without most of their zeros, as Wasm can multiply them: eight rows walk over their columns together, each step takes from
 * every row up to two weights that lie in a window of 16 columns. One byte shuffle then fetches the activations of all 16. A window begins
 * at a multiple of four columns, not after the first weight that is left of any row, so rows may run ahead of each other within it.
 * Segments of `segment` columns share a row's scale. Undefined when the codes are no integers of 8 bits times their scale.
 */
export function packWindows(
  { weights, codes, scales }: DecodedRows,
  rows: number,
  length: number,
  segment: number,
): Windows | undefined {
  for (let i = 0; i < codes.length; i++) {
    const c = codes[i] ?? 0;
    if (c !== Math.round(c) || c < -128 || c > 127 || Math.fround(c * (scales[i] ?? 0)) !== weights[i])
      return undefined;
  }
  const panels = Math.ceil(rows / HEIGHT);
  const starts = new Uint32Array(panels);
  const words: number[] = [];
  const scale = new Float32Array(HEIGHT);
  const scaleWords = new Uint32Array(scale.buffer);
  for (let p = 0; p < panels; p++) {
    starts[p] = words.length;
    const first = firstRow(p, rows);
    for (let from = 0; from < length; from += segment) {
      const lists = Array.from({ length: HEIGHT }, (_, j) => {
        const list: number[] = [];
        for (let c = from; c < from + segment; c++)
          if (first + j < rows && codes[(first + j) * length + c] !== 0) list.push(c);
        return list;
      });
      // Of a segment where a row keeps nothing any scale will do.
      lists.forEach((list, j) => {
        scale[j] = list[0] === undefined ? 0 : (scales[(first + j) * length + list[0]] ?? 0);
      });
      const steps = walk(lists, length);
      words.push(Math.ceil(steps.length / 2), ...scaleWords);
      for (let s = 0; s < steps.length; s += 2) pushPair(words, steps[s], steps[s + 1], codes, first, length);
    }
  }
  return { stream: Uint32Array.from(words), starts };
}

/** A window's first column and the columns taken, two slots a row; -1 where there is none. */
interface Step {
  readonly base: number;
  readonly columns: readonly number[];
}

function walk(lists: readonly (readonly number[])[], length: number): Step[] {
  const at = lists.map(() => 0);
  const steps: Step[] = [];
  for (;;) {
    let next = length;
    lists.forEach((list, j) => {
      next = Math.min(next, list[at[j] ?? 0] ?? length);
    });
    if (next === length) return steps;
    const base = Math.min(next & ~3, length - WIDTH);
    const columns = lists.flatMap((list, j) =>
      [0, 1].map(() => {
        const column = list[at[j] ?? 0] ?? length;
        if (column >= base + WIDTH) return -1;
        at[j] = (at[j] ?? 0) + 1;
        return column;
      }),
    );
    steps.push({ base, columns });
  }
}

function pushPair(
  words: number[],
  a: Step | undefined,
  b: Step | undefined,
  codes: Float32Array,
  first: number,
  length: number,
): void {
  words.push((a?.base ?? 0) / 4 + ((b?.base ?? 0) / 4) * 65536);
  const byte = (s: Step | undefined, slot: number): number => {
    const column = s?.columns[slot] ?? -1;
    return column < 0 ? 0 : (codes[(first + (slot >> 1)) * length + column] ?? 0) & 255;
  };
  const place = (s: Step | undefined, slot: number): number => Math.max(0, (s?.columns[slot] ?? -1) - (s?.base ?? 0));
  const four = (of: (slot: number) => number): void => {
    for (let w = 0; w < 4; w++) {
      let word = 0;
      for (let i = 3; i >= 0; i--) word = word * 256 + of(4 * w + i);
      words.push(word);
    }
  };
  four((slot) => byte(a, slot));
  four((slot) => byte(b, slot));
  four((slot) => place(a, slot) + 16 * place(b, slot));
}
