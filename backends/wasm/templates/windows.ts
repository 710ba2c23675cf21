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

/** Weights as integers of 8 bits, of which each times its scale is the weight; an offset of whole steps vanishes in them. */
function integersOf(weights: Float32Array, scales: Float32Array): Int8Array | undefined {
  const codes = new Int8Array(weights.length);
  for (let i = 0; i < codes.length; i++) {
    const [weight, scale] = [weights[i] ?? 0, scales[i] ?? 0];
    if (weight === 0) continue;
    const code = Math.round(weight / scale);
    if (!(code >= -128 && code <= 127) || Math.fround(code * scale) !== weight) return undefined;
    codes[i] = code;
  }
  return codes;
}

/** 32-bit words of a segment's scales. */
export const scaleWords = (scale: Windows['scale']): number => (scale === 'f16' ? HEIGHT / 2 : HEIGHT);

/**
 * Columns of a segment, the more the better: each row's scale and the activations' must hold throughout, and sums stay exact. `span` columns
 * share a scale in any case.
 */
function segmentOf(
  codes: Int8Array,
  scales: Float32Array,
  rows: number,
  length: number,
  span: number,
): number | undefined {
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
  { weights, scales }: DecodedRows,
  rows: number,
  length: number,
  span: number,
): Windows | undefined {
  const codes = integersOf(weights, scales);
  if (!codes) return undefined;
  const segment = segmentOf(codes, scales, rows, length, span);
  if (segment === undefined) return undefined;
  const panels = Math.ceil(rows / HEIGHT);
  const starts = new Uint32Array(panels);
  // Neighbours share their scales.
  const exact = scales.every((v, i) => v === scales[i - 1] || stored('f16', v).value === v);
  const scale = exact ? new Uint16Array(HEIGHT) : new Float32Array(HEIGHT);
  const ownScales = new Uint32Array(scale.buffer);
  const out = new Words();
  const kept = new KeptColumns(segment);
  const steps = new Steps(segment);
  for (let p = 0; p < panels; p++) {
    starts[p] = out.length;
    const first = firstRow(p, rows);
    const height = Math.min(HEIGHT, rows - first);
    for (let from = 0; from < length; from += segment) {
      kept.read(codes, first * length, height, length, from);
      // Of a segment where a row keeps nothing any scale will do.
      for (let j = 0; j < HEIGHT; j++) {
        const own = kept.count(j) === 0 ? 0 : (scales[(first + j) * length + kept.column(j, 0)] ?? 0);
        scale[j] = exact ? stored('f16', own).bits : own;
      }
      steps.walk(kept, from, length);
      const pairs = Math.ceil(steps.length / 2);
      out.push(pairs);
      for (const word of ownScales) out.push(word);
      for (let w = 0; w < steps.length; w += 4) out.push(steps.windows(w));
      for (let s = 0; s < steps.length; s += 2) {
        for (let i = s; i < s + 2; i++)
          for (let w = 0; w < SLOTS; w += 4) out.push(steps.weights(i, w, codes, first, length));
        for (let w = 0; w < SLOTS; w += 4) out.push(steps.places(s, w));
      }
    }
  }
  return { stream: out.take(), starts, segment, scale: exact ? 'f16' : 'f32' };
}

/** Weights that a step takes: two of each row. */
const SLOTS = 2 * HEIGHT;

/** A list of words that grows. */
class Words {
  private words = new Uint32Array(1 << 16);
  length = 0;

  push(word: number): void {
    if (this.length === this.words.length) {
      const wider = new Uint32Array(2 * this.length);
      wider.set(this.words);
      this.words = wider;
    }
    this.words[this.length++] = word;
  }

  take(): Uint32Array {
    return this.words.slice(0, this.length);
  }
}

/** The columns of a segment where each row of a panel keeps a weight. */
class KeptColumns {
  private readonly columns: Int32Array;
  private readonly counts = new Int32Array(HEIGHT);

  constructor(private readonly segment: number) {
    this.columns = new Int32Array(HEIGHT * segment);
  }

  read(codes: Int8Array, start: number, height: number, length: number, from: number): void {
    this.counts.fill(0);
    for (let j = 0; j < height; j++) {
      let at = j * this.segment;
      for (let c = from; c < from + this.segment; c++) if (codes[start + j * length + c] !== 0) this.columns[at++] = c;
      this.counts[j] = at - j * this.segment;
    }
  }

  count(row: number): number {
    return this.counts[row] ?? 0;
  }

  column(row: number, i: number): number {
    return this.columns[row * this.segment + i] ?? 0;
  }
}

/** The steps of a segment: a window, where it begins, and the columns taken, two slots a row; -1 where there is none. */
class Steps {
  length = 0;
  private readonly window: Uint8Array;
  private readonly base: Int32Array;
  private readonly columns: Int32Array;

  /** A step takes at least one weight, so there are at most as many as weights. */
  constructor(segment: number) {
    const most = HEIGHT * segment + 1;
    this.window = new Uint8Array(most + 3);
    this.base = new Int32Array(most);
    this.columns = new Int32Array(most * SLOTS);
  }

  walk(kept: KeptColumns, from: number, length: number): void {
    const at = new Int32Array(HEIGHT);
    for (this.length = 0; ; this.length++) {
      let next = length;
      for (let j = 0; j < HEIGHT; j++) {
        const own = at[j] ?? 0;
        if (own < kept.count(j)) next = Math.min(next, kept.column(j, own));
      }
      this.window[this.length] = 0;
      this.columns.fill(-1, this.length * SLOTS, (this.length + 1) * SLOTS);
      if (next === length) break;
      const window = Math.floor((Math.min(next, length - WIDTH) - from) / STRIDE);
      const base = from + STRIDE * window;
      this.window[this.length] = window;
      this.base[this.length] = base;
      for (let j = 0; j < HEIGHT; j++)
        for (let slot = 0; slot < 2; slot++) {
          const own = at[j] ?? 0;
          if (own >= kept.count(j) || kept.column(j, own) >= base + WIDTH) break;
          this.columns[this.length * SLOTS + 2 * j + slot] = kept.column(j, own);
          at[j] = own + 1;
        }
    }
    this.window.fill(0, this.length, this.length + 3);
  }

  /** The windows of four steps, a byte each. */
  windows(first: number): number {
    return word(this.window[first], this.window[first + 1], this.window[first + 2], this.window[first + 3]);
  }

  /** The weights of four slots of a step, a byte each. */
  weights(step: number, slot: number, codes: Int8Array, first: number, length: number): number {
    const byte = (i: number): number => {
      const column = this.columns[step * SLOTS + slot + i] ?? -1;
      return column < 0 ? 0 : (codes[(first + ((slot + i) >> 1)) * length + column] ?? 0) & 255;
    };
    return word(byte(0), byte(1), byte(2), byte(3));
  }

  /** Where in their windows the weights of four slots lie: of a step and the next, four bits each. */
  places(step: number, slot: number): number {
    const place = (s: number, i: number): number =>
      Math.max(0, (this.columns[s * SLOTS + slot + i] ?? -1) - (this.base[s] ?? 0));
    const both = (i: number): number => place(step, i) | (place(step + 1, i) << 4);
    return word(both(0), both(1), both(2), both(3));
  }
}

const word = (a = 0, b = 0, c = 0, d = 0): number => (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
