import { add, type Dim, min as dimMin, floorDiv, isStatic, mod, mul, product, sub } from '../../../compiler/ir/dim.ts';
import { computeType, type DType } from '../../../compiler/ir/dtype.ts';
import { constant, type Expr } from '../../../compiler/ir/expr.ts';
import type { Node } from '../../../compiler/ir/graph.ts';
import type { Kernel } from '../../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import { defineTemplate, type Template, type TemplateRequest } from '../../../compiler/lower/template.ts';
import { windowsOf } from '../../../compiler/ops/conv.ts';
import { flagAttr, integerRange, numbersAttr } from '../../../compiler/ops/shapes.ts';
import { finishVector } from './microkernel.ts';
import { type Axis, blockOf, blocksOf, copyPatch, flatAxis, floatPlanes, locate, type Patched } from './patch.ts';

const FLOATS: ReadonlySet<DType> = new Set(['f32', 'f16', 'bf16']);
/** 8-bit codes are pooled as the floats of the same value, which are exact. */
const CODES: ReadonlySet<DType> = new Set(['i8', 'u8']);

/** One channel at a time, as a convolution over one channel. */
function geometryOf(node: Node): (Patched & { readonly rank: number }) | undefined {
  const [x] = node.inputs;
  const out = node.outputs[0]?.type;
  if (!x || !out || node.outputs.length > 1) return undefined;
  const isCodes = node.op === 'max_pool' && CODES.has(x.type.dtype) && x.type.dtype === out.dtype;
  if (!isCodes && (!FLOATS.has(x.type.dtype) || !FLOATS.has(out.dtype))) return undefined;
  const kernel = numbersAttr(node.attrs, 'kernel');
  const rank = kernel.length;
  if (rank < 1 || rank > 2 || x.type.format !== 'dense') return undefined;
  const axes = windowsOf(node.attrs, kernel).map(
    (w, i): Axis => ({ ...w, taps: kernel[i] ?? 1, input: x.type.shape[2 + i] ?? 1, output: out.shape[2 + i] ?? 1 }),
  );
  const columns = axes.at(-1);
  // Rows shorter than a vector would mostly compute what is not there.
  if (!columns || columns.taps > 64 || (isStatic(columns.output) && columns.output < 4)) return undefined;
  return { x, depth: 1, channels: 1, y: rank === 2 ? (axes[0] ?? flatAxis) : flatAxis, columns, rank };
}

/** Whether every window of an average counts all its taps. */
function countsAll(node: Node): boolean {
  const g = geometryOf(node);
  if (!g) return false;
  if (flagAttr(node.attrs, 'ceil')) return false;
  return flagAttr(node.attrs, 'countPadding') || [g.y, g.columns].every((a) => a.begin === 0 && a.end === 0);
}

/** A running maximum that keeps NaN: one compare and select a step, and a mask of lanes that saw NaN. */
function maximum(values: readonly Expr[]): Expr {
  const [first, ...rest] = values;
  if (!first) throw new RangeError('a window without taps');
  const largest = rest.reduce((m, x) => m.lt(x).select(x, m), first);
  const bad = values.map((x) => x.isNan()).reduce((p, q) => p.or(q));
  return bad.select(constant('f32', Number.NaN).splat(first.width), largest);
}

/**
 * Two passes over a patch of one channel: each row is reduced along its columns, then the rows of each window. A window of k x k taps
 * costs 2 k steps.
 */
