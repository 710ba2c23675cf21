import { add, type Dim, formatDim, max } from '../../ir/dim.ts';
import { Graph, type State, type TensorType, Value } from '../../ir/graph.ts';
import { GraphBuilder, type OpTable } from '../../ir/graph-builder.ts';
import type { KvPolicy, Run } from '../../kv/policy.ts';
import type { HeadChoice } from './heads.ts';
import type { Rope } from './rope.ts';
import type { Projection, WeightSource } from './weights.ts';

/** What the entries of a model under construction share. */
export interface ModelScope {
  readonly ops: OpTable;
  readonly weights: WeightSource;
  readonly policy: KvPolicy;
  /** Most tokens of all runs together, and of one run. */
  readonly context: number;
  readonly chunk: number;
  /** Sequences that are remembered at once: each has its part of every state. */
  readonly slots: number;
  /** States by name, in order of first use. */
  readonly states: Map<string, State>;
  readonly heads: HeadChoice;
}

/** Part of a model: from the hidden states [1, seq, n] it reads to those it gives. */
export type Layer = (s: Scope, x: Value) => Value;

/** One entry under construction: the graph, its builder, and what layers share within it. Activations are f32. */
export class Scope {
  readonly graph: Graph;
  readonly b: GraphBuilder;
  readonly run: Run;
  private readonly ropes = new Map<Rope, Map<string, readonly [Value, Value]>>();

  constructor(
    readonly model: ModelScope,
    entry: string,
    /** Tokens of the run. */
    readonly seq: Dim,
    /** Whose they are; made once the graph has inputs. */
    run: (s: Scope) => Run,
  ) {
    this.graph = new Graph(entry);
    this.b = new GraphBuilder(this.graph, model.ops, { name: entry, op: 'entry' });
    this.run = run(this);
  }

  /** The builder, with the provenance of the nodes that follow: a module path and what the module is. */
  from(name: string, op: string): GraphBuilder {
    this.b.source = { name, op };
    return this.b;
  }

  weight(name: string, shape: readonly number[]): Value {
    return this.graph.constant(this.model.weights.get(name, shape));
  }

  /** A weight of `count` elements as f32 [count], however many axes of 1 (or of heads) it is stored with. */
  vector(name: string, count: number): Value {
    const shape = this.model.weights.shapeOf(name) ?? [count];
    const x = this.weight(name, shape.reduce((n, d) => n * d, 1) === count ? shape : [count]);
    return this.f32(shape.length === 1 ? x : this.b.node('reshape', [x], { shape: [count] }));
  }

  f32(x: Value): Value {
    return x.type.dtype === 'f32' ? x : this.b.node('cast', [x], { to: 'f32' });
  }

  /** x W^T + bias; rows are tokens. */
  linear(x: Value, p: Projection, outputs: number): Value {
    const inputs = Number(x.type.shape.at(-1));
    const b = this.from(p.weight.replace(/\.weight$/, ''), 'Linear');
    const w = this.graph.constant(this.model.weights.matrix(p, outputs, inputs));
    const mixed = w.type.dtype === x.type.dtype ? {} : { dtype: x.type.dtype };
    const y = b.node('matmul', [x, w], { transposeB: true, ...mixed });
    const bias = this.model.weights.bias(p, outputs);
    return bias ? b.node('add', [y, this.f32(this.graph.constant(bias))]) : y;
  }

  /** Contents of a state that every entry of the model shares. */
  state(name: string, type: TensorType): Value {
    if (!this.model.states.has(name)) this.model.states.set(name, { name, type });
    return this.b.node('state_read', [], { state: name, dtype: type.dtype, shape: type.shape }, name);
  }

  /** Integers [seq]: the run's positions, moved on by `offset`. */
  positions(offset = 0): Value {
    const { run, b } = this;
    if (run.kind === 'text') return this.count(add(run.past, offset), this.seq);
    return offset === 0 ? run.positions : b.node('add', [run.positions, b.scalar('i32', offset)]);
  }

  /** i64 [count]: numbers from `start` on. */
  private count(start: Dim, count: Dim): Value {
    const { b } = this;
    const first = b.node('dims', [], { dims: [start], scalar: true });
    return b.node('range', [first, b.scalar('i64', 1)], { length: count });
  }

  /** x [1, n, heads, d] turned by positions [n], or by those from a dim on; default the run's. */
  rotate(x: Value, rope: Rope, at?: Dim | Value): Value {
    const count = x.type.shape[1] ?? 1;
    const { run } = this;
    const from = at ?? (run.kind === 'text' ? run.past : run.positions);
    const key = from instanceof Value ? `v${from.id}` : `${formatDim(from)} ${formatDim(count)}`;
    const tables = this.ropes.get(rope) ?? new Map<string, readonly [Value, Value]>();
    this.ropes.set(rope, tables);
    const pair = tables.get(key) ?? this.ropeTables(rope, from, count);
    tables.set(key, pair);
    const whole = Number(x.type.shape[3]) === rope.width;
    return this.b.node('rope', [x, ...pair], {
      seqAxis: 1,
      ...(rope.interleaved ? { interleaved: true } : {}),
      ...(whole ? {} : { width: rope.width }),
    });
  }

  /** Cosines and sines [1, n, width / 2]. */
  private ropeTables(rope: Rope, from: Dim | Value, n: Dim): readonly [Value, Value] {
    const { source } = this.b;
    const b = this.from('rotary_emb', 'RotaryEmbedding');
    const count = rope.frequencies.length;
    const positions = from instanceof Value ? from : this.count(from, n);
    const column = b.node('reshape', [positions], { shape: [1, n, 1] });
    const row = rope.dynamic
      ? this.dynamicFrequencies(rope.dynamic, count)
      : b.constant('f32', [1, 1, count], rope.frequencies, 'frequencies');
    const angles = b.node('mul', [b.node('cast', [column], { to: 'f32' }), row]);
    const scaled = (x: Value): Value => (rope.scale === 1 ? x : b.node('mul', [x, b.scalar('f32', rope.scale)]));
    const tables = [scaled(b.node('cos', [angles])), scaled(b.node('sin', [angles]))] as const;
    this.b.source = source;
    return tables;
  }

  /**
   * Dynamic NTK: theta' = theta * (factor * n / trained - factor + 1)^(d / (d - 2)) for n = max(past + seq, trained) positions, [1, 1, count],
   * or [1, seq, count] where tokens are of different sequences.
   */
  private dynamicFrequencies({ theta, factor, trained }: NonNullable<Rope['dynamic']>, count: number): Value {
    const { b, run, seq } = this;
    const length =
      run.kind === 'text'
        ? b.node('dims', [], { dims: [max(add(run.past, seq), trained)], scalar: true })
        : b.node('max', [b.node('reshape', [this.positions(1)], { shape: [1, seq, 1] }), b.scalar('i32', trained)]);
    const number = (x: number): Value => b.scalar('f32', x);
    const grown = b.node('mul', [b.node('cast', [length], { to: 'f32' }), number(factor / trained)]);
    const stretch = b.node('log', [b.node('sub', [grown, number(factor - 1)])]);
    const width = 2 * count;
    const power = b.node('add', [b.node('mul', [stretch, number(width / (width - 2))]), number(Math.log(theta))]);
    const exponents = Array.from({ length: count }, (_, i) => (-2 * i) / width);
    return b.node('exp', [b.node('mul', [b.constant('f32', [1, 1, count], exponents, 'exponents'), power])]);
  }
}
