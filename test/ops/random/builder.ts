import { onnxOfDtype } from '../../../compiler/import/onnx-type.ts';
import { bitsOf, type DType, isFloat, isInteger, isUnsigned } from '../../../compiler/ir/dtype.ts';
import { byteLength, viewOf } from '../../../runtime/dtype.ts';
import type { HostTensor } from '../../../runtime/host.ts';
import { encodeFloat } from '../../../runtime/minifloat.ts';
import { type Attribute, type Graph, info, type Node, node, type Tensor } from '../../import/build-onnx.ts';

/** A tensor of the graph being built. */
export interface Val {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Computed without rounding: an op with jumps (floor, a comparison, a sort) may follow. */
  readonly exact: boolean;
  /** No element is larger, as far as one can tell. */
  readonly limit: number;
}

/** What a value must be to serve as an operand. */
export interface Want {
  readonly dtypes: readonly DType[];
  readonly shape?: readonly number[];
  readonly rank?: readonly [low: number, high: number];
  readonly exact?: boolean;
  readonly limit?: number;
  readonly test?: (v: Val) => boolean;
  /** Shape of a new one, where no value fits. */
  readonly fresh?: (b: Builder) => readonly number[];
  /** Contents of a new one: whole numbers from low to high, quarters for floats. */
  readonly range?: readonly [low: number, high: number];
}

/** Draws a whole number in [low, high]. */
export type Draw = (low: number, high: number) => number;

export const size = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** A tensor from numbers: narrow floats encoded, sub-byte integers packed. */
export function pack(dtype: DType, shape: readonly number[], values: readonly number[]): HostTensor {
  const bits = bitsOf[dtype];
  const bytes = new Uint8Array(byteLength(dtype, values.length));
  if (bits < 8) {
    values.forEach((v, i) => {
      const code = dtype === 'f4e2m1' ? encodeFloat(dtype, v) : v;
      const at = Math.floor((i * bits) / 8);
      bytes[at] = (bytes[at] ?? 0) | ((code & ((1 << bits) - 1)) << ((i * bits) % 8));
    });
    return { dtype, shape, data: bytes };
  }
  const data = viewOf(dtype, bytes.buffer, 0, values.length);
  const narrow = isFloat(dtype) && bits <= 16;
  values.forEach((v, i) => {
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(v);
    else data[i] = narrow ? encodeFloat(dtype, v) : v;
  });
  return { dtype, shape, data };
}

/** dtypes that a graph input can have in onnxruntime's JavaScript; the others come as constants or by a cast. */
const FEEDABLE: ReadonlySet<DType> = new Set([
  'f32',
  'f64',
  'f16',
  'i8',
  'i16',
  'i32',
  'i64',
  'u8',
  'u16',
  'u32',
  'u64',
  'bool',
  'string',
]);
export const isFeedable = (dtype: DType): boolean => FEEDABLE.has(dtype);

const WORDS = ['a', 'Bc', 'a b', '', 'x,y', 'Größe', '42'] as const;

/** What all graphs of one model share. */
class Model {
  count = 0;
  readonly inputs: { readonly name: string; readonly tensor: HostTensor }[] = [];
  readonly lines: string[] = [];
  readonly domains = new Set<string>();
  /** onnxruntime is known to leave the standard somewhere in it. */
  apart = false;
}

/** A graph, or a body, that grows by one operator at a time. */
export class Builder {
  readonly nodes: Node[] = [];
  readonly initializers: Tensor[] = [];
  readonly values: Val[] = [];
  /** Values of this graph that something reads. */
  readonly used = new Set<string>();

  constructor(
    readonly draw: Draw,
    readonly opset: number,
    private readonly outer?: Builder,
    readonly model: Model = outer?.model ?? new Model(),
  ) {}

  /** A body that may read what is here already. */
  body(): Builder {
    return new Builder(this.draw, this.opset, this);
  }

  get isBody(): boolean {
    return this.outer !== undefined;
  }

