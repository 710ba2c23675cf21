import type { DeviceMemory, MemoryRange } from './devices/device.ts';
import { evaluateDim } from './dims.ts';
import { byteLength, type TypedArray, viewOf } from './dtype.ts';
import { InfcError } from './errors.ts';
import { type Control, type Executor, isTensor } from './executor.ts';
import { type Frame, define as placeLate } from './frame.ts';
import type { HostTensor, HostValue } from './host.ts';
import type { DimCode, PlanStep } from './plan.ts';
import { bindShape } from './ports.ts';
import { elementsOf } from './tensor.ts';

/** {@link Control}, for plans that have such steps; artifacts of plans without them leave it out. */
export const playControl: Control = async (x, step, frame) => {
  switch (step.kind) {
    case 'copy':
      return move(x, frame, [step], step);
    case 'host':
      return host(x, step, frame);
    case 'if':
      return x.play((await scalar(x, frame, step.condition)) ? step.body : step.otherwise, frame);
    case 'loop':
      return loop(x, step, frame);
  }
};

async function host(x: Executor, step: PlanStep & { kind: 'host' }, frame: Frame): Promise<void> {
  const fail = (reason: string, fix?: string): never => {
    throw new InfcError('INFC6016', reason, { node: step.op, ...(fix ? { fix } : {}) });
  };
  const op = x.hostOps.get(step.op);
  if (!op) return fail(`host function '${step.op}' is not loaded`, 'Pass it in the hostOps option');
  const inputs: HostValue[] = [];
  for (const i of step.inputs) inputs.push(i === null ? null : await x.value(frame, i, step.inputs.length > 1));
  const outputs = step.outputs.map((i) => {
    const b = x.plan.buffers[i];
    return { dtype: b?.dtype ?? 'f32', rank: b?.shape.length ?? 0 };
  });
  // Dims that the run has fixed stand in attributes as objects.
  const fixed = (a: unknown): unknown =>
    Array.isArray(a)
      ? a.map(fixed)
      : a && typeof a === 'object'
        ? evaluateDim((a as { dim: DimCode }).dim, frame.values)
        : a;
  const attrs = Object.fromEntries(Object.entries(step.attrs).map(([k, v]) => [k, fixed(v)]));
  const results = await op(inputs, attrs, { outputs, fail });
  if (results.length !== step.outputs.length) fail(`it returned ${results.length} values, not ${step.outputs.length}`);
  const old = define(
    x,
    frame,
    step,
    new Set(step.defines ?? []),
    step.outputs.map((to, k) => ({ to, shape: shapeOf(results[k]) })),
  );
  if (old) x.device.free(old);
  step.outputs.forEach((i, k) => {
    x.put(frame, i, results[k] ?? null);
  });
}

async function loop(x: Executor, step: PlanStep & { kind: 'loop' }, frame: Frame): Promise<void> {
  const trip = step.trip === undefined ? Number.POSITIVE_INFINITY : await scalar(x, frame, step.trip);
  // Gathered values of unknown length wait on the host until the loop ends.
  const gathered = step.collect.map((): HostTensor[] => []);
  let count = 0;
  for (; count < trip; count++) {
    if (step.condition !== undefined && !(await scalar(x, frame, step.condition))) break;
    if (step.iteration !== undefined)
      x.put(frame, step.iteration, { dtype: 'i64', shape: [], data: BigInt64Array.of(BigInt(count)) });
    for (const s of step.slice) part(x, frame, s.from, s.to, s.axis, count, s.reverse ?? false, true);
    await x.play(step.body, frame);
    for (const [k, c] of step.collect.entries()) {
      if (c.defines || x.onHost(c.to)) gathered[k]?.push(await x.copyOut(frame, c.from));
      else part(x, frame, c.to, c.from, c.axis ?? 0, count, c.reverse ?? false, false);
    }
    if (step.carry.length > 0) await move(x, frame, step.carry, step);
  }
  for (const [k, c] of step.collect.entries()) {
    if (!c.defines && !x.onHost(c.to)) continue;
    const all = stack(gathered[k] ?? [], c.axis ?? 0, c.reverse ?? false, emptyLike(x, frame, c.from));
    const old = define(x, frame, c, new Set(c.defines ?? []), [{ to: c.to, shape: all.shape }]);
    if (old) x.device.free(old);
    x.put(frame, c.to, all);
  }
}

