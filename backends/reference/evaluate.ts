import { asSym, type Dim, formatDim, substitute } from '../../compiler/ir/dim.ts';
import { byteLength, viewOf } from '../../compiler/ir/dtype.ts';
import { Graph, type Node, type Program, type TensorType, type Value } from '../../compiler/ir/graph.ts';
import { GraphBuilder, type OpTable } from '../../compiler/ir/graph-builder.ts';
import { lowerRegion } from '../../compiler/lower/loops.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { HostOp, HostTensor, HostValue } from '../../runtime/host.ts';
import type { Target } from '../backend.ts';
import { ControlFlow, type Runner } from './control.ts';
import { compileJs, type JsKernel } from './print-js.ts';
import { Scope } from './scope.ts';
import { isTensor, numeric } from './tensors.ts';

/** Everything the reference needs besides the model. */
export interface ReferenceOptions {
  readonly ops: OpTable;
  /** Host functions by name (runtime/host and plugins). */
  readonly host: (name: string) => HostOp | undefined;
  readonly signal?: AbortSignal;
  /** Contents of states by name, kept between runs: read, and written in place. Those not there are zero. */
  readonly states?: Map<string, HostTensor>;
  /** Values of the symbols that the caller gives. */
  readonly symbols?: Readonly<Record<string, number>>;
  /** Called with each value as it is computed, in order; values of bodies once per iteration. */
  readonly onValue?: (value: Value, result: HostValue) => void;
}

const TARGET: Target = {
  kind: 'reference',
  features: new Set(),
  kernels: 'simd',
  maxLanes: 1,
  sharedBytes: 0,
  vectorBytes: 0,
};

interface Compiled {
  readonly run: JsKernel;
  /** Inputs of the node when it was compiled: passes put others in their place. */
  readonly inputs: readonly (Value | null)[];
  readonly reads: readonly Value[];
  readonly scalars: readonly string[];
  /** Position of the output among the buffers. */
  readonly output: number;
}

/**
 * Runs graphs by the meaning of their ops, one node at a time, with no fusion and no template: element expressions become plain loops
 * in JavaScript with each operation rounded to its type. This is what every kernel is compared with.
 */
export class Reference implements Runner {
  private readonly compiled = new Map<Value, Compiled>();
  private readonly constants = new Map<Value, HostTensor>();
  private readonly decomposed = new Map<Node, { graph: Graph; inputs: (Value | null)[]; outputs: readonly Value[] }>();

  private readonly control = new ControlFlow(this);

  constructor(readonly options: ReferenceOptions) {}

  /** Outputs of an entry by name. Inputs are checked against the declared types; throws INFC6xxx naming what does not fit. */
  run(graph: Graph, inputs: Readonly<Record<string, HostValue>>): Record<string, HostValue> {
    const scope = new Scope();
    for (const name of graph.given) {
      const value = this.options.symbols?.[name];
      if (value === undefined)
        throw new InfcError('INFC6024', `dimension '${name}' follows from no input and was not given`, {
          fix: `Give a value for ${name}`,
        });
      scope.symbols.set(name, value);
    }
    for (const v of graph.inputs) {
      const given = inputs[v.name] ?? (v.type.container?.startsWith('optional') ? null : undefined);
      if (given === undefined)
        throw new InfcError('INFC6005', `input '${v.name}' is missing`, {
          fix: `Give ${graph.inputs.map((i) => i.name).join(', ')}`,
        });
      this.define(scope, v, given);
    }
    this.runGraph(graph, scope);
    return Object.fromEntries(graph.outputs.map((v) => [v.name, this.read(scope, v)]));
  }

  /** A value that depends on constants only; undefined when it does not, or when its op is impure. */
  evaluateConstant(value: Value): HostTensor | undefined {
    const scope = new Scope();
    const done = new Set<Node>();
    const compute = (v: Value): boolean => {
      if (v.constant || scope.has(v)) return true;
      const node = v.producer;
      if (!node || done.has(node)) return false;
      done.add(node);
      const op = this.options.ops.op(node.op);
      if (!op || op.pure === false || op.control) return false;
      if (!node.inputs.every((i) => i === null || compute(i))) return false;
      this.runNode(node, scope);
      return true;
    };
    try {
      if (!compute(value)) return undefined;
      const r = this.read(scope, value);
      return isTensor(r) ? r : undefined;
    } catch (e) {
      // A dimension that only the run fixes: not a constant after all.
      if (e instanceof InfcError && e.code === 'INFC2002') return undefined;
      throw e;
    }
  }

  runGraph(graph: Graph, scope: Scope): void {
    for (const node of graph.nodes) {
      this.options.signal?.throwIfAborted();
      this.runNode(node, scope);
    }
  }

