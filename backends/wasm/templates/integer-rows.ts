import { type CodeWord, gridSpan, type IntegerAccess, type StorageFormat } from '../../../compiler/formats/format.ts';
import { add, type Dim, mul } from '../../../compiler/ir/dim.ts';
import { type Buffer, constant, type Expr, pack } from '../../../compiler/ir/expr.ts';
import { tensor, type Value } from '../../../compiler/ir/graph.ts';
import type { KernelNote } from '../../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import type { LoweredKernel, TemplateRequest } from '../../../compiler/lower/template.ts';
import { InfcError } from '../../../runtime/errors.ts';
import { evenBytes, evenPairs, evenUnsigned, lookUp, oddBytes, oddPairs, oddUnsigned, tableOf } from '../intrinsics.ts';

/** Activations are scaled to integers in runs of this many; of twice as many where weights share their scales that long. */
export const RUN = 32;

/** Weights that share all of their parameters. */
const sharedOf = (format: StorageFormat): number =>
  Object.entries(format.planes).reduce(
    (n, [name, { per }]) => (format.integer?.planes.includes(name) ? n : Math.min(n, per)),
    2 * RUN,
  );

const largestOf = ({ zero, largest }: IntegerAccess): number =>
  zero === undefined ? largest : Math.max(zero, largest - zero);

/** Whether products of bytes can be summed in 16 bits over a segment: sums that leave the range on the way come back to it. */
const fitsBytes = (access: IntegerAccess, segment: number): boolean =>
  !access.signed && (segment / 2) * largestOf(access) * LARGEST_BYTE < 2 ** 15;

/** Length of the runs of activations that meet weights of a format: the longer one unless it costs the products of bytes. */
export function runOf(format: StorageFormat): number {
  const { integer, signs, codebooks } = format;
  if (signs || codebooks) return gridSpan(format);
  const long = integer && sharedOf(format) % (2 * RUN) === 0;
  return long && (fitsBytes(integer, 2 * RUN) || !fitsBytes(integer, RUN)) ? 2 * RUN : RUN;
}
const LARGEST_BYTE = 127;
/** A run whose peak exceeds the mean magnitude of its row this often gets a second, 254 times finer set of bytes. */
const OUTLIER = 8;

/** Floats near zero plus this have their nearest integer in their low bits: far fewer instructions than a conversion. */
export const MAGIC = 1.5 * 2 ** 23;
export const MAGIC_BITS = 0x4b400000;
/** Runs with no larger magnitude are kept as zeros: factors of what is smaller would be infinite. */
const SMALLEST_PEAK = 2 ** -110;

/** The largest magnitude in vectors of four: that of their bits, so that what is not a number is largest, at one instruction each. */
export function peakOf(k: KernelBuilder, vectors: readonly Expr[]): Expr {
  const magnitude = constant('i32', 0x7fffffff).splat(4);
  const bits = vectors.map((v) => v.bitcast('i32').and(magnitude)).reduce((a, b) => a.max(b));
  const folded = [
    [2, 3, 0, 1],
    [1, 0, 3, 2],
  ].reduce((all, order) => {
    const one = k.let(all, 'most');
    return one.max(one.shuffle(one, order));
  }, bits);
  return folded.extract(0).bitcast('f32');
}

/** What makes the largest magnitude of a run `largest`. */
export const inverseOf = (peak: Expr, largest: number): Expr =>
  peak.lt(SMALLEST_PEAK).select(constant('f32', 0), constant('f32', largest).div(peak));

/**
 * How the integers of activations lie in memory for one kind of weights: for each run the words of two 16-bit halves in the order
 * in which the weights' words come.
 */
export interface RowLayout {
  readonly key: string;
  /** Activations that share a scale. */
  readonly run: number;
  /** Largest integer an activation becomes: sums of a run's products stay exact in 32 bits whatever the codes. */
  readonly largest: number;
  /** Elements of a run in each word, low half first. */
  readonly words: readonly (readonly number[])[];
  /** The same for words of four bytes, where products of bytes can be summed in 16 bits over a segment. */
  readonly bytes?: readonly (readonly number[])[];
  /** Weights that share scale and offset, at most a run: sums of activations are kept for each. */
  readonly segment: number;
  /** See {@link IntegerAccess}: where there is one, `sums` start the sums of products, so that these count from zero. */
  readonly zero?: number;
}

type PlaneValues = Readonly<Record<string, readonly Expr[]>>;

/** Tables that codes are looked up in: the low and high bytes of their integers. */
export interface Tables {
  readonly low: Expr;
  /** Absent where integers are single bytes. */
  readonly high?: Expr;
}