  pick<T>(list: readonly T[]): T {
    const item = list[this.draw(0, list.length - 1)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  chance(percent: number): boolean {
    return this.draw(0, 99) < percent;
  }

  name(prefix: string): string {
    return `${prefix}${this.model.count++}`;
  }

  /** All values in reach, those of this graph last. */
  reach(): readonly Val[] {
    return this.outer ? [...this.outer.reach(), ...this.values] : this.values;
  }

  /** A small shape; lengths of 1 and 0 appear. */
  shape(low = 0, high = 4): number[] {
    const rank = this.draw(low, high);
    return Array.from({ length: rank }, () => (this.chance(2) ? 0 : this.chance(15) ? 1 : this.draw(1, 5)));
  }

  /** `count` numbers for a dtype: whole ones, quarters in floats. */
  numbers(dtype: DType, count: number, range: readonly [number, number] = [-4, 4]): number[] {
    let state = this.draw(1, 0x7fffffff);
    const below = (n: number): number => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % n;
    };
    let [low, high] = dtype === 'bool' ? [0, 1] : range;
    if (isUnsigned(dtype) || dtype === 'f8e8m0') low = Math.max(low, dtype === 'f8e8m0' ? 1 : 0);
    if (isInteger(dtype) && bitsOf[dtype] < 8) {
      low = Math.max(low, isUnsigned(dtype) ? 0 : -(2 ** (bitsOf[dtype] - 1)));
      high = Math.min(high, 2 ** (bitsOf[dtype] - (isUnsigned(dtype) ? 0 : 1)) - 1);
    }
    const grid = isFloat(dtype) && bitsOf[dtype] > 8 ? 4 : 1;
    return Array.from({ length: count }, () => low + below((high - low) * grid + 1) / grid);
  }

  /** A new value: an input of the model, or a constant. */
  source(dtype: DType, shape: readonly number[], range?: readonly [number, number], constant = this.chance(30)): Val {
    if (dtype === 'string') {
      const data = Array.from({ length: size(shape) }, () => this.pick(WORDS));
      return this.given({ dtype, shape, data }, constant, 1);
    }
    const values = this.numbers(dtype, size(shape), range);
    return this.given(pack(dtype, shape, values), constant, Math.max(1, ...values.map(Math.abs)));
  }

  /** A value with these contents. */
  given(tensor: HostTensor, constant: boolean, limit = 8): Val {
    const { dtype, shape } = tensor;
    const fixed = constant || this.isBody || !isFeedable(dtype);
    const name = this.name(fixed ? 'c' : 'x');
    if (fixed) {
      const dims = [...shape];
      const { data } = tensor;
      this.initializers.push(
        ArrayBuffer.isView(data)
          ? {
              name,
              dims,
              dataType: onnxOfDtype(dtype),
              rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
            }
          : { name, dims, dataType: 8, stringData: data.map((s) => new TextEncoder().encode(s)) },
      );
      if (size(shape) <= 8)
        this.model.lines.push(
          `${name}:${dtype}[${shape}] = ${ArrayBuffer.isView(data) ? data.join(' ') : data.join('|')}`,
        );
    } else this.model.inputs.push({ name, tensor });
    const v: Val = { name, dtype, shape, exact: true, limit };
    this.values.push(v);
    return v;
  }

  /** A value that fits, newer ones more often, or a new one. */
  operand(want: Want): Val {
    const { dtypes, shape, rank = [0, 4], exact = false, limit = 1e4, test = () => true } = want;
    const [lowest, highest] = want.range ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    const ranged = Number.isFinite(lowest) && Number.isFinite(highest);
    if (!ranged && this.chance(80)) {
      const fits = this.reach().filter(
        (v) =>
          dtypes.includes(v.dtype) &&
          (shape ? v.shape.join() === shape.join() : v.shape.length >= rank[0] && v.shape.length <= rank[1]) &&
          (v.exact || !exact) &&
          v.limit <= limit &&
          size(v.shape) <= 600 &&
          test(v),
      );
      if (fits.length > 0) return this.pick(this.chance(50) ? fits.slice(-2) : fits);
    }
    const dtype = dtypes.includes('f32') && this.chance(40) ? 'f32' : this.pick(dtypes);
    return this.source(dtype, shape ?? want.fresh?.(this) ?? this.shape(...rank), want.range);
  }

  /** A constant i64 vector or scalar; now and then an input of the model, whose contents only the run knows. */
  ints(values: readonly number[], scalar = false, dynamic = 0): string {
    const shape = scalar ? [] : [values.length];
    return this.given(pack('i64', shape, values), !this.chance(dynamic), 8).name;
  }

  /** Adds a node; its outputs become values. */
  add(
    op: string,
    inputs: readonly (Val | string)[],
    outputs: readonly Omit<Val, 'name'>[],
    attributes: readonly Attribute[] = [],
    domain = '',
  ): Val[] {
    const named = outputs.map((o) => ({ ...o, name: this.name('v') }));
    const names = inputs.map((v) => (typeof v === 'string' ? v : v.name));
    for (const n of names) this.used.add(n);
    this.model.domains.add(domain);
    const outs = named.map((o) => o.name);
    this.nodes.push(node(op, names, outs, [...attributes], { name: this.name('n'), domain }));
    this.values.push(...named);
    const shown = attributes.map(
      (a) => `${a.name}=${a.i ?? a.ints?.join('/') ?? a.floats?.join('/') ?? a.f ?? textOf(a)}`,
    );
    const types = named.map((o) => `${o.name}:${o.dtype}[${o.shape}]`);
    this.model.lines.push(
      `${types.join(', ')} = ${domain ? `${domain}.` : ''}${op}(${names.join(', ')}) ${shown.join(' ')}`,
    );
    return named;
  }

  /** A node whose outputs are no tensors (sequences, optionals); returns their names. */
  raw(op: string, inputs: readonly (Val | string)[], count: number, attributes: readonly Attribute[] = []): string[] {
    const names = inputs.map((v) => (typeof v === 'string' ? v : v.name));
    for (const n of names) this.used.add(n);
    const outs = Array.from({ length: count }, () => this.name('s'));
    this.nodes.push(node(op, names, outs, [...attributes], { name: this.name('n') }));
    this.model.lines.push(`${outs.join(', ')} = ${op}(${names.join(', ')})`);
    return outs;
  }

  /** This graph as a body with the given inputs and outputs. */
  graph(inputs: readonly Val[], outputs: readonly Val[]): Graph {
    const typed = (v: Val) => info(v.name, [...v.shape], onnxOfDtype(v.dtype));
    return {
      name: this.name('body'),
      node: this.nodes,
      initializer: this.initializers,
      input: inputs.map(typed),
      output: outputs.map(typed),
    };
  }
}

const textOf = (a: Attribute): string =>
  [...(a.strings ?? []), ...(a.s ? [a.s] : [])].map((s) => new TextDecoder().decode(s)).join('/') || '…';

/** One operator (or a few that belong together). Does nothing where no operands fit. */
export interface Step {
  readonly name: string;
  /** First opset that has it, and the last one. */
  readonly since?: number;
  readonly until?: number;
  apply(b: Builder): void;
}

export const step = (name: string, apply: (b: Builder) => void, more: Partial<Step> = {}): Step => ({
  name,
  apply,
  ...more,
});

export const FLOATS: readonly DType[] = ['f32', 'f64', 'f16', 'bf16'];
export const WHOLES: readonly DType[] = ['i8', 'i16', 'i32', 'i64', 'u8', 'u16', 'u32', 'u64'];
export const NUMBERS: readonly DType[] = [...FLOATS, ...WHOLES];
export const PLAIN: readonly DType[] = [...NUMBERS, 'bool'];
export const TINY: readonly DType[] = [
  'f8e4m3fn',
  'f8e4m3fnuz',
  'f8e5m2',
  'f8e5m2fnuz',
  'i4',
  'u4',
  'i2',
  'u2',
  'f4e2m1',
];

/** The type of v, not exact in floats unless told. */
export const like = (v: Val, more: Partial<Omit<Val, 'name'>> = {}): Omit<Val, 'name'> => ({
  dtype: v.dtype,
  shape: v.shape,
  exact: !isFloat(v.dtype),
  limit: v.limit,
  ...more,
});

export function broadcast(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const out: number[] = [];
  for (let i = 0; i < rank; i++) {
    const [x, y] = [a[a.length - rank + i] ?? 1, b[b.length - rank + i] ?? 1];
    if (x !== y && x !== 1 && y !== 1) return undefined;
    out.push(x === 1 ? y : x);
  }
  return out;
}

/** A shape that broadcasts with `shape`: leading axes dropped, some lengths 1. */
export const broadcastable = (b: Builder, shape: readonly number[]): number[] =>
  shape.slice(b.draw(0, shape.length)).map((d) => (b.chance(25) ? 1 : d));

/** An axis of v, counted from either end. */
export function axisOf(b: Builder, v: Val): { axis: number; written: number } {
  const axis = b.draw(0, v.shape.length - 1);
  return { axis, written: b.chance(40) ? axis - v.shape.length : axis };
}