  private runNode(node: Node, scope: Scope): void {
    const op = this.options.ops.op(node.op);
    if (!op) throw new InfcError('INFC2005', `unknown op '${node.op}'`, { node: node.source.name });
    if (op.control) this.control.run(node, scope);
    else if (op.decompose) this.runDecomposed(node, scope);
    else if (op.reference) {
      const inputs = node.inputs.map((v) => (v ? this.tensor(scope, v) : null));
      const types = node.outputs.map((o) => this.concrete(scope, o.type));
      this.defineAll(scope, node, op.reference(inputs, node.attrs, types));
    } else if (op.host !== undefined) this.runHost(node, op.host, scope);
    else for (const out of node.outputs) this.define(scope, out, this.element(node, out, scope));
  }

  defineAll(scope: Scope, node: Node, results: readonly HostValue[]): void {
    node.outputs.forEach((v, i) => {
      const r = results[i];
      if (r !== undefined) this.define(scope, v, r);
    });
  }

  /** Records a value and binds the symbols that its actual shape fixes. */
  define(scope: Scope, v: Value, result: HostValue): void {
    if (isTensor(result) && v.type.container === undefined) {
      if (result.shape.length !== v.type.shape.length || result.dtype !== v.type.dtype)
        throw new InfcError('INFC6003', `value '${v.name}' is ${result.dtype} of rank ${result.shape.length}`, {
          node: v.producer?.source.name ?? v.name,
          fix: `It must be ${v.type.dtype} of rank ${v.type.shape.length}`,
        });
      v.type.shape.forEach((d, axis) => {
        const actual = result.shape[axis] ?? 1;
        const s = asSym(d);
        if (s && (v.producer !== undefined || scope.symbol(s.name) === undefined)) scope.symbols.set(s.name, actual);
        else if (this.dim(scope, d, true) !== actual)
          throw new InfcError(
            'INFC6006',
            `axis ${axis} of '${v.name}' is ${actual} where ${formatDim(d)} = ${this.dim(scope, d, true)} is expected`,
            {
              node: v.producer?.source.name ?? v.name,
              fix: 'Give inputs whose shapes agree',
            },
          );
      });
    }
    scope.values.set(v, result);
    this.options.onValue?.(v, result);
  }

  dim(scope: Scope, d: Dim, lenient = false): number {
    const r = substitute(d, (s) => scope.symbol(s.name));
    if (typeof r === 'number') return r;
    if (lenient) return Number.NaN;
    throw new InfcError('INFC2002', `dimension ${formatDim(r)} has no value yet`, {
      fix: 'Give every symbolic dimension a value',
    });
  }

  private concrete(scope: Scope, type: TensorType): TensorType {
    return { ...type, shape: type.shape.map((d) => substitute(d, (s) => scope.symbol(s.name))) };
  }

  read(scope: Scope, v: Value): HostValue {
    const r = scope.value(v);
    if (r !== undefined) return r;
    if (v.constant) return this.constant(v);
    throw new InfcError('INFC2007', `value '${v.name}' is used before it is computed`, {
      node: v.producer?.source.name ?? v.name,
    });
  }

  tensor(scope: Scope, v: Value): HostTensor {
    const r = this.read(scope, v);
    if (!isTensor(r))
      throw new InfcError('INFC2008', `value '${v.name}' is not a tensor`, { node: v.producer?.source.name ?? v.name });
    return r;
  }

  private constant(v: Value): HostTensor {
    const old = this.constants.get(v);
    if (old) return old;
    const c = v.constant;
    if (!c) throw new InfcError('INFC2008', `value '${v.name}' is not a constant`);
    const shape = c.type.shape.map((d) => this.dim(new Scope(), d));
    const count = shape.reduce((n, d) => n * d, 1);
    const bytes = c.strings ? undefined : c.read().slice(0, byteLength(c.type.dtype, count));
    const made: HostTensor = {
      dtype: c.type.dtype,
      shape,
      data: bytes ? viewOf(c.type.dtype, bytes.buffer, 0, count) : [...(c.strings ?? [])],
    };
    this.constants.set(v, made);
    return made;
  }

  // ---- element ops -------------------------------------------------------------------------------------------------------------

