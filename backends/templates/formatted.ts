import { packedOnce } from '../../compiler/derived-constant.ts';
import { blockColumns, blockStarts, startsOf } from '../../compiler/formats/blocks.ts';
import { decodeBlock, gridSpan, type ReadRagged, type StorageFormat } from '../../compiler/formats/format.ts';
import { type Planes, planesOf } from '../../compiler/formats/rows.ts';
import { add, type Dim, floorDiv, isStatic, mod, mul } from '../../compiler/ir/dim.ts';
import { type DType, viewOf } from '../../compiler/ir/dtype.ts';
import type { Buffer, Expr } from '../../compiler/ir/expr.ts';
import type { Node, Value } from '../../compiler/ir/graph.ts';
import type { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { guess } from '../../compiler/lower/region.ts';
import { defineTemplate, type Template, type TemplateRequest } from '../../compiler/lower/template.ts';
import { InfcError } from '../../runtime/errors.ts';
import { contractionOf, type WeightBlocks } from './contraction.ts';
import { buildTiled } from './gemm-regtile.ts';
import { buildDot } from './gemv.ts';

/** The planes of a constant [depth, n] (or [n, depth]) in a storage format: each column's entries one after the other. */
export function weightBlocks(
  request: TemplateRequest,
  weights: Value,
  format: StorageFormat,
  n: number,
  depth: number,
  transposed: boolean,
): WeightBlocks {
  const source = weights.constant;
  if (!source) throw new TypeError('weights are not constant');
  const { sparse } = format;
  const size = { rows: n, length: depth };
  const encoded = (): Planes => planesOf(source, format, size, !transposed);
  // How much sparse rows keep is known only once they are encoded.
  const made = sparse ? encoded() : undefined;
  const bind = (k: KernelBuilder, name: string, dtype: DType, entries: number): Buffer => {
    const key = `${format.name}.${name}${transposed ? '' : '.t'}`;
    const length = Math.max(1, made?.[name]?.length ?? entries);
    const packed = packedOnce(source, key, dtype, length, () => {
      const values = encoded()[name];
      if (!values) throw new TypeError(`format '${format.name}' encodes no plane '${name}'`);
      return values.length > 0 ? values : viewOf(dtype, new ArrayBuffer(8), 0, 1);
    });
    return request.bindPacked(k, weights, key, packed);
  };
  const span = gridSpan(format);
  const { rows: height, columns } = sparse?.blocks ?? { rows: 1, columns: depth };
  const length = sparse?.blocks ? columns : span;
  const parts = length / format.group;
  const strips = Math.ceil(n / height);
  const kept = made && sparse?.blocks ? Number(made[blockStarts]?.at(-1)) : strips;
  const start = (k: KernelBuilder, strip: Dim): Dim => {
    const at = k.load(bind(k, blockStarts, 'u32', strips + 1), strip);
    return k.index(at, { min: 0, max: kept }, 'start');
  };
  const load = (k: KernelBuilder, column: Dim, block: Dim) => {
    const row = sparse?.blocks ? add(mul(block, height), mod(column, height)) : column;
    const within = sparse?.blocks ? 0 : block;
    return (name: string, entry: number, per: number): Expr => {
      const buffer = bind(k, name, format.planes[name]?.dtype ?? 'u32', (n * depth) / per);
      const base = add(mul(row, columns / per), mul(within, length / per));
      return k.let(k.load(buffer, add(base, entry)), 'w');
    };
  };
  const read = (k: KernelBuilder, column: Dim): ReadRagged => {
    const firsts = new Map<string, Expr>();
    return (name, entry) => {
      const common = format.shared?.[name];
      if (common) {
        const buffer = bind(k, name, common.dtype, common.entries);
        return k.let(k.load(buffer, k.index(entry, { min: 0, max: common.entries - 1 }, 'at')), 'w');
      }
      const dtype = sparse?.ragged?.[name] ?? 'u32';
      const entries = made?.[name]?.length ?? 1;
      const buffer = bind(k, name, dtype, entries);
      const first =
        firsts.get(name) ?? k.let(k.load(bind(k, startsOf(name), 'u32', n + 1), column).cast('i32'), 'first');
      firsts.set(name, first);
      return k.let(k.load(buffer, k.index(first.add(entry), { min: 0, max: entries - 1 }, 'at')), 'w');
    };
  };
  return {
    length,
    parts,
    someLeftOut: sparse?.blocks !== undefined,
    range: (k, column) => {
      if (!sparse?.blocks) return { from: 0, to: depth / length };
      const strip = floorDiv(column, height);
      return { from: start(k, strip), to: start(k, add(strip, 1)) };
    },
    depthOf: (k, _, block) => {
      if (!sparse?.blocks) return mul(block, length);
      const at = k.load(bind(k, blockColumns, 'u16', kept), block);
      return mul(k.index(at, { min: 0, max: depth / columns - 1 }, 'block'), columns);
    },
    groups: (k, column, block, part) => {
      const [entry, ragged] = [load(k, column, block), read(k, column)];
      const perSpan = span / format.group;
      const wanted = part === undefined ? Array.from({ length: parts }, (_, p) => p) : [part];
      return wanted.flatMap((p) => {
        const [before, own] = [Math.floor(p / perSpan), p % perSpan];
        const shifted = (name: string, e: number, per: number): Expr => entry(name, (before * span) / per + e, per);
        return decodeBlock(format, shifted, ragged, [own, own + 1]).map(({ group, at }) => ({
          group,
          at: before * span + at,
        }));
      });
    },
  };
}

/** Sizes of a product with constant weights in a storage format. */
function sizesOf(node: Node): { n: number; depth: number; rows: number } | undefined {
  const [a, b] = node.inputs;
  const out = node.outputs[0];
  if (!a || !b?.constant || !out || b.type.format === 'dense' || node.attrs.transposeA) return undefined;
  if (!b.type.shape.slice(0, -2).every((d) => d === 1)) return undefined;
  const n = out.type.shape.at(-1);
  const depth = a.type.shape.at(-1);
  if (n === undefined || depth === undefined || !isStatic(n) || !isStatic(depth) || n < 2) return undefined;
  return { n, depth, rows: guess(out.type.shape.slice(0, -1).reduce<Dim>(mul, 1)) };
}

const formatted = (name: string, why: string, fits: (rows: number) => boolean, build: typeof buildTiled): Template =>
  defineTemplate({
    name,
    op: 'matmul',
    score: 20,
    why,
    when: (node, target) => {
      const s = sizesOf(node);
      return target.kernels === 'simt' && target.sharedBytes >= 12288 && s !== undefined && fits(s.rows);
    },
    build: (request) => {
      const s = sizesOf(request.anchor);
      const weights = request.anchor.inputs[1];
      const c = contractionOf(request);
      if (!s || !weights || !c || c.depth.length !== 1)
        throw new InfcError('INFC4023', 'weights in a storage format need a product with a plain depth', {
          node: request.anchor.source.name,
        });
      const format = request.format(weights.type.format);
      const transposed = Boolean(request.anchor.attrs.transposeB);
      const rightBlocks = weightBlocks(request, weights, format, s.n, s.depth, transposed);
      return [build(request, { ...c, rightBlocks })];
    },
  });

/** Products with constant weights that stay in their storage format, decoded in registers or into the tile. */
export const formattedProducts: readonly Template[] = [
  formatted('gemv-format', 'few rows: codes are multiplied straight from the weights', (rows) => rows < 8, buildDot),
  formatted('gemm-format', 'weights are decoded into the tile in workgroup memory', (rows) => rows >= 8, buildTiled),
];
