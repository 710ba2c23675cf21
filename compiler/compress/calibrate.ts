import { addProduct } from '../../backends/wasm/add-product.ts';
import { definePass } from '../../passes/pass.ts';
import { storagePoints } from '../../passes/precision/assign-precision.ts';
import type { Calibrator, Collector } from '../../passes/precision/calibrator.ts';
import type { InputStatistics, Needs } from '../../passes/precision/quantizer.ts';
import { InfcError } from '../../runtime/errors.ts';
import { type AnyEntry, type LoadOptions, load, type Model, type RunOptions } from '../../runtime/index.ts';
import type { CompileOptions, ModelSource, TargetCompilation } from '../compile.ts';
import { compile } from '../compile.ts';
import { cloneProgram } from '../ir/clone.ts';
import type { Constant, Node, Value } from '../ir/graph.ts';
import { type PatchGeometry, patches, patchGeometry } from '../patches.ts';
import { definePlugin, type Plugin } from '../plugin.ts';
import { isFloatsDtype } from '../tensor-values.ts';

/** One run of the model on data that resembles what it will see. */
export interface CalibrationRun {
  readonly inputs: AnyEntry['inputs'];
  readonly options?: RunOptions;
  /** Forget the states first: a new text begins. */
  readonly reset?: true;
}

export interface CalibrateOptions {
  readonly compile?: Omit<CompileOptions, 'targets' | 'stopAfter'> & { readonly plugins?: readonly Plugin[] };
  readonly calibrators: readonly Calibrator[];
  /** What the algorithm for this weight reads; 'nothing' leaves it out. */
  readonly needs: (weight: string) => Needs;
  /** Also collects how values that kernels hand to one another are distributed, by their names as {@link storagePoints} gives them. */
  readonly values?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (runs: number) => void;
}

/** Statistics of the inputs of matrix products, by the name of the weight. */
export type Calibration = ReadonlyMap<string, InputStatistics>;

interface Probe {
  readonly output: string;
  readonly weights: readonly string[];
  readonly k: number;
  /** The input is an image, read in patches. */
  readonly geometry?: PatchGeometry;
  /** Not the input of a weight: it may be infinite (a mask). */
  readonly isValue: boolean;
  readonly collectors: readonly Collector[];
  /** Smallest and largest value seen. */
  readonly range: [number, number];
}

/** What is looked at, by the name of the output that shows it. */
type Wanted = Map<string, { weights: string[]; k: number; needs: Needs; geometry?: PatchGeometry | undefined }>;

const PREFIX = 'probe:';
const VALUE = 'probe-value:';

/** Outputs of a convolution whose patches are looked at in a run. */
const MOST_PATCHES = 512;

/** The constant weights of a product or convolution and the length of what one output reads, where calibration applies. */
function readOf(
  node: Node,
):
  | { readonly constant: Constant; readonly x: Value; readonly k: number; readonly geometry?: PatchGeometry }
  | undefined {
  const [x, w] = node.inputs;
  const geometry = patchGeometry(node);
  if (geometry && x && w?.constant)
    return { constant: w.constant, x, k: w.type.shape.slice(1).reduce<number>((n, d) => n * Number(d), 1), geometry };
  if (node.op !== 'matmul' || !x || !w?.constant || w.type.shape.length !== 2 || node.attrs.transposeA === true)
    return undefined;
  const k = Number(w.type.shape[node.attrs.transposeB === true ? 1 : 0]);
  return { constant: w.constant, x, k };
}

/**
 * Runs a model in full precision on Wasm and collects how the inputs of its matrix products are distributed. Products that read the same
 * value share their statistics. Throws INFC2077 when there was no data and INFC2078 when a value was not finite.
 */