  private element(node: Node, out: Value, scope: Scope): HostTensor {
    // Nothing to compute, and indices into an empty tensor have no meaning.
    if (out.type.shape.includes(0)) {
      const shape = out.type.shape.map((d) => this.dim(scope, d));
      return { dtype: out.type.dtype, shape, data: viewOf(out.type.dtype, new ArrayBuffer(0), 0, 0) };
    }
    let c = this.compiled.get(out);
    if (!c?.inputs.every((v, i) => v === node.inputs[i])) {
      const { kernel, args } = lowerRegion(
        { nodes: [node], output: out },
        { ops: this.options.ops, target: TARGET, templates: [], name: () => 'reference' },
      );
      const reads: Value[] = [];
      let output = 0;
      args.forEach((a, i) => {
        if (a.kind !== 'value') throw new InfcError('INFC3005', 'the reference packs nothing');
        if (a.value === out) output = i;
        else reads.push(a.value);
      });
      c = { run: compileJs(kernel), inputs: [...node.inputs], reads, scalars: kernel.scalars, output };
      this.compiled.set(out, c);
    }
    const shape = out.type.shape.map((d) => this.dim(scope, d));
    const count = shape.reduce((n, d) => n * d, 1);
    const data = viewOf(out.type.dtype, new ArrayBuffer(byteLength(out.type.dtype, count)), 0, count);
    const buffers: ArrayBufferView[] = c.reads.map((v) => numeric(this.tensor(scope, v)));
    buffers.splice(c.output, 0, data);
    const scalars = c.scalars.map((s) => {
      const x = scope.symbol(s);
      if (x === undefined)
        throw new InfcError('INFC2002', `dimension ${s} has no value yet`, { node: node.source.name });
      return x;
    });
    if (count > 0) c.run(buffers, scalars);
    return { dtype: out.type.dtype, shape, data };
  }

  private runDecomposed(node: Node, scope: Scope): void {
    let d = this.decomposed.get(node);
    if (!d) {
      const op = this.options.ops.op(node.op);
      const graph = new Graph(node.op);
      const inputs = node.inputs.map((v) => (v ? stand(graph, v) : null));
      const builder = new GraphBuilder(graph, this.options.ops, node.source);
      const outputs =
        op?.decompose?.(
          builder,
          inputs,
          node.attrs,
          node.outputs.map((o) => o.type),
        ) ?? [];
      d = { graph, inputs, outputs };
      this.decomposed.set(node, d);
    }
    const inner = new Scope(scope);
    d.inputs.forEach((v, i) => {
      const from = node.inputs[i];
      if (v && from && !v.constant) inner.values.set(v, this.read(scope, from));
    });
    this.runGraph(d.graph, inner);
    node.outputs.forEach((v, i) => {
      const r = d.outputs[i];
      if (r) this.define(scope, v, this.read(inner, r));
    });
  }

  runHost(node: Node, name: string, scope: Scope): void {
    const f = this.options.host(name);
    if (!f) throw new InfcError('INFC3006', `there is no host function '${name}'`, { node: node.source.name });
    const results = f(
      node.inputs.map((v) => (v ? this.read(scope, v) : null)),
      hostAttrs(node.attrs, (d) => this.dim(scope, d)),
      {
        outputs: node.outputs.map((o) => ({ dtype: o.type.dtype, rank: o.type.shape.length })),
        fail: (reason, fix) => {
          throw new InfcError('INFC6016', `${name}: ${reason}`, { node: node.source.name, ...(fix ? { fix } : {}) });
        },
      },
    );
    if (results instanceof Promise)
      throw new InfcError('INFC3007', `host function '${name}' is asynchronous: the reference cannot wait`);
    this.defineAll(scope, node, results);
  }
}

export { isTensor } from './tensors.ts';

/** Runs one entry of a program by the reference meaning of its ops. */
export function evaluate(
  program: Program,
  entry: string,
  inputs: Readonly<Record<string, HostValue>>,
  options: ReferenceOptions,
): Record<string, HostValue> {
  const graph = program.entries.get(entry);
  if (!graph)
    throw new InfcError('INFC6014', `there is no entry '${entry}'`, {
      fix: `Entries: ${[...program.entries.keys()].join(', ')}`,
    });
  return new Reference(options).run(graph, inputs);
}

/** A stand-in for an outside value in a decomposition's graph; constants stay constants, so that shape arithmetic sees them. */
function stand(graph: Graph, v: Value): Value {
  const s = v.constant ? graph.constant(v.constant) : graph.input(v.name, v.type);
  s.known = v.known;
  return s;
}

/** Attributes as a host function gets them: dims have values. */
export function hostAttrs(attrs: Node['attrs'], value: (d: Dim) => number): Record<string, unknown> {
  const one = (a: unknown): unknown =>
    Array.isArray(a) ? a.map(one) : a !== null && typeof a === 'object' && 'terms' in a ? value(a as Dim) : a;
  return Object.fromEntries(Object.entries(attrs).map(([k, v]) => [k, one(v)]));
}
