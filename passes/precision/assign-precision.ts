import type { Precision } from '../../compiler/formats/recipe.ts';
import type { Graph, Node, Value } from '../../compiler/ir/graph.ts';
import { builderAt, definePass, type PassContext } from '../pass.ts';
import type { InputStatistics } from './quantizer.ts';
import { provenBound } from './value-range.ts';

/** 16-bit floats that values may be kept as. */
type Narrow = 'f16' | 'bf16';

/** Largest finite f16, and how far what calibration saw must stay below it: other data will be larger. */
const [LARGEST_F16, HEADROOM] = [65504, 16];
/** Below this root mean square, f16 has fewer bits than its 11 for typical values. */
const LEAST_F16 = 2 ** -13;
/** A value whose largest magnitude is further above its root mean square has outliers, which norms and sums should see in full. */
const CREST = 64;

/** Ops that move elements about and so may move narrow ones. */
const MOVES: ReadonlySet<string> = new Set([
  ...(['identity', 'reshape', 'transpose', 'slice', 'expand', 'reverse', 'depth_to_space', 'space_to_depth'] as const),
  'max_pool',
  'gather',
]);
/** What a template schedules reads its operands from memory: a widening would be stored. */
const isTemplated = (op: string): boolean => /_pool$|^(lstm|gru|rnn)/.test(op) && op !== 'max_pool';
const PRODUCTS: ReadonlySet<string> = new Set(['matmul', 'conv']);
/** Small differences of their inputs become large ones. */
const STEEP: ReadonlySet<string> = new Set([
  ...(['softmax', 'log_softmax', 'exp', 'log', 'pow', 'cumsum', 'sin', 'cos', 'tan', 'dot_product_attention'] as const),
  ...(['reduce_log_sum_exp', 'softplus', 'sinh', 'cosh', 'einsum'] as const),
]);
/** Sums over many elements: what they read may be narrow only without outliers, what they give only where products read it. */
const isSum = (op: string): boolean => /_norm$|^reduce_(sum|mean|l\d|sum_square)|^average_pool|^lp_pool|^lrn$/.test(op);

/**
 * Mixed precision: values that kernels hand to one another are kept as 16-bit floats, half the memory traffic; every kernel computes and
 * accumulates in f32, so each such value is rounded once. Logits, what softmax and exponentials read, results of norms that anything but a
 * product reads, and values with outliers stay f32; so do values whose range is neither proven nor measured to fit f16
 * (Micikevicius et al. 2017; the list of autocast). The rounding is a cast in the graph, hence the same on every target; one without 16-bit
 * floats stores the same bits in words.
 */
export const assignPrecision = definePass({
  name: 'assign-precision',
  phase: 'precision',
  after: ['quantize-activations'],
  does: 'keeps values between kernels as 16-bit floats where their range allows (--precision)',
  run(graph, context) {
    const precision = context.storage?.recipe?.precision;
    if (precision === undefined) return;
    for (const { value, key } of storagePoints(graph, context)) {
      // A narrow value's movement has been moved already.
      if (value.uses.length === 0) continue;
      const { producer } = value;
      const chosen = choose(value, precision, context.storage?.calibration?.get(key));
      if (!producer) continue;
      const { to, why } = chosen;
      if (to) narrow(graph, value, producer, to, context);
      context.changed(producer, `${to ? `kept as ${to}` : 'stays f32'}: ${why}`, { why, ...(to ? { to } : {}) });
    }
  },
});

/** A value that a kernel stores for others, and its name in calibrations: the same in every entry of a model and in every compilation. */
export interface StoragePoint {
  readonly value: Value;
  readonly key: string;
}

/** f32 values that one kernel hands to another, whatever the target. */
export function storagePoints(graph: Graph, { ops }: Pick<PassContext, 'ops'>): StoragePoint[] {
  const isScalar = (n: Node): boolean => ops.op(n.op)?.scalar !== undefined && n.op !== 'identity';
  const isKernel = (n: Node): boolean => {
    const op = ops.op(n.op);
    return op?.scalar !== undefined || op?.element !== undefined || op?.view === true;
  };
  const outputs = new Set(graph.outputs);
  const seen = new Map<string, number>();
  const points: StoragePoint[] = [];
  for (const node of graph.nodes) {
    const [v] = node.outputs;
    const name = `${node.source.name} ${node.op}`;
    const count = seen.get(name) ?? 0;
    seen.set(name, count + 1);
    if (!v || node.outputs.length !== 1 || v.type.dtype !== 'f32' || v.type.container || outputs.has(v)) continue;
    if (!isKernel(node) || v.uses.length === 0 || !v.uses.every((u) => graph.nodes.includes(u) && isKernel(u)))
      continue;
    // Elementwise chains run in one kernel; nothing between them is stored.
    if (v.uses.every(isScalar) && meet(v, isScalar)) continue;
    points.push({ value: v, key: `value ${name} ${count}` });
  }
  return points;
}