/** The tables of a format whose codes are indices. */
export function tablesOf({ table, signed }: IntegerAccess): Tables | undefined {
  if (!table) return undefined;
  const low = tableOf(table.values);
  return signed ? { low, high: tableOf(table.values.map((v) => v >> 8)) } : { low };
}

/** Words of four codes for one step. */
export const bytesOf = (access: IntegerAccess, planes: PlaneValues, tables?: Tables): readonly CodeWord[] =>
  access.bytes(planes).map(({ word, elements }) => ({ word: tables ? lookUp(tables.low, word) : word, elements }));

/** Words of two codes for one step: as the format gives them, or its bytes widened. */
export function halvesOf(access: IntegerAccess, planes: PlaneValues, tables?: Tables): readonly CodeWord[] {
  if (access.halves && !tables) return access.halves(planes);
  const widen = (word: Expr): readonly [Expr, Expr] => {
    if (!tables) return access.signed ? [evenBytes(word), oddBytes(word)] : [evenUnsigned(word), oddUnsigned(word)];
    const low = lookUp(tables.low, word).bitcast('u32');
    if (!tables.high) return [evenUnsigned(low), oddUnsigned(low)];
    const high = lookUp(tables.high, word);
    return [evenPairs(low, high), oddPairs(low, high)];
  };
  return access.bytes(planes).flatMap(({ word, elements: [a = 0, b = 0, c = 0, d = 0] }) => {
    const [even, odd] = widen(word);
    return [
      { word: even, elements: [a, c] },
      { word: odd, elements: [b, d] },
    ];
  });
}

/** Layout of activations for a format, found by asking it for its words. */
export function rowLayout(format: StorageFormat, access: IntegerAccess): RowLayout {
  const { step } = access;
  const dummy = Object.fromEntries(
    access.planes.map((name) => {
      const per = format.planes[name]?.per ?? 1;
      return [name, Array.from({ length: Math.max(1, step / per) }, () => constant('u32', 0))];
    }),
  );
  const whole = (own: readonly CodeWord[]): readonly (readonly number[])[] => {
    const elements = own.map((w) => w.elements);
    const sorted = elements.flat().sort((a, b) => a - b);
    if (sorted.length !== step || sorted.some((e, i) => e !== i))
      throw new InfcError('INFC4028', `format '${format.name}' does not give each integer code of a step once`, {
        fix: 'Let `integer.bytes` give words of four codes, and `halves` words of two',
      });
    return Array.from({ length: run / step }, (_, i) => elements.map((w) => w.map((e) => i * step + e))).flat();
  };
  const run = runOf(format);
  const segment = Math.min(run, sharedOf(format));
  const words = whole(halvesOf(access, dummy, tablesOf(access)));
  const bytes = whole(access.bytes(dummy));
  const { zero } = access;
  const fits = fitsBytes(access, segment);
  const largest = Math.min(32767, Math.floor((2 ** 31 - 1) / (run * largestOf(access))));
  const key = `${segment} ${zero} ${largest} ${JSON.stringify([words, fits ? bytes : []])}`;
  return { key, run, largest, words, segment, ...(fits ? { bytes } : {}), ...(zero === undefined ? {} : { zero }) };
}

/** Memory that holds the activations as integers. */
export interface IntegerRows {
  /** Two halves a word: [rows, depth / 2]. As bytes: for each run its words of bytes, then those of finer ones. */
  readonly codes: Buffer;
  /**
   * f32 [rows, 2 * depth / run + 1]: for each run value = scale * code, and the scale of the finer bytes, 0 where there are none; then a
   * row's largest scale of finer bytes.
   */
  readonly scales: Buffer;
  /**
   * For each segment two words: with a zero, what its sum of products starts from, for the codes and for the finer bytes; else the sum of
   * its scaled codes as f32.
   */
  readonly sums: Buffer;
}

export interface RowsSize {
  readonly rows: Dim;
  readonly depth: number;
}

/** Binds the integers of `x` to a kernel. */
export function bindRows(
  k: KernelBuilder,
  request: TemplateRequest,
  x: Value,
  { rows, depth }: RowsSize,
  layout: RowLayout,
  access: 'read' | 'write',
): IntegerRows {
  const bind = (what: string, dtype: 'i32' | 'f32', perRow: number): Buffer =>
    request.bindScratch(k, `${what} ${layout.key}`, tensor(dtype, [rows, perRow]), access, x);
  return {
    codes: bind('codes', 'i32', depth / 2),
    scales: bind('scales', 'f32', (depth / layout.run) * 2 + 1),
    sums: bind('sums', layout.zero === undefined ? 'f32' : 'i32', (depth / layout.segment) * 2),
  };
}

