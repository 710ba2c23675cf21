import { add, type Dim, floorDiv, isStatic, mod, mul, product, sub } from '../../compiler/ir/dim.ts';
import { computeType, type ScalarType } from '../../compiler/ir/dtype.ts';
import { constant, dimValue, type Expr, type Width } from '../../compiler/ir/expr.ts';
import type { Node, Value } from '../../compiler/ir/graph.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { ravel, unravel } from '../../compiler/lower/element.ts';
import {
  defineTemplate,
  type LoweredKernel,
  type Template,
  type TemplateRequest,
} from '../../compiler/lower/template.ts';
import { reducedAxes } from '../../compiler/ops/reduce.ts';
import { flagAttr } from '../../compiler/ops/shapes.ts';

const LANES = 64;

/** A running sum or product: as a meaning each element folds over its prefix, which is quadratic; here each is the one before and one more. */
interface Running {
  readonly x: Value;
  readonly axis: number;
  readonly reverse: boolean;
  readonly exclusive: boolean;
  readonly type: ScalarType;
  readonly identity: Expr;
  join(a: Expr, b: Expr): Expr;
}

/** What a node accumulates; undefined where only the run knows the axis, or where elements are narrower than what they are added up in. */
function runningOf(node: Node): Running | undefined {
  const [x] = node.inputs;
  if (x?.type.format !== 'dense' || x.type.container) return undefined;
  const { dtype, shape } = x.type;
  const axes = reducedAxes(shape.length, node.attrs).flatMap((r, axis) => (r === 0 ? [] : [{ r, axis }]));
  const [only] = axes;
  if (axes.length !== 1 || only?.r !== 1) return undefined;
  const type = computeType(dtype);
  if (type === 'bool' || (type !== dtype && dtype !== 'f16' && dtype !== 'bf16')) return undefined;
  const isSum = node.op === 'cumsum';
  return {
    x,
    axis: only.axis,
    reverse: flagAttr(node.attrs, 'reverse'),
    exclusive: flagAttr(node.attrs, 'exclusive'),
    type,
    identity: constant(type, isSum ? 0 : 1),
    join: (a, b) => (isSum ? a.add(b) : a.mul(b)),
  };
}

function runningIn(
  request: TemplateRequest,
): Running & { readonly length: Dim; readonly inner: Dim; readonly outer: readonly Dim[] } {
  const r = runningOf(request.anchor);
  if (!r) throw new TypeError('not a running sum along one axis');
  const { shape } = r.x.type;
  return { ...r, length: shape[r.axis] ?? 1, inner: product(shape.slice(r.axis + 1)), outer: shape.slice(0, r.axis) };
}

const noteOf = (request: TemplateRequest, bytes: Dim) => ({
  op: request.anchor.op,
  sources: [],
  template: '',
  why: '',
  bytes: mul(8, bytes),
  flops: bytes,
});

/** One work item goes along the axis with four neighbours of the axes inside, or with one element. */
function inOrder(request: TemplateRequest): LoweredKernel {
  const r = runningIn(request);
  const { length, inner, outer, axis } = r;
  const width: Width = isStatic(inner) && inner % 4 === 0 && (r.type === 'f32' || r.type === 'i32') ? 4 : 1;
  const columns = isStatic(inner) ? inner / width : inner;
  const k = new KernelBuilder(request.name, 'simd', 1, [mul(product(outer), columns), 1, 1]);
  const from = request.bind(k, r.x);
  const item = k.group.x;
  const before = unravel(floorDiv(item, columns), outer);
  const column = mul(mod(item, columns), width);
  const sum = k.var(r.identity.splat(width), 'sum');
  k.for(0, length, 1, (i) => {
    const t = r.reverse ? sub(sub(length, 1), i) : i;
    // The axes inside count as one.
    const coords = axis === r.x.type.shape.length - 1 ? [...before, t] : [...before, t, column];
    const v = k.load(from, ravel(coords, [...outer, length, ...(coords.length > axis + 1 ? [inner] : [])]), width);
    if (r.exclusive) {
      const old = k.let(sum.value, 'old');
      sum.set(r.join(sum.value, v));
      request.finish(k, old, coords);
    } else {
      sum.set(r.join(sum.value, v));
      request.finish(k, sum.value, coords);
    }
  });
  return request.close(k, noteOf(request, product(r.x.type.shape)));
}

