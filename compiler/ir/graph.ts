import { InfcError } from '../../runtime/errors.ts';
import type { Container, PlanGeneration } from '../../runtime/plan.ts';
import { type Dim, formatDim, type Sym } from './dim.ts';
import { type DType, isComplex, type TypedArray } from './dtype.ts';

/** Type of a value. `dtype` is logical; `format` says how the bytes are stored (`dense` unless a storage format is assigned). */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
  readonly format: string;
  /** Values that are not plain tensors live on the host; `dtype` and `shape` then describe the elements. */
  readonly container?: Container;
  /** Container elements of unknown rank; `shape` is then empty. */
  readonly unranked?: true;
}

/** The container that holds what either does; undefined when there is none. A sequence is an optional sequence that is there. */
export function commonContainer(
  a: TensorType['container'],
  b: TensorType['container'],
): { readonly container: TensorType['container'] } | undefined {
  if (a === b) return { container: a };
  const isSequence = (c: TensorType['container']): boolean => c === 'sequence' || c === 'optional-sequence';
  return isSequence(a) && isSequence(b) ? { container: 'optional-sequence' } : undefined;
}

export const tensor = (dtype: DType, shape: readonly Dim[], format = 'dense'): TensorType => ({ dtype, shape, format });

/** How memory holds a type: complex numbers are floats with a last axis of 2, real part first; all others are as they are. */
export const asReal = (type: TensorType): TensorType =>
  isComplex(type.dtype) ? { ...type, dtype: type.dtype === 'c64' ? 'f32' : 'f64', shape: [...type.shape, 2] } : type;

/** Where a node came from: shown in errors, `infc explain` and kernel headers, never dropped by a pass. */
export interface Source {
  readonly name: string;
  readonly op: string;
}

/** Values that are all f32 products of a step (default 1) and whole numbers -2^(bits-1) < v < 2^(bits-1), or all of a narrower float. */
export type CompactValues = { readonly bits: number; readonly step?: number } | { readonly float: 'f16' | 'bf16' };

/** Values that are whole numbers of `bits` bits times one scale for each index of `axis`. */
export interface ChannelCodes {
  readonly bits: number;
  readonly axis: 0 | 1;
  /** The whole numbers in the constant's layout; may be called more than once. */
  codes(): Float32Array;
  scales(): Float32Array;
}

/** Rows of weights in a storage format: for each plane the entries of one row after the other, rows along the last axis. */
export interface EncodedRows {
  /** Name of the storage format. */
  readonly format: string;
  /** May be called more than once; the caller does not write to the arrays. */
  planes(): Readonly<Record<string, TypedArray>>;
}

/**
 * Constant bytes, dense and little-endian; strings are held as such. `read` may be called more than once. With a storage format in
 * `type`, `read` gives the values that the format keeps, decoded; `encoded` are its planes where they exist already (a model file in
 * that format, or a quantizer's result), so that nothing is quantized twice.
 */
export interface Constant {
  readonly name: string;
  readonly type: TensorType;
  readonly bytes: number;
  read(): Uint8Array;
  readonly strings?: readonly string[];
  readonly encoded?: EncodedRows;
  /** What the values were rounded to, where no storage format holds them: how to write them compactly follows. */
  readonly rounded?: ChannelCodes | CompactValues;
  /** How the values can be written in fewer bytes without loss, in any order: they are expanded when the model is loaded. */
  readonly compact?: CompactValues;
  /** Its maker knows that no other constant has these bytes, so that writers need not compare them with others. */
  readonly unique?: true;
}

export type Attribute =
  | number
  | string
  | boolean
  | bigint
  | Dim
  | readonly Attribute[]
  | DType
  | Graph
  | Constant
  | undefined;
export type Attributes = Readonly<Record<string, Attribute>>;

/** One SSA value: a graph input, a constant, a state, or an output of exactly one node. */
export class Value {
  /** Nodes that read this value, once per use. */
  readonly uses: Node[] = [];
  producer: Node | undefined;
  constant: Constant | undefined;
  /** Contents of a small integer tensor, when shape arithmetic knows them symbolically (row-major). */
  known: readonly Dim[] | undefined;

  constructor(
    readonly id: number,
    public name: string,
    public type: TensorType,
  ) {}
}

/** One operation. `inputs` may hold null for an omitted optional input. Change edges only through {@link Graph}. */
export class Node {
  constructor(
    readonly id: number,
    readonly op: string,
    readonly inputs: (Value | null)[],
    readonly outputs: readonly Value[],
    public attrs: Attributes,
    readonly source: Source,
  ) {}
}

/** Memory that outlives one run: KV caches and recurrent state. Entries read it with `state_read` and write it with `state_write`. */
export interface State {
  readonly name: string;
  readonly type: TensorType;
}

let nextId = 1;

/**
 * A dataflow graph in SSA form; nodes are kept in an order in which producers come before users.
 * Subgraphs (bodies of if, loop, scan, region) are graphs too and may use values of enclosing graphs.
 */
export class Graph {
  readonly inputs: Value[] = [];
  outputs: Value[] = [];
  nodes: Node[] = [];
  /** Symbols that the caller of this entry gives, since no input's shape fixes them. */
  readonly given: string[] = [];
  private made = 0;

  constructor(readonly name: string) {}

