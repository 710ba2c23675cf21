import * as fc from 'fast-check';
import { onnxOfDtype } from '../../../compiler/import/onnx-type.ts';
import type { HostTensor } from '../../../runtime/host.ts';
import { attribute, encodeModel, info } from '../../import/build-onnx.ts';
import { Builder, type Draw, isFeedable, type Step, type Val } from './builder.ts';
import { elementwise } from './elementwise.ts';
import { layers } from './layers.ts';
import { learned } from './learned.ts';
import { movement } from './movement.ts';
import { controlSteps, special } from './special.ts';
import { variants } from './variants.ts';

/** A random model, what goes in, and what comes out. */
export interface RandomGraph {
  readonly model: Uint8Array;
  readonly inputs: Readonly<Record<string, HostTensor>>;
  readonly outputs: readonly Val[];
  readonly opset: number;
  /** Names of the operators that were drawn. */
  readonly steps: readonly string[];
  /** Lengths of its inputs' axes are not given: it may rightly be refused. */
  readonly open: boolean;
  /** onnxruntime is no judge of it. */
  readonly apart: boolean;
  /** Values that were rounded, even where few bits of them are left. */
  readonly rounded: ReadonlySet<string>;
  /** One line a node, for reports. */
  readonly text: string;
}

/** Opsets that differ in how operators are written. */
const OPSETS = [11, 12, 13, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26] as const;

const tensors: readonly Step[] = [...elementwise, ...movement, ...layers, ...special, ...learned, ...variants];
const inBody = (b: Builder): void => grow(b, [...elementwise, ...movement], []);
const all: readonly Step[] = [...tensors, ...controlSteps(inBody)];

/** Names of all steps there are. */
export const stepNames: readonly string[] = [...new Set(all.map((s) => s.name))];

function grow(b: Builder, from: readonly Step[], names: string[]): void {
  const fits = from.filter((s) => (s.since ?? 1) <= b.opset && b.opset <= (s.until ?? 99));
  if (fits.length === 0) return;
  const step = b.pick(fits);
  names.push(step.name);
  step.apply(b);
}

/** The model of a seedless stream of choices. */
export function drawGraph(draw: Draw, most: number, opsets: readonly number[] = OPSETS, only?: RegExp): RandomGraph {
  const from = only ? all.filter((s) => only.test(s.name)) : all;
  const b = new Builder(draw, opsets[draw(0, opsets.length - 1)] ?? 17);
  const names: string[] = [];
  for (let n = draw(1, most); n > 0; n--) grow(b, from, names);
  if (b.nodes.length === 0)
    b.add('Identity', [b.source('f32', [2])], [{ dtype: 'f32', shape: [2], exact: true, limit: 4 }]);
  const made = new Set(b.nodes.flatMap((n) => n.output ?? []));
  const leaves = b.values.filter((v) => made.has(v.name) && !b.used.has(v.name));
  // What cannot cross the border as it is goes out widened.
  const outputs = leaves.map((v) => {
    if (isFeedable(v.dtype)) return v;
    return b.add('Cast', [v], [{ ...v, dtype: 'f32' }], [attribute.int('to', 1)])[0] ?? v;
  });
  const { inputs, domains, lines } = b.model;
  // Some models do not say how long the axes of their inputs are.
  const open = b.chance(20);
  const dims = (name: string, shape: readonly number[]): (number | string | null)[] =>
    shape.map((d, i) => (open ? `${name}_${i}` : d));
  const model = encodeModel(
    {
      name: 'g',
      node: b.nodes,
      initializer: b.initializers,
      input: inputs.map(({ name, tensor }) => info(name, dims(name, tensor.shape), onnxOfDtype(tensor.dtype))),
      output: outputs.map((v) => info(v.name, open ? v.shape.map(() => null) : [...v.shape], onnxOfDtype(v.dtype))),
    },
    {
      irVersion: b.opset >= 23 ? 11 : b.opset >= 21 ? 10 : 8,
      opsetImport: [
        { domain: '', version: b.opset },
        ...[...domains]
          .filter((d) => d !== '')
          .map((domain) => ({
            domain,
            version: domain === 'ai.onnx.ml' ? (names.includes('TreeEnsemble') ? 5 : 3) : 1,
          })),
      ],
    },
  );
  const given = inputs.map(
    ({ name, tensor }) => `${name}:${tensor.dtype}[${tensor.shape}] = ${[...tensor.data].slice(0, 24).join(' ')}`,
  );
  return {
    model,
    inputs: Object.fromEntries(inputs.map(({ name, tensor }) => [name, tensor])),
    outputs,
    opset: b.opset,
    steps: names,
    apart: b.model.apart,
    rounded: new Set(b.values.flatMap((v) => (v.exact ? [] : [v.name]))),
    open,
    text: [`opset ${b.opset}${open ? ', shapes of inputs open' : ''}`, ...given, ...lines].join('\n'),
  };
}

/** Random graphs of 1 to `most` operators; fast-check shrinks them. */
export const randomGraphs = (most: number, opsets?: readonly number[]): fc.Arbitrary<RandomGraph> =>
  fc.gen().map((g) => drawGraph((low, high) => g(fc.integer, { min: low, max: Math.max(low, high) }), most, opsets));