function build(request: TemplateRequest, kind: 'max' | 'mean'): Kernel {
  const g = geometryOf(request.anchor);
  if (!g) throw new TypeError('not a pooling this template runs');
  const { y, columns: c } = g;
  const b = blockOf(g);
  const [batch = 1, channels = 1] = request.output.shape;
  const { rowBlocks, columnBlocks } = blocksOf(g, b);
  const k = new KernelBuilder(request.name, 'simd', 1, [product([batch, channels, rowBlocks, columnBlocks]), 1, 1]);
  const x = request.bind(k, g.x);
  const patch = k.shared('patch', 'f32', b.plane + 8);
  const width = b.vectors * 4;
  const reduced = k.shared('rows', 'f32', b.patchRows * width);
  let rest = k.group.x;
  const take = (n: Dim): Dim => {
    const i = mod(rest, n);
    rest = floorDiv(rest, n);
    return i;
  };
  const columnBlock = take(columnBlocks);
  const rowBlock = take(rowBlocks);
  const channel = take(channels);
  const n = rest;
  const at = locate(k, g, b, rowBlock, columnBlock);
  const { dtype } = g.x.type;
  const code = CODES.has(dtype) ? computeType(dtype) : undefined;
  const outside = code ? Number(integerRange(dtype).min) : kind === 'max' ? Number.NEGATIVE_INFINITY : 0;
  copyPatch(k, g, b, floatPlanes(k, g, x, n, channel, outside), patch, at);

  const along = (taps: number, load: (tap: Dim) => Expr): Expr => {
    if (taps <= 8) {
      const values = Array.from({ length: taps }, (_, t) => load(t));
      return kind === 'max' ? maximum(values) : values.reduce((p, q) => p.add(q));
    }
    const acc = k.var(load(0), 'acc');
    const bad = k.var(acc.value.isNan(), 'bad');
    k.for(1, taps, 1, (t) => {
      const v = k.let(load(t));
      if (kind === 'mean') acc.set(acc.value.add(v));
      else {
        acc.set(acc.value.lt(v).select(v, acc.value));
        bad.set(bad.value.or(v.isNan()));
      }
    });
    return kind === 'mean' ? acc.value : bad.value.select(constant('f32', Number.NaN).splat(4), acc.value);
  };
  // Columns of a whole static row end in a vector that overlaps the one before.
  const columnOf = (v: Dim): Dim =>
    b.columns >= 4 && b.columns % 4 !== 0 ? dimMin(mul(v, 4), b.columns - 4) : mul(v, 4);
  const patchRows = y.taps === 1 ? at.rows : add(mul(sub(at.rows, 1), y.stride), (y.taps - 1) * y.dilation + 1);
  k.for(0, patchRows, 1, (r) => {
    k.for(0, at.vectors, 1, (v) => {
      const start = add(mul(r, b.phaseColumns), columnOf(v));
      const value = along(c.taps, (t) => {
        const across = mul(t, c.dilation);
        if (b.phases === 1) return k.load(patch, add(start, across), 4);
        const phase = mul(mod(across, b.phases), b.patchRows * b.phaseColumns);
        return k.load(patch, add(start, add(phase, floorDiv(across, b.phases))), 4);
      });
      k.store(reduced, add(mul(r, width), mul(v, 4)), value);
    });
  });
  k.for(0, at.rows, 1, (r) => {
    k.for(0, at.vectors, 1, (v) => {
      const first = y.taps === 1 ? r : mul(r, y.stride);
      const start = add(mul(first, width), mul(v, 4));
      const total = along(y.taps, (t) => k.load(reduced, add(start, mul(t, y.dilation * width)), 4));
      const value = kind === 'max' ? total : total.div(y.taps * c.taps);
      finishVector(k, code ? value.cast(code) : value, add(at.column, columnOf(v)), c.output, (e, column) =>
        request.finish(k, e, [n, channel, ...(g.rank === 2 ? [add(at.row, r)] : []), column]),
      );
    });
  });
  const outputs = product(request.output.shape);
  return k.done({
    op: request.anchor.op,
    sources: [request.anchor.source.name],
    template: 'pool-simd',
    why: 'windows reduced along columns, then along rows',
    bytes: mul(code ? 1 : 4, add(product(g.x.type.shape), outputs)),
    flops: mul(outputs, y.taps * c.taps),
  });
}

const why = 'windows reduced along columns, then along rows, four outputs at a time';

/** Largest and mean value of windows over one or two axes. */
export const poolSimd: readonly Template[] = [
  defineTemplate({
    name: 'max-pool-simd',
    op: 'max_pool',
    score: 10,
    why,
    when: (node) => geometryOf(node) !== undefined,
    build: (request) => build(request, 'max'),
  }),
  defineTemplate({
    name: 'average-pool-simd',
    op: 'average_pool',
    score: 10,
    why,
    when: countsAll,
    build: (request) => build(request, 'mean'),
  }),
];