export async function calibrate(
  model: ModelSource,
  runs: AsyncIterable<CalibrationRun> | Iterable<CalibrationRun>,
  options: CalibrateOptions,
): Promise<Calibration> {
  const { signal } = options;
  const wanted: Wanted = new Map();
  const probe = definePlugin({
    name: 'calibration',
    api: 1,
    passes: [probePass(wanted, options.needs, options.values === true)],
  });
  // The passes change the program they are given.
  const source = typeof model === 'string' || model instanceof Uint8Array ? model : cloneProgram(model);
  const compilation = await compile(source, {
    ...options.compile,
    targets: ['wasm'],
    ...(signal ? { signal } : {}),
    plugins: [...(options.compile?.plugins ?? []), probe],
  });
  if (wanted.size === 0) return new Map();
  await using loaded = await loadCompiled(compilation.targets[0], {});
  const probes = [...wanted].map(
    ([output, { weights, k, needs, geometry }]): Probe => ({
      output,
      weights,
      k,
      ...(geometry ? { geometry } : {}),
      range: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
      isValue: output.startsWith(VALUE),
      collectors: options.calibrators.filter((c) => c.serves(needs)).map((c) => c.start(k, addProduct)),
    }),
  );
  let count = 0;
  for await (const run of runs) {
    signal?.throwIfAborted();
    if (run.reset) loaded.reset();
    const outputs = await loaded.run(run.inputs, { ...run.options, ...(signal ? { signal } : {}) });
    for (const p of probes) feed(p, outputs[p.output]);
    count++;
    options.onProgress?.(count);
  }
  if (count === 0)
    throw new InfcError('INFC2077', 'the calibration data is empty', { fix: 'Give at least one text, file or input' });
  const found = new Map<string, InputStatistics>();
  for (const p of probes) {
    const parts = p.collectors.map((c) => c.finish());
    const more = Object.assign({}, ...parts.map((part) => part.more));
    const statistics: InputStatistics = Object.assign({ ...NONE, range: p.range }, ...parts, { more });
    // Entries that did not run saw nothing.
    if (statistics.count > 0) for (const w of p.weights) found.set(w, found.get(w) ?? statistics);
  }
  return found;
}

const NONE: InputStatistics = {
  count: 0,
  meanAbs: new Float32Array(0),
  meanSquare: new Float32Array(0),
  maxAbs: new Float32Array(0),
};

function feed(p: Probe, output: AnyEntry['outputs'][string] | undefined): void {
  const data = output?.data;
  if (!output || !(data instanceof Float32Array)) return;
  for (const v of data) {
    if (!Number.isFinite(v) && !p.isValue)
      throw new InfcError('INFC2078', `the input of '${p.weights[0]}' is ${v} on the calibration data`, {
        node: p.weights[0] ?? p.output,
        fix: 'Check the calibration data for NaN, infinities and wrong scaling, and the weights before this one for the same',
      });
    if (v < p.range[0]) p.range[0] = v;
    if (v > p.range[1]) p.range[1] = v;
  }
  const { rows, count } = p.geometry
    ? patches(data, output.shape, p.geometry, MOST_PATCHES)
    : { rows: data, count: data.length / p.k };
  for (const c of p.collectors) c.add(rows, count);
}

/** Makes the inputs of calibrated products outputs, before anything is fused. */
const probePass = (wanted: Wanted, needs: CalibrateOptions['needs'], values: boolean) =>
  definePass({
    name: 'probe-inputs',
    phase: 'precision',
    does: 'shows the inputs of matrix products for calibration',
    run(graph, context) {
      const seen = new Map<string, string>();
      const show = (v: Value, name: string): void => {
        // A copy under its own name: outputs keep theirs.
        const from = v.producer?.source ?? { name, op: 'input' };
        const [op, attrs] = v.type.dtype === 'f32' ? ['identity', {}] : ['cast', { to: 'f32' }];
        const copy = graph.node(op, [v], attrs, [{ ...v.type, dtype: 'f32' }], from, [name]);
        graph.outputs.push(...copy.outputs);
      };
      const own = graph.outputs.length;
      const points = values ? storagePoints(graph, context) : [];
      for (const node of [...graph.nodes]) {
        const found = readOf(node);
        const level = found ? needs(found.constant.name) : 'nothing';
        if (!found || level === 'nothing' || !isFloatsDtype(found.x.type.dtype)) continue;
        const { x, k, geometry, constant } = found;
        // Readers of one value share statistics where they read it in the same way.
        const way = `${x.id} ${geometry ? JSON.stringify(geometry) : ''}`;
        const known = seen.get(way);
        const name = known ?? `${PREFIX}${graph.name}:${seen.size}`;
        const entry = wanted.get(name) ?? { weights: [], k, needs: level, geometry };
        entry.weights.push(constant.name);
        wanted.set(name, { ...entry, needs: entry.needs === 'gram' ? 'gram' : level });
        if (known !== undefined) continue;
        seen.set(way, name);
        show(x, name);
      }
      // What the model gives need not be computed.
      if (seen.size > 0 || points.length > 0) graph.outputs = graph.outputs.slice(own);
      for (const { value, key } of points) {
        const name = `${VALUE}${graph.name}:${key}`;
        wanted.set(name, { weights: [key], k: 1, needs: 'moments' });
        show(value, name);
      }
    },
  });

/** Loads what was just compiled; weights stream from the model file to the device. One thread unless told otherwise. */
export async function loadCompiled(
  target: TargetCompilation | undefined,
  options: LoadOptions = { threads: 1 },
): Promise<Model> {
  if (!target) throw new TypeError('nothing was compiled');
  const files = Object.fromEntries(target.assembled.files.map((f) => [f.name, { chunks: f.chunks }]));
  return load({ plan: target.plan, files }, options);
}
