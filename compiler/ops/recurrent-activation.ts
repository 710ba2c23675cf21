import { constant, type Expr } from '../ir/expr.ts';
import type { Attributes } from '../ir/graph.ts';

/** An activation of the recurrent ops as an expression; `a` and `b` are ONNX's alpha and beta. */
export interface RecurrentActivation {
  readonly expr: (x: Expr, a: number, b: number) => Expr;
  /** Defaults; absent where the function takes no such parameter. */
  readonly alpha?: number;
  readonly beta?: number;
}

const sigmoid = (x: Expr): Expr => constant(x.type, 1).div(x.neg().exp().add(1));

/** The functions the ONNX standard names for RNN, GRU and LSTM, by lower-case name; runtime/host/recurrent.ts has them as JavaScript. */
export const recurrentActivations: Readonly<Record<string, RecurrentActivation>> = {
  tanh: { expr: (x) => x.tanh() },
  sigmoid: { expr: sigmoid },
  relu: { expr: (x) => x.max(0) },
  affine: { expr: (x, a, b) => x.mul(a).add(b), alpha: 1, beta: 0 },
  leakyrelu: { expr: (x, a) => x.lt(0).select(x.mul(a), x), alpha: 0.01 },
  thresholdedrelu: { expr: (x, a) => x.gt(a).select(x, 0), alpha: 1 },
  scaledtanh: { expr: (x, a, b) => x.mul(b).tanh().mul(a), alpha: 1, beta: 1 },
  hardsigmoid: { expr: (x, a, b) => x.mul(a).add(b).max(0).min(1), alpha: 0.2, beta: 0.5 },
  elu: { expr: (x, a) => x.lt(0).select(x.exp().sub(1).mul(a), x), alpha: 1 },
  softsign: { expr: (x) => x.div(x.abs().add(1)) },
  softplus: { expr: (x) => x.exp().add(1).log() },
};

/** Activations of a recurrent node from its attributes: `activations`, `alphas`, `betas`, one entry a function. */
export function boundActivations(attrs: Attributes): ((x: Expr) => Expr)[] {
  const list = (name: string): readonly unknown[] => (Array.isArray(attrs[name]) ? attrs[name] : []);
  const [alphas, betas] = [list('alphas'), list('betas')];
  return list('activations').map((name, i) => {
    const f = recurrentActivations[String(name)];
    if (!f) throw new TypeError(`unknown activation '${String(name)}'`);
    return (x) => f.expr(x, Number(alphas[i] ?? 0), Number(betas[i] ?? 0));
  });
}