  input(name: string, type: TensorType): Value {
    const v = new Value(nextId++, name, type);
    this.inputs.push(v);
    return v;
  }

  constant(constant: Constant): Value {
    const v = new Value(nextId++, constant.name, constant.type);
    v.constant = constant;
    return v;
  }

  /** Appends a node (or inserts it before `before`) with outputs of the given types. */
  node(
    op: string,
    inputs: readonly (Value | null)[],
    attrs: Attributes,
    types: readonly TensorType[],
    source: Source,
    names: readonly string[] = [],
    before?: Node,
  ): Node {
    const id = nextId++;
    // Ids differ from compile to compile within one process; names must not.
    const made = this.made++;
    const outputs = types.map((t, i) => new Value(nextId++, names[i] || `${op}_${made}${i === 0 ? '' : `_${i}`}`, t));
    const node = new Node(id, op, [...inputs], outputs, attrs, source);
    for (const o of outputs) o.producer = node;
    for (const v of inputs) v?.uses.push(node);
    if (before === undefined) this.nodes.push(node);
    else {
      const at = this.nodes.indexOf(before);
      if (at < 0)
        throw new InfcError('INFC2003', `insertion point is not in graph '${this.name}'`, { node: before.source.name });
      this.nodes.splice(at, 0, node);
    }
    return node;
  }

  /** Makes every user of `from` (and the graph's outputs) use `to`. An output's name goes over to `to`. */
  replaceUses(from: Value, to: Value): void {
    if (from === to) return;
    for (const user of new Set(from.uses)) {
      for (let i = 0; i < user.inputs.length; i++) {
        if (user.inputs[i] === from) {
          user.inputs[i] = to;
          to.uses.push(user);
        }
      }
    }
    from.uses.length = 0;
    // Users know outputs by name: whatever takes the place of one takes its name.
    const isOutput = this.outputs.includes(from) && !this.outputs.includes(to);
    if (isOutput && to.producer && this.nodes.includes(to.producer)) to.name = from.name;
    this.replaceOutputs(from, to);
  }

  /** Bodies may hand an outer value straight out. */
  private replaceOutputs(from: Value, to: Value): void {
    this.outputs = this.outputs.map((o) => (o === from ? to : o));
    for (const node of this.nodes) for (const body of subgraphs(node)) body.replaceOutputs(from, to);
  }

  setInput(node: Node, index: number, value: Value | null): void {
    const old = node.inputs[index];
    if (old) removeOne(old.uses, node);
    node.inputs[index] = value;
    value?.uses.push(node);
  }

  /** Removes a node none of whose outputs is used. */
  remove(node: Node): void {
    const used = node.outputs.find((o) => o.uses.length > 0 || this.outputs.includes(o));
    if (used)
      throw new InfcError('INFC2004', `cannot remove a node whose output '${used.name}' is used`, {
        node: node.source.name,
      });
    detach(node);
    const at = this.nodes.indexOf(node);
    if (at >= 0) this.nodes.splice(at, 1);
  }
}

/** Forgets a node's uses of values, and those of the nodes in its bodies. */
function detach(node: Node): void {
  for (const v of node.inputs) if (v) removeOne(v.uses, node);
  for (const body of subgraphs(node)) body.nodes.forEach(detach);
}

/** Forgets a body that was built but is not used: its reads of outer values no longer count. */
export const discard = (body: Graph): void => body.nodes.forEach(detach);

function removeOne<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}

/** A model's tokenizer: the texts of its tokenizer.json and of its tokenizer_config.json, chat template included. */
export interface TokenizerFiles {
  readonly tokenizer: string;
  readonly config: string;
}

/** The attention heads of a layer, for those who choose among them. */
export interface HeadLayout {
  readonly layer: number;
  /** Key-value heads as the model has them, each with `queries` query heads of `size` values. */
  readonly kvHeads: number;
  readonly queries: number;
  readonly size: number;
  /** The projection behind the heads that are there, [n, heads * size]: query heads side by side. */
  readonly output: Constant;
}

/** A whole model: entry points that share constants (by object identity) and states, and the symbols their shapes use. */
export interface Program {
  readonly name: string;
  readonly entries: Map<string, Graph>;
  readonly states: State[];
  readonly symbols: Map<string, Sym>;
  /** Producer, opsets and other provenance for `infc inspect`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** How the entries generate text, when they do. */
  readonly generation?: PlanGeneration;
  readonly tokenizer?: TokenizerFiles;
  /** Of language models that are built from weights. */
  readonly heads?: readonly HeadLayout[];
}

export const formatType = (t: TensorType): string =>
  `${t.container ? `${t.container} ` : ''}${t.dtype}[${t.shape.map(formatDim).join(', ')}]${t.format === 'dense' ? '' : ` ${t.format}`}`;

/** Subgraphs held in a node's attributes. */
export const subgraphs = (node: Node): Graph[] =>
  Object.values(node.attrs).flatMap((a) =>
    a instanceof Graph ? [a] : Array.isArray(a) ? a.filter((x): x is Graph => x instanceof Graph) : [],
  );

/** Visits every node of a graph and of its subgraphs, outermost first. */
export function forEachNode(graph: Graph, visit: (node: Node, graph: Graph) => void): void {
  for (const node of [...graph.nodes]) {
    visit(node, graph);
    for (const s of subgraphs(node)) forEachNode(s, visit);
  }
}
