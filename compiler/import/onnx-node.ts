import { InfcError } from '../../runtime/errors.ts';
import type { Dim } from '../ir/dim.ts';
import { bitsOf, isFloat, viewOf } from '../ir/dtype.ts';
import { type Constant, formatType, type Graph, type TensorType, type Value } from '../ir/graph.ts';
import { contentsOf, type GraphBuilder } from '../ir/graph-builder.ts';
import type { HostTensor } from '../ir/op.ts';
import { numbersOf } from '../tensor-values.ts';
import { type AttributeProto, text, toBigInt, toNumber } from './onnx-decode.ts';
import type { OnnxNode } from './onnx-op.ts';
import { type ExternalFiles, importSparseTensor, importTensor } from './onnx-tensor.ts';
import { importType } from './onnx-type.ts';
import { closest } from './suggest.ts';

/** What a node needs of the importer: bodies (by attribute name), and values computed from constants. */
export interface NodeHost {
  readonly files: ExternalFiles | undefined;
  subgraph(attribute: string, inputs: readonly TensorType[], known: readonly (readonly Dim[] | undefined)[]): Graph;
  inline(attribute: string, inputs: readonly Value[], into: GraphBuilder | undefined): readonly Value[];
  evaluate(value: Value): HostTensor | undefined;
}

/** The attribute kinds of onnx.proto, by AttributeProto.AttributeType. */
const KINDS = {
  1: 'float',
  2: 'int',
  3: 'string',
  4: 'tensor',
  5: 'graph',
  6: 'floats',
  7: 'ints',
  8: 'strings',
  9: 'tensors',
};

/** An ONNX node as adapters see it. */
export class ImportedNode implements OnnxNode {
  constructor(
    readonly name: string,
    readonly op: string,
    readonly domain: string,
    readonly opset: number,
    readonly inputs: readonly (Value | null)[],
    readonly outputs: readonly string[],
    readonly attributes: ReadonlyMap<string, AttributeProto>,
    private readonly host: NodeHost,
  ) {}

  has(name: string): boolean {
    return this.attributes.has(name);
  }

  /** The attribute if it is there and of this kind (files older than IR 3 give no kind: then the field itself decides). */
  private find(name: string, type: number, field: keyof AttributeProto): AttributeProto | undefined {
    const a = this.attributes.get(name);
    if (!a) return undefined;
    const kind = a.type ?? 0;
    if (kind === type || (kind === 0 && Object.hasOwn(a, field))) return a;
    const wanted = KINDS[type as keyof typeof KINDS] ?? 'other';
    return this.fail(
      `attribute '${name}' is ${KINDS[kind as keyof typeof KINDS] ?? `of kind ${kind}`}, not ${wanted}`,
      'Export the model again',
    );
  }

  private required(name: string): never {
    return this.fail(`attribute '${name}' is missing`, 'Export the model again; the standard requires it');
  }

  int(name: string, fallback?: number): number {
    const a = this.find(name, 2, 'i');
    return a ? toNumber(a.i) : (fallback ?? this.required(name));
  }

  bigint(name: string): bigint {
    return toBigInt(this.find(name, 2, 'i')?.i);
  }

  bigints(name: string): readonly bigint[] {
    return (this.find(name, 7, 'ints')?.ints ?? []).map(toBigInt);
  }

  float(name: string, fallback?: number): number {
    const a = this.find(name, 1, 'f');
    return a ? (a.f ?? 0) : (fallback ?? this.required(name));
  }

  string(name: string, fallback?: string): string {
    const a = this.find(name, 3, 's');
    return a ? text(a.s ?? new Uint8Array(0)) : (fallback ?? this.required(name));
  }

  choice<T extends string>(name: string, words: readonly T[], fallback?: T): T {
    const given = this.string(name, fallback);
    const near = closest(given, words);
    return (
      words.find((w) => w === given) ??
      this.fail(
        `${name} '${given}' is not supported`,
        `${near ? `The closest is ${near}. ` : ''}Use ${words.map((w) => (w === '' ? 'nothing' : w)).join(', ')}`,
      )
    );
  }

