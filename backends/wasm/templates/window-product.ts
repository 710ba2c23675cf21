import { derivedConstant } from '../../../compiler/derived-constant.ts';
import { gridSpan, type StorageFormat } from '../../../compiler/formats/format.ts';
import { planesOf } from '../../../compiler/formats/rows.ts';
import {
  add,
  ceilDiv,
  type Dim,
  min as dimMin,
  floorDiv,
  isAtMost,
  mod,
  mul,
  product,
} from '../../../compiler/ir/dim.ts';
import { type Buffer, constant, dimValue, type Expr } from '../../../compiler/ir/expr.ts';
import { type Constant, tensor, type Value } from '../../../compiler/ir/graph.ts';
import { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import { unravel } from '../../../compiler/lower/element.ts';
import type { LoweredKernel, TemplateRequest } from '../../../compiler/lower/template.ts';
import { Memo } from '../../../compiler/memo.ts';
import { decodeParts } from '../../reference/decode-format.ts';
import { dot16, lookUp, narrowBytes, narrowHalves, narrowUnsignedBytes, zipHigh, zipLow } from '../intrinsics.ts';
import { noteFor, type Operands, overRows } from './gemm.ts';
import { inverseOf, MAGIC, MAGIC_BITS, peakOf } from './integer-rows.ts';
import { finishTile, finishVector, floatSums, halfSums, Tile, type TileResults } from './microkernel.ts';
import { notFinite } from './panels.ts';
import { HEIGHT, PAIR_WORDS, packWindows, STRIDE, scaleWords, type Windows } from './windows.ts';

const VECTORS = HEIGHT / 4;
const LARGEST = 32767;
/** Rows of activations for which a panel of weights is expanded once, to scratch. */
const ITEM_ROWS = 192;
/** Up to this many rows are multiplied straight from the windows. */
const FEW_ROWS = 2;
const TILE_ROWS = 4;
const SCRATCH_WORDS = 1 << 17;
/** Words of a cache line, and pairs of steps whose lines are read before they are multiplied: see `Panels.walk`. */
const LINE = 16;
const TOGETHER = 16;

/** The weights of a sparse format in windows, or undefined where windows cannot hold them. */
export function windowsOf(o: Operands, format: StorageFormat): Windows | undefined {
  const source = o.b.constant;
  const [rows, length] = [Number(o.n), Number(o.depth)];
  if (!source) return undefined;
  return packed.of(source, format.name, () => {
    const size = { rows, length };
    const parts = decodeParts(format, planesOf(source, format, size, !o.transposeB), size);
    if (!parts.scales.every(Number.isFinite)) throw notFinite('scale', source.name);
    return packWindows(parts, rows, length, gridSpan(format));
  });
}

const packed = new Memo<Windows | undefined>();

/**
 * Products with sparse weights of 8-bit integers. Activations become 16-bit integers with a scale a segment, low and high bytes apart, so
 * that two byte shuffles fetch those of 16 weights.
 */
export function buildWindowProduct(
  o: Operands,
  format: StorageFormat,
  windows: Windows,
  request: TemplateRequest,
): LoweredKernel[] {
  const n = Number(o.n);
  const depth = Number(o.depth);
  const { segment, scale } = windows;
  const segments = depth / segment;
  const rows = product([...o.batch, o.m]);
  const panels = windows.starts.length;
  const k = new KernelBuilder(request.name, 'simd', 1, [mul(ceilDiv(rows, ITEM_ROWS), panels), 1, 1]);
  const panel = mod(k.group.x, panels);
  const column = n >= HEIGHT ? dimMin(mul(panel, HEIGHT), n - HEIGHT) : 0;
  const weights = bindWindows(k, o.b, format, windows, request);
  const words = windows.stream.length;
  const ahead = Math.min(words, TOGETHER * PAIR_WORDS);
  const start = k.index(k.load(weights.starts, panel), { min: 0, max: words - 1 }, 'start');

  /** Walks the panel's segments: the scales of four rows, and the pairs of steps one by one. */
  const walk = (
    begin: () => void,
    step: (pair: Dim, windows: readonly Dim[]) => void,
    end: (segment: Dim, scales: (vector: number) => Expr) => void,
  ): void => {
    const cursor = k.var(dimValue(start), 'cursor');
    const seen = k.var(constant('u32', 0), 'seen');
    const headWords = 1 + scaleWords(scale);
    k.for(0, segments, 1, (s) => {
      const head = k.index(cursor.value, { min: 0, max: words - headWords }, 'head');
      const mostPairs = Math.ceil((segment * HEIGHT) / 2);
      const pairs = k.index(k.load(weights.stream, head), { min: 0, max: mostPairs }, 'pairs');
      begin();
      const first = add(head, headWords);
      const after = k.index(dimValue(add(first, ceilDiv(pairs, 2))), { min: 0, max: words }, 'first');
      k.for(0, pairs, TOGETHER, (some) => {
        const at = k.index(
          dimValue(dimMin(add(after, mul(some, PAIR_WORDS)), words - ahead)),
          { min: 0, max: words - ahead },
          'at',
        );
        for (let word = 0; word < ahead; word += LINE) seen.set(k.load(weights.stream, add(at, word)));
        k.for(some, dimMin(add(some, TOGETHER), pairs), 1, (i) => {
          const own = [0, 1].map((step) =>
            k.index(k.load(weights.unsigned, add(mul(first, 4), add(mul(i, 2), step))), { min: 0, max: 255 }, 'window'),
          );
          step(
            add(after, mul(i, PAIR_WORDS)),
            own.map((w) => add(mul(s, segment / STRIDE), w)),
          );
        });
      });
      end(s, (v) => k.load(weights.scales, add(mul(add(head, 1), scale === 'f16' ? 2 : 1), 4 * v), 4));
      cursor.set(dimValue(add(after, mul(pairs, PAIR_WORDS))));
    });
  };
  const finish = (row: Dim, v: number, value: Expr): void =>
    finishVector(k, value, add(column, 4 * v), n, (x, c) =>
      request.finish(k, x, [...unravel(row, [...o.batch, o.m]), c]),
    );

  const zero = constant('f32', 0).splat(4);
  const x = bindBytes(k, o.a, rows, depth, segment, request, 'read');
  const oneRow = (row: Dim): void => {
    const totals = Array.from({ length: VECTORS }, () => k.var(zero, 'total'));
    const sums = Array.from({ length: VECTORS }, () => k.var(constant('i32', 0).splat(4), 'sum'));
    const low = mul(row, depth / 2);
    walk(
      () => {
        for (const s of sums) s.set(0);
      },
      (pair, windowsOfPair) => {
        const places = k.let(k.load(weights.stream, add(pair, 8), 4).bitcast('i32'), 'places');
        const nibbles = constant('i32', 0x0f0f0f0f).splat(4);
        windowsOfPair.forEach((base, step) => {
          const own = k.let(
            (step === 0 ? places : places.bitcast('u32').shr(constant('u32', 4)).bitcast('i32')).and(nibbles),
            'own',
          );
          const bytes = [0, depth / 4].map((part) => lookUp(k.load(x.bytes, add(add(low, base), part), 4), own));
          const [lo, hi] = bytes;
          if (!lo || !hi) return;
          [zipLow(lo, hi), zipHigh(lo, hi)].forEach((xs, v) => {
            const at = add(mul(add(pair, 4 * step), 4), 8 * v);
            const ws = k.load(weights.bytes, at, 8).halves().bitcast('i32');
            const sum = sums[v];
            sum?.set(sum.value.add(dot16(xs, ws)));
          });
        });
      },
      (s, scales) => {
        const factor = k.load(x.scales, add(mul(row, segments), s)).splat(4);
        totals.forEach((total, v) => {
          const sum = sums[v]?.value ?? total.value;
          total.set(sum.cast('f32').fma(scales(v).mul(factor), total.value));
        });
      },
    );
    totals.forEach((total, v) => finish(row, v, total.value));
  };

  const from = mul(floorDiv(k.group.x, panels), ITEM_ROWS);
  const to = dimMin(add(from, ITEM_ROWS), rows);
  const few = (): void => k.for(from, to, 1, oneRow);
  const most = depth * HEIGHT > SCRATCH_WORDS ? Number.POSITIVE_INFINITY : FEW_ROWS;
  const prepare = quantizeBytes(request, o.a, rows, depth, segment, most);
  const note = noteFor(o, request, `only what is not zero in ${format.name}`);
  byRows(k, rows, most, few, () => {
    const words = k.shared('panel', 'u32', (depth * HEIGHT) / 2);
    const factors = k.shared('factors', 'f32', segments * HEIGHT);
    const wordAt = (i: Dim): Dim => mul(i, HEIGHT);
    k.for(0, depth / 2, 1, (i) => {
      for (let v = 0; v < VECTORS; v++) k.store(words, add(wordAt(i), 4 * v), constant('u32', 0).splat(4));
    });
    walk(
      () => undefined,
      (pair, windowsOfPair) => {
        windowsOfPair.forEach((base, step) =>
          k.for(0, 2 * HEIGHT, 1, (slot) => {
            const code = k.load(weights.bytes, add(mul(add(pair, 4 * step), 4), slot));
            const both = k.load(weights.unsigned, add(mul(add(pair, 8), 4), slot));
            const place = k.let((step === 0 ? both : both.shr(constant('u32', 4))).and(15), 'place');
            const word = k.index(place.shr(constant('u32', 1)), { min: 0, max: 7 }, 'word');
            const at = add(wordAt(add(mul(base, STRIDE / 2), word)), floorDiv(slot, 2));
            const half = code
              .cast('i32')
              .bitcast('u32')
              .and(0xffff)
              .shl(place.and(1).shl(constant('u32', 4)));
            // A slot without a weight adds nothing.
            k.store(words, at, k.load(words, at).or(half));
          }),
        );
      },
      (s, scales) => {
        for (let v = 0; v < VECTORS; v++) k.store(factors, add(wordAt(s), 4 * v), scales(v));
      },
    );
    const tile = (row: Dim, count: number): void => {
      const totals = Array.from({ length: count }, () => Array.from({ length: VECTORS }, () => k.var(zero, 'total')));
      k.for(0, segments, 1, (s) => {
        const sums = new Tile(k, count, VECTORS, undefined, halfSums);
        sums.loop(segment / 2, (i) => {
          const word = add(mul(s, segment / 2), i);
          return {
            a: (r) => k.load(x.bytes, add(mul(add(row, r), depth / 2), word)).bitcast('u32'),
            b: (v) => k.load(words, add(wordAt(word), 4 * v), 4),
          };
        });
        totals.forEach((list, r) => {
          const factor = k.load(x.scales, add(mul(add(row, r), segments), s)).splat(4);
          list.forEach((total, v) => {
            const scale = k.load(factors, add(wordAt(s), 4 * v), 4).mul(factor);
            total.set(sums.value(r, v).cast('f32').fma(scale, total.value));
          });
        });
      });
      const results: TileResults = {
        rows: count,
        vectors: VECTORS,
        sums: floatSums,
        value: (r, v) => totals[r]?.[v]?.value ?? zero,
      };
      finishTile(k, results, {
        columnOf: (v) => add(column, mul(v, 4)),
        limit: n,
        finish: (value, r, c) => request.finish(k, value, [...unravel(add(row, r), [...o.batch, o.m]), c]),
      });
    };
    overRows(k, from, to, rows, tile, TILE_ROWS);
  });
  return [prepare, request.close(k, note)];
}

/** One of two ways, by whether there are at most `most` rows: at run time where it is not known before. */
function byRows(k: KernelBuilder, rows: Dim, most: number, few: () => void, many: () => void): void {
  if (isAtMost(rows, most)) few();
  else if (isAtMost(most + 1, rows)) many();
  else k.if(dimValue(rows).le(most), few, many);
}

/** The windows under the types that their parts are read as. */
function bindWindows(k: KernelBuilder, from: Value, format: StorageFormat, windows: Windows, request: TemplateRequest) {
  const source = from.constant;
  if (!source) throw new TypeError('weights are not constant');
  const make = (what: string, data: Uint32Array): { key: string; made: Constant } => {
    const key = `${format.name}.${what}`;
    const made = derivedConstant(source, key, () => ({
      name: `${source.name}.${key}`,
      type: tensor('u32', [data.length]),
      bytes: data.byteLength,
      unique: true,
      read: () => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    }));
    return { key, made };
  };
  const stream = make('windows', windows.stream);
  const starts = make('panels', windows.starts);
  const as = (dtype: 'u32' | 'i8' | 'u8' | 'f16' | 'f32'): Buffer =>
    request.bindPacked(k, from, stream.key, stream.made, { dtype, ...(dtype === 'f16' ? { finite: true } : {}) });
  return {
    stream: as('u32'),
    bytes: as('i8'),
    unsigned: as('u8'),
    scales: as(windows.scale),
    starts: request.bindPacked(k, from, starts.key, starts.made),
  };
}

/**
 * Activations as 16-bit integers and a scale a segment: of each row the low bytes, then the high ones, where there are few rows; else as words
 * of two.
 */
function bindBytes(
  k: KernelBuilder,
  x: Value,
  rows: Dim,
  depth: number,
  segment: number,
  request: TemplateRequest,
  access: 'read' | 'write',
): { readonly bytes: Buffer; readonly scales: Buffer } {
  const key = `in segments of ${segment}`;
  return {
    bytes: request.bindScratch(k, `bytes ${key}`, tensor('i32', [rows, depth / 2]), access, x),
    scales: request.bindScratch(k, `scales ${key}`, tensor('f32', [rows, depth / segment]), access, x),
  };
}

/** The kernel that makes them, once for all products that read the same input; bytes for at most `most` rows. */
function quantizeBytes(
  request: TemplateRequest,
  x: Value,
  rows: Dim,
  depth: number,
  segment: number,
  most: number,
): LoweredKernel {
  const k = new KernelBuilder(`${request.name}_bytes`, 'simd', 1, [rows, 1, 1]);
  const from = request.bind(k, x);
  const to = bindBytes(k, x, rows, depth, segment, request, 'write');
  k.for(0, depth / segment, 1, (s) => {
    const start = add(mul(k.group.x, depth), mul(s, segment));
    const largest = k.var(constant('i32', 0).splat(4), 'most');
    const magnitude = constant('i32', 0x7fffffff).splat(4);
    k.for(0, segment / 4, 1, (i) =>
      largest.set(
        largest.value.max(
          k
            .load(from, add(start, mul(i, 4)), 4)
            .bitcast('i32')
            .and(magnitude),
        ),
      ),
    );
    const peak = k.let(peakOf(k, [largest.value.bitcast('f32')]), 'peak');
    k.store(to.scales, add(mul(k.group.x, depth / segment), s), peak.mul(1 / LARGEST));
    const by = k.let(inverseOf(peak, LARGEST).splat(4), 'inverse');
    const bits = constant('i32', MAGIC_BITS).splat(4);
    k.for(0, segment / 16, 1, (i) => {
      const codes = [0, 1, 2, 3].map((v) => {
        const value = k.load(from, add(add(start, mul(i, 16)), 4 * v), 4);
        return k.let(value.mul(by).add(MAGIC).bitcast('i32').sub(bits), 'code');
      });
      const halves = (of: (c: Expr) => Expr): readonly [Expr, Expr] => {
        const [a, b, c, d] = codes.map(of);
        if (!a || !b || !c || !d) throw new TypeError('four vectors');
        return [narrowHalves(a, b), narrowHalves(c, d)];
      };
      const rowStart = mul(k.group.x, depth / 2);
      const bytes = (): void => {
        const at = add(rowStart, add(mul(s, segment / 4), mul(i, 4)));
        k.store(to.bytes, at, narrowUnsignedBytes(...halves((c) => c.and(0xff))));
        k.store(to.bytes, add(at, depth / 4), narrowBytes(...halves((c) => c.shr(constant('i32', 8)))));
      };
      const words = (): void => {
        const at = add(rowStart, add(mul(s, segment / 2), mul(i, 8)));
        halves((c) => c).forEach((word, h) => k.store(to.bytes, add(at, 4 * h), word));
      };
      byRows(k, rows, most, bytes, words);
    });
  });
  const elements = mul(rows, depth);
  const note = { op: 'matmul', sources: [], template: '', why: '', bytes: mul(6, elements), flops: mul(4, elements) };
  return { ...request.close(k, note), once: { key: `bytes in segments of ${segment}`, of: x } };
}
