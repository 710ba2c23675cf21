import type { CodeWord, IntegerAccess, StorageFormat } from '../../../compiler/formats/format.ts';
import { add, type Dim, mul } from '../../../compiler/ir/dim.ts';
import { type Buffer, constant, type Expr, pack } from '../../../compiler/ir/expr.ts';
import { tensor, type Value } from '../../../compiler/ir/graph.ts';
import { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import type { LoweredKernel, TemplateRequest } from '../../../compiler/lower/template.ts';
import { InfcError } from '../../../runtime/errors.ts';
import { evenBytes, oddBytes } from '../intrinsics.ts';

/** Activations are scaled to integers in runs of this many. */
export const RUN = 32;
/** Largest integer an activation becomes: sums of a run's products stay exact in 32 bits whatever the codes. */
const LARGEST = 32767;

/**
 * How the integers of activations lie in memory for one kind of weights: for each run of 32 the words of two 16-bit halves in the order
 * in which the weights' words come.
 */
export interface RowLayout {
  readonly key: string;
  /** Elements of a run in each word, low half first. */
  readonly words: readonly (readonly number[])[];
  /** Weights that share scale and offset, at most a run: sums of activations are kept for each. */
  readonly segment: number;
}

type PlaneValues = Readonly<Record<string, readonly Expr[]>>;

/** Words of two codes for one step: as the format gives them, or its bytes widened. */
export function halvesOf(access: IntegerAccess, planes: PlaneValues): readonly CodeWord[] {
  if (access.halves) return access.halves(planes);
  const low = constant('u32', 0x00ff00ff);
  return access.bytes(planes).flatMap(({ word, elements: [a = 0, b = 0, c = 0, d = 0] }) => [
    { word: access.signed ? evenBytes(word) : word.and(low), elements: [a, c] },
    { word: access.signed ? oddBytes(word) : word.shr(constant('u32', 8)).and(low), elements: [b, d] },
  ]);
}

/** Layout of activations for a format, found by asking it for its words. */
export function rowLayout(format: StorageFormat, access: IntegerAccess): RowLayout {
  const { step } = access;
  const dummy = Object.fromEntries(
    Object.entries(format.planes)
      .filter(([, { per }]) => per <= step)
      .map(([name, { per }]) => [name, Array.from({ length: step / per }, () => constant('u32', 0))]),
  );
  const own = halvesOf(access, dummy).map((w) => w.elements);
  if (RUN % step !== 0 || own.some((w) => w.some((e) => e < 0 || e >= step)) || own.length !== step / 2)
    throw new InfcError('INFC4028', `format '${format.name}' gives integer codes in steps of ${step}`, {
      fix: 'Let a step divide 32 and its words hold each element once',
    });
  const words = Array.from({ length: RUN / step }, (_, i) => own.map((w) => w.map((e) => i * step + e))).flat();
  const segment = Math.min(RUN, format.group);
  return { key: `${segment} ${JSON.stringify(words)}`, words, segment };
}

/** Memory that holds the activations as integers. */
export interface IntegerRows {
  /** Two halves a word: [rows, depth / 2]. */
  readonly codes: Buffer;
  /** f32 [rows, depth / RUN]: value = scale * code. */
  readonly scales: Buffer;
  /** f32 [rows, depth / segment]: sums of scaled codes. */
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
    request.bindScratch(k, `${what} of ${x.id} ${layout.key}`, tensor(dtype, [rows, perRow]), access);
  return {
    codes: bind('codes', 'i32', depth / 2),
    scales: bind('scales', 'f32', depth / RUN),
    sums: bind('sums', 'f32', depth / layout.segment),
  };
}

/**
 * The kernel that turns activations into integers, once for all products that read them. Each run of 32 gets its own scale, so an outlier
 * costs precision only among its neighbours; NaN and infinities make the scale NaN or infinite, and with it every product of the run.
 */
export function quantizeRows(request: TemplateRequest, x: Value, size: RowsSize, layout: RowLayout): LoweredKernel {
  const { rows, depth } = size;
  const perRow = depth / RUN;
  const k = new KernelBuilder(`${request.name}_rows`, 'simd', 1, [rows, 1, 1]);
  const from = request.bind(k, x);
  const to = bindRows(k, request, x, size, layout, 'write');
  k.for(0, perRow, 1, (g) => {
    const run = add(mul(k.group.x, perRow), g);
    const values = Array.from({ length: RUN / 4 }, (_, i) => k.let(k.load(from, add(mul(run, RUN), 4 * i), 4), 'x'));
    const most = values.map((v) => v.abs()).reduce((a, b) => a.max(b));
    const peak = k.let(
      [1, 2, 3].reduce((m, i) => m.max(most.extract(i)), most.extract(0)),
      'peak',
    );
    const none = peak.eq(0);
    const inverse = k.let(none.select(constant('f32', 0), constant('f32', LARGEST).div(peak)).splat(4), 'inverse');
    const scale = k.let(peak.mul(1 / LARGEST), 'scale');
    const codes = values.map((v) => k.let(v.mul(inverse).round().cast('i32'), 'code'));
    for (let s = 0; s < RUN / layout.segment; s++) {
      const own = codes.slice((s * layout.segment) / 4, ((s + 1) * layout.segment) / 4);
      const sum = k.let(
        own.reduce((a, b) => a.add(b)),
        'sum',
      );
      const total = [1, 2, 3].reduce((t, i) => t.add(sum.extract(i)), sum.extract(0));
      k.store(to.sums, add(mul(run, RUN / layout.segment), s), total.cast('f32').mul(scale));
    }
    k.store(to.scales, run, scale);
    for (let w = 0; w < layout.words.length; w += 4) {
      const four = layout.words.slice(w, w + 4);
      const side = (half: number): Expr =>
        pick(
          codes,
          four.map((e) => e[half] ?? 0),
        );
      const word = side(0)
        .and(constant('i32', 0xffff))
        .or(side(1).shl(constant('i32', 16)));
      k.store(to.codes, add(mul(run, RUN / 2), w), word);
    }
  });
  const elements = mul(rows, depth);
  const lowered = request.close(k, {
    op: 'matmul',
    sources: [],
    template: '',
    why: '',
    bytes: mul(6, elements),
    flops: mul(4, elements),
  });
  return { ...lowered, once: `rows of ${x.id} ${layout.key}` };
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
