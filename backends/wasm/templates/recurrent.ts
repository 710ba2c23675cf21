import { packedOnce } from '../../../compiler/derived-constant.ts';
import { add, type Dim, isStatic, mul, product, sub } from '../../../compiler/ir/dim.ts';
import { type Buffer, constant, dimValue, type Expr } from '../../../compiler/ir/expr.ts';
import type { Constant, Node, Value } from '../../../compiler/ir/graph.ts';
import type { Kernel } from '../../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import { defineTemplate, type Template, type TemplateRequest } from '../../../compiler/lower/template.ts';
import {
  hiddenOf,
  isRecurrent,
  type RecurrentOp,
  recurrentGates,
  recurrentInputs,
} from '../../../compiler/ops/recurrent.ts';
import { boundActivations } from '../../../compiler/ops/recurrent-activation.ts';
import { constantNumbers } from '../../../compiler/tensor-values.ts';
import { finishVector, Tile } from './microkernel.ts';

/** States and the next ones live in scratch as f32. */
const SCRATCH_STATES = 4;

/**
 * Recurrent weights of some gates as [block of 4 units][k][gate][4]: one step down k reads one broadcast of the state and a vector of
 * each gate, all in order.
 */
function packGates(weights: Constant, hidden: number, gates: readonly number[]): Constant {
  const blocks = Math.ceil(hidden / 4);
  const length = blocks * hidden * gates.length * 4;
  return packedOnce(weights, `gates${gates.join('')}`, 'f32', length, () => {
    const r = constantNumbers(weights);
    const out = new Float32Array(length);
    let at = 0;
    for (let block = 0; block < blocks; block++)
      for (let k = 0; k < hidden; k++)
        for (const gate of gates)
          for (let lane = 0; lane < 4; lane++, at++) {
            const unit = block * 4 + lane;
            out[at] = unit < hidden ? (r[(gate * hidden + unit) * hidden + k] ?? 0) : 0;
          }
    return out;
  });
}

/** One recurrence: a work item steps one sequence of the batch through time, with its states in scratch. */
class Recurrence {
  readonly k: KernelBuilder;
  private readonly op: RecurrentOp;
  private readonly hidden: number;
  private readonly steps: Dim;
  private readonly batch: Dim;
  private readonly b: Dim;
  private readonly gates: Buffer;
  private readonly state: Buffer;
  private readonly next: Buffer;
  private readonly clipped: (x: Expr) => Expr;
  private readonly functions: readonly ((x: Expr) => Expr)[];

  constructor(
    private readonly request: TemplateRequest,
    private readonly node: Node,
  ) {
    const [gates] = node.inputs;
    const hidden = hiddenOf(node.inputs[1]?.type);
    if (!isRecurrent(node.op) || !gates || hidden === undefined) throw new TypeError('not a recurrence');
    this.op = node.op;
    this.hidden = hidden;
    const [steps = 0, batch = 0] = gates.type.shape;
    this.steps = steps;
    this.batch = batch;
    this.k = new KernelBuilder(request.name, 'simd', 1, [batch, 1, 1]);
    this.b = this.k.group.x;
    this.gates = request.bind(this.k, gates);
    const padded = Math.ceil(hidden / 4) * 4;
    this.state = this.k.shared('h', 'f32', padded);
    this.next = this.k.shared('next', 'f32', padded);
    const limit = Number(node.attrs.clip ?? 0);
    this.clipped = limit > 0 ? (x) => x.max(-limit).min(limit) : (x) => x;
    this.functions = boundActivations(node.attrs);
  }

  private input(i: number): Value | undefined {
    return this.node.inputs[i] ?? undefined;
  }

  private bound(i: number): Buffer | undefined {
    const v = this.input(i);
    return v && this.request.bind(this.k, v);
  }

  private activation(i: number): (x: Expr) => Expr {
    const f = this.functions[i];
    if (!f) throw new TypeError(`activation ${i} is missing`);
    return (x) => this.k.let(f(this.clipped(x)), 'gate');
  }

  private packed(gates: readonly number[]): { readonly buffer: Buffer; readonly count: number } {
    const r = this.input(1);
    if (!r?.constant) throw new TypeError('the recurrent weights are not constant');
    const packed = packGates(r.constant, this.hidden, gates);
    return { buffer: this.request.bindPacked(this.k, r, `gates${gates.join('')}`, packed), count: gates.length };
  }

