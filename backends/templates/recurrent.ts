import { add, type Dim, mul, product, sub } from '../../compiler/ir/dim.ts';
import { byteLength, viewOf } from '../../compiler/ir/dtype.ts';
import { type Buffer, constant, dimValue, type Expr } from '../../compiler/ir/expr.ts';
import { type Constant, type Node, tensor, type Value } from '../../compiler/ir/graph.ts';
import { KernelBuilder, type Variable } from '../../compiler/ir/kernel-builder.ts';
import {
  defineTemplate,
  type LoweredKernel,
  type Template,
  type TemplateRequest,
} from '../../compiler/lower/template.ts';
import {
  hiddenOf,
  isRecurrent,
  type RecurrentOp,
  recurrentGates,
  recurrentInputs,
} from '../../compiler/ops/recurrent.ts';
import { boundActivations } from '../../compiler/ops/recurrent-activation.ts';
import { numbersOf } from '../../compiler/tensor-values.ts';

const LANES = 64;
/** Units of the state that one lane may own. */
const MOST_UNITS = 16;

/** Recurrent weights with k outermost, so that neighbouring lanes read neighbouring units. */
function transposed(weights: Constant, rows: number, hidden: number): Constant {
  const { dtype } = weights.type;
  const bytes = rows * hidden * 4;
  return {
    name: `${weights.name}.by-k`,
    type: tensor('f32', [hidden, rows]),
    bytes,
    read: () => {
      const source = weights.read().slice(0, byteLength(dtype, rows * hidden));
      const r = numbersOf({ dtype, data: viewOf(dtype, source.buffer, 0, rows * hidden) });
      const out = new Float32Array(rows * hidden);
      for (let k = 0; k < hidden; k++)
        for (let row = 0; row < rows; row++) out[k * rows + row] = r[row * hidden + k] ?? 0;
      return new Uint8Array(out.buffer);
    },
  };
}

/** One unit of the state as its lane sees it: its number, and the registers that outlive a step. */
interface Unit {
  readonly first: Dim;
  readonly next: Variable;
  readonly cell: Variable | undefined;
  readonly update: Variable | undefined;
}

/** One recurrence: a workgroup steps one sequence of the batch through time; its state is in workgroup memory. */
class Recurrence {
  private readonly k: KernelBuilder;
  private readonly op: RecurrentOp;
  private readonly hidden: number;
  private readonly rows: number;
  private readonly steps: Dim;
  private readonly batch: Dim;
  private readonly b: Dim;
  private readonly gates: Buffer;
  private readonly weights: Buffer;
  private readonly state: Buffer;
  private readonly units: readonly Unit[];
  private readonly clipped: (x: Expr) => Expr;
  private readonly functions: readonly ((x: Expr) => Expr)[];

  constructor(
    private readonly request: TemplateRequest,
    private readonly node: Node,
  ) {
    const [gates, r] = node.inputs;
    const hidden = hiddenOf(r?.type);
    if (!isRecurrent(node.op) || !gates || !r?.constant || hidden === undefined)
      throw new TypeError('not a recurrence');
    this.op = node.op;
    this.hidden = hidden;
    this.rows = recurrentGates[this.op] * hidden;
    const [steps = 0, batch = 0] = gates.type.shape;
    this.steps = steps;
    this.batch = batch;
    const k = new KernelBuilder(request.name, 'simt', LANES, [batch, 1, 1]);
    this.k = k;
    this.b = k.group.x;
    this.gates = request.bind(k, gates);
    this.weights = request.bindPacked(k, r, 'by-k', transposed(r.constant, this.rows, hidden));
    this.state = k.shared('h', 'f32', hidden);
    const limit = Number(node.attrs.clip ?? 0);
    this.clipped = limit > 0 ? (x) => x.max(-limit).min(limit) : (x) => x;
    this.functions = boundActivations(node.attrs);
    const zero = constant('f32', 0);
    this.units = Array.from({ length: Math.ceil(hidden / LANES) }, (_, i) => ({
      first: i * LANES,
      next: k.var(zero, 'next'),
      cell: this.op === 'lstm' ? k.var(zero, 'cell') : undefined,
      update: this.op === 'gru' ? k.var(zero, 'update') : undefined,
    }));
  }

