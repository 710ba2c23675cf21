import { blocksOf, startsOf } from '../../compiler/formats/blocks.ts';
import { decodeBlock, gridSpan, type StorageFormat } from '../../compiler/formats/format.ts';
import type { MatrixSize, Planes } from '../../compiler/formats/rows.ts';
import { add, mul, sym } from '../../compiler/ir/dim.ts';
import { constant, type Expr } from '../../compiler/ir/expr.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { compileJs, type JsKernel } from './print-js.ts';

const compiled = new WeakMap<StorageFormat, JsKernel>();

/** Weights and the scales of their groups: rows of `length` values. */
export interface DecodedRows {
  readonly weights: Float32Array;
  /** The scale of each weight's group. */
  readonly scales: Float32Array;
}

/** The weights that planes stand for, by the format's own `decode`: rows of `length` values. */
export const decodeRows = (format: StorageFormat, planes: Planes, size: MatrixSize): Float32Array =>
  run(format, planes, size, ['weights']).weights;

/** The same with scales. */
export const decodeParts = (format: StorageFormat, planes: Planes, size: MatrixSize): DecodedRows =>
  run(format, planes, size, ['weights', 'scales']);

const RESULTS = ['weights', 'scales'] as const;

function run(
  format: StorageFormat,
  planes: Planes,
  size: MatrixSize,
  wanted: readonly (typeof RESULTS)[number][],
): DecodedRows {
  const kernel = compiled.get(format) ?? compileJs(decoder(format));
  compiled.set(format, kernel);
  const span = gridSpan(format);
  const { height, columns, starts, list } = blocksOf(format, planes, size);
  const total = list.length * height * columns;
  const empty = new Float32Array(0);
  const results = RESULTS.map((r) => (wanted.includes(r) ? new Float32Array(total) : empty));
  const ragged = Object.keys(format.sparse?.ragged ?? {});
  const firsts = ragged.map((name) => {
    const of = planes[startsOf(name)];
    const out = new Uint32Array(total / span);
    for (let s = 0, i = 0; s + 1 < starts.length; s++)
      for (let b = starts[s] ?? 0; b < (starts[s + 1] ?? 0); b++)
        for (let r = s * height; r < (s + 1) * height; r++)
          for (let j = 0; j < columns / span; j++, i++) out[i] = Number(of?.[Math.min(r, size.rows - 1)] ?? 0);
    return out;
  });
  kernel(
    [
      ...[...Object.keys(format.planes), ...ragged, ...Object.keys(format.shared ?? {})].map(
        (name) => planes[name] ?? new Uint8Array(0),
      ),
      ...firsts,
      ...results,
    ],
    [total / span],
  );
  const place = (stored: Float32Array): Float32Array => {
    if (!format.sparse?.blocks || stored === empty) return stored;
    const out = new Float32Array(size.rows * size.length);
    for (let s = 0; s + 1 < starts.length; s++)
      for (let b = starts[s] ?? 0; b < (starts[s + 1] ?? 0); b++)
        for (let i = 0; i < height && s * height + i < size.rows; i++) {
          const from = (b * height + i) * columns;
          out.set(stored.subarray(from, from + columns), (s * height + i) * size.length + (list[b] ?? 0) * columns);
        }
    return out;
  };
  const [weights = empty, scales = empty] = results.map(place);
  return { weights, scales };
}

/** Decodes spans one after the other, as they are stored. Results that are not wanted are arrays of no length, which ignore stores. */
function decoder(format: StorageFormat) {
  const span = gridSpan(format);
  const spans = sym('spans', { min: 1 });
  const k = new KernelBuilder('decode', 'simd', 1, [spans, 1, 1]);
  const buffers = new Map(
    Object.entries(format.planes).map(([name, { dtype, per }]) => [
      name,
      k.buffer(`p${name}`, dtype, 'read', mul(spans, span / per)),
    ]),
  );
  const ragged = Object.entries(format.sparse?.ragged ?? {});
  // A row of a ragged plane has at most an entry a weight.
  const arrays = new Map(ragged.map(([name, dtype]) => [name, k.buffer(`r${name}`, dtype, 'read', mul(spans, span))]));
  const shared = new Map(
    Object.entries(format.shared ?? {}).map(([name, { dtype, entries }]) => [
      name,
      { entries, buffer: k.buffer(`s${name}`, dtype, 'read', entries) },
    ]),
  );
  const firsts = new Map(ragged.map(([name]) => [name, k.buffer(`first${name}`, 'u32', 'read', spans)]));
  const [weights, scales] = RESULTS.map((name) => k.buffer(name, 'f32', 'write', mul(spans, span)));
  if (!weights || !scales) throw new TypeError('two results');
  const most = { min: 0, max: mul(spans, span) };
  const of = <T>(map: ReadonlyMap<string, T>, name: string): T => {
    const found = map.get(name);
    if (found === undefined) throw new RangeError(`format '${format.name}' has no plane '${name}'`);
    return found;
  };
  const groups = decodeBlock(
    format,
    (name, entry, per) => k.let(k.load(of(buffers, name), add(mul(k.group.x, span / per), entry))),
    (name, entry) => {
      const common = shared.get(name);
      if (common) return k.let(k.load(common.buffer, k.index(entry, { min: 0, max: common.entries - 1 })));
      const first = k.let(k.load(of(firsts, name), k.group.x).cast('i32'));
      return k.let(k.load(of(arrays, name), k.index(first.add(entry), most)));
    },
  );
  for (const { group, at } of groups) {
    const step = group.scale && k.let(group.scale);
    const base = group.offset && k.let(group.offset);
    group.codes.forEach((given, i) => {
      const code: Expr = k.let(given);
      const scaled = step ? code.mul(step) : code;
      const column = group.columns?.[i];
      const index = column ? k.index(column, { min: 0, max: format.group - 1 }) : i;
      const to = add(mul(k.group.x, span), add(index, at));
      k.store(weights, to, base ? scaled.sub(base) : scaled);
      k.store(scales, to, step ?? constant('f32', 1));
    });
  }
  return k.done({ op: 'decode', sources: [], template: 'decode', why: 'reference', bytes: 0, flops: 0 });
}
