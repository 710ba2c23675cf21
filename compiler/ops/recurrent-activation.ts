import type { Expr } from '../ir/expr.ts';

/** An activation of the recurrent ops, as JavaScript and as an expression; `a` and `b` are ONNX's alpha and beta. */
export interface RecurrentActivation {
  readonly js: (x: number, a: number, b: number) => number;
  readonly expr: (x: Expr, a: number, b: number) => Expr;
  /** Defaults; absent where the function takes no such parameter. */
  readonly alpha?: number;
  readonly beta?: number;
}

const clamp01 = (x: number): number => Math.min(1, Math.max(0, x));

const sigmoid = (x: Expr): Expr => {
  const e = x.neg().exp().add(1);
  return e.mul(0).add(1).div(e);
};

/** The functions the ONNX standard names for RNN, GRU and LSTM, by lower-case name. */
export const recurrentActivations: Readonly<Record<string, RecurrentActivation>> = {
  tanh: { js: Math.tanh, expr: (x) => x.tanh() },
  sigmoid: { js: (x) => 1 / (1 + Math.exp(-x)), expr: sigmoid },
  relu: { js: (x) => Math.max(0, x), expr: (x) => x.max(0) },
  affine: { js: (x, a, b) => a * x + b, expr: (x, a, b) => x.mul(a).add(b), alpha: 1, beta: 0 },
  leakyrelu: { js: (x, a) => (x < 0 ? a * x : x), expr: (x, a) => x.lt(0).select(x.mul(a), x), alpha: 0.01 },
  thresholdedrelu: { js: (x, a) => (x > a ? x : 0), expr: (x, a) => x.gt(a).select(x, 0), alpha: 1 },
  scaledtanh: { js: (x, a, b) => a * Math.tanh(b * x), expr: (x, a, b) => x.mul(b).tanh().mul(a), alpha: 1, beta: 1 },
  hardsigmoid: {
    js: (x, a, b) => clamp01(a * x + b),
    expr: (x, a, b) => x.mul(a).add(b).max(0).min(1),
    alpha: 0.2,
    beta: 0.5,
  },
  elu: {
    js: (x, a) => (x < 0 ? a * Math.expm1(x) : x),
    expr: (x, a) => x.lt(0).select(x.exp().sub(1).mul(a), x),
    alpha: 1,
  },
  softsign: { js: (x) => x / (1 + Math.abs(x)), expr: (x) => x.div(x.abs().add(1)) },
  softplus: { js: (x) => Math.log1p(Math.exp(x)), expr: (x) => x.exp().add(1).log() },
};

/** An activation with its parameters fixed. */
export interface BoundActivation {
  readonly js: (x: number) => number;
  readonly expr: (x: Expr) => Expr;
}

/** Activations of a recurrent node from its attributes: `activations`, `alphas`, `betas`, one entry a function. */
export function boundActivations(attrs: Readonly<Record<string, unknown>>): BoundActivation[] {
  const names = Array.isArray(attrs.activations) ? attrs.activations.map(String) : [];
  const alphas = Array.isArray(attrs.alphas) ? attrs.alphas.map(Number) : [];
  const betas = Array.isArray(attrs.betas) ? attrs.betas.map(Number) : [];
  return names.map((name, i) => {
    const f = recurrentActivations[name];
    if (!f) throw new TypeError(`unknown activation '${name}'`);
    const a = alphas[i] ?? f.alpha ?? 0;
    const b = betas[i] ?? f.beta ?? 0;
    return { js: (x) => f.js(x, a, b), expr: (x) => f.expr(x, a, b) };
  });
}