  private bound(i: number): Buffer | undefined {
    const v = this.node.inputs[i];
    return v ? this.request.bind(this.k, v) : undefined;
  }

  private gate(i: number, x: Expr): Expr {
    const f = this.functions[i];
    if (!f) throw new TypeError(`activation ${i} is missing`);
    return this.k.let(f(this.clipped(x)), 'gate');
  }

  /** Runs `write` for each unit this lane owns. */
  private each(write: (unit: Unit, at: Dim) => void): void {
    const { k, hidden } = this;
    for (const u of this.units) {
      const at = add(k.lane, u.first);
      if (Number(u.first) + LANES <= hidden) write(u, at);
      else
        k.if(dimValue(at).lt(hidden), () => {
          write(u, k.index(dimValue(at), { min: 0, max: hidden - 1 }, 'unit'));
        });
    }
  }

  /** sum over k of R[gate, unit, k] * from[k], for some gates of a unit. */
  private products(gates: readonly number[], at: Dim, from: Buffer): Expr[] {
    const { k } = this;
    const sums = gates.map(() => k.var(constant('f32', 0), 'sum'));
    k.for(0, this.hidden, 1, (i) => {
      const x = k.let(k.load(from, i), 'x');
      gates.forEach((gate, n) => {
        const sum = sums[n];
        const w = k.load(this.weights, add(add(mul(i, this.rows), gate * this.hidden), at));
        sum?.set(x.fma(w, sum.value));
      });
    });
    return sums.map((s) => s.value);
  }

  private projected(t: Dim, gate: number, at: Dim): Expr {
    const row = add(mul(t, this.batch), this.b);
    return this.k.load(this.gates, add(add(mul(row, this.rows), gate * this.hidden), at));
  }

  /** Steps through time. `compute` leaves each unit's new state in `next`; steps past the sequence's length keep the old one. */
  private through(compute: (t: Dim) => void): LoweredKernel {
    const { k, hidden, steps } = this;
    const initial = this.bound(2);
    const cells = this.op === 'lstm' ? this.bound(recurrentInputs.lstm.cell) : undefined;
    const lengths = this.bound(recurrentInputs[this.op].lengths);
    if (!initial) throw new TypeError('the initial state is missing');
    const length = lengths && k.let(k.load(lengths, this.b).cast('i32'), 'length');
    this.each((u, at) => {
      k.store(this.state, at, k.load(initial, add(mul(this.b, hidden), at)));
      if (cells) u.cell?.set(k.load(cells, add(mul(this.b, hidden), at)));
    });
    k.barrier();
    k.for(
      0,
      steps,
      1,
      (s) => {
        const t = this.node.attrs.reverse === 1 ? sub(sub(steps, 1), s) : s;
        const kept = this.units.map((u) => u.cell && k.let(u.cell.value, 'kept'));
        compute(t);
        k.barrier();
        this.each((u, at) => {
          const h = length ? dimValue(t).lt(length).select(u.next.value, k.load(this.state, at)) : u.next.value;
          const now = k.let(h, 'h');
          k.store(this.state, at, now);
          this.request.finish(k, now, [t, this.b, at]);
        });
        this.units.forEach((u, i) => {
          const before = kept[i];
          if (u.cell && before && length) u.cell.set(dimValue(t).lt(length).select(u.cell.value, before));
        });
        if (this.op === 'lstm')
          this.each((u, at) => {
            if (u.cell) this.request.finish(k, k.let(u.cell.value, 'c'), [t, this.b, add(at, hidden)]);
          });
        k.barrier();
      },
      'step',
    );
    const total = recurrentGates[this.op] * hidden * hidden;
    const all = mul(this.steps, this.batch);
    return this.request.close(k, {
      op: this.op,
      sources: [this.node.source.name],
      template: 'recurrent',
      why: 'state in workgroup memory, a lane a unit',
      bytes: mul(4, mul(all, total + (recurrentGates[this.op] + 1) * hidden)),
      flops: product([2, all, total]),
    });
  }