/**
 * The kernel that turns activations into integers, once for all products that read them. Each run gets its own scale, so an outlier
 * costs precision only among its neighbours; NaN and infinities make the scale NaN or infinite, and with it every product of the run.
 * As bytes, runs with an outlier get a second set of bytes for what the first leaves.
 */
export function quantizeRows(request: TemplateRequest, x: Value, size: RowsSize, layout: RowLayout): LoweredKernel {
  const { rows, depth } = size;
  const k = new KernelBuilder(`${request.name}_rows`, 'simd', 1, [rows, 1, 1]);
  const from = request.bind(k, x);
  const to = bindRows(k, request, x, size, layout, 'write');
  const q = new Quantizer(k, from, to, depth / layout.run, layout);
  const { bytes } = layout;
  const isCodes = x.type.dtype === 'i8';
  if (isCodes) q.given(layout.words);
  else q.halves();
  if (bytes) k.alternative('relaxed-dot', () => (isCodes ? q.given(bytes) : q.bytes(bytes)));
  const elements = mul(rows, depth);
  const note: KernelNote = {
    op: 'matmul',
    sources: [],
    template: '',
    why: '',
    bytes: mul(6, elements),
    flops: mul(4, elements),
    ...(bytes && !isCodes ? { codes: 'relaxed' } : {}),
  };
  return { ...request.close(k, note), once: { key: `rows ${layout.key}`, of: x } };
}

class Quantizer {
  constructor(
    private readonly k: KernelBuilder,
    private readonly from: Buffer,
    private readonly to: IntegerRows,
    private readonly perRow: number,
    private readonly layout: RowLayout,
  ) {}

  /** Activations that are codes of 8 bits, laid out. */
  given(words: readonly (readonly number[])[]): void {
    const { k, perRow, layout } = this;
    const [one, none] = [constant('f32', 1), constant('f32', 0)];
    this.runs((run, codes) => {
      this.storeScales(run, one, none);
      this.storeSums(run, [{ codes, scale: one }], words !== layout.words);
      this.pack(codes, words, mul(run, layout.run / 2));
    });
    k.store(this.to.scales, add(mul(k.group.x, 2 * perRow + 1), 2 * perRow), none);
  }

  /** 16-bit integers, two a word. */
  halves(): void {
    const { k, layout } = this;
    this.runs((run, values, peak) => {
      const scale = k.let(peak.mul(1 / layout.largest), 'scale');
      const codes = this.codes(values, peak, layout.largest);
      this.storeScales(run, scale, constant('f32', 0));
      this.storeSums(run, [{ codes, scale }], false);
      this.pack(codes, layout.words, mul(run, layout.run / 2));
    });
  }

  /** Bytes, four a word, and finer ones where the row has an outlier. */
  bytes(words: readonly (readonly number[])[]): void {
    const { k, from, perRow, layout } = this;
    const sum = k.var(constant('f32', 0).splat(4), 'sum');
    k.for(0, perRow * (layout.run / 4), 1, (i) => {
      sum.set(sum.value.add(k.load(from, add(mul(k.group.x, perRow * layout.run), mul(i, 4)), 4).abs()));
    });
    const total = [1, 2, 3].reduce((t, i) => t.add(sum.value.extract(i)), sum.value.extract(0));
    const limit = k.let(total.mul(OUTLIER / (perRow * layout.run)), 'limit');
    const largest = k.var(constant('f32', 0), 'largest');
    this.runs((run, values, peak) => {
      const scale = k.let(peak.mul(1 / LARGEST_BYTE), 'scale');
      const codes = this.codes(values, peak, LARGEST_BYTE);
      this.pack(codes, words, mul(run, layout.run / 2));
      const base = add(mul(run, layout.run / 2), words.length);
      k.if(
        peak.gt(limit),
        () => {
          const rest = values.map((v, i) => k.let(v.sub(codes[i]?.cast('f32').mul(scale) ?? v), 'rest'));
          const half = k.let(scale.mul(0.5), 'half');
          const fine = this.codes(rest, half, LARGEST_BYTE);
          const step = k.let(half.mul(1 / LARGEST_BYTE), 'step');
          this.storeScales(run, scale, step);
          largest.set(largest.value.max(step));
          const parts = [
            { codes, scale },
            { codes: fine, scale: step },
          ];
          this.storeSums(run, parts, true);
          this.pack(fine, words, base);
        },
        () => {
          this.storeScales(run, scale, constant('f32', 0));
          this.storeSums(run, [{ codes, scale }], true);
        },
      );
    });
    k.store(this.to.scales, add(mul(k.group.x, 2 * perRow + 1), 2 * perRow), largest.value);
  }

