import { asSym, type Dim } from '../../compiler/ir/dim.ts';
import { byteLength, viewOf } from '../../compiler/ir/dtype.ts';
import { Graph, type Node, type Value } from '../../compiler/ir/graph.ts';
import { slotOf } from '../../compiler/ops/state.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { HostTensor, HostValue } from '../../runtime/host.ts';
import { Scope } from './scope.ts';
import { copyElements, isTensor, numeric, sliceAt, stack, truth } from './tensors.ts';

/** What control flow needs of the evaluator that runs the nodes of its bodies. */
export interface Runner {
  readonly options: { readonly signal?: AbortSignal; readonly states?: Map<string, HostTensor> };
  runGraph(graph: Graph, scope: Scope): void;
  runHost(node: Node, name: string, scope: Scope): void;
  read(scope: Scope, v: Value): HostValue;
  tensor(scope: Scope, v: Value): HostTensor;
  define(scope: Scope, v: Value, result: HostValue): void;
  defineAll(scope: Scope, node: Node, results: readonly HostValue[]): void;
  /** Value of a dimension; NaN when it has none yet and that may be. */
  dim(scope: Scope, d: Dim, lenient?: boolean): number;
}

/** Branches, loops, scans, states and checks, as the reference runs them. */
export class ControlFlow {
  private readonly ownStates = new Map<string, HostTensor>();

  constructor(private readonly runner: Runner) {}

  /** Runs a control node and defines its outputs. Throws INFC2009 for one that it does not know. */
  run(node: Node, scope: Scope): void {
    switch (node.op) {
      case 'if': {
        const c = node.inputs[0];
        const branch = node.attrs[c && truth(this.runner.tensor(scope, c)) ? 'body' : 'otherwise'];
        if (!(branch instanceof Graph))
          throw new InfcError('INFC2009', 'an if without its branch', { node: node.source.name });
        const inner = new Scope(scope);
        this.runner.runGraph(branch, inner);
        this.runner.defineAll(
          scope,
          node,
          branch.outputs.map((v) => this.runner.read(inner, v)),
        );
        return;
      }
      case 'check_index':
        this.runner.runHost(node, node.op, scope);
        return;
      case 'assume': {
        const { a, b, why } = node.attrs;
        const value = (d: unknown): number => this.runner.dim(scope, d as Dim);
        if (value(a) !== value(b))
          throw new InfcError('INFC6009', `${String(why)}; here ${value(a)} and ${value(b)}`, {
            node: node.source.name,
          });
        this.runner.defineAll(scope, node, [{ dtype: 'bool', shape: [], data: Uint8Array.of(1) }]);
        return;
      }
      case 'state_read': {
        const out = node.outputs[0];
        if (out) this.runner.define(scope, out, this.state(String(node.attrs.state), out, scope));
        return;
      }
      case 'state_write':
        this.writeState(node, scope);
        return;
      case 'loop':
        this.runLoop(node, scope);
        return;
      case 'scan':
        this.runScan(node, scope);
        return;
      default:
        throw new InfcError('INFC2009', `the reference does not know control op '${node.op}'`, {
          node: node.source.name,
        });
    }
  }

  private state(name: string, value: Value, scope: Scope): HostTensor {
    const states = this.runner.options.states ?? this.ownStates;
    let t = states.get(name);
    if (!t) {
      const shape = value.type.shape.map((d) => this.runner.dim(scope, d));
      const { dtype } = value.type;
      const count = shape.reduce((n, d) => n * d, 1);
      t = { dtype, shape, data: viewOf(dtype, new ArrayBuffer(byteLength(dtype, count)), 0, count) };
      states.set(name, t);
    }
    return t;
  }

  /** Row by row, in place: what was read before shares the bytes, and nothing reads it after. */
  private writeState(node: Node, scope: Scope): void {
    const [before, update, places] = node.inputs.map((v) => (v ? this.runner.tensor(scope, v) : undefined));
    const out = node.outputs[0];
    if (!before || !update || !out) throw new InfcError('INFC2008', 'a state_write lacks an input');
    const axis = Number(node.attrs.axis ?? 0);
    const outer = before.shape.slice(0, axis).reduce((n, d) => n * d, 1);
    const inner = before.shape.slice(axis + 1).reduce((n, d) => n * d, 1);
    const rows = update.shape[axis] ?? 0;
    const room = before.shape[axis] ?? 0;
    for (let i = 0; i < rows; i++) {
      const slot = places ? Number(places.data[i]) : this.runner.dim(scope, slotOf(node.attrs, i));
      if (!(slot >= 0 && slot < room))
        throw new InfcError('INFC6009', `row ${slot} is written to a state of ${room} rows`, {
          node: node.source.name,
          fix: 'Write less, or compile with a larger context',
        });
      for (let o = 0; o < outer; o++)
        copyElements(numeric(update), (o * rows + i) * inner, numeric(before), (o * room + slot) * inner, inner);
    }
    this.runner.define(scope, out, before);
  }

