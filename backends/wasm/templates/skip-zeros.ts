import { packedOnce } from '../../../compiler/derived-constant.ts';
import { add, min as dimMin, isStatic, mul, product, sub } from '../../../compiler/ir/dim.ts';
import { constant, dimValue } from '../../../compiler/ir/expr.ts';
import { type Constant, tensor } from '../../../compiler/ir/graph.ts';
import { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import { defineTemplate, type LoweredKernel, type TemplateRequest } from '../../../compiler/lower/template.ts';
import { constantNumbers } from '../../../compiler/tensor-values.ts';
import { hasConstantB, noteFor, type Operands, operandsOf } from './gemm.ts';
import { finishVector } from './microkernel.ts';

/** Entries of the list that one round takes: their sums do not wait for one another. */
const ROUND = 4;
/** Columns that one work item computes: their sums stay in the first-level cache. */
const ITEM = 512;

/** Lists what of the row is not zero: how many, their places, their values; the last round is filled up with zeros. */
function listNonZero(o: Operands, depth: number, request: TemplateRequest): LoweredKernel {
  const k = new KernelBuilder(`${request.name}_list`, 'simd', 1, [1, 1, 1]);
  const x = request.bind(k, o.a);
  const { places, values } = bindList(k, o, depth, request, 'write');
  const count = k.var(constant('i32', 0), 'count');
  const bounds = { min: 0, max: depth };
  k.for(0, depth, 1, (i) => {
    const value = k.let(k.load(x, i), 'x');
    // NaN is not zero.
    k.if(value.eq(0).not(), () => {
      const at = k.index(count.value, bounds, 'at');
      k.store(places, add(at, 1), dimValue(i));
      k.store(values, at, value);
      count.set(count.value.add(1));
    });
  });
  const end = k.index(count.value, bounds, 'end');
  k.for(0, ROUND, 1, (i) => {
    k.store(places, add(add(end, i), 1), constant('i32', 0));
    k.store(values, add(end, i), constant('f32', 0));
  });
  k.store(places, 0, count.value);
  return { ...request.close(k, noteFor(o, request, 'lists what is not zero')), once: { key: 'not zero', of: o.a } };
}

function bindList(k: KernelBuilder, o: Operands, depth: number, request: TemplateRequest, access: 'read' | 'write') {
  const bind = (what: string, dtype: 'i32' | 'f32') =>
    request.bindScratch(k, `${what} not zero`, tensor(dtype, [depth + ROUND + 1]), access, o.a);
  return { places: bind('places', 'i32'), values: bind('values', 'f32') };
}

/** b as [depth][columns], columns filled up to whole vectors: what one factor multiplies is read in order. */
function packRows(o: Operands): { readonly key: string; readonly width: number; readonly packed: Constant } {
  const [n, depth] = [Number(o.n), Number(o.depth)];
  const width = Math.ceil(n / 4) * 4;
  const source = o.b.constant;
  if (!source) throw new TypeError('b is not constant');
  const key = `rows${o.transposeB ? 't' : ''}`;
  const packed = packedOnce(source, key, 'f32', depth * width, () => {
    const w = constantNumbers(source);
    const out = new Float32Array(depth * width);
    for (let i = 0; i < depth; i++)
      for (let c = 0; c < n; c++) out[i * width + c] = w[o.transposeB ? c * depth + i : i * n + c] ?? 0;
    return out;
  });
  return { key, width, packed };
}

/** One row times constant columns: rows of b whose factor is zero are not read; of the others, a few are added up at a time. */
function build(o: Operands, request: TemplateRequest): LoweredKernel[] {
  const [n, depth] = [Number(o.n), Number(o.depth)];
  const { key, width, packed } = packRows(o);
  const k = new KernelBuilder(request.name, 'simd', 1, [Math.ceil(width / ITEM), 1, 1]);
  const { places, values } = bindList(k, o, depth, request, 'read');
  const b = request.bindPacked(k, o.b, key, packed);
  const sums = k.shared('sums', 'f32', ITEM);
  const end = k.index(k.load(places, 0), { min: 0, max: depth }, 'end');
  const first = mul(k.group.x, ITEM);
  const columns = dimMin(ITEM, sub(width, first));
  k.for(0, columns, 4, (c) => k.store(sums, c, constant('f32', 0).splat(4)));
  k.for(0, end, ROUND, (p) => {
    const rows = Array.from({ length: ROUND }, (_, u) => ({
      at: k.index(k.load(places, add(add(p, u), 1)), { min: 0, max: depth - 1 }, 'row'),
      factor: k.let(k.load(values, add(p, u)).splat(4), 'factor'),
    }));
    k.for(0, columns, 4, (c) => {
      const sum = rows.reduce(
        (s, { at, factor }) => factor.fma(k.load(b, add(add(mul(at, width), first), c), 4), s),
        k.load(sums, c, 4),
      );
      k.store(sums, c, sum);
    });
  });
  const batch = [...o.batch, 0];
  k.for(0, columns, 4, (c) =>
    finishVector(k, k.load(sums, c, 4), add(first, c), n, (value, at) =>
      request.finish(k, value, [...batch.map(() => 0), at]),
    ),
  );
  return [
    listNonZero(o, depth, request),
    request.close(k, noteFor(o, request, 'rows of b whose factor is zero are not read')),
  ];
}

/** Products of one row that is mostly zeros (what ReLU leaves) with constant floats. */
export const skipZeros = defineTemplate({
  name: 'skip-zeros',
  op: 'matmul',
  score: 15,
  why: 'most of the row is zero: only what it multiplies is read',
  when: (node) => {
    const o = operandsOf(node);
    if (!o || node.attrs.skipZeros !== true || !hasConstantB(o) || o.b.type.format !== 'dense' || o.transposeA)
      return false;
    const rows = product([...o.batch, o.m]);
    return isStatic(rows) && rows === 1 && o.a.type.dtype === 'f32' && ['f32', 'f16', 'bf16'].includes(o.b.type.dtype);
  },
  build: (request) => {
    const o = operandsOf(request.anchor);
    if (!o) throw new TypeError('not a matmul');
    return build(o, request);
  },
});
