import { stored } from '../../../compiler/formats/fit.ts';
import type { DecodedRows } from '../../reference/decode-format.ts';

/** Rows of weights that are multiplied together. */
export const HEIGHT = 8;
/** Columns that one register of bytes holds. */
export const WIDTH = 16;
/** Columns between two activations where a window may begin. */
export const STRIDE = 4;
/** Longest run of columns whose windows 8 bits can tell apart. */
const LONGEST_SEGMENT = 256 * STRIDE;
/** So many products of 16-bit activations and bytes have a sum of 32 bits. */
const MOST_KEPT = 512;
/** 32-bit words of two steps: 16 weights of each, and 16 pairs of 4-bit places. */
export const PAIR_WORDS = 12;

/** Weights in windows: see {@link packWindows}. */
export interface Windows {
  /**
   * Of each panel and segment: a word with the number of pairs of steps, a scale for each row, two bytes for each pair (which windows its
   * steps take), filled up to words, and the pairs.
   */
  readonly stream: Uint32Array;
  /** Word of the stream where each panel of {@link HEIGHT} rows begins. */
  readonly starts: Uint32Array;
  /** Columns of a segment. */
  readonly segment: number;
  readonly scale: 'f16' | 'f32';
}

/** 32-bit words of a segment's scales. */
export const scaleWords = (scale: Windows['scale']): number => (scale === 'f16' ? HEIGHT / 2 : HEIGHT);

/**
 * Columns of a segment, the more the better: each row's scale and the activations' must hold throughout, and sums stay exact. `span` columns
 * share a scale in any case.
 */
function segmentOf({ codes, scales }: DecodedRows, rows: number, length: number, span: number): number | undefined {
  const holds = (segment: number): boolean => {
    for (let at = 0; at < rows * length; at += segment) {
      let [kept, scale] = [0, 0];
      for (let i = at; i < at + segment; i++) {
        if (codes[i] === 0) continue;
        if (kept++ > 0 && scales[i] !== scale) return false;
        scale = scales[i] ?? 0;
      }
      if (kept > MOST_KEPT) return false;
    }
    return true;
  };
  const fits = (s: number): boolean => s % WIDTH === 0 && length % s === 0 && s <= LONGEST_SEGMENT;
  const shorter = [1, 2, 4, 8].map((n) => span / n);
  const longer = Array.from({ length: Math.floor(length / span) - 1 }, (_, i) => (i + 2) * span);
  return [...longer.reverse(), ...shorter].find((s) => fits(s) && holds(s));
}

/** First row of a panel: the last one overlaps its neighbour where rows do not fill it. */
export const firstRow = (panel: number, rows: number): number =>
  rows >= HEIGHT ? Math.min(panel * HEIGHT, rows - HEIGHT) : 0;

/**
 * Integer weights without most of their zeros, as Wasm can multiply them: eight rows walk over their columns together, each step takes from
 * every row up to two weights that lie in a window of 16 columns. One byte shuffle then fetches the activations of all 16. A window begins
 * at a multiple of four columns, not after the first weight that is left of any row, so rows may run ahead of each other within it.
 * Columns of a segment have one scale a row. Undefined when the codes are no integers of 8 bits times their scale.
 */
export function packWindows(
  { weights, codes, scales }: DecodedRows,
  rows: number,
  length: number,
  span: number,
): Windows | undefined {
  for (let i = 0; i < codes.length; i++) {
    const c = codes[i] ?? 0;
    if (c !== Math.round(c) || c < -128 || c > 127 || Math.fround(c * (scales[i] ?? 0)) !== weights[i])
      return undefined;
  }
  const segment = segmentOf({ weights, codes, scales }, rows, length, span);
  if (segment === undefined) return undefined;
  const panels = Math.ceil(rows / HEIGHT);
  const starts = new Uint32Array(panels);
  const words: number[] = [];
  const exact = scales.every((v) => stored('f16', v).value === v);
  const scale = exact ? new Uint16Array(HEIGHT) : new Float32Array(HEIGHT);
  const ownScales = new Uint32Array(scale.buffer);
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
        const own = list[0] === undefined ? 0 : (scales[(first + j) * length + list[0]] ?? 0);
        scale[j] = exact ? stored('f16', own).bits : own;
      });
      const steps = walk(lists, from, length);
      const pairs = Math.ceil(steps.length / 2);
      words.push(pairs, ...ownScales);
      for (let w = 0; w < steps.length; w += 4) words.push(wordOf([0, 1, 2, 3].map((i) => steps[w + i]?.window ?? 0)));
      for (let s = 0; s < steps.length; s += 2) pushPair(words, steps[s], steps[s + 1], codes, first, length);
    }
  }
  return { stream: Uint32Array.from(words), starts, segment, scale: exact ? 'f16' : 'f32' };
}

const wordOf = (bytes: readonly number[]): number => bytes.reduceRight((word, b) => word * 256 + b, 0);

/** A window, where it begins, and the columns taken, two slots a row; -1 where there is none. */
interface Step {
  readonly window: number;
  readonly base: number;
  readonly columns: readonly number[];
}

function walk(lists: readonly (readonly number[])[], from: number, length: number): Step[] {
  const at = lists.map(() => 0);
  const steps: Step[] = [];
  for (;;) {
    let next = length;
    lists.forEach((list, j) => {
      next = Math.min(next, list[at[j] ?? 0] ?? length);
    });
    if (next === length) return steps;
    const window = Math.floor((Math.min(next, length - WIDTH) - from) / STRIDE);
    const base = from + STRIDE * window;
    const columns = lists.flatMap((list, j) =>
      [0, 1].map(() => {
        const column = list[at[j] ?? 0] ?? length;
        if (column >= base + WIDTH) return -1;
        at[j] = (at[j] ?? 0) + 1;
        return column;
      }),
    );
    steps.push({ window, base, columns });
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
  const byte = (s: Step | undefined, slot: number): number => {
    const column = s?.columns[slot] ?? -1;
    return column < 0 ? 0 : (codes[(first + (slot >> 1)) * length + column] ?? 0) & 255;
  };
  const place = (s: Step | undefined, slot: number): number => Math.max(0, (s?.columns[slot] ?? -1) - (s?.base ?? 0));
  const four = (of: (slot: number) => number): void => {
    for (let w = 0; w < 16; w += 4) words.push(wordOf([0, 1, 2, 3].map((i) => of(w + i))));
  };
  four((slot) => byte(a, slot));
  four((slot) => byte(b, slot));
  four((slot) => place(a, slot) + 16 * place(b, slot));
}
