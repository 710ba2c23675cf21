import { derivedConstant } from '../../compiler/derived-constant.ts';
import { type FormatRecipe, type FormatRule, matchesName } from '../../compiler/formats/recipe.ts';
import { checkFinite } from '../../compiler/formats/rows.ts';
import { byteLength } from '../../compiler/ir/dtype.ts';
import { type Constant, type Graph, type Program, tensor } from '../../compiler/ir/graph.ts';
import { Memo } from '../../compiler/memo.ts';
import { constantNumbers } from '../../compiler/tensor-values.ts';
import { InfcError } from '../../runtime/errors.ts';
import { definePass, type PassContext, type WeightStorage } from '../pass.ts';
import { type ChannelAxis, type ChannelGroup, channelGroups } from './channel-groups.ts';
import type { InputStatistics } from './quantizer.ts';
import { channelShare } from './sparsity-pattern.ts';

/** Channels kept of a group, by the name of its first reader: entries that share weights lose the same ones. */
const chosen = new Memo<readonly number[]>();

/**
 * Removes whole channels: hidden units of feed-forward layers, filters of convolutions, with all that computes and reads them. What is
 * left is dense and smaller, so every kernel is faster without knowing why.
 */
export const pruneChannels = definePass({
  name: 'prune-channels',
  phase: 'precision',
  before: ['rotate-residual', 'equalize', 'prune-weights'],
  does: 'removes channels that matter least (--sparsity channels:SHARE)',
  run(graph, context) {
    const recipe = context.storage?.recipe;
    if (!recipe?.rules.some((r) => channelShare(r.sparsity) !== undefined)) return;
    for (const group of channelGroups(graph, context.ops)) {
      const rule = ruleOf(recipe, group);
      const share = channelShare(rule?.sparsity);
      if (share === undefined) continue;
      const kept = keptOf(group, share, rule?.prune === 'wanda', context);
      if (kept.length < group.size)
        remove(graph, group, kept, `${rule?.prune ?? 'magnitude'} channels ${share}`, context);
    }
  },
});

const constantOf = ({ node, input }: ChannelAxis): Constant => {
  const c = node.inputs[input]?.constant;
  if (!c) throw new TypeError('an operand with channels is constant');
  return c;
};

/** The rule of the weight that reads the channels; the head and tables keep theirs. */
function ruleOf(recipe: FormatRecipe, { readers }: ChannelGroup): FormatRule | undefined {
  const [first] = readers;
  const name = first ? constantOf(first).name : '';
  return recipe.rules.find(
    (r) => (r.match === undefined || matchesName(r.match, name)) && (r.role ?? 'linear') === 'linear',
  );
}

/** Indices of the channels to keep, rising. */
function keptOf(group: ChannelGroup, share: number, measured: boolean, context: PassContext): readonly number[] {
  const { size, readers } = group;
  const name = readers[0] ? constantOf(readers[0]).name : '';
  return chosen.of(context.program, name, () => {
    // Formats and kernels work in groups of 32, vectors of 8: a remainder would cost more than it saves.
    const multiple = [32, 8].find((m) => size % m === 0) ?? 1;
    const count = Math.min(size, Math.max(1, Math.round((size * (1 - share)) / multiple)) * multiple);
    const scores = scoresOf(group, measured ? context.storage : undefined);
    const kept = Array.from(scores.keys())
      .sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b)
      .slice(0, count)
      .sort((a, b) => a - b);
    for (const weight of new Set(readers.map((r) => constantOf(r).name))) {
      const own = context.storage?.calibration?.get(weight);
      if (own) context.storage?.calibration?.set(weight, selected(own, size, kept));
    }
    return kept;
  });
}

/**
 * How much each channel matters. With statistics of the readers' inputs: the mean square of what it adds to their outputs, sum of
 * w^2 E[x^2] (Wanda's score summed over a structure; Sun et al. 2024, An et al. 2024). Without: the product of the squared norms of what
 * writes and what reads it, which no scaling between the two can change.
 */
