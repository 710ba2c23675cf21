import { constant, Expr, pack } from '../../compiler/ir/expr.ts';

/** Wasm instructions on registers of 16-bit lanes, which Kernel IR holds as four 32-bit words. */
const words = (name: string, ...args: readonly Expr[]): Expr => new Expr('i32', 4, { kind: 'intrinsic', name, args });

/** The two products of 16-bit halves of each word, added. */
export const dot16 = (a: Expr, b: Expr): Expr => words('i32x4.dot_i16x8_s', a, b);

/** Products of signed bytes with bytes of 0 to 127, neighbours added to 16 bits: the relaxed instruction, where all engines agree. */
export const dot8 = (signed: Expr, small: Expr): Expr => words('i16x8.relaxed_dot_i8x16_i7x16_s', signed, small);
export const addHalves = (a: Expr, b: Expr): Expr => words('i16x8.add', a, b);
export const subtractHalves = (a: Expr, b: Expr): Expr => words('i16x8.sub', a, b);
/** The two halves of each word added to 32 bits. */
export const sumHalves = (a: Expr): Expr => words('i32x4.extadd_pairwise_i16x8_s', a);

/** Unsigned bytes added to their neighbours, in 16 bits. */
export const sumBytes = (a: Expr): Expr => words('i16x8.extadd_pairwise_i8x16_u', a);

/** The even bytes of each word as signed 16-bit halves, and the odd ones. */
export const evenBytes = (w: Expr): Expr =>
  words('i16x8.shr_s', words('i16x8.shl', w, constant('i32', 8)), constant('i32', 8));
export const oddBytes = (w: Expr): Expr => words('i16x8.shr_s', w, constant('i32', 8));

/** Bytes of two registers in turn: the first eight of each, or the last eight. */
export const zipLow = (a: Expr, b: Expr): Expr => words('zip low', a, b);
export const zipHigh = (a: Expr, b: Expr): Expr => words('zip high', a, b);
/** The words of two registers as 16-bit halves, and halves as bytes, with saturation. */
export const narrowHalves = (a: Expr, b: Expr): Expr => words('i16x8.narrow_i32x4_s', a, b);
export const narrowBytes = (a: Expr, b: Expr): Expr => words('i8x16.narrow_i16x8_s', a, b);
export const narrowUnsignedBytes = (a: Expr, b: Expr): Expr => words('i8x16.narrow_i16x8_u', a, b);

/** Halves of two registers in turn: the first four of each, or the last four. */
export const zipLowHalves = (a: Expr, b: Expr): Expr => words('zip low halves', a, b);
export const zipHighHalves = (a: Expr, b: Expr): Expr => words('zip high halves', a, b);
/** Four halves as words: the first four, or the last four. */
export const lowHalves = (a: Expr): Expr => words('i32x4.extend_low_i16x8_s', a);
export const highHalves = (a: Expr): Expr => words('i32x4.extend_high_i16x8_s', a);

const zip = (first: number): Uint8Array => Uint8Array.from({ length: 16 }, (_, i) => first + (i >> 1) + 16 * (i & 1));

const zipHalves = (first: number): Uint8Array =>
  Uint8Array.from({ length: 16 }, (_, i) => first + 2 * (i >> 2) + (i & 1) + 16 * ((i >> 1) & 1));

/** Intrinsics that are shuffles of bytes. */
export const shuffles: ReadonlyMap<string, Uint8Array> = new Map([
  ['zip low', zip(0)],
  ['zip high', zip(8)],
  ['zip low halves', zipHalves(0)],
  ['zip high halves', zipHalves(8)],
]);
/** Intrinsics by the relaxed instruction that does the same wherever kernels use them: indices are below 16. */
export const relaxedForms: ReadonlyMap<string, string> = new Map([['i8x16.swizzle', 'i8x16.relaxed_swizzle']]);
/** Even and odd bytes of each word as unsigned 16-bit halves. */
export const evenUnsigned = (w: Expr): Expr => w.and(constant('u32', 0x00ff00ff));
export const shiftHalvesUp = (w: Expr, by: number): Expr => words('i16x8.shl', w, constant('i32', by));
export const oddUnsigned = (w: Expr): Expr => words('i16x8.shr_u', w, constant('i32', 8));
/** Halves of the even bytes of two words, and of the odd ones. */
export const evenPairs = (low: Expr, high: Expr): Expr =>
  evenUnsigned(low).or(words('i16x8.shl', high, constant('i32', 8)).bitcast('u32'));
export const oddPairs = (low: Expr, high: Expr): Expr =>
  oddUnsigned(low).or(high.bitcast('i32').and(constant('i32', 0xff00ff00 | 0)));

/** For each byte the byte of the table of that number, which is below 16. */
export const lookUp = (table: Expr, indices: Expr): Expr => words('i8x16.swizzle', table, indices);
/** Sixteen bytes as a table. */
export const tableOf = (bytes: readonly number[]): Expr =>
  pack(
    [0, 4, 8, 12].map((at) =>
      constant(
        'i32',
        bytes.slice(at, at + 4).reduce((w, b, i) => w | ((b & 255) << (8 * i)), 0),
      ),
    ),
  );

