import { add, ceilDiv, type Dim, floorDiv, isMultipleOf, mod, mul, sub } from '../../compiler/ir/dim.ts';
import { dimValue, type Expr } from '../../compiler/ir/expr.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { guess } from '../../compiler/lower/region.ts';
import {
  defineTemplate,
  type LoweredKernel,
  type Template,
  type TemplateRequest,
} from '../../compiler/lower/template.ts';
import { InfcError } from '../../runtime/errors.ts';
import { type Contraction, contractionOf, extentOf, place, placeOf, split, type WeightBlocks } from './contraction.ts';
import { noteOf, productSizes } from './gemm-regtile.ts';

const LANES = 64;

/**
 * Contraction with few rows (GEMV and thin products): a workgroup computes `outputs` neighbouring results, each by `LANES / outputs`
 * lanes that share its sum. When the larger factor is contiguous along the depth, lanes of one result sit side by side; otherwise the
 * lanes of neighbouring results do, so that loads coalesce either way.
 */
export function buildDot(request: TemplateRequest, c: Contraction): LoweredKernel {
  const rows = extentOf(c, c.rows);
  const columns = extentOf(c, c.columns);
  const batch = extentOf(c, c.batch);
  const depth = c.depth.reduce<Dim>(mul, 1);
  const outputs = c.rightBlocks ? 4 : c.rightAlongDepth ? (guess(depth) >= 512 ? 1 : 4) : 16;
  const sharers = LANES / outputs;
  const k = new KernelBuilder(request.name, 'simt', LANES, [ceilDiv(columns, outputs), rows, batch]);
  const partial = k.shared('partial', c.type === 'i32' || c.type === 'u32' ? c.type : 'f32', LANES);
  const [mine, part] =
    c.rightBlocks || c.rightAlongDepth
      ? [floorDiv(k.lane, sharers), mod(k.lane, sharers)]
      : [mod(k.lane, outputs), floorDiv(k.lane, outputs)];
  const column = add(mul(k.group.x, outputs), mine);
  const slot = add(mul(mine, sharers), part);
  const sum = k.var(c.init, 'sum');
  const isWhole = isMultipleOf(columns, outputs);
  const coordsAt = (): Dim[] => {
    const flat = isWhole ? column : k.index(dimValue(column), { min: 0, max: sub(columns, 1) }, 'col');
    return place(k, c, [
      { axes: c.batch, flat: k.group.z },
      { axes: c.rows, flat: k.group.y },
      { axes: c.columns, flat },
    ]);
  };
  /** Codes are multiplied as they are; the scale is applied once a group, the offset to the group's sum of the left factor. */
  const accumulateBlocks = (blocks: WeightBlocks, coords: readonly Dim[]): void => {
    const flat = isWhole ? column : k.index(dimValue(column), { min: 0, max: sub(columns, 1) }, 'col');
    const { from, to } = blocks.range(k, flat);
    k.for(add(from, part), to, sharers, (b) => {
      const start = blocks.depthOf(k, flat, b);
      for (const decoded of blocks.groups(k, flat, b)) {
        const { codes, scale, offset } = decoded.group;
        const xs = codes.map((_, i) => k.let(c.left(k, coords, [add(start, placeOf(k, decoded, i, blocks.length))])));
        const [x0, ...more] = xs;
        if (!x0) continue;
        const zero = c.init;
        const products = k.let(codes.reduce<Expr>((s, code, i) => code.fma(xs[i] ?? zero, s), zero));
        const scaled = scale ? products.mul(scale) : products;
        const total = offset ? scaled.sub(offset.mul(more.reduce((s, x) => s.add(x), x0))) : scaled;
        sum.set(sum.value.add(total));
      }
    });
  };
  const accumulate = (): void => {
    const coords = coordsAt();
    if (c.rightBlocks) {
      accumulateBlocks(c.rightBlocks, coords);
      return;
    }
    k.for(
      part,
      depth,
      sharers,
      (d) => {
        const terms = split(k, d, c.depth);
        sum.set(c.left(k, coords, terms).fma(c.right(k, coords, terms), sum.value));
      },
      'd',
    );
  };
  if (isWhole) accumulate();
  else k.if(dimValue(column).lt(dimValue(columns)), accumulate);
  k.store(partial, slot, sum.value);
  for (let half = sharers / 2; half >= 1; half /= 2) {
    k.barrier();
    k.if(dimValue(part).lt(half), () =>
      k.store(partial, slot, k.load(partial, slot).add(k.load(partial, add(slot, half)))),
    );
  }
  k.barrier();
  const finish = (): void => request.finish(k, k.load(partial, slot), coordsAt());
  const first = dimValue(part).eq(0);
  k.if(isWhole ? first : first.and(dimValue(column).lt(dimValue(columns))), finish);
  return request.close(k, noteOf(request, c));
}

const dot = (op: string): Template =>
  defineTemplate({
    name: 'gemv',
    op,
    when: (node, target) => {
      const s = productSizes(node);
      const out = node.outputs[0]?.type.dtype;
      return (
        target.kernels === 'simt' &&
        target.maxLanes >= LANES &&
        target.sharedBytes >= LANES * 4 &&
        (out === 'f32' || out === 'f16' || out === 'bf16' || out === 'i32') &&
        s !== undefined &&
        s.groups === 1 &&
        node.inputs[1]?.type.format === 'dense' &&
        s.depth >= 32
      );
    },
    score: 5,
    why: 'one factor is read once: lanes share each sum and read it in order',
    build: (request) => {
      const c = contractionOf(request);
      if (!c)
        throw new InfcError('INFC3015', `'${request.anchor.op}' is no sum of products`, {
          node: request.anchor.source.name,
        });
      return [buildDot(request, c)];
    },
  });

export const gemv: readonly Template[] = ['matmul', 'conv', 'matmul_integer', 'conv_integer'].map(dot);
