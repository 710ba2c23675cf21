import { derivedConstant } from '../../compiler/derived-constant.ts';
import { channelIntegers } from '../../compiler/formats/channel-integers.ts';
import { fitsFormat, rowUnit, type StorageFormat } from '../../compiler/formats/format.ts';
import { type FormatRule, matchesName } from '../../compiler/formats/recipe.ts';
import { encodeRows, finiteRows, type Planes, planesOf } from '../../compiler/formats/rows.ts';
import { type Constant, type Graph, type Node, tensor, type Value } from '../../compiler/ir/graph.ts';
import { isRecurrent } from '../../compiler/ops/recurrent.ts';
import { patchGeometry } from '../../compiler/patches.ts';
import { constantNumbers, elementsOf, isFloatsDtype } from '../../compiler/tensor-values.ts';
import { InfcError } from '../../runtime/errors.ts';
import { decodeFloat, encodeFloat } from '../../runtime/minifloat.ts';
import { definePass, type PassContext, type WeightStorage } from '../pass.ts';
import { channelShare } from '../precision/sparsity-pattern.ts';
import { chooseSparse } from './choose-sparse.ts';
import { correctErrors } from './correct-errors.ts';
import { quantized } from './quantize.ts';
import { squaredError } from './rounding-error.ts';
import { filterOf, isTied, ruleFor, type Weight, weightOf } from './weights.ts';

/** Other weights (of recurrences) with fewer elements stay as they are. */
const SMALLEST = 1024;

/**
 * Rounds every weight that the recipe names to what its format can hold, by the rule's algorithm; the weights stay dense and say what they
 * were rounded to, for {@link storeWeights}. Everything that follows (and the reference) sees the values that will be computed with. Rows
 * of products and look-ups become groups of the format; filters, and rows that groups do not divide, whole numbers of the format's width
 * with a scale a row; 16-bit formats take weights of any kind.
 */
export const roundWeights = definePass({
  name: 'round-weights',
  phase: 'format',
  does: 'rounds weights to the formats of the recipe (--quant)',
  run(graph, context) {
    const { storage } = context;
    if (!storage?.recipe) return;
    // Tables last: whether a head is one too shows while it is there.
    const isTable = ({ op }: Node): boolean => op === 'gather';
    for (const node of [...graph.nodes].sort((a, b) => Number(isTable(a)) - Number(isTable(b)))) {
      const done = roundOperand(graph, node, context, storage);
      node.inputs.forEach((v, i) => {
        if (v !== done) narrowOther(graph, node, v, i, context, storage);
      });
    }
  },
});

