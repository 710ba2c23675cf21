import { channelIntegers } from '../../compiler/formats/channel-integers.ts';
import type { FormatRule } from '../../compiler/formats/recipe.ts';
import { denseRows } from '../../compiler/formats/rows.ts';
import type { Graph, Value } from '../../compiler/ir/graph.ts';
import { InfcError } from '../../runtime/errors.ts';
import { isTied, ruleFor, type Weight, weightOf } from '../format/weights.ts';
import { builderAt, definePass, type PassContext, type WeightStorage } from '../pass.ts';
import type { InputStatistics } from './quantizer.ts';
import { transformed } from './transform-constant.ts';

/** Products that read one value, and the rule of each. */
interface Group {
  readonly x: Value;
  readonly members: { readonly weight: Weight; readonly rule: FormatRule }[];
}

/** Scales by the first weight of a group: entries that share weights share them. */
const chosen = new WeakMap<object, Map<string, Float32Array>>();

/**
 * Multiplies the weights of products by a scale per input channel and divides their input by it, as the recipe's equalizers choose. The
 * division moves into the scale of an RMS norm that feeds only these products; elsewhere it is one multiplication.
 */
export const equalize = definePass({
  name: 'equalize',
  phase: 'precision',
  alters: 'form',
  after: ['rotate-residual'],
  does: 'scales channels before rounding, as the equalizers of the recipe choose (AWQ, SmoothQuant)',
  run(graph, context) {
    const { storage } = context;
    if (!storage?.recipe?.rules.some((r) => r.equalize !== undefined)) return;
    for (const group of groupsOf(graph, context, storage)) {
      const scales = scalesFor(group, context, storage);
      if (!scales || scales.every((s) => s === 1)) continue;
      apply(graph, group, scales, context);
    }
  },
});

function groupsOf(graph: Graph, context: PassContext, storage: WeightStorage): Group[] {
  const groups = new Map<Value, Group>();
  for (const node of graph.nodes) {
    const weight = node.op === 'matmul' ? weightOf(node) : undefined;
    const [x] = node.inputs;
    const rule = weight && storage.recipe ? ruleFor(storage.recipe, weight, graph, context) : undefined;
    if (weight && isTied(weight.constant, context)) continue;
    if (!x || !weight || rule?.equalize === undefined || x.type.dtype !== 'f32' || node.attrs.transposeA === true)
      continue;
    const group = groups.get(x) ?? { x, members: [] };
    group.members.push({ weight, rule });
    groups.set(x, group);
  }
  return [...groups.values()];
}

function scalesFor({ members }: Group, context: PassContext, storage: WeightStorage): Float32Array | undefined {
  const [first] = members;
  if (!first) return undefined;
  const { constant, size } = first.weight;
  const byName = chosen.get(context.program) ?? new Map<string, Float32Array>();
  chosen.set(context.program, byName);
  const known = byName.get(constant.name);
  if (known) return known;
  const name = first.rule.equalize ?? '';
  const equalizer = storage.algorithms.equalizers.get(name);
  if (!equalizer)
    throw new InfcError('INFC2081', `there is no equalizer '${name}'`, {
      node: constant.name,
      fix: `Known: ${[...storage.algorithms.equalizers.keys()].join(', ')}`,
    });
  const statistics = storage.calibration?.get(constant.name);
  if (!statistics)
    throw new InfcError('INFC2072', `'${name}' needs calibration data for '${constant.name}'`, {
      node: constant.name,
      fix: 'Give --calibrate FILE, or leave out equalize',
    });
  const matrices = members.map(({ weight, rule }) => {
    // Dense weights are equalized for activations of 8 bits, and become as narrow then.
    const format = storage.format(rule.format) ?? channelIntegers(8, weight.size.length);
    const weights = denseRows(weight.constant, weight.size, weight.transposed);
    return { name: weight.constant.name, weights, n: weight.size.rows, k: weight.size.length, format };
  });
  const scales = equalizer.scales({ matrices, k: size.length, statistics });
  byName.set(constant.name, scales);
  for (const { weight } of members) {
    const own = storage.calibration?.get(weight.constant.name);
    if (own) storage.calibration?.set(weight.constant.name, divided(own, scales));
  }
  return scales;
}

function apply(graph: Graph, { x, members }: Group, scales: Float32Array, context: PassContext): void {
  const inverse = scales.map((s) => 1 / s);
  const k = scales.length;
  const { producer } = x;
  const nodes = members.map((m) => m.weight.node);
  const gains = producer?.op === 'rms_norm' ? producer.inputs[1] : undefined;
  let scaled = x;
  if (producer && gains?.constant && x.uses.every((u) => nodes.includes(u)) && !graph.outputs.includes(x)) {
    const constant = transformed(context.program, gains.constant, `divided for ${nodes[0]?.source.name}`, (v) =>
      v.forEach((g, i) => (v[i] = g * (inverse[i] ?? 1))),
    );
    graph.setInput(producer, 1, graph.constant(constant));
  } else {
    const [first] = graph.nodes.filter((n) => nodes.includes(n));
    if (!first) return;
    const b = builderAt(graph, first, context);
    scaled = b.node('mul', [x, b.constant('f32', [k], inverse, `${first.source.name}.equalizer`)]);
  }
  for (const { weight, rule } of members) {
    const { node, constant, transposed } = weight;
    const made = transformed(context.program, constant, `${rule.equalize}`, (v) => {
      const n = v.length / k;
      for (let i = 0; i < v.length; i++) v[i] = (v[i] ?? 0) * (scales[transposed ? Math.floor(i / n) : i % k] ?? 1);
    });
    graph.setInput(node, 0, scaled);
    graph.setInput(node, 1, graph.constant(made));
    context.changed(node, `input channels scaled by ${rule.equalize}`);
  }
}

/** Statistics of x / s. */
function divided(s: InputStatistics, scales: Float32Array): InputStatistics {
  const k = scales.length;
  const by = (power: number) => (v: number, i: number) => v / (scales[i] ?? 1) ** power;
  const maxAbs = s.maxAbs.map(by(1));
  const largest = maxAbs.reduce((m, v) => Math.max(m, v), 0);
  return {
    ...s,
    ...(s.range ? { range: [s.range[0] < 0 ? -largest : 0, largest] } : {}),
    meanAbs: s.meanAbs.map(by(1)),
    maxAbs,
    meanSquare: s.meanSquare.map(by(2)),
    ...(s.gram ? { gram: s.gram.map((v, i) => v / ((scales[Math.floor(i / k)] ?? 1) * (scales[i % k] ?? 1))) } : {}),
  };
}
