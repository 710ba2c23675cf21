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

/** The even bytes of each word as signed 16-bit halves, and the odd ones. */
export const evenBytes = (w: Expr): Expr =>
  words('i16x8.shr_s', words('i16x8.shl', w, constant('i32', 8)), constant('i32', 8));
export const oddBytes = (w: Expr): Expr => words('i16x8.shr_s', w, constant('i32', 8));

/** Even and odd bytes of each word as unsigned 16-bit halves. */
export const evenUnsigned = (w: Expr): Expr => w.and(constant('u32', 0x00ff00ff));
export const oddUnsigned = (w: Expr): Expr => words('i16x8.shr_u', w, constant('i32', 8));
/** Halves of the even bytes of two words, and of the odd ones. */
export const evenPairs = (low: Expr, high: Expr): Expr =>
  evenUnsigned(low).or(words('i16x8.shl', high, constant('i32', 8)).bitcast('u32'));
export const oddPairs = (low: Expr, high: Expr): Expr =>
  oddUnsigned(low).or(high.bitcast('i32').and(constant('i32', 0xff00ff00 | 0)));

/** For each byte the byte of the table of that number. */
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
  ['i16x8.add', ([a = [], b = []]) => a.map((x, i) => halves(low(x) + low(b[i]), high(x) + high(b[i])))],
  ['i16x8.sub', ([a = [], b = []]) => a.map((x, i) => halves(low(x) - low(b[i]), high(x) - high(b[i])))],
  ['i32x4.extadd_pairwise_i16x8_s', ([a = []]) => a.map((x) => low(x) + high(x))],
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