  /** Walks the runs of the row with their values and largest magnitude. */
  private runs(each: (run: Dim, values: readonly Expr[], peak: Expr) => void): void {
    const { k, from, perRow, layout } = this;
    k.for(0, perRow, 1, (g) => {
      const run = add(mul(k.group.x, perRow), g);
      const load = (i: number): Expr => k.let(k.load(from, add(mul(run, layout.run), 4 * i), 4), 'x');
      const values = Array.from({ length: layout.run / 4 }, (_, i) => load(i));
      each(run, values, k.let(peakOf(k, values), 'peak'));
    });
  }

  private codes(values: readonly Expr[], peak: Expr, largest: number): Expr[] {
    const { k } = this;
    const by = k.let(inverseOf(peak, largest).splat(4), 'inverse');
    const bits = constant('i32', MAGIC_BITS).splat(4);
    return values.map((v) => k.let(v.mul(by).add(MAGIC).bitcast('i32').sub(bits), 'code'));
  }

  private storeScales(run: Dim, scale: Expr, fine: Expr): void {
    const at = add(mul(run, 2), this.k.group.x);
    this.k.store(this.to.scales, at, scale);
    this.k.store(this.to.scales, add(at, 1), fine);
  }

  private storeSums(
    run: Dim,
    parts: readonly { readonly codes: readonly Expr[]; readonly scale: Expr }[],
    halves: boolean,
  ): void {
    const { k, to, layout } = this;
    const { segment, zero } = layout;
    const sumOf = (vectors: readonly Expr[]): Expr => {
      const sum = k.let(
        vectors.reduce((a, b) => a.add(b)),
        'sum',
      );
      return [1, 2, 3].reduce((t, i) => t.add(sum.extract(i)), sum.extract(0));
    };
    for (let s = 0; s < layout.run / segment; s++) {
      const at = mul(add(mul(run, layout.run / segment), s), 2);
      const own = parts.map(({ codes }) => codes.slice((s * segment) / 4, ((s + 1) * segment) / 4));
      if (zero === undefined) {
        const sums = own.map((codes, i) =>
          sumOf(codes)
            .cast('f32')
            .mul(parts[i]?.scale ?? 1),
        );
        k.store(
          to.sums,
          at,
          sums.reduce((a, b) => a.add(b)),
        );
        continue;
      }
      own.forEach((codes, i) => {
        // Words of bytes keep the first four of eight elements in their low half.
        const start = (vectors: readonly Expr[]): Expr => sumOf(vectors).mul(-zero);
        const low = codes.filter((_, v) => v % 2 === 0);
        const high = codes.filter((_, v) => v % 2 === 1);
        const value = halves ? start(low).and(0xffff).or(start(high).shl(16)) : start(codes);
        k.store(to.sums, add(at, i), value);
      });
    }
  }

  /** Stores codes as words of as many equal parts as the words have elements. */
  private pack(codes: readonly Expr[], words: readonly (readonly number[])[], at: Dim): void {
    const parts = words[0]?.length ?? 1;
    const bits = 32 / parts;
    for (let w = 0; w < words.length; w += 4) {
      const four = words.slice(w, w + 4);
      const fields = Array.from({ length: parts }, (_, i) => {
        const code = pick(
          codes,
          four.map((e) => e[i] ?? 0),
        );
        const field = i === parts - 1 ? code : code.and(constant('i32', 2 ** bits - 1));
        return i === 0 ? field : field.shl(constant('i32', i * bits));
      });
      this.k.store(
        this.to.codes,
        add(at, w),
        fields.reduce((a, b) => a.or(b)),
      );
    }
  }
}

/** Four elements of a list of vectors of four. */
function pick(vectors: readonly Expr[], elements: readonly number[]): Expr {
  const sources = [...new Set(elements.map((e) => e >> 2))];
  const [a = 0, b = a] = sources;
  const [x, y] = [vectors[a], vectors[b]];
  if (!x || !y) throw new RangeError('an element outside the run');
  if (sources.length <= 2)
    return x.shuffle(
      y,
      elements.map((e) => (e >> 2 === a ? 0 : 4) + (e & 3)),
    );
  return pack(elements.map((e) => vectors[e >> 2]?.extract(e & 3) ?? x.extract(0)));
}