  private runLoop(node: Node, scope: Scope): void {
    const body = node.attrs.body;
    if (!(body instanceof Graph))
      throw new InfcError('INFC2009', 'a loop without its body', { node: node.source.name });
    const carriedCount = Number(node.attrs.carried ?? 0);
    const [tripValue, conditionValue, ...initial] = node.inputs;
    const trip = tripValue ? Number(this.runner.tensor(scope, tripValue).data[0] ?? 0) : Number.POSITIVE_INFINITY;
    let go = conditionValue ? truth(this.runner.tensor(scope, conditionValue)) : true;
    let carried = initial.slice(0, carriedCount).map((v): HostValue => (v ? this.runner.read(scope, v) : null));
    const gathered = body.outputs.slice(carriedCount + 1).map((): HostTensor[] => []);
    const i64 = (n: number): HostTensor => ({ dtype: 'i64', shape: [], data: BigInt64Array.of(BigInt(n)) });
    for (let i = 0; go && i < trip; i++) {
      this.runner.options.signal?.throwIfAborted();
      const inner = new Scope(scope);
      const given: HostValue[] = [i64(i), { dtype: 'bool', shape: [], data: Uint8Array.of(1) }, ...carried];
      body.inputs.forEach((v, n) => this.bindInput(inner, v, given[n] ?? null));
      this.runner.runGraph(body, inner);
      const [next, ...results] = body.outputs.map((v) => this.runner.read(inner, v));
      go = next !== undefined && isTensor(next) ? truth(next) : true;
      carried = results.slice(0, carriedCount);
      gathered.forEach((list, n) => {
        const r = results[carriedCount + n];
        if (r && isTensor(r)) list.push(r);
      });
    }
    const stacked = gathered.map((list, n) => this.stacked(list, 0, node.outputs[carriedCount + n], scope));
    this.runner.defineAll(scope, node, [...carried, ...stacked]);
  }

  private runScan(node: Node, scope: Scope): void {
    const body = node.attrs.body;
    if (!(body instanceof Graph))
      throw new InfcError('INFC2009', 'a scan without its body', { node: node.source.name });
    const states = Number(node.attrs.states ?? 0);
    const list = (name: string): number[] => {
      const a = node.attrs[name];
      return Array.isArray(a) ? a.map(Number) : [];
    };
    const [inAxes, outAxes, inReverse, outReverse] = [
      list('inputAxes'),
      list('outputAxes'),
      list('inputReverse'),
      list('outputReverse'),
    ];
    const scanned = node.inputs.slice(states).map((v) => (v ? this.runner.tensor(scope, v) : undefined));
    let carried = node.inputs.slice(0, states).map((v): HostValue => (v ? this.runner.read(scope, v) : null));
    const steps = scanned[0]?.shape[inAxes[0] ?? 0] ?? 0;
    const gathered = body.outputs.slice(states).map((): HostTensor[] => []);
    for (let i = 0; i < steps; i++) {
      this.runner.options.signal?.throwIfAborted();
      const inner = new Scope(scope);
      const slices = scanned.map((t, n) =>
        t ? sliceAt(t, inAxes[n] ?? 0, inReverse[n] === 1 ? steps - 1 - i : i) : null,
      );
      const given: HostValue[] = [...carried, ...slices];
      body.inputs.forEach((v, n) => this.bindInput(inner, v, given[n] ?? null));
      this.runner.runGraph(body, inner);
      const results = body.outputs.map((v) => this.runner.read(inner, v));
      carried = results.slice(0, states);
      gathered.forEach((g, n) => {
        const r = results[states + n];
        if (r && isTensor(r)) g.push(r);
      });
    }
    const stacked = gathered.map((g, n) =>
      this.stacked(outReverse[n] === 1 ? g.reverse() : g, outAxes[n] ?? 0, node.outputs[states + n], scope),
    );
    this.runner.defineAll(scope, node, [...carried, ...stacked]);
  }

  /** Inputs of a body bind their symbols anew in each iteration. */
  private bindInput(inner: Scope, v: Value, given: HostValue): void {
    if (given !== null && isTensor(given)) {
      v.type.shape.forEach((d, axis) => {
        const s = asSym(d);
        if (s) inner.symbols.set(s.name, given.shape[axis] ?? 1);
      });
    }
    this.runner.define(inner, v, given);
  }

  /** Results of all iterations as one tensor; none of them when there was no iteration. */
  private stacked(list: readonly HostTensor[], axis: number, out: Value | undefined, scope: Scope): HostTensor {
    const [first, ...rest] = list;
    if (first) return stack([first, ...rest], axis);
    const shape = (out?.type.shape ?? [0]).map((d, i) => (i === axis ? 0 : this.runner.dim(scope, d, true) || 0));
    const dtype = out?.type.dtype ?? 'f32';
    return { dtype, shape, data: viewOf(dtype, new ArrayBuffer(0), 0, 0) };
  }
}
