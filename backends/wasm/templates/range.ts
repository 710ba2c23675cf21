import { add, ceilDiv, type Dim, min as dimMin, floorDiv, mul, product, sub } from '../../../compiler/ir/dim.ts';
import { type Buffer, constant, type Expr } from '../../../compiler/ir/expr.ts';
import { tensor } from '../../../compiler/ir/graph.ts';
import { KernelBuilder, type Variable } from '../../../compiler/ir/kernel-builder.ts';
import { defineTemplate, type LoweredKernel, type TemplateRequest } from '../../../compiler/lower/template.ts';

/** Elements one work item looks at. */
const ITEM = 1 << 15;
/** Running results side by side, so that each step need not wait for the one before. */
const CHAINS = 4;
const STEP = 4 * CHAINS;

const least = (a: Expr, b: Expr): Expr => a.min(b);
const greatest = (a: Expr, b: Expr): Expr => a.max(b);

interface Sides {
  readonly low: Variable;
  readonly high: Variable;
}

/** Hands on the least and greatest element of [from, to) of `x` (and of 0). */
function scan(k: KernelBuilder, x: Buffer, from: Dim, to: Dim, put: (low: Expr, high: Expr) => void): void {
  const zero = constant('f32', 0);
  const start = (width: 1 | 4): Sides => ({
    low: k.var(zero.splat(width), 'low'),
    high: k.var(zero.splat(width), 'high'),
  });
  const take = (s: Sides, v: Expr): void => {
    const value = k.let(v);
    s.low.set(least(s.low.value, value));
    s.high.set(greatest(s.high.value, value));
  };
  const chains = Array.from({ length: CHAINS }, () => start(4));
  const whole = add(from, mul(floorDiv(sub(to, from), STEP), STEP));
  k.for(from, whole, STEP, (i) => {
    for (const [c, s] of chains.entries()) take(s, k.load(x, add(i, 4 * c), 4));
  });
  const rest = start(1);
  k.for(whole, to, 1, (i) => take(rest, k.load(x, i)));
  const join = (side: keyof Sides, f: typeof least): Expr => {
    const vector = k.let(chains.map((s) => s[side].value).reduce(f));
    return [0, 1, 2, 3].map((lane) => vector.extract(lane)).reduce(f, rest[side].value);
  };
  put(join('low', least), join('high', greatest));
}

/** Work items scan a block each; a last kernel scans what they found: a minimum among the lows, and so on. */
function build(request: TemplateRequest): LoweredKernel[] {
  const [x] = request.anchor.inputs;
  if (!x) throw new TypeError('value_range without input');
  const elements = product(x.type.shape);
  const items = ceilDiv(elements, ITEM);
  const note = {
    op: 'value_range',
    sources: [],
    template: '',
    why: '',
    bytes: mul(elements, 4),
    flops: mul(elements, 2),
  };
  const partial = tensor('f32', [mul(items, 2)]);
  const first = new KernelBuilder(request.name, 'simd', 1, [items, 1, 1]);
  const from = mul(first.group.x, ITEM);
  scan(first, request.bind(first, x), from, dimMin(add(from, ITEM), elements), (low, high) => {
    const out = request.bindScratch(first, 'ranges', partial, 'write');
    first.store(out, mul(first.group.x, 2), low);
    first.store(out, add(mul(first.group.x, 2), 1), high);
  });
  const last = new KernelBuilder(`${request.name}_join`, 'simd', 1, [1, 1, 1]);
  // Lows are at most 0 and highs at least 0, so both may be scanned together.
  scan(last, request.bindScratch(last, 'ranges', partial, 'read'), 0, mul(items, 2), (low, high) => {
    request.finish(last, low, [0]);
    request.finish(last, high, [1]);
  });
  return [request.close(first, note), request.close(last, { ...note, bytes: mul(items, 8), flops: mul(items, 4) })];
}

/** Least and greatest of all elements, in blocks that threads share. */
export const rangeSimd = defineTemplate({
  name: 'range-simd',
  op: 'value_range',
  score: 10,
  why: 'blocks of elements, four chains of vectors each',
  when: (node) => node.inputs[0]?.type.dtype === 'f32' && node.inputs[0].type.format === 'dense',
  build,
});
