import { byteLength, type DType } from '../../runtime/dtype.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { PlanBuffer } from '../../runtime/plan.ts';
import { collectSyms, type Dim } from '../ir/dim.ts';
import { type CompactValues, type Constant, formatType, type State, type TensorType, type Value } from '../ir/graph.ts';
import type { Kernel } from '../ir/kernel.ts';
import type { KernelArgument } from '../lower/template.ts';
import { toDimCode } from './codes.ts';
import { expand } from './expand.ts';
import type { WeightsWriter } from './weights-file.ts';

/** Whether a value of this type is a JavaScript value rather than bytes on the device. */
export const livesOnHost = (type: TensorType): boolean => type.dtype === 'string' || type.container !== undefined;

/** Gives every value of a schedule a buffer of the plan, in order of first use. */
export class BufferTable {
  readonly buffers: PlanBuffer[] = [];
  private readonly byValue = new Map<Value, number>();
  private readonly byConstant = new Map<Constant, Map<string, number>>();
  private readonly byScratch = new Map<string, number>();
  private readonly byState = new Map<State, number>();
  /** Kernels that fill buffers when the model is loaded. */
  readonly expansions: { readonly kernel: Kernel; readonly bind: readonly number[] }[] = [];

  constructor(
    private readonly weights: WeightsWriter,
    /** Lanes of the kernels that expand compact weights. */
    private readonly kind: Kernel['kind'] = 'simd',
  ) {}

  private push(buffer: PlanBuffer): number {
    return this.buffers.push(buffer) - 1;
  }

  /** Name of the first value each buffer holds; plans leave the names of intermediate values out. */
  names(): Map<number, string> {
    const names = new Map<number, string>();
    for (const [value, at] of this.byValue) if (!names.has(at)) names.set(at, value.name);
    return names;
  }

  /** Scratch belongs to one entry, whose arena it lies in. */
  beginEntry(): void {
    this.byScratch.clear();
  }

  has(value: Value): boolean {
    return this.byValue.has(value);
  }

  /** The buffer of a value that some item (or an input) has produced, or of a constant. Throws INFC3901 otherwise. */
  read(value: Value): number {
    const known = this.byValue.get(value);
    if (known !== undefined) return known;
    if (!value.constant)
      throw new InfcError('INFC3901', `value '${value.name}' is used before anything produces it`, {
        ...(value.producer ? { node: value.producer.source.name } : {}),
        fix: 'Report this: the schedule is out of order',
      });
    const at = this.constant(value.constant, value.type, value.name);
    this.byValue.set(value, at);
    return at;
  }

  /** A new buffer for a value that an item writes. */
  define(value: Value, role: 'input' | 'output' | 'arena'): number {
    const known = this.byValue.get(value);
    if (known !== undefined) return known;
    const onHost = livesOnHost(value.type);
    const at = this.push({
      ...(role === 'arena' ? {} : { name: value.name }),
      role: onHost ? 'host' : role,
      ...layout(value.type),
    });
    this.byValue.set(value, at);
    return at;
  }

  /** Lets `value` share the buffer `at` outright (same type). */
  assign(value: Value, at: number): void {
    this.byValue.set(value, at);
  }

  /** `value` is the bytes of buffer `of` from byte `offset`. */
  alias(value: Value, of: number, offset: Dim = 0): number {
    const at = this.push({
      role: 'alias',
      ...layout(value.type),
      of,
      ...(offset === 0 ? {} : { at: toDimCode(offset) }),
    });
    this.byValue.set(value, at);
    return at;
  }

  state(state: State): number {
    const known = this.byState.get(state);
    if (known !== undefined) return known;
    const at = this.push({ name: state.name, role: 'state', ...layout(state.type) });
    this.byState.set(state, at);
    return at;
  }

  constant(constant: Constant, type: TensorType, name: string, compact = constant.compact): number {
    const views = this.byConstant.get(constant) ?? new Map<string, number>();
    this.byConstant.set(constant, views);
    const key = formatType(type);
    const known = views.get(key);
    if (known !== undefined) return known;
    const expanded = compact ? this.expansion(constant, compact, name) : undefined;
    if (expanded !== undefined) {
      views.set(key, expanded);
      return expanded;
    }
    let buffer: PlanBuffer;
    if (constant.strings) buffer = { role: 'host', ...layout(type), strings: constant.strings };
    else {
      const { dtype, shape } = layout(type);
      const dense = byteLength(
        dtype,
        type.shape.reduce<number>((n, d) => n * Number(d), 1),
      );
      const odd = constant.bytes === dense ? {} : { bytes: constant.bytes };
      buffer = { role: 'weight', dtype, shape, ...odd, tensor: this.weights.add(constant, constant.name || name) };
    }
    const at = this.push(buffer);
    views.set(key, at);
    return at;
  }

  /** A buffer that a kernel fills from compact values when the model is loaded; undefined where the values do not allow it. */
  private expansion(constant: Constant, compact: CompactValues, name: string): number | undefined {
    const made = expand(constant, compact, this.kind);
    if (!made) return undefined;
    const planes = made.planes.map((p) => {
      const tensor = this.weights.add(p, `${constant.name || name}.${p.name}`, true);
      return this.push({ role: 'weight', dtype: p.type.dtype, shape: p.type.shape.map(toDimCode), tensor });
    });
    const { dtype, shape } = layout(constant.type);
    const at = this.push({ role: 'derived', dtype, shape, bytes: made.bytes });
    this.expansions.push({ kernel: made.kernel, bind: [...planes, at] });
    return at;
  }

  /** The buffer behind a kernel's argument; `written` arguments get one when they have none. */
  argument(arg: KernelArgument, written: boolean, role: (value: Value) => 'output' | 'arena'): number {
    switch (arg.kind) {
      case 'value':
        return written && !this.has(arg.value) ? this.define(arg.value, role(arg.value)) : this.read(arg.value);
      case 'packed':
        return this.constant(
          arg.constant,
          arg.constant.type,
          `${arg.from.name}#${arg.key}`,
          arg.from.constant?.compact,
        );
      case 'scratch': {
        const key = `${arg.key} ${arg.of?.id ?? ''} ${formatType(arg.type)}`;
        const known = this.byScratch.get(key);
        if (known !== undefined) return known;
        const at = this.push({ role: 'arena', ...layout(arg.type) });
        this.byScratch.set(key, at);
        return at;
      }
    }
  }
}

const layout = (type: TensorType): { dtype: DType; shape: PlanBuffer['shape'] } => ({
  dtype: type.dtype,
  shape: type.shape.map(toDimCode),
});

/** Names of the symbols in a type's shape. */
export function symbolsOf(type: TensorType): Set<string> {
  const out = new Set<string>();
  for (const d of type.shape) for (const name of collectSyms(d).keys()) out.add(name);
  return out;
}
