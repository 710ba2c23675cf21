import { packedOnce } from '../../compiler/derived-constant.ts';
import type { StorageFormat } from '../../compiler/formats/format.ts';
import { planesOf } from '../../compiler/formats/rows.ts';
import { add, type Dim, isStatic, mul } from '../../compiler/ir/dim.ts';
import type { Node, Value } from '../../compiler/ir/graph.ts';
import type { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { guess } from '../../compiler/lower/region.ts';
import { defineTemplate, type Template, type TemplateRequest } from '../../compiler/lower/template.ts';
import { InfcError } from '../../runtime/errors.ts';
import { contractionOf, type WeightBlocks } from './contraction.ts';
import { buildTiled } from './gemm-regtile.ts';
import { buildDot } from './gemv.ts';

/** Weights of a block: the longest run that one entry of some plane covers. */
export const blockOf = (format: StorageFormat): number =>
  Object.values(format.planes).reduce((n, p) => Math.max(n, p.per), format.group);

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
  const length = blockOf(format);
  const planes = Object.entries(format.planes).map(([name, plane]) => {
    const perColumn = depth / plane.per;
    const total = n * perColumn;
    const key = `${format.name}.${name}${transposed ? '' : '.t'}`;
    const packed = packedOnce(source, key, plane.dtype, total, () => {
      const values = planesOf(source, format, { rows: n, length: depth }, !transposed)[name];
      if (!values) throw new TypeError(`format '${format.name}' encodes no plane '${name}'`);
      return values;
    });
    return { name, key, per: plane.per, perColumn, packed };
  });
  return {
    length,
    *groups(k: KernelBuilder, column: Dim, block: Dim) {
      for (let part = 0; part < length / format.group; part++) {
        const values = Object.fromEntries(
          planes.map(({ name, key, per, perColumn, packed }) => {
            const buffer = request.bindPacked(k, weights, key, packed);
            const first = Math.floor((part * format.group) / per);
            const base = add(add(mul(column, perColumn), mul(block, length / per)), first);
            const own = Math.max(1, format.group / per);
            return [name, Array.from({ length: own }, (_, i) => k.let(k.load(buffer, add(base, i)), 'w'))];
          }),
        );
        const group = format.decode(values, part);
        if (group.columns)
          throw new InfcError('INFC4023', `format '${format.name}' moves columns, which GPU templates do not support`, {
            node: request.anchor.source.name,
          });
        yield group;
      }
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
