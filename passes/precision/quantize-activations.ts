import { derivedConstant } from '../../compiler/derived-constant.ts';
import { fitsFormat, type StorageFormat } from '../../compiler/formats/format.ts';
import { checkFinite, finiteRows } from '../../compiler/formats/rows.ts';
import { type Dim, isStatic } from '../../compiler/ir/dim.ts';
import { type Graph, type Node, tensor, type Value } from '../../compiler/ir/graph.ts';
import type { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { type DynamicQuantized, dynamicQuantize } from '../../compiler/ops/dynamic-quantize.ts';
import { constantNumbers, isFloatsDtype } from '../../compiler/tensor-values.ts';
import { InfcError } from '../../runtime/errors.ts';
import { ruleFor, type Weight, weightOf } from '../format/weights.ts';
import { builderAt, definePass } from '../pass.ts';
import type { InputStatistics } from './quantizer.ts';

/** Products with fewer weights gain nothing from 8 bits. */
const SMALLEST = 1024;
/** With more outlier columns than this share the float product costs what the integers save. */
const MOST_WIDE = 0.25;

/** How activations become codes. */
interface Way {
  /** Ranges come from calibration and are constants; else from each run's values. */
  readonly isStatic: boolean;
  /** Columns of a product's input that reach this magnitude stay floats. */
  readonly outliers: number | undefined;
  readonly statistics: ReadonlyMap<string, InputStatistics> | undefined;
}

/**
 * W8A8: convolutions and products with constant weights multiply 8-bit codes. Weights are rounded symmetrically, a scale for each output
 * channel. Activations are rounded while the model runs: those of a convolution over the range of the whole tensor, those of a product row
 * by row (per token), so that one token's outliers cost the others nothing (Dettmers et al. 2022; Yao et al. 2022, ZeroQuant); or, static,
 * over the range that calibration saw, which costs no pass over the tensor. Columns of a product's input with outliers may stay floats and
 * be multiplied by themselves (LLM.int8(), Dettmers et al. 2022).
 */
export const quantizeActivations = definePass({
  name: 'quantize-activations',
  phase: 'precision',
  does: 'multiplies 8-bit codes where the recipe quantizes activations too (--quant w8a8)',
  run(graph, { storage, ...context }) {
    const recipe = storage?.recipe;
    if (recipe?.activations === undefined) return;
    const way: Way = {
      isStatic: recipe.activations === 'static',
      outliers: recipe.outliers,
      statistics: storage?.calibration,
    };
    if ((way.isStatic || way.outliers !== undefined) && !way.statistics)
      throw new InfcError('INFC2089', `recipe '${recipe.name}' needs to know the ranges of activations`, {
        fix: 'Give --calibrate, or use w8a8, which looks at each run',
      });
    for (const node of [...graph.nodes]) {
      const y = node.outputs[0];
      const b = builderAt(graph, node, context);
      const weight = node.op === 'matmul' ? weightOf(node) : undefined;
      const rule = weight && ruleFor(recipe, weight, graph, context);
      const format = rule?.format === 'dense' ? undefined : storage?.format(rule?.format ?? '');
      // Weights with a format of their own are multiplied with floats.
      if (format && format.whole === undefined) continue;
      const made =
        weight && format && fitsFormat(format, weight.size.length)
          ? wholeProduct(graph, weight, b, format)
          : node.op === 'conv'
            ? conv(graph, node, b, way)
            : node.op === 'matmul'
              ? product(graph, node, b, way)
              : undefined;
      if (!made || !y) continue;
      const { dtype } = y.type;
      const value = dtype === 'f32' ? made.value : b.node('cast', [made.value], { to: dtype });
      value.name = y.name;
      graph.replaceUses(y, value);
      graph.remove(node);
      context.changed(node, `multiplies 8-bit codes${made.how}`, { to: 'i8' });
    }
  },
});

interface Made {
  readonly value: Value;
  readonly how: string;
}

interface Codes {
  readonly codes: Value;
  readonly scale: Value;
}

/** Constant f32 weights as i8 with one scale for each index of `axis`, which is given `shape`; `without`: columns that are taken out. */
function weightCodes(
  graph: Graph,
  w: Value | null | undefined,
  axis: number,
  shape: readonly Dim[],
  without: ReadonlySet<number> = new Set(),
): Codes | undefined {
  const source = w?.constant;
  if (!w || !source || !isFloatsDtype(w.type.dtype) || w.type.format !== 'dense' || source.encoded) return undefined;
  const dims = w.type.shape.filter(isStatic);
  const elements = dims.reduce((n, d) => n * d, 1);
  if (dims.length !== w.type.shape.length || elements < SMALLEST) return undefined;
  const inner = dims.slice(axis + 1).reduce((n, d) => n * d, 1);
  const channels = dims[axis] ?? 1;
  const values = Float32Array.from(constantNumbers(source));
  checkFinite(source.name, values, elements / (dims[0] ?? 1));
  const largest = new Float64Array(channels);
  const channelOf = (i: number): number => Math.floor(i / inner) % channels;
  // Of a matrix: the index of the axis that is summed over.
  const columnOf = (i: number): number => (axis === 0 ? i % inner : Math.floor(i / channels));
  for (let i = 0; i < elements; i++) {
    if (without.size > 0 && without.has(columnOf(i))) values[i] = 0;
    const v = Math.abs(Number(values[i]));
    const c = channelOf(i);
    if (v > (largest[c] ?? 0)) largest[c] = v;
  }
  const scales = Float32Array.from(largest, (v) => (v > 0 ? v / 127 : 1));
  const codes = new Int8Array(elements);
  for (let i = 0; i < elements; i++) codes[i] = Math.round(Number(values[i]) / (scales[channelOf(i)] ?? 1));
  const constant = (name: string, dtype: 'i8' | 'f32', of: readonly Dim[], data: Int8Array | Float32Array): Value =>
    graph.constant({
      name: `${source.name}.${name}`,
      type: { dtype, shape: of, format: 'dense' },
      bytes: data.byteLength,
      read: () => new Uint8Array(data.buffer),
    });
  return { codes: constant('codes', 'i8', w.type.shape, codes), scale: constant('scale', 'f32', shape, scales) };
}

/** The input as f32; undefined where the node computes in something else. */
function floatInput(node: Node, b: GraphBuilder): Value | undefined {
  const [x] = node.inputs;
  const dtypes = [x?.type.dtype, node.outputs[0]?.type.dtype];
  if (!x || x.constant || !dtypes.every((d) => d !== undefined && isFloatsDtype(d))) return undefined;
  return x.type.dtype === 'f32' ? x : b.node('cast', [x], { to: 'f32' });
}

/** u8 codes over the range that calibration saw; undefined when it did not see this input. */
function staticQuantize(b: GraphBuilder, x: Value, seen: InputStatistics | undefined): DynamicQuantized | undefined {
  if (!seen?.range) return undefined;
  const [low, high] = [Math.min(0, seen.range[0]), Math.max(0, seen.range[1])];
  const step = Math.fround((high - low || 1) / 255);
  const scale = b.scalar('f32', step);
  const zero = b.scalar('u8', Math.max(0, Math.min(255, Math.round(-low / step))));
  const codes = b.node('quantize_linear', [x, scale, zero], { axis: 0, block: 0, dtype: 'u8', precision: 'f32' });
  return { codes, scale, zero };
}

function conv(graph: Graph, node: Node, b: GraphBuilder, way: Way): Made | undefined {
  const w = node.inputs[1];
  const spatial = (w?.type.shape.length ?? 2) - 2;
  const perGroup = Number(w?.type.shape[1] ?? 1);
  // Depthwise convolutions read each code a few times only.
  const x = perGroup < 2 ? undefined : floatInput(node, b);
  if (!x || !w) return undefined;
  const weights = weightCodes(graph, w, 0, [w.type.shape[0] ?? 1, ...new Array<number>(spatial).fill(1)]);
  if (!weights) return undefined;
  const fixed = way.isStatic ? staticQuantize(b, x, way.statistics?.get(w.constant?.name ?? '')) : undefined;
  const a = fixed ?? dynamicQuantize(b, x);
  const { dtype: _, ...attrs } = node.attrs;
  const sums = b.node('conv_integer', [a.codes, weights.codes, a.zero, null], attrs);
  const value = b.node('mul', [b.node('cast', [sums], { to: 'f32' }), b.node('mul', [a.scale, weights.scale])]);
  return { value, how: fixed ? ' over the calibrated range' : way.isStatic ? ' over the range of each run' : '' };
}

function product(graph: Graph, node: Node, b: GraphBuilder, way: Way): Made | undefined {
  const w = node.inputs[1];
  if (!w || node.attrs.transposeA || w.type.shape.length !== 2) return undefined;
  const x = floatInput(node, b);
  if (!x) return undefined;
  const transposeB = Boolean(node.attrs.transposeB);
  const axis = transposeB ? 0 : 1;
  const seen = way.statistics?.get(w.constant?.name ?? '');
  const wide = outlierColumns(seen, way.outliers);
  const weights = weightCodes(graph, w, axis, [w.type.shape[axis] ?? 1], new Set(wide));
  if (!weights) return undefined;
  const narrow = wide.length > 0 ? b.node('mul', [x, maskOf(b, Number(x.type.shape.at(-1)), wide)]) : x;
  const fixed = way.isStatic ? staticQuantize(b, narrow, seen) : undefined;
  const a = fixed ?? rowCodes(b, narrow);
  const sums = b.node('matmul_integer', [a.codes, weights.codes, fixed?.zero ?? null, null], { transposeB });
  const scaled = b.node('mul', [b.node('mul', [b.node('cast', [sums], { to: 'f32' }), a.scale]), weights.scale]);
  const how = fixed ? ' over the calibrated range' : '';
  if (wide.length === 0) return { value: scaled, how };
  const rest = b.node('matmul', [columnsOf(b, x, wide, -1), columnsOf(b, w, wide, transposeB ? 1 : 0)], { transposeB });
  return { value: b.node('add', [scaled, rest]), how: `${how}, ${wide.length} columns with outliers stay floats` };
}

/**
 * W4A8: rows of weights become whole numbers, which the format rounds further, with a scale a row behind the product; activations are codes of
 * 8 bits, a scale a row (QoQ, Lin et al. 2024).
 */
function wholeProduct(graph: Graph, weight: Weight, b: GraphBuilder, format: StorageFormat): Made | undefined {
  const { node, constant, size, transposed } = weight;
  const x = node.attrs.transposeA ? undefined : floatInput(node, b);
  if (!x) return undefined;
  const most = format.whole ?? 127;
  const scales = (values: Float32Array): Float32Array =>
    Float32Array.from({ length: size.rows }, (_, r) => {
      const largest = values
        .subarray(r * size.length, (r + 1) * size.length)
        .reduce((m, w) => Math.max(m, Math.abs(w)), 0);
      return largest > 0 ? largest / most : 1;
    });
  const derived = (name: string, shape: readonly number[], make: (values: Float32Array) => Float32Array): Value =>
    graph.constant(
      derivedConstant(constant, `whole${most} ${name} ${transposed}`, () => ({
        name: name === '' ? constant.name : `${constant.name}.${name}`,
        type: tensor('f32', shape),
        bytes: shape.reduce((n, d) => n * d, 4),
        read: () => new Uint8Array(make(finiteRows(constant, size, transposed)).buffer),
      })),
    );
  const whole = derived('', [size.rows, size.length], (values) => {
    const by = scales(values);
    return values.map((w, i) => Math.round(w / (by[Math.floor(i / size.length)] ?? 1)));
  });
  const a = rowCodes(b, x);
  const sums = b.node('matmul', [a.codes, whole], { transposeB: true, dtype: 'f32' });
  const value = b.node('mul', [b.node('mul', [sums, a.scale]), derived('scale', [size.rows], scales)]);
  return { value, how: `, weights are whole numbers for ${format.name}` };
}

/** i8 codes and one scale for each row. */
function rowCodes(b: GraphBuilder, x: Value): { readonly codes: Value; readonly scale: Value } {
  const last = x.type.shape.length - 1;
  const largest = b.node('reduce_max', [b.node('abs', [x])], { axes: [last], keepDims: true });
  const isFlat = b.node('eq', [largest, b.scalar('f32', 0)]);
  const scale = b.node('where', [isFlat, b.scalar('f32', 1), b.node('div', [largest, b.scalar('f32', 127)])]);
  const rounded = b.node('round', [b.node('div', [x, scale])]);
  const codes = b.node('cast', [b.node('clip', [rounded, b.scalar('f32', -127), b.scalar('f32', 127)])], { to: 'i8' });
  return { codes, scale };
}

/** Input channels that reached the threshold on the calibration data; none where there are too many. */
function outlierColumns(seen: InputStatistics | undefined, threshold: number | undefined): number[] {
  if (!seen || threshold === undefined) return [];
  const found = [...seen.maxAbs.keys()].filter((j) => (seen.maxAbs[j] ?? 0) >= threshold);
  return found.length <= MOST_WIDE * seen.maxAbs.length ? found : [];
}

function maskOf(b: GraphBuilder, k: number, without: readonly number[]): Value {
  const mask = new Float32Array(k).fill(1);
  for (const j of without) mask[j] = 0;
  return b.constant('f32', [k], mask, 'inliers');
}

const columnsOf = (b: GraphBuilder, v: Value, columns: readonly number[], axis: number): Value =>
  b.node('gather', [v, b.constant('i64', [columns.length], columns, 'outliers')], {
    axis: axis < 0 ? v.type.shape.length + axis : axis,
  });
