import { collectSyms, type Dim, isStatic, max, range, upperBound } from '../ir/dim.ts';
import {
  type Attributes,
  commonContainer,
  forEachNode,
  formatType,
  Graph,
  type TensorType,
  tensor,
  type Value,
} from '../ir/graph.ts';
import { defineOp, type InferContext, type OpDef } from '../ir/op.ts';

/** Body graph of a control node. */
export function bodyOf(attrs: Attributes, name: string): Graph {
  const g = attrs[name];
  if (!(g instanceof Graph)) throw new TypeError(`attribute '${name}' is not a graph`);
  return g;
}

/** Symbols that mean something outside a body: those of what it captures. Others are bound anew whenever the body runs. */
function outerSymbols(body: Graph, c: InferContext): Set<string> {
  const outer = new Set<string>();
  const add = (dims: readonly Dim[] | undefined): void => {
    for (const d of dims ?? []) for (const name of collectSyms(d).keys()) outer.add(name);
  };
  c.inputs.forEach((t, i) => {
    add(t?.shape);
    add(c.known(i));
  });
  const inside = new Set<Value>(body.inputs);
  forEachNode(body, (node) => {
    for (const a of Object.values(node.attrs)) if (a instanceof Graph) for (const v of a.inputs) inside.add(v);
    for (const v of node.outputs) inside.add(v);
  });
  forEachNode(body, (node) => {
    for (const v of node.inputs) {
      if (!v || inside.has(v)) continue;
      add(v.type.shape);
      add(v.known);
    }
  });
  return outer;
}

/** Dims of a body's result as the enclosing graph sees them: what only the body knows becomes data-dependent. */
function outerDims(shape: readonly Dim[], outer: ReadonlySet<string>, c: InferContext, hint: string): Dim[] {
  return shape.map((d, axis) =>
    isStatic(d) || [...collectSyms(d).keys()].every((name) => outer.has(name))
      ? d
      : c.dataDependent(`${hint}_${axis}`, upperBound(d)),
  );
}

/** Whether two element types can come out of the same place; containers without elements fit any. */
function sameKind(a: TensorType, b: TensorType): boolean {
  const ranks = a.unranked || b.unranked || a.shape.length === b.shape.length;
  return a.dtype === b.dtype && commonContainer(a.container, b.container) !== undefined && ranks;
}

function ifOutput(a: TensorType, b: TensorType, i: number, c: InferContext, outer: ReadonlySet<string>): TensorType {
  if (!sameKind(a, b))
    c.fail(
      `output ${i} is ${formatType(a)} in one branch and ${formatType(b)} in the other`,
      'Both branches must give the same type and rank',
    );
  if (a.unranked || b.unranked) return a.unranked ? b : a;
  const shape = a.shape.map((d, axis) => {
    const e = b.shape[axis] ?? 0;
    return d === e ? d : c.dataDependent(`out${i}_${axis}`, max(upperBound(d), upperBound(e)));
  });
  return { ...a, shape: outerDims(shape, outer, c, `out${i}`) };
}

/** Attributes `body` and `otherwise`: graphs without inputs; the input is a bool scalar. */
const ifOp = defineOp({
  name: 'if',
  control: true,
  infer: (c) => {
    const yes = bodyOf(c.attrs, 'body');
    const no = bodyOf(c.attrs, 'otherwise');
    const condition = c.inputs[0] ?? c.fail('the condition is missing');
    if (condition.dtype !== 'bool') c.fail('the condition must be a bool');
    if (yes.outputs.length !== no.outputs.length)
      c.fail(`the branches have ${yes.outputs.length} and ${no.outputs.length} outputs`);
    const outer = new Set([...outerSymbols(yes, c), ...outerSymbols(no, c)]);
    return yes.outputs.map((v, i) => ifOutput(v.type, no.outputs[i]?.type ?? v.type, i, c, outer));
  },
});

/** A loop that leaves its condition true runs exactly `trip` times. */
const alwaysContinues = (body: Graph): boolean => body.outputs[0]?.known?.[0] === 1;

/** Trip count of a loop, where it is known before the run. */
function iterations(c: InferContext, body: Graph): Dim {
  const trip = c.inputs[0] ? c.known(0)?.[0] : undefined;
  const starts = !c.inputs[1] || c.known(1)?.[0] === 1;
  if (trip !== undefined && starts && alwaysContinues(body)) return max(trip, 0);
  return c.dataDependent('iterations', trip === undefined ? 2147483647 : max(upperBound(trip), 0));
}

/**
 * ONNX's Loop. Inputs: trip count (i64 scalar or null), condition (bool scalar or null), then `carried` initial values. `body` has
 * inputs iteration, condition, carried values, and outputs condition, carried values, then one element of each gathered output.
 * Outputs: final carried values, then gathered outputs with a new first axis.
 */