/** Whether elementwise users of a value come together in one of them, so that one kernel holds them all. */
function meet(v: Value, isScalar: (n: Node) => boolean): boolean {
  const users = [...new Set(v.uses)];
  /** Nodes that a chain of elementwise nodes with one user each goes through. */
  const chain = (from: Node): Set<Node> => {
    const way = new Set<Node>([from]);
    for (let at: Node | undefined = from, steps = 0; at && steps < 6; steps++) {
      const uses: Node[] | undefined = at.outputs[0]?.uses;
      at = uses?.length === 1 && uses[0] && isScalar(uses[0]) ? uses[0] : undefined;
      if (at) way.add(at);
    }
    return way;
  };
  const chains = users.map(chain);
  return [...(chains[0] ?? [])].some((n) => chains.every((c) => c.has(n)));
}

function choose(
  v: Value,
  precision: Precision,
  seen: InputStatistics | undefined,
): { readonly to?: Narrow; readonly why: string } {
  const readers = readersOf(v);
  const op = v.producer?.op ?? '';
  const onlyProducts = readers.every((n) => PRODUCTS.has(n.op));
  const steep = readers.find((n) => STEEP.has(n.op));
  if (steep) return { why: `${steep.op} reads it` };
  const templated = readers.find((n) => isTemplated(n.op));
  if (templated) return { why: `${templated.op} reads it from memory in f32` };
  if ((isSum(op) || STEEP.has(op)) && !onlyProducts) return { why: `${op} gives it` };
  const largest = seen?.maxAbs[0];
  const rms = Math.sqrt(seen?.meanSquare[0] ?? 0);
  if (!Number.isFinite(rms)) return { why: 'it is not finite on the calibration data' };
  const sum = readers.find((n) => isSum(n.op));
  if (sum && largest === undefined)
    return { why: `${sum.op} reads it, and without calibration outliers are not known` };
  if (sum && largest !== undefined && largest > CREST * rms)
    return { why: `${sum.op} reads it, and its outliers are ${(largest / rms).toFixed(0)} times its root mean square` };
  if (precision === 'bf16') return { to: 'bf16', why: 'bf16 has the range of f32' };
  const why = fitsF16(v, largest, rms);
  if (why.fits) return { to: 'f16', why: why.text };
  if (precision === 'mixed' && onlyProducts) return { to: 'bf16', why: `${why.text}, and only products read it` };
  return { why: why.text };
}

/** Who reads the elements of a value, looking through movement. */
function readersOf(v: Value): Node[] {
  return [...new Set(v.uses)].flatMap((n) => {
    const [out] = n.outputs;
    return moves(n, v) && out ? readersOf(out) : [n];
  });
}

/** Whether a node only moves elements of this value. */
const moves = (n: Node, v: Value): boolean =>
  MOVES.has(n.op) && n.outputs.length === 1 && n.inputs[0] === v && n.inputs.lastIndexOf(v) === 0;

function fitsF16(
  v: Value,
  largest: number | undefined,
  rms: number,
): { readonly fits: boolean; readonly text: string } {
  const proven = provenBound(v);
  if (proven !== undefined && proven <= LARGEST_F16)
    return { fits: true, text: `at most ${proven.toPrecision(3)}, proven` };
  if (largest === undefined)
    return {
      fits: false,
      text:
        proven === undefined
          ? 'its range is not known without calibration'
          : `proven only below ${proven.toPrecision(3)}`,
    };
  const text = `at most ${largest.toPrecision(3)} on the calibration data`;
  if (largest * HEADROOM > LARGEST_F16) return { fits: false, text };
  if (largest > 0 && rms < LEAST_F16)
    return { fits: false, text: `root mean square ${rms.toExponential(1)} is too small` };
  return { fits: true, text };
}

/** Rounds a value where it is made; whoever reads it widens it again. */
function narrow(graph: Graph, v: Value, producer: Node, to: Narrow, context: PassContext): void {
  const uses = [...new Set(v.uses)];
  const next = graph.nodes[graph.nodes.indexOf(producer) + 1] ?? producer;
  const b = builderAt(graph, next, context);
  b.source = producer.source;
  const rounded = b.node('cast', [v], { to });
  feed(graph, v, rounded, uses, context);
}

/** Makes `users` of the wide value read the narrow one: products and movement directly, others through a widening of their own. */
function feed(graph: Graph, wide: Value, narrowed: Value, users: readonly Node[], context: PassContext): void {
  for (const user of users) {
    const [out] = user.outputs;
    if (moves(user, wide) && out && !graph.outputs.includes(out)) {
      const b = builderAt(graph, user, context);
      const moved = b.node(user.op, [narrowed, ...user.inputs.slice(1)], user.attrs);
      feed(graph, out, moved, [...new Set(out.uses)], context);
      if (out.uses.length === 0) graph.remove(user);
      continue;
    }
    const isProduct = PRODUCTS.has(user.op);
    if (isProduct && out) user.attrs = { ...user.attrs, dtype: user.attrs.dtype ?? out.type.dtype };
    // A widening for each reader: its kernel does it while it loads.
    let widened: Value | undefined;
    user.inputs.forEach((v, i) => {
      if (v !== wide) return;
      if (!isProduct) widened ??= builderAt(graph, user, context).node('cast', [narrowed], { to: 'f32' });
      graph.setInput(user, i, widened ?? narrowed);
    });
  }
}