  ints(name: string, fallback?: readonly number[]): readonly number[] {
    const a = this.find(name, 7, 'ints');
    return a ? (a.ints ?? []).map(toNumber) : (fallback ?? this.required(name));
  }

  floats(name: string, fallback?: readonly number[]): readonly number[] {
    const a = this.find(name, 6, 'floats');
    return a ? (a.floats ?? []) : (fallback ?? this.required(name));
  }

  strings(name: string, fallback?: readonly string[]): readonly string[] {
    const a = this.find(name, 8, 'strings');
    return a ? (a.strings ?? []).map(text) : (fallback ?? this.required(name));
  }

  tensor(name: string): Constant | undefined {
    const sparse = this.attributes.get(name)?.sparseTensor;
    if (sparse) return importSparseTensor(sparse, `${this.name}.${name}`, this.host.files);
    const a = this.find(name, 4, 't');
    return a?.t ? importTensor(a.t, `${this.name}.${name}`, this.host.files) : undefined;
  }

  tensors(name: string): readonly Constant[] {
    const a = this.find(name, 9, 'tensors');
    return (a?.tensors ?? []).map((t, i) => importTensor(t, `${this.name}.${name}[${i}]`, this.host.files));
  }

  type(name: string): TensorType | undefined {
    const a = this.attributes.get(name);
    return importType(a?.tp, this.name, () => this.fail(`type attribute '${name}' has dynamic dimensions`));
  }

  subgraph(name: string, inputs: readonly TensorType[], known: readonly (readonly Dim[] | undefined)[] = []): Graph {
    this.requireBody(name);
    return this.host.subgraph(name, inputs, known);
  }

  inline(name: string, inputs: readonly Value[], into?: GraphBuilder): readonly Value[] {
    this.requireBody(name);
    return this.host.inline(name, inputs, into);
  }

  private requireBody(name: string): void {
    if (!this.find(name, 5, 'g')?.g) this.required(name);
  }

  input(index: number): Value {
    return this.inputs[index] ?? this.fail(`input ${index} is missing`, `${this.op} needs it; export the model again`);
  }

  constantTensor(index: number): HostTensor | undefined {
    const v = this.inputs[index];
    return v ? constantTensor(v, (x) => this.host.evaluate(x)) : undefined;
  }

  private knownNumbers(index: number): readonly number[] | undefined {
    const v = this.inputs[index];
    const known = v ? contentsOf(v) : undefined;
    return known?.every((d) => typeof d === 'number') ? known.filter((d) => typeof d === 'number') : undefined;
  }

  constantInts(index: number): readonly number[] | undefined {
    const known = this.knownNumbers(index);
    if (known) return known;
    const t = this.constantTensor(index);
    if (!t || bitsOf[t.dtype] % 8 !== 0) return undefined;
    if (t.dtype === 'string' || isFloat(t.dtype))
      return this.fail(`input ${index} has type ${t.dtype} where integers are expected`);
    return Array.from(t.data, Number);
  }

  constantFloats(index: number): readonly number[] | undefined {
    const known = this.knownNumbers(index);
    if (known) return known;
    const t = this.constantTensor(index);
    if (!t) return undefined;
    if (t.dtype === 'string') return this.fail(`input ${index} has strings where numbers are expected`);
    return Array.from(numbersOf(t));
  }

  fail(reason: string, fix?: string): never {
    const seen = this.inputs.map((v) => (v ? formatType(v.type) : '-')).join(', ');
    throw new InfcError('INFC1030', `${this.op}: ${reason} (inputs: ${seen || 'none'})`, {
      node: this.name,
      ...(fix ? { fix } : {}),
    });
  }
}

/** Contents of a constant, or what `evaluate` makes of a value computed from constants. */
export function constantTensor(v: Value, evaluate: (v: Value) => HostTensor | undefined): HostTensor | undefined {
  const c = v.constant;
  if (!c) return evaluate(v);
  const shape = c.type.shape.filter((d) => typeof d === 'number');
  if (c.strings) return { dtype: 'string', shape, data: c.strings };
  const { dtype } = c.type;
  const elements = shape.reduce((n, d) => n * d, 1);
  const bytes = c.read();
  return { dtype, shape, data: viewOf(dtype, bytes.buffer, bytes.byteOffset, elements) };
}
