import { isStatic } from '../../compiler/ir/dim.ts';
import type { Node, Value } from '../../compiler/ir/graph.ts';
import { constantNumbers } from '../../compiler/tensor-values.ts';

/** Steps that a proof may look back. */
const DEPTH = 24;
/** Larger constants are not read for a bound. */
const LARGEST = 1 << 24;

/** Ops whose results lie within a bound whatever their input. */
const BOUNDED: Readonly<Record<string, number>> = {
  sigmoid: 1,
  hard_sigmoid: 1,
  tanh: 1,
  erf: 1,
  softmax: 1,
  hardmax: 1,
  sin: 1,
  cos: 1,
  sign: 1,
};

/** Ops that give elements of their first input, or values between them. */
const WITHIN: ReadonlySet<string> = new Set([
  ...(['identity', 'reshape', 'transpose', 'slice', 'expand', 'reverse', 'depth_to_space', 'space_to_depth'] as const),
  ...(['gather', 'max_pool', 'average_pool', 'relu', 'abs', 'neg', 'reduce_max', 'reduce_min', 'reduce_mean'] as const),
  ...(['silu', 'gelu', 'hard_swish', 'trilu', 'cast'] as const),
]);

/** dtypes whose values are bounded by themselves. */
const OF_DTYPE: Readonly<Record<string, number>> = { bool: 1, i8: 128, u8: 255, i16: 32768, u16: 65535 };

const known = new WeakMap<Value, { readonly bound: number | undefined }>();

/**
 * The largest magnitude that a value can have, proven from the graph and its constants; undefined when nothing bounds it. Norms are where
 * bounds begin: x / rms(x) is at most sqrt(n), whatever x.
 */
export function provenBound(v: Value, depth = DEPTH): number | undefined {
  const found = known.get(v);
  if (found) return found.bound;
  const bound = depth > 0 ? boundOf(v, (i) => (i ? provenBound(i, depth - 1) : undefined)) : undefined;
  // What failed for want of depth may be proven from elsewhere.
  if (bound !== undefined || depth === DEPTH) known.set(v, { bound });
  return bound;
}

function boundOf(v: Value, of: (v: Value | null | undefined) => number | undefined): number | undefined {
  if (v.constant) return largestOf(v);
  const byDtype = OF_DTYPE[v.type.dtype];
  if (byDtype !== undefined) return byDtype;
  const node = v.producer;
  if (!node || node.outputs[0] !== v) return undefined;
  const [a, b] = node.inputs;
  if (BOUNDED[node.op] !== undefined) return BOUNDED[node.op];
  if (WITHIN.has(node.op)) return of(a);
  switch (node.op) {
    case 'add':
    case 'sub':
      return combine(of(a), of(b), (x, y) => x + y);
    case 'mul':
      return combine(of(a), of(b), (x, y) => x * y);
    case 'rope':
      // Pairs of elements turn.
      return combine(of(a), 2, (x, two) => x * Math.sqrt(two));
    case 'where':
      return combine(of(b), of(node.inputs[2]), Math.max);
    case 'concat':
      return node.inputs.reduce<number | undefined>((m, i) => combine(m, of(i), Math.max), 0);
    case 'clip':
      return combine(of(b), of(node.inputs[2]), Math.max);
    case 'rms_norm':
    case 'layer_norm':
      return normBound(node);
    case 'matmul':
    case 'conv':
      return combine(of(a), largestRowSum(node), (x, w) => x * w);
    default:
      return undefined;
  }
}

const combine = (
  a: number | undefined,
  b: number | undefined,
  how: (a: number, b: number) => number,
): number | undefined => (a === undefined || b === undefined ? undefined : how(a, b));

const elementsOf = (v: Value): number => v.type.shape.reduce<number>((n, d) => (isStatic(d) ? n * d : Number.NaN), 1);

function largestOf(v: Value): number | undefined {
  if (!v.constant || v.constant.strings || v.type.format !== 'dense' || !(elementsOf(v) <= LARGEST)) return undefined;
  let most = 0;
  for (const x of constantNumbers(v.constant)) {
    if (!Number.isFinite(x)) return undefined;
    most = Math.max(most, Math.abs(x));
  }
  return most;
}

/** |x - mean| and |x| of n values are at most sqrt(n) of their deviation (root mean square). */
function normBound(node: Node): number | undefined {
  const [x, scale, bias] = node.inputs;
  const axes = x?.type.shape.slice(Number(node.attrs.axis ?? 0)) ?? [];
  const n = axes.reduce<number>((m, d) => (isStatic(d) ? m * d : Number.NaN), 1);
  const gain = scale ? largestOf(scale) : 1;
  const shift = bias ? largestOf(bias) : 0;
  if (!Number.isFinite(n) || gain === undefined || shift === undefined) return undefined;
  return Math.sqrt(n) * gain + shift;
}

/** Largest sum of |w| that one output takes: what a product can grow by. */
function largestRowSum(node: Node): number | undefined {
  const w = node.inputs[1];
  const shape = w?.type.shape ?? [];
  if (!w?.constant || w.type.format !== 'dense' || !(elementsOf(w) <= LARGEST)) return undefined;
  if (node.op === 'matmul' && shape.length !== 2) return undefined;
  const rows = node.op === 'conv' || node.attrs.transposeB === true;
  const n = Number(shape[rows ? 0 : 1]);
  const values = constantNumbers(w.constant);
  const length = values.length / n;
  const sums = new Float64Array(n);
  for (let i = 0; i < values.length; i++) {
    const r = rows ? Math.floor(i / length) : i % n;
    sums[r] = (sums[r] ?? 0) + Math.abs(values[i] ?? 0);
  }
  return sums.reduce((m, s) => Math.max(m, s), 0);
}