function scoresOf({ size, readers, writers }: ChannelGroup, storage: WeightStorage | undefined): Float64Array {
  const energy = (axes: readonly ChannelAxis[], weighted: boolean): Float64Array => {
    const sums = new Float64Array(size);
    for (const a of axes) {
      const constant = constantOf(a);
      const found = weighted ? storage?.calibration?.get(constant.name)?.meanSquare : undefined;
      // A convolution reads each channel at every tap of its filter, channel by channel.
      const taps = (found?.length ?? 0) / size;
      const squares = Number.isInteger(taps) && taps > 0 ? found : undefined;
      if (weighted && storage && !squares && a.node.op === 'matmul')
        throw new InfcError('INFC2072', `'wanda' needs calibration data for '${constant.name}'`, {
          node: constant.name,
          fix: 'Give --calibrate FILE, or leave out --prune wanda',
        });
      eachAlong(constant, a.axis, (w, channel, tap) => {
        sums[channel] = (sums[channel] ?? 0) + w * w * (squares?.[channel * taps + (tap % taps)] ?? 1);
      });
    }
    return sums;
  };
  const read = energy(readers, true);
  if (storage && readers.every((r) => storage.calibration?.has(constantOf(r).name))) return read;
  const written = energy(writers, false);
  return read.map((r, j) => r * (written[j] ?? 0));
}

/** Elements with their place along the axis and behind it. */
function eachAlong(constant: Constant, axis: number, see: (value: number, index: number, inner: number) => void): void {
  const values = constantNumbers(constant);
  const shape = constant.type.shape.map(Number);
  checkFinite(constant.name, values, values.length / (shape[0] ?? 1));
  const size = shape[axis] ?? 1;
  const inner = shape.slice(axis + 1).reduce((n, d) => n * d, 1);
  for (let i = 0; i < values.length; i++) see(values[i] ?? 0, Math.floor(i / inner) % size, i % inner);
}

function remove(graph: Graph, group: ChannelGroup, kept: readonly number[], how: string, context: PassContext): void {
  const { values, writers, readers, others, depthwise } = group;
  for (const a of [...writers, ...readers, ...others]) {
    const smaller = selectAlong(constantOf(a), a.axis, kept, how, context.program);
    graph.setInput(a.node, a.input, graph.constant(smaller));
  }
  for (const node of depthwise) node.attrs = { ...node.attrs, group: kept.length };
  for (const [value, axis] of values)
    value.type = { ...value.type, shape: value.type.shape.map((d, i) => (i === axis ? kept.length : d)) };
  for (const { node } of writers) context.changed(node, `${kept.length} of ${group.size} channels kept`);
}

/** The constant with the given indices of one axis, read when asked for. */
function selectAlong(source: Constant, axis: number, kept: readonly number[], how: string, program: Program): Constant {
  const shape = source.type.shape.map((d, i) => (i === axis ? kept.length : Number(d)));
  const { dtype } = source.type;
  const make = (): Constant => {
    const inner = byteLength(
      dtype,
      shape.slice(axis + 1).reduce((n, d) => n * d, 1),
    );
    const outer = shape.slice(0, axis).reduce((n, d) => n * d, 1);
    const size = Number(source.type.shape[axis]);
    return {
      name: source.name,
      type: tensor(dtype, shape),
      bytes: outer * kept.length * inner,
      read: () => {
        const from = source.read();
        const to = new Uint8Array(outer * kept.length * inner);
        let at = 0;
        for (let o = 0; o < outer; o++)
          for (const j of kept) {
            to.set(from.subarray((o * size + j) * inner, (o * size + j + 1) * inner), at);
            at += inner;
          }
        return to;
      },
    };
  };
  return derivedConstant(source, `${how} of axis ${axis}`, make, program);
}

/** Statistics of the channels that are left. */
function selected(s: InputStatistics, size: number, channels: readonly number[]): InputStatistics {
  const k = s.meanSquare.length;
  const taps = k / size;
  const kept = channels.flatMap((j) => Array.from({ length: taps }, (_, t) => j * taps + t));
  const of = (all: Float32Array): Float32Array => Float32Array.from(kept, (j) => all[j] ?? 0);
  return {
    ...s,
    meanAbs: of(s.meanAbs),
    meanSquare: of(s.meanSquare),
    maxAbs: of(s.maxAbs),
    ...(s.gram ? { gram: Float64Array.from(kept.flatMap((i) => kept.map((j) => s.gram?.[i * k + j] ?? 0))) } : {}),
  };
}