  /** For each block of four units: its number and first unit. */
  private blocks(write: (block: Dim, unit: Dim) => void): void {
    this.k.for(0, Math.ceil(this.hidden / 4), 1, (block) => write(block, mul(block, 4)), 'block');
  }

  /** R h for the packed gates of one block. */
  private products(weights: { readonly buffer: Buffer; readonly count: number }, block: Dim, from: Buffer): Expr[] {
    // V8 puts the loads of a round before its arithmetic: more than 6 accumulators spill (lstm of 128: 25 GFLOP/s with 4, 17 with 8).
    const tile = new Tile(this.k, 1, weights.count, Math.floor(6 / weights.count));
    tile.loop(this.hidden, (i) => ({
      a: () => this.k.load(from, i),
      b: (v) => this.k.load(weights.buffer, mul(add(mul(add(mul(block, this.hidden), i), weights.count), v), 4), 4),
    }));
    return Array.from({ length: weights.count }, (_, v) => tile.value(0, v));
  }

  /** The projected input of a gate for four units. */
  private projected(t: Dim, gate: number, unit: Dim): Expr {
    const row = add(mul(t, this.batch), this.b);
    const width = recurrentGates[this.op] * this.hidden;
    return this.k.load(this.gates, add(add(mul(row, width), gate * this.hidden), unit), 4);
  }

  private copy(from: Buffer, to: Buffer): void {
    this.blocks((_, unit) => this.k.store(to, unit, this.k.load(from, unit, 4)));
  }

  /** Puts row b of an initial state [batch, hidden] into scratch. */
  private start(i: number, to: Buffer): void {
    const from = this.bound(i);
    if (!from) throw new TypeError(`initial state ${i} is missing`);
    this.blocks((_, unit) => this.k.store(to, unit, this.k.load(from, add(mul(this.b, this.hidden), unit), 4)));
  }

  /** Runs `step` for each time in order and stores the states after it; steps past the sequence's length change nothing. */
  private through(states: readonly Buffer[], step: (t: Dim) => void): void {
    const { k, steps, hidden } = this;
    const lengths = this.bound(recurrentInputs[this.op].lengths);
    const length = lengths && k.let(k.load(lengths, this.b).cast('i32'), 'length');
    k.for(
      0,
      steps,
      1,
      (s) => {
        const t = this.node.attrs.reverse === 1 ? sub(sub(steps, 1), s) : s;
        if (length) k.if(dimValue(t).lt(length), () => step(t));
        else step(t);
        states.forEach((state, i) => {
          const limit = (i + 1) * hidden;
          this.blocks((_, unit) =>
            finishVector(k, k.load(state, unit, 4), add(i * hidden, unit), limit, (value, column) =>
              this.request.finish(k, value, [t, this.b, column]),
            ),
          );
        });
      },
      'step',
    );
  }

  private lstm(): void {
    const { k } = this;
    const cell = k.shared('c', 'f32', Math.ceil(this.hidden / 4) * 4);
    const weights = this.packed([0, 1, 2, 3]);
    const peepholes = this.bound(recurrentInputs.lstm.peepholes);
    const [f, g, out] = [this.activation(0), this.activation(1), this.activation(2)];
    this.start(2, this.state);
    this.start(recurrentInputs.lstm.cell, cell);
    const peep = (x: Expr, gate: number, unit: Dim, c: Expr): Expr =>
      peepholes ? k.load(peepholes, add(gate * this.hidden, unit), 4).fma(c, x) : x;
    this.through([this.state, cell], (t) => {
      this.blocks((block, unit) => {
        const sums = this.products(weights, block, this.state);
        const gate = (n: number): Expr => (sums[n] ?? constant('f32', 0)).add(this.projected(t, n, unit));
        const old = k.let(k.load(cell, unit, 4), 'old');
        const i = f(peep(gate(0), 0, unit, old));
        const one = constant('f32', 1).splat(4);
        const forget = this.node.attrs.inputForget === 1 ? one.sub(i) : f(peep(gate(2), 2, unit, old));
        const c = k.let(forget.mul(old).add(i.mul(g(gate(3)))), 'cell');
        k.store(cell, unit, c);
        const o = f(peep(gate(1), 1, unit, c));
        // The output's activation is not clipped.
        const h = this.functions[2]?.(c) ?? out(c);
        k.store(this.next, unit, o.mul(h));
      });
      this.copy(this.next, this.state);
    });
  }