/** Rounds the weight of a product, look-up or convolution; gives the value that came of it. */
function roundOperand(graph: Graph, node: Node, context: PassContext, storage: WeightStorage): Value | undefined {
  const { recipe } = storage;
  const matrix = weightOf(node);
  const w = matrix ?? filterOf(node);
  const rule = w && recipe ? ruleFor(recipe, w, graph, context) : undefined;
  if (!w || !recipe) return undefined;
  const { format, why } = formatFor(rule, w, context, storage);
  const index = node.op === 'gather' ? 0 : 1;
  if (format?.whole !== undefined && matrix && node.inputs[0]?.type.dtype !== 'i8') throw needsCodes(format, w);
  if (why !== undefined && !format?.sparse) context.changed(node, why, { zeros: why });
  if (!rule || !format) {
    // Left as it is: what a model file had encoded becomes dense.
    if (w.constant.encoded) graph.setInput(node, index, graph.constant(withoutPlanes(w.constant)));
    return undefined;
  }
  // A table is looked up, not multiplied with: algorithms have nothing to weigh its errors with. A head that is also the table stays it.
  const named = node.op === 'gather' || isTied(w.constant, context) ? undefined : rule.algorithm;
  // Codebooks take long to make: as deferred work, with progress.
  const algorithm =
    named ?? (format.encodeMatrix && matrix && fitsFormat(format, matrix.size.length) ? 'rtn' : undefined);
  if (format.sparse && !(matrix && fitsFormat(format, matrix.size.length))) throw doesNotFit(format, w);
  if (matrix && fitsFormat(format, matrix.size.length)) {
    if (algorithm === undefined) note(matrix, format, storage);
    const round = (constant: Constant): Constant =>
      roundedRows({ ...matrix, constant }, format, algorithm, rule, storage);
    const rounded = round(matrix.constant);
    const value = graph.constant(rounded);
    graph.setInput(node, index, value);
    const [y] = node.outputs;
    let kept = rounded;
    if (node.op === 'matmul' && y) {
      node.attrs = { ...node.attrs, transposeB: true, dtype: y.type.dtype };
      if (rule.correct !== undefined)
        kept = correctErrors(graph, node, matrix, rounded, rule.correct, context, storage);
    }
    const chosen = algorithm !== undefined || kept !== rounded;
    remember(matrix, format.name, kept, chosen ? undefined : round, storage);
    const by = algorithm === undefined ? '' : ` by ${algorithm}`;
    const zeros = format.sparse ? why : undefined;
    const because = zeros === undefined ? '' : `: ${zeros}`;
    const fate = { to: format.name, ...(zeros === undefined ? {} : { zeros }) };
    context.changed(node, `weights rounded to ${format.name}${by}${because}`, fate);
    return value;
  }
  // A rule for this weight by name means its groups.
  if (matrix && rule.match !== undefined && rule.channels !== true) throw doesNotFit(format, w);
  const filter = filterOf(node);
  if (!filter || format.bits === undefined || filter.value.type.dtype === 'bf16' || node.inputs.length !== 2)
    return undefined;
  // Outputs of grouped convolutions read different channels: there are no statistics of one input.
  const isCounted = node.op === 'matmul' || patchGeometry(node) !== undefined;
  const by =
    isCounted || storage.algorithms.quantizers.get(algorithm ?? '')?.needs === 'nothing' ? algorithm : undefined;
  if (by === undefined) note(filter, channelIntegers(format.bits, filter.size.length), storage);
  const { bits } = format;
  const round = (constant: Constant): Constant => roundedChannels({ ...filter, constant }, bits, by, rule, storage);
  const value = graph.constant(round(filter.constant));
  graph.setInput(node, 1, value);
  if (value.constant)
    remember(
      { ...filter, transposed: false },
      `i${bits}`,
      value.constant,
      by === undefined ? round : undefined,
      storage,
    );
  const how =
    by === undefined
      ? algorithm === undefined
        ? ''
        : `: ${algorithm} has no statistics of grouped filters`
      : ` by ${by}`;
  context.changed(node, `weights rounded to ${format.bits} bits with a scale a channel${how}`, {
    to: `i${format.bits}`,
  });
  return value;
}

/** Notes what a weight became. */
function remember(
  { node, constant, transposed }: Pick<Weight, 'node' | 'constant' | 'transposed'>,
  to: string,
  as: Constant,
  again: ((from: Constant) => Constant) | undefined,
  { rounded }: WeightStorage,
): void {
  const { name } = constant;
  rounded?.push({
    node: node.source.name,
    op: node.op,
    weight: name,
    to,
    from: constant,
    as,
    transposed,
    ...(again ? { again } : {}),
  });
}

/** Has plain rounding measured, once for a weight. */
function note({ constant, size, transposed }: Weight, format: StorageFormat, { errors, later }: WeightStorage): void {
  if (!errors || constant.encoded?.format === format.name || later.some((l) => l.name === constant.name)) return;
  const run = (): void => {
    const values = finiteRows(constant, size, transposed);
    let energy = 0;
    for (const w of values) energy += w * w;
    const relative = Math.sqrt(squaredError(values, size, format) / (energy || 1));
    errors.push({ name: constant.name, by: 'rounding', to: format.name, relative });
  };
  later.push({ name: constant.name, run });
}

/** The format that a rule names, or the sparse one for its zeros where that pays. */
function formatFor(
  rule: FormatRule | undefined,
  w: Weight,
  context: PassContext,
  storage: WeightStorage,
): { readonly format: StorageFormat | undefined; readonly why?: string } {
  if (!rule) return { format: undefined };
  const named = rule.format === 'dense' ? undefined : storage.format(rule.format);
  // Tables and filters are not pruned, nor is a head that is the table too, unless a rule names it.
  const isNamed = rule.match !== undefined || rule.role !== undefined;
  const isPrunable = w.node.op === 'matmul' && (isNamed || !isTied(w.constant, context));
  if (named?.sparse) return { format: isPrunable ? named : storage.format(named.sparse.dense) };
  if (
    rule.sparsity === undefined ||
    channelShare(rule.sparsity) !== undefined ||
    !isPrunable ||
    storage.recipe?.simulate
  )
    return { format: named };
  const { format, why } = chooseSparse(rule.sparsity, rule.format, w.size.length, storage);
  return { format: format ?? named, why };
}