  private lstm(): LoweredKernel {
    const { k, hidden } = this;
    const peepholes = this.bound(recurrentInputs.lstm.peepholes);
    const peep = (x: Expr, gate: number, at: Dim, c: Expr): Expr =>
      peepholes ? k.load(peepholes, add(at, gate * hidden)).fma(c, x) : x;
    return this.through((t) =>
      this.each((u, at) => {
        if (!u.cell) return;
        const [i, o, f, g] = this.products([0, 1, 2, 3], at, this.state).map((s, n) => s.add(this.projected(t, n, at)));
        const out = this.functions[2];
        if (!i || !o || !f || !g || !out) return;
        const old = k.let(u.cell.value, 'old');
        const input = this.gate(0, peep(i, 0, at, old));
        const forget =
          this.node.attrs.inputForget === 1 ? constant('f32', 1).sub(input) : this.gate(0, peep(f, 2, at, old));
        const cell = k.let(forget.mul(old).add(input.mul(this.gate(1, g))), 'cell');
        u.next.set(this.gate(0, peep(o, 1, at, cell)).mul(out(cell)));
        u.cell.set(cell);
      }),
    );
  }

  private gru(): LoweredKernel {
    const { k } = this;
    const bias = this.bound(recurrentInputs.gru.candidateBias);
    const mix = (z: Expr, candidate: Expr, at: Dim): Expr =>
      z.mul(k.load(this.state, at).sub(candidate)).add(candidate);
    if (this.node.attrs.linearBeforeReset === 1)
      return this.through((t) =>
        this.each((u, at) => {
          const [z, r, h] = this.products([0, 1, 2], at, this.state);
          if (!z || !r || !h) return;
          const update = this.gate(0, z.add(this.projected(t, 0, at)));
          const reset = this.gate(0, r.add(this.projected(t, 1, at)));
          const inner = bias ? h.add(k.load(bias, at)) : h;
          u.next.set(mix(update, this.gate(1, reset.mul(inner).add(this.projected(t, 2, at))), at));
        }),
      );
    const resets = k.shared('rh', 'f32', this.hidden);
    return this.through((t) => {
      this.each((u, at) => {
        const [z, r] = this.products([0, 1], at, this.state);
        if (!z || !r) return;
        u.update?.set(this.gate(0, z.add(this.projected(t, 0, at))));
        k.store(resets, at, this.gate(0, r.add(this.projected(t, 1, at))).mul(k.load(this.state, at)));
      });
      k.barrier();
      this.each((u, at) => {
        const [h] = this.products([2], at, resets);
        if (h && u.update) u.next.set(mix(u.update.value, this.gate(1, h.add(this.projected(t, 2, at))), at));
      });
    });
  }

  private rnn(): LoweredKernel {
    return this.through((t) =>
      this.each((u, at) => {
        const [h] = this.products([0], at, this.state);
        if (h) u.next.set(this.gate(0, h.add(this.projected(t, 0, at))));
      }),
    );
  }

  build(): LoweredKernel {
    return this.op === 'lstm' ? this.lstm() : this.op === 'gru' ? this.gru() : this.rnn();
  }
}

const template = (op: RecurrentOp): Template =>
  defineTemplate({
    name: 'recurrent',
    op,
    score: 10,
    why: 'one kernel for all time steps: the state stays in workgroup memory, a lane computes a unit',
    when: (node, target) => {
      const [gates, weights] = node.inputs;
      const hidden = hiddenOf(weights?.type);
      const float = (v: Value | null | undefined): boolean =>
        !v || v.type.dtype === 'f32' || v.type.dtype === 'f16' || v.type.dtype === 'bf16';
      return (
        target.kernels === 'simt' &&
        target.maxLanes >= LANES &&
        hidden !== undefined &&
        hidden <= LANES * MOST_UNITS &&
        2 * hidden * 4 <= target.sharedBytes &&
        weights?.constant !== undefined &&
        weights.type.format === 'dense' &&
        gates?.type.format === 'dense' &&
        node.inputs.every((v, i) => i === recurrentInputs[op].lengths || float(v))
      );
    },
    build: (request) => [new Recurrence(request, request.anchor).build()],
  });

/** LSTM, GRU and RNN with constant weights. */
export const recurrent: readonly Template[] = [template('lstm'), template('gru'), template('rnn')];