  /** z and r first, r h in scratch; then the candidates. */
  private gru(): void {
    const { k } = this;
    const linear = this.node.attrs.linearBeforeReset === 1;
    const bias = this.bound(recurrentInputs.gru.candidateBias);
    const [f, g] = [this.activation(0), this.activation(1)];
    const mix = (z: Expr, candidate: Expr, old: Expr): Expr => z.mul(old.sub(candidate)).add(candidate);
    this.start(2, this.state);
    if (linear) {
      const weights = this.packed([0, 1, 2]);
      this.through([this.state], (t) => {
        this.blocks((block, unit) => {
          const sums = this.products(weights, block, this.state);
          const gate = (n: number): Expr => (sums[n] ?? constant('f32', 0)).add(this.projected(t, n, unit));
          const z = f(gate(0));
          const r = f(gate(1));
          const inner = sums[2] ?? constant('f32', 0);
          const biased = bias ? inner.add(k.load(bias, unit, 4)) : inner;
          const candidate = g(r.mul(biased).add(this.projected(t, 2, unit)));
          k.store(this.next, unit, mix(z, candidate, k.load(this.state, unit, 4)));
        });
        this.copy(this.next, this.state);
      });
      return;
    }
    const gating = this.packed([0, 1]);
    const candidates = this.packed([2]);
    const update = k.shared('z', 'f32', Math.ceil(this.hidden / 4) * 4);
    this.through([this.state], (t) => {
      this.blocks((block, unit) => {
        const sums = this.products(gating, block, this.state);
        const gate = (n: number): Expr => (sums[n] ?? constant('f32', 0)).add(this.projected(t, n, unit));
        k.store(update, unit, f(gate(0)));
        k.store(this.next, unit, f(gate(1)).mul(k.load(this.state, unit, 4)));
      });
      // `next` holds r h for all units; the state itself is updated in place.
      this.blocks((block, unit) => {
        const [sum = constant('f32', 0)] = this.products(candidates, block, this.next);
        const candidate = g(sum.add(this.projected(t, 2, unit)));
        k.store(this.state, unit, mix(k.load(update, unit, 4), candidate, k.load(this.state, unit, 4)));
      });
    });
  }

  private rnn(): void {
    const { k } = this;
    const weights = this.packed([0]);
    const f = this.activation(0);
    this.start(2, this.state);
    this.through([this.state], (t) => {
      this.blocks((block, unit) => {
        const [sum = constant('f32', 0)] = this.products(weights, block, this.state);
        k.store(this.next, unit, f(sum.add(this.projected(t, 0, unit))));
      });
      this.copy(this.next, this.state);
    });
  }

  build(): Kernel {
    if (this.op === 'lstm') this.lstm();
    else if (this.op === 'gru') this.gru();
    else this.rnn();
    const gates = recurrentGates[this.op];
    const rows = mul(this.steps, this.batch);
    const weights = gates * this.hidden * this.hidden;
    return this.k.done({
      op: this.op,
      sources: [this.node.source.name],
      template: 'recurrent-simd',
      why: `states stay in scratch, weights are packed by blocks of 4 units (${weights * 4} bytes, read once a step)`,
      bytes: mul(4, add(weights, mul(rows, (gates + 1) * this.hidden))),
      flops: product([2, rows, weights]),
    });
  }
}

const template = (op: RecurrentOp): Template =>
  defineTemplate({
    name: 'recurrent-simd',
    op,
    score: 10,
    why: 'one kernel for all time steps: states in scratch, four units of every gate at once',
    when: (node, target) => {
      const [gates, weights] = node.inputs;
      const hidden = hiddenOf(weights?.type);
      const float = (v: Value | null | undefined): boolean =>
        !v || v.type.dtype === 'f32' || v.type.dtype === 'f16' || v.type.dtype === 'bf16';
      const lengths = recurrentInputs[op].lengths;
      return (
        target.kernels === 'simd' &&
        hidden !== undefined &&
        SCRATCH_STATES * (hidden + 8) * 4 <= target.sharedBytes &&
        weights?.constant !== undefined &&
        weights.type.format === 'dense' &&
        gates?.type.format === 'dense' &&
        isStatic(gates.type.shape[2] ?? 0) &&
        node.inputs.every((v, i) => i === lengths || float(v))
      );
    },
    build: (request) => new Recurrence(request, request.anchor).build(),
  });

/** LSTM, GRU and RNN with constant weights. */
export const recurrentSimd: readonly Template[] = [template('lstm'), template('gru'), template('rnn')];
