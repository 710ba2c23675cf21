import { Reference } from '../../../backends/reference/evaluate.ts';
import { fromOrt, toOrt } from '../../../compiler/cli/onnxruntime.ts';
import { createCompiler } from '../../../compiler/compile.ts';
import { isFloat } from '../../../compiler/ir/dtype.ts';
import { numbersOf, storeNumber } from '../../../compiler/tensor-values.ts';
import { InfcError } from '../../../runtime/errors.ts';
import { hostFunctions } from '../../../runtime/host/index.ts';
import type { HostTensor, HostValue } from '../../../runtime/host.ts';
import { player } from '../../conformance/onnx-targets.ts';
import type { RandomGraph } from './index.ts';

type Results = Readonly<Record<string, HostTensor>>;

/** What became of one graph. */
export interface Finding {
  /** How the compiled model differs from the reference; undefined when it does not. */
  readonly compiled?: string;
  /** How the reference differs from onnxruntime. */
  readonly onnxruntime?: string;
  /** onnxruntime ran it. */
  readonly compared: boolean;
  /** Something differed, by no more than rounding explains. */
  readonly fragile: boolean;
}

type Ort = typeof import('onnxruntime-node');

/** Outputs of onnxruntime, or why it refuses the model. */
async function runOnnxruntime(ort: Ort, g: RandomGraph): Promise<Results | string> {
  try {
    const session = await ort.InferenceSession.create(g.model, { logSeverityLevel: 4, intraOpNumThreads: 1 });
    const feeds: Record<string, import('onnxruntime-node').Tensor> = {};
    for (const [name, t] of Object.entries(g.inputs)) feeds[name] = toOrt(ort, t);
    const results = await session.run(feeds);
    return Object.fromEntries(Object.entries(results).map(([name, t]) => [name, fromOrt(t, name)]));
  } catch (e) {
    return e instanceof Error ? e.message : String(e);
  }
}

/** Refusals of models whose sizes the compiler has to know, or of sizes it ruled out. */
const MUST_KNOW: ReadonlySet<string> = new Set(['INFC1030', 'INFC1047', 'INFC2010', 'INFC6009', 'INFC6016']);

const compiler = createCompiler();

/** Outputs of the reference; `noise` above 0 disturbs every rounded float by about its last bits, to see how much rounding matters. */
async function runReference(g: RandomGraph, noise = 0): Promise<Results> {
  const [graph] = (await compiler.import(g.model)).entries.values();
  if (!graph) throw new Error('the model has no entry');
  let state = noise;
  const disturb = (value: { readonly name: string }, result: HostValue): void => {
    if (!result || !('dtype' in result) || !isFloat(result.dtype) || !ArrayBuffer.isView(result.data)) return;
    const { dtype, data } = result;
    const last = dtype === 'f16' ? 2 ** -11 : dtype === 'bf16' ? 2 ** -8 : 2 ** -23;
    const numbers = numbersOf(result);
    // Numbers of few bits were not rounded, unless their operator rounds.
    const grid = dtype === 'f16' ? 32 : dtype === 'bf16' ? 4 : 4096;
    const rounded = g.rounded.has(value.name);
    numbers.forEach((v, i) => {
      if (!Number.isFinite(v) || v === 0 || (!rounded && v * grid === Math.round(v * grid))) return;
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      storeNumber(data, dtype, i, v * (1 + (state > 0x7fffffff ? 4 : -4) * last));
    });
  };
  const reference = new Reference({
    ops: compiler.registry,
    host: hostFunctions,
    ...(noise > 0 ? { onValue: disturb } : {}),
  });
  return reference.run(graph, g.inputs) as Record<string, HostTensor>;
}

async function runCompiled(g: RandomGraph): Promise<Results> {
  const model = await player(await compiler.compile(g.model, { targets: ['wasm'] }));
  try {
    return (await model.run(g.inputs)) as Record<string, HostTensor>;
  } finally {
    await model.dispose();
  }
}