const doesNotFit = (format: StorageFormat, { constant, size }: Weight): InfcError =>
  new InfcError(
    'INFC2098',
    `format '${format.name}' needs rows of a multiple of ${rowUnit(format)} weights, and those of '${constant.name}' have ${size.length}`,
    {
      node: constant.name,
      fix: 'Give this layer a rule with another format in a recipe file (--quant recipe.json), or "channels": true for one scale a row',
    },
  );

const needsCodes = (format: StorageFormat, { constant }: Weight): InfcError =>
  new InfcError('INFC2093', `format '${format.name}' holds whole numbers, for products with activations of 8 bits`, {
    node: constant.name,
    fix: 'Write --quant w4a8, or a recipe with "activations": "dynamic" that gives tables and heads another format',
  });

const withoutPlanes = (c: Constant): Constant =>
  derivedConstant(c, 'dense', () => ({ name: c.name, type: c.type, bytes: c.bytes, read: c.read }));

/** Whether zeros are to stay zero. */
const isPruned = (format: StorageFormat, rule: FormatRule): boolean =>
  rule.sparsity !== undefined || format.sparse !== undefined;

/** What a rounded constant depends on. */
function keyOf(what: string, w: Weight, algorithm: string | undefined, rule: FormatRule, isSparse = false): string {
  const pruned = algorithm !== undefined && (rule.sparsity !== undefined || isSparse);
  return `${what} ${w.transposed} ${algorithm ?? ''} ${pruned}`;
}

/** The weights as the format keeps them, [rows, length]. */
function roundedRows(
  w: Weight,
  format: StorageFormat,
  algorithm: string | undefined,
  rule: FormatRule,
  storage: WeightStorage,
): Constant {
  const { constant, size, transposed } = w;
  const make = (): Constant => {
    const chosen =
      algorithm === undefined ? undefined : quantized(w, format, algorithm, isPruned(format, rule), storage);
    const planes = chosen ?? ((): Planes => planesOf(constant, format, size, transposed));
    return {
      name: constant.name,
      type: tensor('f32', [size.rows, size.length]),
      bytes: size.rows * size.length * 4,
      unique: true,
      encoded: { format: format.name, planes },
      read: () => new Uint8Array(storage.decode(format, planes(), size).buffer),
    };
  };
  const scope = algorithm === undefined ? undefined : storage.calibration;
  return derivedConstant(constant, keyOf(format.name, w, algorithm, rule, format.sparse !== undefined), make, scope);
}

/** The weights as whole numbers of `bits` bits and a scale a row, in the constant's own layout. */
function roundedChannels(
  w: Weight,
  bits: number,
  algorithm: string | undefined,
  rule: FormatRule,
  storage: WeightStorage,
): Constant {
  const { constant, size, transposed } = w;
  const { rows, length } = size;
  const make = (): Constant => {
    const format = channelIntegers(bits, length);
    const chosen =
      algorithm === undefined ? undefined : quantized(w, format, algorithm, isPruned(format, rule), storage);
    let found: Planes | undefined;
    const planes = chosen ?? (() => (found ??= encodeRows(format, finiteRows(constant, size, transposed), size)));
    const scales = (): Float32Array => Float32Array.from(planes().scale ?? [], Number);
    const codes = (): Float32Array => {
      const from = planes().codes ?? [];
      const out = new Float32Array(rows * length);
      for (let r = 0; r < rows; r++)
        for (let i = 0; i < length; i++) out[transposed ? i * rows + r : r * length + i] = Number(from[r * length + i]);
      return out;
    };
    return {
      name: constant.name,
      type: tensor('f32', constant.type.shape),
      bytes: rows * length * 4,
      unique: true,
      rounded: { bits: format.bits ?? bits, axis: transposed ? 1 : 0, codes, scales },
      read: () => {
        const [values, by] = [codes(), scales()];
        for (let i = 0; i < values.length; i++)
          values[i] = (values[i] ?? 0) * (by[transposed ? i % rows : Math.floor(i / length)] ?? 0);
        return new Uint8Array(values.buffer);
      },
    };
  };
  const scope = algorithm === undefined ? undefined : storage.calibration;
  return derivedConstant(constant, keyOf(`int${bits}`, w, algorithm, rule), make, scope);
}