type Word = number | bigint | boolean;
type Lanes = readonly Word[];

const low = (x: Word | undefined): number => (Number(x) << 16) >> 16;
const high = (x: Word | undefined): number => Number(x) >> 16;
const halves = (a: number, b: number): number => (a & 0xffff) | (b << 16);

const bytesOf = (words: Lanes): number[] => words.flatMap((w) => [0, 8, 16, 24].map((at) => (Number(w) >> at) & 255));
const joined = (parts: readonly number[], bits: 8 | 16): number[] =>
  Array.from({ length: 4 }, (_, i) =>
    parts
      .slice((i * 32) / bits, ((i + 1) * 32) / bits)
      .reduce((w, p, j) => w | ((p & (2 ** bits - 1)) << (bits * j)), 0),
  );
const within = (low: number, high: number, v: number): number => Math.max(low, Math.min(high, v));

/** What each intrinsic means, one register as four words: for the interpreter. */
export const meanings: ReadonlyMap<string, (args: readonly Lanes[]) => readonly number[]> = new Map([
  ['i32x4.dot_i16x8_s', ([a = [], b = []]) => a.map((x, i) => (low(x) * low(b[i]) + high(x) * high(b[i])) | 0)],
  [
    'i16x8.relaxed_dot_i8x16_i7x16_s',
    ([a = [], b = []]) =>
      a.map((x, i) => {
        const product = (at: number): number => ((Number(x) << (24 - at)) >> 24) * ((Number(b[i]) >> at) & 255);
        return halves(product(0) + product(8), product(16) + product(24));
      }),
  ],
  ...[...shuffles].map(([name, places]) => {
    const meaning = ([a = [], b = []]: readonly Lanes[]): number[] =>
      joined(
        [...places].map((at) => [...bytesOf(a), ...bytesOf(b)][at] ?? 0),
        8,
      );
    return [name, meaning] as const;
  }),
  [
    'i16x8.narrow_i32x4_s',
    ([a = [], b = []]) =>
      joined(
        [...a, ...b].map((w) => within(-(2 ** 15), 2 ** 15 - 1, Number(w))),
        16,
      ),
  ],
  [
    'i8x16.narrow_i16x8_s',
    ([a = [], b = []]) =>
      joined(
        [...a, ...b].flatMap((w) => [low(w), high(w)].map((h) => within(-128, 127, h))),
        8,
      ),
  ],
  [
    'i8x16.narrow_i16x8_u',
    ([a = [], b = []]) =>
      joined(
        [...a, ...b].flatMap((w) => [low(w), high(w)].map((h) => within(0, 255, h))),
        8,
      ),
  ],
  ['i16x8.add', ([a = [], b = []]) => a.map((x, i) => halves(low(x) + low(b[i]), high(x) + high(b[i])))],
  ['i16x8.sub', ([a = [], b = []]) => a.map((x, i) => halves(low(x) - low(b[i]), high(x) - high(b[i])))],
  ['i32x4.extend_low_i16x8_s', ([a = []]) => [low(a[0]), high(a[0]), low(a[1]), high(a[1])]],
  ['i32x4.extend_high_i16x8_s', ([a = []]) => [low(a[2]), high(a[2]), low(a[3]), high(a[3])]],
  ['i32x4.extadd_pairwise_i16x8_s', ([a = []]) => a.map((x) => low(x) + high(x))],
  [
    'i16x8.extadd_pairwise_i8x16_u',
    ([a = []]) => {
      const bytes = bytesOf(a);
      return a.map((_, i) => {
        const sum = (at: number): number => (bytes[at] ?? 0) + (bytes[at + 1] ?? 0);
        return halves(sum(4 * i), sum(4 * i + 2));
      });
    },
  ],
  ['i16x8.shl', ([a = [], [by = 0] = []]) => a.map((x) => halves(low(x) << Number(by), high(x) << Number(by)))],
  [
    'i16x8.shr_u',
    ([a = [], [by = 0] = []]) =>
      a.map((x) => halves((Number(x) & 0xffff) >> Number(by), (Number(x) >>> 16) >> Number(by))),
  ],
  [
    'i8x16.swizzle',
    ([table = [], indices = []]) => {
      const byte = (v: Lanes, i: number): number => (Number(v[i >> 2]) >> (8 * (i & 3))) & 255;
      return indices.map((_, w) =>
        [0, 1, 2, 3].reduce((out, i) => {
          const at = byte(indices, 4 * w + i);
          return out | ((at < 16 ? byte(table, at) : 0) << (8 * i));
        }, 0),
      );
    },
  ],
  ['i16x8.shr_s', ([a = [], [by = 0] = []]) => a.map((x) => halves(low(x) >> Number(by), high(x) >> Number(by)))],
]);