/** Relative tolerance of a graph: that of the narrowest float in it. */
function toleranceOf(g: RandomGraph): number {
  return /:bf16\[|:f8|:f4/.test(g.text) ? 3e-2 : /:f16\[/.test(g.text) ? 4e-3 : 1e-4;
}

/** The first element that differs by more than the tolerance; `spread` allows for more where rounding is known to matter. */
function difference(
  got: Results,
  wanted: Results,
  relative: number,
  spread?: Readonly<Record<string, Float64Array>>,
): string | undefined {
  for (const [name, w] of Object.entries(wanted)) {
    const a = got[name];
    if (!a) return `${name} is missing`;
    if (a.dtype !== w.dtype) return `${name} is ${a.dtype}, not ${w.dtype}`;
    if (a.shape.join() !== w.shape.join()) return `${name} has shape [${a.shape}], not [${w.shape}]`;
    if (!ArrayBuffer.isView(w.data)) {
      const theirs = w.data;
      const at = [...a.data].findIndex((s, i) => s !== theirs[i]);
      if (at >= 0) return `${name}[${at}] is '${a.data[at]}', not '${theirs[at]}'`;
      continue;
    }
    const [x, y] = [numbersOf(a), numbersOf(w)];
    const top = y.reduce((m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m), 1e-3);
    const float = isFloat(w.dtype);
    const at = y.findIndex((v, i) => {
      const u = x[i] ?? Number.NaN;
      if (u === v || (Number.isNaN(u) && Number.isNaN(v))) return false;
      const allowed = (float ? relative * (Math.abs(v) + 0.1 * top) + 1e-6 : 0) + 30 * (spread?.[name]?.[i] ?? 0);
      return !(Math.abs(u - v) <= allowed);
    });
    if (at >= 0) return `${name}[${at}] is ${x[at]}, not ${y[at]} (${w.dtype})`;
  }
  return undefined;
}

/** How far each element moves when roundings do; infinite where that changes what the element is. */
async function spreadOf(g: RandomGraph, plain: Results): Promise<Record<string, Float64Array>> {
  const runs: Results[] = [];
  for (const noise of [12345, 67890, 1357]) runs.push(await runReference(g, noise));
  return Object.fromEntries(
    Object.entries(plain).map(([name, w]) => {
      const y = numbersOf(w);
      const spread = y.map((v, i) =>
        Math.max(
          ...runs.map((r) => {
            const t = r[name];
            const d = Math.abs((t ? (numbersOf(t)[i] ?? Number.NaN) : Number.NaN) - v);
            return Number.isNaN(d) && !Number.isNaN(v) ? Number.POSITIVE_INFINITY : Number.isNaN(d) ? 0 : d;
          }),
        ),
      );
      return [name, spread];
    }),
  );
}

/** Runs a graph three ways and compares. */
export async function examine(g: RandomGraph, onnxruntime: Ort | undefined): Promise<Finding> {
  const ort = g.apart ? undefined : onnxruntime;
  const relative = toleranceOf(g);
  let compiled: string | undefined;
  let theirs: Results | string | undefined;
  let fragile = false;
  try {
    const reference = await runReference(g);
    const mine = await runCompiled(g);
    theirs = ort ? await runOnnxruntime(ort, g) : undefined;
    compiled = difference(mine, reference, relative);
    let foreign = typeof theirs === 'object' ? difference(reference, theirs, relative) : undefined;
    if (compiled || foreign) {
      const spread = await spreadOf(g, reference);
      const [c, f] = [compiled, foreign];
      if (c) compiled = difference(mine, reference, relative, spread);
      if (f && typeof theirs === 'object') foreign = difference(reference, theirs, relative, spread);
      fragile = (c !== undefined && !compiled) || (f !== undefined && !foreign);
    }
    return {
      ...(compiled ? { compiled } : {}),
      ...(foreign ? { onnxruntime: foreign } : {}),
      compared: typeof theirs === 'object',
      fragile,
    };
  } catch (e) {
    if (g.open && e instanceof InfcError && MUST_KNOW.has(e.code)) return { compared: false, fragile };
    const why = e instanceof InfcError ? e.message : e instanceof Error ? (e.stack ?? e.message) : String(e);
    // What neither can run proves nothing, but is shown.
    theirs ??= ort ? await runOnnxruntime(ort, g) : undefined;
    if (typeof theirs === 'string') return { compiled: `both refuse: ${why} / ${theirs}`, compared: false, fragile };
    return { compiled: why, compared: typeof theirs === 'object', fragile };
  }
}