/** Bits of weights that have one scale a matrix: fewer would show. */
const STEPS = 8;

/** The weights as whole numbers of one step, which the largest of them decides. */
function roundedSteps(c: Constant): Constant {
  return derivedConstant(c, `steps${STEPS}`, () => {
    const rows = c.type.shape.slice(0, -1).reduce<number>((n, d) => n * Number(d), 1);
    const values = finiteRows(c, { rows, length: Number(c.type.shape.at(-1)) }, false);
    const largest = values.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    const step = Math.fround(largest / (2 ** (STEPS - 1) - 1)) || 1;
    const rounded = values.map((v) => Math.round(v / step) * step);
    return {
      name: c.name,
      type: tensor('f32', c.type.shape),
      bytes: rounded.byteLength,
      read: () => new Uint8Array(rounded.buffer),
      rounded: { bits: STEPS, step },
    };
  });
}

/** The weights as 16-bit floats. Throws INFC2092 for those that these cannot hold. */
function roundedFloats(c: Constant, float: 'f16' | 'bf16'): Constant {
  return derivedConstant(c, float, () => {
    const values = Float32Array.from(constantNumbers(c), (w) => decodeFloat(float, encodeFloat(float, w)));
    const at = values.findIndex((v) => !Number.isFinite(v));
    if (at >= 0)
      throw new InfcError('INFC2092', `weight '${c.name}' has ${constantNumbers(c)[at]}, which ${float} cannot hold`, {
        node: c.name,
        fix: 'Use bf16, or keep this weight as it is: a rule {"match": NAME, "format": "dense"}',
      });
    const bytes = new Uint8Array(values.buffer);
    return {
      name: c.name,
      type: tensor('f32', c.type.shape),
      bytes: bytes.length,
      read: () => bytes,
      rounded: { float },
    };
  });
}

/**
 * 16-bit recipes round every larger constant. Others round the weights of recurrences, whose kernels read floats, to 8-bit whole numbers with
 * one step for the whole matrix: such values survive any packing.
 */
function narrowOther(
  graph: Graph,
  node: Node,
  v: Value | null,
  index: number,
  context: PassContext,
  storage: WeightStorage,
): void {
  const c = v?.constant;
  const dtype = v?.type.dtype;
  if (
    !c ||
    c.encoded ||
    c.rounded ||
    v?.type.format !== 'dense' ||
    dtype === undefined ||
    !isFloatsDtype(dtype) ||
    elementsOf(c) < SMALLEST
  )
    return;
  const rule = storage.recipe?.rules.find(
    (r) =>
      (r.match === undefined || matchesName(r.match, c.name)) &&
      (r.role ?? 'linear') === 'linear' &&
      elementsOf(c) <= (r.atMost ?? Number.POSITIVE_INFINITY),
  );
  const float = rule?.format === 'dense-f16' ? 'f16' : rule?.format === 'dense-bf16' ? 'bf16' : undefined;
  if (!float) {
    if (!rule || rule.format === 'keep' || rule.format.startsWith('dense')) return;
    if (index === 1 && dtype === 'f32' && isRecurrent(node.op)) {
      const rounded = roundedSteps(c);
      graph.setInput(node, index, graph.constant(rounded));
      const to = `i${STEPS}`;
      remember({ node, constant: c, transposed: false }, to, rounded, roundedSteps, storage);
      context.changed(node, `weights rounded to ${STEPS} bits with one scale: ${node.op} reads no groups`, { to });
    } else if (storage.recipe?.activations === undefined) {
      const why = `${node.op} reads no weights in ${rule.format}, only 16-bit floats and whole numbers`;
      context.changed(node, `stays ${dtype}: ${why}`, { why: `stays ${dtype}: ${why}` });
    }
    return;
  }
  if (dtype !== 'f32') return;
  const rounded = roundedFloats(c, float);
  graph.setInput(node, index, graph.constant(rounded));
  remember({ node, constant: c, transposed: false }, float, rounded, (from) => roundedFloats(from, float), storage);
  context.changed(node, `weights rounded to ${float}`, { to: float });
}