/** Copies slice `index` of `whole` along `axis` to or from `slice`. */
function part(
  x: Executor,
  frame: Frame,
  whole: number,
  slice: number,
  axis: number,
  index: number,
  reverse: boolean,
  out: boolean,
) {
  const shape = frame.shape(whole);
  const count = shape[axis] ?? 0;
  const a = frame.range(whole);
  const b = frame.range(slice);
  const outer = elementsOf(shape.slice(0, axis));
  const bytes = outer === 0 ? 0 : b.bytes / outer;
  const at = reverse ? count - 1 - index : index;
  if (at < 0 || at >= count)
    throw new InfcError('INFC6018', `a loop runs past the ${count} slices of its input`, { fix: 'Check the model' });
  for (let o = 0; o < outer; o++) {
    const far = a.offset + (o * count + at) * bytes;
    const near = b.offset + o * bytes;
    if (out) x.device.copy(a.memory, far, b.memory, near, bytes);
    else x.device.copy(b.memory, near, a.memory, far, bytes);
  }
}

function emptyLike(x: Executor, frame: Frame, i: number): HostTensor {
  const shape = frame.shape(i).map((d) => (Number.isNaN(d) ? 0 : d));
  const dtype = x.plan.buffers[i]?.dtype ?? 'f32';
  return { dtype, shape, data: viewOf(dtype, new ArrayBuffer(0), 0, 0) };
}

async function scalar(x: Executor, frame: Frame, i: number): Promise<number> {
  const v = await x.value(frame, i, false);
  return isTensor(v) ? Number(v.data[0]) : 0;
}

/**
 * Moves bytes (or host values) all at once: sources are taken first, then the symbols that their shapes fix are bound, then targets
 * are placed and filled.
 */
async function move(x: Executor, frame: Frame, moves: readonly Move[], event: object): Promise<void> {
  const sources: (HostValue | { range: MemoryRange; shape: readonly number[] })[] = [];
  for (const { from, to } of moves) {
    if (x.onHost(from) || x.onHost(to)) sources.push(await x.value(frame, from, true));
    else sources.push({ range: frame.range(from), shape: frame.shape(from) });
  }
  const names = new Set(moves.flatMap((m) => m.defines ?? []));
  const old = define(
    x,
    frame,
    event,
    names,
    moves.map(({ to }, k) => ({ to, shape: shapeOf(sources[k]) })),
  );
  moves.forEach(({ to }, k) => {
    const source = sources[k];
    if (source && 'range' in source) {
      const { memory, offset } = source.range;
      const target = frame.range(to);
      if (memory !== target.memory || offset !== target.offset)
        x.device.copy(memory, offset, target.memory, target.offset, target.bytes);
    } else x.put(frame, to, source ?? null);
  });
  if (old) x.device.free(old);
}

/** Binds `names` from the actual shapes of values and places what depends on them; returns memory to free afterwards. */
function define(
  x: Executor,
  frame: Frame,
  event: object,
  names: ReadonlySet<string>,
  results: readonly { to: number; shape: readonly number[] | undefined }[],
): DeviceMemory | undefined {
  for (const n of names) frame.values.delete(n);
  for (const { to, shape } of results) {
    const b = x.plan.buffers[to];
    // Of what lives on the host, tensors of strings have a shape too.
    if (b && shape && (b.role !== 'host' || (b.dtype === 'string' && b.shape.length === shape.length)))
      bindShape(x.plan, frame.values, `value '${b.name ?? to}'`, b.shape, shape, names);
  }
  return names.size > 0 ? placeLate(frame, event, [...names]) : undefined;
}

interface Move {
  readonly from: number;
  readonly to: number;
  readonly defines?: readonly string[];
}

const shapeOf = (v: object | null | undefined): readonly number[] | undefined =>
  v && 'shape' in v ? (v.shape as readonly number[]) : undefined;

/** Joins equal-shaped tensors along a new axis; `empty` gives dtype and shape when there is none. */
function stack(parts: readonly HostTensor[], axis: number, reverse: boolean, empty: HostTensor): HostTensor {
  const list = reverse ? [...parts].reverse() : parts;
  const { dtype, shape } = list[0] ?? empty;
  const full = [...shape.slice(0, axis), list.length, ...shape.slice(axis)];
  if (dtype === 'string') return { dtype, shape: full, data: list.flatMap((p) => p.data as readonly string[]) };
  const outer = elementsOf(shape.slice(0, axis));
  const all = new Uint8Array(byteLength(dtype, elementsOf(full)));
  const each = list.length === 0 || outer === 0 ? 0 : all.length / list.length / outer;
  list.forEach((p, k) => {
    const data = p.data as TypedArray; // not strings, by dtype
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    for (let o = 0; o < outer; o++) all.set(bytes.subarray(o * each, (o + 1) * each), (o * list.length + k) * each);
  });
  return { dtype, shape: full, data: viewOf(dtype, all.buffer, 0, elementsOf(full)) };
}