/** A workgroup goes along the axis, a chunk at a time: within it, sums over 1, 2, 4... lanes (Hillis and Steele's scan) on what came before. */
function byChunks(request: TemplateRequest): LoweredKernel {
  const r = runningIn(request);
  const { length, inner, outer, axis } = r;
  const k = new KernelBuilder(request.name, 'simt', LANES, [mul(product(outer), inner), 1, 1]);
  const from = request.bind(k, r.x);
  const sums = k.shared('sums', r.type === 'f32' ? 'f32' : r.type === 'i32' ? 'i32' : 'u32', LANES);
  const before = unravel(floorDiv(k.group.x, inner), outer);
  const column = mod(k.group.x, inner);
  const carried = k.var(r.identity, 'carried');
  const lane = dimValue(k.lane);
  k.for(0, length, LANES, (chunk) => {
    const i = add(chunk, k.lane);
    const isIn = k.let(dimValue(i).lt(dimValue(length)), 'is_in');
    const within = (body: (coords: readonly Dim[]) => void): void =>
      k.if(isIn, () => {
        const at = k.index(dimValue(r.reverse ? sub(sub(length, 1), i) : i), { min: 0, max: sub(length, 1) }, 'at');
        body(axis === r.x.type.shape.length - 1 ? [...before, at] : [...before, at, column]);
      });
    const mine = k.var(r.identity, 'mine');
    within((c) => mine.set(k.load(from, ravel(c, [...outer, length, ...(c.length > axis + 1 ? [inner] : [])]))));
    for (let reach = 1; reach < LANES; reach *= 2) {
      k.store(sums, k.lane, mine.value);
      k.barrier();
      k.if(lane.ge(reach), () => {
        const other = k.index(lane.sub(reach), { min: 0, max: LANES - 1 - reach }, 'other');
        mine.set(r.join(k.load(sums, other), mine.value));
      });
      k.barrier();
    }
    k.store(sums, k.lane, mine.value);
    k.barrier();
    const earlier = k.var(carried.value, 'earlier');
    if (r.exclusive)
      k.if(lane.ge(1), () => {
        const other = k.index(lane.sub(1), { min: 0, max: LANES - 2 }, 'other');
        earlier.set(r.join(carried.value, k.load(sums, other)));
      });
    else earlier.set(r.join(carried.value, mine.value));
    within((c) => request.finish(k, earlier.value, c));
    carried.set(r.join(carried.value, k.load(sums, LANES - 1)));
    k.barrier();
  });
  return request.close(k, noteOf(request, product(r.x.type.shape)));
}

const OPS = ['cumsum', 'cumprod'];

/** For work items that run on their own. */
export const cumulativeSimd: readonly Template[] = OPS.map((op) =>
  defineTemplate({
    name: 'running-simd',
    op,
    score: 10,
    why: 'each result is the one before and one element more',
    when: (node, target) => target.kernels === 'simd' && runningOf(node) !== undefined,
    build: (request) => [inOrder(request)],
  }),
);

/** For workgroups, in the types that their shared memory has everywhere. */
export const cumulativeLanes: readonly Template[] = OPS.map((op) =>
  defineTemplate({
    name: 'running-lanes',
    op,
    score: 10,
    why: 'a workgroup scans the axis in chunks of its size',
    when: (node, target) =>
      target.kernels === 'simt' &&
      target.maxLanes >= LANES &&
      target.sharedBytes >= LANES * 4 &&
      ['f32', 'i32', 'u32'].includes(runningOf(node)?.type ?? ''),
    build: (request) => [byChunks(request)],
  }),
);
