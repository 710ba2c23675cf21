import type { Pass, RoundedWeight } from '../passes/pass.ts';
import type { Change } from '../passes/run.ts';
import type { HostTensor } from '../runtime/host.ts';
import { cloneProgram } from './ir/clone.ts';
import { byteLength, type DType, viewOf } from './ir/dtype.ts';
import { type Constant, forEachNode, type Program, tensor, type Value } from './ir/graph.ts';
import { constantNumbers, equalBytes, storeNumber, typedData } from './tensor-values.ts';

/** What a model with a recipe is compared with. */
export interface Twin {
  readonly program: Program;
  /** Passes of the recipe that changed what the model computes, beyond its weights: they ran in the twin too. */
  readonly after: readonly string[];
  /** Weights by what they are kept as. */
  readonly formats: ReadonlyMap<string, number>;
  /** Weights whose values an algorithm or a pass chose: those are taken from it. The others were rounded again, from the model's own. */
  readonly chosen: number;
}

/** What a compilation tells about its recipe. */
export interface Rounding {
  readonly before: Program;
  readonly weights: readonly RoundedWeight[];
  readonly changes: readonly Change[];
  readonly passes: readonly Pass[];
}

/**
 * The twin of a model that was compiled with a recipe: the graph as it was imported, nothing stored, joined or fused, each weight dense with the
 * values that its format can keep, encoded and decoded anew from the model's own. It shares no pass with what it judges; but where a recipe
 * changes more than weights (activations of 8 bits, fewer channels, other bases), the twin begins after those passes. `imported` is not changed.
 */
export function twinOf(imported: Program, rounding: Rounding, evaluate: (v: Value) => HostTensor | undefined): Twin {
  const { before, weights, changes, passes } = rounding;
  const changing = new Set(passes.filter((p) => p.phase === 'precision' && p.alters !== 'weights').map((p) => p.name));
  const after = [...new Set(changes.map((c) => c.pass).filter((name) => changing.has(name)))];
  const whole = after.length === 0 ? placed(imported, weights, evaluate) : undefined;
  // Weights that only passes made (reshaped, taken apart) are found where these are done.
  const isWhole = whole !== undefined && whole.missing === 0;
  const { program, formats, chosen } = isWhole ? whole : placed(before, weights, evaluate);
  return { program, formats, chosen, after: isWhole || after.length > 0 ? after : ['canonicalize'] };
}

const keyOf = (...names: [op: string, node: string, weight: string]): string => JSON.stringify(names);

/** A copy with each weight as it is kept. */
function placed(source: Program, weights: readonly RoundedWeight[], evaluate: (v: Value) => HostTensor | undefined) {
  const program = cloneProgram(source);
  const wanted = new Map(weights.map((w) => [keyOf(w.op, w.node, w.weight), w]));
  const made = new Map<
    RoundedWeight,
    { readonly own: Constant; readonly kept: Constant; readonly isChosen: boolean }
  >();
  for (const entry of program.entries.values())
    forEachNode(entry, (node, graph) => {
      node.inputs.forEach((v, i) => {
        const w = v && wanted.get(keyOf(node.op, node.source.name, v.constant?.name ?? v.name));
        if (!v || !w) return;
        const own = v.constant ?? evaluated(v, evaluate);
        if (own?.type.format !== 'dense') return;
        let found = made.get(w);
        // Products widen narrow inputs themselves, so that their weights need not be rounded once more.
        const dtype = node.op === 'gather' ? own.type.dtype : 'f32';
        if (found?.own !== own) made.set(w, (found = { own, ...keptOf(w, own, dtype) }));
        graph.setInput(node, i, graph.constant(found.kept));
      });
    });
  const kinds = new Map<string, RoundedWeight>();
  for (const w of made.keys()) kinds.set(JSON.stringify([w.weight, w.to]), w);
  const formats = new Map<string, number>();
  for (const { to } of kinds.values()) formats.set(to, (formats.get(to) ?? 0) + 1);
  const chosen = [...kinds.values()].filter((w) => made.get(w)?.isChosen).length;
  return { program, formats, chosen, missing: wanted.size - made.size };
}

/** A weight that nodes without inputs from outside make. */
function evaluated(v: Value, evaluate: (v: Value) => HostTensor | undefined): Constant | undefined {
  const tensor = evaluate(v);
  const data = tensor && typedData(tensor);
  if (!data) return undefined;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { name: v.name, type: v.type, bytes: bytes.length, read: () => bytes };
}

/** The weight `own` of the model as the recipe keeps it, in its own layout. */
function keptOf(
  w: RoundedWeight,
  own: Constant,
  dtype: DType,
): { readonly kept: Constant; readonly isChosen: boolean } {
  // The file's own codes: its importer knows what they stand for.
  if (own.encoded?.format === w.to && w.again && !w.transposed) {
    const { encoded: _, ...kept } = own;
    return { kept, isChosen: false };
  }
  const same = w.again !== undefined && equalBytes(own.read(), w.from.read());
  const as = same && w.again ? w.again(own) : w.as;
  const [rows = 1, length = 1] = as.type.shape.slice(-2).map(Number);
  const read = (): Uint8Array => {
    const values = constantNumbers(as);
    const data = viewOf(dtype, new ArrayBuffer(byteLength(dtype, values.length)), 0, values.length);
    for (let i = 0; i < values.length; i++)
      storeNumber(data, dtype, i, values[w.transposed ? (i % rows) * length + Math.floor(i / rows) : i] ?? 0);
    return new Uint8Array(data.buffer);
  };
  return { kept: { name: own.name, type: tensor(dtype, own.type.shape), bytes: own.bytes, read }, isChosen: !same };
}