const loopOp = defineOp({
  name: 'loop',
  control: true,
  infer: (c) => {
    const body = bodyOf(c.attrs, 'body');
    const carried = Number(c.attrs.carried ?? 0);
    if (body.inputs.length !== carried + 2 || body.outputs.length < carried + 1)
      c.fail(
        `the body has ${body.inputs.length} inputs and ${body.outputs.length} outputs for ${carried} carried values`,
      );
    const outer = outerSymbols(body, c);
    const trips = iterations(c, body);
    return body.outputs.slice(1).map((v, i) => {
      const shape = outerDims(v.type.shape, outer, c, `out${i}`);
      if (i >= carried) {
        if (v.type.container) c.fail(`gathered output ${i} is a ${v.type.container}`);
        return tensor(v.type.dtype, [trips, ...shape]);
      }
      const initial = c.inputs[2 + i] ?? c.fail(`initial value ${i} is missing`);
      if (!sameKind(initial, v.type))
        c.fail(`carried value ${i} is ${formatType(initial)} before and ${formatType(v.type)} after an iteration`);
      const out = carriedOutput(initial, body.inputs[2 + i]?.type ?? initial, v.type, c, i, outer);
      // After at least one iteration it is what the body gives.
      const container =
        range(trips).min > 0 ? { container: v.type.container } : commonContainer(initial.container, v.type.container);
      return container?.container ? { ...out, container: container.container } : out;
    });
  },
});

/** A carried dim is the initial one where the body keeps it; else it depends on how often the body ran. */
function carriedOutput(
  initial: TensorType,
  inner: TensorType,
  result: TensorType,
  c: InferContext,
  i: number,
  outer: ReadonlySet<string>,
): TensorType {
  if (result.unranked) return initial;
  if (initial.unranked) return { ...result, shape: outerDims(result.shape, outer, c, `out${i}`) };
  const shape = initial.shape.map((d, axis) =>
    inner.shape[axis] === d ? d : c.dataDependent(`out${i}_${axis}`, 2147483647),
  );
  return { ...initial, shape };
}

/** Numbers of an integer-list attribute. */
export const intList = (attrs: Attributes, name: string): number[] => {
  const v = attrs[name];
  return Array.isArray(v) ? v.map(Number) : [];
};

/**
 * ONNX's Scan (opset 9 on). Inputs: `states` initial states, then the scanned tensors. `body` has inputs states and one slice of each
 * scanned tensor, and outputs states and one slice of each gathered output. Attributes: `inputAxes`, `outputAxes` (where the iterations'
 * axis is), `inputReverse`, `outputReverse` (1 = backwards). Outputs: final states, gathered outputs.
 */
const scanOp = defineOp({
  name: 'scan',
  control: true,
  infer: (c) => {
    const body = bodyOf(c.attrs, 'body');
    const states = Number(c.attrs.states ?? 0);
    const outer = outerSymbols(body, c);
    const axes = intList(c.attrs, 'inputAxes');
    const lengths = c.inputs
      .slice(states)
      .map((t, i) => t?.shape[axes[i] ?? 0] ?? c.fail(`scanned input ${i} is missing`));
    const steps = lengths.find(isStatic) ?? lengths[0] ?? c.fail('nothing is scanned');
    const clash = lengths.find((n) => isStatic(n) && n !== steps);
    if (clash !== undefined) c.fail('the scanned inputs have different lengths');
    const outputAxes = intList(c.attrs, 'outputAxes');
    return body.outputs.map((v, i) => {
      const shape = outerDims(v.type.shape, outer, c, `out${i}`);
      if (i >= states) {
        const axis = outputAxes[i - states] ?? 0;
        return tensor(v.type.dtype, [...shape.slice(0, axis), steps, ...shape.slice(axis)]);
      }
      const initial = c.inputs[i] ?? c.fail(`initial state ${i} is missing`);
      if (!sameKind(initial, v.type))
        c.fail(`state ${i} is ${formatType(initial)} before and ${formatType(v.type)} after an iteration`);
      return carriedOutput(initial, body.inputs[i]?.type ?? initial, v.type, c, i, outer);
    });
  },
});

/**
 * States that dims `a` and `b` are equal, because the graph after it was built on that. A run for which they are not is refused there;
 * attribute `why` says what relied on it. The output carries nothing.
 */
const assumeOp = defineOp({ name: 'assume', control: true, pure: false, infer: () => tensor('bool', []) });

/**
 * States that indices (input 0) lie within the dimensions `extents` that the last axis of the tensor goes through in turn; negative ones
 * count from the end. A run for which they do not is refused: before the kernels after it where the device's memory is the host's, at the
 * end of the graph elsewhere; reads are clamped in any case.
 */
const checkIndexOp = defineOp({ name: 'check_index', control: true, pure: false, infer: () => tensor('bool', []) });

/** Control flow with bodies; the plan plays it. */
export const controlOps: readonly OpDef[] = [assumeOp, checkIndexOp, ifOp, loopOp, scanOp];
