import { InfcError } from '../../runtime/errors.ts';
import { type Dim, sym } from './dim.ts';
import { byteLength, type DType, isComplex, viewOf } from './dtype.ts';
import {
  type Attributes,
  type Constant,
  formatType,
  type Graph,
  type Node,
  type Source,
  type TensorType,
  tensor,
  type Value,
} from './graph.ts';
import type { InferContext, OpDef } from './op.ts';
import { symbolicContents } from './symbolic.ts';

/** Looks ops up by name. */
export interface OpTable {
  op(name: string): OpDef | undefined;
}

/** Appends inferred nodes to a graph: importers, decompositions and rewrites all build through this. */
export class GraphBuilder {
  constructor(
    readonly graph: Graph,
    readonly ops: OpTable,
    /** Provenance given to the nodes built from here on. */
    public source: Source,
    /** New nodes go before this one; at the end when undefined. */
    public before: Node | undefined = undefined,
  ) {}

  /** Adds a node and returns its outputs. Throws INFC2xxx when the op refuses its inputs. */
  nodes(
    op: string,
    inputs: readonly (Value | null)[],
    attrs: Attributes = {},
    names: readonly string[] = [],
  ): readonly Value[] {
    const def = this.ops.op(op);
    if (!def)
      throw new InfcError('INFC2005', `unknown op '${op}'`, {
        node: this.source.name,
        fix: 'Register a plugin that defines it',
      });
    const context = inferContext(op, inputs, attrs, this.source);
    const types = def.infer(context);
    if (!def.partwise && !def.control && inputs.some((v) => v && isComplex(v.type.dtype)))
      context.fail('it does not compute with complex numbers', 'Give them as pairs of floats along a last axis of 2');
    const list = Array.isArray(types) ? (types as readonly TensorType[]) : [types as TensorType];
    for (const t of list)
      if (t.shape.some((d) => typeof d === 'number' && d < 0))
        context.fail(`its result would be ${formatType(t)}`, 'Check its sizes and pads');
    const node = this.graph.node(op, inputs, attrs, list, this.source, names, this.before);
    const known = def.known?.(context) ?? symbolicContents(def, context.inputs, context.known, attrs, list);
    if (known) {
      node.outputs.forEach((o, i) => {
        o.known = known[i];
      });
    }
    return node.outputs;
  }

  /** Adds a node with one output. */
  node(op: string, inputs: readonly (Value | null)[], attrs: Attributes = {}, name = ''): Value {
    const [out] = this.nodes(op, inputs, attrs, [name]);
    if (!out) throw new InfcError('INFC2006', `op '${op}' has no output`, { node: this.source.name });
    return out;
  }

  /** A constant from JavaScript numbers; floats of 16 bits are given as raw bits. */
  constant(dtype: DType, shape: readonly number[], values: ArrayLike<number | bigint>, name = ''): Value {
    const bytes = new Uint8Array(byteLength(dtype, values.length));
    const view = viewOf(dtype, bytes.buffer, 0, values.length);
    for (let i = 0; i < values.length; i++) {
      const v = values[i];
      if (v !== undefined)
        view[i] = view instanceof BigInt64Array || view instanceof BigUint64Array ? BigInt(v) : Number(v);
    }
    const c: Constant = {
      name: name || `const_${dtype}`,
      type: tensor(dtype, shape),
      bytes: bytes.byteLength,
      read: () => bytes,
    };
    const value = this.graph.constant(c);
    return value;
  }

  scalar(dtype: DType, value: number): Value {
    return this.constant(dtype, [], [value]);
  }
}

/** Contents of a value as dims, where shape arithmetic knows them: small constants are read once. */
export function contentsOf(value: Value): readonly Dim[] | undefined {
  const { constant, type } = value;
  if (value.known || !constant || !SMALL_DTYPES.has(type.dtype) || type.format !== 'dense') return value.known;
  const count = type.shape.reduce<number>((n, d) => (typeof d === 'number' ? n * d : Number.NaN), 1);
  if (!(count <= 64)) return undefined;
  const bytes = constant.read();
  const aligned = bytes.slice(0, byteLength(type.dtype, count));
  const contents = Array.from(viewOf(type.dtype, aligned.buffer, 0, count), Number);
  if (contents.every((x) => Number.isFinite(x))) value.known = contents;
  return value.known;
}

const SMALL_DTYPES: ReadonlySet<DType> = new Set(['i64', 'i32', 'bool', 'f32', 'u8', 'f64']);

/** Shape inference's view of a node about to be built. */
export function inferContext(
  op: string,
  inputs: readonly (Value | null)[],
  attrs: Attributes,
  source: Source,
): InferContext {
  return {
    inputs: inputs.map((v) => v?.type ?? null),
    attrs,
    known: (i) => {
      const v = inputs[i];
      return v ? contentsOf(v) : undefined;
    },
    dataDependent: (hint, max: Dim) => sym(`${hint}@${source.name}`, { min: 0, max }),
    fail: (reason, fix) => {
      const seen = inputs.map((v) => (v ? formatType(v.type) : '-')).join(', ');
      throw new InfcError('INFC2010', `${op}: ${reason} (inputs: ${seen || 'none'})`, {
        node: source.name,
        ...(fix ? { fix } : {}),
      });
    },
  };
}
